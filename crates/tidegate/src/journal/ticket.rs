//! Tickets: the answer to a submitted batch, waited for, polled or awaited.
//!
//! Invariants:
//!
//! T1. A waker, which is the caller's code, runs only when a [`Responder`] is dropped and where what [`put`] returned is
//!     woken, and both happen while no lock and no role is held. A panic of a waker reaches nothing else.
//! T2. Whoever is asked to lead or to sync does it next: while a thread runs such code nobody asks it, since that code
//!     may wait for just what was asked ([`Absence`]).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Result};

use crate::batch::Receipt;
use crate::published::Deadline;
use crate::sync::{Condvar, Mutex, wake};

/// Where the answer to one batch is put, and where its thread waits.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Result<Receipt>>,
    /// What the one who waits is asked to do.
    asked: Option<Role>,
    /// Somebody waits here and can be asked.
    waiting: bool,
    /// Somebody waits here until the answer comes, or is about to.
    attended: bool,
    waker: Option<Waker>,
}

/// What a thread does for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It commits the next groups.
    Lead,
    /// It syncs what is written.
    Sync,
}

/// The duty to answer a batch, once. Dropped without an answer, which only a panic does, it says that the
/// writer has ended. It is dropped while no lock and no role is held.
#[derive(Debug)]
pub(crate) struct Responder(Option<Arc<Completion>>);

impl Responder {
    pub(crate) fn new(completion: &Arc<Completion>) -> Self {
        Self(Some(Arc::clone(completion)))
    }

    /// Puts the answer; returns the waker of the task that waits for it, which is to be woken.
    fn answer(mut self, answer: Result<Receipt>) -> Option<Waker> {
        self.0.take().and_then(|completion| completion.answer(answer))
    }

    /// Asks the one who waits for the answer to lead; says whether there is one.
    pub(crate) fn ask_to_lead(&self) -> bool {
        self.0.as_ref().is_some_and(|completion| completion.ask(Role::Lead))
    }

    /// Asks the one who waits for the answer to sync; says whether there is one.
    pub(crate) fn ask_to_sync(&self) -> bool {
        self.0.as_ref().is_some_and(|completion| completion.ask(Role::Sync))
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take().and_then(|completion| completion.answer(Err(panicked()))) {
            wake(waker);
        }
    }
}

/// What batches are to be told, and by whom.
pub(crate) type Answers = Vec<(Responder, Result<Receipt>)>;

/// Gives the answers out, and returns the wakers of the tasks that wait for them. All answers are there before the first
/// waker runs: a waker that appends, waits or panics is in the way of none of them (keeps T1).
#[must_use]
pub(crate) fn put(answers: Answers) -> Vec<Waker> {
    answers.into_iter().filter_map(|(responder, answer)| responder.answer(answer)).collect()
}

/// What everybody is told after a panic in the writer.
pub(crate) fn panicked() -> Error {
    let message = "the writer ended in a panic, what it was about to keep is unknown; open the store again";
    Error::new(ErrorKind::Ended, message)
}

/// Why a wait ended.
pub(crate) enum Wake {
    Answered(Result<Receipt>),
    Lead,
    Sync,
    TimedOut,
}

impl Completion {
    /// A completion at which a thread stays until the answer comes.
    pub(crate) fn attended() -> Self {
        Self { state: Mutex::new(State { attended: true, ..State::default() }), ..Self::default() }
    }

    /// Whether the one who waits here has something else to do than to wait: its answer is there, or it was asked to
    /// do something.
    pub(crate) fn is_called(&self) -> bool {
        let state = self.state.lock();
        state.answer.is_some() || state.asked.is_some()
    }

    /// Takes over the sync that the one who waits here was asked to run, if it was.
    pub(crate) fn take_sync(&self) -> bool {
        let mut state = self.state.lock();
        let is_asked = state.asked == Some(Role::Sync);
        if is_asked {
            state.asked = None;
        }
        is_asked
    }

    /// Nobody is asked here until what this returns is dropped (keeps T2). Also returns what was asked before, which
    /// has to be done by others now.
    pub(crate) fn leave(&self) -> (Absence<'_>, Option<Role>) {
        let mut state = self.state.lock();
        let attended = std::mem::take(&mut state.attended);
        (Absence { completion: self, attended }, state.asked.take())
    }

    /// Puts the answer, once; returns the waker of the task that waits for it.
    #[must_use]
    pub(crate) fn answer(&self, answer: Result<Receipt>) -> Option<Waker> {
        let waker = {
            let mut state = self.state.lock();
            debug_assert!(state.answer.is_none(), "a batch is answered once");
            state.answer = Some(answer);
            state.waker.take()
        };
        self.changed.notify_all();
        waker
    }

    /// Asks the one who waits here to do something; says whether there is one who will.
    fn ask(&self, role: Role) -> bool {
        let mut state = self.state.lock();
        let can = (state.waiting || state.attended) && state.answer.is_none() && state.asked.is_none();
        if !can {
            return false;
        }
        state.asked = Some(role);
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Waits for the answer, or to be asked to lead or to sync. What was asked comes first, since others wait for it.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> Wake {
        let mut state = self.state.lock();
        state.waiting = true;
        let wake = loop {
            match state.asked.take() {
                Some(Role::Lead) => break Wake::Lead,
                Some(Role::Sync) => break Wake::Sync,
                None => {}
            }
            if let Some(answer) = state.answer.take() {
                break Wake::Answered(answer);
            }
            let timed_out = match deadline {
                Some(deadline) => {
                    self.changed.wait_for(&mut state, deadline.left());
                    deadline.is_over()
                }
                None => {
                    self.changed.wait(&mut state);
                    false
                }
            };
            if timed_out && state.answer.is_none() && state.asked.is_none() {
                break Wake::TimedOut;
            }
        };
        state.waiting = false;
        wake
    }

    fn take(&self) -> Option<Result<Receipt>> {
        self.state.lock().answer.take()
    }
}

/// A thread that waits here runs code of a caller's.
#[derive(Debug)]
pub(crate) struct Absence<'a> {
    completion: &'a Completion,
    attended: bool,
}

impl Drop for Absence<'_> {
    fn drop(&mut self) {
        self.completion.state.lock().attended = self.attended;
    }
}

/// Leads the commit of what is queued and syncs what is written, where no other thread does.
pub(crate) trait Leader: Send + Sync {
    /// Commits until the queue is empty or another thread leads, and syncs what waits for that.
    fn work(&self);
    /// Commits the next groups, as one who was asked to while it waited for its own answer.
    fn lead(&self, own: &Completion);
    /// Commits the next groups, as a thread of the store's that was asked to.
    fn lead_asked(&self);
    /// Syncs, having been asked to.
    fn sync_on(&self);
    /// Refuses a process forked from the one that opened the store.
    fn check_process(&self) -> Result<()>;
    /// When it will be so much later than now.
    fn deadline(&self, time: Duration) -> Deadline;
}

/// A submitted batch. It is committed whether anybody waits for it or not. The ticket is a plain
/// [`Future`]; no runtime is needed, and any will do.
///
/// ```
/// # use tidegate::{Draft, Store};
/// # let store = Store::in_memory()?;
/// let ticket = store.submit(Draft::new(("bank", "alice"), "account.opened"))?;
/// let receipt = ticket.wait()?;
/// assert_eq!(receipt.first().0, 1);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[must_use = "the batch is committed without it, but only the ticket says if it was refused"]
pub struct Ticket {
    completion: Arc<Completion>,
    leader: Arc<dyn Leader>,
    taken: bool,
}

impl Ticket {
    pub(crate) fn new(completion: Arc<Completion>, leader: Arc<dyn Leader>) -> Self {
        Self { completion, leader, taken: false }
    }

    /// Waits for the answer.
    pub fn wait(mut self) -> Result<Receipt> {
        loop {
            if let Some(answer) = self.wait_until(None) {
                return answer;
            }
        }
    }

    /// Waits for the answer, but no longer than `time`. When that is over the batch may still be committed;
    /// [`ErrorKind::TimedOut`] says so, and the ticket can be asked again.
    pub fn wait_for(&mut self, time: Duration) -> Result<Receipt> {
        let deadline = self.leader.deadline(time);
        match self.wait_until(Some(&deadline)) {
            Some(answer) => answer,
            None => {
                let message = "the batch is not answered yet; whether it is kept is not known yet";
                Err(Error::new(ErrorKind::TimedOut, message))
            }
        }
    }

    /// The answer, if it is there. It is given out once.
    pub fn poll_now(&mut self) -> Option<Result<Receipt>> {
        let answer = self.completion.take();
        self.taken |= answer.is_some();
        answer
    }

    fn wait_until(&mut self, deadline: Option<&Deadline>) -> Option<Result<Receipt>> {
        if self.taken {
            return Some(Err(taken()));
        }
        if let Err(error) = self.leader.check_process() {
            // Nothing commits the batch in this process. An answer that was there at the fork stays one.
            return Some(self.poll_now().unwrap_or(Err(error)));
        }
        self.leader.work();
        loop {
            match self.completion.wait(deadline) {
                Wake::Answered(answer) => {
                    self.taken = true;
                    return Some(answer);
                }
                Wake::Lead => self.leader.lead(&self.completion),
                Wake::Sync => self.leader.sync_on(),
                Wake::TimedOut => return None,
            }
        }
    }
}

impl Future for Ticket {
    type Output = Result<Receipt>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.taken {
            return Poll::Ready(Err(taken()));
        }
        // Copying a waker and letting one go is the caller's code too, and done outside the lock.
        let mut waker = Some(context.waker().clone());
        let answer = {
            let mut state = self.completion.state.lock();
            let answer = state.answer.take();
            if answer.is_none() {
                std::mem::swap(&mut state.waker, &mut waker);
            }
            answer
        };
        drop(waker);
        let forked = || self.leader.check_process().err().map(Err);
        match answer.or_else(forked) {
            Some(answer) => {
                self.taken = true;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("taken", &self.taken).finish_non_exhaustive()
    }
}

fn taken() -> Error {
    Error::invalid("the ticket's answer was given out before")
}

#[cfg(test)]
#[cfg(shuttle)]
mod interleavings {
    use shuttle::thread;

    use super::*;

    /// The leader either finds somebody who leads on, or answers itself; whoever waits gets an answer, in
    /// every interleaving.
    #[test]
    fn a_slot_passes_on_the_lead_or_the_answer() {
        shuttle::check_dfs(
            || {
                let completion = Arc::new(Completion::default());
                let leader = {
                    let completion = Arc::clone(&completion);
                    thread::spawn(move || {
                        let asked = completion.ask(Role::Lead);
                        if !asked {
                            assert!(completion.answer(Err(Error::invalid("answered"))).is_none());
                        }
                        asked
                    })
                };
                let mut led = false;
                loop {
                    match completion.wait(None) {
                        Wake::Answered(answer) => break assert!(answer.is_err()),
                        Wake::Lead => {
                            led = true;
                            assert!(completion.answer(Err(Error::invalid("answered"))).is_none());
                        }
                        Wake::Sync => unreachable!("nobody asks for that"),
                        Wake::TimedOut => unreachable!("there is no deadline"),
                    }
                }
                assert_eq!(leader.join().expect("it did not panic"), led);
            },
            None,
        );
    }
}
