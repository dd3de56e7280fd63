//! The same workloads over several embedded stores, in one run.
//!
//! Not a benchmark of one store for its own sake: only the ratios within one run mean anything.
//!
//! Reading order: [`sample`] (the events), [`engine`] (what a store must do to take part), [`grouped`] (a
//! commit thread for engines without one), [`measure`] (time, memory and disk), [`rows`] (what is measured),
//! [`workload`] (how), [`child`] (each phase in a process of its own), [`run`] (the whole comparison) and
//! [`report`] (the tables).
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

pub mod sample;
pub mod engine;
pub mod grouped;
pub mod measure;
pub mod rows;
pub mod workload;
pub mod child;
pub mod run;
pub mod report;
pub mod cli;
#[cfg(feature = "engines")]
pub mod engines;
