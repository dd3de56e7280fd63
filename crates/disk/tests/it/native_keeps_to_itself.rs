//! The native disk: folders it must create, the system's lock, and maps.

use std::io;

use tidegate_disk::{Disk, Env, Mode, NativeDisk};

/// A pipe in the place of a file: opening it waited for its other end, so every command hung.
/// A link in the place of a folder: what it leads to was listed, read and written as if it were the store's.
#[test]
fn a_missing_directory_is_created_with_all_above_it() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let world = Env::native(folder.path().join("one/two"));
    let missing = world.disk.list("").expect_err("nothing was created yet");
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    world.disk.create_folder("three")?;
    world.disk.open("three/file", Mode::CreateNew)?;
    assert!(folder.path().join("one/two/three/file").is_file());
    assert!(world.disk.place().ends_with("one/two"));
    Ok(())
}

#[test]
fn a_lock_is_held_between_two_disks_of_one_directory() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    // A lock file left behind with anything in it is not a lock.
    std::fs::write(folder.path().join("LOCK"), b"4711")?;
    let (first, second) = (NativeDisk::new(folder.path()), NativeDisk::new(folder.path()));
    let held = first.lock("LOCK")?;
    let refused = second.lock("LOCK").expect_err("the first disk holds it");
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    drop(held);
    second.lock("LOCK")?;
    assert_eq!(std::fs::read(folder.path().join("LOCK"))?, b"4711");
    Ok(())
}

#[test]
fn a_map_sees_what_was_written_before_it() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = NativeDisk::new(folder.path());
    let file = disk.open("a", Mode::CreateNew)?;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    file.write_all_at(&bytes, 0)?;
    drop(file);
    let block = disk.open("a", Mode::Read)?.map(bytes.len() as u64)?;
    let shared = block.clone();
    drop(block);
    assert_eq!(&*shared, &*bytes);
    Ok(())
}

/// Through the seam, safe code wrote to a mapped file, or cut it: bytes that were checked changed, and the next look
/// ended the process.
#[test]
fn a_mapped_file_is_not_written_to() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (disk, other) = (NativeDisk::new(folder.path()), NativeDisk::new(folder.path()));
    let writer = disk.open("a", Mode::CreateNew)?;
    writer.write_all_at("text".as_bytes(), 0)?;
    let reader = other.open("a", Mode::Read)?;
    let busy = |result: io::Result<()>| {
        assert_eq!(result.expect_err("both at once").kind(), io::ErrorKind::ResourceBusy);
    };
    busy(reader.map(4).map(drop));
    drop(writer);
    let block = reader.map(4)?;
    assert!(reader.write_all_at(b"\xff", 0).is_err() && reader.set_len(0).is_err());
    busy(other.open("a", Mode::Write).map(drop));
    let shared = block.clone();
    drop(block);
    disk.rename("a", "b")?;
    busy(disk.open("b", Mode::Write).map(drop));
    disk.open("a", Mode::CreateNew)?.write_all_at(b"more", 0)?;
    if cfg!(windows) {
        assert!(disk.rename("a", "b").is_err(), "no mapped file is renamed over (O4 in `os`)");
        return Ok(());
    }
    // Another file in its place is another file.
    disk.rename("a", "b")?;
    disk.open("b", Mode::Write)?.set_len(0)?;
    assert_eq!(&*shared, b"text");
    drop((shared, reader));
    assert_eq!(disk.open("b", Mode::Read)?.length()?, 0);
    Ok(())
}

/// The text that a caller holds of a mapped file stays what it was found to be, whatever is written meanwhile.
#[test]
fn writing_is_free_again_once_the_map_is_gone() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = NativeDisk::new(folder.path());
    disk.open("a", Mode::CreateNew)?.write_all_at(b"text", 0)?;
    for _ in 0..3 {
        let block = disk.open("a", Mode::Read)?.map(4)?;
        assert!(disk.open("a", Mode::Write).is_err());
        drop(block);
        disk.open("a", Mode::Write)?.write_all_at(b"next", 0)?;
    }
    Ok(())
}
