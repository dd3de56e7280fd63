//! The native disk on Unix: links, pipes and the like, foreign names, permissions.
#![cfg(unix)]

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tidegate_disk::{Disk, Mode, NativeDisk, NotPlain, Permissions};

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
