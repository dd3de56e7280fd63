//! Sets of events of one segment: what a query selects there, read in order either way.
//!
//! A set finds its next event from a point on, and its last one up to a point; a union takes the nearest of its members'
//! answers, an intersection leaps from member to member until all agree. Nothing is collected. A union remembers the
//! answer of each member, so that reading on asks only the member that the last event came from.

use tidegate_segment::{Ordinal, Postings};

/// Events of one segment, counted from 0 in it.
#[derive(Clone, Debug)]
pub(crate) enum Set {
    None,
    All,
    One(Ordinal),
    List(Postings),
    /// The events of a list from one on, up to but without another one.
    Slice(Postings, Ordinal, Ordinal),
    Any(Vec<Member>),
    Every(Vec<Set>),
}

/// A member of a union, and its last answers.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    set: Set,
    next: Option<Answer>,
    last: Option<Answer>,
}

/// What was found from a point on, or up to it.
#[derive(Clone, Copy, Debug)]
struct Answer {
    asked: Ordinal,
    found: Option<Ordinal>,
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
            _ => Self::Any(sets.into_iter().map(|set| Member { set, next: None, last: None }).collect()),
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

    /// Returns the first event from `event` on.
    pub(crate) fn next_from(&mut self, event: Ordinal) -> Option<Ordinal> {
        match self {
            Self::None => None,
            Self::All => Some(event),
            Self::One(one) => (*one >= event).then_some(*one),
            Self::List(postings) => postings.next_from(event),
            Self::Slice(postings, from, end) => {
                postings.next_from(event.max(*from)).filter(|event| event < end)
            }
            Self::Any(members) => members.iter_mut().filter_map(|part| part.next_from(event)).min(),
            Self::Every(sets) => leap(sets, event, Self::next_from),
        }
    }

    /// Returns the last event up to `event`, itself included.
    pub(crate) fn last_up_to(&mut self, event: Ordinal) -> Option<Ordinal> {
        match self {
            Self::None => None,
            Self::All => Some(event),
            Self::One(one) => (*one <= event).then_some(*one),
            Self::List(postings) => postings.last_before(event.next()),
            Self::Slice(postings, from, end) => {
                postings.last_before(event.next().min(*end)).filter(|event| *event >= *from)
            }
            Self::Any(members) => members.iter_mut().filter_map(|part| part.last_up_to(event)).max(),
            Self::Every(sets) => leap(sets, event, Self::last_up_to),
        }
    }

    /// Counts the events from `from` up to but without `to`.
    pub(crate) fn count(&mut self, from: Ordinal, to: Ordinal) -> u64 {
        match self {
            Self::All => u64::from(to.0.saturating_sub(from.0)),
            Self::List(postings) => u64::from(postings.rank(to).saturating_sub(postings.rank(from))),
            Self::Slice(postings, first, end) => {
                let (from, to) = (from.max(*first), to.min(*end));
                u64::from(postings.rank(to).saturating_sub(postings.rank(from)))
            }
            _ => {
                let mut next = |event: Ordinal| self.next_from(event).filter(|event| *event < to);
                std::iter::successors(next(from), |event| next(event.next())).count() as u64
            }
        }
    }
}

impl Member {
    fn next_from(&mut self, event: Ordinal) -> Option<Ordinal> {
        match self.next {
            Some(Answer { asked, found }) if asked <= event && found.is_none_or(|found| event <= found) => {
                found
            }
            _ => {
                let found = self.set.next_from(event);
                self.next = Some(Answer { asked: event, found });
                found
            }
        }
    }

    fn last_up_to(&mut self, event: Ordinal) -> Option<Ordinal> {
        match self.last {
            Some(Answer { asked, found }) if event <= asked && found.is_none_or(|found| found <= event) => {
                found
            }
            _ => {
                let found = self.set.last_up_to(event);
                self.last = Some(Answer { asked: event, found });
                found
            }
        }
    }
}

/// Returns the nearest event that all sets have, seen from `event` in the direction of `step`.
fn leap(
    sets: &mut [Set],
    event: Ordinal,
    step: impl Fn(&mut Set, Ordinal) -> Option<Ordinal>,
) -> Option<Ordinal> {
    let mut candidate = event;
    let (mut at, mut agreed) = (0, 0);
    while agreed < sets.len() {
        let found = step(&mut sets[at], candidate)?;
        agreed = if found == candidate { agreed + 1 } else { 1 };
        candidate = found;
        at = (at + 1) % sets.len();
    }
    (!sets.is_empty()).then_some(candidate)
}
