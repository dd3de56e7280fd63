//! The bytes of a Tidegate store: records, frames, headers and hashes; no I/O.
