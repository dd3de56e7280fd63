//! Appends: one caller and many, one by one and in batches, synced and relaxed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::callers::{self, together};
use super::{Found, Given, Session, figure};
use crate::engine::{Durability, Engine, Result, Skill};
use crate::grouped::Grouped;
use crate::sample::{Sample, Samples};

/// What is measured.
pub(super) const STROKES: [(&str, Option<Skill>); 8] = [
    ("append.one.synced", None),
    ("append.many.synced", None),
    (GROUPED, None),
    ("append.hundred.synced", None),
    ("append.thousand.synced", None),
    ("append.one.relaxed", Some(Skill::Relaxed)),
    ("append.hundred.relaxed", Some(Skill::Relaxed)),
    ("append.thousand.relaxed", Some(Skill::Relaxed)),
];

/// The stroke with a commit thread in front of the engine.
pub(super) const GROUPED: &str = "append.many.grouped";

/// How many events are made ready before each timed stretch of one caller.
const STRETCH_EVENTS: u64 = 10_000;

/// How many events each of many callers has ready for each second.
const CALLER_EVENTS_A_SECOND: u64 = 2500;

/// How many events are appended together while a store is filled.
const LOAD_EVENTS: u64 = 1000;

/// Appends to one store after the other, a fresh one for each stroke.
pub(super) struct Appends<'a> {
    given: Given<'a>,
    stroke: String,
    engine: Option<Arc<dyn Engine>>,
    grouped: Option<Grouped>,
    /// The number of the next event in this store.
    number: u64,
}

impl<'a> Appends<'a> {
    pub(super) fn new(given: Given<'a>) -> Self {
        Self { given, stroke: String::new(), engine: None, grouped: None, number: 1 }
    }

    fn folder(&self) -> PathBuf {
        self.given.directory.join("fresh")
    }

    fn samples(&self) -> Samples {
        Samples::new(self.given.events)
    }

    /// Leaves the store of the stroke before.
    fn leave(&mut self) -> Result {
        if let Some(grouped) = self.grouped.take() {
            grouped.close();
        }
        // All threads that shared it have ended, so dropping the last handle ends the engine.
        drop(self.engine.take());
        if self.folder().exists() {
            fs::remove_dir_all(self.folder())?;
        }
        Ok(())
    }

    fn engine(&mut self, stroke: &str) -> Result<Arc<dyn Engine>> {
        if self.stroke != stroke {
            self.leave()?;
            fs::create_dir_all(self.folder())?;
            let relaxed = stroke.ends_with("relaxed");
            let durability = if relaxed { Durability::Relaxed } else { Durability::Synced };
            let engine: Arc<dyn Engine> =
                Arc::from(Given { directory: &self.folder(), ..self.given }.open(durability)?);
            self.grouped = (stroke == GROUPED).then(|| Grouped::new(Arc::clone(&engine)));
            (self.engine, self.stroke, self.number) = (Some(engine), stroke.to_owned(), 1);
        }
        Ok(Arc::clone(self.engine.as_ref().ok_or("the store did not open")?))
    }

    /// One caller: how many events in which time. Making them ready is not timed.
    fn alone(&mut self, engine: &dyn Engine, batch: u64) -> Result<(u64, Duration)> {
        let (first, mut busy) = (self.number, Duration::ZERO);
        while busy < self.given.time {
            let starts = (self.number..self.number + STRETCH_EVENTS).step_by(batch as usize);
            let ready: Vec<_> = starts.map(|first| self.samples().range(first, batch)).collect();
            let start = Instant::now();
            for events in ready {
                engine.append(events)?;
                self.number += batch;
                if busy + start.elapsed() >= self.given.time {
                    break;
                }
            }
            busy += start.elapsed();
        }
        Ok((self.number - first, busy))
    }

    fn many(&mut self, append: impl Fn(Vec<Sample>) -> Result + Sync) -> Result<(u64, Duration)> {
        let each = (self.given.time.as_secs_f64() * CALLER_EVENTS_A_SECOND as f64) as u64;
        let (samples, first) = (self.samples(), self.number);
        self.number += callers::MANY * each;
        let ready = |caller: u64| samples.range(first + caller * each, each).into_iter();
        together(callers::MANY, self.given.time, ready, |events| match events.next() {
            Some(event) => append(vec![event]).map(|()| true),
            None => Ok(false),
        })
    }
}

impl Session for Appends<'_> {
    fn measure(&mut self, stroke: &str, found: Found<'_>) -> Result {
        let engine = self.engine(stroke)?;
        let (events, time) = match stroke.split('.').nth(1) {
            Some("one") => self.alone(&*engine, 1)?,
            Some("hundred") => self.alone(&*engine, 100)?,
            Some("thousand") => self.alone(&*engine, 1000)?,
            _ => match self.grouped.take() {
                None => self.many(|events| engine.append(events))?,
                Some(grouped) => {
                    let measured = self.many(|events| grouped.append(events));
                    self.grouped = Some(grouped);
                    measured?
                }
            },
        };
        found(figure(stroke, events as f64 / time.as_secs_f64(), events));
        Ok(())
    }

    fn end(mut self: Box<Self>, _: Found<'_>) -> Result {
        self.leave()
    }
}

/// Fills the store, every batch synced, and leaves it open.
pub(super) fn load(given: Given<'_>, found: Found<'_>) -> Result {
    let engine = given.open(Durability::Synced)?;
    let samples = Samples::new(given.events);
    let (mut number, mut busy) = (1, Duration::ZERO);
    while number <= given.events {
        let events = samples.range(number, LOAD_EVENTS.min(given.events + 1 - number));
        number += events.len() as u64;
        let start = Instant::now();
        engine.append(events)?;
        busy += start.elapsed();
    }
    found(figure("load", given.events as f64 / busy.as_secs_f64(), given.events));
    // The process is to be killed with the store open.
    std::mem::forget(engine);
    Ok(())
}
