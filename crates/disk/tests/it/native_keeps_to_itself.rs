//! The native disk: links, foreign names, folders it must create, and the kernel's lock.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tidegate_disk::{Disk, Mode, NativeDisk, World};

#[test]
fn links_and_odd_names_are_not_listed_and_links_not_opened() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let outside = tempfile::NamedTempFile::new()?;
    let disk = NativeDisk::new(folder.path());
    disk.open("plain", Mode::CreateNew)?;
    disk.create_folder("folder")?;
    symlink(outside.path(), folder.path().join("link"))?;
    std::fs::write(folder.path().join(OsStr::from_bytes(b"odd\xff")), b"")?;
    assert_eq!(disk.list("")?, ["plain"]);
    for mode in [Mode::Read, Mode::Write, Mode::CreateNew] {
        assert!(disk.open("link", mode).is_err(), "{mode:?}");
    }
    assert!(disk.lock("link").is_err());
    Ok(())
}

#[test]
fn a_missing_directory_is_created_with_all_above_it() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::native(folder.path().join("one/two"));
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
    let block = file.map(bytes.len() as u64)?;
    let shared = block.clone();
    drop(block);
    assert_eq!(&*shared, &*bytes);
    Ok(())
}
