//! Damage to durable bytes is noticed before it reaches a caller, wherever it lies (F4, F5, F16 to F18).

use tidegate::testing::AtRest;
use tidegate::{AppendOptions, ErrorKind, Position, Query, ReadOptions, StoreReader};
use tidegate_format::FrameHeader;

use super::stage::{History, Outcome, Stage, fill, history, one, outcome};
use crate::stored::access::Access;

/// Does something to a copy of the machine and says what came of it.
fn after(stage: &Stage, intact: &History, damage: impl FnOnce(&Stage)) -> Outcome {
    let copy = stage.fork();
    damage(&copy);
    outcome(&copy, intact)
}

fn flip(name: &str, bit: u64) -> impl FnOnce(&Stage) + '_ {
    move |stage| stage.disk.at_rest().flip_bit(name, bit).unwrap()
}

fn cut(name: &str, length: u64) -> impl FnOnce(&Stage) + '_ {
    move |stage| stage.disk.at_rest().truncate(name, length).unwrap()
}

/// F16: the watermark of a clean close knows of every byte, so every flip is refused.
#[test]
fn every_bit_of_the_active_segment_after_a_clean_close() {
    let (stage, intact) = Stage::closed();
    let name = stage.active();
    for bit in 0..stage.bytes(&name).len() as u64 * 8 {
        assert_eq!(after(&stage, &intact, flip(&name, bit)), Outcome::Refused, "bit {bit}");
    }
}

/// F16: a segment that others follow is opened by its head; what its records say is checked when they are
/// read, and everything when it is verified.
#[test]
fn bits_of_a_sealed_segment() {
    let (stage, intact) = Stage::closed();
    let name = &stage.segments()[1];
    let mut noticed = 0;
    for bit in (0..stage.bytes(name).len() as u64 * 8).step_by(5) {
        let outcome = after(&stage, &intact, flip(name, bit));
        assert!(matches!(outcome, Outcome::Refused | Outcome::Noticed), "bit {bit}: {outcome:?}");
        noticed += u32::from(outcome == Outcome::Noticed);
    }
    assert!(noticed > 100, "records are not read at opening");
}

/// F16: an opening that verifies refuses damage that another opening would come upon when it reads.
#[test]
fn bits_of_a_sealed_segment_if_opening_verifies() {
    let (mut stage, _) = Stage::closed();
    stage.options = stage.options.verify(true);
    drop((stage.fork().open(), stage.fork().read_only()));
    let name = &stage.segments()[1];
    for bit in (8 * 80..stage.bytes(name).len() as u64 * 8).step_by(203) {
        for access in [Access::Write, Access::Read] {
            let copy = stage.fork();
            flip(name, bit)(&copy);
            let refused = copy.try_open(access).map(drop).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Damaged, "bit {bit}: {refused}");
        }
    }
}

/// F16, F30: without maps each read asks the file, so what happens to that is an error, and never ends the process.
#[test]
fn bits_under_an_open_store_without_maps() {
    let mut stage = Stage::new();
    stage.options.map = false;
    let store = stage.open();
    fill(&store, 12);
    let (sealed, intact) = (stage.segments().swap_remove(0), history(&store).unwrap());
    for bit in (8 * 80..stage.bytes(&sealed).len() as u64 * 8).step_by(97) {
        flip(&sealed, bit)(&stage);
        let found = history(&store);
        assert!(found.is_err() || found.is_ok_and(|found| found == intact), "bit {bit}");
        flip(&sealed, bit)(&stage);
        assert_eq!(history(&store).unwrap(), intact, "bit {bit} as it was");
    }
    cut(&sealed, 100)(&stage);
    assert_eq!(history(&store).unwrap_err().kind(), ErrorKind::Damaged);
}

/// F16 without the index file: it cannot be built from damaged records, so opening refuses.
#[test]
fn bits_of_a_sealed_segment_without_its_index() {
    let (stage, intact) = Stage::closed();
    stage.disk.at_rest().names_in("index").iter().for_each(|name| stage.disk.at_rest().remove(name).unwrap());
    let name = &stage.segments()[0];
    for bit in (0..stage.bytes(name).len() as u64 * 8).step_by(11) {
        assert_eq!(after(&stage, &intact, flip(name, bit)), Outcome::Refused, "bit {bit}");
    }
}

/// F16: the store file is refused, and the watermark is believed only whole.
#[test]
fn every_bit_of_the_small_files() {
    let (stage, intact) = Stage::closed();
    for bit in 0..stage.bytes("STORE").len() as u64 * 8 {
        assert_eq!(after(&stage, &intact, flip("STORE", bit)), Outcome::Refused, "STORE, bit {bit}");
    }
    for bit in (0..56 * 8).chain(4096 * 8..(4096 + 56) * 8) {
        assert_eq!(after(&stage, &intact, flip("WATERMARK", bit)), Outcome::Same, "WATERMARK, bit {bit}");
    }
}

/// F16 after a crash that took the watermark: a flip in the last group is a torn tail to any caller, one before
/// it is damage, for the last group vouches for it.
#[test]
fn bits_of_the_active_segment_after_a_crash() {
    let (stage, intact) = Stage::killed();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let name = stage.active();
    let frames = stage.frames(&name);
    let last = frames[frames.len() - 2] as u64 * 8;
    assert!(frames.len() > 3, "there are groups before the last one");
    for bit in (0..last).step_by(3) {
        assert_eq!(after(&stage, &intact, flip(&name, bit)), Outcome::Refused, "bit {bit}");
    }
    for bit in last..stage.bytes(&name).len() as u64 * 8 {
        assert_eq!(after(&stage, &intact, flip(&name, bit)), Outcome::Dropped, "bit {bit}");
    }
}

/// F17: zeroed and swapped blocks are as any other damage.
#[test]
fn zeroed_and_swapped_parts() {
    let (stage, intact) = Stage::closed();
    for name in stage.segments() {
        let length = stage.bytes(&name).len() as u64;
        for at in (0..length - 64).step_by(16) {
            let zeroed =
                after(&stage, &intact, |stage| stage.disk.at_rest().zero(&name, at..at + 64).unwrap());
            assert!(matches!(zeroed, Outcome::Refused | Outcome::Noticed), "{name}, {at}: {zeroed:?}");
        }
        let frames = stage.frames(&name);
        let (first, second) = (frames[0] as u64, frames[1] as u64);
        let swapped =
            after(&stage, &intact, |stage| stage.disk.at_rest().swap(&name, first, second, 40).unwrap());
        assert!(matches!(swapped, Outcome::Refused | Outcome::Noticed), "{name}: {swapped:?}");
    }
}

/// F18: a file cut to any shorter length.
#[test]
fn files_cut_to_any_length() {
    let (stage, intact) = Stage::closed();
    for name in stage.segments().iter().map(String::as_str).chain(["STORE"]) {
        for length in 0..stage.bytes(name).len() as u64 {
            assert_eq!(after(&stage, &intact, cut(name, length)), Outcome::Refused, "{name} to {length}");
        }
    }
    for length in (0..stage.bytes("WATERMARK").len() as u64).step_by(7) {
        assert_eq!(after(&stage, &intact, cut("WATERMARK", length)), Outcome::Same, "WATERMARK to {length}");
    }
}

/// F18 if no watermark proves the loss: whole groups stay, the torn one goes, and the report says so.
#[test]
fn an_active_segment_cut_after_a_crash() {
    let (stage, intact) = Stage::killed();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let name = stage.active();
    let frames = stage.frames(&name);
    for length in 80..stage.bytes(&name).len() as u64 {
        let copy = stage.fork();
        copy.disk.at_rest().truncate(&name, length).unwrap();
        let store = copy.open();
        let found = history(&store).unwrap();
        assert!(intact.starts_with(&found));
        let torn = !frames.contains(&(length as usize));
        assert_eq!(store.report().dropped_bytes > 0, torn, "{length}: {}", store.report());
    }
}

/// What a reader shows before it ends in damage of a file.
fn before_damage(reader: &StoreReader, file: &str) -> History {
    let mut found = History::new();
    for event in reader.read(&Query::ALL).unwrap() {
        match event {
            Ok(event) => found.push((event.position().0, event.leaf())),
            Err(error) => {
                assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains(file), "{error}");
                return found;
            }
        }
    }
    panic!("a reader ends in silence")
}

/// F16: what comes before damage in a sealed segment shows to those who read only, and then the damage.
#[test]
fn a_reader_sees_everything_before_the_damage() {
    let (stage, intact) = Stage::closed();
    stage.disk.at_rest().names_in("index").iter().for_each(|name| stage.disk.at_rest().remove(name).unwrap());
    let segments = stage.segments();
    for (index, name) in segments.iter().enumerate() {
        let copy = stage.fork();
        let frames = copy.frames(name);
        let last = frames[frames.len() - 2] as u64;
        copy.disk.at_rest().flip_bit(name, (last + 50) * 8).unwrap();
        let reader = copy.read_only();
        let found = before_damage(&reader, name);
        assert!(intact.starts_with(&found), "{name}");
        assert!(found.len() < intact.len() && !found.is_empty(), "{name}: {} events", found.len());
        let damage = reader.report().damage.unwrap();
        assert_eq!(damage.kind(), ErrorKind::Damaged);
        assert!(damage.to_string().contains(name), "{damage}");
        if index > 0 {
            let first: u64 = name["segments/".len()..].trim_end_matches(".seg").parse().unwrap();
            assert!(found.len() as u64 >= first, "{name}: {} events", found.len());
        }
    }
    for (name, least) in [(&segments[1], 1), (&segments[2], 2)] {
        let copy = stage.fork();
        copy.disk.at_rest().remove(name).unwrap();
        let reader = copy.read_only();
        let found = before_damage(&reader, "segments/");
        assert!(intact.starts_with(&found) && found.len() > least, "{name}: {}", found.len());
    }
}

/// F18, F19, F20: a sealed segment is opened by its first question; what happened to it since the store was opened
/// is noticed then, and takes nothing from the others.
#[test]
fn a_sealed_segment_that_changes_before_it_is_asked() {
    let (stage, intact) = Stage::closed();
    let name = stage.segments().remove(0);
    let length = stage.bytes(&name).len() as u64;
    let mut other = Stage::seeded(2);
    let store = other.open();
    fill(&store, 12);
    store.close().unwrap();
    other.restart();
    let foreign = other.bytes(&name);
    let behind: u64 = stage.segments()[1]["segments/".len()..].trim_end_matches(".seg").parse().unwrap();
    for (kind, change) in [
        (
            ErrorKind::Damaged,
            &(|files: &AtRest| files.truncate(&name, length - 1).unwrap()) as &dyn Fn(&AtRest),
        ),
        (ErrorKind::Damaged, &|files: &AtRest| files.flip_bit(&name, 300).unwrap()),
        (ErrorKind::Damaged, &|files: &AtRest| files.write(&name, &foreign).unwrap()),
        (ErrorKind::Damaged, &|files: &AtRest| files.copy(&stage.active(), &name).unwrap()),
        (ErrorKind::Io, &|files: &AtRest| files.remove(&name).unwrap()),
    ] {
        for (access, map) in [(Access::Read, true), (Access::Write, true), (Access::Write, false)] {
            let copy = stage.fork();
            let options = copy.options.map(map);
            let store = access.open(copy.world(), options).unwrap();
            change(&copy.disk.at_rest());
            let error = history(&store).expect_err("the first segment is not the one it was");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(&name), "{error}");
            let rest = store.read_with(&Query::ALL, ReadOptions::new().after(Position(behind - 1))).unwrap();
            assert_eq!(rest.map(Result::unwrap).count() as u64, intact.len() as u64 + 1 - behind);
        }
    }
}

/// F4: a file that grew without its bytes, which is unused space.
#[test]
fn a_tail_of_zeros_is_unused_space() {
    let (stage, intact) = Stage::killed();
    let name = stage.active();
    for zeros in [1, 35, 36, 512, 70_000] {
        let copy = stage.fork();
        copy.disk.at_rest().edit(&name, |bytes| bytes.resize(bytes.len() + zeros, 0)).unwrap();
        let store = copy.open();
        assert_eq!(store.report().dropped_bytes, 0);
        assert_eq!(history(&store).unwrap(), intact);
        fill(&store, 2);
    }
}

/// F4: a hole where an unsynced group was, and a whole one after it that was not synced either.
#[test]
fn whole_groups_after_a_hole_are_dropped_with_it() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 2);
    let durable = history(&store).unwrap();
    for entity in ["lost", "left", "left too"] {
        store.append_with(one(entity), AppendOptions::new().buffered()).unwrap();
    }
    stage.disk.kill();
    stage.restart();
    let name = stage.active();
    let frames = stage.frames(&name);
    let (start, end) = (frames[2] as u64, frames[3] as u64);
    stage.disk.at_rest().zero(&name, start..end).unwrap();
    let store = stage.open();
    assert_eq!(history(&store).unwrap(), durable);
    assert!(store.report().dropped_bytes > end - start);
}

/// F5: whole frames that do not belong here: of an earlier place, of another store.
#[test]
fn stale_frames_are_never_taken_in() {
    let (stage, intact) = Stage::killed();
    let name = stage.active();
    let frames = stage.frames(&name);
    let earlier = stage.bytes(&name)[frames[0]..frames[1]].to_vec();
    let sealed = stage.bytes(&stage.segments()[0])[80..].to_vec();
    let mut other = Stage::seeded(2);
    let store = other.open();
    fill(&store, 13);
    other.disk.kill();
    other.restart();
    let frames = other.frames(&other.active());
    let foreign = other.bytes(&other.active())[frames[frames.len() - 2]..].to_vec();
    let first = FrameHeader::read(&foreign).unwrap().first;
    assert_eq!(first.0, intact.len() as u64 + 1, "only its salt tells this frame from the next one");
    for stale in [earlier, sealed, foreign] {
        let copy = stage.fork();
        copy.disk.at_rest().edit(&name, |bytes| bytes.extend(&stale)).unwrap();
        let store = copy.open();
        assert_eq!(history(&store).unwrap(), intact);
        assert_eq!(store.report().dropped_bytes, stale.len() as u64);
    }
}

/// A store that was refused is as it was: nothing was repaired, cut or removed.
#[test]
fn a_refusal_changes_nothing() {
    let (stage, _) = Stage::closed();
    let name = stage.active();
    stage.disk.at_rest().write("segments/00000000000000000099.seg.tmp", b"leftover").unwrap();
    stage.disk.at_rest().flip_bit(&name, 900).unwrap();
    let names = stage.disk.at_rest().names();
    let before: Vec<_> = names.iter().map(|name| stage.bytes(name)).collect();
    assert!(stage.try_open(Access::Write).is_err());
    assert_eq!(stage.disk.at_rest().names(), names);
    assert_eq!(names.iter().map(|name| stage.bytes(name)).collect::<Vec<_>>(), before);
}
