//! A decision holds what it read: if that moved before the commit, it decides again.

use std::cell::Cell;

use tidegate::batch::ConflictKind;
use tidegate::decide::{Decision, DecisionView, Outcome};
use tidegate::{
    AppendOptions, Cause, ErrorKind, EventId, Micros, Position, Query, QueryItem, ReadOptions, Result, Store,
    StreamId,
};

use super::{append, code, conflict, denied, draft, head, store, tag};

/// Decides to append an event, while `meanwhile` comes into the log during the first attempt; returns how
/// many times it decided.
fn attempts(store: &Store, read: impl Fn(&DecisionView) -> Result<()>, meanwhile: tidegate::Draft) -> usize {
    let (attempts, meanwhile) = (Cell::new(0), Cell::new(Some(meanwhile)));
    let decided = store.decide(|view| -> tidegate::Result<Decision> {
        attempts.set(attempts.get() + 1);
        read(view)?;
        if let Some(meanwhile) = meanwhile.take() {
            append(store, meanwhile);
        }
        Ok(draft("decided", "a.b").into())
    });
    assert!(matches!(decided, Ok(Outcome::Committed(_))), "{decided:?}");
    attempts.get()
}

/// A name, and something that reads through a view.
type Reading = (&'static str, Box<dyn Fn(&DecisionView) -> Result<()>>);

const MOVED: usize = 2;
const HELD: usize = 1;

/// Makes nothing of what was read.
#[expect(clippy::unnecessary_wraps, reason = "it ends a decision's reading")]
fn nothing(_: &impl std::fmt::Debug) -> Result<()> {
    Ok(())
}

#[test]
fn whatever_is_read_is_held() {
    let id = EventId([5; 16]);
    let moving = || draft("a", "a.b").tag("t").id(id);
    let stream = || StreamId::new("s", "a");
    let readings: Vec<Reading> = vec![
        ("read", Box::new(|view| view.read(&tag("t")).try_for_each(|event| event.map(drop)))),
        ("read nothing of it", Box::new(|view| nothing(&view.read(&tag("t"))))),
        (
            "newest",
            Box::new(|view| {
                nothing(&view.read_with(&tag("t"), ReadOptions::new().backwards(true).limit(1)).next())
            }),
        ),
        (
            "after the head",
            Box::new(|view| nothing(&view.read_with(&tag("t"), ReadOptions::new().after(view.head())))),
        ),
        ("fold", Box::new(|view| view.fold(&tag("t"), (), |(), _| Ok(())))),
        ("count", Box::new(|view| view.count(&tag("t")).map(drop))),
        ("exists", Box::new(|view| view.exists(&tag("t")).map(drop))),
        ("version", Box::new(move |view| view.version(&stream()).map(drop))),
        ("stream head", Box::new(move |view| view.last_event(&StreamId::new("s", "a")).map(drop))),
        ("past the head", Box::new(|view| view.at(view.head().next()).map(drop))),
        ("absent id", Box::new(move |view| view.find(id).map(drop))),
        ("everything", Box::new(|view| view.count(&Query::ALL).map(drop))),
    ];
    for (name, read) in readings {
        let store = store();
        append(&store, draft("z", "a.b"));
        assert_eq!(attempts(&store, &read, moving()), MOVED, "{name}");
        assert_eq!(head(&store), 3, "{name}");
        assert_eq!(
            attempts(&store, &read, draft("z", "b.c")),
            if name == "everything" || name == "past the head" { MOVED } else { HELD },
            "{name}: nothing it read moved"
        );
    }
}

/// A range of versions is held exactly, and a range of times as far as events that are to come can be in it.
#[test]
fn ranges_are_held_as_far_as_they_can_move() {
    let item = || QueryItem::new().stream(("s", "a")).kind("a.*");
    let now = |view: &DecisionView| view.at(Position(1)).map(|event| event.expect("it was appended").time());
    let count = |view: &DecisionView, item: QueryItem, read| view.count_with(&item.into(), read).map(drop);
    let readings: Vec<(Reading, usize)> = vec![
        (
            (
                "the version that comes",
                Box::new(move |view| count(view, item().versions(2..=2), ReadOptions::new())),
            ),
            MOVED,
        ),
        (
            (
                "it and later ones",
                Box::new(move |view| count(view, item().versions(1..), ReadOptions::new())),
            ),
            MOVED,
        ),
        (
            (
                "any second version",
                Box::new(move |view| view.exists(&QueryItem::new().versions(2..3).into()).map(drop)),
            ),
            MOVED,
        ),
        (("later ones", Box::new(move |view| count(view, item().versions(3..), ReadOptions::new()))), HELD),
        (("earlier ones", Box::new(move |view| count(view, item().versions(..2), ReadOptions::new()))), HELD),
        (
            ("since now", Box::new(move |view| count(view, item(), ReadOptions::new().since(now(view)?)))),
            MOVED,
        ),
        (
            ("until now", Box::new(move |view| count(view, item(), ReadOptions::new().until(now(view)?)))),
            HELD,
        ),
        (
            (
                "for ever",
                Box::new(move |view| count(view, item(), ReadOptions::new().until(Micros(u64::MAX)))),
            ),
            MOVED,
        ),
    ];
    for ((name, read), expected) in readings {
        let store = store();
        append(&store, draft("a", "a.b"));
        assert_eq!(attempts(&store, &read, draft("a", "a.b")), expected, "{name}");
    }
}

#[test]
fn what_cannot_move_is_not_held() {
    let store = store();
    let id = EventId([5; 16]);
    append(&store, draft("a", "a.b").tag("t").id(id));
    let moving = || draft("a", "a.b").tag("t");
    assert_eq!(attempts(&store, |view| view.find(id).map(|found| assert!(found.is_some())), moving()), HELD);
    assert_eq!(attempts(&store, |view| view.at(Position(1)).map(drop), moving()), HELD);
    let closed =
        |view: &DecisionView| view.count_with(&tag("t"), ReadOptions::new().before(Position(2))).map(drop);
    assert_eq!(attempts(&store, closed, moving()), HELD);
    let newest = |view: &DecisionView| view.at(view.head()).map(drop);
    assert_eq!(attempts(&store, newest, moving()), HELD);
    let up_to_head = |view: &DecisionView| {
        view.count_with(&tag("t"), ReadOptions::new().before(view.head().next())).map(drop)
    };
    assert_eq!(attempts(&store, up_to_head, moving()), HELD);
    let open = |view: &DecisionView| {
        view.count_with(&tag("t"), ReadOptions::new().before(view.head().next().next())).map(drop)
    };
    assert_eq!(attempts(&store, open, moving()), MOVED);
    assert_eq!(attempts(&store, |_| Ok(()), moving()), HELD, "who reads nothing is held to nothing");
}

#[test]
fn an_effect_of_an_unknown_cause_moves_what_was_read() {
    let store = store();
    let id = EventId([6; 16]);
    let effects = || Query::from(QueryItem::new().cause(Cause::Id(id)));
    let read = |view: &DecisionView| view.exists(&effects()).map(drop);
    let attempts = Cell::new(0);
    let decided = store.decide(|view| -> tidegate::Result<Decision> {
        attempts.set(attempts.get() + 1);
        read(view)?;
        if attempts.get() == 1 {
            append(&store, draft("a", "a.b").id(id));
            append(&store, draft("b", "a.b").cause(id));
        }
        Ok(draft("decided", "a.b").into())
    });
    assert_eq!((decided.unwrap().receipt().unwrap().first(), attempts.get()), (Position(3), MOVED));
}

#[test]
fn a_denial_writes_nothing_and_needs_no_commit() {
    let store = store();
    let decided = store.decide(|view| -> tidegate::Result<Decision> {
        view.exists(&tag("t"))?;
        append(&store, draft("a", "a.b").tag("t"));
        Ok(Decision::deny("NO", "not today"))
    });
    assert_eq!(code(&denied(decided.unwrap())), "NO");
    assert_eq!(head(&store), 1, "what was appended meanwhile, and nothing else");
}

#[test]
fn it_is_judged_again_so_often_and_not_more() {
    let store = store();
    let attempts = Cell::new(0);
    let append_three = AppendOptions::new().attempts(3);
    let error = store.decide_with(append_three, |view| -> tidegate::Result<Decision> {
        attempts.set(attempts.get() + 1);
        view.exists(&tag("t"))?;
        append(&store, draft("a", "a.b").tag("t"));
        Ok(draft("decided", "a.b").into())
    });
    let error = error.unwrap_err();
    assert_eq!((error.kind(), attempts.get(), head(&store)), (ErrorKind::Conflict, 3, 3));
    let conflict = conflict(&error);
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Boundary, Some(Position(3))));
    assert!(conflict.retry);
    assert!(error.to_string().contains("3 times"), "{error}");
    let never = AppendOptions::new().attempts(0);
    let decided = store
        .decide_with(never, |_| -> tidegate::Result<Decision> { Ok(draft("decided", "a.b").into()) })
        .unwrap();
    assert_eq!(decided.receipt().unwrap().first(), Position(4), "once at least");
}

#[test]
fn a_condition_of_the_callers_own_is_not_judged_again() {
    let store = store();
    append(&store, draft("a", "a.b").tag("t"));
    let attempts = Cell::new(0);
    let error = store.decide(|_| -> tidegate::Result<Decision> {
        attempts.set(attempts.get() + 1);
        let batch = tidegate::Batch::from(draft("b", "a.b"));
        Ok(batch.only_if(tidegate::Condition::fail_if(tag("t"))).into())
    });
    assert_eq!((conflict(&error.unwrap_err()).position, attempts.get()), (Some(Position(1)), 1));
}

#[test]
fn an_error_of_the_decision_is_its_answer() {
    let store = store();
    let error = store
        .decide(|_| -> tidegate::Result<Decision> { Err(tidegate::Error::invalid("of the caller's own")) });
    assert_eq!(error.unwrap_err().message(), "of the caller's own");
    assert_eq!(head(&store), 0);
}

#[test]
fn a_panicking_decision_harms_nobody_else() {
    let store = store();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.decide(|view| -> tidegate::Result<Decision> {
            view.exists(&tag("t"))?;
            panic!("the caller's own");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(append(&store, draft("a", "a.b")).first(), Position(1));
    store.close().unwrap();
}

#[derive(Debug)]
enum BookingError {
    SoldOut(u64),
    Store(tidegate::Error),
}

impl From<tidegate::Error> for BookingError {
    fn from(error: tidegate::Error) -> Self {
        Self::Store(error)
    }
}

/// The caller's own error comes back as it is, and the store's own errors become it.
#[test]
fn a_closure_has_its_own_error_type() {
    let store = store();
    let book = |draft: tidegate::Draft| {
        store.decide(|view| {
            let taken = view.count(&tag("seat"))?;
            if taken >= 2 {
                Err(BookingError::SoldOut(taken))
            } else {
                Ok(vec![draft.clone(), draft.clone()])
            }
        })
    };
    assert_eq!(book(draft("a", "seat.booked").tag("seat")).unwrap().receipt().unwrap().events.len(), 2);
    assert!(matches!(book(draft("b", "seat.booked")), Err(BookingError::SoldOut(2))));
    let refused = store.decide(|_| Ok::<_, BookingError>(draft("", "seat.booked"))).unwrap_err();
    assert!(
        matches!(&refused, BookingError::Store(error) if error.kind() == ErrorKind::Invalid),
        "{refused:?}"
    );
    store.close().unwrap();
    let ended = book(draft("c", "seat.booked")).unwrap_err();
    assert!(matches!(&ended, BookingError::SoldOut(2)), "a closed store can still be read: {ended:?}");
}
