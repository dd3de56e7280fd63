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
    pub(crate) aim: Aim,
    pub(crate) met: Option<bool>,
}

impl Row {
    /// Returns a row of speeds, from paired rounds: the floor's, then the store's.
    pub(crate) fn of_speeds(name: &str, unit: &'static str, pairs: &[(f64, f64)], aim: Aim) -> Self {
        let ratios: Vec<f64> = pairs.iter().map(|(floor, store)| store / floor).collect();
        let floor = median(pairs.iter().map(|(floor, _)| *floor));
        let store = median(pairs.iter().map(|(_, store)| *store));
        let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let best = ratios.iter().copied().fold(0.0, f64::max);
        let row = Self::alone(name, unit, store, aim);
        Self { floor: Some(floor), ratio: Some(store / floor), spread: Some((worst, best)), ..row }.judged()
    }

    /// Returns a row of times.
    pub(crate) fn of_times(name: &str, unit: &'static str, floor: f64, store: f64, aim: Aim) -> Self {
        let row = Self::alone(name, unit, store, aim);
        Self { floor: Some(floor), ratio: Some(floor / store), ..row }.judged()
    }

    /// Returns a row that has no floor.
    pub(crate) fn alone(name: &str, unit: &'static str, tidegate: f64, aim: Aim) -> Self {
        let name = name.to_owned();
        Self { name, unit, floor: None, tidegate, ratio: None, spread: None, aim, met: None }.judged()
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

/// Runs both sides in turn, each round beginning with the other one; the first round warms up and is not
/// counted. Returns for each round what the two gave.
pub(crate) fn in_rounds(
    rounds: usize,
    mut floor: impl FnMut() -> Result<f64, Failure>,
    mut store: impl FnMut() -> Result<f64, Failure>,
) -> Result<Vec<(f64, f64)>, Failure> {
    let mut pairs = Vec::with_capacity(rounds + 1);
    for round in 0..=rounds {
        if round % 2 == 0 {
            let of_floor = floor()?;
            pairs.push((of_floor, store()?));
        } else {
            let of_store = store()?;
            pairs.push((floor()?, of_store));
        }
    }
    pairs.remove(0);
    Ok(pairs)
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
