//! A store that retired answers as one that did not, but for records.

use proptest::prelude::*;
use tidegate::{
    Batch, Cause, Condition, Draft, Error, ErrorKind, EventId, Position, Query, QueryItem, ReadOptions,
    Receipt, Result, Store, StreamId, Version,
};

use tidegate_format::Hash;

use super::retire;
use crate::faults::stage::Stage;

/// One step of both stores.
#[derive(Clone, Debug)]
enum Step {
    Append { entity: u8, kind: u8, tag: u8, cause: Option<u64>, key: bool, id: bool },
    Retire { before: u64 },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cause = proptest::option::of(1_u64..60);
    let append = (0_u8..5, 0_u8..3, 0_u8..4, cause, any::<bool>(), any::<bool>())
        .prop_map(|(entity, kind, tag, cause, key, id)| Step::Append { entity, kind, tag, cause, key, id });
    let retire = (1_u64..80).prop_map(|before| Step::Retire { before });
    proptest::collection::vec(prop_oneof![12 => append, 1 => retire, 1 => Just(Step::Restart)], 20..90)
}

/// The same store twice: one retires, the other appends another event instead.
struct Twins {
    stages: [Stage; 2],
    stores: [Option<Store>; 2],
    appended: u64,
    /// The leaves of the one that retires, as its receipts said.
    leaves: Vec<(Position, Hash)>,
}

fn stream(entity: u8) -> StreamId {
    StreamId::new("shop", format!("order-{entity}"))
}

fn key(number: u64) -> String {
    format!("key-{number}")
}

fn id(number: u64) -> EventId {
    EventId::from_key("test", &number.to_string())
}

impl Twins {
    fn new() -> Self {
        let stages = [Stage::seeded(9), Stage::seeded(9)];
        let stores = [0, 1].map(|at: usize| Some(stages[at].open()));
        Self { stages, stores, appended: 0, leaves: Vec::new() }
    }

    fn store(&self, at: usize) -> &Store {
        self.stores[at].as_ref().expect("it is open")
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Append { entity, kind, tag, cause, key: keyed, id: named } => {
                let head = self.store(0).view().unwrap().head().0;
                self.appended += 1;
                let number = self.appended;
                let mut draft = Draft::new(stream(*entity), format!("order.k{kind}"))
                    .tag(format!("tag:{tag}"))
                    .correlation(EventId([3; 16]))
                    .bytes(vec![*tag; 60]);
                if *named {
                    draft = draft.id(id(number));
                }
                if let Some(cause) = cause.filter(|_| head > 0) {
                    draft = draft.cause(Cause::At(Position(cause % head + 1)));
                }
                let mut batch = Batch::from(draft);
                if *keyed {
                    batch = batch.key(key(number));
                }
                let [one, other] = [0, 1].map(|at| self.store(at).append(batch.clone()));
                if let Ok(receipt) = &one {
                    self.leaves.extend(receipt.events.iter().map(|event| (event.position, event.leaf)));
                }
                assert_eq!(Said::of(one), Said::of(other));
            }
            Step::Retire { before } => {
                let retirement = retire(self.store(0), Position(*before)).unwrap();
                if retirement.recorded.is_some() {
                    self.store(1).append(Draft::new(("else", "where"), "something.else")).unwrap();
                }
            }
            Step::Restart => {
                for at in [0, 1] {
                    self.stores[at].take().expect("it is open").close().unwrap();
                    self.stages[at].restart();
                    self.stores[at] = Some(self.stages[at].open());
                }
            }
        }
    }

    /// Asks both, and compares what they say.
    fn both<T>(&self, ask: impl Fn(&Store) -> Result<T>) -> Said
    where
        T: Into<Answer>,
    {
        let [one, other] = [0, 1].map(|at| Said::of(ask(self.store(at))));
        assert_eq!(one, other);
        one
    }
}

/// An answer that can be compared.
#[derive(Clone, Debug, PartialEq)]
struct Answer(Vec<u64>);

/// An answer, or a refusal and the position that it names.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Yes(Answer),
    No(ErrorKind, Option<Position>),
}

impl Said {
    fn of<T: Into<Answer>>(result: std::result::Result<T, Error>) -> Self {
        match result {
            Ok(answer) => Self::Yes(answer.into()),
            Err(error) => Self::No(error.kind(), error.conflict().and_then(|conflict| conflict.position)),
        }
    }
}

impl From<Receipt> for Answer {
    fn from(receipt: Receipt) -> Self {
        Self(receipt.events.iter().flat_map(|event| [event.position.0, event.version.0]).collect())
    }
}

impl From<u64> for Answer {
    fn from(number: u64) -> Self {
        Self(vec![number])
    }
}

impl From<Vec<Position>> for Answer {
    fn from(positions: Vec<Position>) -> Self {
        Self(positions.into_iter().map(|position| position.0).collect())
    }
}

fn queries() -> Vec<Query> {
    let mut queries: Vec<Query> =
        (0..4).map(|tag| QueryItem::new().tag(format!("tag:{tag}")).into()).collect();
    queries.extend((0..3).map(|kind| Query::kind(format!("order.k{kind}"))));
    queries.extend((0..5).map(|entity| Query::stream(stream(entity))));
    queries.push(Query::kind("order.*"));
    queries.push(QueryItem::new().kind("order.k1").tag("tag:2").into());
    queries.push(Query::kind("never"));
    queries
}

/// Everything that needs no record.
fn compare(twins: &Twins) {
    let head = twins.store(0).view().unwrap().head();
    for query in queries() {
        for after in [0, 1, head.0 / 3, head.0 / 2, head.0].map(Position) {
            twins.both(|store| store.view()?.count_with(&query, ReadOptions::new().after(after)));
            let condition = Condition::fail_if(query.clone()).after(after);
            twins.both(|store| store.append(probe().only_if(condition.clone())));
        }
    }
    for entity in 0..6 {
        for position in [1, head.0 / 3, head.0 / 2, head.0].map(Position) {
            twins.both(|store| Ok(store.view()?.as_of(position).version(&stream(entity))?.0));
        }
        let version = twins.store(1).view().unwrap().version(&stream(entity)).unwrap();
        for wrong in [0, 1, version.0 + 1].map(Version).into_iter().filter(|wrong| *wrong != version) {
            let condition = Condition::Version(stream(entity), wrong);
            twins.both(|store| store.append(probe().only_if(condition.clone())));
        }
        for condition in [Condition::Exists(stream(entity)), Condition::Absent(stream(entity))] {
            twins.both(|store| store.append(probe().only_if(condition.clone())));
        }
        // The link to the last event, which may be retired, is under the leaf.
        let again = Batch::from(Draft::new(stream(entity), "order.again"));
        twins.both(|store| store.append(again.clone()));
    }
    for number in 0..twins.appended + 2 {
        let draft = Draft::new(("probes", "probe"), "probe").id(id(number));
        twins.both(|store| store.append(draft.clone()));
    }
    for position in (1..=head.0).map(Position) {
        twins.both(|store| store.view()?.graph().causes(position)?.collect::<Result<Vec<_>>>());
        twins.both(|store| store.view()?.graph().effects(position)?.collect::<Result<Vec<_>>>());
        twins.both(|store| store.view()?.graph().ancestors(&[position])?.collect::<Result<Vec<_>>>());
        twins.both(|store| store.view()?.graph().descendants(&[position])?.collect::<Result<Vec<_>>>());
        twins.both(|store| Ok(u64::from(store.view()?.graph().level(position)?)));
        for other in [1, head.0 / 2].map(Position) {
            twins.both(|store| Ok(u64::from(store.view()?.graph().is_ancestor(other, position)?)));
        }
        let effects = Query::from(QueryItem::new().cause(Cause::At(position)));
        twins.both(|store| store.view()?.count(&effects));
    }
}

/// A condition on an event that was seen holds, whether its record is there or not, and on another one it does not.
fn leaves_are_known(twins: &Twins) {
    for (position, leaf) in &twins.leaves {
        twins.store(0).append(probe().only_if(Condition::Leaf(*position, *leaf))).unwrap();
        let other = Condition::Leaf(*position, Hash([1; 32]));
        assert!(twins.store(0).append(probe().only_if(other)).unwrap_err().conflict().is_some());
    }
}

fn probe() -> Batch {
    Batch::from(Draft::new(("probes", "probe"), "probe"))
}

/// A key is never forgotten: the retry of a batch that was retired is refused with its position.
fn retries_are_refused(twins: &Twins) {
    let floor = twins.store(0).view().unwrap().floor();
    for number in 1..=twins.appended {
        let draft = Draft::new(stream(0), "order.other");
        let batch = Batch::from(draft).key(key(number));
        let known = twins.store(1).view().unwrap().find_key(&key(number)).unwrap();
        let Some(first) = known.map(|event| event.position()) else { continue };
        let error = twins.store(0).append(batch).unwrap_err();
        assert_eq!(error.conflict().and_then(|conflict| conflict.position), Some(first), "{error}");
        if first < floor {
            assert!(error.to_string().contains("retired"), "{error}");
            let error = twins.store(0).view().unwrap().find_key(&key(number)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Retired, "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn are_those_of_a_store_that_retired_nothing(steps in steps()) {
        let mut twins = Twins::new();
        for step in &steps {
            twins.take(step);
        }
        compare(&twins);
        retries_are_refused(&twins);
        leaves_are_known(&twins);
        twins.store(0).verify(|_| ()).unwrap();
    }
}
