//! Rows of appending: one caller and many, single events and batches, synced and buffered.

use std::path::Path;
use std::sync::Barrier;
use std::time::Instant;

use tidegate::{Store, StoreOptions};

use crate::Failure;
use crate::floor::Floor;
use crate::log::{Log, Source};
use crate::row::{Aim, Row, in_rounds};
use crate::settings::Settings;

/// How one row appends.
struct Plan {
    name: &'static str,
    callers: usize,
    batch: usize,
    synced: bool,
    /// Events of a round, as a multiple of the setting.
    times: usize,
    aim: f64,
}

const PLANS: [Plan; 8] = [
    Plan { name: "append, 1 caller, synced", callers: 1, batch: 1, synced: true, times: 1, aim: 0.8 },
    Plan { name: "append, 8 callers, synced", callers: 8, batch: 1, synced: true, times: 6, aim: 0.8 },
    Plan { name: "append, 64 callers, synced", callers: 64, batch: 1, synced: true, times: 20, aim: 0.8 },
    Plan {
        name: "append, batches of 100, synced",
        callers: 1,
        batch: 100,
        synced: true,
        times: 40,
        aim: 0.8,
    },
    Plan {
        name: "append, batches of 1000, synced",
        callers: 1,
        batch: 1000,
        synced: true,
        times: 200,
        aim: 0.8,
    },
    Plan { name: "append, 1 caller, buffered", callers: 1, batch: 1, synced: false, times: 100, aim: 0.7 },
    Plan {
        name: "append, batches of 100, buffered",
        callers: 1,
        batch: 100,
        synced: false,
        times: 200,
        aim: 0.5,
    },
    Plan {
        name: "append, batches of 1000, buffered",
        callers: 1,
        batch: 1000,
        synced: false,
        times: 200,
        aim: 0.5,
    },
];

/// Returns all rows of appending that are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let plans = PLANS.iter().filter(|plan| settings.wants(plan.name));
    let rows = plans.map(|plan| plan.row(settings, place)).collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().chain(of_many(settings, place)?).collect())
}

/// Returns rows of buffered appends by several callers. Their floor is the store itself with one caller.
fn of_many(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let plans = [2, 8, 64].map(|callers| (format!("append, {callers} callers, buffered"), callers));
    let plans = plans.iter().filter(|(name, _)| settings.wants(name));
    let row = |(name, callers): &(String, usize)| {
        eprintln!("{name}");
        let place = tempfile::tempdir_in(place)?;
        let store = Store::open(place.path().join("store"))?;
        let source = Source::new(settings.entities);
        let plan = |callers| Plan { name: "", callers, batch: 1, synced: false, times: 100, aim: 1.0 };
        let (one, many) = (plan(1), plan(*callers));
        let events = settings.events * one.times;
        let pairs = in_rounds(
            settings.rounds,
            || one.speed(&store, &source, events),
            || many.speed(&store, &source, events),
        )?;
        store.close()?;
        Ok(Row::of_speeds(name, "events/s", &pairs, Aim::Ratio(many.aim)))
    };
    plans.map(row).collect()
}

impl Plan {
    fn row(&self, settings: &Settings, place: &Path) -> Result<Row, Failure> {
        eprintln!("{}", self.name);
        let place = tempfile::tempdir_in(place)?;
        let floor = Floor::create(&place.path().join("floor"))?;
        let options = StoreOptions::new().streams_in_memory(settings.streams_in_memory);
        let store = options.open(place.path().join("store"))?;
        let sources = [Source::new(settings.entities), Source::new(settings.entities)];
        let events = settings.events * self.times;
        let pairs = in_rounds(
            settings.rounds,
            || self.speed(&floor, &sources[0], events),
            || self.speed(&store, &sources[1], events),
        )?;
        store.close()?;
        Ok(Row::of_speeds(self.name, "events/s", &pairs, Aim::Ratio(self.aim)))
    }

    /// Returns events a second over one round, from when all callers are ready until the last one is done.
    fn speed(&self, log: &dyn Log, source: &Source, events: usize) -> Result<f64, Failure> {
        let batches = events.div_ceil(self.callers * self.batch);
        let caller = || -> Result<(), String> {
            for _ in 0..batches {
                let batch = source.batch(self.batch);
                log.append(batch, self.synced).map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        let total = (batches * self.callers * self.batch) as f64;
        if self.callers == 1 {
            let start = Instant::now();
            caller()?;
            return Ok(total / start.elapsed().as_secs_f64());
        }
        let ready = Barrier::new(self.callers + 1);
        std::thread::scope(|scope| {
            let started = || {
                ready.wait();
                caller()
            };
            let threads: Vec<_> = (0..self.callers).map(|_| scope.spawn(started)).collect();
            ready.wait();
            let start = Instant::now();
            for thread in threads {
                thread.join().expect("a caller does not panic")?;
            }
            Ok(total / start.elapsed().as_secs_f64())
        })
    }
}
