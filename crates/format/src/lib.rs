//! The bytes of a Tidegate store: records, frames, heads and hashes. No input or output, no clock.
//!
//! ```
//! use tidegate_format::record::{self, Facts, Placed};
//! use tidegate_format::{Blind, Draft, Hash, Micros, Position, Record, Version};
//!
//! let draft = Draft::new(("shop", "order-7"), "order.placed").json_text(r#"{"total":12}"#);
//! let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
//! let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
//! let mut bytes = Vec::new();
//! let body = record::encode(&draft, &facts, &mut bytes);
//! let placed = Placed {
//!     position: Position(1),
//!     version: Version(1),
//!     previous: Position(0),
//!     link: Hash::ZERO,
//!     time: Micros(1_795_000_000_000_000),
//! };
//! let leaf = record::place(&mut bytes, &placed, Position(1), &body);
//!
//! let record = Record::read(&bytes)?;
//! assert_eq!((record.kind(), record.payload()?), ("order.placed", &br#"{"total":12}"#[..]));
//! assert_eq!(record.leaf(), leaf);
//! # Ok::<(), tidegate_format::Error>(())
//! ```
//!
//! [`mod@format`] is the specification. Reading order:
//!
//! * [`limit`]: the largest of everything
//! * `number`: positions, versions, offsets and times
//! * `error`: the one error of all floors
//! * [`hash`]: SHA-256 for leaves and links, CRC-32C for disks
//! * `id`: what events, flows and stores are called
//! * [`name`]: stream ids, kinds, the rules of names, and how they are shown
//! * `draft`: what a caller says of an event
//! * [`refusal`]: why a batch was refused
//! * `layout`: where the parts of a record lie
//! * [`record`]: an event as bytes
//! * [`frame`]: a group of batches
//! * `store`: which store a directory is, and where its log begins
//! * `segment`: the head of one file of the log
//! * [`watermark`]: how far the log is known to be durable

pub mod limit;
mod number;

mod error;
pub mod hash;

mod id;
pub mod name;

mod draft;
pub mod refusal;
mod layout;
pub mod record;

pub mod frame;
pub mod store;
mod segment;
pub mod watermark;

#[doc = include_str!("../FORMAT.md")]
pub mod format {}

pub use draft::{Cause, Draft, PayloadType};
pub use error::{Error, ErrorKind, ErrorPlace, Result};
pub use frame::{Frame, FrameHeader};
pub use hash::Hash;
pub use id::{CorrelationId, EventId, StoreId};
pub use layout::Layout;
pub use name::{StreamId, Text};
pub use number::{Micros, Offset, Position, Version};
pub use record::{Blind, Record};
pub use segment::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName};
pub use store::{ErasingFile, FloorFile, ForkPoint, StoreFile};
pub use watermark::Watermark;
