//! Which store a directory is, and which files are segments of it, asked of everything that says so.

use std::collections::BTreeMap;

use tidegate_disk::{Disk, Mode};
use tidegate_format::{
    Error, ErrorKind, ForkPoint, Micros, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentHeader,
    SegmentName, StoreFile, StoreId,
};
use tidegate_segment::path;

use crate::backend::{FLOOR, Floor, STORE, io, no_store, read_store};
use crate::report::fault::{Fault, MOVE, RESTORE};

/// A file that is a segment of the store.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    pub(crate) first: Position,
    /// Its first position and generation as its name says them.
    pub(crate) file: SegmentName,
    pub(crate) name: String,
    /// What it says of itself, if that can be read.
    pub(crate) head: Option<SegmentHeader>,
    /// Bytes of the file.
    pub(crate) length: u64,
}

/// What the files agree on.
#[derive(Debug, Default)]
pub(crate) struct StoreIdentity {
    pub(crate) store: Option<StoreId>,
    /// What its checksums start from. Without it nothing can be checked.
    pub(crate) salt: Option<u64>,
    /// What its index files are hashed with, which only the store file says.
    pub(crate) seed: Option<u64>,
    pub(crate) created: Micros,
    /// The stores it was forked from.
    pub(crate) forks: Vec<ForkPoint>,
    /// Whether it is a node of a shared log.
    pub(crate) is_node: bool,
    pub(crate) floor: Floor,
    /// The segments, in order.
    pub(crate) entries: Vec<SegmentFile>,
    pub(crate) faults: Vec<Fault>,
}

/// Asks the store file and the heads of all segments.
pub(crate) fn identify(disk: &dyn Disk) -> Result<StoreIdentity> {
    let mut found = StoreIdentity::default();
    let (store, files) = look(disk, &mut found.faults)?;
    let mut heads: BTreeMap<(StoreId, u64), usize> = BTreeMap::new();
    for head in files.iter().filter_map(|file| file.head) {
        *heads.entry((head.store, head.salt)).or_default() += 1;
    }
    let most = heads.iter().max_by_key(|(_, count)| **count).map(|(one, _)| *one);
    match store {
        Err(error) if error.kind() == ErrorKind::Newer => return Err(error),
        Err(error) => found.faults.push(Fault::new(placed(error, STORE), RESTORE)),
        Ok(store) => match most {
            Some(most) if !is_of(&store, &heads) => {
                let error = Error::damaged("the store file is of another store", most.0, store.id);
                found.faults.push(Fault::of(error, STORE, 0, RESTORE));
            }
            _ => {
                (found.store, found.salt) = (Some(store.id), Some(store.salt));
                found.seed = Some(store.seed);
                found.created = store.created;
                found.is_node = store.log.is_some();
                found.forks = store.forks;
            }
        },
    }
    if found.salt.is_none()
        && let Some((store, salt)) = most
    {
        (found.store, found.salt) = (Some(store), Some(salt));
        let first = files.iter().filter_map(|file| file.head).find(|head| head.store == store);
        found.created = first.map_or(Micros(0), |head| head.created);
    }
    if let Some(store) = found.store {
        match Floor::read(disk, store) {
            Ok(floor) => found.floor = floor,
            Err(error) if error.kind() == ErrorKind::Newer => return Err(error),
            Err(error) => found.faults.push(Fault::new(placed(error, FLOOR), RESTORE)),
        }
    }
    found.sort_out(files);
    Ok(found)
}

/// Returns whether any head is one of this store, or of one it was forked from.
fn is_of(store: &StoreFile, heads: &BTreeMap<(StoreId, u64), usize>) -> bool {
    let parents = store.forks.iter().map(|fork| (fork.store, fork.salt));
    parents.chain([(store.id, store.salt)]).any(|one| heads.contains_key(&one))
}

/// Returns what the store file says, and the segments. The caller that creates a store makes its first segment and then the store
/// file, and may be at it.
fn look(disk: &dyn Disk, faults: &mut Vec<Fault>) -> Result<(Result<StoreFile>, Vec<SegmentFile>)> {
    let store = read_store(disk).transpose();
    let files = heads(disk, faults)?;
    if let Some(store) = store {
        return Ok((store, files));
    }
    // Looked at before the store file is looked for again: with that missing after it, no caller creates a store here.
    let refusal = no_store(disk);
    match read_store(disk).transpose() {
        Some(Ok(store)) => {
            faults.clear();
            Ok((Ok(store), heads(disk, faults)?))
        }
        None if refusal.kind() != ErrorKind::Damaged => Err(refusal),
        other => Ok((other.unwrap_or(Err(refusal)), files)),
    }
}

impl StoreIdentity {
    /// Keeps the files that are segments of this store, each at the position that its head says, or its name.
    fn sort_out(&mut self, files: Vec<SegmentFile>) {
        let forks = std::mem::take(&mut self.forks);
        let own = |head: &SegmentHeader| {
            let came_along = |fork: &ForkPoint| {
                (fork.store, fork.salt) == (head.store, head.salt) && head.first <= fork.until
            };
            (Some(head.store), Some(head.salt)) == (self.store, self.salt) || forks.iter().any(came_along)
        };
        let named = |file: &SegmentFile| file.head.is_none_or(|head| head.first == file.first && own(&head));
        let (mut kept, others): (Vec<_>, Vec<_>) = files.into_iter().partition(named);
        for mut file in others {
            let Some(head) = file.head else { continue };
            if !own(&head) {
                let expected = self.store.map_or_else(|| "this store".to_owned(), |store| store.to_string());
                let error = Error::damaged("a segment belongs to another store", expected, head.store);
                self.faults.push(Fault::of(error, &file.name, 0, MOVE));
                continue;
            }
            let error = Error::damaged("the segment's name and its head disagree", file.first, head.first);
            let is_there = kept.iter().any(|other| other.first == head.first && other.head.is_some());
            let remedy = if is_there { MOVE } else { "give it the name that its head says" };
            self.faults.push(Fault::of(error, &file.name, 0, remedy));
            if !is_there {
                kept.retain(|other| other.first != head.first);
                file.first = head.first;
                kept.push(file);
            }
        }
        kept.sort_by_key(|file| file.first);
        (self.entries, self.forks) = (kept, forks);
    }
}

/// Returns the files with names of segments, and their heads.
fn heads(disk: &dyn Disk, faults: &mut Vec<Fault>) -> Result<Vec<SegmentFile>> {
    let mut found = Vec::new();
    let listed = match listed(disk) {
        // Something else is in the place of their folder.
        Err(error) if error.kind() == ErrorKind::Damaged => {
            faults.push(Fault::new(error, MOVE));
            return Ok(found);
        }
        other => other?,
    };
    for mut file in listed {
        let mut read = head(disk, &path(file));
        while matches!(read, Ok(None))
            && let Some(newer) =
                tidegate_segment::files::find(disk, file.first)?.filter(|newer| *newer > file)
        {
            // A writer has put another generation in its place.
            file = newer;
            read = head(disk, &path(file));
        }
        let (name, first) = (path(file), file.first);
        let (length, head) = match read {
            Ok(Some(head)) => head,
            // A writer that opens the store takes an empty newest one away.
            Ok(None) => continue,
            // What a newer program wrote may look damaged to this one.
            Err(error) if error.kind() == ErrorKind::Newer => return Err(error),
            Err(error) => {
                faults.push(Fault::new(error, RESTORE));
                continue;
            }
        };
        found.push(SegmentFile { first, file, name, head, length });
    }
    Ok(found)
}

/// Returns the names of the segments.
fn listed(disk: &dyn Disk) -> Result<Vec<SegmentName>> {
    const TRIES_MAX: usize = 100;
    let mut last = tidegate_segment::list(disk)?;
    // A listing may show a segment of a writer and not one that was there before it. Two that say the same have no such
    // hole.
    for _ in 0..TRIES_MAX {
        let before = std::mem::replace(&mut last, tidegate_segment::list(disk)?);
        if before == last {
            break;
        }
    }
    Ok(last)
}

/// Returns the length of a file and the head in it, or `None` if it is gone.
fn head(disk: &dyn Disk, name: &str) -> Result<Option<(u64, Option<SegmentHeader>)>> {
    let file = match disk.open(name, Mode::Read) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|cause| io("it cannot be opened", name, cause))?,
    };
    let length = file.length().map_err(|cause| io("its length is unknown", name, cause))?;
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    // A head that cannot be read is not a head.
    let filled = file.read_full_at(&mut bytes, 0).unwrap_or(0);
    match SegmentHeader::read(&bytes[..filled]) {
        Err(error) if error.kind() == ErrorKind::Newer => Err(error.in_file(name, Some(Offset(0)))),
        read => Ok(Some((length, read.ok()))),
    }
}

/// Returns the error in this file, at its start if it says no byte.
pub(crate) fn placed(error: Error, name: &str) -> Error {
    match error.place() {
        Some(_) => error,
        None => error.in_file(name, Some(Offset(0))),
    }
}
