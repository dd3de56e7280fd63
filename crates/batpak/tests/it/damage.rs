//! Damage: nothing wrong is read, and what is left out is told.

use tidegate_batpak::FindingKind;
use tidegate_format::ErrorKind;

use crate::files::Files;

const FIRST: &str = "000001.fbat";

#[test]
fn a_flipped_bit_shows_no_event_that_was_not_there() {
    let whole = Files::of("killed");
    let events = whole.read().unwrap();
    let events = events.visible();
    let bytes = whole.0[FIRST].len();
    let mut told = 0;
    for (byte, bit) in (0..bytes).map(|byte| (byte, byte % 8)) {
        let mut files = whole.clone();
        files.0.get_mut(FIRST).unwrap()[byte] ^= 1 << bit;
        let Ok(found) = files.read() else {
            assert!(byte < 60, "only a header is refused, not byte {byte}");
            continue;
        };
        let visible = found.visible();
        assert!(visible.iter().all(|event| events.contains(event)), "byte {byte}");
        if visible.len() < events.len() {
            // Behind the last whole event a flipped bit cannot be told from what a crash leaves.
            let is_told = |kind: &FindingKind| matches!(kind, FindingKind::Damage | FindingKind::TornTail);
            assert!(found.kinds().iter().any(is_told), "byte {byte}: {:?}", found.findings);
            told += 1;
        }
    }
    assert!(told > bytes / 2, "{told} of {bytes}");
}

#[test]
fn any_cut_leaves_the_beginning() {
    let whole = Files::of("closed");
    let all = whole.read().unwrap();
    let all: Vec<_> = all.visible().into_iter().map(|event| event.id).collect();
    let last = "000003.fbat";
    for length in 0..whole.0[last].len() {
        let mut files = whole.clone();
        files.0.get_mut(last).unwrap().truncate(length);
        let Ok(found) = files.read() else {
            assert!(length < 57, "{length}");
            continue;
        };
        let visible: Vec<_> = found.visible().into_iter().map(|event| event.id).collect();
        assert_eq!(visible, all[..visible.len()], "{length}");
    }
}

#[test]
fn damage_in_the_middle_is_told_with_what_follows_it() {
    let mut files = Files::of("closed");
    files.0.get_mut(FIRST).unwrap()[1500] ^= 1;
    let found = files.read().unwrap();
    let damage = found.findings.iter().find(|finding| finding.kind == FindingKind::Damage).unwrap();
    assert_eq!(damage.file, FIRST);
    assert!(damage.offset.is_some_and(|at| at < 1500 && at > 1000), "{damage}");
    let behind: u64 = damage.message.split_whitespace().rev().nth(3).unwrap().parse().unwrap();
    assert!((3..12).contains(&behind), "{damage}");
    assert!(
        found.kinds().contains(&FindingKind::Chain),
        "the next segment does not go on: {:?}",
        found.findings
    );
}

#[test]
fn other_files_and_versions_are_refused() {
    let with = |name: &str, at: usize, byte: u8| {
        let mut files = Files::of("closed");
        files.0.get_mut(name).unwrap()[at] = byte;
        files.read().err().map(|error| (error.kind(), error.to_string()))
    };
    let (kind, message) = with(FIRST, 0, b'X').unwrap();
    assert!(kind == ErrorKind::Damaged && message.contains("000001.fbat, byte 0"), "{message}");
    let version =
        Files::of("closed").0[FIRST].windows(8).position(|bytes| bytes == b"\xa7version").unwrap() + 8;
    let (kind, message) = with(FIRST, version, 2).unwrap();
    assert!(kind == ErrorKind::Newer && message.contains("version 2"), "{message}");
    assert_eq!(with("visibility_ranges.fbv", 20, 0).unwrap().0, ErrorKind::Damaged);
    assert_eq!(with("visibility_ranges.fbv", 6, 2).unwrap().0, ErrorKind::Newer);
    let mut misnamed = Files::of("closed");
    misnamed.0.insert("old.fbat".to_owned(), Vec::new());
    let found = misnamed.read().unwrap();
    assert!(found.kinds().contains(&FindingKind::Name) && found.visible().len() == 9);
}
