//! Every condition does what its plain definition says, over any history and in any group.
//!
//! The definition here is a scan over a list of what was appended. It shares nothing with the store but the
//! words of the interface.

use std::sync::Arc;

use proptest::prelude::*;
use tidegate::batch::ConflictKind;
use tidegate::graph::CorrelationId;
use tidegate::testing::{Env, MemoryDisk};
use tidegate::{
    Batch, Cause, Condition, Draft, EventId, Position, Query, QueryItem, Receipt, Store, StoreId,
    StoreOptions, StreamId, Version,
};

const SCOPES: [&str; 2] = ["s", "t"];
const ENTITIES: [&str; 4] = ["a", "ab", "abc", "b"];
const KINDS: [&str; 5] = ["order.placed", "order.paid", "order.item.added", "orders.closed", "pay.done"];
const WANTED_KINDS: [&str; 8] =
    ["order.placed", "order.paid", "order.*", "order.item.*", "orders.*", "pay.*", "none.*", "order"];
const TAGS: [&str; 3] = ["x", "y", "xy"];
const PREFIXES: [&str; 4] = ["", "a", "ab", "c"];

/// How many events are tried to make conditions hold that do not: no test asks for more.
const TRIED: usize = 6;

/// An event as the definition sees it.
#[derive(Clone, Debug)]
struct Plain {
    id: EventId,
    scope: &'static str,
    entity: &'static str,
    lane: u32,
    kind: &'static str,
    tags: Vec<&'static str>,
    causes: Vec<Cause>,
    correlation: CorrelationId,
}

/// What is asked of an event; the numbers choose from the lists above, or an event by its number.
#[derive(Clone, Debug)]
struct ModelQuery {
    kinds: Vec<usize>,
    tags: Vec<usize>,
    scope: Option<usize>,
    entity: Option<(usize, bool)>,
    lane: Option<u32>,
    versions: Option<(u64, u64)>,
    correlation: Option<u64>,
    cause: Option<(u64, u8)>,
}

#[derive(Clone, Debug)]
enum ConditionSpec {
    FailIf(Vec<ModelQuery>, u64),
    All(u64),
    Version(usize, usize, u32, u64),
    Exists(usize, usize, u32, bool),
}

#[derive(Clone, Debug)]
struct Drafted {
    stream: (usize, usize, u32),
    kind: usize,
    tags: Vec<usize>,
    causes: Vec<(u64, u8)>,
    correlation: Option<u64>,
}

#[derive(Clone, Debug)]
struct Appended {
    drafts: Vec<Drafted>,
    conditions: Vec<ConditionSpec>,
}

/// The id of the event with this number, whether it ever comes into the log or not.
fn id(number: u64) -> EventId {
    EventId((u128::from(number) + 1).to_be_bytes())
}

const ABROAD: StoreId = StoreId([9; 16]);

impl ModelQuery {
    fn item(&self) -> QueryItem {
        let mut item = QueryItem::new();
        item = self.kinds.iter().fold(item, |item, kind| item.kind(WANTED_KINDS[*kind]));
        item = self.tags.iter().fold(item, |item, tag| item.tag(TAGS[*tag]));
        if let Some(scope) = self.scope {
            item = item.scope(SCOPES[scope]);
        }
        match self.entity {
            Some((entity, false)) => item = item.entity(ENTITIES[entity]),
            Some((prefix, true)) => item = item.entity_prefix(PREFIXES[prefix]),
            None => {}
        }
        if let Some(lane) = self.lane {
            item = item.lane(lane);
        }
        if let Some((first, last)) = self.versions {
            item = item.versions(first..=last);
        }
        if let Some(number) = self.correlation {
            item = item.correlation(id(number));
        }
        match self.cause {
            Some((number, 0)) => item.cause(Cause::Foreign(ABROAD, id(number % 2))),
            Some((number, 1)) => item.cause(id(number)),
            Some((number, _)) => item.cause(Position(number)),
            None => item,
        }
    }

    /// Whether an event is what is wanted; `log` is all there is.
    fn is(&self, event: &Plain, log: &[Plain]) -> bool {
        let of_kind = |wanted: &usize| {
            let wanted = WANTED_KINDS[*wanted];
            match wanted.strip_suffix(".*") {
                Some(family) => event.kind.strip_prefix(family).is_some_and(|rest| rest.starts_with('.')),
                None => event.kind == wanted,
            }
        };
        let of_cause = |(number, how): (u64, u8)| {
            let cause = match how {
                0 => Cause::Foreign(ABROAD, id(number % 2)),
                1 => match log.iter().position(|event| event.id == id(number)) {
                    Some(at) => Cause::At(Position(at as u64 + 1)),
                    None => return false,
                },
                _ => Cause::At(Position(number)),
            };
            event.causes.contains(&cause)
        };
        let of_version = |(first, last): (u64, u64)| {
            let stream = |event: &Plain| (event.scope, event.entity, event.lane);
            let before = log.iter().take_while(|other| other.id != event.id);
            let version = before.filter(|other| stream(other) == stream(event)).count() as u64 + 1;
            first <= version && version <= last
        };
        (self.kinds.is_empty() || self.kinds.iter().any(of_kind))
            && self.tags.iter().all(|tag| event.tags.contains(&TAGS[*tag]))
            && self.scope.is_none_or(|scope| event.scope == SCOPES[scope])
            && self.lane.is_none_or(|lane| event.lane == lane)
            && self.versions.is_none_or(of_version)
            && self.correlation.is_none_or(|number| event.correlation == id(number))
            && self.cause.is_none_or(of_cause)
            && match self.entity {
                Some((entity, false)) => event.entity == ENTITIES[entity],
                Some((prefix, true)) => event.entity.starts_with(PREFIXES[prefix]),
                None => true,
            }
    }
}

impl ConditionSpec {
    fn condition(&self) -> Condition {
        let stream =
            |scope: usize, entity: usize, lane| StreamId::new(SCOPES[scope], ENTITIES[entity]).lane(lane);
        match self {
            Self::FailIf(items, after) => Condition::FailIf(query(items), Position(*after)),
            Self::All(after) => Condition::FailIf(Query::ALL, Position(*after)),
            Self::Version(scope, entity, lane, version) => {
                Condition::Version(stream(*scope, *entity, *lane), Version(*version))
            }
            Self::Exists(scope, entity, lane, true) => Condition::Exists(stream(*scope, *entity, *lane)),
            Self::Exists(scope, entity, lane, false) => Condition::Absent(stream(*scope, *entity, *lane)),
        }
    }

    /// How it fails, if it does.
    fn judge(&self, log: &[Plain]) -> Option<(ConflictKind, Option<Position>)> {
        let numbered = || (1..).zip(log);
        let stream = |scope: usize, entity: usize, lane: u32| {
            let of = numbered().filter(move |(_, event)| {
                (event.scope, event.entity, event.lane) == (SCOPES[scope], ENTITIES[entity], lane)
            });
            let positions: Vec<u64> = of.map(|(position, _)| position).collect();
            (positions.len() as u64, positions.last().copied().map(Position))
        };
        match self {
            Self::FailIf(items, after) => {
                let is = |event: &Plain| items.iter().any(|item| item.is(event, log));
                let found = numbered().find(|(position, event)| position > after && is(event));
                found.map(|(position, _)| (ConflictKind::Boundary, Some(Position(position))))
            }
            Self::All(after) => {
                let next = after.saturating_add(1);
                (log.len() as u64 >= next).then_some((ConflictKind::Boundary, Some(Position(next))))
            }
            Self::Version(scope, entity, lane, version) => {
                let (count, last) = stream(*scope, *entity, *lane);
                (count != *version).then_some((ConflictKind::Version, last))
            }
            Self::Exists(scope, entity, lane, expected) => {
                let (count, last) = stream(*scope, *entity, *lane);
                ((count > 0) != *expected).then_some((ConflictKind::Exists, last))
            }
        }
    }
}

/// Events after which all conditions hold, if there are any: of the streams that the conditions name, and otherwise like
/// nothing that a query wants, since events that match something can only do harm.
fn remedy(asked: &[ConditionSpec], log: &mut Vec<Plain>, most: usize) -> Option<Vec<Plain>> {
    if asked.iter().all(|asked| asked.judge(log).is_none()) {
        return Some(Vec::new());
    }
    if most == 0 {
        return None;
    }
    asked.iter().find_map(|one| {
        let (ConditionSpec::Version(scope, entity, lane, _) | ConditionSpec::Exists(scope, entity, lane, _)) =
            one
        else {
            return None;
        };
        let own = id(1000 + log.len() as u64);
        let next = Plain {
            id: own,
            scope: SCOPES[*scope],
            entity: ENTITIES[*entity],
            lane: *lane,
            kind: "remedy",
            tags: Vec::new(),
            causes: Vec::new(),
            correlation: own.into(),
        };
        log.push(next.clone());
        let rest = remedy(asked, log, most - 1);
        log.pop();
        let mut all = vec![next];
        all.extend(rest?);
        Some(all)
    })
}

fn query(items: &[ModelQuery]) -> Query {
    let mut items = items.iter().map(ModelQuery::item);
    let first = Query::from(items.next().expect("never none"));
    items.fold(first, Query::or)
}

/// The world of one test case: the store and the definition's log.
struct Both {
    world: Env,
    store: Store,
    log: Vec<Plain>,
    /// How many events were drafted so far, in the log or not.
    drafted: u64,
}

impl Both {
    fn new() -> Self {
        let world = Env { disk: Arc::new(MemoryDisk::new()), ..Env::memory() };
        let store = Self::open(&world);
        Self { world, store, log: Vec::new(), drafted: 0 }
    }

    fn open(world: &Env) -> Store {
        // A few events to a segment.
        let options = StoreOptions::new().segment_bytes(1500).thread(false);
        options.open_in(world.clone()).unwrap()
    }

    /// The batch for the store, and its events as the definition would add them behind `behind` others.
    fn draft(&mut self, appended: &Appended) -> (Batch, Vec<Plain>) {
        let visible = self.store.frontier().visible.0;
        let mut batch = Batch::new();
        let mut plain: Vec<Plain> = Vec::new();
        for (index, drafted) in appended.drafts.iter().enumerate() {
            let own = id(self.drafted);
            self.drafted += 1;
            let (scope, entity, lane) = drafted.stream;
            let (scope, entity) = (SCOPES[scope], ENTITIES[entity]);
            let mut draft = Draft::new(StreamId::new(scope, entity).lane(lane), KINDS[drafted.kind]).id(own);
            let mut inherited = None;
            let mut causes = Vec::new();
            draft = drafted.tags.iter().fold(draft, |draft, tag| draft.tag(TAGS[*tag]));
            for (number, how) in &drafted.causes {
                let at = number % visible.max(1);
                // Positions of the batch's own events are not known before: they stand as drafts' numbers.
                let (said, known, flow) = match how {
                    0 => {
                        (Cause::Foreign(ABROAD, id(number % 2)), Cause::Foreign(ABROAD, id(number % 2)), None)
                    }
                    1 if index > 0 => {
                        let earlier = *number as usize % index;
                        let flow = plain[earlier].correlation;
                        (Cause::Draft(earlier as u32), Cause::Draft(earlier as u32), Some(flow))
                    }
                    _ if visible == 0 => continue,
                    how => {
                        let (event, position) = (&self.log[at as usize], Position(at + 1));
                        let said = if *how == 2 { Cause::Id(event.id) } else { Cause::At(position) };
                        (said, Cause::At(position), Some(event.correlation))
                    }
                };
                inherited = inherited.or(flow);
                draft = draft.cause(said);
                causes.push(known);
            }
            draft.correlation = drafted.correlation.map(|number| id(number).into());
            let correlation = draft.correlation.or(inherited).unwrap_or(own.into());
            let tags = drafted.tags.iter().map(|tag| TAGS[*tag]).collect();
            batch = batch.and(draft);
            plain.push(Plain {
                id: own,
                scope,
                entity,
                lane,
                kind: KINDS[drafted.kind],
                tags,
                causes,
                correlation,
            });
        }
        let batch = appended.conditions.iter().fold(batch, |batch, asked| batch.only_if(asked.condition()));
        (batch, plain)
    }

    /// Compares an answer with the definition's, and takes the events in. Returns the events after which a batch that was
    /// refused can be appended as it is, if any can help.
    fn compare(
        &mut self,
        asked: &[ConditionSpec],
        mut plain: Vec<Plain>,
        answer: tidegate::Result<Receipt>,
    ) -> Result<Option<Vec<Plain>>, TestCaseError> {
        let failing: Vec<_> = asked.iter().filter_map(|asked| asked.judge(&self.log)).collect();
        match answer {
            Ok(receipt) => {
                prop_assert_eq!(failing, []);
                let first = self.log.len() as u64 + 1;
                prop_assert_eq!(receipt.first(), Position(first));
                for cause in plain.iter_mut().flat_map(|event| &mut event.causes) {
                    if let Cause::Draft(earlier) = *cause {
                        *cause = Cause::At(Position(first + u64::from(earlier)));
                    }
                }
                self.log.append(&mut plain);
            }
            Err(error) => {
                let conflict = error.conflict().expect("nothing else can go wrong");
                let found = (conflict.kind, conflict.position);
                prop_assert!(failing.contains(&found), "{:?} is none of {:?}", found, failing);
                let remedy = remedy(asked, &mut self.log, TRIED);
                prop_assert_eq!(conflict.retry, remedy.is_some(), "{:?} of {:?}", conflict, asked);
                return Ok(remedy);
            }
        }
        Ok(None)
    }

    /// Appends what makes a refused batch possible, and then the batch itself, as it was.
    fn retry(
        &mut self,
        appended: (Batch, &[ConditionSpec], Vec<Plain>),
        remedy: Vec<Plain>,
    ) -> Result<(), TestCaseError> {
        for event in remedy {
            let stream = StreamId::new(event.scope, event.entity).lane(event.lane);
            self.store.append(Draft::new(stream, event.kind).id(event.id)).unwrap();
            self.log.push(event);
        }
        let (batch, asked, plain) = appended;
        let answer = self.store.append(batch);
        prop_assert!(answer.is_ok(), "{:?}", answer);
        self.compare(asked, plain, answer).map(drop)
    }

    /// Appends batches one by one, or as one group.
    fn append(&mut self, group: &[Appended], together: bool) -> Result<(), TestCaseError> {
        if !together {
            for appended in group {
                let (batch, plain) = self.draft(appended);
                let answer = self.store.append(batch.clone());
                if let Some(remedy) = self.compare(&appended.conditions, plain.clone(), answer)? {
                    self.retry((batch, &appended.conditions, plain), remedy)?;
                }
            }
            return Ok(());
        }
        let mut tickets = Vec::new();
        for appended in group {
            let (batch, plain) = self.draft(appended);
            // What the log alone refuses is refused before it is queued; the group can only refuse more.
            tickets.push((appended, plain, self.store.submit(batch)));
        }
        self.store.upkeep().step().unwrap();
        for (appended, plain, ticket) in tickets {
            self.compare(&appended.conditions, plain, ticket.and_then(tidegate::Ticket::wait)).map(drop)?;
        }
        Ok(())
    }

    /// What a query selects, both ways.
    fn read(&self, items: &[ModelQuery]) -> Result<(), TestCaseError> {
        let found: Vec<u64> =
            self.store.read(&query(items)).unwrap().map(|event| event.unwrap().position().0).collect();
        let is = |event: &&Plain| items.iter().any(|item| item.is(event, &self.log));
        let defined: Vec<u64> =
            (1..).zip(&self.log).filter(|(_, event)| is(event)).map(|(position, _)| position).collect();
        prop_assert_eq!(found, defined);
        Ok(())
    }
}

fn wanted() -> impl Strategy<Value = ModelQuery> {
    let names = (
        prop::collection::vec(0..WANTED_KINDS.len(), 0..3),
        prop::collection::vec(0..TAGS.len(), 0..3),
        prop::option::weighted(0.3, 0..SCOPES.len()),
        prop::option::weighted(0.5, (0..ENTITIES.len(), any::<bool>())),
        prop::option::weighted(0.3, 0..2u32),
        prop::option::weighted(0.3, (0..4u64, prop_oneof![1..6u64, Just(u64::MAX)]))
            .prop_map(|versions| versions.map(|(first, last)| (first, last.max(first)))),
    );
    let flow = (prop::option::weighted(0.2, 0..30u64), prop::option::weighted(0.2, (0..30u64, 0..3u8)));
    (names, flow).prop_map(|((kinds, tags, scope, entity, lane, versions), (correlation, cause))| {
        ModelQuery { kinds, tags, scope, entity, lane, versions, correlation, cause }
    })
}

fn after() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0), 5 => 1..40u64, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1)]
}

fn asked() -> impl Strategy<Value = ConditionSpec> {
    let stream = || (0..SCOPES.len(), 0..ENTITIES.len(), 0..2u32);
    prop_oneof![
        5 => (prop::collection::vec(wanted(), 1..3), after()).prop_map(|(items, after)| ConditionSpec::FailIf(items, after)),
        1 => after().prop_map(ConditionSpec::All),
        1 => (stream(), 0..3u64).prop_map(|((scope, entity, lane), version)| ConditionSpec::Version(scope, entity, lane, version)),
        1 => (stream(), any::<bool>()).prop_map(|((scope, entity, lane), exists)| ConditionSpec::Exists(scope, entity, lane, exists)),
    ]
}

fn drafted() -> impl Strategy<Value = Drafted> {
    let stream = (0..SCOPES.len(), 0..ENTITIES.len(), 0..2u32);
    let tags = prop::collection::vec(0..TAGS.len(), 0..3);
    let causes = prop::collection::vec((0..30u64, 0..4u8), 0..3);
    (stream, 0..KINDS.len(), tags, causes, prop::option::weighted(0.2, 0..30u64)).prop_map(
        |(stream, kind, tags, causes, correlation)| Drafted { stream, kind, tags, causes, correlation },
    )
}

fn appended() -> impl Strategy<Value = Appended> {
    let drafts = prop::collection::vec(drafted(), 1..4);
    let conditions = prop_oneof![1 => Just(Vec::new()), 2 => prop::collection::vec(asked(), 1..4)];
    (drafts, conditions).prop_map(|(drafts, conditions)| Appended { drafts, conditions })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn conditions_hold_by_definition(
        groups in prop::collection::vec((prop::collection::vec(appended(), 1..6), any::<bool>(), 0..8u8), 1..8),
        queries in prop::collection::vec(prop::collection::vec(wanted(), 1..3), 4),
    ) {
        let mut both = Both::new();
        for (group, together, reopen) in &groups {
            both.append(group, *together)?;
            if *reopen == 0 {
                both.store.close().unwrap();
                both.store = Both::open(&both.world);
            }
        }
        for query in &queries {
            both.read(query)?;
        }
        prop_assert_eq!(both.store.frontier().visible.0, both.log.len() as u64);
        both.store.verify(|_| ()).unwrap();
    }
}
