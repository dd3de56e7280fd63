//! The seam: a log that others run.

use std::fmt;
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Result};

/// A place in a shared log, dense, from 1. 0 is before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

impl Slot {
    /// Returns the slot behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a shared log is, as its adapter found it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogDescription {
    /// Its name, such as `nats:orders`: the same for every node, from 1 to 1,024 bytes. A node's directory keeps it.
    pub name: String,
    /// Bytes of an item at most.
    pub item_bytes_max: usize,
    /// What an acknowledgement of this log survives, and how the adapter knows.
    pub durability: String,
}

impl LogDescription {
    /// Describes a log.
    pub fn new(name: impl Into<String>, item_bytes_max: usize, durability: impl Into<String>) -> Self {
        Self { name: name.into(), item_bytes_max, durability: durability.into() }
    }
}

/// Why an append has no slot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AppendError {
    /// Whether the item is in the log is unknown, and it may still get there: the answer was lost.
    Unknown(Error),
    /// The item is larger than the log takes. It is not in the log.
    TooLarge {
        /// Bytes that an item may have.
        max: usize,
    },
    /// The item was not handed over: it is not in the log, and will not be by this call.
    Unavailable(Error),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => write!(f, "whether it was appended is unknown: {error}"),
            Self::TooLarge { max } => {
                write!(f, "it is larger than the {max} bytes that the shared log takes")
            }
            Self::Unavailable(error) => write!(f, "it was not appended: {error}"),
        }
    }
}

impl std::error::Error for AppendError {}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        let text = error.to_string();
        match error {
            AppendError::Unknown(cause) => {
                Self::new(ErrorKind::OutcomeUnknown, "the shared log did not answer").because(cause)
            }
            AppendError::TooLarge { .. } => Self::invalid(text),
            AppendError::Unavailable(cause) => {
                Self::new(ErrorKind::Unavailable, "the shared log cannot be reached").because(cause)
            }
        }
    }
}

/// A log that others run: ordered, durable, at least once.
///
/// Calls are synchronous, and a runtime that an adapter needs stays inside it. No call tries again what it handed over: only
/// the caller knows whether that may be done twice. `wait` is how long a call may take. An adapter that has lost its connection uses
/// that time to get another one, so that a caller may simply call again; zero asks for what is there now.
///
/// What any implementation has to do is checked by [`conformance`](crate::conformance).
pub trait SharedLog: Send + Sync + fmt::Debug {
    /// Returns what the log is. It is asked once, when a node opens.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) if the log cannot be reached; [`Refused`](ErrorKind::Refused) for a log that is
    /// less durable than the adapter was told to accept.
    fn describe(&self, wait: Duration) -> Result<LogDescription>;

    /// Appends an item and returns its slot, once it is as durable as [`describe`](Self::describe) says.
    fn append(&self, item: &[u8], wait: Duration) -> Result<Slot, AppendError>;

    /// Returns items from this slot on, in order and without a gap: at least one if there is one, as many as the adapter
    /// finds right, and none if no item came while it waited. An item that was returned once is never taken back: the adapter
    /// returns what is durable and agreed on alone.
    ///
    /// # Errors
    ///
    /// [`Retired`](ErrorKind::Retired) for a slot that was trimmed; [`Unavailable`](ErrorKind::Unavailable) if the log cannot be
    /// reached.
    fn read(&self, from: Slot, wait: Duration) -> Result<Vec<(Slot, Vec<u8>)>>;

    /// Returns a slot that is not before any append which was acknowledged before this call, by this handle or another one: 0 for
    /// a log that never had an item. Items up to it can be read. An adapter may append an empty item to find out.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) if the log cannot be reached.
    fn end(&self, wait: Duration) -> Result<Slot>;

    /// Returns the first slot that can be read; 1 if nothing was trimmed.
    ///
    /// # Errors
    ///
    /// Those of [`end`](Self::end).
    fn first(&self, wait: Duration) -> Result<Slot>;

    /// Removes items before this slot. Slots keep their numbers. It may keep some of them, and never removes the slot itself.
    ///
    /// # Errors
    ///
    /// Those of [`end`](Self::end).
    fn trim(&self, before: Slot, wait: Duration) -> Result<()>;
}
