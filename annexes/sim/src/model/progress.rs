//! How far a reader with a name got, and what may be found of that after an end.

use std::collections::BTreeSet;

use crate::failure::{Failure, ensure};
use crate::query::ModelQuery;

/// What a reader is done with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CursorPlace {
    /// What is done or parked.
    pub(crate) settled: BTreeSet<u64>,
    /// What of that is parked.
    pub(crate) parked: BTreeSet<u64>,
}

/// The places that may be kept: the last one known to be durable, then each that came after it.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) wanted: ModelQuery,
    /// Without a file there is none.
    places: Vec<Option<CursorPlace>>,
    /// Whether its file was damaged from outside.
    pub(crate) damaged: bool,
}

impl Progress {
    /// A reader of a query, which never kept anything.
    pub(crate) fn of(wanted: ModelQuery) -> Self {
        Self { wanted, places: vec![None], damaged: false }
    }

    /// The reader is opened: if it has no file, it may get one.
    pub(crate) fn open(&mut self) {
        if self.places == [None] {
            self.places.push(Some(CursorPlace::default()));
        }
    }

    /// The reader is here now; whether that is kept is not known.
    pub(crate) fn reach(&mut self, place: &CursorPlace) {
        if self.places.last() != Some(&Some(place.clone())) {
            self.places.push(Some(place.clone()));
        }
    }

    /// The reader is here now, and that is durable if it is `kept`.
    pub(crate) fn note(&mut self, place: &CursorPlace, kept: bool) {
        if kept {
            self.keep(place);
        } else {
            self.reach(place);
        }
    }

    /// The reader is here, and that is durable.
    pub(crate) fn keep(&mut self, place: &CursorPlace) {
        self.places = vec![Some(place.clone())];
    }

    /// Lets go of the places that have done what was lost: none of them was kept.
    pub(crate) fn forget_after(&mut self, count: u64) {
        let is_there = |place: &CursorPlace| place.settled.last().is_none_or(|last| *last <= count);
        self.places.retain(|place| place.as_ref().is_none_or(is_there));
    }

    /// The file is gone, and that is durable.
    pub(crate) fn lose(&mut self) {
        *self = Self::of(std::mem::take(&mut self.wanted));
    }

    /// Finds the place that a file names, given what of the log the reader is about. A power cut leaves
    /// nothing that a later one could take.
    pub(crate) fn find(
        &mut self,
        report: Option<&CursorReport>,
        selected: &[u64],
        is_durable: bool,
    ) -> Result<Option<CursorPlace>, Failure> {
        let fits = |place: &Option<CursorPlace>| match (place, report) {
            (None, None) => true,
            (Some(place), Some(report)) => report.fits(place, selected),
            _ => false,
        };
        // A failed rewind leaves a place that may have as much done as another one; its position tells them apart.
        let stands = |place: &Option<CursorPlace>| match (place, report) {
            (Some(place), Some(report)) => {
                fits(&Some(place.clone())) && report.stands_at_the_end_of(place, selected)
            }
            _ => false,
        };
        let at = self.places.iter().rposition(stands).or_else(|| self.places.iter().rposition(fits));
        ensure(at.is_some(), || {
            format!("a reader's place is {report:?}, and may be any of {:?} of {selected:?}", self.places)
        })?;
        let place = self.places[at.unwrap_or_default()].clone();
        if is_durable {
            self.places = vec![place.clone()];
        }
        Ok(place)
    }
}

/// What the store says about a reader's place.
#[derive(Clone, Debug)]
pub(crate) struct CursorReport {
    /// The head of the log when it was report.
    pub(crate) head: u64,
    pub(crate) position: u64,
    pub(crate) lag: u64,
    pub(crate) parked: BTreeSet<u64>,
}

impl CursorReport {
    /// Whether it names this place. Places between two rewinds grow, so the lag tells them apart.
    fn fits(&self, place: &CursorPlace, selected: &[u64]) -> bool {
        let there = selected.iter().filter(|position| **position <= self.head);
        let open = there.filter(|position| !place.settled.contains(position));
        let passed = |position: &&u64| **position <= self.position;
        self.parked == place.parked
            && place.settled.iter().all(|position| selected.contains(position))
            && !open.clone().any(|position| passed(&position))
            && open.count() as u64 == self.lag
    }

    /// Whether the position is the last one up to which the place has all done in a row.
    fn stands_at_the_end_of(&self, place: &CursorPlace, selected: &[u64]) -> bool {
        let behind = selected.iter().find(|position| **position > self.position);
        behind.is_none_or(|next| !place.settled.contains(next))
    }
}
