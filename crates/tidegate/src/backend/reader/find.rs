//! Finding the log of a store for one who only reads: the segments as far as they are whole and durable, and what is
//! behind.
//!
//! Invariants:
//!
//! Y4. The evidence of how far the log goes is read before the log, so that a writer at work can only add to the log.

use std::sync::Arc;

use tidegate_disk::Env;
use tidegate_format::{Error, ErrorKind, Offset, Position, Result, SegmentHeader, SegmentName, StoreFile};
use tidegate_segment::Segment;
use tidegate_segment::cache::FileCache;

use crate::backend::evidence::{DurabilityEvidence, EvidenceFiles};
use crate::backend::identity::{Floor, LOCK, newer_first, salvage, seed};
use crate::backend::indexer::Indexer;
use crate::backend::report::OpenReport;
use crate::backend::sealed::{check_owner, check_store, load_retired, load_sealed, missing, stray};
use crate::backend::tail::TailFrames;
use crate::backend::watermark::WatermarkFile;

/// How many times a reader looks again while a writer goes on to further segments all the time.
const TRIES_MAX: usize = 100;

/// The segments, as far as the log is whole and durable, and what is to be said of them.
pub(super) fn find(
    world: &Env,
    store: &StoreFile,
    cache: &Arc<FileCache>,
) -> Result<(Vec<Arc<Segment>>, OpenReport)> {
    let disk = &*world.disk;
    let mut tries = 0;
    loop {
        // A writer may put another file in the place of a segment. Keeps Y4.
        let watermark = WatermarkFile::read(disk, store.salt)?;
        let evidence = DurabilityEvidence::new(
            watermark,
            EvidenceFiles::read(disk),
            (store.id, store.salt),
            Some(store.seed),
        );
        let floor = Floor::read(disk, store.id)?;
        let listed = tidegate_segment::list(disk)?;
        let mut names = listed.clone();
        floor.retain(&mut names);
        // The next opening for writing takes it away.
        let headerless = usize::from(evidence.lacks_header(disk, &names)?);
        let kept = &names[..names.len() - headerless];
        let mut report = OpenReport::default();
        let mut finding =
            Finding { world, store, evidence: &evidence, floor, names: kept, cache, report: &mut report };
        let segments = match finding.load() {
            Err(error) if error.kind() == ErrorKind::Damaged => {
                let error = newer_first(disk, error);
                if error.kind() == ErrorKind::Newer {
                    return Err(error);
                }
                finding.before_damage(error)?
            }
            other => other?,
        };
        tries += 1;
        // A listing may show a segment and not one that was there before it. Two that say the same have no such hole.
        let has_hole = report.damage.is_some() && tidegate_segment::list(disk)? != listed;
        // A writer that is gone now may have confirmed everything after the watermark was read.
        let is_late = report.unconfirmed.as_ref().is_some_and(|unconfirmed| !unconfirmed.has_writer)
            && WatermarkFile::read(disk, store.salt)? != watermark;
        // The first segments may have been retired meanwhile.
        let is_moved = report.damage.is_some() && Floor::read(disk, store.id)? != floor;
        if tries == TRIES_MAX || !(has_hole || is_late || is_moved) {
            return Ok((segments, report));
        }
    }
}

struct Finding<'a> {
    world: &'a Env,
    store: &'a StoreFile,
    evidence: &'a DurabilityEvidence,
    floor: Floor,
    names: &'a [SegmentName],
    cache: &'a Arc<FileCache>,
    report: &'a mut OpenReport,
}

impl Finding<'_> {
    fn open(&self, name: SegmentName) -> Result<Segment> {
        Segment::open_newest(&*self.world.disk, name, seed(self.store.seed)).map_err(salvage)
    }

    /// The segments of a log without damage but in the newest one, and what is durable of that.
    fn load(&mut self) -> Result<Vec<Arc<Segment>>> {
        let Some((&newest, sealed)) = self.names.split_last() else {
            return Err(missing(self.floor.first, self.floor.first));
        };
        let newest = self.open(newest)?;
        check_store(&newest, self.store)?;
        let mut segments = load_sealed(self.cache, self.store, &self.floor, sealed, newest.head(), false)?;
        self.report.rebuilt_indexes = Indexer::new(self.cache, false).prepare(&segments)?;
        self.report.damage = self.replay_newest(&newest)?;
        self.report.clean = self.evidence.watermark.is_some_and(|mark| mark.clean)
            && self.report.damage.is_none()
            && self.report.unconfirmed.is_none();
        segments.push(Arc::new(newest));
        Ok(segments)
    }

    /// Takes in what is durable of the newest segment. Returns the damage in it, and notes what is unconfirmed if there
    /// is none.
    fn replay_newest(&mut self, newest: &Segment) -> Result<Option<Error>> {
        let disk = &*self.world.disk;
        let tail = TailFrames::read(newest)?;
        check_owner(newest, tail.next.before(), self.store)?;
        let damage = tail.damage(disk, newest, self.evidence);
        let durable = if damage.is_some() { Position::MAX } else { self.evidence.durable() };
        let damage = tail.replay(newest, durable)?.or(damage);
        if damage.is_none() && tail.written() > newest.tail().0 {
            // Asked after the log was read: a writer that came since confirms what was there.
            let has_writer = !disk.lock_holders(LOCK).is_empty();
            self.report.unconfirmed = tail.unconfirmed(newest, has_writer);
        }
        Ok(damage)
    }

    /// The segments from the first one on, as far as they are whole, durable and go on from each other; what is wrong
    /// behind is noted, or else `error`.
    fn before_damage(&mut self, error: Error) -> Result<Vec<Arc<Segment>>> {
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let mut damage = None;
        for (index, &name) in self.names.iter().enumerate() {
            let behind = self.names.get(index + 1).copied();
            damage = match self.goes_on(name, behind, &mut segments) {
                Err(error) if error.kind() == ErrorKind::Damaged => Some(error),
                other => other?,
            };
            if damage.is_some() {
                break;
            }
        }
        (self.report.unconfirmed, self.report.damage) = (None, Some(damage.unwrap_or(error)));
        Ok(segments)
    }

    /// Takes in the segment that starts at `first` as far as it is whole. Returns the damage behind that, or `None`.
    fn goes_on(
        &mut self,
        name: SegmentName,
        behind: Option<SegmentName>,
        segments: &mut Vec<Arc<Segment>>,
    ) -> Result<Option<Error>> {
        let expected = segments.last().map_or(self.floor.first, |segment| segment.next());
        let (first, segment) = (name.first, self.open(name)?);
        if first < expected {
            return Ok(Some(stray(name, expected)));
        }
        if first > expected {
            return Ok(Some(missing(expected, first.before())));
        }
        check_store(&segment, self.store)?;
        if segments.is_empty() {
            self.floor.check(&segment)?;
            segments.extend(load_retired(self.cache, self.store, segment.head())?);
            segments.reverse();
        }
        let before = (segment.head().before_first, segment.head().before_length);
        if let Some(last) = segments.last().filter(|last| before == (last.first(), last.tail())) {
            // Found by what is in memory, so its file need not stay open.
            last.seal(segment.head(), self.cache);
        }
        let length = segment.file_length()?;
        let sealed = behind.and_then(|behind| self.open(behind).ok()).map(|behind| *behind.head());
        let own = |behind: &SegmentHeader| (behind.before_first, behind.salt) == (first, self.store.salt);
        let damage = match sealed.filter(own) {
            // What another one follows is durable up to where that says.
            Some(behind) if behind.before_length.0 <= length => {
                segment.replay(behind.before_length.0, |_| true)?.map(|fault| salvage(fault.error))
            }
            Some(behind) => {
                segment.replay(length, |_| true)?;
                Some(cut_short(&segment, behind.before_length, length))
            }
            None if behind.is_none() => self.replay_newest(&segment)?,
            None => {
                // No later segment says where this one ends, so its last frames may not be durable.
                let tail = TailFrames::read(&segment)?;
                let changed = tail.replay(&segment, self.evidence.durable())?;
                changed.or_else(|| tail.into_fault(&segment))
            }
        };
        segments.push(Arc::new(segment));
        Ok(damage)
    }
}

/// The damage of a sealed segment that ends before `length`.
fn cut_short(segment: &Segment, length: Offset, found: u64) -> Error {
    let (expected, found) = (format!("{length} bytes"), Offset(found));
    let error = Error::damaged("a sealed segment was cut short", expected, format!("{found} bytes"));
    salvage(error.in_file(segment.name(), Some(found)))
}
