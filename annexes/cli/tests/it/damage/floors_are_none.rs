//! A store of which the beginning was retired: commands go on above the floor if they are told to, or name what does.

use std::fs;

use tidegate::{Draft, StoreOptions};
use tidegate_format::{FloorFile, Hash, Micros, Offset, Position, StoreFile};

use crate::program::{TempFolder, run};

/// A store of forty events without its first segment, and the first position that is left.
fn retired(place: &TempFolder) -> (String, u64) {
    let path = place.path("store");
    let store = StoreOptions::new().segment_bytes(4096).open(&path).unwrap();
    for number in 0..40 {
        store.append(Draft::new(("s", format!("e{number}")), "k.x").json_text("1".repeat(500))).unwrap();
    }
    store.close().unwrap();
    let id = StoreFile::read(&fs::read(format!("{path}/STORE")).unwrap()).unwrap().id;
    let listed = fs::read_dir(format!("{path}/segments")).unwrap();
    let mut names: Vec<_> = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let segment = format!("{path}/segments/{}", names[0]);
    let floor: u64 = names[1][..20].parse().unwrap();
    let file = FloorFile {
        store: id,
        first: Position(floor),
        before_first: Position(1),
        before_length: Offset(fs::metadata(&segment).unwrap().len()),
        root: Hash([1; 32]),
        edges: vec![Hash([2; 32]); (floor - 1).count_ones() as usize],
        leaves: vec![Hash([3; 32]); (floor - 1) as usize % 256],
        time: Micros(1_795_000_000_000_000),
        reason: "a test".to_owned(),
    };
    fs::write(format!("{path}/FLOOR"), file.encode()).unwrap();
    fs::remove_file(&segment).unwrap();
    fs::remove_file(format!("{path}/index/{}", names[0].replace(".seg", ".idx"))).unwrap();
    (path, floor)
}

#[test]
fn reading_goes_on_above_the_floor() {
    let place = TempFolder::new();
    let (path, floor) = retired(&place);
    let after = format!("--after {}", floor - 1);
    let left = 41 - floor;
    for call in [&["read"][..], &["read", "--count"], &["stats"], &["stats", "--count"], &["project"]] {
        let call: Vec<_> = [call[0], &path].into_iter().chain(call[1..].iter().copied()).collect();
        let error = run(&call).refused(1);
        assert!(error.contains(&format!("were retired; go on from there; {after} does that")), "{error}");
        let said: Vec<_> = after.split(' ').collect();
        let out = run(&[&call[..], &said].concat()).ok();
        assert!(out.lines().count() as u64 == left || out.contains(&left.to_string()), "{call:?}: {out}");
    }
}

#[test]
fn an_export_names_the_command_that_is_left() {
    let place = TempFolder::new();
    let (path, floor) = retired(&place);
    let error = run(&["export", &path]).refused(1);
    let command = format!("`tidegate read {path} --json --after {}`", floor - 1);
    assert!(error.contains(&command), "{error}");
}
