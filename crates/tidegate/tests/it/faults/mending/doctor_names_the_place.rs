//! The doctor reports every fault, in the file and at the byte where it is, and of nothing else.

use tidegate::ErrorKind;

use super::sample::{closed, contents, doctor, fill, frames, places, remarked, saved};
use crate::faults::stage::Stage;

#[test]
fn a_store_in_order_has_no_faults() {
    let (stage, log) = closed(12);
    let before = contents(&stage);
    let examined = doctor(&stage).unwrap();
    assert!(
        examined.faults.is_empty() && examined.remarks.is_empty() && examined.lost.is_empty(),
        "{examined:?}"
    );
    assert_eq!((examined.verified.events, examined.head.0), (log.len() as u64, log.len() as u64));
    assert_eq!(examined.segments, stage.segments().len() as u64);
    assert_eq!((examined.index_files, examined.reader_files), (examined.segments - 1, 2));
    assert_eq!(contents(&stage), before, "it writes nothing");
}

/// What a killed process leaves is not a fault, with its writer still at work or gone.
#[test]
fn what_a_crash_leaves_is_no_fault() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 0..9, &stage);
    assert_eq!(doctor(&stage).unwrap().faults.len(), 0, "beside a writer");
    stage.disk.kill();
    stage.restart();
    assert_eq!(doctor(&stage).unwrap().faults.len(), 0);
    let name = stage.active();
    stage.disk.at_rest().edit(&name, |bytes| bytes.extend([7; 50])).unwrap();
    let examined = doctor(&stage).unwrap();
    assert_eq!(examined.faults.len(), 0, "a torn end");
    assert!(examined.remarks.iter().any(|remark| remark.file == name), "{examined:?}");
}

#[test]
fn filter_groups_are_compared_with_their_segments() {
    let mut stage = Stage::new();
    stage.options = stage.options.segment_bytes(81);
    let store = stage.open();
    fill(&store, 0..40, &stage);
    store.close().unwrap();
    stage.restart();
    let name =
        stage.disk.at_rest().names_in("index").into_iter().find(|name| name.ends_with(".filters")).unwrap();
    assert_eq!(doctor(&stage).unwrap().faults.len(), 0);
    for bit in (0..stage.bytes(&name).len() as u64 * 8).step_by(997) {
        let copy = stage.fork();
        copy.disk.at_rest().flip_bit(&name, bit).unwrap();
        let examined = doctor(&copy).unwrap();
        let found = remarked(&examined);
        assert!(
            matches!(&found[..], [(file, Some(at))] if *file == name && *at <= bit / 8),
            "bit {bit}: {found:?}"
        );
        assert!(examined.faults.is_empty(), "a filter group can be made once more");
    }
}

/// F16: a flip anywhere but in the log costs nothing, and the fault is told where it is.
#[test]
fn flips_in_files_beside_the_log() {
    let (stage, log) = closed(12);
    let segments = stage.segments();
    for (name, bytes) in contents(&stage) {
        if segments.contains(&name) || name == "LOCK" {
            continue;
        }
        for bit in (0..bytes.len() as u64 * 8).step_by(if name.starts_with("index") { 61 } else { 13 }) {
            let copy = stage.fork();
            copy.disk.at_rest().flip_bit(&name, bit).unwrap();
            let examined = doctor(&copy).unwrap();
            // Everything but the identity of a store and the place of a reader is made of the log.
            let faults = places(&examined);
            let costs = name == "STORE" || name.starts_with("cursors");
            assert_eq!(faults.len(), usize::from(costs), "{name}, bit {bit}: {faults:?}");
            let found = if costs { faults } else { remarked(&examined) };
            let right =
                |(file, at): &(String, Option<u64>)| *file == name && at.is_none_or(|at| at <= bit / 8);
            assert!(found.len() == 1 && right(&found[0]), "{name}, bit {bit}: {found:?}");
            if name.starts_with("index") {
                assert_eq!(found[0].1, Some(bit / 8), "{name}: an index file can be made once more");
            }
            if bit % 7 == 0 {
                let (salvaged, ..) = saved(&copy, &log).unwrap();
                // Without a watermark that holds, an end may be gone, and the new store is a fork.
                let is_same = salvaged.store == salvaged.from;
                assert_eq!((salvaged.saved.events, is_same || name == "WATERMARK"), (log.len() as u64, true));
            }
        }
    }
}

/// F16: a flip in the log costs the frame that it is in, and nothing else.
#[test]
fn flips_in_the_log() {
    let (stage, log) = closed(12);
    for name in stage.segments() {
        let frames = frames(&stage, &name);
        for bit in (0..stage.bytes(&name).len() as u64 * 8).step_by(37) {
            let (copy, byte) = (stage.fork(), (bit / 8) as usize);
            copy.disk.at_rest().flip_bit(&name, bit).unwrap();
            let examined = doctor(&copy).unwrap();
            let found = places(&examined);
            assert!(found.iter().all(|(file, _)| *file == name), "bit {bit}: {found:?}");
            let (salvaged, ..) = saved(&copy, &log).unwrap();
            let Some((bytes, positions)) = frames.iter().find(|(bytes, _)| bytes.contains(&byte)) else {
                assert_eq!(found, [(name.clone(), Some(0))], "bit {bit}: the head of the segment");
                assert_eq!(salvaged.saved.events, log.len() as u64, "no event is in the head");
                continue;
            };
            assert_eq!(found, [(name.clone(), Some(bytes.start as u64))], "bit {bit}");
            let lost: Vec<_> =
                salvaged.lost.iter().map(|lost| lost.first.0..lost.last.unwrap().0 + 1).collect();
            assert_eq!(lost, std::slice::from_ref(positions), "bit {bit}");
            assert_eq!(examined.lost, salvaged.lost);
        }
    }
}

/// F17: zeros, frames that changed places, and foreign blocks.
#[test]
fn blocks_of_the_log() {
    let (stage, log) = closed(12);
    for name in stage.segments() {
        let frames = frames(&stage, &name);
        for (index, (bytes, positions)) in frames.iter().enumerate() {
            let zeroed = stage.fork();
            zeroed.disk.at_rest().zero(&name, bytes.start as u64..bytes.end as u64).unwrap();
            assert_eq!(places(&doctor(&zeroed).unwrap()), [(name.clone(), Some(bytes.start as u64))]);
            let (salvaged, ..) = saved(&zeroed, &log).unwrap();
            assert_eq!(salvaged.saved.events, log.len() as u64 - (positions.end - positions.start));
            // Two frames that changed places are both whole.
            let Some((next, _)) = frames.get(index + 1) else { continue };
            let swapped = stage.fork();
            let turn = |held: &mut Vec<u8>| held[bytes.start..next.end].rotate_left(bytes.len());
            swapped.disk.at_rest().edit(&name, turn).unwrap();
            let found = places(&doctor(&swapped).unwrap());
            assert!(
                found.iter().all(|(file, at)| *file == name && at.is_some_and(|at| at >= bytes.start as u64))
            );
            assert!(!found.is_empty());
            let (salvaged, ..) = saved(&swapped, &log).unwrap();
            assert_eq!(salvaged.saved.events, log.len() as u64);
        }
    }
}

/// F18: a segment that ends early.
#[test]
fn segments_cut_short() {
    let (stage, log) = closed(12);
    for name in stage.segments() {
        for length in (0..stage.bytes(&name).len() as u64).step_by(19) {
            let copy = stage.fork();
            copy.disk.at_rest().truncate(&name, length).unwrap();
            let found = places(&doctor(&copy).unwrap());
            assert!(!found.is_empty() && found.iter().all(|(file, _)| *file == name), "{length}: {found:?}");
            assert!(found.iter().all(|(_, at)| at.is_none_or(|at| at <= length)), "{length}: {found:?}");
            let whole = frames(&stage, &name).into_iter().filter(|(bytes, _)| bytes.end as u64 <= length);
            let kept: u64 = whole.map(|(_, positions)| positions.end - positions.start).sum();
            let all: u64 =
                frames(&stage, &name).iter().map(|(_, positions)| positions.end - positions.start).sum();
            let (salvaged, ..) = saved(&copy, &log).unwrap();
            assert_eq!(salvaged.saved.events, log.len() as u64 - all + kept, "{name} cut to {length}");
        }
    }
}

/// F19, F20: files that are missing, or stand there twice, or under another name.
#[test]
fn segments_missing_doubled_and_renamed() {
    let (stage, log) = closed(12);
    let segments = stage.segments();
    for name in &segments {
        let missing = stage.fork();
        missing.disk.at_rest().remove(name).unwrap();
        let found = places(&doctor(&missing).unwrap());
        assert_eq!(found, [(name.clone(), None)]);
        let positions = frames(&stage, name);
        let count: u64 = positions.iter().map(|(_, positions)| positions.end - positions.start).sum();
        let (salvaged, ..) = saved(&missing, &log).unwrap();
        assert_eq!(salvaged.saved.events, log.len() as u64 - count);

        let stray = "segments/00000000000000000999.seg";
        let doubled = stage.fork();
        doubled.disk.at_rest().copy(name, stray).unwrap();
        assert_eq!(places(&doctor(&doubled).unwrap()), [(stray.to_owned(), Some(0))]);
        let (salvaged, ..) = saved(&doubled, &log).unwrap();
        assert_eq!((salvaged.saved.events, salvaged.store == salvaged.from), (log.len() as u64, true));

        let renamed = stage.fork();
        renamed.disk.at_rest().rename(name, stray).unwrap();
        assert_eq!(places(&doctor(&renamed).unwrap()), [(stray.to_owned(), Some(0))]);
        let (salvaged, ..) = saved(&renamed, &log).unwrap();
        assert_eq!(salvaged.saved.events, log.len() as u64);
    }
}

/// The doctor goes on: faults in several files are all reported.
#[test]
fn several_faults_at_once() {
    let (stage, _) = closed(12);
    let segments = stage.segments();
    let index = stage.disk.at_rest().names_in("index").remove(1);
    // Index files are hashed with the seed in the store file, so without that they are not judged.
    let beside = ["WATERMARK", &segments[0], &segments[2], "cursors/reader"];
    for last in ["STORE", &index] {
        let harmed = [&[last], &beside[..]].concat();
        several(&stage.fork(), &harmed);
    }
}

/// Flips a bit in each of these files, and looks whether all of them are reported.
fn several(stage: &Stage, harmed: &[&str]) {
    for name in harmed.iter().copied() {
        let length = stage.bytes(name).len() as u64;
        let bit = if name == "WATERMARK" { 4100 } else { length / 2 } * 8;
        stage.disk.at_rest().flip_bit(name, bit).unwrap();
    }
    stage.disk.at_rest().write("segments/notes.txt", b"mine").unwrap();
    stage.disk.at_rest().write("index/00000000000000000001.idx.tmp", b"half").unwrap();
    let examined = doctor(stage).unwrap();
    let told = places(&examined).into_iter().chain(remarked(&examined));
    let mut named: Vec<_> = told.map(|(file, _)| file).collect();
    named.sort_unstable();
    let mut expected: Vec<_> = harmed.iter().map(|name| (*name).to_owned()).collect();
    expected.sort_unstable();
    assert_eq!(named, expected, "{examined:?}");
    for file in ["segments/notes.txt", "index/00000000000000000001.idx.tmp"] {
        assert!(examined.remarks.iter().any(|remark| remark.file == file), "{examined:?}");
    }
    assert!(examined.faults.iter().all(|fault| fault.error.evidence().is_some() && !fault.remedy.is_empty()));
}

/// Only the store file says what is hashed in index files, and that it is gone is told once.
#[test]
fn index_files_are_not_judged_without_the_store_file() {
    let (stage, _) = closed(40);
    stage.disk.at_rest().remove("STORE").unwrap();
    let examined = doctor(&stage).unwrap();
    assert_eq!(places(&examined), [("STORE".to_owned(), None)], "{examined:?}");
    let of_indexes: Vec<_> =
        examined.remarks.iter().filter(|remark| remark.file.starts_with("index")).collect();
    assert_eq!(of_indexes.len(), 1, "{of_indexes:?}");
    assert!(of_indexes[0].text.contains("without the store file"), "{of_indexes:?}");
}

/// Every refusal names the way out, and a refusal is a fault to the doctor too.
#[test]
fn whatever_refuses_to_open_is_a_fault() {
    let (stage, _) = closed(12);
    let names: Vec<_> = contents(&stage).into_iter().map(|(name, _)| name).collect();
    let mut refused = 0;
    for name in &names {
        for length in (0..stage.bytes(name).len() as u64).step_by(101) {
            let copy = stage.fork();
            copy.disk.at_rest().truncate(name, length).unwrap();
            let Err(error) = copy.options.create(false).open_in(copy.world()) else {
                continue;
            };
            refused += 1;
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            assert!(error.to_string().contains("tidegate salvage DIR NEW"), "{error}");
            assert!(!doctor(&copy).unwrap().faults.is_empty(), "{name} cut to {length}: {error}");
        }
    }
    assert!(refused > 10, "segments and the store file are refused");
}

#[test]
fn nothing_is_no_store() {
    assert_eq!(doctor(&Stage::new()).unwrap_err().kind(), ErrorKind::Missing);
}
