//! What has to come of a change of a cursor's place, by plain sets.

use std::collections::BTreeSet;

use tidegate::subscription::cursor::{Change, ChangeReport, ParkedEvent, Span};
use tidegate::{ErrorKind, Position};

use crate::dice::Dice;
use crate::failure::{Failure, ensure, same};
use crate::model::CursorPlace;

/// A change that was chosen, and what has to come of it.
#[derive(Debug)]
pub(super) struct ChangePlan {
    pub(super) change: Change,
    before: u64,
    again: BTreeSet<u64>,
    given_up: BTreeSet<u64>,
    /// The place afterwards, or why it is refused.
    pub(super) place: Result<CursorPlace, ErrorKind>,
}

/// Where a cursor is, for whom a change is planned.
#[derive(Debug)]
pub(super) struct ChangeContext<'a> {
    pub(super) place: &'a CursorPlace,
    pub(super) position: u64,
    pub(super) head: u64,
    /// The events of its query, in order.
    pub(super) selected: &'a [u64],
}

impl ChangeContext<'_> {
    /// Chooses a change and says what has to come of it.
    pub(super) fn plan(&self, dice: &mut Dice) -> ChangePlan {
        let parked = self.place.parked.first().copied();
        // Now and then one that is not parked, or a position past the end.
        let one = Position(parked.filter(|_| dice.chance(7, 8)).unwrap_or(self.position));
        let anywhere = Position(dice.below(self.head + 2));
        let back = Position(dice.below(self.position + 1));
        // Several are seldom parked, and then all of them are meant often.
        let several = self.place.parked.len() > 1 && dice.chance(1, 2);
        let change = match dice.below(16) {
            0..12 if several => Change::RetryAll,
            0..3 => Change::Retry(one),
            3..5 => Change::RetryAll,
            5..7 => Change::Discard(one),
            7 => Change::DiscardAll,
            8..11 => Change::Rewind(back),
            11 => Change::Rewind(anywhere),
            12..14 => Change::Set(anywhere),
            _ => Change::Skip(anywhere),
        };
        self.expect(change)
    }

    fn expect(&self, change: Change) -> ChangePlan {
        let mut place = self.place.clone();
        let (mut again, mut given_up) = (BTreeSet::new(), BTreeSet::new());
        let mut refused = None;
        match change {
            Change::Retry(Position(at)) | Change::Discard(Position(at)) if !place.parked.contains(&at) => {
                refused = Some(ErrorKind::Missing);
            }
            Change::Retry(Position(at)) => again = [at].into(),
            Change::RetryAll => again.clone_from(&place.parked),
            Change::Discard(Position(at)) => {
                place.parked.remove(&at);
                given_up = [at].into();
            }
            Change::DiscardAll => given_up = std::mem::take(&mut place.parked),
            Change::Set(to) | Change::Skip(to) if to.0 > self.position => {
                let passed = self.selected.iter().copied().filter(|at| *at <= to.0);
                given_up = passed.filter(|at| !place.settled.contains(at)).collect();
                if to.0 > self.head {
                    refused = Some(ErrorKind::Invalid);
                } else if matches!(change, Change::Set(_)) && !given_up.is_empty() {
                    refused = Some(ErrorKind::Refused);
                }
                place.settled.extend(&given_up);
            }
            Change::Rewind(to) if to.0 > self.position => refused = Some(ErrorKind::Invalid),
            Change::Rewind(to) | Change::Set(to) | Change::Skip(to) => {
                again = place.settled.split_off(&(to.0 + 1));
                place.parked.retain(|at| *at <= to.0);
            }
            _ => unreachable!("no other change is planned"),
        }
        let place = refused.map_or(Ok(place), Err);
        ChangePlan { change, before: self.position, again, given_up, place }
    }
}

impl ChangePlan {
    /// Compares what is parked afterwards, and what of that is to be tried again.
    pub(super) fn check_parked(&self, parked: &[ParkedEvent]) -> Result<(), Failure> {
        let Ok(place) = &self.place else { return Ok(()) };
        let found: BTreeSet<u64> = parked.iter().map(|one| one.position.0).collect();
        same("what is parked after a change", &place.parked, &found)?;
        if matches!(self.change, Change::Retry(_) | Change::RetryAll) {
            let waits = parked.iter().find(|one| !one.retried && self.again.contains(&one.position.0));
            ensure(waits.is_none(), || format!("{:?} does not have {waits:?} tried again", self.change))?;
        }
        Ok(())
    }

    /// Compares what a change is said to have done.
    pub(super) fn check(&self, changed: &ChangeReport) -> Result<(), Failure> {
        let span = |events: &BTreeSet<u64>| {
            let end = |at: Option<&u64>| Position(at.copied().unwrap_or_default());
            Span { count: events.len() as u64, first: end(events.first()), last: end(events.last()) }
        };
        same("where a changed cursor was", &self.before, &changed.before.0)?;
        same(
            format_args!("what comes again by {:?}", self.change),
            &span(&self.again),
            &changed.redelivered,
        )?;
        same(format_args!("what is given up by {:?}", self.change), &span(&self.given_up), &changed.given_up)
    }
}
