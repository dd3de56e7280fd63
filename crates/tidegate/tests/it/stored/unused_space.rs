//! Unused space behind the frames of the active segment: neither a frame, nor damage, nor unconfirmed.

use tidegate::AppendOptions;
use tidegate::report::{StoreVerdict, examine_in, salvage_in};
use tidegate::testing::{Env, FaultPlan};

use crate::faults::stage::{Outcome, Stage, fill, history, outcome};
use crate::stored::access::Access;

const LENGTHS: [usize; 5] = [1, 36, 4096, 4097, 70_000];

fn with_zeros(stage: &Stage, name: &str, zeros: usize) -> Stage {
    let copy = stage.fork();
    copy.disk.at_rest().edit(name, |bytes| bytes.resize(bytes.len() + zeros, 0)).unwrap();
    copy
}

#[test]
fn is_nothing_to_anyone() {
    let (stage, intact) = Stage::closed();
    for zeros in LENGTHS {
        let copy = with_zeros(&stage, &stage.active(), zeros);
        let reader = copy.read_only();
        let report = reader.report();
        assert!(report.clean && report.damage.is_none() && report.unconfirmed.is_none(), "{report}");
        assert_eq!(history(&reader).unwrap(), intact);
        reader.verify(|_| ()).unwrap();
        let found = examine_in(&copy.world(), |_| ()).unwrap();
        assert_eq!(found.verdict(), StoreVerdict::Sound, "{:?} {:?}", found.faults, found.remarks);
        let saved = salvage_in(&copy.world(), &Env::memory(), |_| ()).unwrap();
        assert_eq!((saved.saved.events, saved.lost.len()), (intact.len() as u64, 0));
        let store = copy.open();
        assert!(store.report().clean && store.report().dropped_bytes == 0, "{}", store.report());
        fill(&store, 12);
        let longer = history(&store).unwrap();
        assert!(longer.starts_with(&intact) && longer.len() > intact.len());
        store.close().unwrap();
        // The segment is sealed by now, and what is behind its frames is not read.
        let found = examine_in(&copy.world(), |_| ()).unwrap();
        assert_eq!(found.verdict(), StoreVerdict::Sound, "{:?} {:?}", found.faults, found.remarks);
        let again = Stage { disk: copy.disk.reopen(), ..copy.clone() };
        assert_eq!(history(&again.read_only()).unwrap(), longer);
    }
}

/// Events that nothing says are durable are counted as before, and the space behind them is not.
#[test]
fn is_not_unconfirmed() {
    let (stage, intact) = Stage::killed();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let bytes = |stage: &Stage| {
        stage.read_only().report().unconfirmed.as_ref().map(|found| (found.events, found.bytes))
    };
    let before = bytes(&stage);
    assert!(before.is_some(), "the last group is unconfirmed");
    for zeros in LENGTHS {
        let copy = with_zeros(&stage, &stage.active(), zeros);
        assert_eq!(bytes(&copy), before, "{zeros} zeros");
        assert_eq!(outcome(&copy, &intact), Outcome::Same);
    }
}

/// A byte that is not zero behind it makes it what it always was: the torn end of a crash.
#[test]
fn ends_with_the_file() {
    let (stage, intact) = Stage::killed();
    for zeros in LENGTHS {
        let copy = with_zeros(&stage, &stage.active(), zeros);
        copy.disk.at_rest().edit(&stage.active(), |bytes| bytes.push(1)).unwrap();
        assert_eq!(outcome(&copy, &intact), Outcome::Same);
        let store = copy.open();
        assert_eq!(store.report().dropped_bytes, zeros as u64 + 1);
        assert_eq!(history(&store).unwrap(), intact);
    }
}

/// Zeros where events were durable are damage: in a sealed segment, and before what the watermark says.
#[test]
fn does_not_hide_what_was_durable() {
    let (stage, intact) = Stage::closed();
    for name in stage.segments() {
        let frames = stage.frames(&name);
        for start in &frames[..frames.len() - 1] {
            let copy = stage.fork();
            let end = copy.bytes(&name).len() as u64;
            copy.disk.at_rest().zero(&name, *start as u64..end).unwrap();
            assert!(
                matches!(outcome(&copy, &intact), Outcome::Refused | Outcome::Noticed),
                "{name}, byte {start}"
            );
            assert!(!examine_in(&copy.world(), |_| ()).unwrap().faults.is_empty(), "{name}, byte {start}");
        }
    }
}

/// A writer that writes into prepared space does not change the length of the file. A reader sees it nonetheless, with a
/// watermark and without.
#[test]
fn is_watched_by_a_reader() {
    let (stage, intact) = Stage::closed();
    let name = stage.active();
    let frames = stage.frames(&name);
    assert!(frames.len() > 3, "the active segment has several groups");
    for has_watermark in [true, false] {
        let copy = stage.fork();
        let files = copy.disk.at_rest();
        let (whole, last) = (copy.bytes(&name), copy.bytes("WATERMARK"));
        let prepared = |frame: usize| {
            let mut bytes = whole[..frames[frame]].to_vec();
            bytes.resize(whole.len() + 5000, 0);
            bytes
        };
        files.write(&name, &prepared(1)).unwrap();
        files.remove("WATERMARK").unwrap();
        let reader = copy.try_open(Access::Read).unwrap();
        let mut head = reader.view().unwrap().head();
        for frame in 2..frames.len() {
            let bytes = prepared(frame);
            files.edit(&name, |old| old.copy_from_slice(&bytes)).unwrap();
            // Each group says that those before it were durable.
            let seen = reader.view().unwrap().head();
            assert!(frame == 2 || seen > head, "frame {frame}: {seen}");
            head = seen;
            // A group that is half written is not seen, and seen once it is whole.
            if frame + 1 < frames.len() {
                let mut half = prepared(frame + 1);
                half[frames[frame] + 60..].fill(0);
                files.edit(&name, |old| old.copy_from_slice(&half)).unwrap();
                assert_eq!(reader.view().unwrap().head(), head);
            }
        }
        if has_watermark {
            files.write("WATERMARK", &last).unwrap();
            assert_eq!(reader.view().unwrap().head().0, intact.len() as u64);
            assert_eq!(history(&reader).unwrap(), intact);
        }
    }
}

/// A writer goes on in the space it finds. A crash at any call, with what was not synced lost or turned to zeros, takes
/// nothing that was told, a reader beside it sees what is durable, and all agree on what is left.
#[test]
fn is_written_into() {
    let (sample, intact) = Stage::closed();
    let sample = with_zeros(&sample, &sample.active(), 700);
    let mut rounds = 0;
    for nth in (1..).step_by(2) {
        let stage = sample.fork();
        let reader_disk = stage.clone();
        let reader = reader_disk.read_only();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let (mut told, mut died) = (intact.len(), true);
        if let Ok(store) = stage.try_write() {
            for number in 0..6 {
                let options = AppendOptions::new().synced();
                let Ok(receipt) = store.append_with(crate::faults::stage::batch(number), options) else {
                    break;
                };
                told = receipt.last().0 as usize;
                died = number < 5;
            }
        }
        drop(reader);
        for seed in 0..3 {
            let copy = stage.disk.fork();
            copy.power_cut(seed);
            let next = Stage { disk: copy.reopen(), ..stage.clone() };
            let before = history(&next.read_only()).unwrap();
            assert!(before.starts_with(&intact), "call {nth}, seed {seed}");
            assert!(before.len() >= intact.len());
            assert!(examine_in(&next.world(), |_| ()).unwrap().faults.is_empty(), "call {nth}, seed {seed}");
            let after = history(&next.open()).unwrap();
            assert!(after.starts_with(&before) && after.len() >= told, "call {nth}, seed {seed}");
        }
        rounds += 1;
        if !died {
            break;
        }
    }
    assert!(rounds > 10, "{rounds} crashes");
}
