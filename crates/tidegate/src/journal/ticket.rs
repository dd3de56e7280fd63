//! Tickets: the answer to a submitted batch, waited for, polled or awaited, alone or together with others.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Result};

use super::completion::{Completion, Wake};
use crate::batch::Receipt;
use crate::published::Deadline;

/// Leads the commit of what is queued and syncs what is written, if no other thread does.
pub(crate) trait Leader: Send + Sync {
    /// Commits until the queue is empty or another thread leads, and syncs what waits for that.
    fn work(&self);
    /// Commits the next groups, as a caller that was asked to while it waited for its own answer.
    fn lead(&self, own: &Completion);
    /// Commits the next groups, as a thread of the store's that was asked to.
    fn lead_asked(&self);
    /// Syncs, having been asked to.
    fn sync_on(&self);
    /// Refuses a process forked from the one that opened the store.
    fn check_process(&self) -> Result<()>;
    /// Returns the deadline `time` from now.
    fn deadline(&self, time: Duration) -> Deadline;
}

/// The answer to a submitted batch, which is committed whether its caller waits for it or not. A ticket is a plain
/// [`Future`]: it needs no runtime, and works in any.
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
    ///
    /// # Errors
    ///
    /// Those of [`append`](crate::Store::append) that are known only at the commit, such as a
    /// [`Conflict`](ErrorKind::Conflict).
    pub fn wait(mut self) -> Result<Receipt> {
        loop {
            if let Some(answer) = self.wait_until(None) {
                return answer;
            }
        }
    }

    /// Waits for the answer, but no longer than `time`.
    ///
    /// ```
    /// # use tidegate::{Draft, Store};
    /// use std::time::Duration;
    ///
    /// # let store = Store::in_memory()?;
    /// let mut ticket = store.submit(Draft::new(("bank", "alice"), "account.opened"))?;
    /// let receipt = ticket.wait_for(Duration::from_secs(5))?;
    /// assert_eq!(receipt.first().0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when `time` is over: the batch may still be committed, and the ticket can be
    /// asked again. Otherwise those of [`wait`](Self::wait).
    pub fn wait_for(&mut self, time: Duration) -> Result<Receipt> {
        let deadline = self.leader.deadline(time);
        self.wait_until(Some(&deadline)).unwrap_or_else(|| Err(late()))
    }

    /// Returns the answer if it is there, and `None` before that. An answer is given out once.
    ///
    /// ```
    /// # use tidegate::{Draft, StoreOptions};
    /// let store = StoreOptions::new().thread(false).in_memory()?;
    /// let mut ticket = store.submit(Draft::new(("bank", "alice"), "account.opened"))?;
    /// assert!(ticket.poll_now().is_none());
    /// store.upkeep().step()?;
    /// assert!(ticket.poll_now().is_some_and(|answer| answer.is_ok()));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn poll_now(&mut self) -> Option<Result<Receipt>> {
        let answer = self.completion.take();
        self.taken |= answer.is_some();
        answer
    }

    /// Joins tickets: the result is answered when each of them is, with their answers in the order given.
    ///
    /// ```
    /// # use tidegate::{Batch, Condition, Draft, Store, StreamId, Ticket};
    /// # let store = Store::in_memory()?;
    /// let open = |name: &'static str| {
    ///     let absent = Condition::Absent(StreamId::new("bank", name));
    ///     let batch = Batch::from(Draft::new(("bank", name), "account.opened")).only_if(absent);
    ///     store.submit(batch)
    /// };
    /// let answers = Ticket::join([open("alice")?, open("bob")?, open("alice")?]).wait();
    /// assert!(answers[0].is_ok() && answers[1].is_ok());
    /// assert!(answers[2].as_ref().is_err_and(|error| error.conflict().is_some()));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn join(tickets: impl IntoIterator<Item = Self>) -> Tickets {
        Tickets { waiting: tickets.into_iter().map(TicketState::Waiting).collect() }
    }

    fn wait_until(&mut self, deadline: Option<&Deadline>) -> Option<Result<Receipt>> {
        if self.taken {
            return Some(Err(taken()));
        }
        if let Err(error) = self.leader.check_process() {
            // No thread commits the batch in this process. An answer that was there at the fork stays one.
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
        let forked = || self.leader.check_process().err().map(Err);
        match self.completion.poll(context.waker()).or_else(forked) {
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

/// Several tickets that are waited for together; [`Ticket::join`] makes them. The answers come in the order of the
/// tickets, one for each: a batch that was refused says nothing about the others.
///
/// They are a plain [`Future`] too, of all the answers.
#[derive(Debug)]
#[must_use = "the batches are committed without them, but only the tickets say which were refused"]
pub struct Tickets {
    waiting: Vec<TicketState>,
}

#[derive(Debug)]
enum TicketState {
    Waiting(Ticket),
    Answered(Result<Receipt>),
}

impl Tickets {
    /// Waits for all answers.
    pub fn wait(mut self) -> Vec<Result<Receipt>> {
        while !self.wait_until(None) {}
        self.take()
    }

    /// Waits for all answers, but no longer than `time`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when `time` is over before the last one is there. Those that came are kept, and
    /// the tickets can be asked again. All other errors are answers.
    pub fn wait_for(&mut self, time: Duration) -> Result<Vec<Result<Receipt>>> {
        let waiting = self.waiting.iter().find_map(|state| match state {
            TicketState::Waiting(ticket) => Some(ticket),
            TicketState::Answered(_) => None,
        });
        // One deadline for all of them: each wait takes what the ones before it left.
        let deadline = waiting.map(|ticket| ticket.leader.deadline(time));
        if self.wait_until(deadline.as_ref()) { Ok(self.take()) } else { Err(late()) }
    }

    /// Waits for one ticket after the other; returns whether all are answered.
    fn wait_until(&mut self, deadline: Option<&Deadline>) -> bool {
        self.waiting.iter_mut().all(|state| {
            if let TicketState::Waiting(ticket) = state {
                let Some(answer) = ticket.wait_until(deadline) else { return false };
                *state = TicketState::Answered(answer);
            }
            true
        })
    }

    fn take(&mut self) -> Vec<Result<Receipt>> {
        let states = std::mem::take(&mut self.waiting).into_iter();
        states
            .map(|state| match state {
                TicketState::Answered(answer) => answer,
                TicketState::Waiting(_) => unreachable!("all are answered"),
            })
            .collect()
    }
}

impl Future for Tickets {
    type Output = Vec<Result<Receipt>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut all = true;
        for state in &mut self.waiting {
            if let TicketState::Waiting(ticket) = state {
                match Pin::new(ticket).poll(context) {
                    Poll::Ready(answer) => *state = TicketState::Answered(answer),
                    Poll::Pending => all = false,
                }
            }
        }
        if all { Poll::Ready(self.take()) } else { Poll::Pending }
    }
}

fn late() -> Error {
    Error::new(
        ErrorKind::TimedOut,
        "not answered in time; whether the batch is kept is not known yet, wait again",
    )
}

fn taken() -> Error {
    Error::invalid("the ticket's answer was given out before")
}
