//! What a reader process keeps stands in a directory of its own, with the guarantees that the store gives.

use std::time::Duration;

use tidegate::project::{Projection, Projector, ProjectorOptions, Start};
use tidegate::subscription::StateDir;
use tidegate::subscription::cursor::{Change, Cursor, CursorOptions};
use tidegate::testing::{Disk, Env, FaultPlan, FaultyDisk, Model, NativeDisk};
use tidegate::{Draft, Error, ErrorKind, Position, Query, RecordedEvent, Result, Store, StoreReader};

use crate::faults::Stage;

const FILE: &str = "cursors/mailer";

/// How many events there are, and the last one's position.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Count(u64, u64);

impl Projection for Count {
    const NAME: &'static str = "state.count";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::ALL
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        *self = Self(self.0 + 1, event.position().0);
        Ok(())
    }
}

/// A machine with a store, and another disk that a reader keeps its state on.
struct Two {
    store: Stage,
    state: FaultyDisk,
}

impl Two {
    fn new() -> Self {
        Self { store: Stage::new(), state: FaultyDisk::new(7, Model::default()) }
    }

    fn dir(&self) -> StateDir {
        StateDir::open_in(Env::simulated(&self.state, &self.store.clock, &self.store.random)).unwrap()
    }

    fn options(&self) -> CursorOptions {
        CursorOptions::new().commit_interval(Duration::ZERO).state_dir(&self.dir())
    }

    fn mailer(&self, store: &StoreReader) -> Result<Cursor> {
        store.cursor_with("mailer", Query::ALL, self.options())
    }

    /// The next process of the reader; the last one was killed.
    fn restart_reader(&mut self) {
        self.state.kill();
        self.state = self.state.reopen();
    }

    /// Every file of the store and its bytes.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let disk = self.store.disk.at_rest();
        disk.names().into_iter().map(|name| (name.clone(), disk.read(&name).unwrap())).collect()
    }
}

fn put(store: &Store, entity: &str) -> Position {
    store.append(Draft::new(("s", entity.to_owned()), "a.one")).unwrap().first()
}

fn drain(cursor: &Cursor) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    while let Some(delivery) = cursor.next_now()? {
        let position = delivery.event().position().0;
        delivery.ack()?;
        found.push(position);
    }
    Ok(found)
}

#[test]
fn a_reader_goes_on_where_it_was_beside_a_writer() {
    let mut two = Two::new();
    let store = two.store.open();
    for entity in ["a", "b"] {
        put(&store, entity);
    }
    let before = two.files();
    let reader = two.store.read_only();
    let mailer = two.mailer(&reader).unwrap();
    assert_eq!(drain(&mailer).unwrap(), [1, 2]);
    assert_eq!(two.files(), before, "the store's own files stay untouched");
    put(&store, "c");
    assert_eq!(drain(&mailer).unwrap(), [3]);
    put(&store, "d");
    let out = mailer.next_now().unwrap().expect("the fourth");
    two.restart_reader();
    drop((out, mailer, reader));

    let reader = two.store.read_only();
    let status = two.dir().cursor_status(&reader, "mailer").unwrap();
    assert_eq!((two.dir().cursor_names().unwrap().len(), status.position, status.lag), (1, Position(3), 1));
    assert_eq!(drain(&two.mailer(&reader).unwrap()).unwrap(), [4], "what was not acknowledged comes again");
    let changed = two.dir().change_cursor(&reader, "mailer", Change::Rewind(Position(2))).unwrap();
    assert_eq!(changed.redelivered.count, 2);
    assert_eq!(drain(&two.mailer(&reader).unwrap()).unwrap(), [3, 4]);
}

#[test]
fn a_crash_at_any_call_repeats_what_was_not_committed_and_loses_nothing() {
    let sample = Two::new();
    let store = sample.store.open();
    for entity in ["a", "b", "c"] {
        put(&store, entity);
    }
    let mut crashes = 0;
    for call in 1.. {
        let mut two = Two { store: sample.store.clone(), state: FaultyDisk::new(call, Model::default()) };
        two.state.set_plan(FaultPlan::default().crash_at(call));
        let reader = two.store.read_only();
        let mut acknowledged = Vec::new();
        let ended = two.mailer(&reader).and_then(|mailer| {
            while let Some(delivery) = mailer.next_now()? {
                let position = delivery.event().position().0;
                delivery.ack()?;
                acknowledged.push(position);
            }
            Ok(())
        });
        let crashed = two.state.ended();
        crashes += u64::from(crashed);
        assert!(crashed || ended.is_ok(), "{ended:?}");
        two.restart_reader();
        let after = drain(&two.mailer(&reader).unwrap()).unwrap();
        assert!(after.iter().all(|position| !acknowledged.contains(position)), "call {call}: {after:?}");
        let there = acknowledged.len() + after.len();
        // The call that failed may have put its state in place before it did.
        assert!(there == 3 || (crashed && there == 2), "call {call}: {acknowledged:?}, then {after:?}");
        if !crashed {
            break;
        }
    }
    assert!(crashes > 10, "{crashes} crashes");
}

/// The error of opening the cursor once more.
fn refused(two: &Two, store: &StoreReader) -> Error {
    let error = two.mailer(store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    error
}

#[test]
fn another_store_and_another_history_are_noticed() {
    let two = Two::new();
    let store = two.store.open();
    put(&store, "a");
    store.close().unwrap();
    let older = two.store.fork();
    let copy = two.store.fork();
    let mut newer = two.store.clone();
    newer.restart();
    let store = newer.open();
    put(&store, "b");
    drain(&two.mailer(&newer.read_only()).unwrap()).unwrap();
    drop(store);

    let other = Stage::seeded(2);
    put(&other.open(), "a");
    assert!(refused(&two, &other.read_only()).to_string().contains("another store"));

    // A copy of the directory is the same store as far as it goes.
    let opened = older.open();
    assert!(refused(&two, &older.read_only()).to_string().contains("older than the cursor"));
    put(&opened, "other");
    assert!(refused(&two, &older.read_only()).to_string().contains("another event"));

    // Unlike a cursor in the store, this one is not evidence of what was durable: the store opens and goes on.
    let opened = copy.try_write().unwrap();
    assert_eq!(put(&opened, "b"), Position(2));
}

#[test]
fn a_damaged_file_is_named_and_not_believed() {
    let two = Two::new();
    let store = two.store.open();
    put(&store, "a");
    let reader = two.store.read_only();
    drain(&two.mailer(&reader).unwrap()).unwrap();
    let whole = two.state.at_rest().read(FILE).unwrap();
    for bit in [0, 200, whole.len() as u64 * 8 - 1] {
        two.state.at_rest().write(FILE, &whole).unwrap();
        two.state.at_rest().flip_bit(FILE, bit).unwrap();
        assert!(refused(&two, &reader).to_string().contains(FILE));
        assert_eq!(two.dir().cursor_status(&reader, "mailer").unwrap_err().kind(), ErrorKind::Damaged);
    }
    two.state.at_rest().write(FILE, &whole).unwrap();
    assert_eq!(drain(&two.mailer(&reader).unwrap()).unwrap(), [0; 0]);
}

#[test]
fn one_handle_of_all_processes_has_a_cursor() {
    let root = tempfile::tempdir().unwrap();
    let (shop, place) = (root.path().join("shop"), root.path().join("readers"));
    let store = Store::open(&shop).unwrap();
    put(&store, "a");
    // Each opens the directory by itself, as another process would; locks belong to open files.
    let open = || {
        let options = CursorOptions::new().state_dir(&StateDir::open(&place).unwrap());
        store.cursor_with("mailer", Query::ALL, options)
    };
    let first = open().unwrap();
    let error = open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(error.to_string().contains("readers/cursors/mailer"), "{error}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(first);
    let second = open().unwrap();
    // Another one may be written there by now.
    std::fs::remove_file(place.join("cursors/mailer.lock")).unwrap();
    second.next_now().unwrap().expect("an event").ack().unwrap();
    assert_eq!(second.commit().unwrap_err().kind(), ErrorKind::Locked);
}

#[test]
fn no_state_stands_in_a_store() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    for place in [root.path().to_owned(), root.path().join("readers"), root.path().join("a/b")] {
        let error = StateDir::open(&place).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(!place.join("cursors").exists());
    }
    drop(store);
}

#[test]
fn a_state_dir_that_is_opened_as_a_store_is_named_as_one() {
    let root = tempfile::tempdir().unwrap();
    let (shop, place) = (root.path().join("shop"), root.path().join("readers"));
    let store = Store::open(&shop).unwrap();
    put(&store, "a");
    let options = CursorOptions::new().state_dir(&StateDir::open(&place).unwrap());
    let mailer = store.cursor_with("mailer", Query::ALL, options).unwrap();
    mailer.next_now().unwrap().expect("an event").ack().unwrap();
    mailer.commit().unwrap();
    let error = Store::open(&place).unwrap_err();
    assert!(error.to_string().contains("StateDir"), "{error}");
}

#[test]
fn a_reader_without_a_directory_is_told_of_one() {
    let two = Two::new();
    put(&two.store.open(), "a");
    let reader = two.store.read_only();
    let error = reader.cursor("mailer", Query::ALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("CursorOptions::state_dir"), "{error}");
    let error = reader.projector::<Count>().unwrap().save().unwrap_err();
    assert!(error.to_string().contains("ProjectorOptions::state_dir"), "{error}");
}

#[test]
fn acknowledged_after_the_end_of_a_writer_is_kept() {
    let two = Two::new();
    let store = two.store.open();
    put(&store, "a");
    let lazy = CursorOptions::new().state_dir(&two.dir());
    let mailer = store.cursor_with("mailer", Query::ALL, lazy).unwrap();
    let delivery = mailer.next_now().unwrap().expect("an event");
    store.close().unwrap();
    delivery.ack().unwrap();
    drop(mailer);
    assert_eq!(two.dir().cursor_status(&store, "mailer").unwrap().position, Position(1));
}

/// A power cut takes the watermark that no caller synced, and with it the proof that the last event is durable. A reader
/// that had acknowledged it withholds it then, and found its cursor ahead of the log.
#[test]
fn a_cursor_waits_for_what_a_reader_withholds() {
    let mut two = Two::new();
    let store = two.store.open();
    for entity in ["a", "b"] {
        put(&store, entity);
    }
    drain(&two.mailer(&two.store.read_only()).unwrap()).unwrap();
    two.store.disk.lose_unsynced();
    two.store.restart();
    two.store.disk.at_rest().remove("WATERMARK").ok();
    let reader = two.store.read_only();
    assert!(reader.frontier().visible < Position(2), "the last event is withheld");
    let mailer = two.mailer(&reader).unwrap();
    assert_eq!((mailer.position(), drain(&mailer).unwrap()), (Position(2), vec![]));
    drop(mailer);
    drop(store);
    let store = two.store.open();
    put(&store, "c");
    assert_eq!(drain(&two.mailer(&two.store.read_only()).unwrap()).unwrap(), [3]);
}

fn counting(reader: &StoreReader, dir: &StateDir) -> Projector<Count> {
    reader.projector_with(ProjectorOptions::new().state_dir(dir)).unwrap()
}

#[test]
fn a_reader_saves_its_states() {
    let mut two = Two::new();
    let store = two.store.open();
    put(&store, "a");
    let before = two.files();
    let reader = two.store.read_only();
    let count = counting(&reader, &two.dir());
    assert!(matches!(count.start(), Start::New));
    assert_eq!(count.read().unwrap().0, 1);
    count.save().unwrap();
    assert_eq!(two.files(), before, "the store's own files stay untouched");
    two.restart_reader();
    put(&store, "b");
    let count = counting(&reader, &two.dir());
    assert!(matches!(count.start(), Start::Saved(Position(1))));
    assert_eq!((count.read().unwrap().0, count.read().unwrap().1), (2, 2));
    count.save().unwrap();

    let name = "projections/state.count/all.1";
    two.state.at_rest().flip_bit(name, 500).unwrap();
    let count = counting(&reader, &two.dir());
    assert!(matches!(count.start(), Start::Rebuilt(_)), "{:?}", count.start());
    assert_eq!(count.read().unwrap().0, 2);
    count.reset().unwrap();
    assert!(matches!(counting(&reader, &two.dir()).start(), Start::New));
}

#[test]
fn the_last_process_that_saves_wins_and_two_do_not_write_at_once() {
    let root = tempfile::tempdir().unwrap();
    let (shop, place) = (root.path().join("shop"), root.path().join("readers"));
    let store = Store::open(&shop).unwrap();
    put(&store, "a");
    let open = || counting(&store, &StateDir::open(&place).unwrap());
    let (first, second) = (open(), open());
    first.read().unwrap();
    first.save().unwrap();
    put(&store, "b");
    second.read().unwrap();
    second.save().unwrap();
    assert!(matches!(open().start(), Start::Saved(Position(2))));
    let disk = NativeDisk::new(&place);
    let writing = disk.lock("projections/state.count/all.lock").unwrap();
    assert_eq!(first.save().unwrap_err().kind(), ErrorKind::Locked);
    drop(writing);
    first.save().unwrap();
    assert!(matches!(open().start(), Start::Saved(Position(1))));
}

/// A link led into the store, and a path that leads out of it again was refused.
#[cfg(unix)]
#[test]
fn a_directory_is_where_its_links_lead() {
    let root = tempfile::tempdir().unwrap();
    let shop = root.path().join("shop");
    Store::open(&shop).unwrap().close().unwrap();
    let link = root.path().join("link");
    for target in [shop.clone(), shop.join("segments")] {
        std::os::unix::fs::symlink(target, &link).unwrap();
        for inside in [link.clone(), link.join("readers"), link.join("readers/deeper")] {
            let error = StateDir::open(&inside).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{}: {error}", inside.display());
        }
        std::fs::remove_file(&link).unwrap();
    }
    std::fs::create_dir(root.path().join("readers")).unwrap();
    StateDir::open(shop.join("../readers")).unwrap();
    std::os::unix::fs::symlink(root.path().join("readers"), shop.join("out")).unwrap();
    StateDir::open(shop.join("out")).unwrap();
}
