//! Sets of events of one segment: what a query selects there, walked in order either way.
//!
//! A set says its next event from a point on, and its last before one; unions take the nearest of their
//! parts, intersections leap from part to part until all agree. Nothing is collected.

use tidegate_segment::Postings;

/// Events of one segment, counted from 0 in it.
#[derive(Clone, Debug)]
pub(crate) enum Set {
    None,
    All,
    One(u32),
    List(Postings),
    Any(Vec<Set>),
    Every(Vec<Set>),
}

impl Set {
    pub(crate) fn any(mut sets: Vec<Self>) -> Self {
        sets.retain(|set| !matches!(set, Self::None));
        if sets.iter().any(|set| matches!(set, Self::All)) {
            return Self::All;
        }
        match sets.len() {
            0 => Self::None,
            1 => sets.swap_remove(0),
            _ => Self::Any(sets),
        }
    }

    pub(crate) fn every(mut sets: Vec<Self>) -> Self {
        if sets.iter().any(|set| matches!(set, Self::None)) {
            return Self::None;
        }
        sets.retain(|set| !matches!(set, Self::All));
        match sets.len() {
            0 => Self::All,
            1 => sets.swap_remove(0),
            _ => Self::Every(sets),
        }
    }

    /// The first event from `event` on.
    pub(crate) fn next_from(&self, event: u32) -> Option<u32> {
        match self {
            Self::None => None,
            Self::All => Some(event),
            Self::One(one) => (*one >= event).then_some(*one),
            Self::List(postings) => postings.next_from(event),
            Self::Any(sets) => sets.iter().filter_map(|set| set.next_from(event)).min(),
            Self::Every(sets) => leap(sets, event, Self::next_from),
        }
    }

    /// The last event up to `event`, itself included.
    pub(crate) fn last_up_to(&self, event: u32) -> Option<u32> {
        match self {
            Self::None => None,
            Self::All => Some(event),
            Self::One(one) => (*one <= event).then_some(*one),
            Self::List(postings) => postings.last_before(event.saturating_add(1)),
            Self::Any(sets) => sets.iter().filter_map(|set| set.last_up_to(event)).max(),
            Self::Every(sets) => leap(sets, event, Self::last_up_to),
        }
    }

    /// How many events from `from` up to but without `to`.
    pub(crate) fn count(&self, from: u32, to: u32) -> u64 {
        match self {
            Self::All => u64::from(to.saturating_sub(from)),
            Self::List(postings) => u64::from(postings.rank(to).saturating_sub(postings.rank(from))),
            _ => {
                let next = |event: u32| self.next_from(event).filter(|event| *event < to);
                std::iter::successors(next(from), |event| next(event + 1)).count() as u64
            }
        }
    }
}

/// The nearest event that all sets have, seen from `event` in the direction of `step`.
fn leap(sets: &[Set], event: u32, step: impl Fn(&Set, u32) -> Option<u32>) -> Option<u32> {
    let mut candidate = event;
    let mut agreed = 0;
    for set in sets.iter().cycle() {
        let found = step(set, candidate)?;
        agreed = if found == candidate { agreed + 1 } else { 1 };
        candidate = found;
        if agreed == sets.len() {
            return Some(candidate);
        }
    }
    None
}
