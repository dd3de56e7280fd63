//! What is restored is the store up to a whole batch, under a new id or the old one.

use tidegate::batch::ReceiptStatus;
use tidegate::report::backup::{RestoreOptions, RestoreUntil, plan_restore_in, restore_in};
use tidegate::{AppendOptions, ErrorKind, Micros, Position, Query};

use super::{backed_up, other, sample, store_file};
use crate::faults::mending::sample::doctor;
use crate::faults::stage::{Stage, batch, history};

/// The last positions of all batches, and 0.
fn batch_ends(stage: &Stage) -> Vec<u64> {
    let events = stage.read_only().read(&Query::ALL).unwrap();
    let ends = events.map(Result::unwrap).filter(|event| event.record().ends_batch());
    [0].into_iter().chain(ends.map(|event| event.position().0)).collect()
}

/// K4, at every position, as a fork and under the old id: what is restored is the beginning of the store, verifies, and goes on.
#[test]
fn up_to_every_position() {
    let (stage, intact) = sample();
    let backup = other();
    backed_up(&stage, &backup);
    let ends = batch_ends(&stage);
    let old = store_file(&stage);
    let roots: Vec<_> = {
        let store = stage.read_only();
        (0..=intact.len() as u64).map(|size| store.proofs().root(size).unwrap()).collect()
    };
    let mut linked = 0;
    for position in 0..=intact.len() as u64 {
        for keeps in [false, true] {
            let until = RestoreUntil::Position(Position(position));
            let options = RestoreOptions::new().until(until).keep_id(keeps);
            let new = Stage::seeded(5 + position);
            let restored = restore_in(&backup.world(), &new.world(), &options, |_| ());
            if !ends.contains(&position) {
                let error = restored.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                let before = ends.iter().rfind(|end| **end < position).unwrap();
                let after = ends.iter().find(|end| **end > position).unwrap();
                assert!(error.to_string().ends_with(&format!("say {before} or {after}")), "{error}");
                assert!(new.disk.at_rest().names().is_empty(), "nothing was begun");
                continue;
            }
            let report = restored.unwrap();
            assert_eq!(report.plan, plan_restore_in(&backup.world(), &options).unwrap());
            assert_eq!(
                (report.root, report.plan.left_out),
                (roots[position as usize], intact.len() as u64 - position)
            );
            linked += report.linked;
            let file = store_file(&new);
            assert_eq!((file.id == old.id, file.salt == old.salt, file.seed), (keeps, keeps, old.seed));
            let points: Vec<_> =
                file.forks.iter().map(|fork| (fork.store, fork.until.0, fork.root)).collect();
            let own = (old.id, position, report.root);
            assert_eq!(points, if keeps || position == 0 { vec![] } else { vec![own] });
            let examined = doctor(&new).unwrap();
            assert!(examined.faults.is_empty() && examined.remarks.is_empty(), "{examined:?}");
            let store = new.open();
            assert!(store.report().clean, "{}", store.report());
            assert_eq!(history(&store).unwrap(), intact[..position as usize]);
            let mailer = store.cursor("mailer", Query::ALL).unwrap();
            let is_kept = keeps && position == intact.len() as u64;
            assert_eq!(mailer.next_now().unwrap().is_none(), is_kept || position == 0);
            assert_eq!(report.plan.cursors[0].is_kept, is_kept);
            drop(mailer);
            for number in 0..4 {
                store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
            }
            store.verify(|_| ()).unwrap();
            store.close().unwrap();
            assert!(doctor(&Stage { disk: new.disk.reopen(), ..new }).unwrap().faults.is_empty());
        }
    }
    assert!(linked > 20, "segments are linked: {linked}");
}

/// Up to a time is up to the last event of that time.
#[test]
fn up_to_every_time() {
    let (stage, intact) = sample();
    let backup = other();
    backed_up(&stage, &backup);
    let times: Vec<_> =
        stage.read_only().read(&Query::ALL).unwrap().map(|event| event.unwrap().time()).collect();
    let until = |time| {
        let options = RestoreOptions::new().until(RestoreUntil::Time(time));
        plan_restore_in(&backup.world(), &options).unwrap().until.0
    };
    for time in &times {
        let last = times.iter().filter(|other| *other <= time).count() as u64;
        assert_eq!((until(*time), until(Micros(time.0 + 1))), (last, last));
        let before = times.iter().filter(|other| *other < time).count() as u64;
        assert_eq!(until(Micros(time.0 - 1)), before);
    }
    assert_eq!((until(Micros(0)), until(Micros(u64::MAX))), (0, intact.len() as u64));
}

/// Receipts of the store agree with what is restored of it up to its end, and with nothing behind.
#[test]
fn receipts_agree_up_to_the_end() {
    let mut stage = Stage::new();
    let store = stage.open();
    let receipts: Vec<_> = (0..9)
        .map(|number| store.append_with(batch(number), AppendOptions::new().synced()).unwrap())
        .collect();
    store.close().unwrap();
    stage.restart();
    let backup = other();
    backed_up(&stage, &backup);
    for end in &receipts {
        for keeps in [false, true] {
            let until = RestoreUntil::Position(end.last());
            let options = RestoreOptions::new().until(until).keep_id(keeps);
            let new = Stage::seeded(6);
            let _ = restore_in(&backup.world(), &new.world(), &options, |_| ()).unwrap();
            let store = new.open();
            for receipt in &receipts {
                let expected = match keeps {
                    _ if receipt.last() <= end.last() => ReceiptStatus::Agrees,
                    false => ReceiptStatus::OtherStore,
                    true => ReceiptStatus::Missing(receipt.first()),
                };
                assert_eq!(store.check_receipt(receipt).unwrap(), expected);
            }
        }
    }
}
