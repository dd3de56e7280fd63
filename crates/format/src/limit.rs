//! The largest of everything, in one place. Raising a limit is a new format version.
//!
//! ```
//! use tidegate_format::{Draft, ErrorKind, limit};
//!
//! let entity = "e".repeat(limit::NAME_BYTES_MAX + 1);
//! let refused = Draft::new(("shop", entity), "order.placed").check().unwrap_err();
//! assert_eq!(refused.kind(), ErrorKind::Invalid);
//! ```

/// Bytes of a scope, entity, kind, tag, metadata name or idempotency key: 1,024.
pub const NAME_BYTES_MAX: usize = 1024;
/// Tags of one event.
pub const TAGS_MAX: usize = 255;
/// Causes of one event.
pub const CAUSES_MAX: usize = 65_535;
/// Metadata entries of one event.
pub const METADATA_MAX: usize = 255;
/// Bytes of one metadata value.
pub const METADATA_VALUE_BYTES_MAX: usize = 65_535;
/// Bytes of one payload: 64 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// Bytes that encryption adds to a payload, within that limit: the key's id, the nonce, the type of the plaintext and the
/// tag.
pub const ENCRYPTION_BYTES: usize = 57;
/// Bytes of the records of one frame, and so of one batch: 128 MiB.
pub const FRAME_BYTES_MAX: usize = 128 << 20;
/// The format this program writes, and the only one it reads.
pub const FORMAT: u32 = 1;
/// Bytes of the store file: 64 KiB. A reader looks at no more than that.
pub const STORE_FILE_BYTES_MAX: usize = 64 << 10;
/// Bytes of the floor file: 64 KiB.
pub const FLOOR_FILE_BYTES_MAX: usize = 4096;
/// Bytes of the backup file: 64 MiB, for some 400,000 files.
pub const BACKUP_FILE_BYTES_MAX: usize = 64 << 20;
/// Bytes of an erasing file.
pub const ERASING_FILE_BYTES_MAX: usize = 4 << 10;
/// Bytes of a node file at most.
pub const NODE_FILE_BYTES_MAX: usize = 16 << 20;
/// Stores that a store may say it was forked from.
pub const FORKS_MAX: usize = 400;
/// Bytes at which an active segment is followed by a new one, at most: 1 GiB.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

// Lengths and counts fit the fields of the record that hold them.
const _: () = assert!(NAME_BYTES_MAX <= u16::MAX as usize && TAGS_MAX == u8::MAX as usize);
const _: () = assert!(CAUSES_MAX == u16::MAX as usize && METADATA_MAX == u8::MAX as usize);
const _: () = assert!(METADATA_VALUE_BYTES_MAX == u16::MAX as usize);

// A record of the largest event fits a frame, and offsets in a segment fit 32 bits.
const _: () = assert!(
    PAYLOAD_BYTES_MAX
        + METADATA_MAX * (METADATA_VALUE_BYTES_MAX + NAME_BYTES_MAX + 4)
        + CAUSES_MAX * 33
        + TAGS_MAX * (NAME_BYTES_MAX + 2)
        + 4 * NAME_BYTES_MAX
        + 4096
        <= FRAME_BYTES_MAX
);
const _: () = assert!(SEGMENT_BYTES_MAX + 2 * (FRAME_BYTES_MAX as u64) < u32::MAX as u64);

/// One of the limits that a draft or a batch must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of a scope, entity, kind, tag, metadata name or idempotency key: at most 1,024.
    NameBytes,
    /// Tags of one event: at most 255.
    Tags,
    /// Causes of one event: at most 65,535.
    Causes,
    /// Metadata entries of one event: at most 255.
    Metadata,
    /// Bytes of one metadata value: at most 65,535.
    MetadataValueBytes,
    /// Bytes of one payload: at most 64 MiB.
    PayloadBytes,
    /// Bytes of the records of one batch: at most 128 MiB.
    BatchBytes,
}

/// A limit that a call exceeds; [`Error::limit`](crate::Error::limit) returns it.
///
/// ```
/// use tidegate_format::limit::{Limit, PAYLOAD_BYTES_MAX};
/// use tidegate_format::Draft;
///
/// let payload = vec![0; PAYLOAD_BYTES_MAX + 1];
/// let error = Draft::new(("shop", "order-7"), "order.placed").bytes(payload).check().unwrap_err();
/// let exceeded = error.limit().unwrap();
/// assert_eq!((exceeded.limit, exceeded.max, exceeded.found), (Limit::PayloadBytes, 64 << 20, (64 << 20) + 1));
/// assert_eq!(error.message(), "the payload is too long: 67108865 bytes, the limit is 67108864");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitExceeded {
    /// Which limit it is.
    pub limit: Limit,
    /// Its value.
    pub max: usize,
    /// How much was found.
    pub found: usize,
}
