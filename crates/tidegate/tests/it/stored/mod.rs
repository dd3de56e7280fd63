//! Stores as the format has them, the caller that wrote them: generations of files, unused space found and prepared, a
//! floor, forks and nodes.
pub(crate) mod access;
pub(crate) mod erased_and_slots;
pub(crate) mod proofs;
mod backups;
mod by_another_program;
mod clustered;
mod ended_by_recovery;
mod encrypting;
mod erasing;
mod forks_and_nodes;
mod generations;
mod prepared_space;
pub(crate) mod retiring;
mod stages;
mod unused_space;
