//! Completions: where the answer to one batch is put, and where its caller waits for it.
//!
//! Invariants:
//!
//! T1. A waker, which is the caller's code, runs only when a [`Responder`] is dropped and when what [`complete`] returned
//!     is woken, and both happen while no lock and no role is held. A panic of a waker reaches nothing else.
//! T2. A thread that was asked to lead or to sync does it next: while it runs a caller's code it is not asked, since
//!     that code may wait for just what was asked ([`Absence`]).

use std::hint;
use std::sync::Arc;
use std::task::Waker;

use tidegate_format::{Error, ErrorKind, Result};

use crate::batch::Receipt;
use crate::published::Deadline;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, wake};

/// How many times a thread looks for its answer before it sleeps. That takes some microseconds, a few times what the commit
/// of a small group takes. To be woken takes longer, and to wake it costs the leader as much as a commit does.
const LOOKS: u32 = if cfg!(shuttle) { 2 } else { 200 };

/// Holds the answer to one batch until it is taken, and the thread or the task that waits for it.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the thread that waits here is awake.
    awake: AtomicBool,
    /// Whether there is an answer, or a role that the waiting thread is asked to take. The state says which.
    called: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Result<Receipt>>,
    /// What the waiting thread is asked to do.
    asked: Option<Role>,
    /// Whether a thread waits here and can be asked.
    waiting: bool,
    /// Whether a thread waits here until the answer comes, or is about to.
    attended: bool,
    waker: Option<Waker>,
}

/// What one thread does for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It commits the next groups.
    Lead,
    /// It syncs what is written.
    Sync,
}

/// Answers a batch, once. Dropped without an answer, which only a panic does, it answers that the outcome is unknown. It is
/// dropped while no lock and no role is held.
#[derive(Debug)]
pub(crate) struct Responder(Option<Arc<Completion>>);

impl Responder {
    pub(crate) fn new(completion: &Arc<Completion>) -> Self {
        Self(Some(Arc::clone(completion)))
    }

    /// Puts the answer, and returns the waker of the task that waits for it: the caller wakes it.
    fn answer(mut self, answer: Result<Receipt>) -> Option<Waker> {
        self.0.take().and_then(|completion| completion.answer(answer))
    }

    /// Asks the waiting caller to lead; returns false if none is waiting.
    pub(crate) fn ask_to_lead(&self) -> bool {
        self.0.as_ref().is_some_and(|completion| completion.ask(Role::Lead))
    }

    /// Returns whether the waiting caller is awake, and so takes a role at once.
    pub(crate) fn is_awake(&self) -> bool {
        // Relaxed: it is a hint. A caller that falls asleep meanwhile is woken.
        self.0.as_ref().is_some_and(|completion| completion.awake.load(Ordering::Relaxed))
    }

    /// Asks the waiting caller to sync; returns false if none is waiting.
    pub(crate) fn ask_to_sync(&self) -> bool {
        self.0.as_ref().is_some_and(|completion| completion.ask(Role::Sync))
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(waker) =
            self.0.take().and_then(|completion| completion.answer(Err(outcome_unknown(&panicked()))))
        {
            wake(waker);
        }
    }
}

/// Answers to batches, each with the responder that gives it.
pub(crate) type Answers = Vec<(Responder, Result<Receipt>)>;

/// Gives the answers, and returns the wakers of the tasks that wait for them. All answers are there before the first waker
/// runs, so a waker that appends, waits or panics delays none of them (keeps T1).
#[must_use]
pub(crate) fn complete(answers: Answers) -> Vec<Waker> {
    answers.into_iter().filter_map(|(responder, answer)| responder.answer(answer)).collect()
}

/// Returns the error of every call after a panic in the writer.
pub(crate) fn panicked() -> Error {
    let message =
        "the writer panicked; whether the batches on their way were written is unknown; open the store again";
    Error::new(ErrorKind::Ended, message)
}

/// Returns the error of a batch that may be in the log, since the writer ended over it or before it was durable.
pub(crate) fn outcome_unknown(ended: &Error) -> Error {
    let message =
        "whether the batch is in the log shows when the store is opened again; repeat it under its key";
    Error::new(ErrorKind::OutcomeUnknown, message).because(ended.clone())
}

/// Why a wait at a completion ended.
pub(crate) enum Wake {
    Answered(Result<Receipt>),
    Lead,
    Sync,
    TimedOut,
}

impl Completion {
    /// Returns a completion at which a thread stays until the answer comes.
    pub(crate) fn attended() -> Self {
        Self { state: Mutex::new(State { attended: true, ..State::default() }), ..Self::default() }
    }

    /// Returns whether the thread that waits here is needed elsewhere: its answer is there, or it was asked to lead or
    /// to sync.
    pub(crate) fn is_called(&self) -> bool {
        let state = self.state.lock();
        state.answer.is_some() || state.asked.is_some()
    }

    /// Returns whether the thread that waits here was asked to lead or to sync.
    pub(crate) fn is_asked(&self) -> bool {
        self.state.lock().asked.is_some()
    }

    /// Takes over the sync that the waiting thread was asked to run, if it was.
    pub(crate) fn take_sync(&self) -> bool {
        let mut state = self.state.lock();
        let is_asked = state.asked == Some(Role::Sync);
        if is_asked {
            state.asked = None;
        }
        is_asked
    }

    /// Has no thread asked here until the returned guard is dropped (keeps T2). Also returns what was asked before, which
    /// another thread has to do now.
    pub(crate) fn leave(&self) -> (Absence<'_>, Option<Role>) {
        let mut state = self.state.lock();
        let attended = std::mem::take(&mut state.attended);
        (Absence { completion: self, attended }, state.asked.take())
    }

    /// Puts the answer, once, and returns the waker of the task that waits for it.
    #[must_use]
    pub(crate) fn answer(&self, answer: Result<Receipt>) -> Option<Waker> {
        let waker = {
            let mut state = self.state.lock();
            debug_assert!(state.answer.is_none(), "a batch is answered once");
            state.answer = Some(answer);
            // Relaxed, here and below: the thread that sees it takes the lock before it reads what came.
            self.called.store(true, Ordering::Relaxed);
            state.waker.take()
        };
        self.changed.notify_all();
        waker
    }

    /// Asks the waiting thread to take a role; returns false if none can.
    fn ask(&self, role: Role) -> bool {
        let mut state = self.state.lock();
        let can = (state.waiting || state.attended) && state.answer.is_none() && state.asked.is_none();
        if !can {
            return false;
        }
        state.asked = Some(role);
        self.called.store(true, Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Returns once the thread that waits here is called, or after a short while. It does not sleep.
    pub(crate) fn look_out(&self) {
        self.awake.store(true, Ordering::Relaxed);
        let mut looks = 0..LOOKS;
        while !self.called.load(Ordering::Relaxed) && looks.next().is_some() {
            hint::spin_loop();
        }
        self.awake.store(false, Ordering::Relaxed);
    }

    /// Waits for the answer, or to be asked to lead or to sync. A role comes before the answer, since others wait for it.
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
        // Under the lock, as it is set.
        self.called.store(state.answer.is_some(), Ordering::Relaxed);
        wake
    }

    /// Takes the answer if it is there, and otherwise has this waker woken by it.
    pub(crate) fn poll(&self, waker: &Waker) -> Option<Result<Receipt>> {
        // Copying a waker and dropping one run the caller's code, and so are done outside the lock.
        let mut waker = Some(waker.clone());
        let answer = {
            let mut state = self.state.lock();
            let answer = state.answer.take();
            if answer.is_none() {
                std::mem::swap(&mut state.waker, &mut waker);
            }
            answer
        };
        drop(waker);
        answer
    }

    /// Takes the answer if it is there.
    pub(crate) fn take(&self) -> Option<Result<Receipt>> {
        self.state.lock().answer.take()
    }
}

/// Stands while the thread of a completion runs a caller's code; dropping it lets the thread be asked again.
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

#[cfg(test)]
#[cfg(shuttle)]
mod interleavings {
    use shuttle::thread;

    use super::*;

    /// The leader either finds a thread that leads on, or answers itself; the waiting thread gets an answer, in every
    /// interleaving.
    #[test]
    fn a_completion_passes_on_the_lead_or_the_answer() {
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
                    completion.look_out();
                    match completion.wait(None) {
                        Wake::Answered(answer) => break assert!(answer.is_err()),
                        Wake::Lead => {
                            led = true;
                            assert!(completion.answer(Err(Error::invalid("answered"))).is_none());
                        }
                        Wake::Sync => unreachable!("no thread asks for that"),
                        Wake::TimedOut => unreachable!("there is no deadline"),
                    }
                }
                assert_eq!(leader.join().expect("it did not panic"), led);
            },
            None,
        );
    }
}
