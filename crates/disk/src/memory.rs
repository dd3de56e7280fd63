//! A directory in memory: never fails, forgets everything when its last clone goes.
//!
//! Files are kept by what they are and not by their names, so an open file outlives its name as it does on
//! a real disk.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::block::Block;
use crate::env::{Disk, Env, File, FileLock, Identity, Mode};
use crate::map;
use crate::name;
use crate::os::{self, Errno};
use crate::system::{SystemClock, SystemRandom};
use crate::uses;

/// A disk in memory. Clones are the same disk. The store's directory exists from the start.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Directory>>);

#[derive(Debug, Default)]
struct Directory {
    folders: BTreeSet<String>,
    files: BTreeMap<String, Arc<Inode>>,
    created: u64,
}

#[derive(Debug)]
struct Inode {
    number: u64,
    bytes: RwLock<Vec<u8>>,
    locked: AtomicBool,
}

impl MemoryDisk {
    /// Creates an empty disk.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Directory {
    fn check_parent(&self, name: &str) -> io::Result<()> {
        name::check_file(name)?;
        self.check_folder(name::folder_of(name))
    }

    fn check_folder(&self, folder: &str) -> io::Result<()> {
        name::check_folder(folder)?;
        let there = folder.is_empty() || self.folders.contains(folder);
        if there { Ok(()) } else { Err(Errno::NOENT.into()) }
    }

    fn find(&self, name: &str) -> io::Result<Arc<Inode>> {
        self.check_parent(name)?;
        self.files.get(name).cloned().ok_or_else(|| Errno::NOENT.into())
    }

    fn create(&mut self, name: &str) -> io::Result<Arc<Inode>> {
        self.check_parent(name)?;
        if self.files.contains_key(name) || self.folders.contains(name) {
            return Err(Errno::EXIST.into());
        }
        self.created += 1;
        let inode = Arc::new(Inode {
            number: self.created,
            bytes: RwLock::default(),
            locked: AtomicBool::new(false),
        });
        self.files.insert(name.to_owned(), Arc::clone(&inode));
        Ok(inode)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut directory = self.0.lock();
        let inode = if mode == Mode::CreateNew { directory.create(name)? } else { directory.find(name)? };
        Ok(Arc::new(MemoryFile { inode, writable: mode != Mode::Read }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let directory = self.0.lock();
        directory.check_folder(folder)?;
        let inside = directory.files.keys().filter(|name| name::folder_of(name) == folder);
        Ok(inside.map(|name| name::last_part(name).to_owned()).collect())
    }

    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        let directory = self.0.lock();
        directory.check_folder(folder)?;
        let inside = directory.folders.iter().filter(|name| name::folder_of(name) == folder);
        Ok(inside.map(|name| name::last_part(name).to_owned()).collect())
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        name::check_folder(folder)?;
        let mut directory = self.0.lock();
        for part in name::folders_down_to(folder) {
            if directory.files.contains_key(part) {
                return Err(Errno::EXIST.into());
            }
            directory.folders.insert(part.to_owned());
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut directory = self.0.lock();
        let inode = directory.find(from)?;
        directory.check_parent(to)?;
        if directory.folders.contains(to) {
            return Err(Errno::ISDIR.into());
        }
        directory.files.remove(from);
        directory.files.insert(to.to_owned(), inode);
        Ok(())
    }

    fn link(&self, name: &str, source: &dyn Disk, source_name: &str) -> io::Result<()> {
        let Some(source) = (source as &dyn Any).downcast_ref::<Self>() else {
            return Err(Errno::XDEV.into());
        };
        // Not both at once: they may be one disk.
        let inode = source.0.lock().find(source_name)?;
        let mut directory = self.0.lock();
        directory.check_parent(name)?;
        if directory.files.contains_key(name) || directory.folders.contains(name) {
            return Err(Errno::EXIST.into());
        }
        directory.files.insert(name.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut directory = self.0.lock();
        directory.find(name)?;
        directory.files.remove(name);
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.0.lock().check_folder(folder)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        let mut directory = self.0.lock();
        let inode = match directory.find(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => directory.create(name)?,
            found => found?,
        };
        if inode.locked.swap(true, Ordering::AcqRel) {
            return Err(Errno::WOULDBLOCK.into());
        }
        Ok(Box::new(MemoryLock(inode)))
    }

    /// Returns this process alone, since no other one has this memory.
    fn lock_holders(&self, name: &str) -> Vec<u32> {
        let is_locked = self.0.lock().find(name).is_ok_and(|inode| inode.locked.load(Ordering::Acquire));
        is_locked.then(os::process_id).into_iter().collect()
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

#[derive(Debug)]
struct MemoryFile {
    inode: Arc<Inode>,
    writable: bool,
}

impl MemoryFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(Errno::BADF.into()) }
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.inode.bytes.read();
        let Some(rest) = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)) else {
            return Ok(0);
        };
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let start = usize::try_from(offset).map_err(|_| Errno::FBIG)?;
        let end = start.checked_add(bytes.len()).ok_or(Errno::FBIG)?;
        let mut held = self.inode.bytes.write();
        // Writing nothing past the end leaves the length alone, as on a real disk.
        if end > held.len() && !bytes.is_empty() {
            grow(&mut held, end)?;
        }
        if !bytes.is_empty() {
            held[start..end].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.check_writable()?;
        let length = usize::try_from(length).map_err(|_| Errno::FBIG)?;
        let mut held = self.inode.bytes.write();
        if length > held.len() {
            return grow(&mut held, length);
        }
        held.truncate(length);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.inode.bytes.read().len() as u64)
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok(Identity(0, self.inode.number))
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        if self.writable {
            return Err(uses::is_written());
        }
        let bytes = self.inode.bytes.read();
        let part = usize::try_from(length).ok().and_then(|length| bytes.get(..length));
        part.map(|part| Block::from(part.to_vec())).ok_or_else(|| map::shorter_than(length))
    }
}

/// Grows the file; returns "disk full" if there is no memory, instead of aborting.
fn grow(held: &mut Vec<u8>, length: usize) -> io::Result<()> {
    held.try_reserve(length - held.len()).map_err(|_| Errno::NOSPC)?;
    held.resize(length, 0);
    Ok(())
}

#[derive(Debug)]
struct MemoryLock(Arc<Inode>);

impl FileLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.locked.store(false, Ordering::Release);
    }
}

impl Env {
    /// Returns an empty disk in memory, with the system's clock and randomness.
    pub fn memory() -> Self {
        Self {
            disk: Arc::new(MemoryDisk::new()),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        }
    }
}
