//! A store of which the beginning was retired: commands go on above the floor if they are told to, or name what does.

use tidegate::report::Retire;
use tidegate::{Draft, Position, StoreOptions};

use crate::program::{TempFolder, run};

/// A store of forty events and that of their retirement, and the first position that is left.
fn retired(place: &TempFolder) -> (String, u64) {
    let path = place.path("store");
    let store = StoreOptions::new().segment_bytes(4096).open(&path).unwrap();
    for number in 0..40 {
        store.append(Draft::new(("s", format!("e{number}")), "k.x").json_text("1".repeat(500))).unwrap();
    }
    let retirement = store.upkeep().retire(Position(20), Retire::new("a test", "desk 2")).unwrap();
    store.close().unwrap();
    assert!(retirement.segments > 1, "{retirement}");
    (path, retirement.floor.0)
}

#[test]
fn reading_goes_on_above_the_floor() {
    let place = TempFolder::new();
    let (path, floor) = retired(&place);
    let after = format!("--after {}", floor - 1);
    let left = 42 - floor;
    for call in [&["read"][..], &["project"]] {
        let call: Vec<_> = [call[0], &path].into_iter().chain(call[1..].iter().copied()).collect();
        let error = run(&call).refused(1);
        let refused =
            format!("retired with all before position {floor}; go on from there; {after} does that");
        assert!(error.contains(&refused), "{error}");
        let said: Vec<_> = after.split(' ').collect();
        let out = run(&[&call[..], &said].concat()).ok();
        assert!(out.lines().count() as u64 == left || out.contains(&left.to_string()), "{call:?}: {out}");
    }
    // What needs no record is answered whole.
    for call in [["read", "--count"], ["stats", "--count"]] {
        let out = run(&[call[0], &path, call[1]]).ok();
        assert!(out.contains("41"), "{call:?}: {out}");
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
