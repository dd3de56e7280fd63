//! Sets of events of one segment: what a query selects there, walked in order either way.
//!
//! A set says its next event from a point on, and its last before one; unions take the nearest of their
//! parts, intersections leap from part to part until all agree. Nothing is collected.

use tidegate_format::{Cause, EventId, Result};
use tidegate_segment::{Field, Postings, Segment, Term};

use super::query::{Entity, Item, Query};

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
    /// What a query selects in a segment. A cause that it still names by an id is nowhere in the log: see
    /// [`Query::resolved`].
    pub(crate) fn of(query: &Query, segment: &Segment) -> Result<Self> {
        let Some(items) = query.items() else { return Ok(Self::All) };
        let sets = items.iter().map(|item| Self::of_item(item, segment));
        Ok(Self::any(sets.collect::<Result<_>>()?))
    }

    fn of_item(item: &Item, segment: &Segment) -> Result<Self> {
        let mut parts = Vec::new();
        if !item.kinds.is_empty() {
            let kinds = item.kinds.iter().map(|kind| Self::of_kind(kind, segment));
            parts.push(Self::any(kinds.collect::<Result<_>>()?));
        }
        for tag in &item.tags {
            parts.push(Self::of_term(&Term::new(Field::Tag, tag.as_bytes()), segment)?);
        }
        match (&item.scope, &item.entity, item.lane) {
            (Some(scope), Some(Entity::Exactly(entity)), Some(lane)) => {
                parts.push(Self::of_term(&Term::stream(scope, entity, lane), segment)?);
            }
            (scope, entity, lane) => {
                if let Some(scope) = scope {
                    parts.push(Self::of_term(&Term::new(Field::Scope, scope.as_bytes()), segment)?);
                }
                match entity {
                    None => {}
                    Some(Entity::Exactly(entity)) => {
                        parts.push(Self::of_term(&Term::new(Field::Entity, entity.as_bytes()), segment)?);
                    }
                    Some(Entity::StartsWith(prefix)) => {
                        parts.push(Self::of_prefix(Field::Entity, prefix, segment)?);
                    }
                }
                if let Some(lane) = lane {
                    parts.push(Self::of_term(&Term::lane(lane), segment)?);
                }
            }
        }
        if let Some(id) = item.correlation {
            parts.push(Self::of_flow(id, segment)?);
        }
        if let Some(cause) = item.cause {
            parts.push(Self::of_cause(cause, segment)?);
        }
        Ok(Self::every(parts))
    }

    fn of_term(term: &Term, segment: &Segment) -> Result<Self> {
        Ok(segment.find(term)?.map_or(Self::None, Self::List))
    }

    fn of_kind(kind: &str, segment: &Segment) -> Result<Self> {
        match kind.strip_suffix('*') {
            Some(family) if family.ends_with('.') => Self::of_prefix(Field::Kind, family, segment),
            _ => Self::of_term(&Term::new(Field::Kind, kind.as_bytes()), segment),
        }
    }

    fn of_prefix(field: Field, prefix: &str, segment: &Segment) -> Result<Self> {
        let lists = segment.find_prefix(field, prefix.as_bytes())?;
        Ok(Self::any(lists.into_iter().map(Self::List).collect()))
    }

    /// A flow is the event that began it and those that name it as their correlation.
    fn of_flow(id: EventId, segment: &Segment) -> Result<Self> {
        let mut parts = vec![Self::of_term(&Term::correlation(id), segment)?];
        if let Some(event) = segment.find_id(id)?
            && segment.event(event)?.correlation() == id
        {
            parts.push(Self::One(event));
        }
        Ok(Self::any(parts))
    }

    fn of_cause(cause: Cause, segment: &Segment) -> Result<Self> {
        match cause {
            Cause::At(position) => Self::of_term(&Term::cause(position), segment),
            Cause::Foreign(store, event) => Self::of_term(&Term::foreign_cause(store, event), segment),
            Cause::Id(_) | Cause::Draft(_) => Ok(Self::None),
        }
    }

    fn any(mut sets: Vec<Self>) -> Self {
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
