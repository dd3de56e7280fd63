//! The largest of what is read from outside. What costs more than its own length to look at has a limit of its own.

/// Bytes of a signed note: 128 KiB, enough for 16 signatures of any type.
pub const NOTE_BYTES_MAX: usize = 128 << 10;
/// Signatures of a note.
pub const NOTE_SIGNATURES_MAX: usize = 16;
/// Bytes of the name of a key, and so of an origin.
pub const KEY_NAME_BYTES_MAX: usize = 255;
/// Logs, witnesses and groups of a policy, of each.
pub const POLICY_MEMBERS_MAX: usize = 32;
/// Bytes of a policy's text: 256 KiB.
pub const POLICY_BYTES_MAX: usize = 256 << 10;
