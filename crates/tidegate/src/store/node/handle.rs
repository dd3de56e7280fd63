//! A node as its writer holds it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_disk::Env;
use tidegate_format::{Position, Result, StoreFile};
use tidegate_shared_log::{LogDescription, SharedLog};

use super::follower::Follower;
use super::genesis;
use super::options::{NodeOptions, NodeStatus};
use super::progress::Progress;
use super::sequencer::{NodeSequencer, Setup};
use crate::journal::{Committer, Journal};
use crate::published::SharedState;
use crate::settings::StoreOptions;
use crate::sync::Mutex;

/// A node of one opening.
#[derive(Debug)]
pub(crate) struct NodeHandle {
    log: Arc<dyn SharedLog>,
    described: LogDescription,
    options: NodeOptions,
    progress: Arc<Progress>,
    follower: Mutex<Option<Follower>>,
}

impl NodeHandle {
    /// Asks the shared log what it is, and returns what the store file of a node of it says.
    pub(in crate::store) fn identify(env: &Env, options: &NodeOptions) -> Result<(Self, StoreFile)> {
        let log = Arc::clone(&options.log);
        let described = log.describe(options.patience)?;
        let member = genesis::identify(env, &*log, &described.name, options.patience)?;
        let (progress, follower) = (Arc::default(), Mutex::new(None));
        Ok((Self { log, described, options: options.clone(), progress, follower }, member))
    }

    /// Has the groups of a node's committer decided by the shared log.
    pub(in crate::store) fn attach(
        node: Option<&Self>,
        mut committer: Committer,
        env: &Env,
        store: &StoreFile,
        options: &StoreOptions,
        published: &SharedState,
    ) -> Result<Committer> {
        let Some(node) = node else { return Ok(committer) };
        let setup = Setup {
            log: Arc::clone(&node.log),
            item_bytes_max: node.described.item_bytes_max,
            patience: node.options.patience,
            time_step_max: options.time_step_max,
            progress: Arc::clone(&node.progress),
            held: last_slot(published)?,
            head: published.written(),
        };
        committer.decide_by(Box::new(NodeSequencer::open(env, store, setup)?));
        Ok(committer)
    }

    /// Starts the thread that applies what other nodes propose.
    pub(in crate::store) fn follow(&self, journal: &Arc<Journal>) -> Result<()> {
        let follower = Follower::start(Arc::clone(&self.log), journal, Arc::clone(&self.progress))?;
        *self.follower.lock() = Some(follower);
        Ok(())
    }

    /// Ends that thread.
    pub(in crate::store) fn stop(&self) {
        let follower = self.follower.lock().take();
        drop(follower);
    }

    /// Leaves the thread to the process that has it: this is a fork of it.
    pub(in crate::store) fn forget(&self) {
        std::mem::forget(self.follower.lock().take());
    }

    pub(in crate::store) fn status(&self) -> NodeStatus {
        let Progress { applied, end, saved, void } = &*self.progress;
        let LogDescription { name, durability, .. } = &self.described;
        NodeStatus {
            log: name.clone(),
            durability: durability.clone(),
            applied: applied.load(Ordering::Relaxed),
            end: end.load(Ordering::Relaxed),
            saved: saved.load(Ordering::Relaxed),
            void: void.load(Ordering::Relaxed),
        }
    }
}

/// Returns the slot that the last frame of the log here was made from; 0 without any.
fn last_slot(published: &SharedState) -> Result<u64> {
    let (log, last) = (published.log(), published.written());
    let holds = |first: Position, next: Position| first <= last && last < next;
    let Some(segment) = log.segments.iter().rev().find(|segment| holds(segment.first(), segment.next()))
    else {
        return Ok(0);
    };
    Ok(segment.frame_of(segment.ordinal(last))?.slot.unwrap_or(0))
}
