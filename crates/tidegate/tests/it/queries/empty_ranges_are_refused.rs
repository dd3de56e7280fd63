//! A range of versions that holds none is refused wherever a query is used, and every other range is taken.

use std::ops::RangeBounds;

use tidegate::{
    Batch, Condition, Draft, ErrorKind, Position, Query, QueryItem, ReadOptions, Result, Store, Version,
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

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
fn by_every_use() {
    let store = store();
    let view = store.view().unwrap();
    for query in [
        of(5..=3),
        of(3..3),
        of(..0),
        of(..1),
        of(..=0),
        Query::tag("t").or(QueryItem::new().versions(5..=3)),
    ] {
        let text = query.to_string();
        assert_refused(&text, store.count(&query));
        assert_refused(&text, view.count_with(&query, ReadOptions::new().backwards(true)));
        assert_refused(&text, view.stats(&query, ReadOptions::new(), 1));
        assert_refused(&text, store.read(&query).unwrap().next().unwrap());
        assert_refused(&text, store.subscribe(query.clone(), Position::START).next().unwrap());
        assert_refused(&text, store.cursor("mailer", query.clone()));
        let batch = Batch::from(Draft::new(STREAM, "a.b"));
        assert_refused(&text, store.append(batch.only_if(Condition::fail_if(query.clone()))));
        assert_refused(
            &text,
            store.decide(|view| -> Result<Vec<Draft>> {
                view.count(&query)?;
                Ok(Vec::new())
            }),
        );
    }
    assert_eq!(view.head(), store.view().unwrap().head(), "nothing was appended");
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
