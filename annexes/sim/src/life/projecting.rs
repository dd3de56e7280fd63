//! Those who project: a state beside the store that is a plain fold of the log at every read, with any fate of
//! the file it was saved in.

use serde::{Deserialize, Serialize};
use tidegate::project::{Poison, Projection, ProjectorOptions, Reading, Staleness, Start};
use tidegate::{Error, Position, Query, QueryItem, RecordedEvent, Result};

use super::Life;
use crate::failure::{Failure, ensure, failed, same};
use crate::model::{Erasure, Model};
use crate::query::ModelQuery;

/// Something of every event, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    events: u64,
    bytes: u64,
    digest: u64,
}

impl Sums {
    /// Takes in an event, or refuses it half done.
    fn take(&mut self, position: u64, payload: &[u8]) -> bool {
        self.events += 1;
        if payload.len() % 23 == 7 {
            return false;
        }
        self.bytes += payload.len() as u64;
        let byte = u64::from(payload.first().copied().unwrap_or_default());
        self.digest = (self.digest.rotate_left(7) ^ position ^ (byte << 32)).wrapping_mul(0x9e37_79b9);
        true
    }
}

fn wanted() -> ModelQuery {
    ModelQuery::kind("a.*")
}

impl Projection for Sums {
    const NAME: &'static str = "sums";
    const VERSION: u16 = 1;

    fn query() -> Query {
        QueryItem::new().kind("a.*").into()
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        if self.take(event.position().0, event.payload()?) {
            return Ok(());
        }
        Err(Error::new(tidegate::ErrorKind::Invalid, "this projection does not take such events"))
    }
}

/// The plain fold of the log up to a position, and how many events were put aside.
fn fold(model: &Model, until: u64) -> (Sums, usize) {
    let (mut sums, mut parked) = (Sums::default(), 0);
    for position in model.selected(&wanted()).take_while(|at| *at <= until) {
        // What is erased is left out.
        if matches!(model.at(position).erasure, Erasure::Named(_)) {
            continue;
        }
        let before = sums.clone();
        if !sums.take(position, &model.at(position).draft.payload) {
            (sums, parked) = (before, parked + 1);
        }
    }
    (sums, parked)
}

impl Life<'_> {
    /// Does something with the projection, several times.
    pub(super) fn project(&mut self) -> std::result::Result<(), Failure> {
        for _ in 0..=self.others.below(5) {
            self.project_once()?;
            if self.stopped || self.machine.disk.ended() {
                break;
            }
        }
        Ok(())
    }

    /// Reads the projection, or does something that must not change what it says.
    fn project_once(&mut self) -> std::result::Result<(), Failure> {
        let Some(projector) = self.projector.take() else { return self.open_projector() };
        let what = self.others.below(15);
        let number = self.others.below(self.model.count() + 1);
        let done = match what {
            0..5 => projector.read().map(Some),
            5 => projector.read_with(Staleness::positions(number)).map(Some),
            6 => projector.at(Position(number)).map(Some),
            7 => projector.read_with(Staleness::ANY).map(Some),
            8 => projector.catch_up(1 + number as usize % 4).map(|_| None),
            9 | 10 => projector.save().map(|()| None),
            11 if number.is_multiple_of(4) => projector.reset().map(|()| None),
            // Dropped, and opened another time.
            _ => return Ok(()),
        };
        let least = match what {
            0..5 => self.model.count(),
            5 => self.model.count() - number,
            6 => number,
            _ => 0,
        };
        if let Some(Some(reading)) = self.take(done)? {
            ensure(what != 6 || reading.position().0 == number, || {
                format!("a state as of {number} is {reading:?}")
            })?;
            self.judge_reading(&reading, least)?;
        }
        if !self.stopped {
            self.projector = Some(projector);
        }
        Ok(())
    }

    fn open_projector(&mut self) -> std::result::Result<(), Failure> {
        let save_after = self.others.chance(2, 3).then(|| 1 + self.others.below(12));
        let project = ProjectorOptions::new().poison(Poison::Park(usize::MAX)).save_after(save_after);
        let opened = self.store.projector_with(project);
        let Some(projector) = self.take(opened)? else { return Ok(()) };
        if let Start::Saved(position) = projector.start() {
            ensure(position.0 <= self.model.count(), || {
                format!("a state of the future was believed: {position}")
            })?;
        }
        let reading = projector.read_with(Staleness::ANY).map_err(failed("reading what was saved"))?;
        self.judge_reading(&reading, 0)?;
        self.projector = Some(projector);
        Ok(())
    }

    fn judge_reading(&mut self, reading: &Reading<Sums>, least: u64) -> std::result::Result<(), Failure> {
        let position = reading.position().0;
        ensure((least..=self.model.count()).contains(&position), || {
            format!("a state stands at {position}, and was to be at {least} at least")
        })?;
        let (sums, parked) = fold(self.model, position);
        self.machine.trace.note(&(position, sums.digest));
        same("a projected state", &sums, reading.state())?;
        same("the events a projection put aside", &parked, &reading.parked())
    }

    /// At the end the projection is the fold of the whole log, begun from any saved state.
    pub(super) fn finish_projecting(&mut self) -> std::result::Result<(), Failure> {
        self.projector = None;
        self.open_projector()?;
        let projector = self.projector.take().ok_or_else(|| Failure::new("the projection does not open"))?;
        let reading = projector.read().map_err(failed("projecting the whole log"))?;
        self.judge_reading(&reading, self.model.count())
    }
}
