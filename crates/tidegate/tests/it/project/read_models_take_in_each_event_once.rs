//! A state in another database is the fold of the log, through crashes and errors of either side.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tidegate::project::{Bookmark, ReadModel, Updater};
use tidegate::{
    AppendOptions, Draft, ErrorKind, ErrorPlace, Position, Query, QueryItem, ReadOptions, RecordedEvent,
    Store, StoreOptions,
};
use tidegate_format::Hash;

use crate::faults::Stage;
use crate::stored::access::Access;
use crate::subscriptions::crashes::{Dice, every_crash};

/// What a database has after a transaction: which events were taken in, in order, and the bookmark.
#[derive(Clone, Debug, Default, PartialEq)]
struct Committed {
    rows: Vec<(Position, Hash)>,
    bookmark: Option<String>,
}

/// What the database does wrong the next time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    RollsBack,
    /// The transaction is committed, and an error is told.
    CommitsAndFails,
    Panics,
}

/// A database, with a transaction for each commit.
#[derive(Clone, Debug, Default)]
struct Database {
    committed: Committed,
    wrong: Option<Wrong>,
    /// An event that it never takes in.
    poison: Option<Position>,
    transactions: Vec<usize>,
}

/// The model of one version of one query in a database.
#[derive(Debug)]
struct Rows<'a, const VERSION: u16> {
    database: &'a mut Database,
    query: Query,
}

impl<const VERSION: u16> ReadModel for Rows<'_, VERSION> {
    const VERSION: u16 = VERSION;
    type Error = String;

    fn query(&self) -> Query {
        self.query.clone()
    }

    fn bookmark(&mut self) -> Result<Option<String>, String> {
        Ok(self.database.committed.bookmark.clone())
    }

    fn commit(
        &mut self,
        events: &[RecordedEvent],
        before: Option<&Bookmark>,
        after: &Bookmark,
    ) -> Result<(), String> {
        let mut next = self.database.committed.clone();
        if next.bookmark != before.map(ToString::to_string) {
            return Err("another caller has moved on".into());
        }
        for event in events {
            if self.database.poison == Some(event.position()) {
                return Err("an event that cannot be taken in".into());
            }
            next.rows.push((event.position(), event.leaf()));
        }
        next.bookmark = Some(after.to_string());
        let wrong = self.database.wrong.take();
        assert_ne!(wrong, Some(Wrong::Panics), "the model panics");
        if wrong != Some(Wrong::RollsBack) {
            self.database.committed = next;
            self.database.transactions.push(events.len());
        }
        if wrong.is_some() { Err("the connection was lost".into()) } else { Ok(()) }
    }
}

fn selected() -> Query {
    QueryItem::new().kind("a.*").into()
}

fn rows(database: &mut Database) -> Rows<'_, 1> {
    Rows { database, query: selected() }
}

/// The plain fold of what the log has up to a position.
fn fold(store: &Store, until: Position) -> Vec<(Position, Hash)> {
    let events = store.read_with(&selected(), ReadOptions::new().before(until.next())).unwrap();
    events.map(|event| event.map(|event| (event.position(), event.leaf())).unwrap()).collect()
}

fn draft(kind: &'static str) -> Draft {
    Draft::new(("s", "e"), kind)
}

/// A store with batches of 1, 2, 3 and 4 selected events, and others between them.
fn filled() -> Store {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    fill(&store);
    store
}

fn fill(store: &Store) {
    for size in 1..=4 {
        store.append(vec![draft("a.one"); size]).unwrap();
        store.append(draft("b.other")).unwrap();
    }
}

#[test]
fn whole_batches_in_few_transactions() {
    let store = filled();
    let mut database = Database::default();
    let mut updater = Updater::open(&store, rows(&mut database)).unwrap().at_most(3);
    assert_eq!(updater.update().unwrap(), Position(13));
    assert_eq!(updater.update().unwrap(), Position(13), "nothing new");
    store.append(vec![draft("a.two"); 2]).unwrap();
    assert_eq!(updater.update_within(Duration::ZERO).unwrap(), Some(Position(16)));
    let timed_out = updater.update_within(Duration::ZERO).unwrap_err();
    assert_eq!(timed_out.kind(), ErrorKind::TimedOut);
    store.close().unwrap();
    assert_eq!(updater.update_within(Duration::MAX).unwrap(), None, "the store was closed");
    drop(updater);
    assert_eq!(database.transactions, [3, 3, 4, 2]);
    assert_eq!(database.committed.rows, fold(&store, Position(16)));
}

#[test]
fn whatever_the_database_does_wrong() {
    for wrong in [Wrong::RollsBack, Wrong::CommitsAndFails, Wrong::Panics] {
        for events_max in [1, 3, 1000] {
            let store = filled();
            let mut database = Database::default();
            let mut updater = Updater::open(&store, rows(&mut database)).unwrap().at_most(events_max);
            updater.model().database.wrong = Some(wrong);
            let first = catch_unwind(AssertUnwindSafe(|| updater.update()));
            match (wrong, first) {
                (Wrong::Panics, first) => assert!(first.is_err(), "it panicked"),
                // Several batches at a time are tried again one by one.
                (_, Ok(Ok(_))) if events_max > 1 => {}
                (_, Ok(Err(error))) if events_max == 1 => assert_eq!(error.kind(), ErrorKind::Io),
                (_, other) => panic!("{wrong:?}, {events_max} at a time: {other:?}"),
            }
            assert_eq!(updater.update().unwrap(), Position(13), "{wrong:?}, {events_max} at a time");
            drop(updater);
            assert_eq!(database.committed.rows, fold(&store, Position(13)));
        }
    }
}

#[test]
fn poison_stops_before_it_and_is_named() {
    let store = filled();
    let mut database = Database { poison: Some(Position(7)), ..Database::default() };
    let mut updater = Updater::open(&store, rows(&mut database)).unwrap();
    for _ in 0..2 {
        let stopped = updater.update().unwrap_err();
        assert_eq!(
            stopped.place(),
            Some(&ErrorPlace::Event(Position(6))),
            "the first event of its batch: {stopped}"
        );
        assert!(stopped.to_string().contains("that cannot be taken in"), "{stopped}");
        assert_eq!(updater.position(), Position(4), "all before it is in");
    }
    updater.model().database.poison = None;
    assert_eq!(updater.update().unwrap(), Position(13));
    drop(updater);
    assert_eq!(database.committed.rows, fold(&store, Position(13)));
}

#[test]
fn two_updaters_of_one_database_double_nothing() {
    let store = filled();
    let mut first = Database::default();
    let mut updater = Updater::open(&store, rows(&mut first)).unwrap();
    // Another caller does the work between this one's opening and its first transaction.
    let mut second = Database::default();
    Updater::open(&store, rows(&mut second)).unwrap().update().unwrap();
    updater.model().database.committed = second.committed.clone();
    let _ = updater.update();
    assert_eq!(updater.update().unwrap(), Position(13));
    drop(updater);
    assert_eq!(first.committed, second.committed);
}

#[test]
fn another_model_store_or_log_is_refused() {
    let store = filled();
    let mut database = Database::default();
    Updater::open(&store, rows(&mut database)).unwrap().update().unwrap();
    let kind = |store: &Store, database: &mut Database| {
        Updater::open(store, rows(database)).map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(kind(&store, &mut database), Ok(()));

    let newer = Rows::<2> { database: &mut database, query: selected() };
    assert_eq!(Updater::open(&store, newer).unwrap_err().kind(), ErrorKind::Refused);
    let never = Rows::<0> { database: &mut Database::default(), query: selected() };
    assert_eq!(Updater::open(&store, never).unwrap_err().kind(), ErrorKind::Invalid);
    let wider = Rows::<1> { database: &mut database, query: Query::ALL };
    assert_eq!(Updater::open(&store, wider).unwrap_err().kind(), ErrorKind::Refused);
    let stage = Stage::new();
    let other = stage.open();
    fill(&other);
    assert_eq!(kind(&other, &mut database), Err(ErrorKind::Damaged), "another store");

    for change in [
        |text: &str| text.replace("tidegate", "tideGate"),
        |text: &str| text.replace(' ', "  "),
        |text: &str| format!("{text}0"),
        |text: &str| text.to_uppercase(),
        |_: &str| String::new(),
    ] {
        let text = change(database.committed.bookmark.as_deref().unwrap());
        let mut changed = Database::default();
        changed.committed.bookmark = Some(text);
        assert_eq!(kind(&store, &mut changed), Err(ErrorKind::Damaged), "{changed:?}");
    }
}

#[test]
fn a_log_put_back_from_an_older_copy_is_noticed() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store);
    let mut copy = stage.fork();
    fill(&store);
    let mut database = Database::default();
    Updater::open(&store, rows(&mut database)).unwrap().update().unwrap();
    stage.disk.kill();
    stage.restart();
    Updater::open(&stage.open(), rows(&mut database)).unwrap();

    let store = copy.open();
    let shorter = Updater::open(&store, rows(&mut database)).unwrap_err();
    assert_eq!(shorter.kind(), ErrorKind::Damaged, "{shorter}");
    for _ in 0..3 {
        store.append(vec![draft("a.another"); 10]).unwrap();
    }
    let other = Updater::open(&store, rows(&mut database)).unwrap_err();
    assert!(other.to_string().contains("another event"), "{other}");
    copy.disk.kill();
    copy.restart();
}

#[test]
fn a_reader_process_keeps_one_too() {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store);
    let reader = stage.try_open(Access::Read).unwrap();
    let mut database = Database::default();
    assert_eq!(Updater::open(&reader, rows(&mut database)).unwrap().update().unwrap(), Position(13));
    assert_eq!(database.committed.rows, fold(&store, Position(13)));
}

/// A life of appends of all durabilities, and of an updater between them.
fn live(stage: &Stage, database: &mut Database, dice: &mut Dice) -> tidegate::Result<()> {
    for _ in 0..2 {
        let store = stage.try_write()?;
        let mut updater = Updater::open(&store, rows(database))?.at_most(4);
        for _ in 0..12 {
            let kind = if dice.one_in(4) { "b.other" } else { "a.one" };
            let append =
                if dice.one_in(2) { AppendOptions::new().buffered() } else { AppendOptions::new().synced() };
            store.append_with(vec![draft(kind); 1 + dice.roll(3) as usize], append)?;
            if dice.one_in(2) {
                updater.update()?;
            }
        }
        if dice.one_in(2) {
            store.close()?;
        }
    }
    Ok(())
}

#[test]
fn through_a_crash_at_every_call() {
    let (mut went_on, mut checked) = (0, 0);
    for seed in 0..4 {
        checked += every_crash::<Database>(seed, live, |stage, database, what| {
            let store = stage.open();
            let mut database = database.clone();
            let mut updater = Updater::open(&store, rows(&mut database)).expect(what);
            let (reached, found) = (updater.position(), updater.model().database.committed.rows.clone());
            assert_eq!(found, fold(&store, reached), "{what}: before going on");
            updater.update().expect(what);
            let whole = &updater.model().database.committed.rows;
            assert_eq!(*whole, fold(&store, store.frontier().visible), "{what}: after going on");
            went_on += usize::from(whole.len() > found.len());
        });
    }
    assert!(checked > 1000 && went_on > 100, "{checked} crashes, {went_on} with work left, are too few");
}
