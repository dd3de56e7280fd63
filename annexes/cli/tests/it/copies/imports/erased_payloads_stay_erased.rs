//! An erased payload is exported and imported as what it is: erased.

use tidegate::report::Erase;
use tidegate::{Batch, Draft, Position, Query, QueryItem};

use super::copies_keep_what_a_store_says::{exported, open};
use crate::program::{TempFolder, run, run_with};

/// Erases the payloads at these positions.
fn erase(path: &str, positions: &[u64]) {
    let store = open(path);
    let view = store.view().unwrap();
    let item = |position: &u64| {
        let event = view.at(Position(*position)).unwrap().unwrap();
        QueryItem::new().stream(event.stream()).versions(event.version()..=event.version())
    };
    let (first, rest) = positions.split_first().unwrap();
    let query = rest.iter().map(item).fold(Query::from(item(first)), Query::or);
    let erasure = store.upkeep().erase(&query, Erase::new("on request", "desk 2")).unwrap();
    assert_eq!(erasure.events, positions.len() as u64);
    store.close().unwrap();
}

/// Three batches of two events, under keys.
fn store(place: &TempFolder) -> String {
    let path = place.path("store");
    let store = open(&path);
    for batch in 0..3 {
        let draft =
            |n: u64| Draft::new(("s", format!("e{n}")), "k.x").json_text(format!("\"secret {batch} {n}\""));
        store.append(Batch::from(vec![draft(0), draft(1)]).key(format!("b{batch}"))).unwrap();
    }
    store.close().unwrap();
    path
}

#[test]
fn a_copy_is_the_same_store_without_them() {
    let place = TempFolder::new();
    let path = store(&place);
    let leaves = |path: &str| {
        let store = open(path);
        store.read(&tidegate::Query::ALL).unwrap().map(|event| event.unwrap().leaf()).collect::<Vec<_>>()
    };
    let intact = leaves(&path);
    erase(&path, &[1, 4]);
    let text = run(&["export", &path]).ok();
    assert!(text.contains("\"erased\":{\"commitment\":\"") && text.contains("\"bytes\":12}"), "{text}");
    assert!(!text.contains("secret 0 0") && !text.contains("secret 1 1") && text.contains("secret 0 1"));
    let copy = place.path("copy");
    run_with(&text, &["import", &copy, "-"]).ok();
    // What the source says of itself is not a word of the copy.
    let events = |lines: Vec<String>| lines[..6].to_vec();
    assert_eq!(events(exported(&copy)), events(text.lines().skip(1).map(str::to_owned).collect()));
    assert!(exported(&copy)[6].contains("tidegate.imported.erased"));
    assert_eq!(leaves(&copy)[..6], intact, "the leaves are those from before the erasing");
    run(&["verify", &copy]).ok();
    // Once more, nothing is new.
    run_with(&text, &["import", &copy, "-"]).ok();
    assert!(run(&["read", &copy]).ok().contains("erased"));
    assert_eq!(run(&["read", &copy, "--json"]).json()[0]["type"], "json");
}

/// A copy of a store, made before anything was erased.
fn store_copy(place: &TempFolder, path: &str) -> String {
    let copy = place.path("older copy");
    run_with(&run(&["export", path]).ok(), &["import", &copy, "-"]).ok();
    copy
}

#[test]
fn a_copy_from_before_the_erasing_is_known_again() {
    let place = TempFolder::new();
    let path = store(&place);
    let copy = store_copy(&place, &path);
    let before = run(&["export", &path]).ok();
    erase(&path, &[1, 4]);
    let after = run(&["export", &path]).ok();
    // Either way each event is the same one, and nothing is written.
    run_with(&after, &["import", &copy, "-"]).ok();
    assert!(run(&["export", &copy]).ok().contains("secret 0 0"));
    run_with(&before, &["import", &path, "-"]).ok();
    assert!(!run(&["export", &path]).ok().contains("secret 0 0"));
    let other = after.replacen("\"bytes\":12", "\"bytes\":13", 1);
    let error = run_with(&other, &["import", &copy, "-"]).refused(1);
    assert!(error.contains("another payload"), "{error}");
}

#[test]
fn without_an_export_it_is_refused() {
    let place = TempFolder::new();
    let path = store(&place);
    erase(&path, &[1]);
    let lines = run(&["read", &path, "--json"]).ok();
    let error = run_with(&lines, &["import", &place.path("new"), "-"]).refused(1);
    assert!(error.contains("only a whole export") && error.contains("leave the line out"), "{error}");
    let text = run(&["export", &path]).ok();
    let error = run_with(
        &text.replacen("\"erased\"", "\"data\":1,\"erased\"", 1),
        &["import", &place.path("new"), "-"],
    );
    assert!(error.refused(1).contains("neither `data`"));
}
