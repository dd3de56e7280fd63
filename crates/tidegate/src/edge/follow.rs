//! Opening for reading only, and following the writer of another process.
//!
//! Invariants:
//!
//! Y1. Nothing is written and no lock is taken.
//! Y2. Nothing shows that is not known to be durable: by the watermark, or by a later frame.

use std::sync::Arc;

use parking_lot::Mutex;
use tidegate_disk::{Identity, Mode, World};
use tidegate_format::{Error, ErrorKind, Position, Result, StoreFile, Watermark};
use tidegate_segment::{Seed, Segment, Walk};

use super::identity::{self, io, salvage, seed};
use super::indexer::Indexer;
use super::open::check_expected;
use super::sealed::{check_store, load_sealed};
use super::watermark::WatermarkFile;
use crate::published::Published;
use crate::report::OpenReport;
use crate::settings::Options;

/// Follows a log that another process may be writing.
#[derive(Debug)]
pub(crate) struct Follower {
    world: World,
    store: StoreFile,
    map: bool,
    published: Arc<Published>,
    /// Nothing where damage hides what follows it.
    newest: Mutex<Option<Newest>>,
}

/// The newest segment known so far. Its lock makes whoever holds it the one who takes frames in.
#[derive(Debug)]
struct Newest {
    segment: Arc<Segment>,
    identity: Identity,
    sequence: u64,
    /// Sealed segments whose index files the writer had not finished yet.
    waiting: Vec<Arc<Segment>>,
}

impl Follower {
    /// Opens a store for reading only.
    pub(crate) fn open(world: &World, options: &Options) -> Result<(Self, OpenReport)> {
        let disk = &*world.disk;
        let Some(store) = identity::read(disk)? else {
            let message = format!("there is no store in {}", disk.place());
            return Err(Error::new(ErrorKind::Missing, message));
        };
        let seed = seed(store.salt);
        let firsts = tidegate_segment::list(disk)?;
        let Some((&newest, sealed)) = firsts.split_last() else {
            let error = Error::damaged("the segments are missing", "one at least", "none");
            return Err(salvage(error));
        };
        let newest = Segment::open(disk, newest, Mode::Read, seed).map_err(salvage)?;
        check_store(&newest, &store)?;
        let mut report = OpenReport::default();
        let mut segments = load_sealed(world, sealed, newest.head(), options.map)?;
        match Indexer::new(world.clone(), options.map, false).prepare(&segments) {
            Err(error) if error.kind() == ErrorKind::Damaged => {
                return Self::open_before(error, world, options, store, segments);
            }
            rebuilt => report.rebuilt_indexes = rebuilt?,
        }
        let watermark = WatermarkFile::read(disk, store.salt)?;
        let durable = watermark.map_or(Position::START, |mark| mark.durable);
        let bound = durable.max(vouched(&newest)?);
        report.damage = take_in(&newest, bound)?;
        let head = newest.next().before();
        check_expected(options, head)?;
        report.clean = watermark.is_some_and(|mark| mark.clean) && report.damage.is_none();
        let newest = Arc::new(newest);
        segments.push(Arc::clone(&newest));
        (report.head, report.segments) = (head, segments.len());
        let published = Arc::new(Published::new(segments, head, head));
        let newest = Mutex::new(Some(Newest {
            identity: identity_of(&newest)?,
            segment: newest,
            sequence: watermark.map_or(0, |mark| mark.sequence),
            waiting: Vec::new(),
        }));
        Ok((Self { world: world.clone(), store, map: options.map, published, newest }, report))
    }

    /// Shows what stands before a damaged segment that has no index, and its own events before the damage.
    fn open_before(
        damage: Error,
        world: &World,
        options: &Options,
        store: StoreFile,
        mut segments: Vec<Arc<Segment>>,
    ) -> Result<(Self, OpenReport)> {
        let sound = segments.iter().take_while(|segment| segment.is_indexed()).count();
        let Some(damaged) = segments.get(sound) else { return Err(damage) };
        let head = damaged.first().plus(u64::from(damaged.index_before_damage())).before();
        segments.truncate(sound + 1);
        check_expected(options, head)?;
        let report =
            OpenReport { head, segments: segments.len(), damage: Some(damage), ..OpenReport::default() };
        let published = Arc::new(Published::new(segments, head, head));
        let newest = Mutex::new(None);
        Ok((Self { world: world.clone(), store, map: options.map, published, newest }, report))
    }

    pub(crate) fn published(&self) -> &Arc<Published> {
        &self.published
    }

    pub(crate) fn store(&self) -> &StoreFile {
        &self.store
    }

    /// Takes in what has become durable since.
    pub(crate) fn refresh(&self) -> Result<()> {
        let Some(watermark) = WatermarkFile::read(&*self.world.disk, self.store.salt)? else {
            return Ok(());
        };
        let mut newest = self.newest.lock();
        let Some(newest) = &mut *newest else { return Ok(()) };
        if watermark.sequence <= newest.sequence {
            return Ok(());
        }
        self.reopen_if_replaced(newest)?;
        self.catch_up(newest, &watermark)?;
        newest.sequence = watermark.sequence;
        self.take_up_indexes(newest);
        Ok(())
    }

    /// A writer that recovered puts a copy in the place of the active segment; what this process holds open
    /// is the old file then.
    fn reopen_if_replaced(&self, newest: &mut Newest) -> Result<()> {
        let segment = Segment::open(&*self.world.disk, newest.segment.first(), Mode::Read, self.seed())?;
        let identity = identity_of(&segment)?;
        if identity == newest.identity {
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
            if next > watermark.durable {
                return Ok(());
            }
            // Durable, and not in this segment: the writer has gone on to the next one.
            let segment = Segment::open(&*self.world.disk, next, Mode::Read, self.seed())?;
            check_store(&segment, &self.store)?;
            newest.segment.seal(segment.head(), self.map)?;
            newest.waiting.push(Arc::clone(&newest.segment));
            let identity = identity_of(&segment)?;
            self.put_newest(newest, segment, identity, false);
        }
    }

    /// Takes the index files into use that the writer has finished since.
    fn take_up_indexes(&self, newest: &mut Newest) {
        newest.waiting.retain(|segment| segment.load_index(&*self.world.disk, self.map).is_err());
    }

    fn put_newest(&self, newest: &mut Newest, segment: Segment, identity: Identity, instead: bool) {
        let segment = Arc::new(segment);
        let mut segments = self.published.log().0.clone();
        if instead {
            segments.pop();
        }
        segments.push(Arc::clone(&segment));
        self.published.set_log(segments);
        (newest.segment, newest.identity) = (segment, identity);
    }

    fn seed(&self) -> Seed {
        seed(self.store.salt)
    }
}

/// Takes in frames that end at `bound` or before; says what damage keeps it from going on.
fn take_in(segment: &Segment, bound: Position) -> Result<Option<Error>> {
    let length = segment.file_length()?;
    let fault = segment.take_in(length, |head| head.last() <= bound)?;
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
