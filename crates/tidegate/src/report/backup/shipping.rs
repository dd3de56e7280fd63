//! Shipping what is durable of a store to a target, again and again, and fetching it back as a backup.
//!
//! A target has pieces, each a run of bytes of one file under a name that tells them by digest, and one list of those that
//! belong together: the text of a backup file, whose entries are pieces, under `shipped/NUMBER`. The list is put last and only if
//! no other shipper put that number, so of two that ship to one target one is refused, and a list names only what is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tidegate_disk::replace::{remove_if_there, replace};
use tidegate_disk::{Env, Mode};
use tidegate_format::store::{BackupEntry, BackupFile};
use tidegate_format::{Error, ErrorKind, Hash, Micros, Position, Result, StoreId, hash};
use tidegate_segment::files::is_missing;
use tidegate_segment::{INDEX, SEGMENTS};

use super::create::check_earlier;
use super::placing::{unplaced, unread};
use super::source::{Source, SourceSegment};
use super::target::ShipTarget;
use crate::backend::{BACKUP, READERS, STORE_COPY, floor_name, read, reader_name};
use crate::report::rewrite::refuse_filled;

/// The folder of the lists.
const SHIPPED: &str = "shipped";
/// The folder of the pieces.
const PIECES: &str = "pieces";
/// The longest piece. What is shipped of a segment at once is cut into pieces of this many bytes.
const PIECE_BYTES_MAX: u64 = 16 << 20;
/// How many times what a target has is looked at again, if it is replaced meanwhile.
const TRIES_MAX: usize = 100;

/// What was shipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shipment {
    /// The store.
    pub store: StoreId,
    /// How many shipments the target took, this one included.
    pub number: u64,
    /// When it was begun. Everything that was durable then is in the target.
    pub time: Micros,
    /// The last position in the target.
    pub until: Position,
    /// The root of the Merkle tree over everything up to there.
    pub root: Hash,
    /// How many events it had not before.
    pub events: u64,
    /// How many pieces were put.
    pub pieces: u64,
    /// Bytes of those.
    pub bytes: u64,
}

/// Ships a store to a target: each call of [`ship`](Self::ship) puts what became durable since the last one. It takes no lock of
/// the store and writes nothing to it, so any process may do it. One that is stopped or killed goes on where the target is, and
/// deletes the pieces that the one before it had put and named in no list. It keeps the store open for reading in between.
///
/// ```
/// use std::sync::Arc;
///
/// use tidegate::report::backup::{self, FolderTarget, RestoreOptions, Shipper};
/// use tidegate::{Draft, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = |name: &str| folder.path().join(name);
/// let store = Store::open(path("shop"))?;
/// let target = Arc::new(FolderTarget::new(path("target")));
/// let mut shipper = Shipper::new(path("shop"), target.clone());
/// for kind in ["order.placed", "order.paid"] {
///     store.append(Draft::new(("shop", "order-7"), kind))?;
///     assert_eq!(shipper.ship()?.events, 1);
/// }
/// // The target as a backup, which is restored as every other.
/// backup::fetch(&*target, path("fetched"))?;
/// let report = backup::restore(path("fetched"), path("restored"), &RestoreOptions::new(), |_| ())?;
/// assert_eq!(report.plan.until.0, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shipper {
    from: Env,
    target: Arc<dyn ShipTarget>,
    /// What this one put last. The first time it goes on from what is there.
    last: Option<BackupFile>,
    /// What this one tried to put last, which may be there although it was told of a failure.
    tried: Option<BackupFile>,
    /// The store as it was read for the last shipment.
    source: Option<Source>,
    /// Whether the target may have pieces that no list names: one that was killed, or failed, put them.
    may_have_orphans: bool,
}

impl Shipper {
    /// Returns one that ships the store in a directory. Nothing is done yet.
    pub fn new(from: impl AsRef<Path>, target: Arc<dyn ShipTarget>) -> Self {
        Self::new_in(Env::native(from.as_ref()), target)
    }

    /// Returns one that ships the store of an environment: a disk that the caller brings. Nothing is done yet.
    pub fn new_in(from: Env, target: Arc<dyn ShipTarget>) -> Self {
        Self { from, target, last: None, tried: None, source: None, may_have_orphans: true }
    }

    /// Ships what became durable. Once it returns, the target has everything that was durable when it was called. If there
    /// is nothing new, nothing is put and the last shipment's number is returned, with the time of now.
    ///
    /// # Errors
    ///
    /// * [`Locked`](ErrorKind::Locked) if another shipper put something since: only one ships to a target;
    /// * [`Invalid`](ErrorKind::Invalid) if the target is of another store, [`Older`](ErrorKind::Older) and
    ///   [`Diverged`](ErrorKind::Diverged) if it has events that the store has not;
    /// * those of [`back_up`](super::back_up), and of the target, after which it may be called again.
    pub fn ship(&mut self) -> Result<Shipment> {
        let time = Micros(self.from.clock.now_micros());
        let mut tries = 1;
        loop {
            let source = self.source.take();
            match self.try_ship(time, source) {
                // A writer put another generation in the place of a segment.
                Err(error) if is_missing(&error) && tries < TRIES_MAX => tries += 1,
                shipped => {
                    self.may_have_orphans |= shipped.is_err();
                    return shipped;
                }
            }
        }
    }

    fn try_ship(&mut self, time: Micros, source: Option<Source>) -> Result<Shipment> {
        let target = Arc::clone(&self.target);
        let target = &*target;
        let earlier = newest(target)?;
        if self.last.is_some() && self.last != earlier && self.tried != earlier {
            return Err(another(target));
        }
        let orphans = if self.may_have_orphans { orphans(target, earlier.as_ref())? } else { Vec::new() };
        let source = match source {
            // What was put into its place is read anew.
            Some(mut source) => source.look_again()?.then_some(source),
            None => None,
        };
        let source = source.map_or_else(|| Source::open(&self.from), Ok)?;
        if let Some(earlier) = &earlier {
            check_earlier(earlier, &target.place(), &source)?;
        }
        let number = earlier.as_ref().map_or(0, |earlier| earlier.number) + 1;
        let (mut put, mut files) = (Putting { target, pieces: 0, bytes: 0 }, Vec::new());
        for name in &source.remainders {
            let length = source.length(name)?;
            let bytes = read(&*source.directory, name, length)?;
            files.push(put.small(name.clone(), &bytes.unwrap_or_default(), earlier.as_ref())?);
        }
        if let Some(floor) = &source.floor {
            files.push(put.small(floor_name(number), floor.encode().as_bytes(), earlier.as_ref())?);
        }
        for segment in &source.segments {
            files.extend(put.segment(&source, segment, earlier.as_ref())?);
        }
        for cursor in &source.cursors {
            files.push(put.small(reader_name(&cursor.name, number), &cursor.bytes, earlier.as_ref())?);
        }
        let text = source.store.encode();
        files.push(put.small(STORE_COPY.to_owned(), text.as_bytes(), earlier.as_ref())?);
        files.sort_by(|one, two| one.name.cmp(&two.name));
        let (until, root) = (source.until(), source.root(source.until())?);
        let list = BackupFile { store: source.store.id, number, time, until, root, files };
        let events = until.0 - earlier.as_ref().map_or(0, |earlier| earlier.until.0);
        let (pieces, bytes) = (put.pieces, put.bytes);
        let is_new = earlier.as_ref().is_none_or(|earlier| objects(earlier) != objects(&list));
        let list = if is_new { self.finish(earlier.as_ref(), list)? } else { earlier.unwrap_or(list) };
        let shipment =
            Shipment { store: list.store, number: list.number, time, until, root, events, pieces, bytes };
        self.sweep(orphans, &list)?;
        (self.last, self.source) = (Some(list), Some(source));
        Ok(shipment)
    }

    /// Deletes what was there before this shipment and no list names. Another shipper may go on meanwhile, and put some of it
    /// again: then nothing is deleted.
    fn sweep(&mut self, mut orphans: Vec<String>, list: &BackupFile) -> Result<()> {
        let (target, named) = (&*self.target, objects(list));
        orphans.retain(|name| !named.contains(name) && *name != list_name(list.number));
        self.may_have_orphans = false;
        for name in orphans {
            if newest(target)?.as_ref() != Some(list) {
                return Err(another(target));
            }
            if let Err(error) = target.delete(&name) {
                tracing::warn!(%error, %name, "what an interrupted shipment left was not deleted");
                self.may_have_orphans = true;
            }
        }
        Ok(())
    }

    /// Puts the list, and deletes what only the one before named.
    fn finish(&mut self, earlier: Option<&BackupFile>, list: BackupFile) -> Result<BackupFile> {
        self.tried = Some(list.clone());
        let (target, name) = (Arc::clone(&self.target), list_name(list.number));
        let target = &*target;
        match target.put_new(&name, list.encode().as_bytes()) {
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => return Err(another(target)),
            put => put.map_err(|cause| unplaced(&name, cause))?,
        }
        let Some(earlier) = earlier else { return Ok(list) };
        // One that stood still for long put a number that was deleted: what it names is not to be relied on.
        if newest(target)?.as_ref() != Some(&list) {
            return Err(another(target));
        }
        let mut names = vec![list_name(earlier.number)];
        names.extend(objects(earlier).difference(&objects(&list)).cloned());
        for name in names {
            if let Err(error) = target.delete(&name) {
                tracing::warn!(%error, %name, "what an earlier shipment left was not deleted");
                self.may_have_orphans = true;
            }
        }
        Ok(list)
    }
}

/// Makes a backup, in an empty directory, of what a target has: everything up to the last shipment. [`restore`] makes a store of
/// it, up to any position or time, and [`examine`] compares every byte, event and the root. Each piece is compared with its digest
/// here.
///
/// [`restore`]: super::restore
/// [`examine`]: super::examine
///
/// # Errors
///
/// * [`Missing`](ErrorKind::Missing) if nothing was shipped, [`Damaged`](ErrorKind::Damaged) if a piece is missing or another one;
/// * [`Invalid`](ErrorKind::Invalid) if the directory is not empty; those of the target and of the disk.
pub fn fetch(target: &dyn ShipTarget, to: impl AsRef<Path>) -> Result<Position> {
    fetch_in(target, &Env::native(to.as_ref()))
}

/// Fetches as [`fetch`] does, into an environment: a disk that the caller brings.
///
/// # Errors
///
/// Those of [`fetch`].
pub fn fetch_in(target: &dyn ShipTarget, to: &Env) -> Result<Position> {
    refuse_filled(&*to.disk)?;
    let mut tried = None;
    loop {
        let Some(list) = newest(target)? else {
            let message = format!("nothing was shipped to {}", target.place());
            return Err(Error::new(ErrorKind::Missing, message));
        };
        match fetch_list(target, &list, to) {
            // A shipper went on meanwhile, and deleted what it does not name any more.
            Err(error) if is_missing(&error) && tried != Some(list.number) => tried = Some(list.number),
            fetched => return fetched.map(|()| list.until),
        }
    }
}

fn fetch_list(target: &dyn ShipTarget, list: &BackupFile, to: &Env) -> Result<()> {
    let disk = &*to.disk;
    for folder in ["", SEGMENTS, INDEX, READERS] {
        disk.create_folder(folder).map_err(|cause| unplaced(folder, cause))?;
    }
    let mut files: Vec<BackupEntry> = Vec::new();
    for entries in list.files.chunk_by(|one, two| file_of(&one.name).0 == file_of(&two.name).0) {
        let name = file_of(&entries[0].name).0;
        remove_if_there(disk, name).map_err(|cause| unplaced(name, cause))?;
        let file = disk.open(name, Mode::CreateNew).map_err(|cause| unplaced(name, cause))?;
        let (mut hasher, mut length) = (hash::Hasher::new(), 0);
        for entry in entries {
            let object = object_of(entry);
            let bytes = target.get(&object).map_err(|cause| unread(&object, cause))?;
            let digest = hash::sha256(&bytes);
            if (bytes.len() as u64, digest) != (entry.length, entry.digest)
                || file_of(&entry.name).1 != length
            {
                let message = "a piece is not the one that was shipped";
                return Err(Error::damaged(message, entry.digest, digest).in_file(&object, None));
            }
            file.write_all_at(&bytes, length).map_err(|cause| unplaced(name, cause))?;
            hasher.update(&bytes);
            length += entry.length;
        }
        file.sync().map_err(|cause| unplaced(name, cause))?;
        files.push(BackupEntry { name: name.to_owned(), length, digest: hasher.finish() });
    }
    for folder in [SEGMENTS, INDEX, READERS, ""] {
        disk.sync_folder(folder).map_err(|cause| unplaced(folder, cause))?;
    }
    // keeps K1
    let backup = BackupFile { files, ..list.clone() };
    replace(disk, BACKUP, backup.encode().as_bytes()).map_err(|cause| unplaced(BACKUP, cause))
}

/// What puts pieces, and counts them.
#[derive(Debug)]
struct Putting<'a> {
    target: &'a dyn ShipTarget,
    pieces: u64,
    bytes: u64,
}

impl Putting<'_> {
    /// Puts what a target does not have of a segment, and returns all its pieces. Short pieces at its end are put again together
    /// with what is new, so that their number grows with the logarithm of the bytes.
    fn segment(
        &mut self,
        source: &Source,
        segment: &SourceSegment,
        earlier: Option<&BackupFile>,
    ) -> Result<Vec<BackupEntry>> {
        let name = segment.name();
        let there = earlier.map_or(&[][..], |earlier| &earlier.files);
        let mut pieces: Vec<_> =
            there.iter().filter(|entry| file_of(&entry.name).0 == name).cloned().collect();
        let mut at = pieces.iter().map(|piece| piece.length).sum::<u64>();
        // A recovery may have ended it before frames that were shipped, which stand in the next one now.
        while at > segment.length
            && let Some(last) = pieces.pop()
        {
            at -= last.length;
        }
        if at == segment.length {
            return Ok(pieces);
        }
        while let Some(last) = pieces.pop_if(|last| last.length <= segment.length - at) {
            at -= last.length;
        }
        let file = segment.file(&*source.directory)?;
        while at < segment.length {
            let mut bytes = vec![0; PIECE_BYTES_MAX.min(segment.length - at) as usize];
            let count = file.read_full_at(&mut bytes, at).map_err(|cause| unread(&name, cause))?;
            if count < bytes.len() {
                let error = Error::damaged("the file is cut short", segment.length, at + count as u64);
                return Err(error.in_file(&name, None));
            }
            let piece = if at == 0 { name.clone() } else { format!("{name}.{at:020}") };
            at += bytes.len() as u64;
            pieces.push(self.put(piece, &bytes)?);
        }
        Ok(pieces)
    }

    /// Puts a small file whole, unless it is there.
    fn small(&mut self, name: String, bytes: &[u8], earlier: Option<&BackupFile>) -> Result<BackupEntry> {
        let entry = BackupEntry { name, length: bytes.len() as u64, digest: hash::sha256(bytes) };
        let object = object_of(&entry);
        if earlier.is_some_and(|earlier| earlier.files.iter().any(|file| object_of(file) == object)) {
            return Ok(entry);
        }
        self.put(entry.name, bytes)
    }

    fn put(&mut self, name: String, bytes: &[u8]) -> Result<BackupEntry> {
        let entry = BackupEntry { name, length: bytes.len() as u64, digest: hash::sha256(bytes) };
        let object = object_of(&entry);
        self.target.put(&object, bytes).map_err(|cause| unplaced(&object, cause))?;
        self.pieces += 1;
        self.bytes += entry.length;
        Ok(entry)
    }
}

/// Returns the file that a piece is of, and the first of its bytes.
fn file_of(piece: &str) -> (&str, u64) {
    let at = piece.rsplit_once('.').filter(|(file, at)| file.starts_with(SEGMENTS) && at.len() == 20);
    at.and_then(|(file, at)| Some((file, at.parse().ok()?))).unwrap_or((piece, 0))
}

/// Returns the name of the object with the bytes of a piece. Cursors' files have the number of a backup in their names, and so
/// are told by their bytes alone.
fn object_of(piece: &BackupEntry) -> String {
    let name = piece.name.rsplit('/').next().unwrap_or_default();
    let name = if piece.name.starts_with(READERS) { "reader" } else { name };
    format!("{PIECES}/{name}-{}", piece.digest)
}

/// Returns all objects that a list names.
fn objects(list: &BackupFile) -> BTreeSet<String> {
    list.files.iter().map(object_of).collect()
}

/// Returns what a target has and its newest list does not name.
fn orphans(target: &dyn ShipTarget, newest: Option<&BackupFile>) -> Result<Vec<String>> {
    let mut named = newest.map(objects).unwrap_or_default();
    named.extend(newest.map(|list| list_name(list.number)));
    let mut found = Vec::new();
    for folder in [PIECES, SHIPPED] {
        let names = target.list(folder).map_err(|cause| unread(folder, cause))?;
        found.extend(names.into_iter().map(|name| format!("{folder}/{name}")));
    }
    found.retain(|name| !named.contains(name));
    Ok(found)
}

fn list_name(number: u64) -> String {
    format!("{SHIPPED}/{number:020}")
}

/// Returns the newest list of a target.
fn newest(target: &dyn ShipTarget) -> Result<Option<BackupFile>> {
    for _ in 0..TRIES_MAX {
        let names = target.list(SHIPPED).map_err(|cause| unread(SHIPPED, cause))?;
        let numbers = names.iter().filter_map(|name| name.parse::<u64>().ok());
        let Some(number) = numbers.max() else { return Ok(None) };
        let name = list_name(number);
        match target.get(&name) {
            // A shipper put a newer one, and deleted it.
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            got => {
                let bytes = got.map_err(|cause| unread(&name, cause))?;
                return BackupFile::read(&bytes).map(Some).map_err(|error| error.in_file(&name, None));
            }
        }
    }
    let message = format!("what was shipped to {} is replaced again and again; try again", target.place());
    Err(Error::new(ErrorKind::Io, message))
}

fn another(target: &dyn ShipTarget) -> Error {
    let message = format!("another shipper ships to {}", target.place());
    Error::new(ErrorKind::Locked, message)
        .advise("ship to another target, or stop one of the two and start the other again")
}
