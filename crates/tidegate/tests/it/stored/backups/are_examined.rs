//! A backup is proved without restoring it: every byte, every event, and the root against what was signed.

use tidegate::proofs::Checkpoint;
use tidegate::report::backup::{RestoreOptions, examine_in, restore_in};
use tidegate::testing::Env;
use tidegate::{ErrorKind, ErrorPlace, Position, StoreOptions};
use tidegate_format::Hash;

use super::{backed_up, backup_file, names, other, sample, store_file};
use crate::faults::stage::{Stage, history};
use crate::stored::access::Access;
use crate::stored::proofs::origin;

/// Every file of a backup, with any bit of it flipped.
#[test]
fn a_flipped_bit_is_told_in_any_file() {
    let (stage, _) = sample();
    let backup = other();
    backed_up(&stage, &backup);
    let names = names(&backup.disk);
    let of = |start: &str| names.iter().filter(|name| name.starts_with(start)).count();
    assert!(of("segments/") > 2 && of("index/") > 1 && of("readers/") == 1, "{names:?}");
    for name in &names {
        let length = backup.bytes(name).len() as u64;
        for bit in (0..length * 8).step_by(if name.starts_with("index") { 211 } else { 43 }) {
            let copy = backup.fork();
            copy.disk.at_rest().flip_bit(name, bit).unwrap();
            let examined = match examine_in(&copy.world(), |_| ()) {
                Err(error) => {
                    assert_eq!((error.kind(), name.as_str()), (ErrorKind::Damaged, "BACKUP"), "{error}");
                    continue;
                }
                Ok(examined) => examined,
            };
            let places: Vec<_> = examined.faults.iter().map(|fault| fault.error.place().cloned()).collect();
            let told = places.iter().any(|place| match place {
                Some(ErrorPlace::File { name: file, offset }) => {
                    file == name && offset.is_none_or(|at| at.0 <= bit / 8)
                }
                _ => false,
            });
            assert!(told, "{name}, bit {bit}: {places:?}");
            if name.starts_with("segments") {
                let named = places.iter().any(|place| {
                    matches!(place, Some(ErrorPlace::File { name: file, offset: Some(_) }) if file == name)
                });
                assert!(named, "{name}, bit {bit}: it names the byte of the frame: {places:?}");
            }
            let error =
                restore_in(&copy.world(), &Env::memory(), &RestoreOptions::new(), |_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        }
    }
}

/// Files that are gone, cut or exchanged are told like flipped bits.
#[test]
fn a_file_that_is_not_the_one_is_told() {
    let (stage, _) = sample();
    let backup = other();
    backed_up(&stage, &backup);
    let segments = backup.segments();
    let changes: [&dyn Fn(&Stage); 4] = [
        &|copy| copy.disk.at_rest().remove(&segments[1]).unwrap(),
        &|copy| copy.disk.at_rest().truncate(&segments[2], 90).unwrap(),
        &|copy| {
            let bytes = copy.bytes(&segments[0]);
            copy.disk.at_rest().write(&segments[1], &bytes).unwrap();
        },
        &|copy| copy.disk.at_rest().remove("STORE.copy").unwrap(),
    ];
    for change in changes {
        let copy = backup.fork();
        change(&copy);
        assert!(!examine_in(&copy.world(), |_| ()).unwrap().faults.is_empty());
    }
}

/// Who writes a backup file that fits changed segments deceives digests, and not a checkpoint.
#[test]
fn the_root_is_that_of_a_checkpoint_that_the_caller_brings() {
    let (stage, intact) = sample();
    let roots: Vec<_> = {
        let store = stage.read_only();
        (0..=intact.len() as u64).map(|size| store.proofs().root(size).unwrap()).collect()
    };
    let backup = other();
    let report = backed_up(&stage, &backup);
    assert_eq!((report.until.0, report.root), (intact.len() as u64, *roots.last().unwrap()));
    let examined = examine_in(&backup.world(), |_| ()).unwrap();
    assert!(examined.faults.is_empty() && examined.remarks.is_empty(), "{examined:?}");
    assert_eq!((examined.verified.events, examined.root), (intact.len() as u64, report.root));
    let own = origin(report.store);
    for (size, root) in (0..).zip(&roots) {
        examined.is_under(&Checkpoint::new(&own, size, *root).unwrap()).unwrap();
    }
    let refused = |origin: &str, size: u64, root: Hash| {
        examined.is_under(&Checkpoint::new(origin, size, root).unwrap()).unwrap_err().kind()
    };
    assert_eq!(refused(&own, 3, roots[4]), ErrorKind::Diverged);
    assert_eq!(refused(&own, roots.len() as u64, roots[4]), ErrorKind::Older);
    assert_eq!(refused(&origin(tidegate::StoreId([9; 16])), 3, roots[3]), ErrorKind::Invalid);
    // A root in the backup file that is not that of the events is told.
    let copy = backup.fork();
    let file = tidegate_format::store::BackupFile { root: roots[1], ..backup_file(&copy.disk) };
    copy.disk.at_rest().write("BACKUP", file.encode().as_bytes()).unwrap();
    let faults = examine_in(&copy.world(), |_| ()).unwrap().faults;
    assert!(faults.len() == 1 && faults[0].error.to_string().contains("root"), "{faults:?}");
}

/// A backup reads as the store that it is of, and nothing is written to it.
#[test]
fn a_backup_is_read_and_not_written_to() {
    let (stage, intact) = sample();
    let backup = other();
    backed_up(&stage, &backup);
    let before: Vec<_> = names(&backup.disk).iter().map(|name| (name.clone(), backup.bytes(name))).collect();
    let reader = backup.read_only();
    assert_eq!((history(&reader).unwrap(), reader.id()), (intact, store_file(&stage).id));
    assert!(reader.report().clean, "{}", reader.report());
    for access in [Access::Write, Access::Create] {
        let error = backup.try_open(access).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("tidegate restore"), "{error}");
    }
    let doctor = tidegate::report::examine_in(&backup.world(), |_| ()).unwrap();
    assert!(
        doctor.faults.is_empty() && doctor.remarks.is_empty(),
        "{:?} {:?}",
        doctor.faults,
        doctor.remarks
    );
    let salvaged = tidegate::report::salvage_in(&backup.world(), &Env::memory(), |_| ()).unwrap();
    assert_eq!((salvaged.saved.events, salvaged.store), (doctor.verified.events, salvaged.from));
    let after: Vec<_> = names(&backup.disk).iter().map(|name| (name.clone(), backup.bytes(name))).collect();
    assert_eq!(before, after);
    let empty = StoreOptions::new().thread(false).open_in(Env::memory()).unwrap();
    assert_eq!(empty.view().unwrap().head(), Position(0));
}
