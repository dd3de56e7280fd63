//! What writes: the journal with its thread, its lock and the files beside it, until it is closed, which the last handle
//! does when it goes.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tidegate_disk::{Env, FileLock};
use tidegate_format::{Error, ErrorKind, Position, Result, StoreFile};
use tidegate_segment::HashKey;
use tidegate_segment::cache::FileCache;

#[cfg(feature = "cluster")]
use super::node::{NodeHandle, NodeOptions};
use super::opening::Origin;
use crate::backend::{self, Indexer, OpenReport, OwnerProcess, StateFiles};
use crate::decide::Guard;
use crate::journal::threads::{BackgroundThread, WorkerHandle, WorkerSignal};
use crate::journal::{Committer, Ids, Journal, LogTime, StreamTails, Turns, panicked};
use crate::published::SharedState;
use crate::settings::{Durability, StoreOptions};
use crate::sync::Mutex;

/// How a store is opened for writing, the first time and again.
#[derive(Clone, Debug)]
pub(super) struct OpenAs {
    pub(super) options: StoreOptions,
    /// The shared log that it is a node of.
    #[cfg(feature = "cluster")]
    pub(super) node: Option<NodeOptions>,
}

impl OpenAs {
    /// Returns how a store of its own is opened.
    pub(super) fn alone(options: StoreOptions) -> Self {
        Self {
            options,
            #[cfg(feature = "cluster")]
            node: None,
        }
    }
}

/// What a writer knows of a stage that it was asked for.
#[derive(Debug)]
pub(super) enum StageUse {
    /// Its file has whole drafts up to this byte.
    Open {
        /// The byte.
        end: u64,
    },
    /// It is being committed or cancelled.
    Ending,
}

/// The writing side of one opening of a store, which its handles share.
#[derive(Debug)]
pub(crate) struct Writer {
    /// That of its opening.
    pub(crate) generation: u64,
    // Dropped in this order: the thread ends, then the lock is let go.
    thread: Mutex<Option<BackgroundThread>>,
    pub(crate) published: Arc<SharedState>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) worker: Arc<WorkerSignal>,
    pub(super) indexer: Arc<Indexer>,
    pub(crate) ids: Ids,
    pub(crate) turns: Arc<Turns>,
    /// They stay with the handle, whichever opening it is in.
    pub(crate) guards: Arc<ArcSwap<Vec<Arc<Guard>>>>,
    pub(crate) state_files: Arc<StateFiles>,
    pub(super) cache: Arc<FileCache>,
    /// Held by the one who erases.
    pub(super) erasing: Mutex<()>,
    /// The stages that this writer was asked for. Held while a draft is added.
    pub(super) stages: Mutex<HashMap<String, StageUse>>,
    pub(crate) durability: Durability,
    pub(super) process: OwnerProcess,
    pub(crate) seed: HashKey,
    /// Where the newest segment began and the log ended at the opening.
    opened_at: (Option<Position>, Position),
    lock: Mutex<Hold>,
    /// What it is in a cluster.
    #[cfg(feature = "cluster")]
    pub(super) node: Option<NodeHandle>,
}

/// The writer's lock, or how closing went.
#[derive(Debug)]
pub(super) enum Hold {
    Open(Arc<dyn FileLock>),
    Closed(Option<Error>),
}

impl Writer {
    /// Opens the store of an environment for writing, and returns its store file and what opening found too. `earlier` is the
    /// writer of the handle's opening before this one, which has ended. Its readers keep their files, and can write them
    /// after [`begin`](Self::begin).
    pub(super) fn open(
        env: &Env,
        opening: &OpenAs,
        earlier: Option<&Self>,
    ) -> Result<(Self, StoreFile, OpenReport)> {
        let options = &opening.options;
        // Comes before anything is written: ids that an outsider can predict are never made.
        let ids = Ids::new(&*env.random)?;
        #[cfg(feature = "cluster")]
        let (node, member) =
            opening.node.as_ref().map(|node| NodeHandle::identify(env, node)).transpose()?.unzip();
        #[cfg(not(feature = "cluster"))]
        let member = None;
        let opened = backend::open(env, options, member.as_ref(), earlier.is_none())?;
        let (store, published) = (opened.store, opened.published);
        let clock = Arc::clone(&env.clock);
        let backend = Box::new(opened.backend);
        let time = LogTime::new(opened.time, options.time_step_max);
        let tails = StreamTails::new(options.streams_in_memory);
        let committer = Committer::new(store.id, backend, Arc::clone(&published), clock, time, tails);
        #[cfg(feature = "cluster")]
        let committer = NodeHandle::attach(node.as_ref(), committer, env, &store, options, &published)?;
        let worker = Arc::new(WorkerSignal::new(options.thread));
        let notifier = Box::new(WorkerHandle(Arc::clone(&worker)));
        let journal = Arc::new(Journal::new(
            committer,
            Arc::clone(&published),
            options.queue_bytes,
            notifier,
            Arc::clone(&env.clock),
        ));
        let indexer = opened.indexer;
        let start = || {
            BackgroundThread::start(
                &journal,
                Arc::clone(&indexer),
                Arc::clone(&published),
                Arc::clone(&worker),
            )
        };
        let thread = options.thread.then(start).transpose()?;
        #[cfg(feature = "cluster")]
        if let Some(node) = node.as_ref().filter(|_| options.thread) {
            node.follow(&journal)?;
        }
        tracing::debug!(id = %store.id, report = %opened.report, "opened a store");
        let opened_at = reached(&published);
        let new_files = || Arc::new(StateFiles::new(&opened.cache));
        let writer = Self {
            generation: earlier.map_or(1, |earlier| earlier.generation + 1),
            thread: Mutex::new(thread),
            published,
            journal,
            worker,
            indexer,
            ids,
            turns: Arc::new(Turns::new(Arc::clone(&env.clock))),
            state_files: earlier.map_or_else(new_files, |earlier| Arc::clone(&earlier.state_files)),
            cache: opened.cache,
            erasing: Mutex::new(()),
            stages: Mutex::default(),
            durability: options.durability,
            process: OwnerProcess::current(),
            guards: earlier.map(|earlier| Arc::clone(&earlier.guards)).unwrap_or_default(),
            seed: backend::seed(store.seed),
            opened_at,
            lock: Mutex::new(Hold::Open(opened.lock)),
            #[cfg(feature = "cluster")]
            node,
        };
        Ok((writer, store, opened.report))
    }

    /// Lets the state files of readers be written under this writer's lock.
    pub(super) fn begin(&self) {
        if let Hold::Open(lock) = &*self.lock.lock() {
            self.state_files.open(&self.cache, lock);
        }
    }

    /// Returns where readers of this process get the log from.
    pub(super) fn origin(&self) -> Origin {
        Origin::Writer {
            journal: Arc::clone(&self.journal),
            state_files: Arc::clone(&self.state_files),
            process: self.process,
            #[cfg(feature = "proofs")]
            tree: Arc::clone(self.indexer.tree().expect("a writer's indexer has a tree")),
        }
    }

    /// Closes a writer that has ended or is being closed, and waits until no thread is at its files any more (keeps G1).
    pub(super) fn close_down(&self) {
        // What it says is how the writer ended, which its callers were told.
        let _ = self.close();
        self.journal.wait_idle();
        self.indexer.stop();
    }

    pub(super) fn close(&self) -> Result<()> {
        // A process forked from this one must not end the store, and a thread that held a lock at the fork is not
        // there to release it.
        if !self.process.is_current() {
            return Ok(());
        }
        // Held all the time: who closes at the same time gets the same answer, and not before.
        let mut hold = self.lock.lock();
        let lock = match std::mem::replace(&mut *hold, Hold::Closed(Some(panicked()))) {
            Hold::Open(lock) => lock,
            Hold::Closed(failed) => {
                let again = failed.clone();
                *hold = Hold::Closed(failed);
                return again.map_or(Ok(()), Err);
            }
        };
        self.state_files.flush_all();
        #[cfg(feature = "cluster")]
        self.node.iter().for_each(NodeHandle::stop);
        drop(self.thread.lock().take());
        let closed = self.journal.close();
        self.state_files.close();
        if closed.is_ok()
            && let Err(error) = self.index_at_close()
        {
            // The next opening builds what is missing.
            tracing::warn!(%error, "a sealed segment was not indexed");
        }
        drop(lock);
        *hold = Hold::Closed(closed.as_ref().err().cloned());
        closed
    }

    fn index_at_close(&self) -> Result<usize> {
        if reached(&self.published) != self.opened_at {
            return self.indexer.run(&self.published);
        }
        // Of a segment that a recovery ended, an index and a part of the tree are made when a question or an append needs
        // them. Closing right away would read all of it for nothing.
        self.indexer.run_waiting(&self.published)
    }
}

/// Returns where the newest segment begins and the log ends.
fn reached(published: &SharedState) -> (Option<Position>, Position) {
    (published.log().segments.last().map(|active| active.first()), published.written())
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.process.is_current() {
            // The thread is not in this process, so there is nothing to wait for.
            std::mem::forget(self.thread.get_mut().take());
            #[cfg(feature = "cluster")]
            self.node.iter().for_each(NodeHandle::forget);
            return;
        }
        let open = matches!(*self.lock.get_mut(), Hold::Open(_));
        if open
            && let Err(error) = self.close()
            && error.kind() != ErrorKind::Ended
        {
            tracing::error!(%error, "the store was not closed in good order");
        }
    }
}
