//! Everything that was made from a handle goes on after the store was opened again, if nothing was lost.

use serde::{Deserialize, Serialize};
use tidegate::decide::{Denial, GateSet, Verdict, gate};
use tidegate::project::{Bookmark, Projection, ReadModel, Staleness, Updater};
use tidegate::subscription::reactor::Step;
use tidegate::{Draft, ErrorKind, Position, Query, RecordedEvent, Result, Store, StoreOptions};

use super::{LONG, fail_a_sync, order};
use crate::faults::Stage;
use crate::faults::stage::history;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names(pub(super) Vec<String>);

impl Projection for Names {
    const NAME: &'static str = "names";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::kind("order.placed")
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.0.push(event.entity().to_owned());
        Ok(())
    }
}

/// A read model that is a database of its own.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) names: Vec<String>,
    bookmark: Option<String>,
}

impl ReadModel for Table {
    const VERSION: u16 = 1;
    type Error = String;

    fn query(&self) -> Query {
        Query::ALL
    }

    fn bookmark(&mut self) -> Result<Option<String>, String> {
        Ok(self.bookmark.clone())
    }

    fn commit(
        &mut self,
        events: &[RecordedEvent],
        before: Option<&Bookmark>,
        after: &Bookmark,
    ) -> Result<(), String> {
        if before.map(ToString::to_string) != self.bookmark {
            return Err("another updater moved on".to_owned());
        }
        self.names.extend(events.iter().map(|event| event.entity().to_owned()));
        self.bookmark = Some(after.to_string());
        Ok(())
    }
}

/// Every kind of handle, each before the end of a writer and after the next opening, for both ways to end.
#[test]
fn each_kind_of_handle_goes_on() {
    let close: fn(&Stage, &Store) = |_, store| store.close().unwrap();
    for end in [close, fail_a_sync] {
        let stage = Stage::new();
        let store = stage.options.thread(true).open_in(stage.world()).unwrap();
        let (clone, reader) = (store.clone(), store.reader());
        let mut events = reader.subscribe(Query::kind("order.placed"), Position::START);
        let mut newest = reader.subscribe(Query::ALL, Position::START).lossy(1);
        let mailer = clone.cursor("mailer", Query::ALL).unwrap();
        let names = reader.projector::<Names>().unwrap();
        let mut table = Updater::open(&reader, Table::default()).unwrap();
        let billing = store
            .reactor("billing", Query::kind("order.placed"), |_, order| {
                Ok(Some(Draft::new(("bills", order.entity().to_owned()), "bill.sent").into()))
            })
            .unwrap();
        let receipt = store.append(order("one")).unwrap();
        assert_eq!(events.next().unwrap().unwrap().entity(), "one");
        assert_eq!(newest.next().unwrap().unwrap().entity(), "one");
        let delivery = mailer.next_now().unwrap().unwrap();
        assert_eq!(names.read().unwrap().0, ["one"]);
        table.update().unwrap();
        assert!(matches!(billing.step().unwrap(), Step::Reacted(_)));

        end(&stage, &store);
        assert_eq!(clone.append(order("refused")).unwrap_err().kind(), ErrorKind::Ended);
        let before = history(&store).unwrap();
        store.reopen().unwrap();
        clone.reopen().unwrap();
        assert!(history(&store).unwrap().starts_with(&before));
        assert_eq!(store.check_receipt(&receipt).unwrap(), tidegate::batch::ReceiptStatus::Agrees);

        delivery.ack().unwrap();
        let last = clone.append(order("two")).unwrap().last();
        assert_eq!(reader.wait_durable(last, LONG).unwrap(), last);
        let seen: Vec<_> =
            std::iter::from_fn(|| events.next_now().unwrap()).map(|event| event.position()).collect();
        assert_eq!(seen.last(), Some(&last), "{seen:?}");
        assert!(seen.is_sorted_by(|one, next| one < next) && seen[0] > receipt.last(), "{seen:?}");
        assert_eq!(newest.next().unwrap().unwrap().position(), last);
        let delivered: Vec<_> = std::iter::from_fn(|| {
            let delivery = mailer.next_now().unwrap()?;
            let position = delivery.event().position();
            delivery.ack().unwrap();
            Some(position)
        })
        .collect();
        assert_eq!(
            delivered,
            (2..=last.0).map(Position).collect::<Vec<_>>(),
            "what was acknowledged stays so"
        );
        mailer.commit().unwrap();
        assert_eq!(names.read().unwrap().0.last().unwrap(), "two");
        assert_eq!(names.read().unwrap().0, store.projector::<Names>().unwrap().read().unwrap().0);
        names.save().unwrap();
        assert_eq!(table.update().unwrap(), last);
        while !matches!(billing.step().unwrap(), Step::Idle) {}
        let bills = store.count(&Query::kind("bill.sent")).unwrap();
        assert_eq!(bills, store.count(&Query::kind("order.placed")).unwrap(), "one for each");
        store.close().unwrap();
        assert!(mailer.next_within(LONG).unwrap().is_some(), "the bills of the reactor are left");
    }
}

/// A subscription that begins behind the log has seen nothing there that could be lost.
#[test]
fn a_subscription_behind_the_log_goes_on() {
    let store = Store::in_memory().unwrap();
    store.append(order("one")).unwrap();
    let mut events = store.subscribe(Query::ALL, Position(2));
    assert!(events.next_now().unwrap().is_none());
    store.close().unwrap();
    store.reopen().unwrap();
    assert!(events.next_now().unwrap().is_none());
    store.append(vec![order("two"), order("three")]).unwrap();
    assert_eq!(events.next_now().unwrap().unwrap().position(), Position(3));
}

/// Gates belong to the handle, whichever opening it is in.
#[test]
fn gates_stay_attached() {
    let store = Store::in_memory().unwrap();
    let never = gate("never", |_, _| Ok(Verdict::Deny(Denial::new("NEVER", "not today"))));
    store.guard(Query::kind("order.placed"), GateSet::new().and(never)).unwrap();
    store.close().unwrap();
    store.reopen().unwrap();
    assert_eq!(store.append(order("one")).unwrap_err().kind(), ErrorKind::Denied);
}

/// A store that is open stays as it is, so those who saw one error may all call.
#[test]
fn an_open_store_is_left_alone() {
    let store = Store::in_memory().unwrap();
    let epoch = |store: &Store| {
        let last = store.append(order("one")).unwrap().last();
        store.view().unwrap().epoch(last).unwrap().unwrap()
    };
    let first = epoch(&store);
    store.reopen().unwrap();
    assert_eq!(epoch(&store), first, "the same writer");
    store.close().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| store.reopen().unwrap());
        }
    });
    assert_eq!(epoch(&store), first + 1, "opened once");
}

/// Waits end with the writer and begin anew in the next opening; a worker's cursor can be given to another worker.
#[test]
fn waits_end_and_workers_start_again() {
    let store = StoreOptions::new().in_memory().unwrap();
    let mailer = store.cursor("mailer", Query::ALL).unwrap();
    let (sender, letters) = std::sync::mpsc::channel();
    let work = |sender: std::sync::mpsc::Sender<String>| {
        mailer.spawn(move |event| Ok(sender.send(event.entity().to_owned())?)).unwrap()
    };
    let worker = work(sender.clone());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.wait_visible(Position(5), LONG));
        let reading = scope.spawn(|| store.subscribe(Query::ALL, Position(5)).next());
        store.close().unwrap();
        assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Ended);
        assert!(reading.join().unwrap().is_none());
    });
    worker.join().unwrap();
    store.reopen().unwrap();
    let worker = work(sender);
    store.append(order("one")).unwrap();
    assert_eq!(letters.recv().unwrap(), "one");
    worker.stop();
    worker.join().unwrap();
    assert_eq!(store.wait_visible(Position(1), LONG).unwrap(), Position(1));
    assert_eq!(store.count(&Query::ALL).unwrap(), 1);
    drop(letters);
    assert_eq!(store.projector::<Names>().unwrap().read_with(Staleness::NONE).unwrap().0, ["one"]);
}
