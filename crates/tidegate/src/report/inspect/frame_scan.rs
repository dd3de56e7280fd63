//! Looking through a segment for every whole frame, wherever it stands.
//!
//! Invariants:
//!
//! N1. Every byte belongs to one whole frame, to one broken stretch, or, in an active segment, to the unused space at
//!     its end.
//! N2. A frame that counts as whole holds its checksums, has events that break no rule of names, and lies within
//!     the positions that the segment may have.
//! N3. Memory holds one frame and one window at a time, and what is in order takes no more for being long.

use std::ops::Range;

use tidegate_format::frame::SLOT_FRAME_HEADER_BYTES;
use tidegate_format::{Error, Frame, FrameHeader, Position, Record, Result, frame, name};

use super::files::ReadWindow;

/// Bytes searched at once for the next frame.
const SEARCH_BYTES: usize = 256 << 10;

/// Whole frames that stand behind each other, with positions that go on from each other.
#[derive(Clone, Debug)]
pub(crate) struct FrameRun {
    /// Where they stand in the file.
    pub(crate) bytes: Range<u64>,
    /// The positions of their events.
    pub(crate) positions: Range<Position>,
}

/// What the bytes of a segment are.
#[derive(Debug, Default)]
pub(crate) struct FrameScan {
    /// The whole frames, in the order of their positions.
    pub(crate) runs: Vec<FrameRun>,
    /// What is not a frame, in the order of the file, and why.
    pub(crate) broken: Vec<(Range<u64>, Error)>,
    /// Whole frames that do not go on from what stands before them.
    pub(crate) misplaced: Vec<(u64, Error)>,
    /// The last position that a whole frame says was durable.
    pub(crate) synced: Position,
    /// Where the bytes end that are not unused space.
    pub(crate) end: u64,
}

/// Looks through a file from the byte `from` on, where the position `first` comes. `positions` are those that the
/// segment may have. An active one may have unused space behind its frames.
pub(crate) fn scan_frames(
    window: &mut ReadWindow,
    from: u64,
    salt: u64,
    positions: &Range<Position>,
    is_active: bool,
) -> FrameScan {
    let mut scanned = FrameScan { end: window.length(), ..FrameScan::default() };
    let (mut at, mut expected) = (from, Some(positions.start));
    while at < window.length() {
        match whole(window, at, salt, positions) {
            Ok(head) => {
                let (end, next) = (at + head.frame_bytes() as u64, head.last().next());
                let goes_on = expected == Some(head.first) && !scanned.runs.is_empty();
                match scanned.runs.last_mut().filter(|_| goes_on) {
                    Some(run) => (run.bytes.end, run.positions.end) = (end, next),
                    None => scanned.runs.push(FrameRun { bytes: at..end, positions: head.first..next }),
                }
                if let Some(expected) = expected.filter(|expected| *expected != head.first) {
                    let message = "a frame starts at a wrong position";
                    scanned.misplaced.push((at, Error::damaged(message, expected, head.first)));
                }
                scanned.synced = scanned.synced.max(head.synced);
                (at, expected) = (end, Some(next));
            }
            Err(_) if is_active && window.is_unused(at) => {
                scanned.end = at;
                break;
            }
            Err(error) => {
                let end = next_whole(window, at + 1, salt, positions).unwrap_or_else(|| {
                    if is_active {
                        // A torn frame may have unused space behind it.
                        window.cut_unused(at);
                        scanned.end = window.length();
                    }
                    window.length()
                });
                scanned.broken.push((at..end, error));
                (at, expected) = (end, None);
            }
        }
    }
    scanned.runs.sort_by_key(|run| (run.positions.start, run.bytes.start));
    scanned
}

/// Reads the frame at a byte, if it is whole.
pub(crate) fn frame_at(window: &mut ReadWindow, at: u64, salt: u64) -> Result<Frame<'_>> {
    let head = FrameHeader::read(window.bytes(at, SLOT_FRAME_HEADER_BYTES))?;
    Frame::read(window.bytes(at, head.frame_bytes()), salt)
}

/// Returns the head of the frame at a byte, if that is whole. Keeps N2.
fn whole(window: &mut ReadWindow, at: u64, salt: u64, positions: &Range<Position>) -> Result<FrameHeader> {
    let frame = frame_at(window, at, salt)?;
    let head = frame.head;
    if !is_within(&head, positions) {
        let expected = format!("positions from {} to {}", positions.start, positions.end.before());
        let found = format!("positions from {} to {}", head.first, head.last());
        return Err(Error::damaged("a frame belongs elsewhere", expected, found));
    }
    for (_, record) in frame.records() {
        check_names(&record).map_err(|broken| {
            let message = format!("the event at position {} breaks a rule", record.position());
            Error::damaged(message, "names within the rules", broken.message())
        })?;
    }
    Ok(head)
}

fn is_within(head: &FrameHeader, positions: &Range<Position>) -> bool {
    head.first >= positions.start && head.last() < positions.end
}

fn next_whole(window: &mut ReadWindow, from: u64, salt: u64, positions: &Range<Position>) -> Option<u64> {
    let mut at = from;
    while at < window.length() {
        let bytes = window.bytes(at, SEARCH_BYTES);
        let Some(start) = frame::find(bytes, 0) else {
            // The last three bytes may begin what the next window ends.
            at += bytes.len().saturating_sub(3).max(1) as u64;
            continue;
        };
        at += start as u64;
        // A payload may hold much that looks like a frame. What is cheap to tell comes first, and then the salted
        // checksum.
        let head = FrameHeader::read(window.bytes(at, SLOT_FRAME_HEADER_BYTES)).ok();
        let fits = |head: &FrameHeader| head.frame_bytes() as u64 <= window.length() - at;
        if let Some(head) = head.filter(|head| is_within(head, positions) && fits(head))
            && Frame::is_sealed(window.bytes(at, head.frame_bytes()), salt)
            && whole(window, at, salt, positions).is_ok()
        {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn check_names(record: &Record<'_>) -> Result<()> {
    name::check("scope", record.scope())?;
    name::check("entity", record.entity())?;
    name::check_kind(record.kind())?;
    if let Some((key, _)) = record.key() {
        name::check("key", key)?;
    }
    let mut tags = record.tags();
    tags.try_for_each(|tag| name::check("tag", tag))?;
    let mut metadata = record.metadata();
    metadata.try_for_each(|(name, _)| name::check("metadata name", name))
}
