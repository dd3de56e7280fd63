//! Positions that were given again after a loss: a reader that had seen the first events is told or begins again, and none
//! mixes the two.

use tidegate::batch::{ConflictKind, ReceiptStatus};
use tidegate::project::Updater;
use tidegate::subscription::reactor::Step;
use tidegate::{Batch, Condition, Draft, ErrorKind, Position, Query, RecordedEvent, Store};

use super::handles_go_on::{Names, Table};
use super::{buffered, order, reopened_after_a_loss, reopened_after_a_loss_of};

#[test]
fn a_subscription_that_saw_lost_events_says_so_and_ends() {
    let (_stage, store, (mut late, mut early)) = reopened_after_a_loss(|store| {
        let mut late = store.subscribe(Query::ALL, Position::START);
        let mut early = store.subscribe(Query::ALL, Position::START);
        for _ in 0..3 {
            late.next().unwrap().unwrap();
        }
        for _ in 0..2 {
            early.next().unwrap().unwrap();
        }
        (late, early)
    });
    let error = late.next_now().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Diverged, "{error}");
    assert!(late.next_now().unwrap().is_none() && late.next().is_none());
    let rest: Vec<_> = std::iter::from_fn(|| early.next_now().unwrap()).collect();
    let rest: Vec<_> = rest.iter().map(tidegate::RecordedEvent::entity).collect();
    assert_eq!(
        rest,
        ["other-3", "other-4"],
        "it had seen what was kept, and nothing of the rest of its view comes"
    );
    store.close().unwrap();
    store.reopen().unwrap();
    assert!(late.next_now().unwrap().is_none(), "for good");
}

/// A tap leaves events out, and is no less told of those that were lost.
#[test]
fn a_tap_that_saw_lost_events_says_so_and_ends() {
    let (_stage, _store, mut tap) = reopened_after_a_loss(|store| {
        let mut tap = store.subscribe(Query::ALL, Position::START).lossy(1);
        assert_eq!(tap.next().unwrap().unwrap().entity(), "lost-4");
        tap
    });
    assert_eq!(tap.next().unwrap().unwrap_err().kind(), ErrorKind::Diverged);
    assert!(tap.next().is_none());
}

#[test]
fn a_cursor_that_saw_lost_events_goes_back() {
    let begin = |store: &Store| {
        let mailer = store.cursor("mailer", Query::ALL).unwrap();
        for name in ["kept-1", "kept-2"] {
            let delivery = mailer.next_now().unwrap().unwrap();
            assert_eq!(delivery.event().entity(), name);
            delivery.ack().unwrap();
        }
        mailer.commit().unwrap();
        mailer
    };
    let (_stage, store, (mailer, open)) = reopened_after_a_loss_of(begin, |_, mailer| {
        mailer.next_now().unwrap().unwrap().ack().unwrap();
        let open = mailer.next_now().unwrap().unwrap();
        assert_eq!((open.event().entity(), mailer.position()), ("lost-4", Position(3)));
        (mailer, open)
    });
    let late = open.ack().unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Refused, "its event is not in the log: {late}");
    for name in ["other-3", "other-4"] {
        let delivery = mailer.next_now().unwrap().unwrap();
        assert_eq!(delivery.event().entity(), name);
        delivery.ack().unwrap();
    }
    assert!(mailer.next_now().unwrap().is_none());
    mailer.commit().unwrap();
    drop(mailer);
    let mailer = store.cursor("mailer", Query::ALL).unwrap();
    assert_eq!(mailer.position(), Position(4), "what it keeps is of this log");
}

/// A worker appends because of an event, and what it appended is lost before it acknowledges: the event comes again.
#[test]
fn a_delivery_whose_effect_was_lost_comes_again() {
    let (_stage, store, (mailer, delivery)) = reopened_after_a_loss(|store| {
        let mailer = store.cursor("mailer", Query::kind("order.placed")).unwrap();
        let delivery = mailer.next_now().unwrap().unwrap();
        assert_eq!(delivery.event().entity(), "kept-1");
        buffered(store, "effect");
        (mailer, delivery)
    });
    assert_eq!(delivery.ack().unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(mailer.next_now().unwrap().unwrap().event().entity(), "kept-1");
    assert_eq!(store.count(&Query::stream(("shop", "effect"))).unwrap(), 0);
}

#[test]
fn a_projection_that_saw_lost_events_is_folded_anew() {
    let (_stage, store, (names, moment)) = reopened_after_a_loss(|store| {
        let names = store.projector::<Names>().unwrap();
        let reading = names.read().unwrap();
        assert_eq!(reading.0, ["kept-1", "kept-2", "lost-3", "lost-4"]);
        (names, reading)
    });
    let now = ["kept-1", "kept-2", "other-3", "other-4"];
    assert_eq!(names.read().unwrap().0, now);
    assert_eq!(names.at(Position(3)).unwrap().0, now[..3]);
    assert_eq!(moment.0[2], "lost-3", "a reading stays what it was");
    names.save().unwrap();
    assert_eq!(store.projector::<Names>().unwrap().read().unwrap().0, now);
}

/// A read model takes in durable events only, so it goes on.
#[test]
fn a_read_model_holds_nothing_that_was_lost() {
    let begin = |store: &Store| {
        let mut table = Updater::open(store, Table::default()).unwrap();
        assert_eq!(table.update().unwrap(), Position(2));
        table
    };
    let (_stage, _store, mut table) = reopened_after_a_loss_of(begin, |_, table| table);
    table.update().unwrap();
    assert_eq!(table.model().names, ["kept-1", "kept-2", "other-3", "other-4"]);
}

/// A reactor's reaction is to an event of the log that it is committed to.
#[test]
fn a_reactor_answers_the_events_that_are_there() {
    let (_stage, store, billing) = reopened_after_a_loss(|store| {
        let billing = store
            .reactor("billing", Query::kind("order.placed"), |_, order| {
                Ok(Some(Draft::new(("bills", order.entity().to_owned()), "bill.sent").into()))
            })
            .unwrap()
            .appending(tidegate::AppendOptions::new().buffered());
        for _ in 0..4 {
            assert!(matches!(billing.step().unwrap(), Step::Reacted(_)));
        }
        billing
    });
    while !matches!(billing.step().unwrap(), Step::Idle) {}
    for event in store.read(&Query::kind("bill.sent")).unwrap() {
        let event = event.unwrap();
        let Some(tidegate::Cause::At(order)) = event.causes().next() else { panic!("{event:?}") };
        assert_eq!(store.view().unwrap().at(order).unwrap().unwrap().entity(), event.entity());
    }
    assert_eq!(store.count(&Query::kind("bill.sent")).unwrap(), 4);
}

#[test]
fn receipts_of_lost_events_differ() {
    let (_stage, store, receipt) = reopened_after_a_loss(|store| buffered(store, "lost-5"));
    assert_eq!(store.check_receipt(&receipt).unwrap(), ReceiptStatus::Missing(Position(5)));
    store.append(order("other-5")).unwrap();
    assert_eq!(store.check_receipt(&receipt).unwrap(), ReceiptStatus::Differs(Position(5)));
}

/// A batch that was made of what a view showed, and names positions: other events have them now.
#[test]
fn batches_that_rest_on_lost_events_are_refused() {
    let (_stage, store, (kept, lost)) = reopened_after_a_loss(|store| {
        let view = store.view().unwrap();
        let [kept, lost] = [Position(2), Position(4)].map(|position| view.at(position).unwrap().unwrap());
        (kept, lost)
    });
    let after = |event: &RecordedEvent| {
        let cause = Batch::from(order("next").cause(event.position()));
        cause.only_if(Condition::fail_if(Query::kind("order.placed")).after(Position(4)))
    };
    let resting = |event: &RecordedEvent| store.append(after(event).only_if(Condition::unchanged(event)));
    let head = store.view().unwrap().head();
    let conflict = *resting(&lost).unwrap_err().conflict().expect("a conflict");
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Replaced, Some(Position(4))));
    assert!(!conflict.retry);
    let beyond = Batch::from(order("next")).only_if(Condition::Leaf(head.next(), lost.leaf()));
    assert_eq!(store.append(beyond).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(store.view().unwrap().head(), head, "nothing was appended");
    assert_eq!(resting(&kept).unwrap().first(), head.next());
    // Without the condition a position is only a number.
    assert!(store.append(order("next").cause(lost.position())).is_ok());
}

/// What was durable is not lost without a word: the next opening refuses, and the handle stays as it was.
#[test]
fn a_log_that_lost_durable_events_is_refused() {
    let mut stage = crate::faults::Stage::new();
    stage.options = stage.options.segment_bytes(1 << 20);
    let store = stage.open();
    store.append(order("one")).unwrap();
    let active = stage.active();
    let one = stage.bytes(&active);
    store.append(order("two")).unwrap();
    super::fail_a_sync(&stage, &store);
    stage.disk.at_rest().write(&active, &one).unwrap();
    assert_eq!(store.reopen().unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(store.append(order("refused")).unwrap_err().kind(), ErrorKind::Ended);
}
