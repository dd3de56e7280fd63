//! Stores made of other ones: restored from a backup, or forked from a store.

use std::path::Path;
use std::sync::Arc;

use tidegate_disk::{Disk, Env, File, Mode};
use tidegate_format::frame::{self, Sealing};
use tidegate_format::{
    ErasingFile, Error, ErrorKind, FloorFile, Frame, Hash, Micros, Offset, Position, Result,
    SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName, StoreFile, StoreId, Watermark,
};
use tidegate_segment::files::{find, is_missing};
use tidegate_segment::indexing::{generations, list_indexes};
use tidegate_segment::{ActiveSegment, FrameReader, INDEX, SEGMENTS, index_path, path};

use super::erasures::{self, KnownErasures, standing};
use super::examining::{examine_in, no_backup};
use super::placing::{CopyProgress, Meter, Part, unplaced, unread};
use super::source::{Source, SourceSegment, is_backup, root_of};
use crate::backend::{CURSORS, Floor, WatermarkFile, keep_erasing, keep_store, replace, seed};
use crate::read::{ErasedEvent, View};
use crate::report::rewrite::{NewStore, Parent, new_store_file, refuse_filled};
use crate::settings::StoreOptions;
use crate::store::StoreReader;

/// Up to where a store is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreUntil {
    /// Everything.
    #[default]
    All,
    /// Up to this position, which must end a batch.
    Position(Position),
    /// Everything that was recorded at this time or before, up to the end of a batch.
    Time(Micros),
}

/// How a store is made of a backup. The default is a fork of everything.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RestoreOptions {
    until: RestoreUntil,
    keep_id: bool,
    erasures: Option<KnownErasures>,
}

impl RestoreOptions {
    /// Returns the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets up to where the store is taken over; everything by default.
    #[must_use]
    pub fn until(mut self, until: RestoreUntil) -> Self {
        self.until = until;
        self
    }

    /// Sets whether the new store keeps the id, the cursors, and so all that receipts, checkpoints and other stores say of it; it
    /// does not by default. For a store that is lost. What was acknowledged behind the end of the backup must not count any
    /// more: the store gives those positions again. Two stores with one id must not both be written to: a key's
    /// memory (`KeyFile`) and a witness notice it, and nothing else can.
    #[must_use]
    pub fn keep_id(mut self, keep_id: bool) -> Self {
        self.keep_id = keep_id;
        self
    }

    /// Has everything erased that a store says is erased, before what is restored can be opened: the store that was backed up, a
    /// fork of either, or a later backup, as it is now. A payload that was erased after the backup was made is in it otherwise.
    /// What concerns events that the two do not share is left out.
    ///
    /// The new store says so in events of its own, of kind [`tidegate.erased`](crate::report::ERASED), with the reasons of the other store
    /// and the ids of the keys that were destroyed.
    ///
    /// ```
    /// use tidegate::report::Erase;
    /// use tidegate::report::backup::{self, RestoreOptions};
    /// use tidegate::{Draft, Position, Query, Store, StoreReader};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = |name: &str| folder.path().join(name);
    /// let store = Store::open(path("shop"))?;
    /// store.append(Draft::new(("shop", "customer-7"), "address.changed").json_text(r#"{"city":"Bonn"}"#))?;
    /// backup::back_up(path("shop"), path("backup"), |_| ())?;
    /// store.upkeep().erase(&Query::stream(("shop", "customer-7")), Erase::new("request of 3 May", "desk 2"))?;
    ///
    /// let options = RestoreOptions::new().erasures_of(&store)?;
    /// let report = backup::restore(path("backup"), path("restored"), &options, |_| ())?;
    /// assert_eq!(report.erased, 1);
    /// let restored = StoreReader::open(path("restored"))?;
    /// assert!(restored.view()?.at(Position(1))?.expect("it was restored").is_erased());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading the store. That the two have no event in common is an error of [`restore`].
    pub fn erasures_of(mut self, store: &StoreReader) -> Result<Self> {
        self.erasures = Some(KnownErasures::of(store)?);
        Ok(self)
    }

    /// Returns the erasures that concern a store's events up to a position.
    fn erasures(&self, store: &StoreFile, until: Position) -> Result<Vec<ErasedEvent>> {
        self.erasures.as_ref().map_or(Ok(Vec::new()), |known| known.within(store, until))
    }
}

/// What a restore or a fork will do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestorePlan {
    /// The store that it is made of.
    pub store: StoreId,
    /// The last position that is taken over.
    pub until: Position,
    /// When the event there was recorded; `None` if there is none.
    pub time: Option<Micros>,
    /// How many events behind it are left out.
    pub left_out: u64,
    /// Whether the new store keeps the id. Otherwise it is a fork.
    pub keeps_id: bool,
    /// Segments that are taken over as they are, as links if the directories share files.
    pub whole_segments: u64,
    /// Bytes of those.
    pub whole_bytes: u64,
    /// Bytes of the newest segment, which is written anew, at most.
    pub written_bytes: u64,
    /// Payloads that are taken over only to be erased before the new store can be opened, as
    /// [another store](RestoreOptions::erasures_of) says.
    pub erased: u64,
    /// The cursors.
    pub cursors: Vec<CursorPlan>,
}

/// What becomes of a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CursorPlan {
    /// Its name.
    pub name: String,
    /// Where it is in the store; `None` if its file does not say it.
    pub position: Option<Position>,
    /// Whether it is taken over. Otherwise it begins anew.
    pub is_kept: bool,
}

/// Report of a restore or a fork.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it says what became of the cursors"]
#[non_exhaustive]
pub struct RestoreReport {
    /// What was to be done.
    pub plan: RestorePlan,
    /// The new store.
    pub store: StoreId,
    /// The root of the Merkle tree over its events.
    pub root: Hash,
    /// How many payloads were erased before it could be opened.
    pub erased: u64,
    /// How many files are links to those that it was made of.
    pub linked: u64,
    /// How many were copied.
    pub copied: u64,
}

/// Says what a [`restore`] of a backup, or a [`fork`] of a store, will do. Nothing is written.
///
/// ```
/// use tidegate::report::backup::{self, RestoreOptions, RestoreUntil};
/// use tidegate::{Draft, Position, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let shop = folder.path().join("shop");
/// let store = Store::open(&shop)?;
/// for kind in ["order.placed", "order.paid"] {
///     store.append(Draft::new(("shop", "order-7"), kind))?;
/// }
/// let plan = backup::plan_restore(&shop, &RestoreOptions::new().until(RestoreUntil::Position(Position(1))))?;
/// assert_eq!((plan.until, plan.left_out, plan.keeps_id), (Position(1), 1, false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// * [`Missing`](ErrorKind::Missing) if there is no store or backup, or no event at the position;
/// * [`Refused`](ErrorKind::Refused) if the position is inside a batch;
/// * [`Invalid`](ErrorKind::Invalid) if the erasures are those of a store that has no event in common with it;
/// * [`Damaged`](ErrorKind::Damaged) if what is there is not whole, [`Retired`](ErrorKind::Retired) if its beginning was
///   retired, and those of the disk.
pub fn plan_restore(from: impl AsRef<Path>, options: &RestoreOptions) -> Result<RestorePlan> {
    plan_restore_in(&Env::native(from.as_ref()), options)
}

/// Plans as [`plan_restore`] does, in an environment: a disk that the caller brings.
///
/// # Errors
///
/// Those of [`plan_restore`].
pub fn plan_restore_in(from: &Env, options: &RestoreOptions) -> Result<RestorePlan> {
    plan_of(&Source::open(from)?, options)
}

/// Makes a store of a backup, in an empty directory: a fork, unless the options say otherwise. The backup is [examined]
/// first, and the new store verified last. Until it is complete its directory holds a file `UNFINISHED` and does not open.
///
/// `progress` is called now and then, and begins anew for the second pass.
///
/// [examined]: super::examine
///
/// # Errors
///
/// Those of [`plan_restore`]; [`Invalid`](ErrorKind::Invalid) if `to` is not empty.
pub fn restore(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    options: &RestoreOptions,
    progress: impl FnMut(CopyProgress),
) -> Result<RestoreReport> {
    restore_in(&Env::native(from.as_ref()), &Env::native(to.as_ref()), options, progress)
}

/// Restores as [`restore`] does, between environments: disks that the caller brings.
///
/// # Errors
///
/// Those of [`restore`].
pub fn restore_in(
    from: &Env,
    to: &Env,
    options: &RestoreOptions,
    mut progress: impl FnMut(CopyProgress),
) -> Result<RestoreReport> {
    refuse_filled(&*to.disk)?;
    if !is_backup(from)? {
        return Err(no_backup(&*from.disk).advise("`tidegate fork` makes a store of another store"));
    }
    if let Some(fault) = examine_in(from, &mut progress)?.faults.into_iter().next() {
        return Err(fault.error.advise(fault.remedy));
    }
    let source = Source::open(from)?;
    let plan = plan_of(&source, options)?;
    let known = options.erasures(&source.store, plan.until)?;
    write(&source, plan, &known, to, true, &mut progress)
}

/// Makes another store of a store, in an empty directory, up to a position or time. It has an id of its own, and its store
/// file names the one it was forked from, the position, and the root of the tree up to there. Segments are links if the
/// directories share files, so it takes little time and room. The store that is forked is only read, and may be written to
/// meanwhile. It may be a backup, too, which is not examined then.
///
/// Cursors and saved states are not taken over. Receipts of the parent agree with the fork up to where it begins.
///
/// ```
/// use tidegate::report::backup::{self, RestoreUntil};
/// use tidegate::batch::ReceiptStatus;
/// use tidegate::{Draft, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let (shop, trial) = (folder.path().join("shop"), folder.path().join("trial"));
/// let store = Store::open(&shop)?;
/// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
/// let forked = backup::fork(&shop, &trial, RestoreUntil::All, |_| ())?;
/// let fork = Store::open(&trial)?;
/// assert_eq!((fork.id(), fork.check_receipt(&receipt)?), (forked.store, ReceiptStatus::Agrees));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of [`plan_restore`]; [`Invalid`](ErrorKind::Invalid) if `to` is not empty.
pub fn fork(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    until: RestoreUntil,
    progress: impl FnMut(CopyProgress),
) -> Result<RestoreReport> {
    fork_in(&Env::native(from.as_ref()), &Env::native(to.as_ref()), until, progress)
}

/// Forks as [`fork`] does, between environments: disks that the caller brings.
///
/// # Errors
///
/// Those of [`fork`].
pub fn fork_in(
    from: &Env,
    to: &Env,
    until: RestoreUntil,
    mut progress: impl FnMut(CopyProgress),
) -> Result<RestoreReport> {
    refuse_filled(&*to.disk)?;
    let source = Source::open(from)?;
    let plan = plan_of(&source, &RestoreOptions::new().until(until))?;
    write(&source, plan, &[], to, false, &mut progress)
}

fn plan_of(source: &Source, options: &RestoreOptions) -> Result<RestorePlan> {
    let floor = source.view.floor();
    let until = match options.until {
        RestoreUntil::All => source.until(),
        RestoreUntil::Position(position) => whole_batches(&source.view, position)?,
        RestoreUntil::Time(time) => {
            let last = source.view.position_before(Micros(time.0.saturating_add(1)))?;
            batch_end(&source.view, last)?
        }
    };
    if floor > Position(1) && until < floor {
        return Err(source.view.retired(until));
    }
    let (whole, rest) = split(source, until);
    let keeps = |place: Option<(Position, Position)>| {
        // What a cursor knows of positions behind the end would be taken for what comes there next.
        options.keep_id && place.is_some_and(|(_, last)| last <= until)
    };
    let cursor = |cursor: &super::source::SourceCursor| CursorPlan {
        name: cursor.name.clone(),
        position: cursor.place.map(|(position, _)| position),
        is_kept: keeps(cursor.place),
    };
    Ok(RestorePlan {
        store: source.store.id,
        until,
        time: source.view.at(until)?.map(|event| event.time()),
        left_out: source.until().0 - until.0,
        keeps_id: options.keep_id,
        whole_segments: whole.len() as u64,
        whole_bytes: whole.iter().map(|segment| segment.length).sum(),
        written_bytes: rest.length,
        erased: standing(&source.view, &options.erasures(&source.store, until)?)?,
        cursors: source.cursors.iter().map(cursor).collect(),
    })
}

/// Returns the segments that are taken over as they are, and the one of which the new store's newest one is made (K3).
fn split(source: &Source, until: Position) -> (&[SourceSegment], &SourceSegment) {
    let (newest, sealed) = source.segments.split_last().expect("a log has a segment");
    let count = sealed.partition_point(|segment| segment.last <= until);
    (&sealed[..count], sealed.get(count).unwrap_or(newest))
}

/// Refuses a position that does not end a batch.
fn whole_batches(view: &View, position: Position) -> Result<Position> {
    if position > view.head() {
        let message =
            format!("there is no event at position {position}; the log ends at position {}", view.head());
        return Err(Error::new(ErrorKind::Missing, message));
    }
    let before = batch_end(view, position)?;
    if before == position {
        return Ok(position);
    }
    let mut after = position;
    while after < view.head() && batch_end(view, after)? != after {
        after = after.next();
    }
    let message = format!(
        "position {position} is inside a batch, which is taken over whole or not at all; say {before} or {after}"
    );
    Err(Error::new(ErrorKind::Refused, message))
}

/// Returns the last position up to this one that ends a batch (keeps K4).
fn batch_end(view: &View, mut position: Position) -> Result<Position> {
    while let Some(event) = view.at(position)? {
        if event.record().ends_batch() {
            break;
        }
        position = position.before();
    }
    Ok(position)
}

/// Writes the new store.
fn write(
    source: &Source,
    plan: RestorePlan,
    known: &[ErasedEvent],
    to: &Env,
    verifies: bool,
    progress: &mut dyn FnMut(CopyProgress),
) -> Result<RestoreReport> {
    let (disk, until) = (&*to.disk, plan.until);
    let root = source.root(until)?;
    let store = store_file(source, &plan, root, to)?;
    let new = NewStore::begin(disk)?;
    for folder in [SEGMENTS, INDEX, CURSORS] {
        disk.create_folder(folder).map_err(|cause| unplaced(folder, cause))?;
    }
    let mut meter = Meter::new(plan.whole_bytes + plan.written_bytes, progress);
    let (whole, rest) = split(source, until);
    let (mut counts, indexes) = ([0; 2], list_indexes(&*source.directory));
    for name in &source.remainders {
        let length = source.length(name)?;
        meter.expect(length);
        let part = Part { disk: &*source.directory, name, length };
        counts[usize::from(!part.link_or_copy(disk, name, &mut meter)?.is_link)] += 1;
    }
    if let Some(floor) = &source.floor {
        Floor::keep(disk, &FloorFile { store: store.id, ..floor.clone() })?;
    }
    for segment in whole {
        let is_link = take_over(source, segment, &indexes, disk, &mut meter)?;
        counts[usize::from(!is_link)] += 1;
    }
    let mark = write_newest(&*source.directory, rest, until, &store, disk, &mut meter)?;
    for (cursor, _) in source.cursors.iter().zip(&plan.cursors).filter(|(_, plan)| plan.is_kept) {
        replace(disk, CURSORS, &format!("{CURSORS}/{}", cursor.name), &cursor.bytes)?;
    }
    // The names of links are durable before the store file makes the directory a store.
    for folder in [SEGMENTS, INDEX, CURSORS] {
        disk.sync_folder(folder).map_err(|cause| unplaced(folder, cause))?;
    }
    let mut watermark = WatermarkFile::open(disk, None)?;
    watermark.write(mark)?;
    watermark.sync()?;
    // What events say is erased may not have been taken from the files yet, or only after they were copied.
    keep_erasing(disk, &ErasingFile { store: store.id, done: Position::START, open: true })?;
    let (erased, head) = if known.is_empty() {
        keep_store(disk, &store)?;
        drop(new);
        (0, until)
    } else {
        // The mark stays, and keeps others out.
        drop(new);
        erasures::finish(to, &store, until, known)?
    };
    check(to, &store, (until, head), root, verifies)?;
    NewStore::unmark(disk)?;
    Ok(RestoreReport { plan, store: store.id, root, erased, linked: counts[0], copied: counts[1] })
}

/// Returns the file of the new store: the one there was, or that of a fork.
fn store_file(source: &Source, plan: &RestorePlan, root: Hash, to: &Env) -> Result<StoreFile> {
    if plan.keeps_id {
        return Ok(source.store.clone());
    }
    let StoreFile { id, salt, seed, forks, .. } = &source.store;
    let parent = Parent { id: *id, salt: *salt, forks: forks.clone() };
    let forks = parent.fork_points(plan.until, root).ok_or_else(|| {
        let message = "the store was forked as many times as a store file can say; export it and import it into a new store";
        Error::new(ErrorKind::Refused, message)
    })?;
    Ok(StoreFile { forks, ..new_store_file(to, Some(*seed))? })
}

/// Takes over a sealed segment and its index file. Returns whether the segment is a link.
fn take_over(
    source: &Source,
    segment: &SourceSegment,
    indexes: &[SegmentName],
    to: &dyn Disk,
    meter: &mut Meter<'_>,
) -> Result<bool> {
    let from = &*source.directory;
    let mut file = segment.file_name();
    let placed = loop {
        let name = path(file);
        let part = Part { disk: from, name: &name, length: segment.length };
        match part.link_or_copy(to, &name, meter) {
            Err(error) if is_missing(&error) => {
                // A writer has put another generation in its place.
                file = find(from, file.first)?.filter(|newer| *newer > file).ok_or(error)?;
            }
            placed => break placed?,
        }
    };
    let Some(name) = generations(indexes, file.first).last() else { return Ok(placed.is_link) };
    let name = index_path(*name);
    let length = from.open(&name, Mode::Read).and_then(|index| index.length());
    if let Ok(length) = length {
        meter.expect(length);
        Part { disk: from, name: &name, length }.link_or_copy(to, &name, meter)?;
    }
    Ok(placed.is_link)
}

/// Writes the newest segment: the frames of `rest` up to a position, sealed as those of this store. Returns the watermark
/// behind it.
fn write_newest(
    from: &dyn Disk,
    rest: &SourceSegment,
    until: Position,
    store: &StoreFile,
    disk: &dyn Disk,
    meter: &mut Meter<'_>,
) -> Result<Watermark> {
    let source = rest.header();
    let head = SegmentHeader { store: store.id, salt: store.salt, ..*source };
    let mut active = ActiveSegment::create(disk, head, seed(store.seed))?;
    let (file, mut epoch, mut bytes) = (open_newest(from, rest.file_name())?, source.epoch, Vec::new());
    let start = Offset(SEGMENT_HEADER_BYTES as u64);
    let mut frames = FrameReader::new(&*file, source.salt, start, rest.length, source.first).until(until);
    let fault = frames.run(|_, frame| {
        epoch = epoch.max(frame.head.epoch);
        let head = seal_again(frame, until, store.salt, &mut bytes);
        active.append(&bytes, head, None)?;
        meter.add(bytes.len() as u64);
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    if let Some(fault) = fault {
        return Err(fault.error.in_file(&rest.name(), None));
    }
    active.sync()?;
    let segment = active.segment();
    if segment.next() != until.next() {
        let error = Error::damaged("the log ends early", until, segment.next().before());
        return Err(error.in_file(&rest.name(), None));
    }
    Ok(Watermark {
        sequence: 0,
        durable: until,
        segment: segment.first(),
        tail: segment.tail(),
        salt: store.salt,
        epoch,
        clean: true,
    })
}

/// Opens the file of a segment, in a newer generation if a writer has put that in its place.
fn open_newest(from: &dyn Disk, mut file: SegmentName) -> Result<Arc<dyn File>> {
    loop {
        let name = path(file);
        match from.open(&name, Mode::Read) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                let newer = find(from, file.first)?.filter(|newer| *newer > file);
                file = newer.ok_or_else(|| unread(&name, cause))?;
            }
            opened => return opened.map_err(|cause| unread(&name, cause)),
        }
    }
}

/// Puts together the frame with the records of another one up to a position.
fn seal_again(
    frame: &Frame<'_>,
    until: Position,
    salt: u64,
    bytes: &mut Vec<u8>,
) -> tidegate_format::FrameHeader {
    let head = frame.head;
    bytes.clear();
    bytes.resize(head.head_bytes(), 0);
    for (_, record) in frame.records().take_while(|(_, record)| record.position() <= until) {
        bytes.extend_from_slice(record.as_bytes());
    }
    let sealing = Sealing { first: head.first, synced: head.synced, epoch: head.epoch, slot: head.slot };
    frame::seal(bytes, &sealing, salt)
}

/// Reads the new store as any caller will: with the events of the other one up to one position, and up to another in all.
fn check(
    to: &Env,
    store: &StoreFile,
    (until, head): (Position, Position),
    root: Hash,
    verifies: bool,
) -> Result<()> {
    let reader = StoreOptions::new().expected_head(head).open_reader_in(to.clone())?;
    let view = reader.view()?;
    if let Some(damage) = view.damage() {
        return Err(damage.clone());
    }
    if (reader.id(), view.head()) != (store.id, head) {
        let (expected, found) = (format!("position {head}"), format!("position {}", view.head()));
        return Err(Error::damaged("the new store does not hold what was taken over", expected, found));
    }
    if verifies {
        let _ = reader.verify(|_| ())?;
        let found = root_of(&reader, until)?;
        if found != root {
            return Err(Error::damaged(
                "the new store has another root than what it is made of",
                root,
                found,
            ));
        }
    }
    Ok(())
}
