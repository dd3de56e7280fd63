//! The one error of all floors: what kind it is, where it happened, what caused it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::limit::{Limit, LimitExceeded};
use crate::number::{Offset, Position};

/// The result of anything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call breaks a rule or a limit. Fix the call; [`Error::limit`] says which limit it was, if it was one.
    Invalid,
    /// What was asked for does not fit the state of the store: an unknown cause, a time before the last one, a cursor
    /// of another query. Nothing was written. The message says what to change.
    Refused,
    /// An event in the log forbids the append: a condition does not hold, or an id or a key is taken. Nothing was
    /// written. Read again and decide again; [`Error::conflict`] says which event it is and whether a retry can pass.
    Conflict,
    /// A gate or a decision denied the append by a rule of the program. Nothing was written. Show it to the user;
    /// [`Error::denied`] has the code, the message and the fields.
    Denied,
    /// There is no store there, or the event asked for is not in it.
    Missing,
    /// Another handle writes to this store, or this process is a fork of the one that opened it.
    Locked,
    /// The queue or the disk is full. Nothing was written. Try again when there is room.
    Full,
    /// The bytes on disk are not what was written. Restore from a backup, or salvage.
    Damaged,
    /// The payload was erased for good. Go on without it; its place, names and proof are still there.
    Erased,
    /// The payload is encrypted, and the keyring at hand, if any, does not have its key. Give the store the keyring that has it.
    Encrypted,
    /// The event was retired with everything before the store's floor. Go on from the floor, or look at an archive.
    Retired,
    /// A proof does not hold: what it claims is not what was signed. Reject what it claims; the message names the step.
    Disproved,
    /// Two histories under one name: this store, or a copy of it, goes on differently from what was signed or agreed on, or
    /// from what a reader has seen before the store was opened again. Stop, and find out which one is right.
    Diverged,
    /// This history ends before one that was signed, as that of an older copy does. Nothing was signed. Put the newer copy
    /// back, or fork the store.
    Older,
    /// The bytes were written by a newer format. Upgrade.
    Newer,
    /// The writer has ended for good, by closing the store or after a failed write or sync. Nothing was written of what
    /// was asked for. Reads go on; open the store again to write, by the same handle too.
    Ended,
    /// The wait ended before the outcome was known. What was asked for goes on, and another wait may see its end.
    TimedOut,
    /// Whether the append took place is unknown: the writer ended over it, by a write or sync that failed, or its answer was
    /// lost. Open the store again if the writer ended, and ask again under the same idempotency key.
    OutcomeUnknown,
    /// Something that the store depends on, such as a shared log, does not answer. Nothing was written. Try again later.
    Unavailable,
    /// The operating system refused. The message ends with its reason; report what does not explain itself.
    Io,
}

impl ErrorKind {
    /// Returns whether an append was refused for what the store holds or by a rule of the program: [`Refused`], [`Conflict`]
    /// or [`Denied`]. Nothing was written then.
    ///
    /// [`Refused`]: Self::Refused
    /// [`Conflict`]: Self::Conflict
    /// [`Denied`]: Self::Denied
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Refused | Self::Conflict | Self::Denied)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Locked => "locked",
            Self::Full => "full",
            Self::Damaged => "damaged",
            Self::Erased => "erased",
            Self::Encrypted => "encrypted",
            Self::Retired => "retired",
            Self::Disproved => "disproved",
            Self::Diverged => "diverged",
            Self::Older => "older",
            Self::Newer => "newer format",
            Self::Ended => "writer ended",
            Self::TimedOut => "timed out",
            Self::OutcomeUnknown => "outcome unknown",
            Self::Unavailable => "unavailable",
            Self::Io => "input/output",
        }
    }
}

/// Where an [`Error`] happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorPlace {
    /// A file of the store, by its name inside it, and the byte in it if that is known.
    File {
        /// The name, relative to the store's directory, which stands before it in errors of opening.
        name: String,
        /// The byte at which the trouble starts.
        offset: Option<Offset>,
    },
    /// An event of the log.
    Event(Position),
    /// A draft of the batch, counted from 0.
    Draft(usize),
}

impl fmt::Display for ErrorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, offset: None } => write!(f, "{name}"),
            Self::File { name, offset: Some(offset) } => write!(f, "{name}, byte {offset}"),
            Self::Event(position) => write!(f, "position {position}"),
            Self::Draft(index) => write!(f, "draft {index} of the batch"),
        }
    }
}

/// Why something failed: a [kind](ErrorKind), a message, a [`ErrorPlace`] and what caused it.
///
/// A clone is the same error, with the same cause: so every waiting caller can get the same failure.
///
/// As text the cause follows the message, so `{error}` says everything, once. For that reason
/// [`source`](StdError::source) goes on behind the cause, and a report that walks the chain of sources does not
/// repeat it; [`get_ref`](Self::get_ref) returns the cause itself. [`std::io::Error`] does the same with an error that it
/// holds.
///
/// ```
/// use tidegate_format::{Error, ErrorKind, Offset};
///
/// let error = Error::damaged("a frame's checksum does not hold", "5d1f3a07", "5d1f3a17")
///     .in_file("segments/00000000000000000001.seg", Some(Offset(80)));
/// assert_eq!(error.kind(), ErrorKind::Damaged);
/// assert_eq!(error.evidence(), Some(("5d1f3a07", "5d1f3a17")));
/// assert_eq!(
///     error.to_string(),
///     "damaged: a frame's checksum does not hold (segments/00000000000000000001.seg, byte 80); \
///      expected 5d1f3a07, found 5d1f3a17"
/// );
///
/// let error = Error::new(ErrorKind::Io, "the file cannot be read").because(std::io::Error::from_raw_os_error(13));
/// assert_eq!(error.to_string(), "input/output: the file cannot be read: Permission denied (os error 13)");
/// let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<std::io::Error>());
/// assert_eq!(cause.and_then(std::io::Error::raw_os_error), Some(13));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<ErrorPlace>,
    evidence: Option<(String, String)>,
    limit: Option<LimitExceeded>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error of this kind with a message that says what is wrong and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, message, place: None, evidence: None, limit: None, cause: None }))
    }

    /// Creates an error of kind [`Damaged`](ErrorKind::Damaged): what was expected, and what was found.
    pub fn damaged(
        message: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        let mut error = Self::new(ErrorKind::Damaged, message);
        error.0.evidence = Some((expected.to_string(), found.to_string()));
        error
    }

    /// Creates an error of kind [`Invalid`](ErrorKind::Invalid), for a call that breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Returns the error for a call that exceeds a limit; `what` says of what, and what to do.
    pub fn over(limit: Limit, max: usize, found: usize, what: &str) -> Self {
        let unit = if matches!(limit, Limit::Tags | Limit::Causes | Limit::Metadata) { "" } else { " bytes" };
        let mut error = Self::invalid(format!("{what}: {found}{unit}, the limit is {max}"));
        error.0.limit = Some(LimitExceeded { limit, max, found });
        error
    }

    /// Returns the same error with this place, unless it has one.
    #[must_use]
    pub fn at(mut self, place: ErrorPlace) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// Returns the same error with this file of the store as its place, unless it has one.
    #[must_use]
    pub fn in_file(self, name: &str, offset: Option<Offset>) -> Self {
        self.at(ErrorPlace::File { name: name.to_owned(), offset })
    }

    /// Returns the same error, with the store's directory in front of its file, or as its place.
    #[must_use]
    pub fn in_directory(mut self, directory: &str) -> Self {
        match &mut self.0.place {
            Some(ErrorPlace::File { name, .. }) if name.is_empty() => directory.clone_into(name),
            Some(ErrorPlace::File { name, .. }) => {
                *name = format!("{}/{name}", directory.trim_end_matches('/'));
            }
            None if !self.0.message.contains(directory) => return self.in_file(directory, None),
            _ => {}
        }
        self
    }

    /// Returns the same error with this source.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Returns the same error, with what to do about it at the end of its message.
    #[must_use]
    pub fn advise(mut self, remedy: &str) -> Self {
        if !self.0.message.ends_with(remedy) {
            self.0.message.push_str("; ");
            self.0.message.push_str(remedy);
        }
        self
    }

    /// Returns its kind: what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns where it happened, if that is known.
    pub fn place(&self) -> Option<&ErrorPlace> {
        self.0.place.as_ref()
    }

    /// Returns what was expected and what was found, for damage.
    pub fn evidence(&self) -> Option<(&str, &str)> {
        self.0.evidence.as_ref().map(|(expected, found)| (expected.as_str(), found.as_str()))
    }

    /// Returns the limit that the call exceeds, or `None` if the error is another one.
    pub fn limit(&self) -> Option<&LimitExceeded> {
        self.0.limit.as_ref()
    }

    /// Returns the message alone, without place and cause.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what caused it, if that is known: an error of the system, of a library or of the caller's, or what a batch
    /// was refused for.
    pub fn get_ref(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.words(), self.0.message)?;
        if let Some(place) = &self.0.place {
            write!(f, " ({place})")?;
        }
        if let Some((expected, found)) = &self.0.evidence {
            write!(f, "; expected {expected}, found {found}")?;
        }
        if let Some(cause) = &self.0.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl StdError for Error {
    /// Returns what caused the cause: the cause itself is part of the text.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref()?.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what reports such as those of `anyhow` print: an error and all its sources.
    fn report(error: &dyn StdError) -> String {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            text = format!("{text}: {source}");
            next = source.source();
        }
        text
    }

    /// An error whose text does not hold its source.
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn each_cause_is_reported_once() {
        let number = || "x".parse::<u8>().expect_err("a letter is not a number");
        let inner = Error::invalid("inner").because(Outer(number()));
        assert_eq!(report(&inner), format!("invalid: inner: outer: {}", number()));
        let wrapped = Error::new(ErrorKind::Io, "wrapped").because(inner);
        assert_eq!(report(&wrapped), format!("input/output: wrapped: invalid: inner: outer: {}", number()));
        assert_eq!(format!("{wrapped:?}"), "Error(input/output: wrapped: invalid: inner: outer)");
    }

    #[test]
    fn a_clone_has_the_same_cause() {
        let error =
            Error::invalid("inner").because(std::io::Error::other("of the caller's own")).in_file("x", None);
        let clone = error.clone();
        assert_eq!(clone.to_string(), error.to_string());
        let cause = |error: &Error| error.get_ref().map(|cause| std::ptr::from_ref(cause).cast::<()>());
        assert_eq!(cause(&clone), cause(&error));
        assert!(cause(&clone).is_some());
    }
}
