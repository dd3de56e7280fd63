//! Backups: a directory that holds a store as it was, read as that store and not written to.
//!
//! Invariants:
//!
//! B1. What a backup shows is what its backup file names, up to the lengths that it names. What else an interrupted
//!     backup left in the directory is ignored.
//! B2. Nothing is written to a backup but by the next backup into it.
//! B3. A backup may have been made before an erasure was carried out in the files: read as a store it is one in which all of
//!     them are still to be carried out, so that no view shows what events say is erased.

use std::io;
use std::sync::Arc;

use tidegate_disk::{Block, Disk, Env, Errno, File, FileLock, Identity, Mode, NotPlain};
use tidegate_format::limit::BACKUP_FILE_BYTES_MAX;
use tidegate_format::store::{BackupEntry, BackupFile};
use tidegate_format::watermark::{WATERMARK_BYTES, WATERMARK_SLOTS};
use tidegate_format::{ErasingFile, Error, ErrorKind, Offset, Position, Result, StoreFile, Watermark};

use super::erasing::ERASING;
use super::floor::FLOOR;
use super::{CURSORS, STORE, io as read_error};
use crate::backend::watermark::WATERMARK;

/// The file that makes a directory a backup.
pub(crate) const BACKUP: &str = "BACKUP";
/// The name of the store file in a backup: nothing takes a directory for a store in which a first backup is not finished.
pub(crate) const STORE_COPY: &str = "STORE.copy";
/// The folder of the cursors in a backup.
pub(crate) const READERS: &str = "readers";

/// Reads the backup file, or returns `None` if there is none.
pub(crate) fn read_backup(disk: &dyn Disk) -> Result<Option<BackupFile>> {
    let at = |cause| read_error("the backup file cannot be read", BACKUP, cause);
    let file = match disk.open(BACKUP, Mode::Read) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(at)?,
    };
    let length = file.length().map_err(at)?.min(BACKUP_FILE_BYTES_MAX as u64 + 1);
    let mut bytes = vec![0; length as usize];
    let filled = file.read_full_at(&mut bytes, 0).map_err(at)?;
    let read = BackupFile::read(&bytes[..filled]);
    read.map(Some).map_err(|error| error.in_file(BACKUP, None))
}

/// Refuses to write to a backup (keeps B2).
pub(crate) fn refuse_backup(disk: &dyn Disk) -> Result<()> {
    match disk.open(BACKUP, Mode::Read) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) if NotPlain::in_error(&cause).is_none() => {
            Err(read_error("the backup file cannot be opened", BACKUP, cause))
        }
        _ => {
            let message = format!(
                "{} is a backup, and nothing is written to it; make a store of it with: tidegate restore DIR NEW",
                disk.place()
            );
            Err(Error::new(ErrorKind::Refused, message).in_file(BACKUP, None))
        }
    }
}

/// Returns the environment in which a directory reads as a store: a backup as the store that it is of, and any other as it
/// is.
pub(crate) fn as_store(env: Env) -> Result<Env> {
    let Some(backup) = read_backup(&*env.disk)? else { return Ok(env) };
    Ok(Env { disk: Arc::new(BackupDisk::new(Arc::clone(&env.disk), backup)), ..env })
}

/// Returns the name that a cursor has in the backup of this number.
pub(crate) fn reader_name(cursor: &str, number: u64) -> String {
    format!("{READERS}/{cursor}.{number}")
}

/// Returns the name that the floor file has in the backup of this number.
pub(crate) fn floor_name(number: u64) -> String {
    format!("{FLOOR}.{number}")
}

/// A backup as the store that it is of, for reading only.
#[derive(Debug)]
pub(crate) struct BackupDisk {
    disk: Arc<dyn Disk>,
    backup: BackupFile,
    /// A watermark that says what the backup file says; `None` without a store file that holds.
    watermark: Option<Vec<u8>>,
    /// An erasing file that says that all is still to be done.
    erasing: Vec<u8>,
}

impl BackupDisk {
    pub(crate) fn new(disk: Arc<dyn Disk>, backup: BackupFile) -> Self {
        let erasing = ErasingFile { store: backup.store, done: Position::START, open: true };
        let erasing = erasing.encode().into_bytes();
        let mut found = Self { disk, backup, watermark: None, erasing };
        found.watermark = found.salt().and_then(|salt| found.watermark(salt));
        found
    }

    fn salt(&self) -> Option<u64> {
        let entry = self.entry(STORE_COPY)?;
        let file = self.disk.open(STORE_COPY, Mode::Read).ok()?;
        let mut bytes = vec![0; entry.length.min(1 << 20) as usize];
        let filled = file.read_full_at(&mut bytes, 0).ok()?;
        StoreFile::read(&bytes[..filled]).ok().map(|store| store.salt)
    }

    fn watermark(&self, salt: u64) -> Option<Vec<u8>> {
        let (segment, entry) = self.backup.segments().next_back()?;
        let mark = Watermark {
            sequence: 1,
            durable: self.backup.until,
            segment,
            tail: Offset(entry.length),
            salt,
            epoch: 0,
            clean: true,
        };
        let mut bytes = vec![0; WATERMARK_SLOTS[1] as usize + WATERMARK_BYTES];
        bytes[mark.slot() as usize..][..WATERMARK_BYTES].copy_from_slice(&mark.encode());
        Some(bytes)
    }

    fn entry(&self, name: &str) -> Option<&BackupEntry> {
        let at = self.backup.files.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        Some(&self.backup.files[at])
    }

    /// Returns what the backup file says of a file of the store.
    fn find(&self, name: &str) -> Option<&BackupEntry> {
        match name.strip_prefix(CURSORS).and_then(|cursor| cursor.strip_prefix('/')) {
            Some(cursor) => self.entry(&reader_name(cursor, self.backup.number)),
            None if name == STORE => self.entry(STORE_COPY),
            None if name == FLOOR => self.entry(&floor_name(self.backup.number)),
            None if name == STORE_COPY || name.starts_with(READERS) => None,
            None => self.entry(name),
        }
    }

    /// Returns the names of the store's files.
    fn names(&self) -> impl Iterator<Item = String> {
        let ending = format!(".{}", self.backup.number);
        let names = self.backup.files.iter().filter_map(move |entry| {
            match entry.name.strip_prefix(READERS).and_then(|reader| reader.strip_prefix('/')) {
                Some(reader) => Some(format!("{CURSORS}/{}", reader.strip_suffix(&ending)?)),
                None if entry.name == STORE_COPY => Some(STORE.to_owned()),
                None if entry.name == floor_name(self.backup.number) => Some(FLOOR.to_owned()),
                None => Some(entry.name.clone()),
            }
        });
        let own = self.watermark.iter().map(|_| WATERMARK.to_owned());
        names.chain(own).chain([ERASING.to_owned()])
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(Errno::ROFS.into())
}

impl Disk for BackupDisk {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        if mode != Mode::Read {
            return read_only();
        }
        if let Some(bytes) = self.watermark.as_ref().filter(|_| name == WATERMARK) {
            return Ok(Arc::new(BytesFile(bytes.clone())));
        }
        if name == ERASING {
            return Ok(Arc::new(BytesFile(self.erasing.clone())));
        }
        let entry = self.find(name).ok_or(Errno::NOENT)?;
        let file = self.disk.open(&entry.name, Mode::Read)?;
        Ok(Arc::new(PartFile { file, length: entry.length }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let inside = |name: String| match name.rsplit_once('/') {
            Some((parent, last)) => (parent == folder).then(|| last.to_owned()),
            None => folder.is_empty().then_some(name),
        };
        Ok(self.names().filter_map(inside).collect())
    }

    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut found: Vec<_> = match folder {
            "" => self.names().filter_map(|name| Some(name.split_once('/')?.0.to_owned())).collect(),
            _ => Vec::new(),
        };
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn create_folder(&self, _: &str) -> io::Result<()> {
        read_only()
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        read_only()
    }

    fn sync_folder(&self, _: &str) -> io::Result<()> {
        read_only()
    }

    fn lock(&self, _: &str) -> io::Result<Box<dyn FileLock>> {
        read_only()
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

/// The bytes of a file that belong to a backup.
#[derive(Debug)]
struct PartFile {
    file: Arc<dyn File>,
    length: u64,
}

impl File for PartFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        if count == 0 { Ok(0) } else { self.file.read_at(&mut buffer[..count], offset) }
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        read_only()
    }

    fn sync(&self) -> io::Result<()> {
        read_only()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        read_only()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.length()?.min(self.length))
    }

    fn identity(&self) -> io::Result<Identity> {
        self.file.identity()
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        if length > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.map(length)
    }
}

/// A file that is made of what another one says.
#[derive(Debug)]
struct BytesFile(Vec<u8>);

impl File for BytesFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|start| self.0.get(start..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        read_only()
    }

    fn sync(&self) -> io::Result<()> {
        read_only()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        read_only()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn identity(&self) -> io::Result<Identity> {
        // It is replaced by none: a backup stays as it is.
        Ok(Identity(u64::MAX, u64::MAX))
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        let part = usize::try_from(length).ok().and_then(|length| self.0.get(..length));
        part.map(|part| Block::from(part.to_vec())).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
