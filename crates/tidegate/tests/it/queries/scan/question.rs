//! Queries beside the plain filter that says the same.

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate::graph::CorrelationId;
use tidegate::{Cause, EventId, Micros, Position, Query, QueryItem, ReadOptions};

use super::known::Known;
use super::story::{ENTITIES, LANES, Reference, SCOPES, TAGS, foreign, id_in, reference};

/// Kinds and families to ask for, some of which no event has.
const ASKED_KINDS: [&str; 10] =
    ["a.b", "a.b.c", "ab.c", "a", "a.*", "a.b.*", "ab.*", "b.c.*", "none.*", "a.b.none"];
/// Beginnings of entities, some of which no entity has.
const PREFIXES: [&str; 6] = ["a", "ab", "abcd", "a/", "b", "\u{10ffff}"];

/// One query, and which part of it is read.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Nothing asks for every event.
    items: Vec<ItemSpec>,
    after: Option<usize>,
    before: Option<usize>,
    since: Option<Moment>,
    until: Option<Moment>,
    backwards: bool,
    limit: Option<usize>,
}

/// A time: microseconds after that of an event, or before it.
#[derive(Clone, Copy, Debug)]
struct Moment {
    event: usize,
    apart: i64,
}

impl Moment {
    fn of(self, log: &[Known]) -> Micros {
        let time = log.get(self.event % log.len().max(1)).map_or(Micros(1), |known| known.time);
        Micros(time.0.saturating_add_signed(self.apart))
    }
}

fn moment() -> impl Strategy<Value = Moment> {
    let apart = prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(-1), 1 => any::<i64>()];
    (any::<usize>(), apart).prop_map(|(event, apart)| Moment { event, apart })
}

/// An item of a query.
#[derive(Clone, Debug)]
struct ItemSpec {
    kinds: Vec<usize>,
    tags: Vec<usize>,
    scope: Option<usize>,
    entity: Option<Result<usize, usize>>,
    lane: Option<usize>,
    versions: Option<(u64, u64)>,
    correlation: Option<Reference>,
    cause: Option<Reference>,
}

fn asked() -> impl Strategy<Value = ItemSpec> {
    let maybe = proptest::option::weighted::<std::ops::Range<usize>>;
    let entity = prop_oneof![
        3 => Just(None),
        1 => (0..=ENTITIES.len()).prop_map(|entity| Some(Ok(entity))),
        1 => (0..PREFIXES.len()).prop_map(|prefix| Some(Err(prefix))),
    ];
    let kinds = prop_oneof![2 => Just(Vec::new()), 3 => vec(0..ASKED_KINDS.len(), 1..4)];
    let names = (kinds, vec(0..=TAGS.len(), 0..3));
    let versions = proptest::option::weighted(0.25, (0..6u64, prop_oneof![1..9u64, Just(u64::MAX)]))
        .prop_map(|versions| versions.map(|(first, last)| (first, last.max(first))));
    let stream = (maybe(0.3, 0..SCOPES.len() + 1), entity, maybe(0.25, 0..LANES.len() + 1), versions);
    let other = || proptest::option::weighted(0.15, reference());
    (names, stream, other(), other()).prop_map(
        |((kinds, tags), (scope, entity, lane, versions), correlation, cause)| ItemSpec {
            kinds,
            tags,
            scope,
            entity,
            lane,
            versions,
            correlation,
            cause,
        },
    )
}

/// Any query, over any part of the log.
pub(crate) fn question() -> impl Strategy<Value = Question> {
    let end = || proptest::option::weighted(0.4, any::<usize>());
    let limit = proptest::option::weighted(0.4, 0..40usize);
    let items = prop_oneof![1 => Just(Vec::new()), 9 => vec(asked(), 1..4)];
    let time = || proptest::option::weighted(0.25, moment());
    (items, end(), end(), time(), time(), any::<bool>(), limit).prop_map(
        |(items, after, before, since, until, backwards, limit)| Question {
            items,
            after,
            before,
            since,
            until,
            backwards,
            limit,
        },
    )
}

fn name<'a>(names: &[&'a str], at: usize) -> &'a str {
    names.get(at).copied().unwrap_or("nobody")
}

fn lane(at: usize) -> u32 {
    LANES.get(at).copied().unwrap_or(9)
}

/// A cause to ask for: in the log, not in the log, or of another store.
fn cause(reference: Reference, log: &[Known]) -> Cause {
    match reference {
        // Position 0, one past the head and one far behind it are among them.
        Reference::At(at) if at % 7 == 0 => Cause::At(Position((at % (log.len() + 3)) as u64)),
        Reference::At(at) | Reference::Draft(at) => Cause::At(Position((at % log.len().max(1)) as u64 + 1)),
        Reference::Id(at) if at % 7 == 0 => Cause::Id(EventId([0xdd; 16])),
        Reference::Id(at) => Cause::Id(id_in(log, at)),
        Reference::Foreign(store, event) => foreign(store, event),
    }
}

fn correlation(reference: Reference, log: &[Known]) -> CorrelationId {
    match reference {
        Reference::Foreign(store, event) => CorrelationId([store * 8 + event + 0x80; 16]),
        Reference::At(at) => {
            log.get(at % log.len().max(1)).map_or(CorrelationId([7; 16]), |known| known.correlation)
        }
        Reference::Id(at) | Reference::Draft(at) => id_in(log, at).into(),
    }
}

impl ItemSpec {
    fn item(&self, log: &[Known]) -> QueryItem {
        let mut item = QueryItem::new();
        for kind in &self.kinds {
            item = item.kind(ASKED_KINDS[*kind]);
        }
        for tag in &self.tags {
            item = item.tag(name(&TAGS, *tag));
        }
        if let Some(scope) = self.scope {
            item = item.scope(name(&SCOPES, scope));
        }
        item = match self.entity {
            None => item,
            Some(Ok(entity)) => item.entity(name(&ENTITIES, entity)),
            Some(Err(prefix)) => item.entity_prefix(PREFIXES[prefix]),
        };
        if let Some(at) = self.lane {
            item = item.lane(lane(at));
        }
        if let Some((first, last)) = self.versions {
            item = item.versions(first..=last);
        }
        if let Some(reference) = self.correlation {
            item = item.correlation(correlation(reference, log));
        }
        if let Some(reference) = self.cause {
            item = item.cause(cause(reference, log));
        }
        item
    }

    fn is_kind(&self, kind: &str) -> bool {
        self.kinds.is_empty()
            || self.kinds.iter().any(|asked| match ASKED_KINDS[*asked].strip_suffix(".*") {
                Some(family) => kind.len() > family.len() + 1 && kind.starts_with(&format!("{family}.")),
                None => kind == ASKED_KINDS[*asked],
            })
    }

    fn matches(&self, known: &Known, log: &[Known]) -> bool {
        let has_cause = |reference| match cause(reference, log) {
            Cause::Id(id) => {
                let named = log.iter().find(|known| known.id == id);
                named.is_some_and(|named| known.causes.contains(&Cause::At(named.position)))
            }
            other => known.causes.contains(&other),
        };
        self.is_kind(&known.kind)
            && self.tags.iter().all(|tag| known.tags.iter().any(|found| found == name(&TAGS, *tag)))
            && self.scope.is_none_or(|scope| known.stream.scope == name(&SCOPES, scope))
            && self.entity.is_none_or(|entity| match entity {
                Ok(entity) => known.stream.entity == name(&ENTITIES, entity),
                Err(prefix) => known.stream.entity.starts_with(PREFIXES[prefix]),
            })
            && self.lane.is_none_or(|at| known.stream.lane == lane(at))
            && self.versions.is_none_or(|(first, last)| first <= known.version.0 && known.version.0 <= last)
            && self.correlation.is_none_or(|asked| known.correlation == correlation(asked, log))
            && self.cause.is_none_or(has_cause)
    }
}

impl Question {
    /// Every event, in order.
    pub(crate) fn everything(backwards: bool) -> Self {
        let (items, limit) = (Vec::new(), None);
        Self { items, after: None, before: None, since: None, until: None, backwards, limit }
    }

    pub(crate) fn query(&self, log: &[Known]) -> Query {
        let mut items = self.items.iter().map(|asked| asked.item(log));
        let Some(first) = items.next() else { return Query::ALL };
        items.fold(first.into(), Query::or)
    }

    pub(crate) fn read(&self, log: &[Known]) -> ReadOptions {
        let end = |at: usize| Position((at % (log.len() + 3)) as u64);
        let read = ReadOptions::new();
        let (after, before) = (self.after.map_or(read.after, end), self.before.map_or(read.before, end));
        let time = |moment: Option<Moment>| moment.map(|moment| moment.of(log));
        let read = read.after(after).before(before).since(time(self.since)).until(time(self.until));
        read.backwards(self.backwards).limit(self.limit)
    }

    /// What the answer must be, from a look at every event.
    pub(crate) fn answer<'a>(&self, log: &'a [Known]) -> Vec<&'a Known> {
        let read = self.read(log);
        let in_range = |known: &&Known| {
            known.position > read.after
                && known.position < read.before
                && read.since.is_none_or(|since| known.time >= since)
                && read.until.is_none_or(|until| known.time < until)
        };
        let is_asked =
            |known: &&Known| self.items.is_empty() || self.items.iter().any(|item| item.matches(known, log));
        let mut found: Vec<_> = log.iter().filter(in_range).filter(is_asked).collect();
        if read.backwards {
            found.reverse();
        }
        found.truncate(read.limit.unwrap_or(usize::MAX));
        found
    }
}
