//! The index file of a sealed segment: what [`MemIndex`](crate::MemIndex) is in memory, on disk.
//!
//! It answers everything that can be asked of a segment but for the events themselves, and is read in place:
//! nothing is decoded when it is opened, and a bit for each block is kept on the heap. It is derived: a file that is missing,
//! damaged or of another version is built anew from its segment.
//!
//! [`mod@format`] is the specification. Reading order:
//!
//! * `number`: numbers as bytes
//! * `blocks`: pieces of a file, each under a checksum
//! * `packed`: one number an event, in few bits
//! * `postings`: the events of a term, and two forms of a list of them
//! * `ids`: which events an id may belong to
//! * `terms`: the dictionary of terms
//! * `graph`: causes and effects
//! * `filter`: a quick "not here"
//! * `filter_group`: the filters of many segments side by side
//! * `stream_heads`: the last event of each stream
//! * `head`: which segment a file belongs to, and where its sections lie
//! * `remainder`: what is kept of a retired segment behind its index
//! * `build`: from records, or from the index in memory, to a file
//! * `file`: the file as its readers see it

mod number;
mod blocks;
mod packed;

mod postings;

mod ids;
mod terms;

mod graph;

mod filter;
mod filter_group;

mod stream_heads;

mod head;
mod remainder;

mod build;
mod file;

#[cfg(test)]
mod tests;

#[doc = include_str!("../../INDEX.md")]
pub mod format {}

pub(crate) use build::build_live;
pub use build::{Builder, build};
pub use file::FileIndex;
pub use filter_group::{FILTER_GROUP_SEGMENTS_MAX, FILTER_GROUP_VERSION, FilterGroup, write_filter_group};
pub use graph::Parents;
pub use head::{HEADER_BYTES, INDEX_VERSION, MadeOf, made_of};
pub use postings::{Events, Postings};
pub use remainder::write_remainder;
pub use stream_heads::StreamHead;
