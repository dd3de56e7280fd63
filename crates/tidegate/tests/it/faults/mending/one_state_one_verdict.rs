//! One state has one verdict: a writer that opens the store and reads it through, a reader, the doctor and salvage say the
//! same of it, whatever was done to it.
//!
//! They once did not: each judged on its own. What the doctor called well a writer cut, what a writer opened the doctor
//! sent to a backup, and a writer went on past a segment that was gone.

use std::collections::BTreeMap;

use tidegate::report::{StoreVerdict, salvage_in};
use tidegate::subscription::cursor::{names, status};
use tidegate::{AppendOptions, ErrorKind, ErrorPlace, Result, StoreReader};
use tidegate_format::Offset;
use tidegate_format::frame::FRAME_HEADER_BYTES;
use tidegate_format::hash::crc;

use super::random_damage::{Choices, harm};
use super::sample::{Log, batch, closed, doctor, fill, frames, log};
use crate::faults::stage::{Stage, history};
use crate::stored::access::Access;

/// How many seeds are tried, unless `TIDEGATE_DAMAGE_SEEDS` says otherwise.
const SEEDS: u64 = 300;

/// What a store says to one who opened it and asks for everything.
pub(super) fn read_through(store: &StoreReader) -> Result<()> {
    if let Some(damage) = &store.report().damage {
        return Err(damage.clone());
    }
    history(store)?;
    store.verify(|_| ())?;
    for name in names(store)? {
        status(store, &name)?;
    }
    Ok(())
}

fn opened(stage: &Stage, access: Access) -> StoreVerdict {
    let opened = stage.fork().try_open(access).and_then(|store| read_through(&store));
    opened.map_or_else(|error| StoreVerdict::from(&error), |()| StoreVerdict::Sound)
}

/// What each says, in the order writer, reader, doctor, salvage. What needs no more than an opening is sound to those who
/// open it.
fn verdicts(stage: &Stage) -> [StoreVerdict; 4] {
    let plain = |verdict| if verdict == StoreVerdict::Mendable { StoreVerdict::Sound } else { verdict };
    let of = |result: Result<StoreVerdict>| plain(result.unwrap_or_else(|error| StoreVerdict::from(&error)));
    let new = Stage::seeded(7);
    [
        opened(stage, Access::Write),
        opened(stage, Access::Read),
        of(doctor(stage).map(|examined| examined.verdict())),
        of(salvage_in(&stage.world(), &new.world(), |_| ()).map(|salvaged| salvaged.verdict())),
    ]
}

#[track_caller]
fn check(stage: &Stage, expected: StoreVerdict) {
    let told = doctor(stage);
    assert_eq!(verdicts(stage), [expected; 4], "{told:#?}");
    if expected == StoreVerdict::Sound {
        let examined = told.unwrap();
        let head = stage.fork().open().report().head;
        assert_eq!(examined.kept, head, "what opening keeps: {examined:#?}");
    }
}

/// A store whose process was killed with events that were never synced behind the last ones that were.
fn killed() -> (Stage, Log) {
    let (mut stage, _) = closed(20);
    stage.options.segment_bytes = 1 << 20;
    let store = stage.open();
    fill(&store, 30..33, &stage);
    for number in 40..44 {
        store
            .append_with(batch(number, store.view().unwrap().head()), AppendOptions::new().buffered())
            .unwrap();
    }
    let all = log(&store);
    stage.disk.kill();
    drop(store);
    stage.restart();
    (stage, all)
}

fn newest(stage: &Stage) -> String {
    stage.active()
}

/// Gives the version in a segment's head a checksum that holds.
fn make_newer(bytes: &mut [u8]) {
    if bytes.len() >= 16 {
        bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
        let sum = crc(0, &bytes[..12]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    }
}

/// (a) An index file, or a cursor, proves that there was more. Without a watermark a writer once went on as if not.
#[test]
fn a_newest_segment_that_is_missing() {
    let (stage, _) = closed(30);
    let files = stage.disk.at_rest();
    files.remove(&newest(&stage)).unwrap();
    files.remove("WATERMARK").unwrap();
    check(&stage, StoreVerdict::Damaged);
    let error = stage.fork().try_open(Access::Write).unwrap_err().to_string();
    assert!(error.contains("a segment is missing") && error.contains(".idx"), "{error}");
    // Without the index file too, the cursor that has read further says so.
    let (stage, all) = closed(30);
    let files = stage.disk.at_rest();
    let cursor = doctor(&stage).unwrap();
    assert!(cursor.faults.is_empty() && all.len() > 20);
    for name in stage.segments().iter().skip(1).rev() {
        files.remove(name).unwrap();
        files.names_in("index").iter().for_each(|name| files.remove(name).unwrap());
        let _ = files.remove("WATERMARK");
    }
    check(&stage, StoreVerdict::Damaged);
    let error = stage.fork().try_open(Access::Write).unwrap_err().to_string();
    assert!(error.contains("cursors/reader has read further"), "{error}");
    files.remove("cursors/reader").unwrap();
    check(&stage, StoreVerdict::Sound);
}

/// (b) The doctor once said that all is well, and the next opening cut seven whole events.
#[test]
fn a_flipped_bit_in_what_was_never_synced() {
    let (stage, all) = killed();
    check(&stage, StoreVerdict::Sound);
    let unconfirmed = doctor(&stage).unwrap();
    let text =
        unconfirmed.remarks.iter().find(|remark| remark.text.contains("nothing says that they were durable"));
    assert!(text.is_some_and(|remark| remark.file == newest(&stage)), "{unconfirmed:#?}");
    let name = newest(&stage);
    let frames = frames(&stage, &name);
    let (bytes, positions) = &frames[frames.len() - 3];
    stage.disk.at_rest().flip_bit(&name, bytes.start as u64 * 8 + 900).unwrap();
    check(&stage, StoreVerdict::Sound);
    let examined = doctor(&stage).unwrap();
    let remark = examined.remarks.iter().find(|remark| remark.text.contains("cuts off")).unwrap();
    assert_eq!(remark.offset.map(|offset| offset.0), Some(bytes.start as u64));
    let whole = all.len() as u64 + 1 - positions.end;
    let told = format!("with {whole} whole events ({} to {})", positions.end, all.len());
    assert!(remark.text.contains(&told), "{told}: {}", remark.text);
    assert_eq!(examined.kept.0 + 1, positions.start);
}

/// (c) The remedy was salvage, and salvage read the newer segment as if it were an older one.
#[test]
fn a_segment_of_a_newer_format() {
    for (stage, _) in [closed(12), killed()] {
        for name in stage.segments() {
            let copy = stage.fork();
            copy.disk.at_rest().edit(&name, |bytes| make_newer(bytes)).unwrap();
            check(&copy, StoreVerdict::Newer);
            // Whatever else is wrong: a newer program knows better.
            copy.disk.at_rest().flip_bit("STORE", 200).unwrap();
            check(&copy, StoreVerdict::Newer);
        }
    }
}

/// (d) A writer passed over it, the doctor found nothing, and a reader was told of damage.
#[test]
fn a_newest_file_without_a_head() {
    let (stage, all) = closed(12);
    let next = format!("segments/{:020}.seg", all.len() + 1);
    for length in [0, 1, 79] {
        let copy = stage.fork();
        copy.disk.at_rest().write(&next, &vec![0; length]).unwrap();
        check(&copy, StoreVerdict::Sound);
        // Its own segment cut so short is another matter: the index file before it says that it was there.
        let copy = stage.fork();
        copy.disk.at_rest().truncate(&newest(&copy), length as u64).unwrap();
        copy.disk.at_rest().remove("WATERMARK").unwrap();
        check(&copy, StoreVerdict::Damaged);
    }
}

/// (e) "expected positions 49 to 33, found no such file", of a file that was there.
#[test]
fn a_segment_doubled_under_another_name() {
    let (stage, _) = closed(30);
    for name in stage.segments() {
        for position in [2, 5, 20, 999] {
            let copy = stage.fork();
            let other = format!("segments/{position:020}.seg");
            if copy.segments().contains(&other) {
                continue;
            }
            copy.disk.at_rest().copy(&name, &other).unwrap();
            check(&copy, StoreVerdict::Damaged);
            let reader = copy.fork().read_only();
            let damage = reader.report().damage.as_ref().unwrap().to_string();
            assert!(!damage.contains("no such file") && damage.contains(&other), "{damage}");
        }
    }
}

/// (f) A reader was told that there is no store, and how to create one.
#[test]
fn a_missing_store_file() {
    for (stage, _) in [closed(12), killed()] {
        stage.disk.at_rest().remove("STORE").unwrap();
        check(&stage, StoreVerdict::Damaged);
    }
    check(&Stage::new(), StoreVerdict::Missing);
}

/// (f) A writer once took what is left of a store for none, and wrote a new one over it.
#[test]
fn what_is_left_of_a_store() {
    let (stage, _) = closed(12);
    let files = stage.disk.at_rest();
    files.remove("STORE").unwrap();
    files.names_in("segments").iter().for_each(|name| files.remove(name).unwrap());
    let left: Vec<_> = files.names().into_iter().filter(|name| name != "LOCK").collect();
    let kinds = ["WATERMARK", "index/", "cursors/", "projections/"];
    for kind in kinds {
        // Each of them alone is enough.
        let copy = stage.fork();
        let (kept, removed): (Vec<_>, Vec<_>) = left.iter().partition(|name| name.starts_with(kind));
        assert!(!kept.is_empty(), "the sample has {kind}: {left:?}");
        for name in removed {
            copy.disk.at_rest().remove(name).unwrap();
        }
        let before: Vec<_> = kept.iter().map(|name| copy.bytes(name)).collect();
        check(&copy, StoreVerdict::Damaged);
        let refusal = copy.try_open(Access::Create).unwrap_err();
        let told = refusal.to_string();
        assert_eq!(refusal.kind(), ErrorKind::Damaged, "{told}");
        assert!(told.contains(kind) && told.contains("choose an empty directory"), "{told}");
        assert_eq!(kept.iter().map(|name| copy.bytes(name)).collect::<Vec<_>>(), before);
        let found = doctor(&copy).unwrap();
        assert!(found.faults.iter().any(|fault| fault.error.to_string().contains(kind)), "{found:#?}");
        let mut remarks = found.remarks.iter().filter(|remark| remark.file.contains(".idx"));
        let is_told = remarks.any(|remark| remark.text.contains("it is evidence"));
        assert_eq!(is_told, kind == "index/", "{found:#?}");
    }
}

/// What a creation leaves that was interrupted before its store file was there is begun anew.
#[test]
fn what_is_left_of_a_creation() {
    let stage = Stage::new();
    stage.open().close().unwrap();
    let files = stage.disk.at_rest();
    files.rename("STORE", "STORE.tmp").unwrap();
    files.write("WATERMARK", &[0; 4152]).unwrap();
    check(&stage, StoreVerdict::Missing);
    assert!(stage.fork().open().report().created);
}

/// (g) The doctor reported a fault for ever, and that nothing need be done.
#[test]
fn noise_between_the_slots_of_the_watermark() {
    let (stage, _) = closed(12);
    stage.disk.at_rest().edit("WATERMARK", |bytes| bytes[777] = 1).unwrap();
    check(&stage, StoreVerdict::Sound);
    let examined = doctor(&stage).unwrap();
    assert_eq!(examined.verdict(), StoreVerdict::Mendable);
    assert!(examined.lost.is_empty(), "both slots hold");
    assert_eq!((examined.remarks.len(), examined.remarks[0].offset.map(|at| at.0)), (1, Some(777)));
}

/// (h) The doctor sent to a backup for what the next opening cuts off.
#[test]
fn the_last_frame_doubled_behind_the_tail() {
    for (stage, _) in [closed(30), killed()] {
        let name = newest(&stage);
        let (bytes, _) = frames(&stage, &name).pop().unwrap();
        stage.disk.at_rest().edit(&name, |held| held.extend_from_within(bytes.clone())).unwrap();
        check(&stage, StoreVerdict::Sound);
        let examined = doctor(&stage).unwrap();
        assert!(examined.remarks.iter().any(|remark| remark.text.contains("cuts off")), "{examined:#?}");
    }
}

/// Beside what random damage does: what it would seldom hit.
fn harm_more(stage: &Stage, choices: &mut Choices) {
    let files = stage.disk.at_rest();
    let segments = stage.segments();
    let Some(last) = segments.last() else { return };
    let one = &segments[choices.below(segments.len() as u64) as usize];
    let elsewhere = format!("segments/{:020}.seg", 1 + choices.below(90));
    match choices.below(12) {
        0 => files.edit(one, |bytes| make_newer(bytes)).unwrap(),
        1 => files.copy(one, &elsewhere).unwrap(),
        2 => files.rename(one, &elsewhere).unwrap(),
        3 => files.remove(last).unwrap(),
        4 => files.write(&elsewhere, &vec![0; choices.below(80) as usize]).unwrap(),
        5 => files.truncate(last, choices.below(100)).unwrap_or_default(),
        6 => files.names_in("index").iter().for_each(|name| files.remove(name).unwrap()),
        7 => {
            let (at, byte) = (choices.below(8000) as usize, choices.below(256) as u8);
            let _ =
                files.edit("WATERMARK", |bytes| bytes.get_mut(at).into_iter().for_each(|held| *held = byte));
        }
        8 => {
            // Whole frames, where they do not belong.
            let bytes = stage.bytes(one);
            let held = frames_of(&bytes);
            if let Some(range) = held.get(choices.below(held.len() as u64) as usize) {
                files.edit(last, |held| held.extend_from_slice(&bytes[range.clone()])).unwrap();
            }
        }
        9 => files.edit(last, |bytes| bytes.extend([0; 64])).unwrap(),
        _ => drop(files.remove("WATERMARK")),
    }
}

fn frames_of(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 80);
    while let Some(head) = bytes.get(at..).and_then(|rest| tidegate_format::FrameHeader::read(rest).ok()) {
        let end = at + head.frame_bytes();
        if end > bytes.len() {
            break;
        }
        found.push(at..end);
        at = end;
    }
    found
}

/// The table: how many states got which verdicts.
#[test]
fn over_random_damage() {
    let samples = [closed(30), killed()];
    let seeds = std::env::var("TIDEGATE_DAMAGE_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let (mut table, mut differ) = (BTreeMap::<String, u64>::new(), Vec::new());
    for seed in 0..seeds {
        let (sample, _) = &samples[(seed % 2) as usize];
        let (stage, mut choices) = (sample.fork(), Choices(seed));
        for _ in 0..=choices.below(3) {
            let how = if choices.below(2) == 0 { harm } else { harm_more };
            how(&stage, &mut choices);
        }
        let told = verdicts(&stage);
        *table.entry(format!("{told:?}")).or_default() += 1;
        if told != [told[0]; 4] {
            differ.push((seed, told));
        } else if told[0] == StoreVerdict::Sound {
            let (kept, head) = (doctor(&stage).unwrap().kept, stage.fork().open().report().head);
            assert_eq!(kept, head, "seed {seed}: what the doctor says that opening keeps");
        }
    }
    for (told, count) in &table {
        println!("{count:>7} {told}");
    }
    assert!(
        differ.is_empty(),
        "{} of {seeds} states have several verdicts: {:?}",
        differ.len(),
        &differ[..differ.len().min(20)]
    );
    assert!(table.len() >= 3, "sound, damaged and newer stores are all among them: {table:?}");
}

/// A verdict comes from an error in one way.
#[test]
fn errors_have_verdicts() {
    let of = |kind| StoreVerdict::from(&tidegate::Error::new(kind, "it is refused"));
    assert_eq!(of(ErrorKind::Damaged), StoreVerdict::Damaged);
    assert_eq!(of(ErrorKind::Newer), StoreVerdict::Newer);
    assert_eq!(of(ErrorKind::Missing), StoreVerdict::Missing);
    assert_eq!(of(ErrorKind::Io), StoreVerdict::Unknown);
}

/// (i) A flipped bit had one place to who reads an event, another to who reads frames.
#[test]
fn a_flipped_bit_of_a_sealed_segment_has_one_place() {
    let (stage, _) = closed(30);
    let name = &stage.segments()[2];
    let frames = frames(&stage, name);
    for (range, _) in &frames {
        for byte in range.clone().step_by(37) {
            let copy = stage.fork();
            copy.disk.at_rest().flip_bit(name, byte as u64 * 8 + 3).unwrap();
            let expected =
                Some(&ErrorPlace::File { name: name.clone(), offset: Some(Offset(range.start as u64)) });
            // The header of a frame is read by who reads frames.
            let is_header = byte < range.start + FRAME_HEADER_BYTES;
            let damage = |access| {
                let store = copy.fork().try_open(access).unwrap();
                (history(&store).err(), store.verify(|_| ()).unwrap_err())
            };
            for access in [Access::Write, Access::Read] {
                let (read, verified) = damage(access);
                assert_eq!(read.is_none(), is_header, "{access:?}, byte {byte}: {read:?}");
                for error in read.iter().chain([&verified]) {
                    assert_eq!(error.place(), expected, "{access:?}, byte {byte}: {error}");
                }
            }
            let faults = doctor(&copy).unwrap().faults;
            assert_eq!(faults[0].error.place(), expected, "byte {byte}: {faults:?}");
            // Without its index file the segment is read through at opening.
            copy.disk
                .at_rest()
                .names_in("index")
                .iter()
                .for_each(|name| copy.disk.at_rest().remove(name).unwrap());
            let refusal = copy.fork().try_open(Access::Write).unwrap_err();
            assert_eq!(refusal.place(), expected, "byte {byte}: {refusal}");
            let reader = copy.fork().read_only();
            let told = reader.report().damage.and_then(|damage| damage.place().cloned());
            assert_eq!(told.as_ref(), expected, "byte {byte}");
        }
    }
}
