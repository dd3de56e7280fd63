//! A later backup into the same directory adds what is new, replaces what changed, and takes no other store's.

use tidegate::ErrorKind;
use tidegate::report::backup::{RestoreUntil, back_up_in, examine_in, fork_in, plan_backup_in};
use tidegate::report::salvage_in;
use tidegate_format::record;
use tidegate_format::store::BackupFile;
use tidegate_format::{Frame, SEGMENT_HEADER_BYTES};

use super::{backed_up, backup_file, go_on, names, other, sample, store_file};
use crate::faults::stage::{Stage, history};

/// What is the same is left; each backup has everything, its own cursor, and nothing of the one before.
#[test]
fn what_is_new_is_added() {
    let (mut stage, _) = sample();
    let backup = other();
    let first = backed_up(&stage, &backup);
    assert_eq!((first.number, first.kept), (1, 0));
    let again = backed_up(&stage, &backup);
    let (before, own) = (backup_file(&backup.disk), 1);
    assert_eq!((again.number, again.linked, again.copied), (2, 0, own), "the cursor alone has another name");
    for end in [15, 18, 24] {
        let intact = go_on(&mut stage, end - 3..end);
        let plan = plan_backup_in(&stage.world(), &backup.world()).unwrap();
        let report = backed_up(&stage, &backup);
        assert_eq!((plan.number, plan.until, plan.store), (report.number, report.until, report.store));
        assert!(
            plan.new_bytes > 0 && plan.kept_bytes > 0 && plan.new_bytes + plan.kept_bytes < report.bytes,
            "{plan:?}"
        );
        assert!(report.kept > 3 && report.linked + report.copied < report.kept + 6, "{report:?}");
        let examined = examine_in(&backup.world(), |_| ()).unwrap();
        assert!(examined.faults.is_empty() && examined.remarks.is_empty(), "{examined:?}");
        assert_eq!(history(&backup.read_only()).unwrap(), intact);
        let listed: Vec<_> = backup_file(&backup.disk).files.into_iter().map(|file| file.name).collect();
        let there: Vec<_> = names(&backup.disk).into_iter().filter(|name| name != "BACKUP").collect();
        assert_eq!(listed, there, "nothing of an earlier backup is left");
    }
    assert!(before.files.len() < backup_file(&backup.disk).files.len());
}

/// The segment with the payloads of all its events erased, as the next generation of its file.
fn erased(stage: &Stage, name: &str) -> String {
    let salt = store_file(stage).salt;
    let mut bytes = stage.bytes(name);
    let mut at = SEGMENT_HEADER_BYTES;
    while let Ok(frame) = Frame::read(&bytes[at..], salt) {
        let (head, mut again) = (frame.head, vec![0; frame.head.head_bytes()]);
        for (_, one) in frame.records() {
            let mut record = one.as_bytes().to_vec();
            record::erase(&mut record);
            again.extend(record);
        }
        let sealing = record_sealing(&head);
        tidegate_format::frame::seal(&mut again, &sealing, salt);
        bytes[at..at + again.len()].copy_from_slice(&again);
        at += again.len();
    }
    let newer = name.replace(".seg", ".1.seg");
    stage.disk.at_rest().write(&newer, &bytes).unwrap();
    stage.disk.at_rest().remove(name).unwrap();
    newer
}

fn record_sealing(head: &tidegate_format::FrameHeader) -> tidegate_format::frame::Sealing {
    let (first, synced, epoch, slot) = (head.first, head.synced, head.epoch, head.slot);
    tidegate_format::frame::Sealing { first, synced, epoch, slot }
}

/// A segment that was erased keeps its position and its length, and is another file: it is backed up anew, and what was
/// erased is gone from the directory.
#[test]
fn a_segment_that_changed_is_backed_up_anew() {
    let (stage, _) = sample();
    let backup = other();
    backed_up(&stage, &backup);
    let old = stage.segments()[1].clone();
    let secret = stage.bytes(&old);
    let newer = erased(&stage, &old);
    assert_eq!(stage.bytes(&newer).len(), secret.len());
    let report = backed_up(&stage, &backup);
    assert_eq!(report.linked, 1, "{report:?}");
    assert_eq!(backup.bytes(&newer), stage.bytes(&newer));
    assert!(!names(&backup.disk).contains(&old), "what was erased is not kept");
    let examined = examine_in(&backup.world(), |_| ()).unwrap();
    // This one was erased by hand, and no event names it.
    let is_unnamed = |fault: &tidegate::report::Fault| fault.to_string().contains("no event says are erased");
    assert!(examined.faults.len() == 1 && examined.faults.iter().all(is_unnamed), "{:?}", examined.faults);
    assert_eq!(examined.root, report.root, "erasing changes no leaf");
}

/// Bytes that a crash left behind the frames of a segment which another one follows are not backed up, nor taken over.
#[test]
fn what_stands_behind_a_sealed_segment_is_left_out() {
    let (stage, intact) = sample();
    let name = stage.segments()[0].clone();
    let length = stage.bytes(&name).len();
    stage.disk.at_rest().edit(&name, |bytes| bytes.extend([7; 300])).unwrap();
    let (backup, fork) = (other(), Stage::seeded(6));
    let report = backed_up(&stage, &backup);
    let _ = fork_in(&stage.world(), &fork.world(), RestoreUntil::All, |_| ()).unwrap();
    assert_eq!((backup.bytes(&name).len(), fork.bytes(&name).len()), (length, length));
    let examined = examine_in(&backup.world(), |_| ()).unwrap();
    assert!(examined.faults.is_empty() && examined.remarks.is_empty(), "{examined:?}");
    assert!(report.linked > 1, "the others are linked: {report:?}");
    assert_eq!(history(&fork.open()).unwrap(), intact);
}

/// An older copy of the store that went on by itself has other segments under the same names.
#[test]
fn another_history_is_refused() {
    let (mut stage, _) = sample();
    let mut older = stage.fork();
    go_on(&mut stage, 12..24);
    let backup = other();
    backed_up(&stage, &backup);
    let kinds = |stage: &Stage| back_up_in(&stage.world(), &backup.world(), |_| ()).unwrap_err().kind();
    let before: Vec<_> = names(&backup.disk).iter().map(|name| backup.bytes(name)).collect();
    assert_eq!(kinds(&older), ErrorKind::Older);
    go_on(&mut older, 24..60);
    assert_eq!(kinds(&older), ErrorKind::Diverged);
    let stranger = Stage::seeded(8);
    stranger.open().close().unwrap();
    assert_eq!(kinds(&Stage { disk: stranger.disk.reopen(), ..stranger }), ErrorKind::Invalid);
    let after: Vec<_> = names(&backup.disk).iter().map(|name| backup.bytes(name)).collect();
    assert_eq!(before, after, "the backup stays as it was");
}

/// A directory with anything else in it is not backed up into, and one that is being filled is not taken for a backup.
#[test]
fn a_directory_with_something_in_it_is_refused() {
    let (stage, _) = sample();
    let filled = other();
    filled.disk.at_rest().write("notes", b"mine").unwrap();
    let error = back_up_in(&stage.world(), &filled.world(), |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(filled.disk.at_rest().names(), ["notes"], "nothing is left there");
    let (store, _) = sample();
    let error = back_up_in(&stage.world(), &store.world(), |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let new = other();
    let _ = salvage_in(&stage.world(), &new.world(), |_| ()).unwrap();
    new.disk.at_rest().write("UNFINISHED", b"What tidegate writes into this directory").unwrap();
    let error = back_up_in(&stage.world(), &new.world(), |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    // What a flipped bit says in a backup file is not gone on from.
    let backup = other();
    backed_up(&stage, &backup);
    backup.disk.at_rest().flip_bit("BACKUP", 400).unwrap();
    assert_eq!(BackupFile::read(&backup.bytes("BACKUP")).unwrap_err().kind(), ErrorKind::Damaged);
    let error = back_up_in(&stage.world(), &backup.world(), |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
}
