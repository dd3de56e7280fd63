//! What readers of a store left there: how far they got, and what they could not deal with.

mod cursors;
mod parked;

pub(super) use cursors::{CursorsArgs, role_word};
pub(super) use parked::ParkedArgs;
