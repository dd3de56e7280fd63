//! A directory of the operating system.
//!
//! D1: a listing interrupted by a signal is tried again, like a read, write or open; a sync never is (O1 in `os`).
//! D2: a symbolic link is not listed and not opened, as a file or as a folder, so a store never reaches outside its
//!     directory.
//! D3: the lock is the kernel's and goes with its descriptor; no process id is written anywhere.
//! D4: only plain files are opened (O2 in `os`).
#![expect(clippy::disallowed_methods, reason = "this is where files come in")]
mod holders;

use std::any::Any;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::block::Block;
use crate::env::{Disk, Env, File, FileLock, Identity, Mode};
use crate::map;
use crate::name;
use crate::os::{self, Access, Errno, Permissions};
use crate::plain::NotPlain;
use crate::room::Counted;
use crate::system::{SystemClock, SystemRandom};
use crate::uses::{self, Writing};

/// A store's directory in the file system. Making one touches nothing; the directory need not exist until
/// [`create_folder`](Disk::create_folder) creates it.
#[derive(Clone, Debug)]
pub struct NativeDisk {
    directory: PathBuf,
    permissions: Permissions,
}

impl NativeDisk {
    /// Creates the disk of one directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), permissions: Permissions::default() }
    }

    /// Sets the permissions that files and folders are created with.
    #[must_use]
    pub fn with_permissions(self, permissions: Permissions) -> Self {
        Self { permissions, ..self }
    }

    /// Returns where the directory is, or will be: links and `..` are followed as far as there is something to follow.
    pub fn resolved(&self) -> io::Result<PathBuf> {
        let absolute = std::path::absolute(&self.directory)?;
        for there in absolute.ancestors() {
            match there.canonicalize() {
                Ok(found) => return Ok(found.join(absolute.strip_prefix(there).unwrap_or(Path::new("")))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(absolute)
    }

    fn file(&self, name: &str) -> io::Result<PathBuf> {
        name::check_file(name)?;
        self.refuse_linked(name::folder_of(name))?;
        Ok(self.directory.join(name))
    }

    /// Refuses a folder of the store that is a symbolic link, or lies in one (D2). The store's directory itself may
    /// be reached by one: that is for the caller to choose.
    fn refuse_linked(&self, folder: &str) -> io::Result<()> {
        for part in name::folders_down_to(folder) {
            match fs::symlink_metadata(self.directory.join(part)) {
                Ok(metadata) if metadata.is_symlink() => {
                    return Err(NotPlain::no_folder(part, "a symbolic link"));
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn folder(&self, folder: &str) -> io::Result<PathBuf> {
        name::check_folder(folder)?;
        self.refuse_linked(folder)?;
        // Joining the empty name would add a `/`, and the empty path is not the working directory.
        let directory = if self.directory.as_os_str().is_empty() { Path::new(".") } else { &self.directory };
        Ok(if folder.is_empty() { directory.to_path_buf() } else { directory.join(folder) })
    }
}

impl Disk for NativeDisk {
    /// Opens a file. A created file's name is durable only after [`sync_folder`](Disk::sync_folder).
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let access = match mode {
            Mode::Read => Access::Read,
            Mode::Write => Access::Write,
            Mode::CreateNew => Access::CreateNew,
        };
        let file = os::open(&self.file(name)?, name, access, self.permissions)?;
        Ok(Arc::new(NativeFile::new(file, mode)?))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.names(folder, fs::FileType::is_file)
    }

    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        self.names(folder, fs::FileType::is_dir)
    }

    fn others(&self, folder: &str) -> io::Result<Vec<String>> {
        self.names(folder, |kind| !kind.is_file() && !kind.is_dir())
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        create_durable(&self.folder(folder)?, self.permissions)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        os::rename(&self.file(from)?, &self.file(to)?)
    }

    fn link(&self, name: &str, source: &dyn Disk, source_name: &str) -> io::Result<()> {
        let Some(source) = (source as &dyn Any).downcast_ref::<Self>() else {
            return Err(Errno::XDEV.into());
        };
        // Opened first, since only a plain file is linked (D4).
        source.open(source_name, Mode::Read)?;
        fs::hard_link(source.file(source_name)?, self.file(name)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.file(name)?)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        os::sync_directory(&os::open_directory(&self.folder(folder)?)?)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        let path = self.file(name)?;
        let file = os::open(&path, name, Access::Create, self.permissions)?;
        os::lock(&file)?;
        let links = os::links(&file)?;
        Ok(Box::new(NativeLock { file, path, links, process: std::process::id() }))
    }

    fn lock_holders(&self, name: &str) -> Vec<u32> {
        self.file(name).map(|path| holders::of(&path)).unwrap_or_default()
    }

    fn place(&self) -> String {
        self.directory.display().to_string()
    }
}

impl NativeDisk {
    /// Returns the names of what is of this type right inside a folder.
    fn names(&self, folder: &str, wanted: impl Fn(&fs::FileType) -> bool) -> io::Result<Vec<String>> {
        match names(&self.folder(folder)?, wanted) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory && !folder.is_empty() => {
                Err(NotPlain::no_folder(folder, "not a folder"))
            }
            names => names,
        }
    }
}

/// Returns the names of what is of this type right inside a folder (D1).
fn names(folder: &Path, wanted: impl Fn(&fs::FileType) -> bool) -> io::Result<Vec<String>> {
    loop {
        match names_once(folder, &wanted) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            names => return names,
        }
    }
}

fn names_once(folder: &Path, wanted: impl Fn(&fs::FileType) -> bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let wanted = match entry.file_type() {
            // If the listing does not say, each file is asked, and may be gone by then. That is not a missing folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            found => wanted(&found?),
        };
        if let Some(name) = entry.file_name().into_string().ok().filter(|_| wanted) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Creates `folder` and those above it, each durable in its parent before the next is begun.
///
/// The deepest folder that is there already may be what an interrupted creation left, so its own entry is
/// made durable too, unless its parent is out of reach, in which case no process here can have created it.
fn create_durable(folder: &Path, permissions: Permissions) -> io::Result<()> {
    if folder.is_dir() {
        return match os::open_directory(&parent(folder)) {
            Ok(parent) => os::sync_directory(&parent),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
        };
    }
    if folder.file_name().is_none() {
        // A working directory that was deleted, or `a/..` without `a`: nothing that can be created.
        return Err(Errno::NOENT.into());
    }
    let parent = parent(folder);
    create_durable(&parent, permissions)?;
    match os::create_folder(folder, permissions) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        result => result?,
    }
    os::sync_directory(&os::open_directory(&parent)?)
}

/// Returns the folder that holds the entry of `folder`.
fn parent(folder: &Path) -> PathBuf {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && folder.file_name().is_some() => {
            parent.to_path_buf()
        }
        // `a/..` and the like: the system knows where that leads.
        _ if folder.file_name().is_none() => folder.join(".."),
        _ => PathBuf::from("."),
    }
}

#[derive(Debug)]
struct NativeFile {
    file: fs::File,
    /// If it may be written to. Dropped after the file is closed.
    writing: Option<Writing>,
    _counted: Counted,
}

impl NativeFile {
    fn new(file: fs::File, mode: Mode) -> io::Result<Self> {
        let writing = match mode {
            Mode::Read => None,
            Mode::Write | Mode::CreateNew => Some(Writing::begin(os::identity(&file)?)?),
        };
        Ok(Self { file, writing, _counted: Counted::file() })
    }
}

impl File for NativeFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        os::read_at(&self.file, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match os::write_at(&self.file, &bytes[done..], offset + done as u64)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => done += count,
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        os::sync_data(&self.file)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn identity(&self) -> io::Result<Identity> {
        let (device, number) = os::identity(&self.file)?;
        Ok(Identity(device, number))
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        if self.writing.is_some() {
            return Err(uses::is_written());
        }
        map::map(&self.file, length)
    }
}

/// The lock goes with the last copy of its descriptor (D3). A program that is just being started holds such a copy
/// for a moment, so the process that took the lock also unlocks it; a fork must not, as that would take it from its parent.
#[derive(Debug)]
struct NativeLock {
    file: fs::File,
    path: PathBuf,
    /// How many names the file had. Not every file system counts them.
    links: u64,
    process: u32,
}

impl Drop for NativeLock {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // Closing the descriptor is what is left if this fails.
            let _ = os::unlock(&self.file);
        }
    }
}

impl FileLock for NativeLock {
    /// If nothing is to be seen under the path, the directory may have been moved, or the process may have gone
    /// to another one.
    fn is_held(&self) -> bool {
        let (Ok(own), Ok(links)) = (os::identity(&self.file), os::links(&self.file)) else { return false };
        let is_deleted = self.links > 0 && links == 0;
        !is_deleted && !os::identity_at(&self.path).is_ok_and(|other| other != own)
    }
}

impl Env {
    /// Returns a directory of the file system, with the system's clock and randomness.
    pub fn native(directory: impl Into<PathBuf>) -> Self {
        Self {
            disk: Arc::new(NativeDisk::new(directory)),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_file_that_cannot_be_mapped_is_an_error_not_a_crash() {
        // A folder opens for reading but neither maps nor reads.
        let folder = tempfile::tempdir().expect("temporary folder");
        let opened = os::open_directory(folder.path()).expect("a folder opens");
        let file = NativeFile::new(opened, Mode::Read).expect("it is not written to");
        assert!(file.map(1).is_err());
    }

    /// A store that was closed could not be opened again while another thread was starting a program: between
    /// its beginning and its exec that holds copies of all descriptors.
    #[test]
    fn a_lock_that_is_let_go_is_free_at_once() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let disk = NativeDisk::new(folder.path());
        let file = os::open(&disk.file("LOCK")?, "LOCK", Access::Create, Permissions::default())?;
        os::lock(&file)?;
        let copy = file.try_clone()?;
        let path = disk.file("LOCK")?;
        drop(NativeLock { file, path: path.clone(), links: 1, process: std::process::id() });
        drop(disk.lock("LOCK")?);
        let fork = std::process::id().wrapping_add(1);
        os::lock(&copy)?;
        drop(NativeLock { file: copy.try_clone()?, path, links: 1, process: fork });
        assert_eq!(disk.lock("LOCK").expect_err("its parent holds it").kind(), io::ErrorKind::WouldBlock);
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_holder_of_a_lock_is_known() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let disk = NativeDisk::new(folder.path());
        assert_eq!(disk.lock_holders("LOCK"), [0_u32; 0], "there is no such file");
        let lock = disk.lock("LOCK")?;
        assert_eq!(disk.lock_holders("LOCK"), [std::process::id()]);
        drop(lock);
        let opened = disk.open("LOCK", Mode::Read)?;
        assert_eq!(disk.lock_holders("LOCK"), [0_u32; 0], "it is open and not locked: {opened:?}");
        Ok(())
    }

    /// Windows keeps a folder with open files from being moved, and Wine a file that was removed until it is closed.
    #[test]
    #[cfg(unix)]
    fn a_lock_whose_file_is_gone_keeps_nobody_out() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let directory = folder.path().join("store");
        fs::create_dir(&directory)?;
        let disk = NativeDisk::new(&directory);
        let first = disk.lock("LOCK")?;
        assert!(first.is_held());
        fs::remove_file(directory.join("LOCK"))?;
        assert!(!first.is_held());
        let second = disk.lock("LOCK")?;
        assert!(!first.is_held() && second.is_held());
        let moved = folder.path().join("moved");
        fs::rename(&directory, &moved)?;
        assert!(second.is_held(), "no other process has a lock of that name");
        fs::create_dir(&directory)?;
        let third = disk.lock("LOCK")?;
        assert!(!second.is_held() && third.is_held());
        fs::remove_dir_all(&directory)?;
        assert!(!third.is_held());
        Ok(())
    }

    /// Some file systems do not say in a listing what is a file (`mkfs.ext4 -O ^filetype` makes one), and by the time
    /// it is asked for, it may have another name.
    #[test]
    fn a_listing_beside_files_that_come_and_go() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let disk = NativeDisk::new(folder.path());
        fs::write(folder.path().join("stays"), "")?;
        let (coming, done) = (disk.clone(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let come_and_go = || {
                    coming.open("new.tmp", Mode::CreateNew)?;
                    coming.rename("new.tmp", "new")?;
                    coming.remove("new")
                };
                let gone = (0..5000).try_for_each(|_| come_and_go());
                done.store(true, Ordering::Release);
                gone
            });
            while !done.load(Ordering::Acquire) {
                assert!(disk.list("")?.contains(&"stays".to_owned()));
            }
            writer.join().expect("it does not panic")
        })
    }

    #[test]
    fn the_parent_is_where_the_entry_lies() {
        assert_eq!(parent(Path::new("a/b")), Path::new("a"));
        assert_eq!(parent(Path::new("a")), Path::new("."));
        assert_eq!(parent(Path::new("/a")), Path::new("/"));
        assert_eq!(parent(Path::new("/")), Path::new("/.."));
        assert_eq!(parent(Path::new("a/..")), Path::new("a/../.."));
        assert_eq!(parent(Path::new(".")), Path::new("./.."));
    }
}
