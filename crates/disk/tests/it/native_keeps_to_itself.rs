//! The native disk: links, foreign names, folders it must create, and the kernel's lock.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tidegate_disk::{Disk, Env, Mode, NativeDisk, NotPlain, Permissions};

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

/// A pipe in the place of a file: opening it waited for its other end, so every command hung.
#[test]
fn what_is_no_plain_file_is_refused_at_once() -> io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode as Access, mknodat};
    let folder = tempfile::tempdir()?;
    let disk = NativeDisk::new(folder.path());
    mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Access::RUSR | Access::WUSR, 0)?;
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket"))?;
    symlink("/dev/null", folder.path().join("link"))?;
    disk.create_folder("folder")?;
    for (name, what) in
        [("pipe", "a pipe"), ("socket", "a socket"), ("link", "a symbolic link"), ("folder", "a folder")]
    {
        for mode in [Mode::Read, Mode::Write] {
            let error = disk.open(name, mode).expect_err("it is not a plain file");
            assert_eq!(NotPlain::in_error(&error).map(NotPlain::found), Some(what));
            let error = error.to_string();
            assert!(error.starts_with(&format!("{name} is {what}, ")), "{mode:?}: {error}");
        }
        let error = disk.lock(name).expect_err("it is not a plain file").to_string();
        assert!(error.starts_with(&format!("{name} is {what}, ")), "lock: {error}");
    }
    assert!(disk.list("")?.is_empty());
    let mut others = disk.others("")?;
    others.sort_unstable();
    assert_eq!(others, ["link", "pipe", "socket"]);
    std::fs::write(folder.path().join("file"), "")?;
    for error in [disk.list("file").err(), disk.open("file/a", Mode::Read).err()] {
        let error = error.expect("it is not a folder");
        assert!(
            NotPlain::in_error(&error).is_some() && error.to_string().starts_with("file is not a folder, ")
        );
    }
    Ok(())
}

/// A link in the place of a folder: what it leads to was listed, read and written as if it were the store's.
#[test]
fn a_linked_folder_is_refused() -> io::Result<()> {
    let (folder, outside) = (tempfile::tempdir()?, tempfile::tempdir()?);
    std::fs::create_dir(outside.path().join("inner"))?;
    std::fs::write(outside.path().join("file"), b"not ours")?;
    // The directory itself may be a link: its caller chose it.
    symlink(folder.path(), outside.path().join("store"))?;
    let disk = NativeDisk::new(outside.path().join("store"));
    disk.open("plain", Mode::CreateNew)?;
    symlink(outside.path(), folder.path().join("segments"))?;
    let refused = |result: io::Result<()>| {
        let error = result.expect_err("the folder is a link").to_string();
        assert!(error.starts_with("segments is a symbolic link, "), "{error}");
    };
    refused(disk.list("segments").map(drop));
    refused(disk.folders("segments").map(drop));
    refused(disk.list("segments/inner").map(drop));
    refused(disk.create_folder("segments"));
    refused(disk.create_folder("segments/new"));
    refused(disk.sync_folder("segments"));
    refused(disk.open("segments/file", Mode::Read).map(drop));
    refused(disk.open("segments/new", Mode::CreateNew).map(drop));
    refused(disk.rename("plain", "segments/plain"));
    refused(disk.remove("segments/file"));
    refused(disk.lock("segments/file").map(drop));
    assert_eq!(std::fs::read(outside.path().join("file"))?, b"not ours");
    Ok(())
}

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
    // Another file in its place is another file.
    disk.open("a", Mode::CreateNew)?.write_all_at(b"more", 0)?;
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

#[test]
fn files_and_folders_are_created_as_private_as_asked() -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for (permissions, mask, others) in
        [(Permissions::Owner, 0o077, 0), (Permissions::Group, 0o027, 0), (Permissions::Umask, 0, 0)]
    {
        let folder = tempfile::tempdir()?;
        let disk = NativeDisk::new(folder.path().join("store")).with_permissions(permissions);
        disk.create_folder("segments")?;
        disk.open("segments/file", Mode::CreateNew)?;
        drop(disk.lock("LOCK")?);
        for name in ["store", "store/segments", "store/segments/file", "store/LOCK"] {
            let mode = std::fs::metadata(folder.path().join(name))?.permissions().mode();
            assert_eq!(mode & mask, others, "{permissions:?}: {name} has {mode:o}");
        }
    }
    Ok(())
}
