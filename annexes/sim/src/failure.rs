//! What went wrong in a simulated run, with all that is needed to see it again.

use std::fmt;

use tidegate::{Error, ErrorKind};

/// A promise the store broke.
#[derive(Debug)]
pub struct Failure {
    what: String,
    /// The error it is no more than.
    error: Option<ErrorKind>,
}

impl Failure {
    /// A broken promise, in words.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), error: None }
    }

    /// An unexpected error, unless the disk was planned to fail.
    pub(crate) fn of(what: &str, error: &Error) -> Self {
        Self { what: format!("{what}: {error}"), error: Some(error.kind()) }
    }

    /// Whether it is the disk's own error, which is as it should be if reading was planned to fail.
    pub(crate) fn is_of_disk(&self) -> bool {
        self.error == Some(ErrorKind::Io)
    }

    /// Whether it is the error of a writer that has ended, as it should if the disk was planned to fail.
    pub(crate) fn is_of_writer(&self) -> bool {
        matches!(self.error, Some(ErrorKind::Ended | ErrorKind::OutcomeUnknown))
    }

    /// The same, and where in the run it was noticed.
    #[must_use]
    pub fn during(self, what: &dyn fmt::Display) -> Self {
        Self { what: format!("{what}: {}", self.what), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// What makes a failure of an error.
pub(crate) fn failed(what: &'static str) -> impl Fn(Error) -> Failure {
    move |error| Failure::of(what, &error)
}

/// Fails unless `holds`; the words are made only then.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(what())) }
}

/// Fails unless both are the same.
pub(crate) fn same<T: PartialEq + fmt::Debug>(
    what: impl fmt::Display,
    expected: &T,
    found: &T,
) -> Result<(), Failure> {
    ensure(expected == found, || format!("{what}: expected {expected:?}, found {found:?}"))
}
