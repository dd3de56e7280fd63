//! A replaced file has its old contents or its new ones, and a replacement that failed leaves nothing behind.

use std::io;

use tidegate_disk::replace::{Replacement, Unplaced, replace};
use tidegate_disk::{Call, Disk, Errno, FaultPlan, FaultyDisk, Model};

const NAME: &str = "folder/name";

fn disk() -> io::Result<FaultyDisk> {
    let disk = FaultyDisk::new(1, Model::default());
    disk.create_folder("folder")?;
    replace(&disk, NAME, b"old contents")?;
    disk.set_plan(FaultPlan::default());
    Ok(disk)
}

#[test]
fn at_a_crash_and_a_power_cut_at_any_call() -> io::Result<()> {
    let whole = disk()?;
    replace(&whole, NAME, b"new")?;
    assert_eq!(whole.at_rest().read(NAME)?, b"new");
    for nth in 1..=whole.calls() {
        let disk = disk()?;
        disk.set_plan(FaultPlan::default().crash_at(nth));
        replace(&disk, NAME, b"new").expect_err("the process ends in it");
        for seed in 0..20 {
            let cut = disk.fork();
            cut.power_cut(seed);
            let found = cut.at_rest().read(NAME)?;
            assert!(found == b"old contents" || found == b"new", "crash at {nth}, cut {seed}: {found:?}");
        }
    }
    Ok(())
}

#[test]
fn a_failed_one_is_removed_and_says_whether_the_name_is_new() -> io::Result<()> {
    for call in [Call::Create, Call::Write, Call::Sync, Call::Rename, Call::SyncFolder] {
        let disk = disk()?;
        disk.set_plan(FaultPlan::default().fail(call, 1, Errno::NOSPC));
        let failed = (|| {
            let new = Replacement::begin(&disk, NAME).map_err(Unplaced::Before)?;
            new.file().write_all_at(b"new", 0).map_err(Unplaced::Before)?;
            new.finish().map(drop)
        })();
        let after = matches!(failed, Err(Unplaced::After(_)));
        assert!(failed.is_err() && after == (call == Call::SyncFolder), "{call:?}: {failed:?}");
        assert_eq!(disk.list("folder")?, ["name"], "{call:?}");
        let expected: &[u8] = if after { b"new" } else { b"old contents" };
        assert_eq!(disk.at_rest().read(NAME)?, expected, "{call:?}");
        replace(&disk, NAME, b"newer")?;
        assert_eq!(disk.at_rest().read(NAME)?, b"newer");
    }
    Ok(())
}
