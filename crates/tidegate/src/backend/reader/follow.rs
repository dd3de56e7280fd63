//! Opening for reading only, and following the writer of another process.
//!
//! Invariants:
//!
//! Y1. Nothing is written and no lock is taken.
//! Y2. Nothing shows that is not known to be durable: by the watermark, by a later frame or a later segment.
//! Y3. If the log is damaged, everything before the damage shows, and every question whose answer may lie behind it
//!     ends in the damage, whether it was there at opening or is met later.
//! Y5. A payload that a visible event erases is not shown, even if the files still hold it.

use std::sync::Arc;

use tidegate_disk::{Env, Identity, Mode};
use tidegate_format::{
    ErasingFile, Error, ErrorKind, Offset, Position, Result, SegmentName, StoreFile, Watermark,
};
use tidegate_segment::cache::FileCache;
use tidegate_segment::files::is_missing;
use tidegate_segment::{HashKey, IndexState, RecordedEvent, Segment};

use super::find::find;
use crate::backend::filter_groups;
use crate::backend::identity::{self, Floor, erasing_or_all, io, salvage, seed};
use crate::backend::open::check_expected;
use crate::backend::report::OpenReport;
use crate::backend::sealed::{check_store, load_retired, missing};
use crate::backend::tail::TailFrames;
use crate::backend::watermark::WatermarkFile;
use crate::published::{Damage, Log, SharedState};
#[cfg(feature = "proofs")]
use crate::read::{LevelKey, LogTree};
use crate::read::{events_between, floor_between, mask};
use crate::settings::StoreOptions;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Follows a log that another process may be writing.
#[derive(Debug)]
pub(crate) struct Follower {
    world: Env,
    store: StoreFile,
    cache: Arc<FileCache>,
    published: Arc<SharedState>,
    newest: Mutex<Newest>,
    /// Whether anything is masked that the writer takes from the files.
    has_masks: AtomicBool,
    /// The floor that the last event names which says what is retired.
    retired: AtomicU64,
    /// What is kept of the tree over the log. It reads the files and never writes them.
    #[cfg(feature = "proofs")]
    tree: LogTree,
}

/// The newest segment known so far. Its lock makes the caller that holds it the one who takes frames in.
#[derive(Debug)]
struct Newest {
    segment: Arc<Segment>,
    identity: Identity,
    /// The last watermark that was followed.
    followed: Option<Watermark>,
    /// What its frames said when they were last asked, as no watermark says what is durable.
    claims: Option<FrameClaims>,
    /// Sealed segments whose index files the writer had not finished yet.
    waiting: Vec<Arc<Segment>>,
}

/// What the frames of a file of this length say.
#[derive(Clone, Copy, Debug)]
struct FrameClaims {
    length: u64,
    /// Where the whole frames end, and whether nothing but unused space follows.
    end: Offset,
    is_whole: bool,
    synced: Position,
}

impl FrameClaims {
    /// Returns whether a file says the same still. A writer appends to it, or writes into unused space and leaves its
    /// length as it is: what comes next then changes the first byte of that space, or the last one, if a frame was seen
    /// half written.
    fn still_hold(&self, segment: &Segment, length: u64) -> Result<bool> {
        if length != self.length || self.end.0 == length {
            return Ok(length == self.length);
        }
        let at = if self.is_whole { self.end.0 } else { length.saturating_sub(1) };
        let mut byte = [0];
        let filled = segment.file()?.read_full_at(&mut byte, at);
        filled.map_err(|cause| io("the segment cannot be read", segment.name(), cause))?;
        Ok(self.is_whole == (byte == [0]))
    }
}

impl Follower {
    /// Opens a store for reading only.
    pub(crate) fn open(world: &Env, options: &StoreOptions) -> Result<(Self, OpenReport)> {
        Self::open_store(world, options).map_err(|error| identity::newer_first(&*world.disk, error))
    }

    fn open_store(world: &Env, options: &StoreOptions) -> Result<(Self, OpenReport)> {
        let store = identity::read_present(&*world.disk)?;
        identity::check_lock_file(&*world.disk)?;
        let cache = FileCache::new(Arc::clone(&world.disk), options.map, options.open_files);
        let (erasing, (segments, mut report)) = find_unchanged(world, &store, &cache)?;
        let Some(newest) = segments.last().map(Arc::clone) else {
            return Err(report.damage.unwrap_or_else(|| missing(Position(1), Position(1))));
        };
        let head = newest.next().before();
        refuse_hidden(options, head, &report)?;
        check_expected(options, head)?;
        (report.head, report.segments) = (head, segments.len());
        let filter_groups = filter_groups::load(&cache, &segments[..segments.len() - 1]);
        let damage =
            report.damage.as_ref().map(|error| Arc::new(Damage { after: head, error: error.clone() }));
        let published =
            Arc::new(SharedState::new(Log { segments, filter_groups, damage, keys: None }, head, head));
        let identity = identity_of(&newest)?;
        let newest = Newest { identity, segment: newest, followed: None, claims: None, waiting: Vec::new() };
        #[cfg(feature = "proofs")]
        let tree = {
            let key = LevelKey { store: store.id, salt: store.salt };
            LogTree::new(Arc::clone(&world.disk), key)
        };
        let follower = Self {
            world: world.clone(),
            store,
            cache,
            published,
            newest: Mutex::new(newest),
            has_masks: AtomicBool::new(false),
            retired: AtomicU64::new(0),
            #[cfg(feature = "proofs")]
            tree,
        };
        if let Some(ErasingFile { done, open, .. }) = erasing {
            follower.published.set_erased(done);
            if open {
                follower.mask_between(done, head)?;
            }
        }
        Ok((follower, report))
    }

    pub(crate) fn published(&self) -> &Arc<SharedState> {
        &self.published
    }

    /// Returns the hashes that are kept of the tree over the log.
    #[cfg(feature = "proofs")]
    pub(crate) fn tree(&self) -> &LogTree {
        &self.tree
    }

    pub(crate) fn store(&self) -> &StoreFile {
        &self.store
    }

    /// Takes in what has become durable since. Damage ends that for good, and is published for those who read.
    pub(crate) fn refresh(&self) -> Result<()> {
        self.cache.retry(|| self.refresh_once())
    }

    fn refresh_once(&self) -> Result<()> {
        if self.published.is_damaged() {
            return Ok(());
        }
        let watermark = WatermarkFile::read(&*self.world.disk, self.store.salt)?;
        if watermark.is_none() {
            self.check_there()?;
        }
        let is_replaced = self.take_up_copies()?;
        let mut newest = self.newest.lock();
        // Any other one is news: one that was lost is begun anew, with sequences that were there before.
        if watermark.is_some() && newest.followed == watermark && !is_replaced {
            let named = Position(self.retired.load(Ordering::SeqCst));
            return if named > self.published.log().floor() { self.take_up_floor() } else { Ok(()) };
        }
        match self.follow(&mut newest, watermark) {
            Err(error) if error.kind() == ErrorKind::Damaged && self.is_below_floor(&newest)? => {
                self.begin_anew(&mut newest)
            }
            Err(error) if error.kind() == ErrorKind::Damaged => {
                self.end_at(self.published.visible(), error);
                self.published.announce();
                Ok(())
            }
            followed => followed.and_then(|()| self.take_up_floor()),
        }
    }

    /// Returns the event at a position behind what shows, which is whole and not known to be durable, or `None`.
    pub(crate) fn unconfirmed(&self, position: Position) -> Result<Option<RecordedEvent>> {
        let first = self.newest.lock().segment.first();
        let segment = self.open_newest(first)?;
        segment.replay_active(segment.file_length()?, Position::MAX, |_| true)?;
        if (segment.first()..segment.next()).contains(&position) {
            return segment.event(segment.ordinal(position)).map(Some);
        }
        Ok(None)
    }

    fn follow(&self, newest: &mut Newest, watermark: Option<Watermark>) -> Result<()> {
        self.reopen_if_replaced(newest, watermark)?;
        match watermark {
            Some(mark) => self.catch_up(newest, mark)?,
            None => while self.follow_frames(newest)? {},
        }
        newest.followed = watermark;
        self.take_up_indexes(newest);
        filter_groups::follow(&self.cache, &self.published);
        Ok(())
    }

    /// Adds what the frames say is durable, in a store whose watermark is gone. Returns whether another segment follows.
    fn follow_frames(&self, newest: &mut Newest) -> Result<bool> {
        let length = newest.segment.file_length()?;
        let known = match newest.claims {
            Some(claims) if claims.still_hold(&newest.segment, length)? => Some(claims),
            _ => None,
        };
        let FrameClaims { synced, .. } = match known {
            Some(claims) => claims,
            None => {
                let tail = TailFrames::read(&newest.segment)?;
                let (end, is_whole, synced) = (tail.end, tail.is_whole(), tail.synced);
                *newest.claims.insert(FrameClaims { length, end, is_whole, synced })
            }
        };
        // What another segment follows was durable before that.
        match self.behind(&newest.segment).ok().flatten() {
            Some(behind) => self.go_on(newest, behind),
            None => self.replay(newest, synced).map(|_| false),
        }
    }

    /// Publishes that damage hides what follows a position, as one who opens now would name it.
    fn end_at(&self, after: Position, error: Error) {
        let found = find(&self.world, &self.store, &self.cache).ok().and_then(|(_, report)| report.damage);
        let error = found.unwrap_or(error);
        tracing::warn!(%error, after = after.0, "a reader has met damage");
        self.published.set_damage(after, &error);
    }

    /// Refuses a directory that this store is gone from.
    fn check_there(&self) -> Result<()> {
        let disk = &*self.world.disk;
        let found = identity::read(disk)?.map(|store| (store.id, store.salt));
        if found == Some((self.store.id, self.store.salt)) {
            return Ok(());
        }
        let instead = if found.is_some() { "another store" } else { "none" };
        let message =
            format!("the store that was opened in {} is gone, {instead} is there now", disk.place());
        Err(Error::new(ErrorKind::Missing, message).in_file(identity::STORE, None))
    }

    /// A writer that recovered has put a copy beside the active segment, in its next generation; what this process
    /// holds open is the old file then. A writer that opens the store has an epoch of its own, so that the folder is
    /// listed once for each.
    fn reopen_if_replaced(&self, newest: &mut Newest, watermark: Option<Watermark>) -> Result<()> {
        let epoch = |mark: Option<Watermark>| mark.map(|mark| mark.epoch);
        let name = newest.segment.file_name();
        let is_same_writer = watermark.is_some() && epoch(newest.followed) == epoch(watermark);
        let same = is_same_writer.then(|| Segment::open(&*self.world.disk, name, Mode::Read, self.seed()));
        let segment = match same.filter(|same| same.as_ref().err().is_none_or(|error| !is_missing(error))) {
            Some(same) => same.map_err(salvage)?,
            None => self.open_durable(name.first, newest.segment.next().before())?,
        };
        let identity = identity_of(&segment)?;
        if identity == newest.identity && segment.head().epoch == newest.segment.head().epoch {
            return Ok(());
        }
        check_store(&segment, &self.store)?;
        let seen = newest.segment.next();
        let fault =
            segment.replay_active(segment.file_length()?, seen.before(), |head| head.last() < seen)?;
        if segment.next() != seen {
            let error = fault.map_or_else(
                || Error::damaged("the log lost events that were durable", seen, segment.next()),
                |fault| fault.error,
            );
            return Err(salvage(error.in_file(segment.name(), Some(segment.tail()))));
        }
        newest.claims = None;
        self.put_newest(newest, segment, identity, true);
        Ok(())
    }

    /// Takes in everything up to a position that is durable.
    fn catch_up(&self, newest: &mut Newest, mark: Watermark) -> Result<()> {
        while newest.segment.first() < mark.segment {
            let Some(behind) = self.behind(&newest.segment)? else {
                return Err(self.gone(newest.segment.next(), mark.durable));
            };
            if !self.go_on(newest, behind)? {
                return Ok(());
            }
        }
        if self.replay(newest, mark.durable)? && newest.segment.next() <= mark.durable {
            return Err(self.gone(newest.segment.next(), mark.durable));
        }
        Ok(())
    }

    /// Takes in the rest of the newest segment, and goes on to the one behind it. That one says where this one ends: a
    /// recovery ends it before frames that it copies. Says whether it met no damage.
    fn go_on(&self, newest: &mut Newest, behind: Segment) -> Result<bool> {
        // A recovery may have put another file in the place of this one, before another segment followed it.
        self.reopen_if_replaced(newest, None)?;
        if !self.replay(newest, behind.first().before())? {
            return Ok(false);
        }
        let next = newest.segment.next();
        if next != behind.first() {
            let error = Error::damaged("a sealed segment ends at a wrong position", behind.first(), next);
            return Err(salvage(error.in_file(newest.segment.name(), Some(newest.segment.tail()))));
        }
        self.move_on(newest, behind).map(|()| true)
    }

    /// Opens the segment that follows this one, if there is one.
    fn behind(&self, segment: &Segment) -> Result<Option<Segment>> {
        let mut before = Vec::new();
        loop {
            let names = tidegate_segment::list(&*self.world.disk)?;
            if let Some(name) = names.iter().find(|name| name.first > segment.first()) {
                let behind = self.open_newest(name.first).map_err(salvage)?;
                check_store(&behind, &self.store)?;
                if behind.head().before_first == segment.first() {
                    return Ok(Some(behind));
                }
            }
            // A listing may show a segment and not one that was there before it; two that say the same have no such hole.
            if names == before {
                return Ok(None);
            }
            before = names;
        }
    }

    /// Takes in and publishes what the newest segment holds up to a position that is durable. Says whether that met no
    /// damage.
    fn replay(&self, newest: &Newest, durable: Position) -> Result<bool> {
        let length = newest.segment.file_length()?;
        let fault = newest.segment.replay_active(length, durable, |head| head.last() <= durable)?;
        let next = newest.segment.next();
        let damage = fault.filter(|_| next <= durable);
        let is_whole = damage.is_none();
        if let Some(fault) = damage {
            // Before what precedes it is visible.
            self.end_at(next.before(), salvage(fault.error));
        }
        self.show(next.before())?;
        Ok(is_whole)
    }

    /// Shows the published log up to a position.
    fn show(&self, head: Position) -> Result<()> {
        // Before they are visible (keeps Y5).
        self.mask_between(self.published.visible(), head)?;
        self.note_floor(&self.published.log(), self.published.visible(), head)?;
        self.published.set_written(head);
        self.published.set_durable(head);
        self.published.set_visible(head);
        // A reader's tasks are not woken, so no code of a caller runs under this lock.
        self.published.announce();
        Ok(())
    }

    /// Masks what the events say is erased that come after one position and up to another. Keeps Y5.
    fn mask_between(&self, after: Position, until: Position) -> Result<()> {
        let log = self.published.log();
        for (position, positions) in events_between(&log, after, until)? {
            mask(&log, &positions);
            self.published.set_erased(position);
            self.has_masks.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Takes note of a floor that an event names which comes after one position and up to another.
    fn note_floor(&self, log: &Log, after: Position, until: Position) -> Result<()> {
        if let Some(floor) = floor_between(log, after, until)? {
            self.retired.fetch_max(floor.0, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Goes on with what stays of the segments that the writer has retired.
    fn take_up_floor(&self) -> Result<()> {
        let log = self.published.log();
        let floor = Floor::read(&*self.world.disk, self.store.id)?.first;
        let place = log.segments.iter().position(|segment| segment.first() == floor);
        let Some(place) = place.filter(|place| *place > log.retired()) else { return Ok(()) };
        let mut kept = load_retired(&self.cache, &self.store, log.segments[place].head())?;
        kept.reverse();
        self.published.change_log(|log| {
            let going = log.segments.partition_point(|segment| segment.first() < floor);
            log.segments.splice(..going, kept.iter().cloned()).for_each(drop);
        });
        log.segments[..place].iter().for_each(|segment| segment.close_file());
        Ok(())
    }

    /// Returns whether the newest segment was retired, so that nothing leads on from it.
    fn is_below_floor(&self, newest: &Newest) -> Result<bool> {
        Ok(newest.segment.first() < Floor::read(&*self.world.disk, self.store.id)?.first)
    }

    /// Finds the log anew: everything from before the newest segment to far behind it was retired since the last look.
    fn begin_anew(&self, newest: &mut Newest) -> Result<()> {
        let (segments, report) = find(&self.world, &self.store, &self.cache)?;
        let Some(last) = segments.last().map(Arc::clone) else {
            return Err(report.damage.unwrap_or_else(|| missing(Position(1), Position(1))));
        };
        let head = last.next().before();
        self.published.change_log(|log| {
            log.segments.clone_from(&segments);
            log.filter_groups.clear();
        });
        (newest.segment, newest.identity) = (Arc::clone(&last), identity_of(&last)?);
        (newest.followed, newest.claims) = (None, None);
        newest.waiting.clear();
        if let Some(error) = &report.damage {
            self.published.set_damage(head, error);
        }
        self.show(head)
    }

    /// Goes on with the segments that the writer has written anew, once it has done so with all that is masked here: then
    /// this process lets go of what was erased. Returns whether the newest segment is one of those.
    fn take_up_copies(&self) -> Result<bool> {
        if !self.has_masks.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let file = erasing_or_all(&*self.world.disk, self.store.id)?;
        if file.is_none_or(|file| file.done < self.published.erased()) {
            return Ok(false);
        }
        let log = self.published.log();
        let mut is_newest = false;
        for segment in log.segments.iter().filter(|segment| segment.mask().is_some()) {
            if !segment.is_sealed() {
                is_newest = true;
                continue;
            }
            if let Some(copy) = segment.in_later_generation(&self.cache)?.map(Arc::new) {
                self.published.change_log(|log| {
                    let place = log.segments.iter_mut().find(|place| place.first() == copy.first());
                    _ = place.map(|place| *place = Arc::clone(&copy));
                });
                segment.close_file();
            }
        }
        self.has_masks.store(is_newest, Ordering::SeqCst);
        Ok(is_newest)
    }

    /// Goes on to the segment behind the newest one.
    fn move_on(&self, newest: &mut Newest, behind: Segment) -> Result<()> {
        let identity = identity_of(&behind)?;
        newest.segment.seal(behind.head(), &self.cache);
        newest.waiting.push(Arc::clone(&newest.segment));
        newest.claims = None;
        self.put_newest(newest, behind, identity, false);
        Ok(())
    }

    /// Opens the segment that starts at `first`, which was there once, with positions up to `last`.
    fn open_durable(&self, first: Position, last: Position) -> Result<Segment> {
        let opened = self.open_newest(first);
        opened.map_err(|error| if is_missing(&error) { self.gone(first, last) } else { salvage(error) })
    }

    /// Returns the error if a segment with these positions is not there.
    fn gone(&self, first: Position, last: Position) -> Error {
        self.check_there().err().unwrap_or_else(|| missing(first, last.max(first)))
    }

    /// Opens the segment that starts at `first` in its newest generation.
    fn open_newest(&self, first: Position) -> Result<Segment> {
        let disk = &*self.world.disk;
        let name = tidegate_segment::files::find(disk, first)?.unwrap_or(SegmentName::new(first));
        Segment::open_newest(disk, name, self.seed())
    }

    /// Takes the index files into use that the writer has finished since.
    fn take_up_indexes(&self, newest: &mut Newest) {
        let is_in_use = |state| matches!(state, Ok(IndexState::InUse));
        newest.waiting.retain(|segment| !is_in_use(segment.load_index(&self.cache)));
    }

    fn put_newest(&self, newest: &mut Newest, segment: Segment, identity: Identity, instead: bool) {
        let segment = Arc::new(segment);
        self.published.change_log(|log| {
            if instead {
                log.segments.pop();
            }
            log.segments.push(Arc::clone(&segment));
        });
        (newest.segment, newest.identity) = (segment, identity);
    }

    fn seed(&self) -> HashKey {
        seed(self.store.seed)
    }
}

/// The segments of a log, and what is to be said of them.
type FoundLog = (Vec<Arc<Segment>>, OpenReport);

/// Finds the log at a moment at which no erasure begins or ends, and returns how far they were carried out.
fn find_unchanged(
    world: &Env,
    store: &StoreFile,
    cache: &Arc<FileCache>,
) -> Result<(Option<ErasingFile>, FoundLog)> {
    const TRIES_MAX: usize = 100;
    let mut erasing = erasing_or_all(&*world.disk, store.id)?;
    for tries in 1.. {
        let found = find(world, store, cache)?;
        let before = std::mem::replace(&mut erasing, erasing_or_all(&*world.disk, store.id)?);
        if before == erasing {
            return Ok((before, found));
        }
        if tries == TRIES_MAX {
            return Ok((before.map(|file| ErasingFile { open: true, ..file }), found));
        }
    }
    unreachable!("the loop ends by its count")
}

fn identity_of(segment: &Segment) -> Result<Identity> {
    let identity = segment.file()?.identity();
    identity.map_err(|cause| io("the file cannot be told from others", segment.name(), cause))
}

/// Refuses a log of which the events up to the position that the caller knows are there and cannot be shown.
fn refuse_hidden(options: &StoreOptions, head: Position, report: &OpenReport) -> Result<()> {
    if head >= options.expected_head {
        return Ok(());
    }
    if let Some(damage) = &report.damage {
        return Err(damage.clone());
    }
    match &report.unconfirmed {
        Some(unconfirmed) if options.expected_head <= head.plus(unconfirmed.events) => {
            let message = format!(
                "position {} is in the log and not known to be durable; open the store for writing once: {unconfirmed}",
                options.expected_head
            );
            Err(Error::new(ErrorKind::Missing, message))
        }
        _ => Ok(()),
    }
}
