//! The page in a real browser. Skipped, with a message, if none is installed.

mod driver;
mod walks;
