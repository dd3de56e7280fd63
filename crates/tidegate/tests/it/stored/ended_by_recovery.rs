//! A recovery ends a segment where it is known to be durable: that stays where it is and is not read, and only what is behind
//! goes into a new segment. [`generations`](super::generations) has those of which little is durable.

use tidegate::report::examine_in;
use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{AppendOptions, Draft, ErrorKind, Store, StoreReader};
use tidegate_format::SegmentHeader;

use crate::faults::stage::{History, Outcome, Stage, fill, history, one, outcome};
use crate::stored::access::Access;

/// A killed store of one segment, some of it durable, how long that is, and what is in it.
fn killed(synced: usize, buffered: usize) -> (Stage, History, usize) {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 40_000;
    let store = stage.open();
    fill(&store, synced);
    let durable = stage.frames(&stage.active()).last().copied().unwrap();
    for _ in 0..buffered {
        store.append_with(one("unsynced"), AppendOptions::new().buffered()).unwrap();
    }
    let history = history(&store).unwrap();
    stage.disk.kill();
    stage.restart();
    (stage, history, durable)
}

fn header(stage: &Stage, name: &str) -> SegmentHeader {
    SegmentHeader::read(&stage.bytes(name)).unwrap()
}

fn indexes(stage: &Stage) -> Vec<String> {
    stage.disk.at_rest().names_in("index")
}

#[test]
fn what_is_durable_stays_and_the_rest_is_copied() {
    for buffered in 0..3 {
        let (mut stage, intact, durable) = killed(9, buffered);
        let first = &stage.active();
        let before = stage.bytes(first);
        let store = stage.open();
        assert!(!store.report().clean);
        assert_eq!((store.report().head.0, store.report().dropped_bytes), (intact.len() as u64, 0));
        let [same, behind] = &stage.segments()[..] else { panic!("two segments") };
        assert_eq!((same, &stage.bytes(same)), (first, &before));
        let header = header(&stage, behind);
        assert_eq!((header.before_first.0, header.before_length.0), (1, durable as u64));
        assert_eq!(header.first.0 as usize, intact.len() - buffered + 1);
        assert_eq!(stage.bytes(behind)[80..], before[durable..], "{buffered}");
        assert_eq!(history(&store).unwrap(), intact);
        assert_eq!(history(&stage.read_only()).unwrap(), intact);
        fill(&store, 3);
        let all = history(&store).unwrap();
        assert!(all.starts_with(&intact));
        store.verify(|_| ()).unwrap();
        assert_eq!(examine_in(&stage.world(), |_| ()).unwrap().faults.len(), 0);
        store.close().unwrap();
        stage.restart();
        stage.open();
        assert_eq!(stage.bytes(first), before[..durable], "the next opening cuts off what was copied");
    }
}

/// The index is made when the first question needs it, and kept as a file behind the next append.
#[test]
fn it_is_indexed_once_it_is_asked() {
    let (mut stage, intact, _) = killed(9, 1);
    for _ in 0..2 {
        let store = stage.open();
        assert_eq!(store.report().rebuilt_indexes, 0);
        store.close().unwrap();
        assert_eq!(indexes(&stage), [""; 0], "closing makes nothing that no caller asked for");
        stage.restart();
    }
    let store = stage.open();
    assert!(store.report().clean);
    fill(&store, 1);
    store.upkeep().step().unwrap();
    assert_eq!(indexes(&stage).len(), 1);
    assert!(history(&store).unwrap().starts_with(&intact));
    assert_eq!(examine_in(&stage.world(), |_| ()).unwrap().faults.len(), 0);
}

/// Closing after an opening that nothing was written in makes nothing of the log that is there, however large that is: what
/// happened is that the tree over it was written, whose leaves were read, which indexed the segment that the recovery ended.
#[test]
fn closing_does_not_read_the_log_again() {
    let mut reads = Vec::new();
    for batches in [150, 600] {
        let mut stage = Stage::new();
        stage.options.segment_bytes = 4 << 20;
        let store = stage.open();
        let batch = |number: usize| -> Vec<Draft> {
            (0..4).map(|event| Draft::new(("s", "e"), "k").json(&(number * 4 + event)).unwrap()).collect()
        };
        for number in 0..batches {
            store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
        }
        store.append_with(batch(batches), AppendOptions::new().buffered()).unwrap();
        stage.disk.kill();
        stage.restart();
        let store = stage.open();
        assert_eq!(stage.segments().len(), 2, "the recovery ended the segment");
        let before = (stage.disk.reads(), stage.disk.count(Call::Create));
        store.close().unwrap();
        reads.push(stage.disk.reads() - before.0);
        assert_eq!(stage.disk.count(Call::Create), before.1, "{batches}");
        // The next writer makes up for it.
        stage.restart();
        let store = stage.open();
        store.append_with(one("another stream"), AppendOptions::new().synced()).unwrap();
        store.close().unwrap();
        assert_eq!(indexes(&stage).len(), 1);
        #[cfg(feature = "proofs")]
        assert_eq!(stage.disk.at_rest().names_in("tree").len(), 1);
    }
    assert_eq!(reads, [0, 0]);
}

/// Opening does not read what is durable, but for its last frame: damage in the rest is met by the caller that reads it, as in
/// any sealed segment, and by the first append.
#[test]
fn damage_in_what_is_durable_is_met_by_readers() {
    let (stage, intact, durable) = killed(9, 1);
    let name = stage.active();
    let starts = stage.frames(&name);
    for (nth, start) in starts.iter().take_while(|start| **start < durable).enumerate() {
        let copy = stage.fork();
        copy.disk.at_rest().flip_bit(&name, (*start as u64 + 50) * 8).unwrap();
        let is_last = starts[nth + 1] == durable;
        assert_eq!(outcome(&copy, &intact), if is_last { Outcome::Refused } else { Outcome::Noticed });
        if let Ok(Access::Write) = copy.try_open(Access::Write).map(|_| Access::Write) {
            let append = |store: &Store| store.append_with(one("more"), AppendOptions::new().synced());
            let error = append(&copy.fork().open()).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains(&format!("{name}, byte {start}")), "{error}");
        }
    }
}

/// A watermark that is older than the log: later frames say that more was durable, and a reader has shown it.
#[test]
fn what_later_frames_vouch_for_stays_too() {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 40_000;
    let store = stage.open();
    fill(&store, 5);
    let old = stage.bytes("WATERMARK");
    fill(&store, 5);
    let before_last = history(&store).unwrap().len();
    let frames = stage.frames(&stage.active());
    store.append_with(one("unsynced"), AppendOptions::new().buffered()).unwrap();
    let intact = history(&store).unwrap();
    stage.disk.kill();
    stage.restart();
    stage.disk.at_rest().edit("WATERMARK", |bytes| *bytes = old).unwrap();
    let early = stage.read_only();
    assert_eq!(history(&early).unwrap().len(), before_last, "the last frame vouches for those before it");
    let store = stage.open();
    let behind = header(&stage, &stage.active());
    assert_eq!(behind.before_length.0 as usize, *frames.last().unwrap());
    assert_eq!((history(&store).unwrap(), history(&early).unwrap()), (intact.clone(), intact));
}

/// A reader of another process that holds the segment open, with all that is copied still at its end, goes over to the new
/// one, whether there is a watermark or not.
#[test]
fn a_reader_goes_over() {
    for with_watermark in [true, false] {
        let (stage, intact, _) = killed(9, 2);
        let early = stage.read_only();
        assert_eq!(history(&early).unwrap().len(), intact.len() - 2);
        let store = stage.open();
        if !with_watermark {
            stage.disk.at_rest().remove("WATERMARK").unwrap();
        }
        let follows = |reader: &StoreReader| history(reader).unwrap();
        if with_watermark {
            assert_eq!(follows(&early), intact);
        }
        for number in 0..4 {
            fill(&store, 1);
            let all = history(&store).unwrap();
            let seen = follows(&early);
            assert!(all.starts_with(&seen), "{number}");
            assert!(seen.len() + 2 >= all.len(), "{number}: {} of {}", seen.len(), all.len());
        }
    }
}

/// A crash at any call of the recovery, and a power cut behind it, leave the same events.
#[test]
fn a_recovery_dies_at_any_call() {
    let (sample, intact, durable) = killed(9, 2);
    let calls = {
        let stage = sample.fork();
        let before = stage.disk.calls();
        stage.open();
        stage.disk.calls() - before
    };
    let (mut both, mut cut) = (0, 0);
    for nth in 1..=calls {
        let stage = sample.fork();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let is_open = stage.try_open(Access::Write).is_ok();
        for seed in 0..3 {
            let copy = stage.disk.fork();
            if seed > 0 {
                copy.power_cut(seed);
            }
            let mut next = Stage { disk: copy.reopen(), ..stage.clone() };
            let (first, is_ended) = (next.segments().swap_remove(0), next.segments().len() == 2);
            both += u32::from(is_ended && next.bytes(&first).len() > durable);
            let faults = examine_in(&next.world(), |_| ()).unwrap().faults;
            assert!(faults.is_empty(), "call {nth}, seed {seed}: {faults:?}");
            // What was not synced may be lost with the power, until an opening has kept it.
            let kept = if is_open || seed == 0 { intact.len() } else { intact.len() - 2 };
            for _ in 0..2 {
                let found = history(&next.open()).unwrap();
                assert!(found.len() >= kept && intact.starts_with(&found), "call {nth}, seed {seed}");
                next.disk.kill();
                next.restart();
            }
            cut += u64::from(next.bytes(&next.segments()[0]).len() == durable);
        }
    }
    assert!(both > 0, "no crash came before the end was cut off");
    assert!(cut > calls, "the end is cut off by the next opening, {cut} times");
}

/// The name of the new segment is not relied on if the sync of its folder failed.
#[test]
fn a_name_whose_sync_failed_is_not_relied_on() {
    let (sample, intact, _) = killed(9, 2);
    let mut both = 0;
    for failing in 1..=4 {
        let mut failed = sample.fork();
        failed.disk.set_plan(FaultPlan::default().fail(Call::SyncFolder, failing, Errno::IO));
        let is_failed = failed.try_open(Access::Write).is_err();
        failed.disk.kill();
        failed.restart();
        both += u32::from(is_failed && failed.segments().len() > sample.segments().len());
        for nth in 1..=40 {
            let next = failed.fork();
            next.disk.set_plan(FaultPlan::default().crash_at(nth));
            let is_open = next.try_open(Access::Write).is_ok();
            let kept = if is_open { intact.len() } else { intact.len() - 2 };
            for seed in 1..4 {
                let place = format!("folder sync {failing}, then call {nth}, power cut {seed}");
                let copy = next.disk.fork();
                copy.power_cut(seed);
                let found = Stage { disk: copy.reopen(), ..next.clone() };
                let read = found.try_open(Access::Read).map(|reader| history(&reader).unwrap());
                let read = read.unwrap_or_else(|error| panic!("{place}: {error}"));
                assert!(intact.starts_with(&read), "{place}: {} events", read.len());
                let events = history(&found.open()).unwrap();
                assert!(
                    events.len() >= kept && intact.starts_with(&events),
                    "{place}: {} events",
                    events.len()
                );
            }
        }
    }
    assert!(both > 0, "no sync of the name failed");
}

/// What happened (seed 90133685 of the simulation): the doctor read the events of the missing segment where the recovery had
/// copied them from, and said that all is well, of a store that does not open.
#[test]
fn a_missing_segment_is_told_although_its_events_stand_before_it() {
    let (mut stage, intact, _) = killed(9, 1);
    stage.options.segment_bytes = 600;
    let store = stage.open();
    fill(&store, 3);
    drop(store);
    let segments = stage.segments();
    let (missing, behind) = (&segments[1], &segments[2]);
    assert_eq!(
        header(&stage, behind).first.0 as usize,
        intact.len() + 1,
        "the missing one holds what was copied alone"
    );
    stage.disk.at_rest().remove(missing).unwrap();
    stage.restart();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert_eq!(found.faults.len(), 1, "{found:#?}");
    assert!(found.faults[0].error.to_string().contains(missing.as_str()), "{:?}", found.faults);
    assert!(found.lost.is_empty(), "salvage saves all of it: {:?}", found.lost);
    assert_eq!(stage.try_write().unwrap_err().kind(), ErrorKind::Damaged);
}
