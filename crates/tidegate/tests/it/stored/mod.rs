//! Stores as the format has them, the caller that wrote them: generations of files, unused space, a floor, forks and nodes.
pub(crate) mod access;
mod erased_and_slots;
mod floors;
mod forks_and_nodes;
mod generations;
mod unused_space;
