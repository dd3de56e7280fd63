//! One file of a Tidegate log and its index; no threads.
mod column;
mod table;
mod term;
mod live;

pub use live::{LiveIndex, LivePostings};
pub use term::{Field, Seed, Term, of_record};
