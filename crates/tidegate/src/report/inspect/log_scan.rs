//! Reads a log from its first byte to its last and goes on after damage.
//!
//! Invariants:
//!
//! V1. Nothing is written, and the store need not be one that can be opened.
//! V2. An event counts as whole only in a whole frame that agrees with all whole ones before it; every position up
//!     to the last that is known of is whole or lost.
//! V3. What opening would take for the torn end of a crash is not a fault.
//! V4. What says how far the log goes, or is made of it, is read before the log: a writer may go on meanwhile.
//! V5. A segment is read through a window, so memory does not grow with its length.

use std::ops::Range;

use tidegate_disk::Disk;
use tidegate_format::watermark::WATERMARK_SLOTS;
use tidegate_format::{
    Error, ErrorKind, ForkPoint, Frame, Micros, Offset, Position, Result, SEGMENT_HEADER_BYTES,
    SegmentHeader, SegmentName, StoreId, Watermark,
};
use tidegate_segment::path;

use super::erasure_check::LogErasures;
use super::files::{self, FileContents, ReadWindow};
use super::frame_scan::{FrameScan, frame_at, scan_frames};
use super::identity::{SegmentFile, identify};
use crate::backend::{DurabilityEvidence, EvidenceFiles, Floor, WATERMARK};
use crate::read::{Chain, VerifyReport};
use crate::report::fault::{Fault, LostRange, MOVE, RESTORE, Remark};

/// The most bytes read of a watermark file, more than a sound one has.
const WATERMARK_BYTES_MAX: u64 = 1 << 16;

/// Receives the intact frames in position order.
pub(crate) trait FrameVisitor {
    /// Receives the beginning of a segment, whose frames follow.
    fn begin(&mut self, _segment: &ScannedSegment) {}

    /// Receives a whole frame, at a byte of its segment.
    fn frame(&mut self, at: u64, frame: &Frame<'_>) -> Result<()>;

    /// Receives the end of a segment.
    fn end(&mut self, _segment: &ScannedSegment, _remarks: &mut Vec<Remark>) -> Result<()> {
        Ok(())
    }
}

/// A segment that is gone through.
#[derive(Debug)]
pub(crate) struct ScannedSegment {
    /// Its head, if that can be read and names the segment before it.
    pub(crate) head: Option<SegmentHeader>,
    /// Whether another one follows it.
    pub(crate) sealed: bool,
    /// Whether everything in it is whole, which is known at its end.
    pub(crate) whole: bool,
    /// Where it ends if it is sealed, as the one behind it says.
    pub(crate) length: Option<u64>,
}

/// What a log was found to be.
#[derive(Debug, Default)]
pub(crate) struct LogScan {
    pub(crate) store: Option<StoreId>,
    pub(crate) salt: Option<u64>,
    /// What its index files are hashed with, which only the store file says.
    pub(crate) seed: Option<u64>,
    pub(crate) created: Micros,
    pub(crate) faults: Vec<Fault>,
    pub(crate) remarks: Vec<Remark>,
    pub(crate) lost: Vec<LostRange>,
    pub(crate) verified: VerifyReport,
    pub(crate) segments: u64,
    /// Bytes of segments.
    pub(crate) bytes: u64,
    /// The last whole event.
    pub(crate) head: Position,
    /// The last event that the next opening for writing keeps, if nothing is damaged.
    pub(crate) kept: Position,
    pub(crate) floor: Floor,
    /// The stores it was forked from.
    pub(crate) forks: Vec<ForkPoint>,
    /// Whether it is a node of a shared log.
    pub(crate) is_node: bool,
    evidence: Option<DurabilityEvidence>,
    /// The last position that a whole frame says was durable.
    synced: Position,
    /// Where that ends in the newest segment which is not unused space.
    end: u64,
    /// From where on the next opening for writing cuts off the newest segment.
    cut: Option<u64>,
    chain: Chain,
    erasures: LogErasures,
    /// Whether the newest segment ends with what is not a frame.
    open_end: bool,
    /// Whether every slot of the watermark that was written can be read.
    watermark_holds: bool,
}

/// Returns the file that tells how far the log was durable, as it stands between two writes to it.
fn watermark(disk: &dyn Disk) -> Result<Option<FileContents>> {
    const TRIES_MAX: usize = 100;
    let read = || files::read(disk, WATERMARK, WATERMARK_BYTES_MAX);
    let mut last = read()?;
    for _ in 0..TRIES_MAX {
        let before = std::mem::replace(&mut last, read()?);
        if last.as_ref().map(|last| &last.bytes) == before.as_ref().map(|before| &before.bytes) {
            break;
        }
    }
    Ok(last)
}

/// Opens a segment, in a newer generation if a writer has put that in its place. Returns `None` if there is none.
fn open_newest(disk: &dyn Disk, mut file: SegmentName) -> Result<Option<ReadWindow>> {
    loop {
        let opened = ReadWindow::open(disk, &path(file))?;
        if opened.is_some() {
            return Ok(opened);
        }
        match tidegate_segment::files::find(disk, file.first)?.filter(|newer| *newer > file) {
            Some(newer) => file = newer,
            None => return Ok(None),
        }
    }
}

/// Goes through the log of a disk and shows what is whole of it to `visit`. `progress` is called now and then.
pub(crate) fn scan_log(
    disk: &dyn Disk,
    visit: &mut dyn FrameVisitor,
    progress: &mut dyn FnMut(VerifyReport),
) -> Result<LogScan> {
    // Keeps V4.
    let (watermark, files) = (watermark(disk)?, EvidenceFiles::read(disk));
    let mut found = identify(disk)?;
    let mut scan = LogScan {
        store: found.store,
        salt: found.salt,
        seed: found.seed,
        created: found.created,
        faults: std::mem::take(&mut found.faults),
        floor: found.floor,
        forks: std::mem::take(&mut found.forks),
        is_node: found.is_node,
        chain: Chain::above(found.floor.first),
        ..LogScan::default()
    };
    scan.erasures = LogErasures::begin(disk, scan.store, &mut scan.remarks)?;
    let watermark = scan.read_watermark(watermark);
    scan.evidence =
        found.store.zip(found.salt).map(|store| DurabilityEvidence::new(watermark, files, store, found.seed));
    scan.tell_leftovers(disk, &mut found.entries)?;
    scan.pass_over_headerless(disk, &mut found.entries);
    let mut before: Option<&SegmentFile> = None;
    for (index, entry) in found.entries.iter().enumerate() {
        let behind = found.entries.get(index + 1);
        scan.step_to(entry, before);
        let first = before.map_or(scan.floor.before_first(), |before| before.first);
        scan.segment(disk, first, entry, behind, visit)?;
        before = Some(entry);
        progress(scan.verified);
    }
    scan.end(disk, before);
    scan.verified.erased = scan.erasures.count();
    scan.erasures.end(disk, scan.store, &scan.lost, &mut scan.faults, &mut scan.remarks);
    Ok(scan)
}

impl LogScan {
    /// Returns whether events say that payloads are erased.
    pub(crate) fn names_erased(&self) -> bool {
        self.erasures.names_any()
    }

    /// Returns the position that comes next.
    fn next(&self) -> Position {
        let lost = self.lost.last().and_then(|lost| lost.last).unwrap_or_default();
        self.head.max(lost).next().max(self.floor.first)
    }

    fn durable(&self) -> Position {
        self.evidence.as_ref().map_or(Position::START, DurabilityEvidence::durable)
    }

    fn watermark(&self) -> Option<Watermark> {
        self.evidence.as_ref().and_then(|evidence| evidence.watermark)
    }

    fn lose(&mut self, first: Position, last: Position) {
        self.chain.lose(first, last);
        self.note_lost(first, last);
    }

    fn note_lost(&mut self, first: Position, last: Position) {
        match self.lost.last_mut() {
            Some(lost) if lost.last.is_some_and(|before| before.next() == first) => lost.last = Some(last),
            _ => self.lost.push(LostRange { first, last: Some(last) }),
        }
    }

    /// Reads what tells how far the log was durable. It is rewritten as the store goes on, so nothing that is wrong with
    /// it is more than a remark.
    fn read_watermark(&mut self, contents: Option<FileContents>) -> Option<Watermark> {
        const THEN: &str = "a writer writes it anew as it goes on";
        let remark = |text: &str| Remark::new(WATERMARK, text);
        let Some(contents) = contents else {
            self.remarks.push(remark("it is missing, so nothing says how far the log was durable"));
            return None;
        };
        if contents.is_other {
            // No writer can open the store before it is moved.
            self.faults.extend(contents.faults.into_iter().map(|error| Fault::new(error, MOVE)));
            return None;
        }
        let errors = self.salt.map(|salt| Watermark::faults(&contents.bytes, salt)).unwrap_or_default();
        let slots_hold = errors.iter().all(|(at, _)| !WATERMARK_SLOTS.contains(at));
        self.remarks.extend(contents.faults.iter().map(|error| Remark::of(error, THEN)));
        self.remarks.extend(errors.iter().map(|(at, error)| Remark::at(WATERMARK, *at, error, THEN)));
        let watermark = self.salt.and_then(|salt| Watermark::read(&contents.bytes, salt));
        self.watermark_holds = watermark.is_some() && slots_hold && contents.faults.is_empty();
        if watermark.is_none() {
            self.remarks.push(remark("it does not say how far the log was durable"));
        }
        watermark
    }

    /// Reports files that a later generation took the place of, and takes segments off the list that were retired.
    fn tell_leftovers(&mut self, disk: &dyn Disk, entries: &mut Vec<SegmentFile>) -> Result<()> {
        let replaced = match tidegate_segment::files::list_replaced(disk) {
            // Told of already: something else is in the place of their folder.
            Err(error) if error.kind() == ErrorKind::Damaged => Vec::new(),
            other => other?,
        };
        for name in replaced {
            let text = "a newer generation took its place; the next opening for writing removes it";
            self.remarks.push(Remark::new(path(name), text));
        }
        let at_floor = |entry: &SegmentFile| {
            let agrees = |head: SegmentHeader| self.floor.check_header(&head).is_ok();
            entry.first == self.floor.first && entry.head.is_some_and(agrees)
        };
        let text = if entries.iter().any(at_floor) {
            "it lies below the floor, and is not read any more; it can be deleted"
        } else {
            "it begins below the floor, and is not read; no segment begins at the floor as the floor file says, so keep it"
        };
        for retired in entries.extract_if(.., |entry| entry.first < self.floor.first) {
            self.remarks.push(Remark::new(retired.name, text));
        }
        Ok(())
    }

    /// Takes a newest file off the list that never got its head.
    fn pass_over_headerless(&mut self, disk: &dyn Disk, entries: &mut Vec<SegmentFile>) {
        let names: Vec<_> = entries.iter().map(|entry| entry.file).collect();
        let lacks_header =
            |evidence: &DurabilityEvidence| evidence.lacks_header(disk, &names).unwrap_or(false);
        if self.evidence.as_ref().is_some_and(lacks_header)
            && let Some(entry) = entries.pop()
        {
            let text = "it never held an event; the next opening for writing removes it";
            self.remarks.push(Remark::new(entry.name, text));
        }
    }

    /// Takes note of what is missing before a segment.
    fn step_to(&mut self, entry: &SegmentFile, before: Option<&SegmentFile>) {
        let next = self.next();
        let stated = entry.head.map(|head| head.before_first);
        let expected = before.map_or(self.floor.before_first(), |before| before.first);
        if entry.first <= next {
            // The events of a segment that a recovery began may stand behind the end of the one before it still.
            if before.is_some()
                && let Some(missing) = stated.filter(|stated| *stated > expected && *stated < entry.first)
            {
                let error =
                    Error::damaged("a segment is missing", "the one that the next names", "no such file");
                self.faults.push(Fault::new(error.in_file(&path(missing), None), RESTORE));
            }
            return;
        }
        // Before the first one there is the floor alone, and nothing that could tell what is wrong with it.
        if before.is_none() || stated.is_none_or(|stated| stated != expected) {
            // Where the one that is missing began is known if the one before it is whole, or if the head says so.
            let missing = stated.filter(|stated| *stated >= next).unwrap_or(next);
            let expected = format!("positions {next} to {}", entry.first.before());
            let error = Error::damaged("a segment is missing", expected, "no such file");
            self.faults.push(Fault::new(error.in_file(&path(missing), None), RESTORE));
        }
        self.lose(next, entry.first.before());
    }

    fn segment(
        &mut self,
        disk: &dyn Disk,
        before: Position,
        entry: &SegmentFile,
        behind: Option<&SegmentFile>,
        visit: &mut dyn FrameVisitor,
    ) -> Result<()> {
        let name = &entry.name;
        let faults_before = self.faults.len();
        self.end = entry.length;
        let opened = open_newest(disk, entry.file);
        let mut window = match opened {
            Ok(Some(window)) => window,
            // A writer that opens the store takes an empty newest one away.
            Ok(None) => return Ok(()),
            Err(error) => {
                self.faults.push(Fault::new(error, RESTORE));
                self.open_end = behind.is_none();
                return Ok(());
            }
        };
        self.segments += 1;
        self.bytes += window.length();
        if let Err(error) = SegmentHeader::read(window.bytes(0, SEGMENT_HEADER_BYTES)) {
            self.faults.push(Fault::of(error, name, 0, RESTORE));
        }
        let Some(salt) = entry.head.map(|head| head.salt).or(self.salt) else { return Ok(()) };
        if entry.first == self.floor.first
            && let Some(error) = entry.head.and_then(|head| self.floor.check_header(&head).err())
        {
            self.faults.push(Fault::of(error, name, 0, RESTORE));
        }
        let end = behind.and_then(|behind| behind.head).filter(|head| head.before_first == entry.first);
        self.check_length(name, &mut window, end.as_ref());
        let positions = entry.first..behind.map_or(Position::MAX, |behind| behind.first);
        let start = window.length().min(SEGMENT_HEADER_BYTES as u64);
        let scanned = scan_frames(&mut window, start, salt, &positions, behind.is_none());
        let unreadable = window.take_faults();
        self.faults.extend(unreadable.into_iter().map(|error| Fault::new(error, RESTORE)));
        self.synced = self.synced.max(scanned.synced);
        self.end = scanned.end;
        self.open_end =
            behind.is_none() && scanned.broken.last().is_some_and(|(range, _)| range.end == scanned.end);
        self.check_fork(name, entry, &scanned);
        self.tell_broken(name, &scanned, behind.is_none(), &positions, window.length());
        let head = entry.head.filter(|head| head.before_first == before);
        let (sealed, length) = (behind.is_some(), end.map(|head| head.before_length.0));
        let mut segment = ScannedSegment { head, sealed, whole: false, length };
        visit.begin(&segment);
        self.take(name, &mut window, salt, &scanned, visit)?;
        // If the one behind it names another one, that one is missing, and nothing says where this one ended.
        let follows = end.is_some() || behind.is_some_and(|behind| behind.head.is_none());
        let ended = !follows || self.head.next() == positions.end;
        if !ended && self.faults.len() == faults_before {
            let (message, last) = ("a sealed segment ends at a wrong position", positions.end.before());
            let error = Error::damaged(message, last, self.head);
            self.faults.push(Fault::of(error, name, window.length(), RESTORE));
        }
        segment.whole = self.faults.len() == faults_before && (end.is_some() || behind.is_none());
        visit.end(&segment, &mut self.remarks)
    }

    /// Reports a segment of a parent that goes on behind the fork point.
    fn check_fork(&mut self, name: &str, entry: &SegmentFile, scanned: &FrameScan) {
        let Some(head) = entry.head.filter(|head| Some(head.store) != self.store) else { return };
        let last = scanned.runs.iter().map(|run| run.positions.end.before()).max().unwrap_or_default();
        let is_parent =
            |fork: &ForkPoint| (fork.store, fork.salt) == (head.store, head.salt) && last <= fork.until;
        if !self.forks.iter().any(is_parent) {
            let error = Error::damaged("a segment belongs to another store", "this store", head.store);
            self.faults.push(Fault::of(error, name, 0, MOVE));
        }
    }

    /// Compares the length of a sealed segment with what the one behind it says, and takes off what is too much.
    fn check_length(&mut self, name: &str, window: &mut ReadWindow, end: Option<&SegmentHeader>) {
        let Some(end) = end.map(|head| head.before_length.0) else { return };
        let length = window.length();
        let (expected, found) = (format!("{end} bytes"), format!("{length} bytes"));
        if length < end {
            let error = Error::damaged("a sealed segment was cut short", expected, found);
            self.faults.push(Fault::of(error, name, length, RESTORE));
        } else if length > end {
            if window.is_unused(end) {
                window.cut(end);
                return;
            }
            let error = Error::damaged("a sealed segment is longer than it was", expected, found);
            self.remarks.push(Remark::at(name, end, &error, "what is too much is not read"));
            window.cut(end);
        }
    }

    /// Reports bytes that are not a frame, and frames that are out of place. Keeps V3.
    fn tell_broken(
        &mut self,
        name: &str,
        scanned: &FrameScan,
        newest: bool,
        positions: &Range<Position>,
        length: u64,
    ) {
        let broken = scanned.broken.iter().map(|(range, error)| (range.start, error));
        let misplaced = scanned.misplaced.iter().map(|(at, error)| (*at, error));
        let mut places: Vec<_> = broken.chain(misplaced).collect();
        places.sort_by_key(|(at, _)| *at);
        for (at, error) in places {
            let before = scanned.runs.iter().filter(|run| run.bytes.start < at);
            let expected = before.map(|run| run.positions.end).max().unwrap_or(positions.start);
            // As the recovery rule has it: a later frame vouches, or what stands beside the log.
            let durable = !newest || self.durable() >= expected || scanned.synced >= expected;
            if durable {
                self.faults.push(Fault::of(error.clone(), name, at, RESTORE));
                continue;
            }
            let behind: Vec<_> = scanned.runs.iter().filter(|run| run.bytes.start >= at).collect();
            let count: u64 = behind.iter().map(|run| run.positions.end.0 - run.positions.start.0).sum();
            let last = behind.iter().map(|run| run.positions.end.before()).max();
            let events = match (behind.first().map(|run| run.positions.start), last) {
                (Some(first), Some(last)) => {
                    format!(", with {} ({first} to {last})", counted(count, "whole event"))
                }
                _ => String::new(),
            };
            let then = format!(
                "the next opening for writing cuts off {} bytes from here on{events}: a crash leaves an end like this, and \
                 nothing says that any of it was durable",
                length - at
            );
            self.remarks.push(Remark::at(name, at, error, &then));
            (self.cut, self.kept) = (Some(at), expected.before());
            return;
        }
    }

    /// Takes the frames in the order of their positions. Keeps V2.
    fn take(
        &mut self,
        name: &str,
        window: &mut ReadWindow,
        salt: u64,
        scanned: &FrameScan,
        visit: &mut dyn FrameVisitor,
    ) -> Result<()> {
        for run in &scanned.runs {
            let mut at = run.bytes.start;
            while at < run.bytes.end {
                let frame = match frame_at(window, at, salt) {
                    Ok(frame) => frame,
                    // It was whole a moment ago.
                    Err(error) => {
                        self.faults.push(Fault::of(error, name, at, RESTORE));
                        break;
                    }
                };
                let (start, head) = (at, frame.head);
                at += head.frame_bytes() as u64;
                // What is cut off anyway need not agree with anything.
                let is_cut = self.cut.is_some_and(|cut| start >= cut);
                if let Err((byte, error)) = self.agree(&frame) {
                    if !is_cut {
                        self.faults.push(Fault::of(error, name, start + byte as u64, RESTORE));
                    }
                    continue;
                }
                self.head = head.last();
                self.verified.events += u64::from(head.count);
                self.verified.bytes += u64::from(head.length);
                self.verified.streams = self.chain.streams();
                visit.frame(start, &frame)?;
            }
        }
        Ok(())
    }

    /// Takes note of a frame that agrees with all before it; otherwise says at which byte of it the disagreement is.
    fn agree(&mut self, frame: &Frame<'_>) -> Result<(), (usize, Error)> {
        let (head, next) = (frame.head, self.next());
        if head.first < next {
            return Err((0, Error::damaged("a frame stands here once more", next, head.first)));
        }
        self.chain.take_frame(frame, next)?;
        self.erasures.take(frame);
        if head.first > next {
            self.note_lost(next, head.first.before());
        }
        Ok(())
    }

    /// Compares the end of the log with what is known of how far it was durable.
    fn end(&mut self, disk: &dyn Disk, newest: Option<&SegmentFile>) {
        let (next, durable) = (self.next(), self.durable());
        if self.cut.is_none() {
            self.kept = self.head;
        }
        if let (Some(newest), Some(evidence)) = (newest, &self.evidence)
            && let Some(error) = evidence.beyond(disk, newest.file, Offset(self.end), next, None)
        {
            let fault = Fault::new(error, RESTORE);
            if !fault.is_in(&newest.name) || !self.faults.iter().any(|fault| fault.is_in(&newest.name)) {
                // What an index file knows of may have been longer still.
                self.open_end |= durable < next;
                self.faults.push(fault);
            }
        }
        if durable >= next {
            self.lose(next, durable);
        }
        match newest {
            None => {
                let error = Error::damaged("there are no segments", "the first one", "no such file");
                self.faults.push(Fault::new(error.in_file(&path(next), None), RESTORE));
            }
            Some(newest) => self.tell_unconfirmed(newest),
        }
        // Only a watermark of a store that was closed in good order says where exactly the log ended. Without any, it
        // may have been cut right behind a frame.
        let exact = self.watermark_holds && self.watermark().is_some_and(|mark| mark.clean);
        if !self.watermark_holds || (!exact && (self.open_end || newest.is_none())) {
            self.lost.push(LostRange { first: self.next(), last: None });
        }
    }

    /// Reports events that are whole without anything that says they were durable. Opening for writing keeps them.
    fn tell_unconfirmed(&mut self, newest: &SegmentFile) {
        let confirmed = self.durable().max(self.synced).max(newest.first.before());
        let count = self.kept.0.saturating_sub(confirmed.0);
        if count > 0 && self.faults.is_empty() {
            let text = format!(
                "{} from position {} on are whole, and nothing says that they were durable; the next opening for writing \
                 keeps them",
                counted(count, "event"),
                confirmed.next()
            );
            self.remarks.push(Remark::new(newest.name.clone(), text));
        }
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
