//! Conditions on a batch alone: each holds, and each refuses with a typed conflict.

mod borders;

use tidegate::batch::ConflictKind;
use tidegate::{Batch, Cause, Condition, ErrorKind, Position, Query, QueryItem, StreamId, Version};

use super::{append, conflict, draft, head, refused, store, tag};

fn stream(entity: &'static str) -> StreamId {
    StreamId::new("s", entity)
}

fn only_if(condition: Condition) -> Batch {
    Batch::from(draft("other", "a.b")).only_if(condition)
}

#[test]
fn version_0_means_empty() {
    let store = store();
    append(&store, only_if(Condition::Version(stream("a"), Version(0))));
    append(&store, draft("a", "a.b"));
    let error = refused(&store, only_if(Condition::Version(stream("a"), Version(0))));
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let conflict = conflict(&error);
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Version, Some(Position(2))));
    assert!(!conflict.retry, "a version never becomes less");
    assert_eq!(head(&store), 2);
}

#[test]
fn a_version_is_met_exactly() {
    let store = store();
    append(&store, vec![draft("a", "a.b"), draft("b", "a.b"), draft("a", "a.b")]);
    append(&store, only_if(Condition::Version(stream("a"), Version(2))));
    for version in [0, 1, 3, u64::MAX] {
        let error = refused(&store, only_if(Condition::Version(stream("a"), Version(version))));
        assert_eq!(conflict(&error).position, Some(Position(3)), "{version}");
    }
    let error = refused(&store, only_if(Condition::Version(stream("none"), Version(1))));
    assert_eq!((conflict(&error).kind, conflict(&error).position), (ConflictKind::Version, None));
    append(&store, only_if(Condition::Version(stream("a").lane(1), Version(0))));
}

#[test]
fn a_stream_exists_or_does_not() {
    let store = store();
    append(&store, only_if(Condition::Absent(stream("a"))));
    let error = refused(&store, only_if(Condition::Exists(stream("a"))));
    assert_eq!((conflict(&error).kind, conflict(&error).position), (ConflictKind::Exists, None));
    assert!(conflict(&error).retry, "a stream may get events");
    append(&store, draft("a", "a.b"));
    append(&store, only_if(Condition::Exists(stream("a"))));
    let error = refused(&store, only_if(Condition::Absent(stream("a"))));
    assert_eq!((conflict(&error).kind, conflict(&error).position), (ConflictKind::Exists, Some(Position(2))));
    assert!(!conflict(&error).retry, "a stream that has events keeps them");
}

#[test]
fn without_after_any_match_refuses() {
    let store = store();
    append(&store, only_if(Condition::fail_if(tag("t"))));
    append(&store, draft("a", "a.b").tag("t"));
    append(&store, draft("a", "a.b"));
    let error = refused(&store, only_if(Condition::fail_if(tag("t"))));
    let conflict = conflict(&error);
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Boundary, Some(Position(2))));
    assert!(!conflict.retry, "the event stays where it is");
}

#[test]
fn after_is_exclusive_and_may_lie_beyond_the_head() {
    let store = store();
    for _ in 0..3 {
        append(&store, draft("a", "a.b").tag("t"));
    }
    let fail_if = |after: u64| only_if(Condition::fail_if(tag("t")).after(Position(after)));
    assert_eq!(conflict(&refused(&store, fail_if(1))).position, Some(Position(2)));
    assert_eq!(conflict(&refused(&store, fail_if(2))).position, Some(Position(3)));
    append(&store, fail_if(3));
    append(&store, fail_if(1000));
    append(&store, fail_if(u64::MAX));
    assert_eq!(head(&store), 6);
}

#[test]
fn every_event_is_a_boundary_too() {
    let store = store();
    append(&store, only_if(Condition::fail_if(Query::ALL)));
    assert_eq!(
        conflict(&refused(&store, only_if(Condition::fail_if(Query::ALL)))).position,
        Some(Position(1))
    );
    append(&store, only_if(Condition::fail_if(Query::ALL).after(Position(1))));
    assert_eq!(
        conflict(&refused(&store, only_if(Condition::fail_if(QueryItem::new())))).position,
        Some(Position(1))
    );
}

#[test]
fn a_batch_is_not_judged_against_its_own_events() {
    let store = store();
    let batch = || {
        Batch::from(vec![draft("a", "a.b").tag("t"), draft("a", "a.b").tag("t")])
            .only_if(Condition::fail_if(tag("t")))
            .only_if(Condition::Absent(stream("a")))
            .only_if(Condition::Version(stream("a"), Version(0)))
    };
    assert_eq!(append(&store, batch()).last(), Position(2));
    assert_eq!(conflict(&refused(&store, batch())).position, Some(Position(1)));
}

#[test]
fn all_conditions_must_hold() {
    let store = store();
    append(&store, draft("a", "a.b").tag("t"));
    let batch = |version: u64| {
        only_if(Condition::Exists(stream("a")))
            .only_if(Condition::fail_if(tag("u")))
            .only_if(Condition::Version(stream("a"), Version(version)))
    };
    append(&store, batch(1));
    assert_eq!(conflict(&refused(&store, batch(2))).kind, ConflictKind::Version);
    assert_eq!(head(&store), 2);
}

#[test]
fn an_id_is_in_the_log_once() {
    let store = store();
    let id = tidegate::EventId([7; 16]);
    append(&store, draft("a", "a.b").id(id));
    let error = refused(&store, draft("b", "a.b").id(id));
    let conflict = conflict(&error);
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Duplicate, Some(Position(1))));
    assert!(!conflict.retry);
}

#[test]
fn a_cause_within_a_batch_comes_before_its_effect() {
    let store = store();
    let id = tidegate::EventId([7; 16]);
    let first = || draft("a", "a.b").id(id);
    for effect in [Cause::Id(id), Cause::Draft(0)] {
        let store = super::store();
        append(&store, vec![first(), draft("b", "a.b").cause(effect)]);
        let event = store.view().unwrap().at(Position(2)).unwrap().unwrap();
        assert_eq!(event.causes().collect::<Vec<_>>(), [Cause::At(Position(1))]);
    }
    for cause in [Cause::Id(id), Cause::Draft(0), Cause::Draft(1), Cause::Draft(7), Cause::At(Position(1))] {
        let error = refused(&store, vec![draft("b", "a.b").cause(cause), first()]);
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.message().contains("a cause comes before its effects"), "{error}");
    }
    let own = refused(&store, draft("b", "a.b").id(id).cause(Cause::Id(id)));
    assert!(own.message().contains("a cause comes before its effects"), "{own}");
    assert_eq!(head(&store), 0);
}

#[test]
fn a_refusal_says_what_and_where() {
    let store = store();
    append(&store, draft("a", "a.b").tag("t"));
    let error = refused(&store, only_if(Condition::fail_if(tag("t"))));
    let text = error.to_string();
    assert!(text.contains("boundary conflict with position 1"), "{text}");
    let error = refused(&store, only_if(Condition::Version(stream("a"), Version(4))));
    assert!(error.to_string().contains("version 4, it has 1"), "{error}");
}

/// A batch may have conditions on several streams, so the refusal says which one it is about.
#[test]
fn a_conflict_names_its_stream() {
    let store = tidegate::Store::in_memory().unwrap();
    let stream = tidegate::StreamId::new("shop", "order-7");
    let conditions = [
        (Condition::Version(stream.clone(), Version(3)), "shop/order-7 was to have version 3, it has 0"),
        (Condition::Exists(stream), "shop/order-7 was to have events, it has none"),
    ];
    for (condition, expected) in conditions {
        let batch = Batch::from(tidegate::Draft::new(("shop", "order-8"), "order.placed"));
        let refused = store.append(batch.only_if(condition)).unwrap_err();
        assert!(refused.conflict().is_some() && refused.to_string().contains(expected), "{refused}");
    }
}
