//! Cursors of a reader process, which keeps its state in a directory outside the store.

use std::fs;
use std::time::Duration;

use tidegate::project::ProjectorOptions;
use tidegate::subscription::StateDir;
use tidegate::subscription::cursor::CursorOptions;
use tidegate::{Query, QueryItem, Store, StoreReader};

use crate::program::{TempFolder, run};

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Count(u64);

impl tidegate::project::Projection for Count {
    const NAME: &'static str = "count";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::ALL
    }

    fn apply(&mut self, _: &tidegate::RecordedEvent) -> tidegate::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

/// A store with three orders, and a directory with a saved state and a cursor that parked 1 and has 2 done.
fn sample(place: &TempFolder) -> (String, String) {
    let line = |entity| format!(r#"{{"scope":"s","entity":"{entity}","kind":"order.placed"}}"#);
    let lines: Vec<_> = ["a", "b", "c"].map(line).into();
    let path = place.store("store", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let (store, state) = (StoreReader::open(&path).unwrap(), place.path("state"));
    let directory = StateDir::open(&state).unwrap();
    let options = CursorOptions::new().max_attempts(1).retry_after(Duration::ZERO).state_dir(&directory);
    let mailer = store.cursor_with("mailer", QueryItem::new().kind("order.*"), options).unwrap();
    mailer.next_now().unwrap().unwrap().fail("no such mailbox").unwrap();
    mailer.next_now().unwrap().unwrap().ack().unwrap();
    let options = ProjectorOptions::new().state_dir(&directory);
    let count = store.projector_with::<Count>(options).unwrap();
    count.read().unwrap();
    count.save().unwrap();
    (path, state)
}

#[test]
fn they_are_listed_and_changed_beside_the_writer() {
    let place = TempFolder::new();
    let (path, state) = sample(&place);
    let _writer = Store::open(&path).unwrap();
    assert_eq!(run(&["cursors", &path]).noted("tidegate: no cursors\n"), "", "the store has none of its own");
    let shown = run(&["cursors", &path, "--state-dir", &state]).ok();
    assert!(shown.starts_with("mailer  cursor   at 2, 1 event behind, 1 event parked"), "{shown}");
    let shown = run(&["parked", &path, "--state-dir", &state]).ok();
    assert!(shown.contains("no such mailbox"), "{shown}");
    let done = run(&["parked", "discard", &path, "mailer", "--all", "--state-dir", &state]).ok();
    assert_eq!(done, "mailer has given up 1 event, at position 1\n");
    let done = run(&["cursors", "rewind", &path, "mailer", "1", "--state-dir", &state]).ok();
    assert!(done.starts_with("mailer is at position 1; it was at 2"), "{done}");
    let error = run(&["cursors", "rewind", &path, "mailer", "1"]).refused(1);
    assert!(error.contains("stop the program that writes to it"), "{error}");
}

#[test]
fn the_doctor_looks_at_them_too() {
    let place = TempFolder::new();
    let (path, state) = sample(&place);
    assert!(run(&["doctor", &path]).ok().contains("0 files of readers"));
    let shown = run(&["doctor", &path, "--state-dir", &state]).ok();
    assert!(shown.starts_with("all is well") && shown.contains("2 files of readers"), "{shown}");
    let cursor = format!("{state}/cursors/mailer");
    let intact = fs::read_to_string(&cursor).unwrap();
    fs::write(&cursor, intact.replacen("position 2", "position 3", 1)).unwrap();
    let ran = run(&["doctor", &path, "--state-dir", &state]);
    assert!(ran.out.contains(&cursor), "{}", ran.out);
    assert!(ran.refused(2).contains("1 fault"));
    // A cursor of another store.
    let other = TempFolder::new();
    let (_, elsewhere) = sample(&other);
    let ran = run(&["doctor", &path, "--state-dir", &elsewhere]);
    assert!(ran.out.contains("it is of another store"), "{}", ran.out);
}

#[test]
fn a_directory_that_is_not_one_is_refused() {
    let place = TempFolder::new();
    let (path, _) = sample(&place);
    for command in ["cursors", "parked", "doctor"] {
        let error = run(&[command, &path, "--state-dir", &place.path("nowhere")]).refused(1);
        assert!(error.contains("there is no directory"), "{error}");
        let error = run(&[command, &path, "--state-dir", &path]).refused(1);
        assert!(error.contains("is the directory of a store: name one outside it"), "{error}");
    }
}
