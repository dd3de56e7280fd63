//! Proofs: checkpoints, what is shown under them, and their checking, most of it for people who have no store.
//!
//! * `files`: texts that are read and written
//! * `trust`: whose checkpoints are believed
//! * `key`, `checkpoint`: the key of a log, and what it signs
//! * `prove`, `check`: files that show an event, or all events of something, and their check
//! * `census`: counting, and counting again
//! * `evidence`: what a question to the log comes to, to be looked at again later
//! * `tiles`: the log's tree as a folder of files
//! * `witness`: what is sent to a witness, and what it answers

mod files;
mod trust;
mod key;
mod checkpoint;
mod check;
mod prove;
mod census;
mod evidence;
mod tiles;
mod witness;

pub(super) use census::{AuditArgs, CensusArgs};
pub(super) use checkpoint::CheckpointArgs;
pub(super) use evidence::EvidenceArgs;
pub(super) use files::read_value;
pub(super) use key::KeyArgs;
pub(super) use prove::ProveArgs;
pub(super) use tiles::TilesArgs;
pub(super) use trust::Trust;
pub(super) use witness::WitnessArgs;
