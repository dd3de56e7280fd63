//! A query that names what no event can have, such as a kind with a `*` that is not a family or an empty range of versions,
//! is refused wherever it is used, and every other one is taken.

use std::ops::RangeBounds;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate::decide::GateSet;
use tidegate::graph::Selection;
use tidegate::project::{Bookmark, Projection, ReadModel, Updater};
use tidegate::{
    Batch, Condition, Draft, Error, ErrorKind, Position, Query, QueryItem, ReadOptions, RecordedEvent,
    Result, Store, Version,
};

const STREAM: (&str, &str) = ("s", "a");

fn store() -> Store {
    let store = Store::in_memory().unwrap();
    for _ in 0..5 {
        store.append(Draft::new(STREAM, "a.b")).unwrap();
    }
    store
}

fn of(versions: impl RangeBounds<u64>) -> Query {
    QueryItem::new().stream(STREAM).versions(versions).into()
}

fn assert_refused<T>(what: &str, used: Result<T>) {
    assert_eq!(used.err().map(|error| error.kind()), Some(ErrorKind::Invalid), "{what}");
}

/// A state that folds, or keeps elsewhere, the events of `*.paid`.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Paid;

impl Projection for Paid {
    const NAME: &'static str = "paid";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::kind("*.paid")
    }

    fn apply(&mut self, _: &RecordedEvent) -> Result<()> {
        Ok(())
    }
}

impl ReadModel for Paid {
    const VERSION: u16 = 1;
    type Error = Error;

    fn query(&self) -> Query {
        <Self as Projection>::query()
    }

    fn bookmark(&mut self) -> Result<Option<String>> {
        Ok(None)
    }

    fn commit(&mut self, _: &[RecordedEvent], _: Option<&Bookmark>, _: &Bookmark) -> Result<()> {
        Ok(())
    }
}

#[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
fn what_no_event_has() -> Vec<Query> {
    let long = || "x".repeat(1_025);
    let kinds = ["", "*", "**", ".*", "*.b", "a.*.b", "a*", "a.b*", "a.*.*", "a\n.b"].map(Query::kind);
    let mut queries = vec![
        of(5..=3),
        of(3..3),
        of(..0),
        of(..1),
        of(..=0),
        Query::tag("t").or(QueryItem::new().versions(5..=3)),
        Query::tag("t").or(QueryItem::new().kind("a.b").kind("a*")),
        Query::kind(long()),
        Query::tag(""),
        Query::tag("t\0"),
        QueryItem::new().tag("t").tag(long()).into(),
        QueryItem::new().scope("").into(),
        QueryItem::new().entity("").into(),
        QueryItem::new().entity_prefix("a\t").into(),
    ];
    queries.extend(kinds);
    queries
}

fn by_every_use(store: &Store) {
    let view = store.view().unwrap();
    for query in what_no_event_has() {
        let text = query.to_string();
        assert_refused(&text, store.count(&query));
        assert_refused(&text, view.count_with(&query, ReadOptions::new().backwards(true)));
        assert_refused(&text, view.stats(&query, ReadOptions::new(), 1));
        assert_refused(&text, store.read(&query).unwrap().next().unwrap());
        assert_refused(&text, store.subscribe(query.clone(), Position::START).next().unwrap());
        assert_refused(&text, store.subscribe(query.clone(), view.head()).next_now());
        assert_refused(
            &text,
            store.subscribe(query.clone(), view.head()).lossy(1).next_within(Duration::ZERO),
        );
        assert_refused(&text, store.cursor("mailer", query.clone()));
        assert_refused(&text, store.reactor("mailer", query.clone(), |_, _| Ok(None)));
        assert_refused(&text, store.guard(query.clone(), GateSet::new()));
        assert_refused(&text, view.graph().select(&Selection::from(query.clone())));
        assert_refused(&text, view.graph().select(&Selection::history(&[]).only(query.clone())));
        assert_refused(&text, view.graph().ancestors(&[]).unwrap().only(query.clone()).next().unwrap());
        for after in [Position::START, view.head(), Position::MAX] {
            let condition = Condition::fail_if(query.clone()).after(after);
            assert_refused(&text, store.append(Batch::from(Draft::new(STREAM, "a.b")).only_if(condition)));
        }
        assert_refused(
            &text,
            store.decide(|view| -> Result<Vec<Draft>> {
                view.exists(&query)?;
                Ok(Vec::new())
            }),
        );
    }
    assert_refused("a projection", store.projector::<Paid>());
    assert_refused("a read model", Updater::open(store, Paid));
    assert_eq!(view.head(), store.view().unwrap().head(), "nothing was appended");
}

#[test]
fn by_every_use_with_events() {
    by_every_use(&store());
}

#[test]
fn by_every_use_without_events() {
    by_every_use(&Store::in_memory().unwrap());
}

/// What stands beside the patterns is taken: a `*` in other names, kinds that look odd, a prefix without a letter.
#[test]
fn names_that_an_event_can_have_are_taken() {
    let store = Store::in_memory().unwrap();
    store.append(Draft::new(("s*", "*"), "a..b c").tag("*.x")).unwrap();
    let taken = [
        Query::kind("a..b c"),
        Query::kind("a..*"),
        Query::kind("a.*"),
        Query::tag("*.x"),
        QueryItem::new().scope("s*").entity("*").entity_prefix("").into(),
    ];
    for query in taken {
        assert_eq!(store.count(&query).unwrap(), 1, "{query}");
    }
}

#[test]
fn a_range_is_of_numbers_or_of_versions() {
    let store = store();
    let count = |item: QueryItem| store.count(&item.stream(STREAM).into()).unwrap();
    assert_eq!(count(QueryItem::new().versions(1..=5)), 5);
    assert_eq!(count(QueryItem::new().versions(3..)), 3);
    assert_eq!(count(QueryItem::new().versions(..3)), 2);
    assert_eq!(count(QueryItem::new().versions(7..=9)), 0);
    let third = store.view().unwrap().at(Position(3)).unwrap().unwrap().version();
    assert_eq!(count(QueryItem::new().versions(third..)), 3);
    assert_eq!(count(QueryItem::new().versions(Version(2)..=third)), 2);
}
