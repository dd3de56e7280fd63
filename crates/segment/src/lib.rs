//! One file of a Tidegate log and its index; no threads.
pub mod cache;
mod column;
mod recent;
pub mod term;
mod lineage;
mod live;
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
    INDEX, index_path, keep_roster, list_indexes, load_roster, owner, parse_index_name, parse_roster_name,
    roster_path,
};
pub use live::MemIndex;
pub use lookup::{Lookup, Postings};
pub use segment::{SEGMENTS, Segment, Window, list, parse_segment_name, path};
pub use term::{Field, HashKey, HashedId, HashedTerm, Term};
