//! The store file and the lock: which store a directory is, and who writes to it.

mod erasing;
mod floor;
mod backup;
mod lock;
#[cfg(any(feature = "encryption", feature = "proofs"))]
mod outside;

use std::ops::ControlFlow;

use tidegate_disk::replace::{self, LEFTOVER};
use tidegate_disk::{Disk, Env, Mode};
use tidegate_format::limit::STORE_FILE_BYTES_MAX;
use tidegate_format::name::visible;
use tidegate_format::{Error, ErrorKind, Micros, Position, Result, SegmentHeader, StoreFile, StoreId};
use tidegate_segment::{ActiveSegment, HashKey, INDEX, SEGMENTS, Segment, read_error, write_error};

use super::watermark::{WATERMARK, WatermarkFile};

pub(crate) use backup::{
    BACKUP, BackupDisk, READERS, STORE_COPY, as_store, floor_name, read_backup, reader_name, refuse_backup,
};
pub(crate) use erasing::{
    ERASING, keep as keep_erasing, read as read_erasing, read_or_all as erasing_or_all,
};
pub(crate) use floor::{FLOOR, Floor};
pub(super) use lock::check_lock;
pub(crate) use lock::{LOCK, check_lock_file, has_lock, lock};
#[cfg(any(feature = "encryption", feature = "proofs"))]
pub(crate) use outside::{check_held, lock_outside, outside, refuse_store};

pub(crate) const STORE: &str = "STORE";
/// The file that says how far a node has applied its shared log.
pub(crate) const NODE: &str = "NODE";
/// The folder of cursors within a store.
pub(crate) const CURSORS: &str = "cursors";
/// The folder of saved states within a store.
pub(crate) const PROJECTIONS: &str = "projections";
/// The folder of the files of the tree over the log.
pub(crate) const TREE: &str = "tree";
/// What marks a directory that a salvage, restore, fork or first backup is filling, until it is done.
pub(crate) const UNFINISHED: &str = "UNFINISHED";

/// Returns what the terms of a store are hashed with, made of the number in its store file.
pub(crate) fn seed(seed: u64) -> HashKey {
    HashKey(seed, seed.rotate_left(32) ^ 0x7469_6465_6761_7465)
}

/// Reads the store file. Returns `None` if it is missing.
pub(crate) fn read(disk: &dyn Disk) -> Result<Option<StoreFile>> {
    let file = match disk.open(STORE, Mode::Read) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(io("the store file cannot be opened", STORE, cause)),
    };
    let mut bytes = vec![0; STORE_FILE_BYTES_MAX];
    let filled = file.read_full_at(&mut bytes, 0);
    let filled = filled.map_err(|cause| io("the store file cannot be read", STORE, cause))?;
    let store = StoreFile::read(&bytes[..filled]).map_err(|error| salvage(error.in_file(STORE, None)))?;
    Ok(Some(store))
}

/// Refuses to write to a node of a shared log: only what that log decides may be appended to its copy here.
pub(crate) fn refuse_node(store: &StoreFile) -> Result<()> {
    let Some(log) = &store.log else { return Ok(()) };
    let message = format!(
        "this directory is a node of the shared log {}, and only a node of that log may write to it; open it for reading \
         only",
        visible(log)
    );
    Err(Error::new(ErrorKind::Refused, message).in_file(STORE, None))
}

/// Refuses to open a store as a node of a shared log, if it is not the one that the log is about.
pub(crate) fn check_node(store: &StoreFile, member: &StoreFile) -> Result<()> {
    let log = |file: &StoreFile| file.log.clone().unwrap_or_else(|| "none".to_owned());
    if store.log != member.log {
        let message = format!(
            "this directory is not a node of the shared log {}: the log in its store file is {}",
            visible(&log(member)),
            visible(&log(store))
        );
        return Err(Error::new(ErrorKind::Refused, message).in_file(STORE, None));
    }
    if (store.id, store.salt, store.seed) == (member.id, member.salt, member.seed) {
        return Ok(());
    }
    let message = format!(
        "the shared log {} is about the store {}, and this directory is a node of {}; open it over its own log, or an empty \
         directory over this one",
        visible(&log(member)),
        member.id,
        store.id
    );
    Err(Error::new(ErrorKind::Diverged, message).in_file(STORE, None))
}

/// Refuses a directory that was not filled to its end, if it has no store file.
pub(crate) fn refuse_unfinished(disk: &dyn Disk) -> Result<()> {
    if disk.open(UNFINISHED, Mode::Read).is_err() {
        return Ok(());
    }
    let message = format!(
        "what was to be written into {} is not all there; remove it and run the salvage, restore or fork again, or run the \
         backup again",
        disk.place()
    );
    Err(Error::new(ErrorKind::Missing, message).in_file(UNFINISHED, None))
}

/// Reads the store file of a store that must be there.
pub(crate) fn read_present(disk: &dyn Disk) -> Result<StoreFile> {
    if let Some(store) = read(disk)? {
        return Ok(store);
    }
    let refusal = no_store(disk);
    // A writer that creates the store may have done so in between.
    read(disk)?.ok_or(refusal)
}

/// The error for a directory without a store file: `Damaged` if it has events, so that only that file is gone.
pub(crate) fn no_store(disk: &dyn Disk) -> Error {
    match refuse_unfinished(disk).and_then(|()| refuse_orphans(disk)) {
        Ok(()) => Error::new(ErrorKind::Missing, format!("there is no store in {}", disk.place())),
        Err(refusal) => refusal,
    }
}

/// Refuses a directory without a store file that has more than an interrupted creation leaves, which is begun anew.
pub(crate) fn refuse_orphans(disk: &dyn Disk) -> Result<()> {
    let remains = remains(disk)?;
    if remains.is_empty() {
        return Ok(());
    }
    let message = format!("the store file is missing, but a store left {} here", remains.join(", "));
    let error = Error::damaged(message, "a store file", "none").in_file(STORE, None);
    let error = salvage(error).advise("for a new store choose an empty directory");
    let of_readers = |name: &String| name.starts_with(CURSORS) || name.starts_with(PROJECTIONS);
    if remains.iter().all(of_readers) {
        return Err(error.advise(
            "if it is a `StateDir`, the state of readers, it is not a store: open the store itself",
        ));
    }
    Err(error)
}

/// One file of each kind that a store has and that a creation does not leave before its store file is durable.
fn remains(disk: &dyn Disk) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let (first, segments) = (tidegate_segment::path(Position(1)), listed(disk, SEGMENTS)?);
    let is_created = |name: &&String| **name == first || **name == format!("{first}{LEFTOVER}");
    match segments.iter().find(|name| !is_created(name)) {
        Some(other) => found.push(other.clone()),
        None if segments.contains(&first) && !is_new(disk)? => found.push(first),
        None => {}
    }
    if WatermarkFile::is_written(disk)? {
        found.push(WATERMARK.to_owned());
    }
    if Floor::is_there(disk)? {
        found.push(FLOOR.to_owned());
    }
    for folder in [INDEX, TREE, CURSORS, PROJECTIONS] {
        found.extend(listed(disk, folder)?.into_iter().next());
    }
    // Saved states are in folders, one for each projection. A disk that does not tell of folders has none to tell of.
    if let Some(folder) = disk.folders(PROJECTIONS).unwrap_or_default().into_iter().min() {
        found.push(format!("{PROJECTIONS}/{folder}"));
    }
    Ok(found.iter().map(|name| visible(name).to_string()).collect())
}

/// Whether the first segment has a head and nothing else but unused space.
fn is_new(disk: &dyn Disk) -> Result<bool> {
    match Segment::open(disk, Position(1).into(), Mode::Read, seed(0)) {
        Ok(segment) => {
            let (file, mut has_frames) = (segment.file()?, false);
            let fault = segment.reader(&*file, segment.file_length()?).active().run(|_, _| {
                has_frames = true;
                Ok(ControlFlow::Break(()))
            })?;
            Ok(fault.is_none() && !has_frames)
        }
        // What cannot be read now says nothing about what is there.
        Err(error) if error.kind() == ErrorKind::Io => Err(error),
        Err(_) => Ok(false),
    }
}

/// The files in a folder by their names within the store, in order; none if there is no such folder.
fn listed(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    let names = match disk.list(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|cause| io("the directory cannot be listed", folder, cause))?,
    };
    let mut names: Vec<_> = names.into_iter().map(|name| format!("{folder}/{name}")).collect();
    names.sort_unstable();
    Ok(names)
}

/// Puts a newer format before damage: what a newer program wrote may look damaged to this one, and neither a backup nor
/// a salvage is the remedy then.
pub(crate) fn newer_first(disk: &dyn Disk, error: Error) -> Error {
    if error.kind() != ErrorKind::Damaged {
        return error;
    }
    let names = tidegate_segment::list(disk).unwrap_or_default();
    let newer = names.into_iter().find_map(|name| {
        let opened = Segment::open(disk, name, Mode::Read, seed(0));
        opened.err().filter(|error| error.kind() == ErrorKind::Newer)
    });
    newer.unwrap_or(error)
}

/// Refuses a directory that holds something else than an unfinished creation.
pub(crate) fn check_creatable(disk: &dyn Disk) -> Result<()> {
    let names = match disk.list("") {
        Ok(names) => names,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(cause) => return Err(io("the directory cannot be listed", "", cause)),
    };
    let ours = |name: &String| name == LOCK || name == WATERMARK || *name == beside();
    match names.iter().find(|name| !ours(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!(
                "{} is not a store and not empty (it holds {}); choose an empty directory",
                disk.place(),
                visible(name)
            );
            Err(Error::new(ErrorKind::Missing, message))
        }
    }
}

/// Creates a store: the first segment, then the store file, which makes it one. A node of a shared log is the store that the
/// log is about.
pub(crate) fn create(world: &Env, member: Option<&StoreFile>) -> Result<StoreFile> {
    let at = |cause| write_error("the store cannot be created", STORE, cause);
    let store = member.map_or_else(|| new_store(world), |member| Ok(member.clone()))?;
    world.disk.create_folder(SEGMENTS).map_err(at)?;
    let head = SegmentHeader {
        store: store.id,
        salt: store.salt,
        first: Position(1),
        before_first: Position(0),
        before_length: tidegate_format::Offset(0),
        created: store.created,
        epoch: 0,
    };
    ActiveSegment::create(&*world.disk, head, seed(store.seed))?;
    keep(&*world.disk, &store)?;
    Ok(store)
}

/// Returns the identity of a store that is not there yet.
pub(crate) fn new_store(world: &Env) -> Result<StoreFile> {
    let mut random = [0; 26];
    let at = |cause| write_error("the store cannot be created", STORE, cause);
    world.random.fill(&mut random).map_err(at)?;
    let (id, rest) = random.split_first_chunk::<10>().expect("it is longer");
    let (salt, seed_bytes) = rest.split_first_chunk::<8>().expect("eight and eight are left");
    let seed_bytes = seed_bytes.first_chunk::<8>().expect("eight are left");
    let created = world.clock.now_micros();
    Ok(StoreFile {
        id: StoreId::from_time(created, id),
        salt: u64::from_le_bytes(*salt),
        seed: u64::from_le_bytes(*seed_bytes),
        created: Micros(created),
        forks: Vec::new(),
        log: None,
    })
}

/// Puts the store file in its place, durable, name and all. One that is there is replaced by the same bytes:
/// a name that was never made durable is not made so by looking at it.
pub(crate) fn keep(disk: &dyn Disk, store: &StoreFile) -> Result<()> {
    let replaced = replace::replace(disk, STORE, store.encode().as_bytes());
    replaced.map_err(|cause| write_error("the store file cannot be written", STORE, cause))
}

fn beside() -> String {
    format!("{STORE}{LEFTOVER}")
}

/// The error of a call that changes nothing. Those of calls that do are [`write_error`]s.
pub(crate) fn io(message: &str, name: &str, cause: std::io::Error) -> Error {
    read_error(message, name, cause)
}

/// The error with the remedy.
pub(crate) fn salvage(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Damaged => error.advise(
            "restore the file from a backup by renaming the copy into its place, or run: tidegate salvage DIR NEW",
        ),
        _ => error,
    }
}
