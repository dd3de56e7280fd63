//! An example of an application: students enrol in courses that have few seats, and a read model in `SQLite`, in
//! tables of its own, says who sits where.
//!
//! `cargo run --release -p tidegate-enrolment` shows it at work.
//!
//! Reading order: [`Fact`] (what can happen), [`School`] (what is decided, in the store), [`Catalogue`] (what is
//! looked up, in the database).
mod facts;
mod school;
mod catalogue;

pub use catalogue::{Catalogue, Course};
pub use facts::Fact;
pub use school::School;
