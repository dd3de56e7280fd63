//! Errors of checking: text that breaks its grammar, and claims that do not hold.

use tidegate_format::{Error, ErrorKind};

/// A claim that does not hold. The message begins with the step that refused it.
pub(crate) fn disproved(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Disproved, message)
}

/// A history that contradicts one that was signed.
pub(crate) fn diverged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Diverged, message)
}

/// A history that ends before one that was signed.
pub(crate) fn older(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Older, message)
}

/// The start of a text from outside, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    const CHARS: usize = 60;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
