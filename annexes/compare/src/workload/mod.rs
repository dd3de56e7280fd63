//! The workloads: what is done to an engine, and how it is timed.
//!
//! The machine is not the same from one moment to the next, its disk least of all. So what can be repeated is
//! measured in slices that go around: every engine is open in a process of its own and waits for its turn.

mod callers;
mod append;
mod check;
mod decide;
mod fold;
mod open;
mod read;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::{About, Durability, Engine, Entry, Result, Skill};

/// One part of the comparison, which has a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Phase {
    /// Appends, each way in a fresh store.
    Append,
    /// A store is filled, and its process waits to be killed.
    Load,
    /// The store is opened after the kill, and closed.
    OpenKilled,
    /// The store is opened after closing, and closed.
    OpenClosed,
    /// The store is read in every way.
    Read,
    /// Decisions are made over it.
    Decide,
    /// A long stream is appended and folded.
    Fold,
}

/// What a phase is given.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The engine.
    pub entry: &'a Entry,
    /// Where its files are.
    pub directory: &'a Path,
    /// How many events are in the store.
    pub events: u64,
    /// How long each slice goes on.
    pub time: Duration,
}

impl Given<'_> {
    fn open(self, durability: Durability) -> Result<Box<dyn Engine>> {
        (self.entry.open)(self.directory, durability)
    }
}

/// One figure, found by a phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// The row that it belongs to.
    pub row: String,
    /// What was measured.
    pub value: f64,
    /// Number of repetitions.
    pub times: u64,
}

/// Takes the figures as they are found.
pub type Found<'a> = &'a mut dyn FnMut(Figure);

/// What an engine is measured in, slice by slice.
pub trait Session {
    /// Measures one slice of a stroke.
    fn measure(&mut self, stroke: &str, found: Found<'_>) -> Result;

    /// Ends it in good order.
    fn end(self: Box<Self>, found: Found<'_>) -> Result;
}

/// Returns what is measured in a phase, slice by slice, and what skill it takes.
pub fn strokes(phase: Phase) -> &'static [(&'static str, Option<Skill>)] {
    match phase {
        Phase::Append => &append::STROKES,
        Phase::Read => &read::STROKES,
        Phase::Decide => &decide::STROKES,
        Phase::Fold => &fold::STROKES,
        Phase::Load | Phase::OpenKilled | Phase::OpenClosed => &[],
    }
}

/// Returns whether an engine goes through a stroke. A commit thread is for those that have none.
pub fn takes_part(about: &About, stroke: &str, skill: Option<Skill>) -> bool {
    skill.is_none_or(|skill| about.has(skill)) && !(stroke == append::GROUPED && about.has(Skill::Groups))
}

/// Opens an engine for a phase that is measured slice by slice.
pub fn start<'a>(phase: Phase, given: Given<'a>) -> Result<Box<dyn Session + 'a>> {
    match phase {
        Phase::Append => Ok(Box::new(append::Appends::new(given))),
        Phase::Read => Ok(Box::new(read::Reads::new(given)?)),
        Phase::Decide => Ok(Box::new(decide::Decisions::new(given)?)),
        Phase::Fold => Ok(Box::new(fold::Folds::new(given)?)),
        Phase::Load | Phase::OpenKilled | Phase::OpenClosed => Err("this phase has no slices".into()),
    }
}

/// Goes through a phase that is measured once.
pub fn run(phase: Phase, given: Given<'_>, found: Found<'_>) -> Result {
    match phase {
        Phase::Load => append::load(given, found),
        Phase::OpenKilled => open::killed(given, found),
        Phase::OpenClosed => open::closed(given, found),
        Phase::Append | Phase::Read | Phase::Decide | Phase::Fold => {
            Err("this phase goes slice by slice".into())
        }
    }
}

fn figure(row: &str, value: f64, times: u64) -> Figure {
    debug_assert!(crate::rows::row(row).is_some(), "no row is named {row}");
    Figure { row: row.to_owned(), value, times }
}
