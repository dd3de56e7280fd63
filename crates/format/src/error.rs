//! The one error of all floors: what kind it is, where it happened, what caused it.

use std::error::Error as StdError;
use std::fmt;

use crate::number::{Offset, Position};

/// The result of anything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call breaks a rule or a limit. Fix the call.
    Invalid,
    /// The log holds something that forbids the append: a duplicate id, an unknown cause, a condition
    /// that no longer holds. Nothing was written. Read again and decide again.
    Refused,
    /// There is no store there, or the event asked for is not in it.
    Missing,
    /// Another handle writes to this store, or this process is a fork of the one that opened it.
    Locked,
    /// The queue or the disk is full. Nothing was written. Try again when there is room.
    Full,
    /// The bytes on disk are not what was written. Restore from a backup, or salvage.
    Damaged,
    /// The bytes were written by a newer format. Upgrade.
    Newer,
    /// The writer has ended for good, by closing the store or after a failed write or sync
    /// whose outcome is unknown. Reads go on; open the store again to write.
    Ended,
    /// The wait ended before the outcome was known.
    TimedOut,
    /// The operating system refused. Look at the source, and report what does not explain itself.
    Io,
}

impl ErrorKind {
    fn words(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Locked => "locked",
            Self::Full => "full",
            Self::Damaged => "damaged",
            Self::Newer => "newer format",
            Self::Ended => "writer ended",
            Self::TimedOut => "timed out",
            Self::Io => "input/output",
        }
    }
}

/// Where an [`Error`] happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file of the store, by its name inside it, and the byte in it where that is known.
    File {
        /// The name, relative to the store's directory.
        name: String,
        /// The byte at which the trouble starts.
        offset: Option<Offset>,
    },
    /// An event of the log.
    Event(Position),
    /// A draft of the batch, counted from 0.
    Draft(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, offset: None } => write!(f, "{name}"),
            Self::File { name, offset: Some(offset) } => write!(f, "{name}, byte {offset}"),
            Self::Event(position) => write!(f, "position {position}"),
            Self::Draft(index) => write!(f, "draft {index} of the batch"),
        }
    }
}

/// Why something failed: a [kind](ErrorKind), a message, a [`Place`] and a source.
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
/// assert_eq!(error.again().to_string(), error.to_string());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    evidence: Option<(String, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind with a message that says what is wrong and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), place: None, evidence: None, source: None }))
    }

    /// Bytes that are not what was written: what was expected, what was found.
    pub fn damaged(
        message: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        let mut error = Self::new(ErrorKind::Damaged, message);
        error.0.evidence = Some((expected.to_string(), found.to_string()));
        error
    }

    /// A call that breaks a rule or a limit.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The same error, at a place. A place that is known already stays.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// The same error, in a file of the store. A place that is known already stays.
    #[must_use]
    pub fn in_file(self, name: &str, offset: Option<Offset>) -> Self {
        self.at(Place::File { name: name.to_owned(), offset })
    }

    /// The same error, with what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error, with what to do about it at the end of its message.
    #[must_use]
    pub fn advise(mut self, remedy: &str) -> Self {
        if !self.0.message.ends_with(remedy) {
            self.0.message.push_str("; ");
            self.0.message.push_str(remedy);
        }
        self
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where it happened, where that is known.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// What was expected and what was found, for damage.
    pub fn evidence(&self) -> Option<(&str, &str)> {
        self.0.evidence.as_ref().map(|(expected, found)| (expected.as_str(), found.as_str()))
    }

    /// The message alone, without place and source.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The same trouble for another waiter. The source of an input/output error keeps its code and text.
    #[must_use]
    pub fn again(&self) -> Self {
        let source: Option<Box<dyn StdError + Send + Sync>> =
            self.0.source.as_ref().map(|source| match source.downcast_ref::<std::io::Error>() {
                Some(io) => match io.raw_os_error() {
                    Some(code) => std::io::Error::from_raw_os_error(code).into(),
                    None => std::io::Error::new(io.kind(), io.to_string()).into(),
                },
                None => source.to_string().into(),
            });
        Self(Box::new(Inner {
            kind: self.0.kind,
            message: self.0.message.clone(),
            place: self.0.place.clone(),
            evidence: self.0.evidence.clone(),
            source,
        }))
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
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
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
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
