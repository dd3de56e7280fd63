//! Backing up a store beside its writer.
//!
//! Segments that are sealed never change, so they are linked; what the newest one has durable is copied. No lock of the store
//! is taken: a file that a writer replaces meanwhile means that the store is looked at once more.

use std::path::Path;
use std::sync::Arc;

use tidegate_disk::replace::{self, LEFTOVER, remove_if_there};
use tidegate_disk::{Disk, Env, FileLock, Mode};
use tidegate_format::name::visible;
use tidegate_format::store::{BackupEntry, BackupFile};
use tidegate_format::{Error, ErrorKind, Hash, Micros, Position, Result, SegmentName, StoreId, hash};
use tidegate_segment::files::is_missing;
use tidegate_segment::indexing::{generations, list_indexes};
use tidegate_segment::{INDEX, SEGMENTS, index_path};

use super::placing::{CopyProgress, Meter, Part, digest, unplaced};
use super::source::Source;
use crate::backend::{
    BACKUP, FLOOR, LOCK, READERS, STORE_COPY, UNFINISHED, floor_name, list, lock, read, read_backup,
    reader_name,
};
use crate::report::rewrite::refuse_filled;

/// How many times a store is looked at again whose writer replaces files all the time.
const TRIES_MAX: usize = 100;
/// The largest store file or mark that is read.
const SMALL_BYTES_MAX: u64 = 1 << 20;

/// What stands in a directory until the first backup into it is there.
const TEXT: &str = "What tidegate backs up into this directory is not all here yet. If no backup is running, run it again.\n";

/// Report of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// The store.
    pub store: StoreId,
    /// How many backups were made into the directory, this one included.
    pub number: u64,
    /// The last position in the backup.
    pub until: Position,
    /// The root of the Merkle tree over everything up to there.
    pub root: Hash,
    /// Events that are in the store's files and that nothing shows to be durable, as after a crash. They are not backed up.
    pub unconfirmed: u64,
    /// How many files are links to those of the store.
    pub linked: u64,
    /// How many were copied.
    pub copied: u64,
    /// How many an earlier backup had put there already.
    pub kept: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// What a backup will do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupPlan {
    /// The store.
    pub store: StoreId,
    /// How many backups are made into the directory, this one included.
    pub number: u64,
    /// The last position in the backup.
    pub until: Position,
    /// Bytes of segments that are put there, as links or copies.
    pub new_bytes: u64,
    /// Bytes of segments that are there already.
    pub kept_bytes: u64,
}

/// Says what a [`back_up`] will do. Nothing is written.
///
/// # Errors
///
/// Those of [`back_up`].
pub fn plan_backup(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<BackupPlan> {
    plan_backup_in(&Env::native(from.as_ref()), &Env::native(to.as_ref()))
}

/// Plans as [`plan_backup`] does, between environments: disks that the caller brings.
///
/// # Errors
///
/// Those of [`back_up`].
pub fn plan_backup_in(from: &Env, to: &Env) -> Result<BackupPlan> {
    let source = Source::open(from)?;
    let target = Target::look(&*to.disk)?;
    target.check_earlier(&source)?;
    let (mut new_bytes, mut kept_bytes) = (0, 0);
    for segment in &source.segments {
        let (name, length) = (segment.name(), segment.length);
        let part = Part { disk: &*source.directory, name: &name, length };
        let bytes = if target.kept(&part)?.is_some() { &mut kept_bytes } else { &mut new_bytes };
        *bytes += length;
    }
    let (number, until) = (target.number(), source.until());
    Ok(BackupPlan { store: source.store.id, number, until, new_bytes, kept_bytes })
}

/// Backs up the store in a directory into another one, which is empty or holds earlier backups of it. It takes no lock of
/// the store and writes nothing to it, so any process may do it, while the store is written to.
///
/// The backup has everything that is durable when this is called, or more. Another one into the same directory adds what is
/// new, and leaves the earlier one as it is until it is there itself. `progress` is called now and then.
///
/// # Errors
///
/// * [`Missing`](ErrorKind::Missing) if there is no store, [`Damaged`](ErrorKind::Damaged) if it is not whole;
/// * [`Invalid`](ErrorKind::Invalid) if the target is neither empty nor of this store;
/// * [`Older`](ErrorKind::Older) and [`Diverged`](ErrorKind::Diverged) if an earlier backup there has events that the store
///   has not: an older copy was put back, and goes into another directory;
/// * [`Locked`](ErrorKind::Locked) if another backup into it is running; those of the disk.
pub fn back_up(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    progress: impl FnMut(CopyProgress),
) -> Result<BackupReport> {
    back_up_in(&Env::native(from.as_ref()), &Env::native(to.as_ref()), progress)
}

/// Backs up as [`back_up`] does, between environments: disks that the caller brings.
///
/// # Errors
///
/// Those of [`back_up`].
pub fn back_up_in(from: &Env, to: &Env, mut progress: impl FnMut(CopyProgress)) -> Result<BackupReport> {
    let time = Micros(to.clock.now_micros());
    let mut source = Source::open(from)?;
    let target = Target::begin(&*to.disk)?;
    for _ in 0..TRIES_MAX {
        let made = target.fill(&source, time, &mut progress);
        match made {
            // A writer put another generation in the place of a segment.
            Err(error) if is_missing(&error) => source = Source::open(from)?,
            made => return made,
        }
    }
    let message = "files of the store were replaced again and again while they were backed up; try again";
    Err(Error::new(ErrorKind::Io, message))
}

/// A directory that is backed up into.
struct Target<'a> {
    disk: &'a dyn Disk,
    /// What an earlier backup left.
    earlier: Option<BackupFile>,
    /// Held until the backup is there, if one is made.
    _lock: Option<Arc<dyn FileLock>>,
}

impl<'a> Target<'a> {
    /// Looks at what is there, and refuses what is not a place for a backup.
    fn look(disk: &'a dyn Disk) -> Result<Self> {
        let earlier = read_backup(disk).map_err(|error| error.advise("back up into another directory"))?;
        if earlier.is_none() && !has_mark(disk)? {
            refuse_filled(disk)?;
        }
        Ok(Self { disk, earlier, _lock: None })
    }

    /// Takes the directory, and says in it that the first backup is not there yet.
    fn begin(disk: &'a dyn Disk) -> Result<Self> {
        // Before the lock, whose file stays in a directory that is refused.
        Self::look(disk)?;
        disk.create_folder("").map_err(|cause| unplaced("", cause))?;
        let lock = lock(disk)?;
        let target = Self { _lock: Some(lock), ..Self::look(disk)? };
        if target.earlier.is_none() && !has_mark(disk)? {
            let mark = disk.open(UNFINISHED, Mode::CreateNew);
            let marked = mark.and_then(|mark| {
                mark.write_all_at(TEXT.as_bytes(), 0)?;
                mark.sync()?;
                disk.sync_folder("")
            });
            marked.map_err(|cause| unplaced(UNFINISHED, cause))?;
        }
        Ok(target)
    }

    /// Returns how many backups were made into it, the next one included.
    fn number(&self) -> u64 {
        self.earlier.as_ref().map_or(0, |earlier| earlier.number) + 1
    }

    /// Returns what the backup that is there says of a file.
    fn earlier(&self, name: &str) -> Option<&BackupEntry> {
        let files = &self.earlier.as_ref()?.files;
        files.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok().map(|at| &files[at])
    }

    /// Returns what the backup that is there says of a file, if that is this one.
    fn kept(&self, part: &Part<'_>) -> Result<Option<BackupEntry>> {
        match self.earlier(part.name).filter(|entry| entry.length == part.length) {
            Some(entry) if part.looks_like(self.disk, part.name)? => Ok(Some(entry.clone())),
            _ => Ok(None),
        }
    }

    /// Returns what is to be said of a segment that a recovery ended before frames which the backup that is there has: its file stays
    /// as it is for that one.
    fn shortened(&self, part: &Part<'_>, meter: &mut Meter<'_>) -> Result<Option<BackupEntry>> {
        match self.earlier(part.name).filter(|entry| entry.length > part.length) {
            Some(_) if part.looks_like(self.disk, part.name)? => {
                let digest = digest(self.disk, part.name, part.length, meter)?;
                Ok(Some(BackupEntry { name: part.name.to_owned(), length: part.length, digest }))
            }
            _ => Ok(None),
        }
    }

    /// Refuses a store that does not go on from what an earlier backup has.
    fn check_earlier(&self, source: &Source) -> Result<()> {
        self.earlier.as_ref().map_or(Ok(()), |earlier| check_earlier(earlier, &self.disk.place(), source))
    }

    fn fill(
        &self,
        source: &Source,
        time: Micros,
        progress: &mut dyn FnMut(CopyProgress),
    ) -> Result<BackupReport> {
        self.check_earlier(source)?;
        for folder in [SEGMENTS, INDEX, READERS] {
            self.disk.create_folder(folder).map_err(|cause| unplaced(folder, cause))?;
        }
        let total = source.segments.iter().map(|segment| segment.length).sum();
        let mut filling = Filling {
            target: self,
            source,
            number: self.number(),
            files: Vec::new(),
            meter: Meter::new(total, progress),
            counts: [0; 3],
        };
        filling.remainders()?;
        filling.segments()?;
        filling.readers()?;
        filling.store_file()?;
        // keeps K1: what was linked has a durable name before the backup file names it.
        for folder in [SEGMENTS, INDEX, READERS, ""] {
            self.disk.sync_folder(folder).map_err(|cause| unplaced(folder, cause))?;
        }
        let Filling { number, mut files, counts: [linked, copied, kept], .. } = filling;
        files.sort_by(|one, two| one.name.cmp(&two.name));
        let until = source.until();
        let backup =
            BackupFile { store: source.store.id, number, time, until, root: source.root(until)?, files };
        let replaced = replace::replace(self.disk, BACKUP, backup.encode().as_bytes());
        replaced.map_err(|cause| unplaced(BACKUP, cause))?;
        if let Err(error) = self.remove_others(&backup) {
            // The next backup removes it.
            tracing::warn!(%error, "what an earlier backup left was not removed");
        }
        Ok(BackupReport {
            store: backup.store,
            number,
            until,
            root: backup.root,
            unconfirmed: source.reader.report().unconfirmed.map_or(0, |unconfirmed| unconfirmed.events),
            linked,
            copied,
            kept,
            bytes: backup.files.iter().map(|entry| entry.length).sum(),
        })
    }

    /// Removes the mark, and files that are not part of the backup.
    fn remove_others(&self, backup: &BackupFile) -> Result<()> {
        let at = |name: &str| {
            let name = name.to_owned();
            move |cause| unplaced(&name, cause)
        };
        remove_if_there(self.disk, UNFINISHED).map_err(at(UNFINISHED))?;
        for folder in ["", SEGMENTS, INDEX, READERS] {
            let mut names = self.disk.list(folder).map_err(at(folder))?;
            let is_own = |name: &str| name.ends_with(LEFTOVER) || name.starts_with(&format!("{FLOOR}."));
            names.retain(|name| !folder.is_empty() || is_own(name));
            for name in names {
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if backup.files.binary_search_by(|entry| entry.name.cmp(&name)).is_err() {
                    self.disk.remove(&name).map_err(at(&name))?;
                }
            }
        }
        // What an earlier backup had of a segment behind its end: such a file is no link.
        for entry in backup.files.iter().filter(|entry| entry.name.starts_with(SEGMENTS)) {
            let (name, length) = (entry.name.as_str(), entry.length);
            let file = self.disk.open(name, Mode::Read).map_err(at(name))?;
            if file.length().map_err(at(name))? > length {
                let part = Part { disk: self.disk, name, length };
                part.copy(self.disk, name, &mut Meter::new(length, &mut |_| ()))?;
            }
        }
        Ok(())
    }
}

/// Refuses a store that does not go on from what an earlier backup of a place has.
pub(super) fn check_earlier(earlier: &BackupFile, place: &str, source: &Source) -> Result<()> {
    if earlier.store != source.store.id {
        let message = format!(
            "{place} holds a backup of the store {}, and this is the store {}; choose another directory",
            earlier.store, source.store.id
        );
        return Err(Error::invalid(message));
    }
    if earlier.until > source.until() {
        let message = format!(
            "the backup in {place} has {} events and the store has {}: an older copy of the store was put back; back it up \
             into another directory",
            earlier.until,
            source.until()
        );
        return Err(Error::new(ErrorKind::Older, message));
    }
    let root = source.root(earlier.until)?;
    if root != earlier.root {
        let message = format!(
            "the backup in {place} has other events than the store up to position {}: an older copy of the store was put \
             back and went on; back it up into another directory (roots {} and {root})",
            earlier.until, earlier.root
        );
        return Err(Error::new(ErrorKind::Diverged, message));
    }
    Ok(())
}

/// Returns whether the first backup into a directory was begun, and not ended.
fn has_mark(disk: &dyn Disk) -> Result<bool> {
    let mark = read(disk, UNFINISHED, SMALL_BYTES_MAX)?;
    // One that a power cut took apart has nothing beside it.
    let is_left = |(found, own): (&u8, &u8)| found == own || *found == 0;
    let is_own = |mark: Vec<u8>| mark.len() <= TEXT.len() && mark.iter().zip(TEXT.as_bytes()).all(is_left);
    if !mark.is_some_and(is_own) {
        return Ok(false);
    }
    let known = [LOCK, UNFINISHED, STORE_COPY];
    let other = list(disk, "")?.into_iter().find(|name| !known.contains(&name.as_str()));
    match other {
        None => Ok(true),
        Some(other) => {
            let message = format!("{} holds {}, which is not of a backup", disk.place(), visible(&other));
            Err(Error::invalid(message).advise("choose another directory"))
        }
    }
}

/// A backup that is being made.
struct Filling<'a, 'b> {
    target: &'a Target<'a>,
    source: &'a Source,
    number: u64,
    files: Vec<BackupEntry>,
    meter: Meter<'b>,
    /// Files linked, copied and kept.
    counts: [u64; 3],
}

impl Filling<'_, '_> {
    fn segments(&mut self) -> Result<()> {
        let Some((newest, sealed)) = self.source.segments.split_last() else { return Ok(()) };
        let indexes = list_indexes(&*self.source.directory);
        for segment in sealed {
            self.file(&segment.name(), segment.length, true)?;
            if let Some(name) = generations(&indexes, segment.header().first).last() {
                self.index(*name)?;
            }
        }
        // keeps K3
        self.file(&newest.name(), newest.length, false)
    }

    /// Puts there what stays of segments that were retired, and the floor under a name of this backup's own.
    fn remainders(&mut self) -> Result<()> {
        for name in &self.source.remainders {
            let length = self.source.length(name)?;
            self.meter.expect(length);
            self.file(name, length, true)?;
        }
        match &self.source.floor {
            Some(floor) => self.write(floor_name(self.number), floor.encode().as_bytes()),
            None => Ok(()),
        }
    }

    /// Puts the index file of a segment beside it, if it is still there. A store does without.
    fn index(&mut self, name: SegmentName) -> Result<()> {
        let name = index_path(name);
        let length = match self.source.directory.open(&name, Mode::Read) {
            Ok(file) => file.length().map_err(|cause| unplaced(&name, cause))?,
            Err(_) => return Ok(()),
        };
        self.meter.expect(length);
        self.file(&name, length, true)
    }

    /// Puts a file in its place, unless it is there already.
    fn file(&mut self, name: &str, length: u64, may_link: bool) -> Result<()> {
        let (part, to) = (Part { disk: &*self.source.directory, name, length }, self.target.disk);
        if let Some(entry) = self.target.kept(&part)? {
            self.meter.add(length);
            self.files.push(entry);
            self.counts[2] += 1;
            return Ok(());
        }
        if let Some(entry) = self.target.shortened(&part, &mut self.meter)? {
            self.files.push(entry);
            self.counts[2] += 1;
            return Ok(());
        }
        let placed = if may_link {
            part.link_or_copy(to, name, &mut self.meter)?
        } else {
            part.copy(to, name, &mut self.meter)?
        };
        self.counts[usize::from(!placed.is_link)] += 1;
        self.files.push(BackupEntry { name: name.to_owned(), length, digest: placed.digest });
        Ok(())
    }

    /// Writes the cursors under names of this backup's own.
    fn readers(&mut self) -> Result<()> {
        for cursor in &self.source.cursors {
            self.write(reader_name(&cursor.name, self.number), &cursor.bytes)?;
        }
        Ok(())
    }

    fn store_file(&mut self) -> Result<()> {
        let text = self.source.store.encode();
        self.write(STORE_COPY.to_owned(), text.as_bytes())
    }

    fn write(&mut self, name: String, bytes: &[u8]) -> Result<()> {
        let entry = BackupEntry { name, length: bytes.len() as u64, digest: hash::sha256(bytes) };
        if self.target.earlier(&entry.name) == Some(&entry) {
            self.counts[2] += 1;
        } else {
            let replaced = replace::replace(self.target.disk, &entry.name, bytes);
            replaced.map_err(|cause| unplaced(&entry.name, cause))?;
            self.counts[1] += 1;
        }
        self.files.push(entry);
        Ok(())
    }
}
