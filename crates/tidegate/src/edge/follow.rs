//! Opening for reading only, and following the writer of another process.
//!
//! Invariants:
//!
//! Y1. Nothing is written and no lock is taken.
//! Y2. Nothing shows that is not known to be durable: by the watermark, or by a later frame.
//! Y3. Where the log is damaged, everything before the damage shows, and the report says what hides the rest.
//! Y4. What says how far the log goes is read before the log, so that whatever a writer does meanwhile is more of it.

use std::sync::Arc;

use tidegate_disk::{Identity, Mode, World};
use tidegate_format::{Error, ErrorKind, Position, Result, StoreFile, Watermark};
use tidegate_segment::cache::FileCache;
use tidegate_segment::{Seed, Segment, Walk};

use super::evidence::{Evidence, Witnesses};
use super::identity::{self, io, salvage, seed};
use super::indexer::Indexer;
use super::open::check_expected;
use super::report::OpenReport;
use super::rosters;
use super::sealed::{check_store, load_sealed, missing, stray};
use super::watermark::WatermarkFile;
use crate::published::{Log, Published};
use crate::settings::Options;
use crate::sync::Mutex;

/// How often a reader looks for the segments of a writer that goes on to further ones all the time.
const TRIES_MAX: usize = 100;

/// Follows a log that another process may be writing.
#[derive(Debug)]
pub(crate) struct Follower {
    world: World,
    store: StoreFile,
    cache: Arc<FileCache>,
    /// Whether damage that was found at opening keeps it from going on.
    stopped: bool,
    published: Arc<Published>,
    newest: Mutex<Newest>,
}

/// The newest segment known so far. Its lock makes whoever holds it the one who takes frames in.
#[derive(Debug)]
struct Newest {
    segment: Arc<Segment>,
    identity: Identity,
    /// The last watermark that was followed.
    followed: Option<Watermark>,
    /// Sealed segments whose index files the writer had not finished yet.
    waiting: Vec<Arc<Segment>>,
}

impl Follower {
    /// Opens a store for reading only.
    pub(crate) fn open(world: &World, options: &Options) -> Result<(Self, OpenReport)> {
        Self::open_store(world, options).map_err(|error| identity::newer_first(&*world.disk, error))
    }

    fn open_store(world: &World, options: &Options) -> Result<(Self, OpenReport)> {
        let disk = &*world.disk;
        let store = identity::read_present(disk)?;
        let cache = FileCache::new(Arc::clone(&world.disk), options.map, options.open_files);
        let (segments, mut report) = find(world, &store, &cache)?;
        let Some(newest) = segments.last().map(Arc::clone) else {
            return Err(report.damage.unwrap_or_else(|| missing(Position(1), Position(1))));
        };
        let head = newest.next().before();
        check_expected(options, head)?;
        (report.head, report.segments) = (head, segments.len());
        let rosters = rosters::load(&cache, &segments[..segments.len() - 1]);
        let published = Arc::new(Published::new(Log { segments, rosters }, head, head));
        let identity = identity_of(&newest)?;
        let newest = Newest { identity, segment: newest, followed: None, waiting: Vec::new() };
        let follower = Self {
            world: world.clone(),
            store,
            cache,
            stopped: report.damage.is_some(),
            published,
            newest: Mutex::new(newest),
        };
        Ok((follower, report))
    }

    pub(crate) fn published(&self) -> &Arc<Published> {
        &self.published
    }

    pub(crate) fn store(&self) -> &StoreFile {
        &self.store
    }

    /// Takes in what has become durable since.
    pub(crate) fn refresh(&self) -> Result<()> {
        self.cache.retry(|| self.refresh_once())
    }

    fn refresh_once(&self) -> Result<()> {
        if self.stopped {
            return Ok(());
        }
        let Some(watermark) = WatermarkFile::read(&*self.world.disk, self.store.salt)? else {
            return self.check_there();
        };
        let mut newest = self.newest.lock();
        // Any other one is news: one that was lost is begun anew, with sequences that were there before.
        if newest.followed == Some(watermark) {
            return Ok(());
        }
        self.reopen_if_replaced(&mut newest)?;
        self.catch_up(&mut newest, &watermark)?;
        newest.followed = Some(watermark);
        self.take_up_indexes(&mut newest);
        rosters::follow(&self.cache, &self.published);
        Ok(())
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

    /// A writer that recovered puts a copy in the place of the active segment; what this process holds open
    /// is the old file then.
    fn reopen_if_replaced(&self, newest: &mut Newest) -> Result<()> {
        let segment = Segment::open(&*self.world.disk, newest.segment.first(), Mode::Read, self.seed())?;
        let identity = identity_of(&segment)?;
        if identity == newest.identity && segment.head().epoch == newest.segment.head().epoch {
            return Ok(());
        }
        let seen = newest.segment.next();
        take_in(&segment, seen.before())?;
        if segment.next() != seen {
            let error = Error::damaged("the log lost events that were durable", seen, segment.next());
            return Err(salvage(error.in_file(segment.name(), Some(segment.tail()))));
        }
        self.put_newest(newest, segment, identity, true);
        Ok(())
    }

    fn catch_up(&self, newest: &mut Newest, watermark: &Watermark) -> Result<()> {
        loop {
            if let Some(damage) = take_in(&newest.segment, watermark.durable)? {
                return Err(damage);
            }
            let next = newest.segment.next();
            self.published.set_written(next.before());
            self.published.set_durable(next.before());
            self.published.set_visible(next.before());
            // A reader's tasks are not woken, so no code of a caller runs under this lock.
            self.published.announce();
            if next > watermark.durable {
                return Ok(());
            }
            // Durable, and not in this segment: the writer has gone on to the next one.
            let segment = Segment::open(&*self.world.disk, next, Mode::Read, self.seed())?;
            check_store(&segment, &self.store)?;
            let identity = identity_of(&segment)?;
            newest.segment.seal(segment.head(), &self.cache);
            newest.waiting.push(Arc::clone(&newest.segment));
            self.put_newest(newest, segment, identity, false);
        }
    }

    /// Takes the index files into use that the writer has finished since.
    fn take_up_indexes(&self, newest: &mut Newest) {
        newest.waiting.retain(|segment| segment.load_index(&self.cache).is_err());
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

    fn seed(&self) -> Seed {
        seed(self.store.salt)
    }
}

/// The segments, as far as the log is whole, and what is to be said of them.
fn find(world: &World, store: &StoreFile, cache: &Arc<FileCache>) -> Result<(Vec<Arc<Segment>>, OpenReport)> {
    let disk = &*world.disk;
    let mut tries = 0;
    loop {
        // A writer may put another file in the place of a segment. Keeps Y4.
        let watermark = WatermarkFile::read(disk, store.salt)?;
        let evidence = Evidence::new(watermark, Witnesses::look(disk), store.id, store.salt);
        let firsts = tidegate_segment::list(disk)?;
        // The next opening for writing takes it away.
        let unborn = usize::from(evidence.is_unborn(disk, &firsts)?);
        let born = &firsts[..firsts.len() - unborn];
        let mut report = OpenReport::default();
        let segments = match load(world, store, &evidence, born, cache, &mut report) {
            Err(error) if error.kind() == ErrorKind::Damaged => {
                let error = identity::newer_first(disk, error);
                if error.kind() == ErrorKind::Newer {
                    return Err(error);
                }
                let (segments, found) = before_damage(cache, store, &evidence, born)?;
                report.damage = Some(found.unwrap_or(error));
                segments
            }
            other => other?,
        };
        // A listing may show a segment and not one that was there before it. Two that say the same have no such hole.
        tries += 1;
        if report.damage.is_none() || tries == TRIES_MAX || tidegate_segment::list(disk)? == firsts {
            return Ok((segments, report));
        }
    }
}

/// The segments of a log without damage but in the newest one, and what is durable of that.
fn load(
    world: &World,
    store: &StoreFile,
    evidence: &Evidence,
    firsts: &[Position],
    cache: &Arc<FileCache>,
    report: &mut OpenReport,
) -> Result<Vec<Arc<Segment>>> {
    let disk = &*world.disk;
    let Some((&newest, sealed)) = firsts.split_last() else { return Err(missing(Position(1), Position(1))) };
    let newest = Segment::open(disk, newest, Mode::Read, seed(store.salt)).map_err(salvage)?;
    check_store(&newest, store)?;
    let mut segments = load_sealed(cache, sealed, newest.head())?;
    report.rebuilt_indexes = Indexer::new(cache, false).prepare(&segments)?;
    let bound = evidence.durable().max(vouched(&newest)?);
    report.damage = take_in(&newest, bound)?;
    if report.damage.is_none() {
        report.damage =
            evidence.beyond(disk, newest.first(), newest.tail(), newest.next(), None).map(salvage);
    }
    report.clean = evidence.watermark.is_some_and(|mark| mark.clean) && report.damage.is_none();
    segments.push(Arc::new(newest));
    Ok(segments)
}

/// The segments from the first one on, as far as they are whole and go on from each other, and what is wrong
/// behind. All but the last of a log are durable, so what is whole of them shows.
fn before_damage(
    cache: &Arc<FileCache>,
    store: &StoreFile,
    evidence: &Evidence,
    firsts: &[Position],
) -> Result<(Vec<Arc<Segment>>, Option<Error>)> {
    let disk = cache.disk();
    let durable = evidence.durable();
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for &first in firsts {
        let expected = segments.last().map_or(Position(1), |segment| segment.next());
        let segment = match Segment::open(disk, first, Mode::Read, seed(store.salt)) {
            Err(error) if error.kind() == ErrorKind::Damaged => return Ok((segments, Some(salvage(error)))),
            other => other?,
        };
        if first != expected {
            let damage =
                if first < expected { stray(first, expected) } else { missing(expected, first.before()) };
            return Ok((segments, Some(damage)));
        }
        if let Err(error) = check_store(&segment, store) {
            return Ok((segments, Some(error)));
        }
        let before = (segment.head().before_first, segment.head().before_length);
        if let Some(last) = segments.last().filter(|last| before == (last.first(), last.tail())) {
            // Found by what is in memory, so its file need not stay open.
            last.seal(segment.head(), cache);
        }
        let bound = match firsts.last() {
            Some(newest) if *newest == first => durable.max(vouched(&segment)?),
            _ => Position::MAX,
        };
        let fault = segment.take_in(segment.file_length()?, |head| head.first <= bound)?;
        segments.push(Arc::new(segment));
        if let Some(fault) = fault {
            return Ok((segments, Some(salvage(fault.error))));
        }
    }
    Ok((segments, None))
}

/// Takes in the frames up to the one that holds `bound`; says what damage keeps it from going on. A frame is durable as
/// a whole, and a cursor may stand within one.
fn take_in(segment: &Segment, bound: Position) -> Result<Option<Error>> {
    let length = segment.file_length()?;
    let fault = segment.take_in(length, |head| head.first <= bound)?;
    Ok(fault.filter(|_| segment.next() <= bound).map(|fault| salvage(fault.error)))
}

/// The last position of a segment that a frame in it calls durable.
fn vouched(segment: &Segment) -> Result<Position> {
    let length = segment.file_length()?;
    let mut synced = Position::START;
    let file = segment.file()?;
    let mut walk = Walk::new(&*file, segment.head().salt, segment.tail(), length, segment.next());
    let fault = walk.run(|_, frame| {
        synced = synced.max(frame.head.synced);
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    let later = fault.and_then(|fault| fault.voucher).map(|(_, head)| head.synced);
    Ok(later.unwrap_or(synced))
}

fn identity_of(segment: &Segment) -> Result<Identity> {
    let identity = segment.file()?.identity();
    identity.map_err(|cause| io("the file cannot be told from others", segment.name(), cause))
}
