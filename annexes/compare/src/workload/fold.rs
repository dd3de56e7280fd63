//! Projections: one long stream, folded, and read again and again.

use super::{Found, Given, Session, figure};
use crate::engine::{Durability, Engine, Result, Skill};
use crate::measure::Times;
use crate::sample::{Sample, Samples};

/// What is measured.
pub(super) const STROKES: [(&str, Option<Skill>); 2] =
    [("fold.same", Some(Skill::Folds)), ("fold.ten", Some(Skill::Folds))];

/// How long the stream is at first.
const EVENTS: u64 = 100_000;
const SCOPE: &str = "shop-0";
const ENTITY: &str = "the-long-one";

/// Maximum number of reads in one slice.
const READS_MAX: usize = 300;

/// Reads the projection of one stream.
pub(super) struct Folds<'a> {
    engine: Box<dyn Engine>,
    given: Given<'a>,
    /// How many events the stream has.
    events: u64,
    /// The time of the first read, in seconds.
    first: f64,
}

impl<'a> Folds<'a> {
    pub(super) fn new(given: Given<'a>) -> Result<Self> {
        let engine = given.open(Durability::Relaxed)?;
        let mut folds = Self { engine, given, events: 0, first: 0.0 };
        while folds.events < EVENTS {
            folds.append(1000)?;
        }
        let first = folds.times(1).measure(|_| folds.read())?;
        folds.first = first.median();
        Ok(folds)
    }

    fn times(&self, most: usize) -> Times {
        Times { time: self.given.time, least: 1, most }
    }

    fn append(&mut self, count: u64) -> Result {
        // Numbers that no other phase has used.
        let first = self.given.events + 100_000_000 + self.events;
        let event = |number: u64| -> Sample {
            let (scope, entity) = (SCOPE.to_owned(), ENTITY.to_owned());
            Sample { scope, entity, ..Samples::new(self.given.events).get(number) }
        };
        self.engine.append((first..first + count).map(event).collect())?;
        self.events += count;
        Ok(())
    }

    /// Reads it; fewer events than there are would be an error.
    fn read(&self) -> Result {
        let found = self.engine.fold(SCOPE, ENTITY)?;
        if found == self.events {
            return Ok(());
        }
        Err(format!("the state is made of {found} events, there are {}", self.events).into())
    }

    /// Reads after ten more events each time; the appends are not timed.
    fn after_ten(&mut self, found: Found<'_>) -> Result {
        let (mut times, start) = (Vec::new(), std::time::Instant::now());
        while times.len() < READS_MAX && start.elapsed() < self.given.time || times.is_empty() {
            self.append(10)?;
            times.push(self.times(1).measure(|_| self.read())?.median());
        }
        times.sort_unstable_by(f64::total_cmp);
        found(figure("fold.ten", times[times.len() / 2], times.len() as u64));
        Ok(())
    }
}

impl Session for Folds<'_> {
    fn measure(&mut self, stroke: &str, found: Found<'_>) -> Result {
        if stroke == "fold.ten" {
            return self.after_ten(found);
        }
        let times = self.times(READS_MAX).measure(|_| self.read())?;
        found(figure("fold.same", times.median(), times.count()));
        Ok(())
    }

    fn end(self: Box<Self>, found: Found<'_>) -> Result {
        found(figure("fold.first", EVENTS as f64 / self.first, 1));
        self.engine.close()
    }
}
