//! A file is replaced by a newer generation beside it, and the newest one counts.

use tidegate::report::{examine_in, salvage_in};
use tidegate::testing::{Call, Env, Errno, FaultPlan};
use tidegate::{ErrorKind, Query, ReadOptions};

use crate::faults::stage::{Outcome, Stage, assert_refusal, fill, history, outcome};
use crate::stored::access::Access;

/// The name of the same segment in another generation.
fn generation(name: &str, generation: u32) -> String {
    let first = name.split('.').next().unwrap();
    if generation == 0 { format!("{first}.seg") } else { format!("{first}.{generation}.seg") }
}

#[test]
fn a_recovery_puts_the_next_one_beside_the_file_and_removes_that() {
    let (mut stage, mut intact) = Stage::killed();
    let name = stage.active();
    stage.options.segment_bytes = 1 << 20;
    for round in 1..4 {
        let store = stage.open();
        assert!(!store.report().clean);
        assert_eq!(stage.active(), generation(&name, round));
        assert_eq!(stage.segments().iter().filter(|other| other[..30] == name[..30]).count(), 1);
        assert_eq!(history(&store).unwrap(), intact);
        fill(&store, 1);
        intact = history(&store).unwrap();
        stage.disk.kill();
        stage.restart();
    }
    assert_eq!(history(&stage.read_only()).unwrap(), intact);
}

/// A crash at any call of a recovery leaves the old file, the new one, or both, and the same events.
#[test]
fn a_recovery_dies_at_any_call() {
    let (mut sample, intact) = Stage::killed();
    sample.options.segment_bytes = 1 << 20;
    let calls = {
        let stage = sample.fork();
        let before = stage.disk.calls();
        stage.open();
        stage.disk.calls() - before
    };
    let mut both = 0;
    for nth in 1..=calls {
        let stage = sample.fork();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let _ = stage.try_open(Access::Write);
        for seed in 0..3 {
            let copy = stage.disk.fork();
            if seed > 0 {
                copy.power_cut(seed);
            }
            let next = Stage { disk: copy.reopen(), ..stage.clone() };
            both += u32::from(next.segments().len() > sample.segments().len());
            let faults = examine_in(&next.world(), |_| ()).unwrap().faults;
            assert!(faults.is_empty(), "call {nth}, seed {seed}: {faults:?}");
            assert_eq!(outcome(&next, &intact), Outcome::Same, "call {nth}, seed {seed}");
            assert_eq!(history(&next.open()).unwrap(), intact, "call {nth}, seed {seed}");
            assert_eq!(next.segments().len(), sample.segments().len(), "call {nth}, seed {seed}");
        }
    }
    assert!(both > 0, "no crash came between the two steps");
}

/// A recovery failed to sync the name of the copy. The next opening synced the folder once more, which tells nothing after
/// a failure, and removed the old file; a power cut then left neither.
#[test]
fn a_name_whose_sync_failed_is_not_relied_on() {
    let (mut sample, intact) = Stage::killed();
    sample.options.segment_bytes = 1 << 20;
    let mut both = 0;
    for failing in 1..=4 {
        let mut failed = sample.fork();
        failed.disk.set_plan(FaultPlan::default().fail(Call::SyncFolder, failing, Errno::IO));
        let _ = failed.try_open(Access::Write);
        failed.disk.kill();
        failed.restart();
        both += u32::from(failed.segments().len() > sample.segments().len());
        for nth in 1..=30 {
            let next = failed.fork();
            next.disk.set_plan(FaultPlan::default().crash_at(nth));
            let _ = next.try_open(Access::Write);
            for seed in 1..4 {
                let place = format!("folder sync {failing}, then call {nth}, power cut {seed}");
                let copy = next.disk.fork();
                copy.power_cut(seed);
                let found = Stage { disk: copy.reopen(), ..next.clone() };
                let read = found.try_open(Access::Read).map(|reader| history(&reader).unwrap());
                let read = read.unwrap_or_else(|error| panic!("{place}: {error}"));
                // The watermark that vouches for the last frame may be lost; a writer finds that frame all the same.
                assert!(intact.starts_with(&read), "{place}: {} events", read.len());
                assert_eq!(history(&found.open()).unwrap(), intact, "{place}");
            }
        }
    }
    assert!(both > 0, "no sync of the copy's name failed");
}

/// What an interrupted recovery left: the copy, and the file that it was made of.
#[test]
fn a_lower_one_is_a_leftover_for_everyone() {
    let (stage, intact) = Stage::killed();
    let (lower, higher) = (stage.active(), generation(&stage.active(), 7));
    let files = stage.disk.at_rest();
    files.copy(&lower, &higher).unwrap();
    files.edit(&lower, |bytes| bytes[500] ^= 1).unwrap();
    assert_eq!(history(&stage.read_only()).unwrap(), intact);
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert!(found.remarks.iter().any(|remark| remark.file == lower), "{:?}", found.remarks);
    let saved = salvage_in(&stage.world(), &Env::memory(), |_| ()).unwrap();
    assert_eq!(saved.saved.events, intact.len() as u64);
    let store = stage.open();
    assert_eq!(store.report().removed, [lower]);
    assert_eq!(history(&store).unwrap(), intact);
    assert_eq!(stage.active(), generation(&higher, 8));
}

/// A lower one may hold what was erased, or an end that was cut off.
#[test]
fn a_lower_one_does_not_stand_in_for_a_damaged_one() {
    let (stage, _) = Stage::closed();
    for (nth, name) in stage.segments().into_iter().enumerate() {
        let copy = stage.fork();
        let (files, higher) = (copy.disk.at_rest(), generation(&name, 1));
        files.copy(&name, &higher).unwrap();
        files.flip_bit(&higher, 40 * 8).unwrap();
        let error = copy.try_open(Access::Write).unwrap_err();
        assert_refusal(&error);
        assert!(error.to_string().contains(&higher), "{error}");
        match copy.try_open(Access::Read) {
            Err(error) => assert!(error.to_string().contains(&higher), "{error}"),
            Ok(reader) => {
                let damage = reader.report().damage.unwrap();
                assert!(damage.to_string().contains(&higher), "{damage}");
            }
        }
        let faults = examine_in(&copy.world(), |_| ()).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.to_string().contains(&higher)), "segment {nth}: {faults:?}");
    }
}

/// Another process may put a newer one in the place of a sealed segment that this one has not opened, or closed again.
#[test]
fn a_reader_finds_a_sealed_segment_in_its_newest_one() {
    let (stage, intact) = Stage::closed();
    for access in [Access::Read, Access::Write] {
        let copy = stage.fork();
        let store = copy.try_open(access).unwrap();
        let sealed = &copy.segments()[0];
        copy.disk.at_rest().rename(sealed, &generation(sealed, 2)).unwrap();
        assert_eq!(history(&store).unwrap(), intact);
        store.verify(|_| ()).unwrap();
    }
}

/// keeps S3
#[test]
fn a_newer_one_with_another_head_is_damage() {
    let (stage, _) = Stage::closed();
    let store = stage.read_only();
    let segments = stage.segments();
    let files = stage.disk.at_rest();
    files.remove(&segments[0]).unwrap();
    files.copy(&segments[1], &generation(&segments[0], 1)).unwrap();
    let error = store.read_with(&Query::ALL, ReadOptions::new()).unwrap().find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
}

/// A file gets its name once it is whole, so one of a later generation without a head was damaged, also when nothing beside
/// the log says that the segment ever held an event. Opening took the whole segment off the log then.
#[test]
fn a_newer_one_without_a_head_is_damage() {
    let (mut sample, intact) = Stage::killed();
    sample.disk.at_rest().remove("WATERMARK").unwrap();
    let newest = sample.active();
    for length in [0, 1, 79] {
        for keeps_lower in [true, false] {
            let stage = sample.fork();
            let (files, higher) = (stage.disk.at_rest(), generation(&newest, 1));
            files.write(&higher, &vec![0; length]).unwrap();
            if !keeps_lower {
                files.remove(&newest).unwrap();
            }
            assert_eq!(outcome(&stage, &intact), Outcome::Refused, "{length} bytes");
            let error = stage.try_open(Access::Write).unwrap_err();
            assert!(error.to_string().contains(&higher), "{error}");
            let faults = examine_in(&stage.world(), |_| ()).unwrap().faults;
            assert!(faults.iter().any(|fault| fault.to_string().contains(&higher)), "{faults:?}");
            assert_eq!(stage.segments().contains(&newest), keeps_lower);
        }
    }
    sample.restart();
    assert_eq!(history(&sample.open()).unwrap(), intact);
}

/// The last generation that there can be is followed by itself, and names that are none are ignored.
#[test]
fn the_last_one_is_replaced_under_its_name() {
    let (mut stage, mut intact) = Stage::killed();
    let (files, name) = (stage.disk.at_rest(), stage.active());
    let last = generation(&name, u32::MAX);
    files.rename(&name, &last).unwrap();
    let first = &name[..name.len() - 4];
    let others = [".0.seg", ".01.seg", ".4294967296.seg", ".+1.seg", "..seg", ".1.2.seg", ".1.SEG"];
    let others = others.map(|end| format!("{first}{end}"));
    for other in &others {
        files.write(other, b"nothing").unwrap();
    }
    stage.options.segment_bytes = 1 << 20;
    for _ in 0..2 {
        let reader = stage.read_only();
        assert_eq!(outcome(&stage, &intact), Outcome::Same);
        let store = stage.open();
        assert!(!store.report().clean);
        fill(&store, 2);
        intact = history(&store).unwrap();
        assert_eq!(history(&reader).unwrap(), intact);
        stage.disk.kill();
        stage.restart();
        let found = examine_in(&stage.world(), |_| ()).unwrap();
        assert!(found.faults.is_empty(), "{:?}", found.faults);
    }
    assert!(others.iter().chain([&last]).all(|name| stage.segments().contains(name)));
}

/// The files in `index/` that are named after a segment, whatever their generation.
fn index_files(stage: &Stage, first: &str) -> Vec<String> {
    let mut names = stage.disk.at_rest().names_in("index");
    names.retain(|name| name.starts_with(&format!("index/{first}")));
    names
}

/// The digits in the name of the last sealed segment.
fn last_sealed(stage: &Stage) -> String {
    let segments = stage.segments();
    segments[segments.len() - 2]["segments/".len()..][..20].to_owned()
}

/// A closed store of which the index file of the last sealed segment does not hold: an opening looks at that one.
fn with_a_damaged_index() -> (Stage, String) {
    let (stage, _) = Stage::closed();
    let first = last_sealed(&stage);
    stage.disk.at_rest().flip_bit(&format!("index/{first}.idx"), 8 * 20).unwrap();
    (stage, first)
}

/// Another handle may have the damaged file mapped, and some systems refuse to rename over that.
#[test]
fn an_index_file_is_repaired_beside_the_damaged_one() {
    let (mut stage, first) = with_a_damaged_index();
    for round in 1..4 {
        let store = stage.open();
        assert_eq!(store.report().rebuilt_indexes, 1);
        store.close().unwrap();
        stage.restart();
        let name = format!("index/{first}.{round}.idx");
        assert_eq!(index_files(&stage, &first), [name.as_str()]);
        let examined = examine_in(&stage.world(), |_| ()).unwrap();
        assert!(examined.faults.is_empty() && examined.remarks.is_empty(), "{examined:?}");
        assert_eq!(stage.open().report().rebuilt_indexes, 0);
        stage.restart();
        stage.disk.at_rest().flip_bit(&name, 8 * 20).unwrap();
    }
}

/// All whole generations say the same: the highest that holds is used, and others are told of and removed.
#[test]
fn the_highest_index_file_that_holds_is_used() {
    let (stage, intact) = Stage::closed();
    let first = last_sealed(&stage);
    let [zero, one, two] = ["", ".1", ".2"].map(|generation| format!("index/{first}{generation}.idx"));
    let bytes = stage.bytes(&zero);
    stage.disk.at_rest().write(&one, &bytes).unwrap();
    stage.disk.at_rest().write(&two, &bytes[..bytes.len() / 2]).unwrap();
    let examined = examine_in(&stage.world(), |_| ()).unwrap();
    let mut told: Vec<_> =
        examined.remarks.iter().map(|remark| (&remark.file, remark.offset.map(|at| at.0))).collect();
    told.sort_unstable();
    let half = Some(bytes.len() as u64 / 2);
    assert_eq!(told, [(&one, None), (&two, half), (&zero, None)], "{examined:?}");
    assert!(examined.faults.is_empty());
    assert_eq!(history(&stage.read_only()).unwrap(), intact);
    let store = stage.open();
    assert_eq!((&store.report().removed[..], store.report().rebuilt_indexes), (&[zero, one][..], 0));
    assert_eq!(history(&store).unwrap(), intact);
    drop(store);
    let mut stage = stage;
    stage.restart();
    assert!(examine_in(&stage.world(), |_| ()).unwrap().faults.is_empty());
    assert_eq!(history(&stage.open()).unwrap(), intact);
}

/// A crash at any call of a repair leaves a store that answers as before, and at most what the next opening removes.
#[test]
fn a_repair_dies_at_any_call() {
    let (sample, first) = with_a_damaged_index();
    let intact = history(&sample.fork().open()).unwrap();
    let calls = {
        let stage = sample.fork();
        let before = stage.disk.calls();
        stage.open().close().unwrap();
        stage.disk.calls() - before
    };
    let mut both = 0;
    for nth in 1..=calls {
        let stage = sample.fork();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let _ = stage.try_write().and_then(|store| store.close());
        for seed in 0..3 {
            let copy = stage.disk.fork();
            if seed > 0 {
                copy.power_cut(seed);
            }
            let mut next = Stage { disk: copy.reopen(), ..stage.clone() };
            both += u32::from(
                index_files(&next, &first).iter().filter(|name| name.strip_suffix(".idx").is_some()).count()
                    > 1,
            );
            assert_eq!(history(&next.read_only()).unwrap(), intact, "call {nth}, seed {seed}");
            assert_eq!(history(&next.open()).unwrap(), intact, "call {nth}, seed {seed}");
            next.restart();
            assert_eq!(
                index_files(&next, &first),
                [format!("index/{first}.1.idx")],
                "call {nth}, seed {seed}"
            );
            let examined = examine_in(&next.world(), |_| ()).unwrap();
            assert!(examined.faults.is_empty() && examined.remarks.is_empty(), "{examined:?}");
        }
    }
    assert!(both > 0, "no crash came between the two steps");
}

/// A reader that opened before a repair finds what took the place of the file that it knew of. It would fail if it built
/// an index of its own: the records are damaged.
#[test]
fn a_reader_finds_the_index_file_of_a_later_generation() {
    let (stage, _) = Stage::closed();
    let (store, reader) = (stage.open(), stage.read_only());
    let kinds = Query::kind("thing.done");
    let expected = store.view().unwrap().count(&kinds).unwrap();
    let sealed = stage.segments().len() - 1;
    assert_eq!(store.upkeep().reindex().unwrap(), sealed);
    let names = stage.disk.at_rest().names_in("index");
    assert!(names.iter().all(|name| name.ends_with(".1.idx")), "{names:?}");
    for name in &stage.segments()[..sealed] {
        stage.disk.at_rest().edit(name, |bytes| bytes[100..].fill(0)).unwrap();
    }
    assert_eq!(reader.view().unwrap().count(&kinds).unwrap(), expected);
}
