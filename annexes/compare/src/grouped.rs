//! A commit thread in front of an engine that has none: what a careful caller would write around it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::engine::{Engine, Result};
use crate::sample::Sample;

/// The most events that are committed together.
const GROUP_EVENTS_MAX: usize = 1000;

/// What waits for the commit thread, and where its answer goes.
type Waiting = (Vec<Sample>, SyncSender<Result>);

/// Callers queue what they append; one thread commits everything queued since the last commit.
#[derive(Debug)]
pub struct Grouped {
    queue: Sender<Waiting>,
    thread: JoinHandle<()>,
}

impl Grouped {
    /// Starts the thread.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        let (queue, waiting) = channel();
        let thread = std::thread::spawn(move || commit(&*engine, &waiting));
        Self { queue, thread }
    }

    /// Appends events and waits until they are committed.
    pub fn append(&self, events: Vec<Sample>) -> Result {
        let (answer, answered) = sync_channel(1);
        self.queue.send((events, answer))?;
        answered.recv()?
    }

    /// Ends the thread.
    pub fn close(self) {
        drop(self.queue);
        self.thread.join().expect("the commit thread answers errors and does not panic");
    }
}

fn commit(engine: &dyn Engine, waiting: &Receiver<Waiting>) {
    while let Ok((mut events, answer)) = waiting.recv() {
        let mut answers = vec![answer];
        while events.len() < GROUP_EVENTS_MAX
            && let Ok((more, answer)) = waiting.try_recv()
        {
            events.extend(more);
            answers.push(answer);
        }
        let result = engine.append(events).map_err(|error| error.to_string());
        for answer in answers {
            // A caller that no longer waits has panicked, and says so itself.
            let _ = answer.send(result.clone().map_err(Into::into));
        }
    }
}
