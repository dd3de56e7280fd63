//! Batches that share a group see each other, and only those that were accepted.

use tidegate::batch::ConflictKind;
use tidegate::testing::{Call, Env, Errno, FaultPlan, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{
    Batch, Cause, Condition, ErrorKind, EventId, Position, Query, QueryItem, StoreOptions, StreamId, Version,
};
use tidegate_format::limit;

use super::{append, conflict, draft, head, refused, stepped, store, submit, tag};

#[test]
fn the_first_of_a_group_wins() {
    let store = stepped();
    let claim = |entity| Batch::from(draft(entity, "a.b").tag("t")).only_if(Condition::fail_if(tag("t")));
    let tickets = ["a", "b", "c"].map(|entity| submit(&store, claim(entity)));
    store.upkeep().step().unwrap();
    let [first, rest @ ..] = tickets.map(tidegate::Ticket::wait);
    assert_eq!(first.unwrap().first(), Position(1));
    for refused in rest {
        let conflict = conflict(&refused.unwrap_err());
        assert_eq!((conflict.kind, conflict.position), (ConflictKind::Boundary, Some(Position(1))));
    }
    assert_eq!(head(&store), 1);
}

#[test]
fn a_refused_batch_refuses_nobody() {
    let store = stepped();
    let taken = submit(&store, draft("a", "a.b").tag("t"));
    let fails = Batch::from(draft("b", "a.b").tag("u")).only_if(Condition::fail_if(tag("t")));
    let fails = submit(&store, fails);
    let holds = Batch::from(draft("c", "a.b"))
        .only_if(Condition::fail_if(tag("u")))
        .only_if(Condition::Absent(StreamId::new("s", "b")))
        .only_if(Condition::Version(StreamId::new("s", "b"), Version(0)));
    let holds = submit(&store, holds);
    store.upkeep().step().unwrap();
    assert_eq!(taken.wait().unwrap().first(), Position(1));
    assert_eq!(conflict(&fails.wait().unwrap_err()).position, Some(Position(1)));
    assert_eq!(holds.wait().unwrap().first(), Position(2), "positions have no gap");
}

/// More than one frame takes waits at once, and so does a batch that is larger than groups are made.
#[test]
fn what_is_too_much_for_one_group_goes_into_several() {
    let options = StoreOptions::new().thread(false).queue_bytes(256 << 20);
    let store = options.in_memory().unwrap();
    let payload = vec![7; limit::PAYLOAD_BYTES_MAX];
    let tickets: Vec<_> = (0..5).map(|_| submit(&store, draft("a", "a.b").bytes(payload.clone()))).collect();
    store.upkeep().step().unwrap();
    for (ticket, position) in tickets.into_iter().zip(1..) {
        assert_eq!(ticket.wait().unwrap().first(), Position(position));
    }
    assert_eq!(head(&store), 5);
}

#[test]
fn a_batch_fills_a_frame_and_no_more() {
    let store = store();
    let batch = |last: usize| {
        let events = [limit::PAYLOAD_BYTES_MAX, last];
        let drafts = events.map(|bytes| draft("a", "a.b").bytes(vec![7; bytes]));
        Batch::from(drafts.to_vec())
    };
    // A record of these names without correlation, tags and causes is its head, five bytes and a blind.
    let record = 112 + "s".len() + "a".len() + "a.b".len() + 16;
    let rest = limit::FRAME_BYTES_MAX - (record + limit::PAYLOAD_BYTES_MAX) - record;
    let error = refused(&store, batch(rest + 1));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let exceeded = error.limit().expect("it is a limit");
    assert_eq!((exceeded.limit, exceeded.found), (limit::Limit::BatchBytes, limit::FRAME_BYTES_MAX + 1));
    assert_eq!(append(&store, batch(rest)).first(), Position(1));
}

#[test]
fn versions_go_on_within_a_group() {
    let store = stepped();
    let stream = || StreamId::new("s", "a");
    let next =
        |version| Batch::from(draft("a", "a.b")).only_if(Condition::Version(stream(), Version(version)));
    let tickets = [0, 0, 1, 2, 2].map(|version| submit(&store, next(version)));
    let there = submit(&store, Batch::from(draft("b", "a.b")).only_if(Condition::Exists(stream())));
    let absent = submit(&store, Batch::from(draft("b", "a.b")).only_if(Condition::Absent(stream())));
    store.upkeep().step().unwrap();
    let answers = tickets.map(|ticket| match ticket.wait() {
        Ok(receipt) => (receipt.events[0].version.0, None),
        Err(error) => (0, conflict(&error).position),
    });
    let at = |position| Some(Position(position));
    assert_eq!(answers, [(1, None), (0, at(1)), (2, None), (3, None), (0, at(3))]);
    assert_eq!(there.wait().unwrap().first(), Position(4));
    assert_eq!(conflict(&absent.wait().unwrap_err()).position, at(3));
}

#[test]
fn after_counts_within_a_group() {
    let store = stepped();
    let event = submit(&store, vec![draft("a", "a.b").tag("t"), draft("a", "a.b").tag("t")]);
    let fail_if = |after: u64| {
        let condition = Condition::fail_if(tag("t")).after(Position(after));
        submit(&store, Batch::from(draft("b", "a.b")).only_if(condition))
    };
    let tickets = [0, 1, 2, 3, 100].map(fail_if);
    store.upkeep().step().unwrap();
    event.wait().unwrap();
    let answers = tickets.map(|ticket| ticket.wait().map_err(|error| conflict(&error).position.unwrap().0));
    let [zero, one, rest @ ..] = answers;
    assert_eq!((zero, one), (Err(1), Err(2)));
    assert!(rest.iter().all(Result::is_ok), "{rest:?}");
}

#[test]
fn an_id_is_given_once_within_a_group() {
    let store = stepped();
    let id = EventId([9; 16]);
    let tickets = ["a", "b"].map(|entity| submit(&store, draft(entity, "a.b").id(id)));
    store.upkeep().step().unwrap();
    let [first, second] = tickets.map(tidegate::Ticket::wait);
    assert_eq!(first.unwrap().events[0].id, id);
    let conflict = conflict(&second.unwrap_err());
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Duplicate, Some(Position(1))));
}

/// A query may name a cause by an id that is not in the log when the batch is prepared. The event comes with
/// its effect in one group, and the record of the effect names a position. Resolving the query when the batch
/// was prepared missed it.
#[test]
fn an_effect_of_an_event_of_the_same_group_is_seen() {
    let store = stepped();
    let id = EventId([3; 16]);
    let unmoved = || {
        let effects = Query::from(QueryItem::new().cause(Cause::Id(id)));
        submit(&store, Batch::from(draft("c", "a.b")).only_if(Condition::fail_if(effects)))
    };
    let before = unmoved();
    let batch = Batch::from(draft("a", "a.b").id(id)).and(draft("b", "a.b").cause(Cause::Draft(0)));
    let batch = submit(&store, batch);
    let behind = unmoved();
    store.upkeep().step().unwrap();
    assert_eq!(before.wait().unwrap().first(), Position(1));
    assert_eq!(batch.wait().unwrap().last(), Position(3));
    assert_eq!(conflict(&behind.wait().unwrap_err()).position, Some(Position(3)));
}

/// What refuses a batch may still be lost with its group; then the refusal would have been for nothing.
#[test]
fn a_refusal_by_a_group_that_is_lost_says_so() {
    let disk = FaultyDisk::new(1, Model::default());
    let world = Env::simulated(&disk, &SimulatedClock::new(1), &SeededRandom::new(1));
    let store = StoreOptions::new().thread(false).open_in(world).unwrap();
    let claim = |entity| Batch::from(draft(entity, "a.b").tag("t")).only_if(Condition::fail_if(tag("t")));
    let attempt = || ["a", "b"].map(|entity| submit(&store, claim(entity)));
    disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::NOSPC));
    let tickets = attempt();
    store.upkeep().step().unwrap();
    for ticket in tickets {
        let error = ticket.wait().unwrap_err();
        assert_eq!((error.kind(), error.conflict()), (ErrorKind::Full, None));
    }
    let tickets = attempt();
    store.upkeep().step().unwrap();
    let [first, second] = tickets.map(tidegate::Ticket::wait);
    assert_eq!(first.unwrap().first(), Position(1));
    assert_eq!(conflict(&second.unwrap_err()).position, Some(Position(1)));
    store.append(draft("z", "a.b")).unwrap();
    assert_eq!(head(&store), 2);
}
