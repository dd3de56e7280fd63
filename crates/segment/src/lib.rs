//! One file of a Tidegate log and its index; no threads.
mod column;
mod table;
mod term;
mod live;
pub mod index;
mod event;
mod walk;
mod segment;
mod active;

pub use active::{Active, LEFTOVER, sync};
pub use event::Event;
pub use live::{LiveIndex, LivePostings};
pub use segment::{SEGMENTS, Segment, Window, list, path};
pub use term::{Field, Seed, Term, of_record};
pub use walk::{Fault, Walk};
