//! Decisions: read the events with a tag, and append one more unless another came in between.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::callers::{self, together};
use super::{Found, Given, Session, figure};
use crate::engine::{Outcome, Durability, Engine, Result, Skill};
use crate::sample::Samples;

/// What is measured.
pub(super) const STROKES: [(&str, Option<Skill>); 8] = [
    ("decide.one", Some(Skill::Decides)),
    ("decide.many.own", Some(Skill::Decides)),
    ("decide.many.shared", Some(Skill::Decides)),
    ("decide.hot.1", Some(Skill::Decides)),
    ("decide.hot.4", Some(Skill::Decides)),
    ("decide.hot.16", Some(Skill::Decides)),
    ("decide.hot.64", Some(Skill::Decides)),
    ("decide.hot.256", Some(Skill::Decides)),
];

/// The prefix of the names of rows with several callers over the same tags.
const HOT: &str = "decide.hot.";

/// How many decisions are made over one tag before the next one has its turn.
const TAG_DECISIONS: u64 = 10;

/// One caller, many with tags of their own, many over the same tags.
pub(super) struct Decisions<'a> {
    engine: Box<dyn Engine>,
    given: Given<'a>,
    /// The number of the next event.
    number: AtomicU64,
    /// How many decisions were made over shared tags.
    shared: AtomicU64,
    slice: u64,
}

impl<'a> Decisions<'a> {
    pub(super) fn new(given: Given<'a>) -> Result<Self> {
        let engine = given.open(Durability::Synced)?;
        let (number, shared) = (AtomicU64::new(given.events + 1), AtomicU64::new(0));
        Ok(Self { engine, given, number, shared, slice: 0 })
    }

    /// Callers with tags of their own: how many decisions in which time.
    fn own(&self, callers: u64) -> Result<(u64, Duration)> {
        let ready = |caller: u64| (caller, 0);
        together(callers, self.given.time, ready, |(caller, made)| {
            self.decide(&format!("own:{}-{caller}-{}", self.slice, *made / TAG_DECISIONS))?;
            *made += 1;
            Ok(true)
        })
    }

    /// Callers over the same tags, and how many times one conflicted with another.
    fn shared(&self, callers: u64) -> Result<(u64, Duration, u64)> {
        let conflicts = AtomicU64::new(0);
        let (count, time) = together(
            callers,
            self.given.time,
            |_| (),
            |()| {
                let turn = self.shared.fetch_add(1, Ordering::Relaxed) / TAG_DECISIONS;
                conflicts.fetch_add(self.decide(&format!("shared:{turn}"))?, Ordering::Relaxed);
                Ok(true)
            },
        )?;
        Ok((count, time, conflicts.into_inner()))
    }

    /// Decides until it holds: how many times another decision came first.
    fn decide(&self, tag: &str) -> Result<u64> {
        for conflicts in 0.. {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let mut event = Samples::new(self.given.events).get(number);
            event.tags = vec![tag.to_owned()];
            if let Outcome::Appended(again) = self.engine.decide(tag, event)? {
                return Ok(conflicts + again);
            }
        }
        unreachable!("there is no last number")
    }
}

impl Session for Decisions<'_> {
    fn measure(&mut self, stroke: &str, found: Found<'_>) -> Result {
        self.slice += 1;
        let (count, time) = match stroke {
            "decide.one" => self.own(1)?,
            "decide.many.own" => self.own(callers::MANY)?,
            hot if hot.starts_with(HOT) => {
                let callers = hot[HOT.len()..].parse().map_err(|_| format!("{hot} names no number of callers"))?;
                let (count, time, _) = self.shared(callers)?;
                (count, time)
            }
            _ => {
                let (count, time, conflicts) = self.shared(callers::MANY)?;
                found(figure("decide.conflicts", conflicts as f64 / count as f64, count));
                (count, time)
            }
        };
        found(figure(stroke, count as f64 / time.as_secs_f64(), count));
        Ok(())
    }

    fn end(self: Box<Self>, _: Found<'_>) -> Result {
        self.engine.close()
    }
}
