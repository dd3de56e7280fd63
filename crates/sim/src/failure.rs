//! What went wrong in a simulated run, with all that is needed to see it again.

use std::fmt;

/// A promise the store broke.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A broken promise, in words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// The same, and where in the run it was noticed.
    #[must_use]
    pub fn during(self, what: &dyn fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Fails unless `holds`; the words are made only then.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure(what())) }
}

/// Fails unless both are the same.
pub(crate) fn same<T: PartialEq + fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), Failure> {
    ensure(expected == found, || format!("{what}: expected {expected:?}, found {found:?}"))
}
