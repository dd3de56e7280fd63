//! A process that dies takes its handles with it and nothing else.

use std::io;

use tidegate_disk::{Crashed, Disk, FaultyDisk, Mode, Model};

fn disk() -> FaultyDisk {
    FaultyDisk::new(1, Model::default())
}

#[test]
fn unsynced_writes_stay_visible_and_stay_unsynced() -> io::Result<()> {
    let disk = disk();
    disk.at_rest().write("a", b"old")?;
    disk.open("a", Mode::Write)?.write_all_at(b"new", 0)?;
    disk.open("b", Mode::CreateNew)?;
    disk.kill();
    let disk = disk.reopen();
    assert_eq!(&*disk.open("a", Mode::Read)?.map(3)?, b"new");
    assert_eq!(disk.list("")?, ["a", "b"]);
    // Reading them back made them no more durable.
    disk.lose_unsynced();
    let disk = disk.reopen();
    assert_eq!(&*disk.open("a", Mode::Read)?.map(3)?, b"old");
    assert_eq!(disk.list("")?, ["a"]);
    Ok(())
}

#[test]
fn a_sync_by_the_next_process_covers_what_the_last_one_wrote() -> io::Result<()> {
    let disk = disk();
    disk.at_rest().write("a", b"old")?;
    disk.open("a", Mode::Write)?.write_all_at(b"new", 0)?;
    disk.kill();
    let disk = disk.reopen();
    disk.open("a", Mode::Write)?.sync()?;
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().read("a")?, b"new");
    Ok(())
}

#[test]
fn every_old_handle_is_dead_and_stays_dead() -> io::Result<()> {
    let disk = disk();
    let file = disk.open("a", Mode::CreateNew)?;
    disk.kill();
    for _ in 0..2 {
        let ends = [
            file.read_at(&mut [0], 0).map(drop),
            file.write_all_at(b"x", 0),
            file.sync(),
            file.set_len(0),
            file.length().map(drop),
            file.identity().map(drop),
            file.map(0).map(drop),
            disk.open("a", Mode::Read).map(drop),
            disk.open("b", Mode::CreateNew).map(drop),
            disk.list("").map(drop),
            disk.create_folder("f"),
            disk.rename("a", "b"),
            disk.remove("a"),
            disk.sync_folder(""),
            disk.lock("LOCK").map(drop),
        ];
        for (index, end) in ends.into_iter().enumerate() {
            assert!(end.is_err_and(|error| Crashed::caused(&error)), "call {index}");
        }
        assert_eq!(disk.at_rest().names(), ["a"]);
        assert!(disk.at_rest().read("a")?.is_empty());
        // The next process changes nothing for the handles of the last one.
        let _next = disk.reopen();
    }
    Ok(())
}

#[test]
fn locks_end_with_the_process_and_not_after_it() -> io::Result<()> {
    let first = disk();
    let old = first.lock("LOCK")?;
    let second = first.reopen();
    let held = second.lock("LOCK")?;
    drop(old);
    let refused = second.lock("LOCK").expect_err("the second process still holds it");
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    drop(held);
    second.lock("LOCK")?;
    Ok(())
}

#[test]
fn a_fork_goes_its_own_way() -> io::Result<()> {
    let disk = disk();
    let file = disk.open("a", Mode::CreateNew)?;
    let _lock = disk.lock("LOCK")?;
    let fork = disk.fork().reopen();
    fork.remove("a")?;
    fork.lock("LOCK")?;
    file.write_all_at(b"here", 0)?;
    assert_eq!(disk.at_rest().read("a")?, b"here");
    assert_eq!(fork.list("")?, ["LOCK"]);
    Ok(())
}
