//! The guide: from a first store to operating, proving and moving one. Each chapter has one program that works.
//!
//! 1. [First store](first_store): append, read back, come again.
//! 2. [Modelling](modelling): what goes into scope, entity, lane, kind, tag, payload and key.
//! 3. [Deciding](deciding): rules that still hold when the events are written.
//! 4. [Gates](gates): rules that no append passes by.
//! 5. [Projections and read models](projections): states folded from events, here or in your database.
//! 6. [Cursors and reactors](cursors): work that follows from events, inside and outside.
//! 7. [Causality](causality): what led to what.
//! 8. [Evolution](evolution): events that change their shape.
//! 9. [Testing](testing): stores in memory, crashes on purpose, payloads that stay readable.
//! 10. [Sizing](sizing): disk, memory, files, and how fast.
//! 11. [Operating](operating): backups, damage, deletion requests, upgrades.
//! 12. [Proofs](proofs): what others can check without your store.
//! 13. [Replication](replication): readers in other processes, a standby, copies that diverge.
//! 14. [Errors](errors): what a caller does about each.
//! 15. [Migrating](migrating): from batpak, `SQLite`, `KurrentDB` and the `eventsourcing` library.
//!
//! The module is there for readers only: a program that is built has none of it.

#[doc = include_str!("first_store.md")]
pub mod first_store {}
#[doc = include_str!("modelling.md")]
pub mod modelling {}
#[doc = include_str!("deciding.md")]
pub mod deciding {}
#[doc = include_str!("gates.md")]
pub mod gates {}
#[doc = include_str!("projections.md")]
pub mod projections {}
#[doc = include_str!("cursors.md")]
pub mod cursors {}
#[doc = include_str!("causality.md")]
pub mod causality {}
#[doc = include_str!("evolution.md")]
pub mod evolution {}
#[doc = include_str!("testing.md")]
pub mod testing {}
#[doc = include_str!("sizing.md")]
pub mod sizing {}
#[doc = include_str!("operating.md")]
pub mod operating {}
#[doc = include_str!("proofs.md")]
pub mod proofs {}
#[doc = include_str!("replication.md")]
pub mod replication {}
#[doc = include_str!("errors.md")]
pub mod errors {}
#[doc = include_str!("migrating.md")]
pub mod migrating {}

/// Compiles what the pages show that a newcomer reads first.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../../../README.md")]
pub struct FirstPages;
