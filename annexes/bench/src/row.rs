//! Rows: what was measured, beside its floor and its aim.

use std::time::Instant;

use serde::Serialize;

use crate::Failure;

/// What is wanted of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aim {
    /// At least this part of the floor.
    Ratio(f64),
    /// Less than this, in the row's own unit.
    Below(f64),
    /// Nothing; it is told for its own sake.
    None,
}

/// One line of the result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) floor: Option<f64>,
    pub(crate) tidegate: f64,
    /// How fast the store is, with the floor as 1: of speeds the quotient, of times its inverse.
    pub(crate) ratio: Option<f64>,
    /// The same for the worst and the best single round.
    pub(crate) spread: Option<(f64, f64)>,
    /// The floor's processor time beside that of the store, of the whole process: less falsified by other work than times.
    pub(crate) processor: Option<f64>,
    pub(crate) aim: Aim,
    pub(crate) met: Option<bool>,
}

impl Row {
    /// Returns a row of speeds, from paired rounds.
    pub(crate) fn of_speeds(name: &str, unit: &'static str, pairs: &[Pair], aim: Aim) -> Self {
        let ratios: Vec<f64> = pairs.iter().map(|Pair { floor, store }| store.given / floor.given).collect();
        let floor = median(pairs.iter().map(|pair| pair.floor.given));
        let store = median(pairs.iter().map(|pair| pair.store.given));
        let processor = median(pairs.iter().map(|Pair { floor, store }| floor.processor / store.processor));
        let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let best = ratios.iter().copied().fold(0.0, f64::max);
        let row = Self::alone(name, unit, store, aim);
        let (floor, ratio, spread) = (Some(floor), Some(store / floor), Some((worst, best)));
        Self { floor, ratio, spread, processor: Some(processor), ..row }.judged()
    }

    /// Returns a row of times.
    pub(crate) fn of_times(name: &str, unit: &'static str, floor: f64, store: f64, aim: Aim) -> Self {
        let row = Self::alone(name, unit, store, aim);
        Self { floor: Some(floor), ratio: Some(floor / store), ..row }.judged()
    }

    /// Returns a row that has no floor.
    pub(crate) fn alone(name: &str, unit: &'static str, tidegate: f64, aim: Aim) -> Self {
        let name = name.to_owned();
        let (floor, ratio, spread, processor, met) = (None, None, None, None, None);
        Self { name, unit, floor, tidegate, ratio, spread, processor, aim, met }.judged()
    }

    fn judged(mut self) -> Self {
        self.met = match self.aim {
            Aim::Ratio(least) => self.ratio.map(|ratio| ratio >= least),
            Aim::Below(limit) => Some(self.tidegate < limit),
            Aim::None => None,
        };
        self
    }
}

/// What one side gave in a round, and the processor time that the process took for it, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    given: f64,
    processor: f64,
}

/// A round of both sides, which do the same work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    floor: Side,
    store: Side,
}

/// Runs both sides in turn, each round beginning with the other one; the first round warms up and is not
/// counted. Returns the others.
pub(crate) fn in_rounds(
    rounds: usize,
    mut floor: impl FnMut() -> Result<f64, Failure>,
    mut store: impl FnMut() -> Result<f64, Failure>,
) -> Result<Vec<Pair>, Failure> {
    let side = |run: &mut dyn FnMut() -> Result<f64, Failure>| -> Result<Side, Failure> {
        let start = processor_time();
        let given = run()?;
        Ok(Side { given, processor: processor_time() - start })
    };
    let mut pairs = Vec::with_capacity(rounds + 1);
    for round in 0..=rounds {
        if round % 2 == 0 {
            let floor = side(&mut floor)?;
            pairs.push(Pair { floor, store: side(&mut store)? });
        } else {
            let store = side(&mut store)?;
            pairs.push(Pair { floor: side(&mut floor)?, store });
        }
    }
    pairs.remove(0);
    Ok(pairs)
}

/// Returns the processor time that the process has taken so far, in seconds, with that of the system for it.
pub(crate) fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Returns the seconds that something takes, and what it gives.
pub(crate) fn seconds<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let given = run();
    (start.elapsed().as_secs_f64(), given)
}

/// Returns the middle one.
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    quantile(&mut numbers.collect::<Vec<_>>(), 0.5)
}

/// Returns the number that this part of all numbers does not exceed.
pub(crate) fn quantile(numbers: &mut [f64], part: f64) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[((numbers.len() - 1) as f64 * part).round() as usize]
}
