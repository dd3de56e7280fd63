//! Every question to a reader, asked over a log that ends in damage: each is answered from what precedes it, or ends in
//! it.

use std::fmt::Debug;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate::batch::ReceiptStatus;
use tidegate::graph::{Degree, Selection};
use tidegate::project::{Bookmark, Projection, ReadModel, Staleness, Updater, catch_up_all};
use tidegate::{
    Error, ErrorKind, ErrorPlace, EventId, Position, Query, ReadOptions, Receipt, RecordedEvent, Result,
    StoreReader, View,
};
use tidegate_format::Hash;

use crate::faults::stage::{History, LONG};

/// Events as they are folded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Seen(Vec<u64>);

impl Projection for Seen {
    const NAME: &'static str = "faults.seen";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::ALL
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.0.push(event.position().0);
        Ok(())
    }
}

/// A database in memory.
#[derive(Default)]
struct Rows {
    seen: History,
    bookmark: Option<String>,
}

impl ReadModel for Rows {
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
        _: Option<&Bookmark>,
        after: &Bookmark,
    ) -> Result<(), String> {
        self.seen.extend(events.iter().map(|event| (event.position().0, event.leaf())));
        self.bookmark = Some(after.to_string());
        Ok(())
    }
}

/// What every answer ends in.
pub(super) struct Ends<'a> {
    /// Words of the error.
    pub(super) file: &'a str,
    /// What precedes the damage.
    pub(super) shown: &'a [(u64, Hash)],
}

impl Ends<'_> {
    fn head(&self) -> Position {
        Position(self.shown.len() as u64)
    }

    fn is_damage(&self, error: &Error) {
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        let Some(ErrorPlace::File { name, offset: _ }) = error.place() else {
            panic!("{error} has no place")
        };
        assert_eq!(name, self.file, "{error}");
        assert!(error.evidence().is_some(), "{error}");
        assert!(error.to_string().contains("salvage"), "{error}");
    }

    fn refused<T: Debug>(&self, what: &str, answer: Result<T>) {
        match answer {
            Ok(answer) => panic!("{what} answers {answer:?} over damage"),
            Err(error) => self.is_damage(&error),
        }
    }

    /// Everything before the damage, then the damage, then nothing.
    fn follows(&self, what: &str, events: impl IntoIterator<Item = Result<RecordedEvent>>) {
        let mut events = events.into_iter();
        let found: History = events
            .by_ref()
            .take(self.shown.len())
            .map(|event| event.unwrap_or_else(|error| panic!("{what}: {error}")))
            .map(|event| (event.position().0, event.leaf()))
            .collect();
        assert_eq!(found, self.shown, "{what}");
        match events.next() {
            Some(Err(error)) => self.is_damage(&error),
            other => panic!("{what} goes on with {other:?}"),
        }
        assert!(events.next().is_none(), "{what} ends with the damage");
    }

    /// Asks everything. `receipts` are of events before and behind the damage.
    pub(super) fn ask(&self, store: &StoreReader, receipts: &[Receipt]) {
        let view = store.view().unwrap();
        assert_eq!(view.head(), self.head());
        self.is_damage(view.damage().unwrap());
        self.reads(&view);
        self.looks_up(&view);
        if self.head() > Position(1) {
            self.walks(&view);
        }
        self.reads_on(store);
        self.folds(store);
        self.refused("verifying", store.verify(|_| ()));
        for receipt in receipts {
            match store.check_receipt(receipt) {
                Ok(checked) => {
                    assert!(receipt.last() <= self.head() && checked == ReceiptStatus::Agrees, "{checked:?}");
                }
                Err(error) => {
                    assert!(receipt.last() > self.head(), "{error}");
                    self.is_damage(&error);
                }
            }
        }
    }

    fn reads(&self, view: &View) {
        let (all, head) = (Query::ALL, self.head());
        self.follows("reading", view.read(&all));
        self.follows(
            "reading with a limit that is not reached",
            view.read_with(&all, ReadOptions::new().limit(10_000)),
        );
        self.refused("counting", view.count(&all));
        self.refused(
            "counting a range behind",
            view.count_with(&all, ReadOptions::new().after(head).before(Position(9_000))),
        );
        self.refused("statistics", view.stats(&all, ReadOptions::new(), 3));
        self.refused("scopes", view.scopes());
        self.refused(
            "reading backwards",
            view.read_with(&all, ReadOptions::new().backwards(true)).next().unwrap(),
        );
        let newest = view.read_with(&all, ReadOptions::new().backwards(true).limit(1)).next().unwrap();
        self.refused("the newest", newest);
        let known = |read: ReadOptions| {
            view.read_with(&all, read).map(|event| event.unwrap().position().0).collect::<Vec<_>>()
        };
        let expected: Vec<u64> = (1..=head.0).collect();
        let bounded = ReadOptions::new().before(head.next());
        assert_eq!(known(bounded), expected);
        assert_eq!(known(ReadOptions::new().limit(self.shown.len())), expected);
        assert_eq!(known(bounded.backwards(true)), expected.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(view.count_with(&all, bounded).unwrap(), head.0);
        assert_eq!(view.count_with(&all, ReadOptions::new().limit(self.shown.len())).unwrap(), head.0);
        assert_eq!(
            view.count_with(&all, ReadOptions::new().after(Position(9_000)).before(Position(9_000))).unwrap(),
            0
        );
        assert_eq!(view.stats(&all, bounded, 3).unwrap().events, head.0);
        let until = view.as_of(head);
        assert_eq!(
            until.read_with(&all, ReadOptions::new().backwards(true)).map(Result::unwrap).count(),
            self.shown.len()
        );
        assert_eq!(
            until.read_with(&all, ReadOptions::new().backwards(true)).map(Result::unwrap).count(),
            self.shown.len()
        );
        self.refused("a later moment", view.as_of(head.next()).count(&all));
    }

    fn looks_up(&self, view: &View) {
        let head = self.head();
        assert!(view.at(Position::START).unwrap().is_none());
        self.refused("a position behind", view.at(head.next()));
        self.refused("an unknown id", view.find(EventId([7; 16])));
        for (position, leaf) in self.shown {
            let event = view.at(Position(*position)).unwrap().unwrap();
            assert_eq!(event.leaf(), *leaf);
            assert_eq!(view.find(event.id()).unwrap().unwrap().position().0, *position);
            assert!(view.explain(event.position()).is_ok());
            self.refused("a version", view.version(&event.stream()));
            self.refused("the end of a stream", view.last_event(&event.stream()));
        }
        self.refused("the version of an unknown stream", view.version(&("no", "where").into()));
        self.refused("an explanation", view.explain(head.next()));
    }

    fn walks(&self, view: &View) {
        let (graph, last) = (view.graph(), self.head());
        let all =
            |positions: Result<tidegate::graph::Positions>| positions?.collect::<Result<Vec<Position>>>();
        self.refused("effects", all(graph.effects(last)));
        self.refused("descendants", all(graph.descendants(&[Position(1)])));
        self.refused("a selection by a query", all(graph.select(&Query::ALL.into())));
        self.refused("a future", all(graph.leaves(&Selection::future(&[Position(1)]))));
        self.refused("fans of effects", graph.largest_degrees(&Selection::history(&[last]), Degree::Out, 3));
        self.refused("an event behind", all(graph.ancestors(&[last.next()])));
        all(graph.ancestors(&[last])).unwrap();
        all(graph.causes(last)).unwrap();
        graph.level(last).unwrap();
        graph.is_ancestor(Position(1), last).unwrap();
        graph.path(Position(1), last).unwrap();
        graph.critical_path(last).unwrap();
        graph.common_causes(&[Position(1), last]).unwrap();
        all(graph.between(Position(1), last)).unwrap();
        all(graph.leaves(&Selection::history(&[last]))).unwrap();
        graph.largest_degrees(&Selection::history(&[last]), Degree::In, 3).unwrap();
        assert_eq!(graph.causes(Position::START).unwrap_err().kind(), ErrorKind::Missing);
    }

    fn reads_on(&self, store: &StoreReader) {
        self.follows("a subscription", store.subscribe(Query::ALL, Position::START));
        let mut coming = store.subscribe(Query::ALL, Position::START);
        let mut found = 0;
        while found < self.shown.len() {
            found += coming.next_batch(LONG).unwrap().len();
        }
        self.refused("the next batch", coming.next_batch(LONG));
        self.refused("waiting behind", store.subscribe(Query::ALL, self.head()).next_within(LONG));
        self.refused("looking behind", store.subscribe(Query::ALL, self.head()).next_now());
        let taps = store.subscribe(Query::ALL, Position::START).lossy(1);
        let taps: Vec<_> = taps.collect();
        let (last, first) = taps.split_last().unwrap();
        assert!(first.iter().all(Result::is_ok) && first.len() <= 1, "{taps:?}");
        self.is_damage(last.as_ref().unwrap_err());
        self.refused("waiting for a position", store.wait_visible(self.head().next(), LONG));
        assert_eq!(store.wait_visible(self.head(), Duration::ZERO).unwrap(), self.head());
    }

    fn folds(&self, store: &StoreReader) {
        let expected: Vec<u64> = (1..=self.head().0).collect();
        let seen = store.projector::<Seen>().unwrap();
        for _ in 0..2 {
            self.refused("a projection", seen.read().map(|reading| reading.0.clone()));
            self.refused(
                "a fresh projection",
                seen.read_with(Staleness::positions(1_000)).map(|reading| reading.0.clone()),
            );
            self.refused("several projections", catch_up_all(&[&seen]));
            self.refused("a projection that goes on", seen.catch_up(usize::MAX));
        }
        assert_eq!(
            seen.read_with(Staleness::ANY).unwrap().0,
            expected,
            "what precedes the damage was taken in"
        );
        assert_eq!(seen.at(self.head()).unwrap().0, expected);
        self.refused("a projection of later", seen.at(self.head().next()).map(|reading| reading.0.clone()));
        self.refused(
            "waiting for it",
            seen.wait_for(self.head().next(), LONG).map(|reading| reading.0.clone()),
        );
        let mut rows = Updater::open(store, Rows::default()).unwrap();
        self.refused("a read model", rows.update());
        self.refused("a read model once more", rows.update());
        self.refused("a read model that waits", rows.update_within(LONG));
        assert_eq!(rows.model().seen, self.shown, "what precedes the damage was taken in, once");
    }
}
