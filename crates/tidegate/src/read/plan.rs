//! Plans: queries made ready for segments, their terms hashed once for all of them.

use tidegate_format::{Cause, CorrelationId, Result, Text, Version};
use tidegate_segment::index::FilterGroup;
use tidegate_segment::{Field, HashKey, HashedId, HashedTerm, Ordinal, Postings, Segment, Term};

use super::query::{Entity, Query, QueryItem};
use super::set::Set;

/// A query made ready for segments.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// No event.
    None,
    /// Every event.
    All,
    /// The events of a term.
    Term(HashedTerm),
    /// The events of all terms of a field that start with a prefix.
    Prefix(Field, Text),
    /// The events of a stream with these versions.
    Versions(HashedTerm, VersionRange),
    /// The events with these versions, in each stream that the item names.
    AnyVersions(Box<QueryItem>, VersionRange),
    /// The event that began a flow, and those that name it as their correlation.
    Flow(HashedId, HashedTerm),
    Any(Vec<Plan>),
    Every(Vec<Plan>),
}

/// The first and the last version.
type VersionRange = (Version, Version);

impl Plan {
    /// Returns the plan of a query. A cause that it still names by an id is not in the log: see [`Query::resolved`].
    pub(crate) fn of(query: &Query, seed: HashKey) -> Self {
        let Some(items) = query.items() else { return Self::All };
        Self::any(items.iter().map(|item| Self::of_item(item, seed)).collect())
    }

    fn of_item(item: &QueryItem, seed: HashKey) -> Self {
        let mut parts = Vec::new();
        let text = |field: Field, text: &Text| Self::Term(seed.hash_term(Term::new(field, text.as_bytes())));
        if !item.kinds.is_empty() {
            parts.push(Self::any(item.kinds.iter().map(|kind| Self::of_kind(kind, seed)).collect()));
        }
        parts.extend(item.tags.iter().map(|tag| text(Field::Tag, tag)));
        match (&item.scope, &item.entity, item.lane) {
            (Some(scope), Some(Entity::Exactly(entity)), Some(lane)) => {
                let stream = seed.hash_term(Term::stream(scope, entity, lane));
                parts.push(match item.versions {
                    None => Self::Term(stream),
                    Some(versions) => Self::Versions(stream, versions),
                });
            }
            (scope, entity, lane) => {
                parts.extend(scope.as_ref().map(|scope| text(Field::Scope, scope)));
                parts.extend(entity.as_ref().map(|entity| match entity {
                    Entity::Exactly(entity) => text(Field::Entity, entity),
                    Entity::StartsWith(prefix) => Self::Prefix(Field::Entity, prefix.clone()),
                }));
                parts.extend(lane.map(|lane| Self::Term(seed.hash_term(Term::lane(lane)))));
                let versions = item.versions;
                parts.extend(versions.map(|versions| Self::AnyVersions(Box::new(item.clone()), versions)));
            }
        }
        parts.extend(item.correlation.map(|flow| Self::of_flow(flow, seed)));
        parts.extend(item.cause.map(|cause| Self::of_cause(cause, seed)));
        Self::every(parts)
    }

    fn of_kind(kind: &Text, seed: HashKey) -> Self {
        match kind.strip_suffix('*') {
            Some(family) if family.ends_with('.') => Self::Prefix(Field::Kind, family.to_owned().into()),
            _ => Self::Term(seed.hash_term(Term::new(Field::Kind, kind.as_bytes()))),
        }
    }

    fn of_flow(flow: CorrelationId, seed: HashKey) -> Self {
        Self::Flow(seed.hash_id(flow.first()), seed.hash_term(Term::correlation(flow)))
    }

    fn of_cause(cause: Cause, seed: HashKey) -> Self {
        match cause {
            Cause::At(position) => Self::Term(seed.hash_term(Term::cause(position))),
            Cause::Foreign(store, event) => Self::Term(seed.hash_term(Term::foreign_cause(store, event))),
            Cause::Id(_) | Cause::Draft(_) => Self::None,
        }
    }

    fn any(mut plans: Vec<Self>) -> Self {
        if plans.len() == 1 { plans.swap_remove(0) } else { Self::Any(plans) }
    }

    fn every(mut plans: Vec<Self>) -> Self {
        match plans.len() {
            0 => Self::All,
            1 => plans.swap_remove(0),
            _ => Self::Every(plans),
        }
    }

    /// Returns the segments of a group in which it may select an event, a bit for each.
    pub(crate) fn may_hold(&self, filter_group: &FilterGroup) -> u64 {
        match self {
            Self::None => 0,
            Self::All | Self::Prefix(..) | Self::AnyVersions(..) => u64::MAX,
            Self::Term(term) | Self::Versions(term, _) => filter_group.may_hold(term.hash as u64),
            Self::Flow(id, term) => filter_group.may_hold(id.hash) | filter_group.may_hold(term.hash as u64),
            Self::Any(plans) => plans.iter().fold(0, |any, plan| any | plan.may_hold(filter_group)),
            Self::Every(plans) => {
                plans.iter().fold(u64::MAX, |every, plan| every & plan.may_hold(filter_group))
            }
        }
    }

    /// Returns what it selects in a segment.
    pub(crate) fn set(&self, segment: &Segment) -> Result<Set> {
        let sets = |plans: &[Self]| plans.iter().map(|plan| plan.set(segment)).collect::<Result<_>>();
        match self {
            Self::None => Ok(Set::None),
            Self::All => Ok(Set::All),
            Self::Term(term) => Ok(segment.find(term)?.map_or(Set::None, Set::List)),
            Self::Prefix(field, prefix) => {
                let lists = segment.find_prefix(*field, prefix.as_bytes())?;
                Ok(Set::any(lists.into_iter().map(Set::List).collect()))
            }
            Self::Versions(stream, versions) => {
                segment.find(stream)?.map_or(Ok(Set::None), |list| slice(segment, list, *versions))
            }
            Self::AnyVersions(item, versions) => {
                let streams = segment.streams()?.into_iter().filter(|(stream, _)| item.has_stream(stream));
                let slices = streams.map(|(_, list)| slice(segment, list, *versions));
                Ok(Set::any(slices.collect::<Result<_>>()?))
            }
            Self::Flow(id, term) => {
                let mut parts: Vec<_> = segment.find(term)?.map(Set::List).into_iter().collect();
                if let Some(event) = segment.find_id(id)?
                    && segment.event(event)?.correlation() == id.id
                {
                    parts.push(Set::One(event));
                }
                Ok(Set::any(parts))
            }
            Self::Any(plans) => Ok(Set::any(sets(plans)?)),
            Self::Every(plans) => Ok(Set::every(sets(plans)?)),
        }
    }
}

/// Returns the events of a stream, which are `list`, that have these versions. One record says which versions they are:
/// those of a stream follow each other without a gap, so the first event's counts for all.
fn slice(segment: &Segment, list: Postings, (first, last): VersionRange) -> Result<Set> {
    let Some(start) = list.get(0) else { return Ok(Set::None) };
    let version = segment.event(start)?.version();
    if last < version || last < first {
        return Ok(Set::None);
    }
    // A list has at most `u32::MAX` events; what lies past that lies past its end.
    let event = |n: u64| u32::try_from(n).ok().and_then(|n| list.get(n));
    let Some(from) = event(first.0.saturating_sub(version.0)) else { return Ok(Set::None) };
    let end = (last.0 - version.0).checked_add(1).and_then(event).unwrap_or(Ordinal::END);
    Ok(Set::Slice(list, from, end))
}
