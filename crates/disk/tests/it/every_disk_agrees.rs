//! One story told to every disk: the same calls give the same answers.

use std::any::Any;
use std::io;
use std::sync::Arc;

use tidegate_disk::{Disk, FaultPlan, FaultyDisk, File, MemoryDisk, Mode, Model, NativeDisk};

/// Every disk there is, each empty; the folder is the native one's and must be kept.
fn disks() -> io::Result<(tempfile::TempDir, Vec<Arc<dyn Disk>>)> {
    let folder = tempfile::tempdir()?;
    let native = Arc::new(NativeDisk::new(folder.path()));
    let faulty = FaultyDisk::new(1, Model::default());
    faulty.set_plan(FaultPlan::default().short_reads());
    Ok((folder, vec![native, Arc::new(MemoryDisk::new()), Arc::new(faulty)]))
}

fn each(story: impl Fn(&dyn Disk) -> io::Result<()>) -> io::Result<()> {
    let (_folder, disks) = disks()?;
    disks.iter().try_for_each(|disk| story(&**disk))
}

#[track_caller]
fn refused<T>(result: io::Result<T>, kind: io::ErrorKind) {
    match result {
        Ok(_) => panic!("was let through, should be {kind:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
    }
}

fn contents(file: &dyn File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.length()? as usize + 1];
    let mut done = 0;
    loop {
        match file.read_at(&mut bytes[done..], done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

#[test]
fn bytes_are_read_as_written() -> io::Result<()> {
    each(|disk| {
        let file = disk.open("a", Mode::CreateNew)?;
        file.write_all_at(b"hello", 3)?;
        file.write_all_at(b"J", 3)?;
        file.write_all_at(b"", 100)?;
        assert_eq!(contents(&*file)?, b"\0\0\0Jello");
        file.set_len(5)?;
        file.set_len(7)?;
        assert_eq!(contents(&*file)?, b"\0\0\0Je\0\0");
        assert_eq!(file.read_at(&mut [0; 4], 7)?, 0);
        assert_eq!(file.read_at(&mut [0; 4], 1 << 40)?, 0);
        assert_eq!(file.read_at(&mut [], 0)?, 0);
        file.sync()
    })
}

#[test]
fn modes_are_kept() -> io::Result<()> {
    each(|disk| {
        refused(disk.open("a", Mode::Read), io::ErrorKind::NotFound);
        refused(disk.open("a", Mode::Write), io::ErrorKind::NotFound);
        disk.open("a", Mode::CreateNew)?.write_all_at(b"1", 0)?;
        refused(disk.open("a", Mode::CreateNew), io::ErrorKind::AlreadyExists);
        disk.open("a", Mode::Write)?.write_all_at(b"2", 1)?;
        let reader = disk.open("a", Mode::Read)?;
        assert!(reader.write_all_at(b"3", 2).is_err());
        assert!(reader.set_len(0).is_err());
        assert_eq!(contents(&*reader)?, b"12");
        Ok(())
    })
}

#[test]
fn folders_hold_files() -> io::Result<()> {
    each(|disk| {
        refused(disk.list("f"), io::ErrorKind::NotFound);
        refused(disk.open("f/a", Mode::CreateNew), io::ErrorKind::NotFound);
        refused(disk.sync_folder("f"), io::ErrorKind::NotFound);
        disk.create_folder("f/g")?;
        disk.create_folder("f/g")?;
        disk.create_folder("")?;
        for name in ["top", "f/a", "f/b", "f/g/deep"] {
            disk.open(name, Mode::CreateNew)?;
        }
        let mut names = disk.list("f")?;
        names.sort();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(disk.list("")?, ["top"]);
        assert_eq!(disk.list("f/g")?, ["deep"]);
        assert!(disk.open("f", Mode::CreateNew).is_err());
        assert!(disk.create_folder("top").is_err());
        disk.sync_folder("f")?;
        disk.sync_folder("")
    })
}

#[test]
fn folders_are_listed_apart_from_files() -> io::Result<()> {
    each(|disk| {
        refused(disk.folders("a"), io::ErrorKind::NotFound);
        disk.create_folder("a/b/c")?;
        disk.create_folder("a/d")?;
        disk.open("a/file", Mode::CreateNew)?;
        let mut names = disk.folders("a")?;
        names.sort();
        assert_eq!((names, disk.folders("")?), (vec!["b".to_owned(), "d".to_owned()], vec!["a".to_owned()]));
        assert_eq!(disk.list("a")?, ["file"]);
        Ok(())
    })
}

#[test]
fn names_cannot_leave_the_directory() -> io::Result<()> {
    each(|disk| {
        for name in ["", "../a", "/a", "f/../../a", "a/"] {
            refused(disk.open(name, Mode::CreateNew), io::ErrorKind::InvalidInput);
            refused(disk.remove(name), io::ErrorKind::InvalidInput);
            refused(disk.lock(name), io::ErrorKind::InvalidInput);
        }
        refused(disk.create_folder(".."), io::ErrorKind::InvalidInput);
        refused(disk.list(".."), io::ErrorKind::InvalidInput);
        Ok(())
    })
}

#[test]
fn a_rename_replaces_and_a_removed_file_stays_readable() -> io::Result<()> {
    each(|disk| {
        if cfg!(windows) && (disk as &dyn Any).is::<NativeDisk>() {
            // Refused there: no open file is renamed over (O4 in `os`).
            return Ok(());
        }
        let old = disk.open("a", Mode::CreateNew)?;
        old.write_all_at(b"old", 0)?;
        let new = disk.open("b", Mode::CreateNew)?;
        new.write_all_at(b"new", 0)?;
        assert_ne!(old.identity()?, new.identity()?);
        disk.rename("b", "a")?;
        assert_eq!(disk.list("")?, ["a"]);
        assert_eq!(contents(&*old)?, b"old");
        let reopened = disk.open("a", Mode::Read)?;
        assert_eq!(reopened.identity()?, new.identity()?);
        assert_eq!(contents(&*reopened)?, b"new");
        disk.remove("a")?;
        assert_eq!(contents(&*new)?, b"new");
        refused(disk.open("a", Mode::Read), io::ErrorKind::NotFound);
        refused(disk.remove("a"), io::ErrorKind::NotFound);
        refused(disk.rename("a", "c"), io::ErrorKind::NotFound);
        Ok(())
    })
}

#[test]
fn a_rename_onto_itself_changes_nothing() -> io::Result<()> {
    each(|disk| {
        disk.open("a", Mode::CreateNew)?.write_all_at(b"x", 0)?;
        disk.rename("a", "a")?;
        assert_eq!(contents(&*disk.open("a", Mode::Read)?)?, b"x");
        Ok(())
    })
}

#[test]
fn a_map_is_as_long_as_asked_or_refused() -> io::Result<()> {
    each(|disk| {
        drop(disk.open("a", Mode::CreateNew)?);
        let file = disk.open("a", Mode::Read)?;
        assert_eq!(&*file.map(0)?, b"");
        refused(file.map(1), io::ErrorKind::UnexpectedEof);
        disk.open("a", Mode::Write)?.write_all_at(&[7; 5000], 0)?;
        assert_eq!(&*file.map(4097)?, &[7; 4097]);
        refused(file.map(5001), io::ErrorKind::UnexpectedEof);
        refused(file.map(u64::MAX), io::ErrorKind::UnexpectedEof);
        let block = file.map(5000)?;
        disk.remove("a")?;
        drop(file);
        assert_eq!(&*block, &[7; 5000]);
        Ok(())
    })
}

#[test]
fn a_file_that_may_be_written_to_is_not_mapped() -> io::Result<()> {
    each(|disk| {
        let new = disk.open("a", Mode::CreateNew)?;
        new.write_all_at(&[7; 100], 0)?;
        refused(new.map(100), io::ErrorKind::ResourceBusy);
        drop(new);
        refused(disk.open("a", Mode::Write)?.map(100), io::ErrorKind::ResourceBusy);
        assert_eq!(&*disk.open("a", Mode::Read)?.map(100)?, &[7; 100]);
        Ok(())
    })
}

#[test]
fn one_lock_at_a_time() -> io::Result<()> {
    each(|disk| {
        let held = disk.lock("LOCK")?;
        refused(disk.lock("LOCK"), io::ErrorKind::WouldBlock);
        let other = disk.lock("OTHER")?;
        drop(held);
        let again = disk.lock("LOCK")?;
        refused(disk.lock("OTHER"), io::ErrorKind::WouldBlock);
        drop((other, again));
        assert_eq!(disk.list("")?.len(), 2);
        Ok(())
    })
}

#[test]
fn a_refused_lock_does_not_free_the_held_one() -> io::Result<()> {
    each(|disk| {
        let _held = disk.lock("LOCK")?;
        for _ in 0..3 {
            refused(disk.lock("LOCK"), io::ErrorKind::WouldBlock);
        }
        Ok(())
    })
}
