//! An erased payload is exported and imported as what it is: erased.

use std::fs;

use tidegate::{Batch, Draft};
use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing};
use tidegate_format::{Frame, SEGMENT_HEADER_BYTES, SegmentHeader, frame, record};

use super::copies_keep_what_a_store_says::{exported, open};
use crate::program::{TempFolder, run, run_with};

/// Erases the payloads at these positions in the only segment of a closed store, as a later program will.
fn erase(store: &str, positions: &[u64]) {
    let name = format!("{store}/segments/00000000000000000001.seg");
    let bytes = fs::read(&name).unwrap();
    let head = SegmentHeader::read(&bytes).unwrap();
    let mut new = bytes[..SEGMENT_HEADER_BYTES].to_vec();
    while new.len() < bytes.len() {
        let read = Frame::read(&bytes[new.len()..], head.salt).unwrap();
        let batch: Vec<_> = read.records().collect();
        let mut sealed = vec![0; FRAME_HEADER_BYTES];
        for (_, event) in &batch {
            let mut event_bytes = event.as_bytes().to_vec();
            if positions.contains(&event.position().0) {
                record::erase(&mut event_bytes);
            } else if batch.iter().any(|(_, other)| positions.contains(&other.position().0)) {
                record::erase_content(&mut event_bytes);
            }
            sealed.append(&mut event_bytes);
        }
        let (first, synced, epoch) = (read.head.first, read.head.synced, read.head.epoch);
        frame::seal(&mut sealed, &Sealing { first, synced, epoch, slot: None }, head.salt);
        new.append(&mut sealed);
    }
    assert_eq!(new.len(), bytes.len());
    fs::write(name, new).unwrap();
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
    assert_eq!(exported(&copy), text.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(leaves(&copy), intact, "the leaves are those from before the erasing");
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
