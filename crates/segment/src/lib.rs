//! One file of a Tidegate log and its index; no threads.
pub mod cache;
mod sync;
mod ordinal;
pub mod term;
mod mem_index;
pub mod index;
mod lookup;
pub mod cipher;
mod event;
mod frame_reader;
mod records;
mod segment;
mod active;
pub mod indexing;
mod graph;

pub use active::{ActiveSegment, sync};
pub use event::{Mask, RecordedEvent};
pub use frame_reader::{FrameFault, FrameReader, read_error, write_error};
pub use graph::CauseReader;
pub use indexing::{INDEX, filter_groups, index_path, parse_index_name};
pub use lookup::{IndexState, Lookup, Postings};
pub use mem_index::{EventHashes, MemIndex};
pub use ordinal::Ordinal;
pub use segment::{SEGMENTS, Segment, Window, files, list, path};
pub use term::{Field, HashKey, HashedId, HashedTerm, Term};
