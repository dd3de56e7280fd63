//! One file of a Tidegate log and its index; no threads.
pub mod cache;
mod column;
mod recent;
pub mod term;
mod causes;
mod mem_index;
pub mod index;
mod lookup;
mod event;
mod frame_reader;
mod records;
mod segment;
mod active;
mod indexing;
mod graph;

pub use active::{ActiveSegment, sync, write_error};
pub use event::RecordedEvent;
pub use frame_reader::{FrameFault, FrameReader};
pub use graph::CauseReader;
pub use indexing::{
    INDEX, filter_group_path, index_path, keep_filter_group, list_indexes, load_filter_group, owner,
    parse_filter_group_name, parse_index_name,
};
pub use lookup::{Lookup, Postings};
pub use mem_index::MemIndex;
pub use segment::{SEGMENTS, Segment, Window, list, parse_segment_name, path};
pub use term::{Field, HashKey, HashedId, HashedTerm, Term};
