//! A sync that failed has lost the bytes, whatever the next one says.

use std::io;

use tidegate_disk::{Call, Disk, Errno, FaultPlan, FaultyDisk, File, Mode, Model};

fn failing(call: Call) -> io::Result<(FaultyDisk, std::sync::Arc<dyn File>)> {
    let disk = FaultyDisk::new(1, Model::default());
    disk.at_rest().write("a", b"old")?;
    disk.set_plan(FaultPlan::default().fail(call, 1, Errno::IO));
    let file = disk.open("a", Mode::Write)?;
    Ok((disk, file))
}

#[track_caller]
fn fails_with<T>(result: io::Result<T>, errno: Errno) {
    let code = result.err().and_then(|error| error.raw_os_error());
    assert_eq!(code, Some(errno.raw_os_error()));
}

#[test]
fn the_next_sync_succeeds_and_a_power_cut_still_takes_the_bytes() -> io::Result<()> {
    let (disk, file) = failing(Call::Sync)?;
    file.write_all_at(b"new bytes", 0)?;
    fails_with(file.sync(), Errno::IO);
    file.sync()?;
    assert_eq!(disk.at_rest().read("a")?, b"new bytes", "the page cache still has them");
    for seed in 0..50 {
        let fork = disk.fork();
        fork.power_cut(seed);
        assert_eq!(fork.at_rest().read("a")?, b"old");
    }
    Ok(())
}

#[test]
fn the_lost_bytes_stay_readable_in_the_next_process() -> io::Result<()> {
    let (disk, file) = failing(Call::Sync)?;
    file.write_all_at(b"new", 0)?;
    fails_with(file.sync(), Errno::IO);
    disk.kill();
    let disk = disk.reopen();
    assert_eq!(&*disk.open("a", Mode::Read)?.map(3)?, b"new");
    disk.open("a", Mode::Write)?.sync()?;
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().read("a")?, b"old");
    Ok(())
}

#[test]
fn what_is_written_after_it_leaves_a_hole() -> io::Result<()> {
    let (disk, file) = failing(Call::Sync)?;
    file.write_all_at(b"lost", 3)?;
    fails_with(file.sync(), Errno::IO);
    file.write_all_at(b"kept", 7)?;
    file.sync()?;
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().read("a")?, b"old\0\0\0\0kept");
    Ok(())
}

#[test]
fn the_length_comes_back_without_the_bytes() -> io::Result<()> {
    let (disk, file) = failing(Call::Sync)?;
    file.write_all_at(b"lost", 3)?;
    fails_with(file.sync(), Errno::IO);
    file.write_all_at(b"O", 0)?;
    file.sync()?;
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().read("a")?, b"Old\0\0\0\0");
    Ok(())
}

#[test]
fn a_copy_into_a_new_file_saves_them() -> io::Result<()> {
    let (disk, file) = failing(Call::Sync)?;
    file.write_all_at(b"new", 0)?;
    fails_with(file.sync(), Errno::IO);
    let copy = disk.open("copy", Mode::CreateNew)?;
    copy.write_all_at(&disk.open("a", Mode::Read)?.map(3)?, 0)?;
    copy.sync()?;
    disk.rename("copy", "a")?;
    disk.sync_folder("")?;
    disk.power_cut(1);
    assert_eq!(disk.at_rest().read("a")?, b"new");
    Ok(())
}

#[test]
fn a_failed_folder_sync_loses_the_names() -> io::Result<()> {
    let (disk, _file) = failing(Call::SyncFolder)?;
    disk.rename("a", "b")?;
    fails_with(disk.sync_folder(""), Errno::IO);
    disk.sync_folder("")?;
    assert_eq!(disk.list("")?, ["b"]);
    disk.power_cut(1);
    assert_eq!(disk.at_rest().names(), ["a"]);
    Ok(())
}

#[test]
fn other_failed_calls_change_nothing_and_can_be_made_again() -> io::Result<()> {
    let (disk, _) = failing(Call::Rename)?;
    fails_with(disk.rename("a", "b"), Errno::IO);
    assert_eq!(disk.list("")?, ["a"]);
    disk.rename("a", "b")?;
    let (disk, _) = failing(Call::Remove)?;
    fails_with(disk.remove("a"), Errno::IO);
    disk.remove("a")?;
    let (disk, _) = failing(Call::Create)?;
    fails_with(disk.open("b", Mode::CreateNew), Errno::IO);
    disk.open("b", Mode::CreateNew)?;
    let (disk, _) = failing(Call::Lock)?;
    fails_with(disk.lock("LOCK"), Errno::IO);
    disk.lock("LOCK")?;
    let (disk, _) = failing(Call::List)?;
    fails_with(disk.list(""), Errno::IO);
    disk.list("")?;
    let (disk, _) = failing(Call::CreateFolder)?;
    fails_with(disk.create_folder("f"), Errno::IO);
    assert!(disk.list("f").is_err());
    let (_disk, file) = failing(Call::SetLength)?;
    fails_with(file.set_len(1), Errno::IO);
    assert_eq!(file.length()?, 3);
    let (disk, _file) = failing(Call::Read)?;
    let file = disk.open("a", Mode::Read)?;
    fails_with(file.map(3), Errno::IO);
    assert_eq!(&*file.map(3)?, b"old");
    Ok(())
}

#[test]
fn no_descriptors_left_is_an_error_of_opening() -> io::Result<()> {
    let (disk, file) = failing(Call::Write)?;
    disk.set_plan(FaultPlan::default().fail_from(Call::Open, 2, Errno::MFILE));
    disk.open("a", Mode::Read)?;
    for _ in 0..3 {
        fails_with(disk.open("a", Mode::Read), Errno::MFILE);
    }
    file.write_all_at(b"still open", 0)
}
