//! Going through a log from its first byte to its last, whatever is wrong with it.
//!
//! Invariants:
//!
//! V1. Nothing is written, and the store need not be one that can be opened.
//! V2. An event counts as whole only in a whole frame that agrees with all whole ones before it; every position up
//!     to the last that is known of is whole or lost.
//! V3. What opening would take for the torn end of a crash is no fault.
//! V4. What says how far the log goes, or is made of it, is read before the log: a writer may go on meanwhile.

use std::ops::Range;

use tidegate_disk::Disk;
use tidegate_format::limit::{FRAME_BYTES_MAX, SEGMENT_BYTES_MAX};
use tidegate_format::{
    Error, Frame, FrameHead, Micros, Position, Result, SEGMENT_HEAD_BYTES, SegmentHead, StoreId, Watermark,
};
use tidegate_segment::path;

use super::fault::{Fault, Lost, RESTORE, Remark};
use super::files::{self, Contents};
use super::identity::{Entry, identify};
use super::scan::{Scanned, scan};
use crate::edge::WATERMARK;
use crate::read::{Chain, Verified};

/// The longest file of a segment: one frame may stand behind the most that a segment holds.
const FILE_BYTES_MAX: u64 = SEGMENT_BYTES_MAX + 2 * FRAME_BYTES_MAX as u64;

/// More than a watermark file holds.
const WATERMARK_BYTES_MAX: u64 = 1 << 16;

/// Who is shown what is whole, in the order of positions.
pub(super) trait Visit {
    /// A whole frame. Says whether to go on.
    fn frame(&mut self, frame: &Frame<'_>) -> Result<()>;

    /// The end of a segment.
    fn segment(
        &mut self,
        segment: &Segment<'_>,
        faults: &mut Vec<Fault>,
        remarks: &mut Vec<Remark>,
    ) -> Result<()>;
}

/// A segment that was gone through.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    /// Its head, where that can be read and names the segment before it.
    pub(super) head: Option<SegmentHead>,
    /// Its bytes up to where it ends.
    pub(super) bytes: &'a [u8],
    /// Its whole frames.
    pub(super) frames: &'a [(usize, FrameHead)],
    /// Whether another one follows it, and whether everything in it is whole.
    pub(super) sealed: bool,
    pub(super) whole: bool,
    /// Where it ends if it is sealed, as the one behind it says.
    pub(super) length: Option<u64>,
}

/// What a log was found to be.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) store: Option<StoreId>,
    pub(super) salt: Option<u64>,
    pub(super) created: Micros,
    pub(super) watermark: Option<Watermark>,
    pub(super) faults: Vec<Fault>,
    pub(super) remarks: Vec<Remark>,
    pub(super) lost: Vec<Lost>,
    pub(super) verified: Verified,
    pub(super) segments: u64,
    /// Bytes of segments.
    pub(super) bytes: u64,
    /// The last whole event.
    pub(super) head: Position,
    chain: Chain,
    /// Whether the newest segment ends with what is no frame.
    open_end: bool,
    /// Whether every slot of the watermark that was written can be read.
    watermark_holds: bool,
}

/// The file that tells how far the log was durable, as it stands between two writes to it.
fn watermark(disk: &dyn Disk) -> Result<Option<Contents>> {
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

/// Goes through the log of a disk and shows what is whole of it to `visit`. `progress` is called now and then.
pub(super) fn survey(
    disk: &dyn Disk,
    visit: &mut dyn Visit,
    progress: &mut dyn FnMut(Verified),
) -> Result<Survey> {
    // Keeps V4.
    let watermark = watermark(disk)?;
    let found = identify(disk)?;
    let mut survey = Survey {
        store: found.store,
        salt: found.salt,
        created: found.created,
        faults: found.faults,
        ..Survey::default()
    };
    survey.read_watermark(watermark);
    let mut before: Option<&Entry> = None;
    for (index, entry) in found.entries.iter().enumerate() {
        let behind = found.entries.get(index + 1);
        survey.step_to(entry, before);
        let first = before.map_or(Position::START, |before| before.first);
        survey.segment(disk, first, entry, behind, visit)?;
        before = Some(entry);
        progress(survey.verified);
    }
    survey.end(before);
    Ok(survey)
}

impl Survey {
    /// The position that comes next.
    fn next(&self) -> Position {
        self.head.max(self.lost.last().and_then(|lost| lost.last).unwrap_or_default()).next()
    }

    fn durable(&self) -> Position {
        self.watermark.map_or(Position::START, |mark| mark.durable)
    }

    fn lose(&mut self, first: Position, last: Position) {
        self.chain.lose(first, last);
        self.note_lost(first, last);
    }

    fn note_lost(&mut self, first: Position, last: Position) {
        match self.lost.last_mut() {
            Some(lost) if lost.last.is_some_and(|before| before.next() == first) => lost.last = Some(last),
            _ => self.lost.push(Lost { first, last: Some(last) }),
        }
    }

    /// Reads what tells how far the log was durable. It is rewritten as the store goes on.
    fn read_watermark(&mut self, contents: Option<Contents>) {
        const REMEDY: &str = "nothing need be done, the next opening for writing writes it anew";
        let faults_before = self.faults.len();
        let Some(contents) = contents else {
            let text = "it is missing, so nothing says how far the log was durable".to_owned();
            self.remarks.push(Remark { file: WATERMARK.to_owned(), text });
            return;
        };
        self.faults.extend(contents.faults.into_iter().map(|error| Fault::new(error, REMEDY)));
        for (at, error) in self.salt.map(|salt| Watermark::faults(&contents.bytes, salt)).unwrap_or_default()
        {
            self.faults.push(Fault::of(error, WATERMARK, at, REMEDY));
        }
        self.watermark = self.salt.and_then(|salt| Watermark::read(&contents.bytes, salt));
        self.watermark_holds = self.watermark.is_some() && self.faults.len() == faults_before;
        if self.watermark.is_none() {
            self.remarks.push(Remark {
                file: WATERMARK.to_owned(),
                text: "it does not say how far the log was durable".to_owned(),
            });
        }
    }

    /// Takes note of what is missing before a segment.
    fn step_to(&mut self, entry: &Entry, before: Option<&Entry>) {
        let next = self.next();
        if entry.first <= next {
            return;
        }
        let stated = entry.head.map(|head| head.before_first);
        let expected = before.map_or(Position::START, |before| before.first);
        if stated.is_none_or(|stated| stated != expected) {
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
        entry: &Entry,
        behind: Option<&Entry>,
        visit: &mut dyn Visit,
    ) -> Result<()> {
        let name = &entry.name;
        let faults_before = self.faults.len();
        let contents = match files::read(disk, name, FILE_BYTES_MAX) {
            Ok(contents) => contents.unwrap_or_default(),
            Err(error) => {
                self.faults.push(Fault::new(error, RESTORE));
                self.open_end = behind.is_none();
                return Ok(());
            }
        };
        let mut bytes = contents.bytes;
        self.faults.extend(contents.faults.into_iter().map(|error| Fault::new(error, RESTORE)));
        self.segments += 1;
        self.bytes += bytes.len() as u64;
        if behind.is_none()
            && bytes.len() < SEGMENT_HEAD_BYTES
            && self.durable() < entry.first
            && entry.first.0 > 1
        {
            let text = "it never held an event; the next opening for writing removes it".to_owned();
            self.remarks.push(Remark { file: name.clone(), text });
            return Ok(());
        }
        if let Err(error) = SegmentHead::read(&bytes) {
            self.faults.push(Fault::of(error, name, 0, RESTORE));
        }
        let Some(salt) = self.salt else { return Ok(()) };
        let end = behind.and_then(|behind| behind.head).filter(|head| head.before_first == entry.first);
        self.check_length(name, &mut bytes, end.as_ref());
        let positions = entry.first..behind.map_or(Position::MAX, |behind| behind.first);
        let scanned = scan(&bytes, SEGMENT_HEAD_BYTES.min(bytes.len()), salt, &positions);
        self.open_end =
            behind.is_none() && scanned.broken.last().is_some_and(|(range, _)| range.end == bytes.len());
        self.tell_broken(name, &scanned, behind.is_none(), &positions);
        self.take(name, &bytes, &scanned, visit)?;
        // Where the one behind it names another one, that one is missing, and nothing says where this one ended.
        let follows = end.is_some() || behind.is_some_and(|behind| behind.head.is_none());
        let ended = !follows || self.head.next() == positions.end;
        if !ended && self.faults.len() == faults_before {
            let (message, last) = ("a sealed segment ends at a wrong position", positions.end.before());
            let error = Error::damaged(message, last, self.head);
            self.faults.push(Fault::of(error, name, bytes.len() as u64, RESTORE));
        }
        let whole = self.faults.len() == faults_before && (end.is_some() || behind.is_none());
        let segment = Segment {
            head: entry.head.filter(|head| head.before_first == before),
            bytes: &bytes,
            frames: &scanned.frames,
            sealed: behind.is_some(),
            whole,
            length: end.map(|head| head.before_length.0),
        };
        visit.segment(&segment, &mut self.faults, &mut self.remarks)
    }

    /// Compares the length of a sealed segment with what the one behind it says, and takes off what is too much.
    fn check_length(&mut self, name: &str, bytes: &mut Vec<u8>, end: Option<&SegmentHead>) {
        let Some(end) = end.map(|head| head.before_length.0) else { return };
        let length = bytes.len() as u64;
        let (expected, found) = (format!("{end} bytes"), format!("{length} bytes"));
        if length < end {
            let error = Error::damaged("a sealed segment was cut short", expected, found);
            self.faults.push(Fault::of(error, name, length, RESTORE));
        } else if length > end {
            let error = Error::damaged("a sealed segment is longer than it was", expected, found);
            let remedy = "nothing need be done, nobody reads what is too much";
            self.faults.push(Fault::of(error, name, end, remedy));
            bytes.truncate(end as usize);
        }
    }

    /// Tells of what is no frame, and of frames that are out of place. Keeps V3.
    fn tell_broken(&mut self, name: &str, scanned: &Scanned, newest: bool, positions: &Range<Position>) {
        let broken = scanned.broken.iter().map(|(range, error)| (range.start, error));
        let misplaced = scanned.misplaced.iter().map(|(at, error)| (*at, error));
        let mut places: Vec<_> = broken.chain(misplaced).collect();
        places.sort_by_key(|(at, _)| *at);
        for (at, error) in places {
            let before = scanned.frames.iter().filter(|(start, _)| *start < at);
            let expected = before.map(|(_, head)| head.last().next()).max().unwrap_or(positions.start);
            let vouches = |(_, head): &(usize, FrameHead)| head.first >= expected && head.synced >= expected;
            let durable = !newest || self.durable() >= expected || scanned.frames.iter().any(vouches);
            if durable {
                self.faults.push(Fault::of(error.clone(), name, at as u64, RESTORE));
                continue;
            }
            let text = format!(
                "from byte {at} on it is as a crash leaves it, nothing there is known to have been durable; \
                 the next opening for writing cuts it off ({error})"
            );
            self.remarks.push(Remark { file: name.to_owned(), text });
            return;
        }
    }

    /// Takes the frames in the order of their positions. Keeps V2.
    fn take(&mut self, name: &str, bytes: &[u8], scanned: &Scanned, visit: &mut dyn Visit) -> Result<()> {
        for (at, head) in &scanned.frames {
            let next = self.next();
            let frame = Frame::again(&bytes[*at..], *head);
            if head.first < next {
                let error = Error::damaged("a frame stands here once more", next, head.first);
                self.faults.push(Fault::of(error, name, *at as u64, RESTORE));
                continue;
            }
            if let Err((start, error)) = self.chain.take_frame(&frame, next) {
                self.faults.push(Fault::of(error, name, (at + start) as u64, RESTORE));
                continue;
            }
            if head.first > next {
                self.note_lost(next, head.first.before());
            }
            self.head = head.last();
            self.verified.events += u64::from(head.count);
            self.verified.bytes += u64::from(head.length);
            self.verified.streams = self.chain.streams();
            visit.frame(&frame)?;
        }
        Ok(())
    }

    /// Compares the end of the log with what is known of how far it was durable.
    fn end(&mut self, newest: Option<&Entry>) {
        let (next, durable) = (self.next(), self.durable());
        let name = newest.map_or_else(|| path(next), |newest| newest.name.clone());
        let told = self.faults.iter().any(|fault| fault.is_in(&name));
        let behind = self.watermark.map(|mark| mark.segment).filter(|segment| *segment >= next);
        if durable >= next {
            self.lose(next, durable);
            if let Some(missing) = behind {
                let expected = format!("positions {next} to {durable}");
                let error = Error::damaged("a segment is missing", expected, "no such file");
                self.faults.push(Fault::new(error.in_file(&path(missing), None), RESTORE));
            } else if !told {
                let message = "the log ends early, the watermark says that more was durable";
                let error =
                    Error::damaged(message, format!("position {durable}"), format!("position {}", self.head));
                let at = newest.map_or(0, |newest| newest.length);
                self.faults.push(Fault::of(error, &name, at, RESTORE));
            }
        } else if newest.is_none() {
            let error = Error::damaged("there are no segments", "the first one", "no such file");
            self.faults.push(Fault::new(error.in_file(&name, None), RESTORE));
        }
        // Only a watermark of a store that was closed in good order says where exactly the log ended. Without any, it
        // may have been cut right behind a frame.
        let exact = self.watermark_holds && self.watermark.is_some_and(|mark| mark.clean);
        if !self.watermark_holds || (!exact && (self.open_end || newest.is_none())) {
            self.lost.push(Lost { first: self.next(), last: None });
        }
    }
}
