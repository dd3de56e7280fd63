//! Looking through the bytes of a segment for every whole frame, wherever it stands.
//!
//! Invariants:
//!
//! N1. Every byte belongs to one whole frame or to one broken stretch.
//! N2. A frame that counts as whole holds its checksums, has events that break no rule of names, and lies within
//!     the positions that the segment may have.

use std::ops::Range;

use tidegate_format::{Error, Frame, FrameHead, Position, Record, Result, frame, name};

/// What the bytes of a segment are.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Where each whole frame starts, and what its head says; by their positions.
    pub(super) frames: Vec<(usize, FrameHead)>,
    /// What is no frame, in the order of the file, and why.
    pub(super) broken: Vec<(Range<usize>, Error)>,
    /// Whole frames that do not go on from what stands before them.
    pub(super) misplaced: Vec<(usize, Error)>,
}

/// Looks through `bytes` from the byte `from` on, where the position `first` comes. `positions` are those that the
/// segment may have.
pub(super) fn scan(bytes: &[u8], from: usize, salt: u64, positions: &Range<Position>) -> Scanned {
    let mut scanned = Scanned::default();
    let (mut at, mut expected) = (from, Some(positions.start));
    while at < bytes.len() {
        match whole(&bytes[at..], salt, positions) {
            Ok(head) => {
                if let Some(expected) = expected.filter(|expected| *expected != head.first) {
                    let message = "a frame starts at a wrong position";
                    scanned.misplaced.push((at, Error::damaged(message, expected, head.first)));
                }
                scanned.frames.push((at, head));
                at += head.frame_bytes();
                expected = Some(head.last().next());
            }
            Err(error) => {
                let end = next_whole(bytes, at + 1, salt, positions).unwrap_or(bytes.len());
                scanned.broken.push((at..end, error));
                (at, expected) = (end, None);
            }
        }
    }
    scanned.frames.sort_by_key(|(at, head)| (head.first, *at));
    scanned
}

/// The head of the frame that starts `bytes`, if that is whole. Keeps N2.
fn whole(bytes: &[u8], salt: u64, positions: &Range<Position>) -> Result<FrameHead> {
    let frame = Frame::read(bytes, salt)?;
    let head = frame.head;
    if head.first < positions.start || head.last() >= positions.end {
        let expected = format!("positions from {} to {}", positions.start, positions.end.before());
        let found = format!("positions from {} to {}", head.first, head.last());
        return Err(Error::damaged("a frame belongs elsewhere", expected, found));
    }
    for (_, record) in frame.records() {
        check_names(&record).map_err(|broken| {
            let position = record.position();
            Error::damaged(
                format!("the event at position {position} breaks a rule"),
                "none",
                broken.message(),
            )
        })?;
    }
    Ok(head)
}

fn next_whole(bytes: &[u8], from: usize, salt: u64, positions: &Range<Position>) -> Option<usize> {
    let mut at = from;
    loop {
        at = frame::find(bytes, at)?;
        // A payload may hold much that looks like a frame; the salted checksum tells it quickly.
        if Frame::is_sealed(&bytes[at..], salt) && whole(&bytes[at..], salt, positions).is_ok() {
            return Some(at);
        }
        at += 1;
    }
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
