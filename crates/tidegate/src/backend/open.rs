//! Opening for writing: what is there, what it is worth, and from where to write on.
//!
//! Invariants:
//!
//! O1. Opening cuts nothing that is known to have been durable; if such a thing is damaged it refuses.
//! O2. Nothing of the page cache is believed after an unclean end: what is kept is copied and synced first.
//! O3. A crash at any step, any number of times, leads to the same events.

use std::collections::VecDeque;
use std::sync::Arc;

use tidegate_disk::replace::LEFTOVER;
use tidegate_disk::{Disk, Env, FileLock, Mode, NotPlain};
use tidegate_format::{
    Error, ErrorKind, Micros, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName,
    StoreFile, Watermark,
};
use tidegate_segment::cache::FileCache;
use tidegate_segment::indexing::parse_remainder_name;
use tidegate_segment::{
    ActiveSegment, HashKey, INDEX, SEGMENTS, Segment, files, parse_index_name, write_error,
};

use super::evidence::{DurabilityEvidence, EvidenceFiles};
use super::file_backend::{FileBackend, SpaceAhead, SyncState};
use super::filter_groups;
use super::identity::{self, Floor, io, salvage, seed};
use super::indexer::Indexer;
use super::report::{OpenReport, clock_behind};
use super::sealed::{check_owner, check_store, load_sealed, missing};
use super::tail::{self, TailFrames};
use super::watermark::WatermarkFile;
use crate::published::{Log, SharedState};
#[cfg(feature = "proofs")]
use crate::read::{LevelKey, LogTree};
use crate::settings::StoreOptions;

/// A part of the size of segments: so much of the newest one is copied as a whole by a recovery, so that a writer that is
/// killed over and over leaves no small segments behind.
const COPIED_PARTS: u64 = 64;

/// A store open for writing, before anything is written.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: StoreFile,
    pub(crate) lock: Arc<dyn FileLock>,
    pub(crate) backend: FileBackend,
    pub(crate) published: Arc<SharedState>,
    pub(crate) indexer: Arc<Indexer>,
    pub(crate) cache: Arc<FileCache>,
    pub(crate) report: OpenReport,
    /// When the last event was recorded.
    pub(crate) time: Micros,
}

/// Opens a store for writing, for the first time or once more by a handle whose views may be open still. `member` is what its
/// store file says if it is opened as a node of a shared log.
pub(crate) fn open(
    world: &Env,
    options: &StoreOptions,
    member: Option<&StoreFile>,
    is_first: bool,
) -> Result<Opened> {
    open_store(world, options, member, is_first).map_err(|error| identity::newer_first(&*world.disk, error))
}

fn open_store(
    world: &Env,
    options: &StoreOptions,
    member: Option<&StoreFile>,
    is_first: bool,
) -> Result<Opened> {
    let mut report = OpenReport::default();
    let (store, lock) = identify(world, options.create, member, &mut report)?;
    // All checks that may refuse the store run before the first write.
    let watermark = WatermarkFile::read(&*world.disk, store.salt)?;
    let evidence = DurabilityEvidence::new(
        watermark,
        EvidenceFiles::read(&*world.disk),
        (store.id, store.salt),
        Some(store.seed),
    );
    let cache = FileCache::new(Arc::clone(&world.disk), options.map, options.open_files);
    let indexer = indexer(world, &store, &cache);
    let (floor, replaced) = find_replaced(&*world.disk, &store)?;
    let mut opening = Opening {
        world,
        store: &store,
        seed: seed(store.seed),
        evidence,
        cache: &cache,
        report: &mut report,
        floor,
        replaced: &replaced,
        // What a recovery copies at most again and again, while nothing is written.
        copied_bytes_max: options.segment_bytes / COPIED_PARTS,
        headerless: None,
    };
    let (mut segments, tail) = opening.load()?;
    check_expected(options, tail.next.before())?;
    let epoch = tail.epoch.saturating_add(1);
    remove_leftovers(world, opening.floor, opening.report)?;
    opening.remove_headerless()?;
    let mut watermark_file = WatermarkFile::open(&*world.disk, watermark)?;
    let known = tail.durable;
    let (sealed, active) = opening.activate(tail, epoch).map_err(salvage)?;
    confirm_copies(&*world.disk, &replaced, active.segment().first())?;
    remove_replaced(&*world.disk, &replaced, opening.report)?;
    // An index file proves that a later segment was there, so it comes after that one's name is durable: a process that
    // began the segment may have died before.
    opening.report.rebuilt_indexes = indexer.prepare(&segments)?;
    cut_behind(&*world.disk, segments.iter().filter(|sealed| is_first && sealed.has_rest()));
    segments.extend(sealed.map(Arc::new));
    let filter_groups = filter_groups::load(&cache, &segments);
    let durable = active.segment().next().before();
    if !known {
        tell_durable(&mut watermark_file, active.segment(), &store, epoch);
    }
    segments.push(Arc::clone(active.segment()));
    report.head = durable;
    report.segments = segments.len();
    let time = last_time(&segments).map_err(salvage)?;
    report.clock_behind = clock_behind(Micros(world.clock.now_micros()), time);
    let published =
        Arc::new(SharedState::new(Log { segments, filter_groups, ..Log::default() }, durable, durable));
    // The last one may have no index file yet, and filter groups may be wanting: looked at behind the first append.
    published.set_sealed(true);
    let indexer = Arc::new(indexer);
    let space = SpaceAhead::behind(active.segment().tail(), options);
    let backend = FileBackend {
        world: world.clone(),
        store: store.clone(),
        seed: seed(store.seed),
        epoch,
        segment_bytes: options.segment_bytes,
        cache: Arc::clone(&cache),
        active,
        watermark: watermark_file,
        durable,
        published: Arc::clone(&published),
        indexer: Arc::clone(&indexer),
        syncs: SyncState::under(&lock),
        ends: VecDeque::new(),
        space,
        untouched: true,
    };
    Ok(Opened { store, lock, backend, published, indexer, cache, report, time })
}

/// Returns the indexer of a store, which keeps the hashes of its tree, too, if proofs are asked for.
#[cfg_attr(not(feature = "proofs"), allow(unused_variables))]
fn indexer(world: &Env, store: &StoreFile, cache: &Arc<FileCache>) -> Indexer {
    let indexer = Indexer::new(cache, true);
    #[cfg(feature = "proofs")]
    let indexer = {
        let key = LevelKey { store: store.id, salt: store.salt };
        indexer.with_tree(LogTree::new(Arc::clone(&world.disk), key))
    };
    indexer
}

/// Tells readers of what a recovery has made durable. If that fails they learn of it later.
fn tell_durable(file: &mut WatermarkFile, segment: &Segment, store: &StoreFile, epoch: u32) {
    let (durable, tail) = (segment.next().before(), segment.tail());
    let mark = Watermark {
        sequence: 0,
        durable,
        segment: segment.first(),
        tail,
        salt: store.salt,
        epoch,
        clean: false,
    };
    if let Err(error) = file.write(mark) {
        tracing::warn!(%error, "the watermark was not written");
    }
}

/// Finds out which store this is, or makes it one, and takes the lock.
///
/// A directory that is refused is not written to, so it is looked at before the lock. What was seen then may be
/// another's creation half done; that one made the lock file first, and so what stands is what is seen under the lock.
fn identify(
    world: &Env,
    create: bool,
    member: Option<&StoreFile>,
    report: &mut OpenReport,
) -> Result<(StoreFile, Arc<dyn FileLock>)> {
    let disk = &*world.disk;
    identity::refuse_backup(disk)?;
    match identity::read(disk)? {
        Some(store) => refuse_writing(&store, member)?,
        None => match refuse_creation(world, create) {
            Ok(()) => {
                disk.create_folder("")
                    .map_err(|cause| write_error("the directory cannot be created", "", cause))?;
            }
            Err(refusal) if !identity::has_lock(disk) => return Err(refusal),
            Err(_) => {}
        },
    }
    let lock = identity::lock(disk)?;
    match identity::read(disk)? {
        Some(store) => {
            refuse_writing(&store, member)?;
            Ok((store, lock))
        }
        None => {
            refuse_creation(world, create)?;
            report.created = true;
            Ok((identity::create(world, member)?, lock))
        }
    }
}

/// Refuses a store that this handle may not write to: a node of a shared log, or one of another log.
fn refuse_writing(store: &StoreFile, member: Option<&StoreFile>) -> Result<()> {
    match member {
        None => identity::refuse_node(store),
        Some(member) => identity::check_node(store, member),
    }
}

/// Returns the floor of a store, and the files above it that a later generation took the place of.
fn find_replaced(disk: &dyn Disk, store: &StoreFile) -> Result<(Floor, Vec<SegmentName>)> {
    let floor = Floor::read(disk, store.id)?;
    let mut replaced = files::list_replaced(disk)?;
    floor.retain(&mut replaced);
    Ok((floor, replaced))
}

/// Refuses a directory without a store file in which none may be created.
fn refuse_creation(world: &Env, create: bool) -> Result<()> {
    let disk = &*world.disk;
    if !create {
        return Err(identity::no_store(disk));
    }
    identity::refuse_unfinished(disk)?;
    identity::refuse_orphans(disk)?;
    identity::check_creatable(disk)
}

fn remove_leftovers(world: &Env, floor: Floor, report: &mut OpenReport) -> Result<()> {
    let disk = &*world.disk;
    for folder in ["", SEGMENTS, INDEX] {
        let names = match disk.list(folder) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            // Index files are done without, and there is nothing of the store here.
            Err(cause) if folder == INDEX && NotPlain::in_error(&cause).is_some() => Vec::new(),
            other => other.map_err(|cause| io("the directory cannot be listed", folder, cause))?,
        };
        for name in names {
            let ours = name.strip_suffix(LEFTOVER).is_some_and(|name| {
                name == identity::STORE
                    || name == identity::FLOOR
                    || name == identity::ERASING
                    || name == identity::NODE
                    || tidegate_segment::files::parse_segment_name(name).is_some()
                    || parse_index_name(name).is_some()
                    || parse_remainder_name(name).is_some()
                    || tidegate_segment::filter_groups::parse_name(name).is_some()
            });
            // With a store file beside it, a salvage had all but ended.
            let ours = ours || (folder.is_empty() && name == identity::UNFINISHED);
            let is_retired = is_of_retired(floor.first, &name);
            if ours || is_retired {
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                match disk.remove(&name) {
                    Ok(()) => report.removed.push(name),
                    // Some systems keep a file that a reader has open. It is not read any more, and the next opening tries
                    // again.
                    Err(error) if is_retired => {
                        tracing::warn!(%error, name, "a file of a retired segment stays for now");
                    }
                    Err(cause) => return Err(write_error("a leftover cannot be removed", &name, cause)),
                }
            }
        }
    }
    Ok(())
}

/// Names of files that are not needed any more.
#[derive(Debug, Default)]
pub(crate) struct RemovedFiles {
    pub(crate) removed: Vec<String>,
    /// Those that the system did not let go.
    pub(crate) left: Vec<String>,
}

/// Returns whether a file is one that a retirement left: of a segment below the floor, whose remainder file was durable before the
/// floor was; or a remainder file of a segment that is there still, since the retirement did not come to its end.
fn is_of_retired(floor: Position, name: &str) -> bool {
    let file = files::parse_segment_name(name).or_else(|| parse_index_name(name));
    file.is_some_and(|file| file.first < floor)
        || parse_remainder_name(name).is_some_and(|first| first >= floor)
}

/// Removes the files that a retirement leaves.
pub(crate) fn remove_retired(disk: &dyn Disk, floor: Position) -> Result<RemovedFiles> {
    let mut files = RemovedFiles::default();
    for folder in [SEGMENTS, INDEX] {
        let names = disk.list(folder).map_err(|cause| io("the directory cannot be listed", folder, cause));
        for name in names?.into_iter().filter(|name| is_of_retired(floor, name)) {
            let name = format!("{folder}/{name}");
            match disk.remove(&name) {
                Ok(()) => files.removed.push(name),
                Err(error) => {
                    tracing::warn!(%error, name, "a file of a retired segment stays for now");
                    files.left.push(name);
                }
            }
        }
    }
    let at = |cause| write_error("the removal of retired segments cannot be kept", SEGMENTS, cause);
    disk.sync_folder(SEGMENTS).map_err(at)?;
    Ok(files)
}

/// Gives the newest file of a sealed segment that has an older one beside it another name, the next generation's, and makes that
/// durable. The writer that made it may have died, or failed, before its name was: as in [`Opening::activate`], a sync of
/// that name that is made again would tell nothing.
fn confirm_copies(disk: &dyn Disk, replaced: &[SegmentName], active: Position) -> Result<()> {
    let mut firsts: Vec<_> =
        replaced.iter().map(|name| name.first).filter(|first| *first != active).collect();
    firsts.dedup();
    for first in &firsts {
        let Some(newest) = files::find(disk, *first)? else { continue };
        let (from, to) = (tidegate_segment::path(newest), tidegate_segment::path(newest.next_generation()));
        disk.rename(&from, &to).map_err(|cause| write_error("a segment cannot be renamed", &from, cause))?;
    }
    if !firsts.is_empty() {
        disk.sync_folder(SEGMENTS)
            .map_err(|cause| write_error("the name of a segment cannot be kept", SEGMENTS, cause))?;
    }
    Ok(())
}

/// Removes the files that a later generation took the place of; those that were `found` so are leftovers, and this opening
/// itself put a newer file beside others. The names of the later ones are durable: an opening that finds both has given the
/// segment another one (see [`Opening::activate`] and [`confirm_copies`]).
fn remove_replaced(disk: &dyn Disk, found: &[SegmentName], report: &mut OpenReport) -> Result<()> {
    for file in files::list_replaced(disk)? {
        let name = tidegate_segment::path(file);
        match disk.remove(&name) {
            Ok(()) if found.contains(&file) => report.removed.push(name),
            Ok(()) => {}
            // Some systems keep a file that a reader has open. It is not read any more, and the next opening tries again.
            Err(error) => tracing::warn!(%error, name, "a file that was replaced stays for now"),
        }
    }
    report.removed.extend(tidegate_segment::indexing::remove_replaced(disk));
    Ok(())
}

/// The newest segment as it was found.
#[derive(Debug)]
struct Tail {
    segment: Segment,
    epoch: u32,
    /// Where its whole frames end, and the position behind them.
    end: Offset,
    next: Position,
    /// Whether every byte of it is known to be durable.
    durable: bool,
    /// Where that ends which stays where it is, and the position behind it, if what follows goes into a segment of its own.
    /// Then nothing was taken in.
    kept: Option<(Offset, Position)>,
}

struct Opening<'a> {
    world: &'a Env,
    store: &'a StoreFile,
    seed: HashKey,
    evidence: DurabilityEvidence,
    cache: &'a Arc<FileCache>,
    report: &'a mut OpenReport,
    floor: Floor,
    /// Files that a later generation took the place of.
    replaced: &'a [SegmentName],
    /// Bytes of durable frames that are copied at most.
    copied_bytes_max: u64,
    /// A newest segment without a head.
    headerless: Option<SegmentName>,
}

impl Opening<'_> {
    /// The sealed segments, and the newest one.
    fn load(&mut self) -> Result<(Vec<Arc<Segment>>, Tail)> {
        let mut names = tidegate_segment::list(&*self.world.disk)?;
        self.floor.retain(&mut names);
        self.drop_headerless(&mut names)?;
        let Some((&newest, sealed)) = names.split_last() else {
            return Err(missing(Position(1), self.evidence.durable().max(Position(1))));
        };
        let newest = self.segment(newest, Mode::Write)?;
        let segments = load_sealed(self.cache, self.store, &self.floor, sealed, newest.head(), true)?;
        let tail = self.find_tail(newest)?;
        Ok((segments, tail))
    }

    /// Takes a newest segment that never got its head off the list. It is removed once nothing refuses any more.
    fn drop_headerless(&mut self, names: &mut Vec<SegmentName>) -> Result<()> {
        if self.evidence.lacks_header(&*self.world.disk, names)? {
            self.headerless = names.pop();
        }
        Ok(())
    }

    /// Removes the file of a newest segment that never got its head.
    fn remove_headerless(&mut self) -> Result<()> {
        let Some(headerless) = self.headerless else { return Ok(()) };
        let (disk, name) = (&*self.world.disk, tidegate_segment::path(headerless));
        disk.remove(&name)
            .map_err(|cause| write_error("an empty segment cannot be removed", &name, cause))?;
        disk.sync_folder(SEGMENTS)
            .map_err(|cause| write_error("its removal cannot be kept", SEGMENTS, cause))?;
        self.report.removed.push(name);
        Ok(())
    }

    fn segment(&self, name: SegmentName, mode: Mode) -> Result<Segment> {
        let segment = Segment::open(&*self.world.disk, name, mode, self.seed).map_err(salvage)?;
        check_store(&segment, self.store)?;
        Ok(segment)
    }

    /// Takes in the newest segment, or finds where it is to be ended.
    fn find_tail(&mut self, segment: Segment) -> Result<Tail> {
        let Some((kept, rest)) = self.kept(&segment)? else { return self.replay(segment) };
        check_owner(&segment, rest.next.before(), self.store)?;
        self.refuse_parents(&segment)?;
        let written = self.evidence.watermark.map_or(0, |mark| mark.epoch);
        let epoch = segment.head().epoch.max(written).max(rest.epoch);
        self.report.dropped_bytes = rest.written() - rest.end.0;
        let (end, next) = (rest.end, rest.next);
        self.report.dropped_because = rest.into_error(&segment);
        Ok(Tail { segment, epoch, end, next, durable: false, kept: Some(kept) })
    }

    /// Finds where that ends in the newest segment which was synced and can stay where it is, with the position behind it,
    /// and the frames behind the watermark; `None` if that is little, or if it needs to be gone through from the beginning.
    ///
    /// What the watermark vouches for is not read, as that of a sealed segment is not, but for the frame that it ends with.
    fn kept(&self, segment: &Segment) -> Result<Option<((Offset, Position), TailFrames)>> {
        let first = segment.first();
        let in_it = |mark: &Watermark| mark.segment == first && mark.durable >= first && !mark.clean;
        let Some(mark) = self.evidence.watermark.filter(in_it) else { return Ok(None) };
        let bytes = mark.tail.0.saturating_sub(SEGMENT_HEADER_BYTES as u64);
        if bytes <= self.copied_bytes_max || self.has_older(segment) {
            return Ok(None);
        }
        let marked = (mark.tail, mark.durable.next());
        if segment.time_before(mark.tail, mark.durable)?.is_none() {
            return Ok(None);
        }
        let rest = TailFrames::read_from(segment, marked, Position::MAX)?;
        if rest.damage(&*self.world.disk, segment, &self.evidence).is_some() {
            // The first fault has to be named, and may lie before the watermark.
            return Ok(None);
        }
        // Readers have been shown what a later frame or a cursor vouches for, too.
        let durable = self.evidence.durable().max(rest.synced);
        let kept = TailFrames::read_from(segment, marked, durable)?;
        Ok(Some(((kept.end, kept.next), rest)))
    }

    /// Returns whether an older generation of a segment is still there. The opening that put this one beside it may have
    /// failed to sync its name then. A sync that failed tells nothing when it is made again, so this name is not relied on:
    /// another generation gets a name and a sync of its own before the older files go.
    fn has_older(&self, segment: &Segment) -> bool {
        self.replaced.iter().any(|older| older.first == segment.first())
    }

    /// Takes in the newest segment, and decides what a fault in it means.
    fn replay(&mut self, segment: Segment) -> Result<Tail> {
        let length = segment.file_length()?;
        let mut epoch = segment.head().epoch.max(self.evidence.watermark.map_or(0, |mark| mark.epoch));
        let fault = segment.replay_active(length, Position::MAX, |head| {
            epoch = epoch.max(head.epoch);
            true
        })?;
        check_store(&segment, self.store)?;
        let last = segment.next().before();
        let (disk, whole) = (&*self.world.disk, (segment.tail(), segment.next()));
        if let Some(damage) = tail::damage(disk, &segment, whole, fault.as_ref(), &self.evidence) {
            return Err(damage);
        }
        self.refuse_parents(&segment)?;
        self.report.dropped_bytes = fault.as_ref().map_or(0, |fault| fault.end.0 - segment.tail().0);
        let is_whole = fault.is_none();
        self.report.dropped_because = fault.map(|fault| fault.error);
        // A copy that a later opening made may be as long; whether its name is durable is unknown then.
        let durable = self.evidence.watermark.is_some_and(|mark| {
            let place = (mark.segment, mark.tail, mark.durable, mark.epoch);
            mark.clean && is_whole && place == (segment.first(), segment.tail(), last, epoch)
        });
        self.report.clean = durable;
        let (end, next) = whole;
        Ok(Tail { segment, epoch, end, next, durable, kept: None })
    }

    /// Refuses to go on in a segment of a store that this one was forked from: the file may be a link to the one there.
    fn refuse_parents(&self, newest: &Segment) -> Result<()> {
        if newest.head().store == self.store.id {
            return Ok(());
        }
        let message = "the newest segment belongs to the store that this one was forked from, and nothing is written to it; \
                       open the store for reading only, or fork it again";
        Err(Error::new(ErrorKind::Refused, message).in_file(newest.name(), None))
    }

    /// Goes on with the newest segment, in a later generation unless all of it is known to be durable and so is its name; or
    /// ends it, and goes on in a new one with what is not known to be durable.
    fn activate(&mut self, tail: Tail, epoch: u32) -> Result<(Option<Segment>, ActiveSegment)> {
        let (disk, segment) = (&*self.world.disk, &tail.segment);
        let Some((kept, first)) = tail.kept else {
            if (tail.durable && !self.has_older(segment)) || self.report.created {
                return Ok((None, ActiveSegment::resume(tail.segment)?));
            }
            if tail.next == Position(1) {
                // The caller that created the store may have died before its name was durable. With the first event in
                // the log it is: an opening came before it.
                identity::keep(disk, self.store)?;
            }
            let head = SegmentHeader { epoch, ..*segment.head() };
            let frames = Offset(SEGMENT_HEADER_BYTES as u64)..tail.end;
            return Ok((None, ActiveSegment::recover(disk, segment, frames, tail.next, head)?));
        };
        let (before_first, before_length) = (segment.first(), kept);
        let created = Micros(self.world.clock.now_micros());
        let head = SegmentHeader { first, before_first, before_length, created, epoch, ..*segment.head() };
        let active = ActiveSegment::recover(disk, segment, kept..tail.end, tail.next, head)?;
        let sealed = Segment::find_sealed(self.cache, segment.file_name(), &head, self.seed, true)?;
        Ok((Some(sealed), active))
    }
}

/// Takes off what earlier recoveries have copied from the end of segments into the next one: what is erased there must not
/// stay here. It is not read any more but through views of a writer that ended; so the recovery that copies it leaves it.
fn cut_behind<'a>(disk: &dyn Disk, longer: impl Iterator<Item = &'a Arc<Segment>>) {
    for segment in longer {
        if let Err(error) = files::cut_sealed(disk, segment.file_name(), segment.tail()) {
            let name = segment.name();
            tracing::warn!(%error, name, "what is not read any more of a segment stays for now");
        }
    }
}

/// Refuses a log that ends before the position the caller knows it reached.
pub(super) fn check_expected(options: &StoreOptions, head: Position) -> Result<()> {
    if head >= options.expected_head {
        return Ok(());
    }
    let expected = format!("position {} at least", options.expected_head);
    Err(Error::damaged("the log is older than it was", expected, format!("position {head}")))
}

fn last_time(segments: &[Arc<Segment>]) -> Result<Micros> {
    let Some(last) = segments.iter().rev().find(|segment| segment.next() > segment.first()) else {
        return Ok(Micros(0));
    };
    let position = last.next().before();
    match last.time_before(last.tail(), position)? {
        Some(time) => Ok(time),
        None => Ok(last.event(last.ordinal(position))?.time()),
    }
}
