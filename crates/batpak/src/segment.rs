//! A segment: a header, frames one after the other, and behind them a footer if it was closed in order.

use std::collections::HashMap;

use tidegate_format::{Error, ErrorKind, Offset, Result};

use crate::event::BatpakEvent;
use crate::message_pack::Decoder;

const MAGIC: &[u8; 4] = b"FBAT";
const VERSION: u16 = 1;
/// A frame's length and checksum.
const FRAME_HEADER_BYTES: usize = 8;
/// batpak takes no larger ones either.
const FRAME_BYTES_MAX: usize = 256 << 20;
/// What every frame begins with behind its header: a map of four with the field `event`, or of three in older files.
const FRAME_STARTS: [&[u8]; 2] = [b"\x84\xa5event", b"\x83\xa5event"];
const FOOTER_MAGIC: &[u8; 4] = b"SDX2";
const FOOTER_ENTRY_BYTES: usize = 162;
/// Where an entry says at which byte its frame begins, and its sequence.
const FOOTER_ENTRY_OFFSET: usize = 110;
const FOOTER_ENTRY_SEQUENCE: usize = 122;
const FOOTER_END_BYTES: usize = 16;

/// The frames of a segment.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    bytes: &'a [u8],
    /// The byte at which the first frame begins.
    start: usize,
    /// When it was begun, in nanoseconds since 1970.
    created: i64,
    footer: Option<Footer>,
    /// Whether there is a footer's mark, and what stands before it is not one.
    pub(crate) has_broken_footer: bool,
}

/// What a footer is believed about.
#[derive(Debug)]
struct Footer {
    /// The byte at which it begins.
    start: usize,
    /// The sequences of frames by the byte at which each begins.
    sequences: HashMap<u64, u64>,
}

/// Why the frames end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FramesEnd {
    /// Behind a whole frame.
    Whole,
    /// At this byte, where no whole frame begins; behind it there are this many whole ones.
    Broken { at: usize, behind: u64 },
}

impl<'a> Segment<'a> {
    /// Reads header and footer.
    pub(crate) fn read(name: &str, bytes: &'a [u8]) -> Result<Self> {
        if !bytes.starts_with(MAGIC) {
            let found = format!("{:02x?}", &bytes[..bytes.len().min(4)]);
            let message = "this is not a segment of batpak: it begins with other bytes";
            return Err(Error::damaged(message, "FBAT", found).in_file(name, Some(Offset(0))));
        }
        let damaged = || {
            let message = "the header of a segment of batpak is cut short, or is not one";
            Error::new(ErrorKind::Damaged, message).in_file(name, Some(Offset(4)))
        };
        let length = number(bytes, 4).ok_or_else(damaged)?;
        let start = length.checked_add(8).filter(|start| *start <= bytes.len()).ok_or_else(damaged)?;
        let (mut version, mut created) = (None, 0);
        let header = Decoder::new(&bytes[8..start]).fields(|field, value| {
            match field {
                "version" => version = Some(value.integer::<u16>()?),
                "created_ns" => created = value.integer()?,
                _ => drop(value.span()?),
            }
            Some(())
        });
        match (header, version) {
            (Some(()), Some(VERSION)) => {}
            (Some(()), Some(other)) => {
                let message = format!(
                    "the segment is of version {other} of batpak's format, and {VERSION} is read here, which is that of \
                     batpak 0.8.0"
                );
                return Err(Error::new(ErrorKind::Newer, message).in_file(name, Some(Offset(8))));
            }
            _ => return Err(damaged()),
        }
        let has_mark = bytes.len() >= start + FOOTER_END_BYTES && bytes.ends_with(FOOTER_MAGIC);
        let footer = if has_mark { Footer::read(bytes, start) } else { None };
        Ok(Self { bytes, start, created, has_broken_footer: has_mark && footer.is_none(), footer })
    }

    /// Returns whether a footer says the sequences.
    pub(crate) fn has_footer(&self) -> bool {
        self.footer.is_some()
    }

    /// Returns the sequence that the footer gives the frame at this byte.
    pub(crate) fn sequence(&self, offset: u64) -> Option<u64> {
        self.footer.as_ref()?.sequences.get(&offset).copied()
    }

    /// Returns the number of bytes from this one to the end of the frames.
    pub(crate) fn bytes_left(&self, at: usize) -> u64 {
        self.end().saturating_sub(at) as u64
    }

    fn end(&self) -> usize {
        self.footer.as_ref().map_or(self.bytes.len(), |footer| footer.start)
    }

    /// Hands over the events of all frames up to the first that is not whole.
    pub(crate) fn each(&self, mut take: impl FnMut(BatpakEvent)) -> FramesEnd {
        let (frames, mut at) = (&self.bytes[..self.end()], self.start);
        while at < frames.len() {
            let Some((event, next)) = frame(frames, at) else {
                return FramesEnd::Broken { at, behind: whole_behind(frames, at + 1) };
            };
            take(event);
            at = next;
        }
        FramesEnd::Whole
    }
}

/// Returns when a segment was begun, in nanoseconds since 1970.
pub(crate) fn created(name: &str, bytes: &[u8]) -> Result<i64> {
    Segment::read(name, bytes).map(|segment| segment.created)
}

impl Footer {
    /// Reads a footer that lies whole behind the frames. A footer has no checksum: each of its entries counts only for a
    /// frame that begins where it says.
    fn read(bytes: &[u8], first_frame: usize) -> Option<Self> {
        let end = bytes.len() - FOOTER_END_BYTES;
        let start = usize::try_from(little_endian(bytes, end, 8)?).ok()?;
        let count = usize::try_from(little_endian(bytes, end + 8, 4)?).ok()?;
        let entries = end.checked_sub(count.checked_mul(FOOTER_ENTRY_BYTES)?)?;
        if start < first_frame || start > entries {
            return None;
        }
        let mut names = Decoder::new(&bytes[start..entries]);
        names.span()?;
        if !names.is_at_end() {
            return None;
        }
        let entry = |entry: &[u8]| {
            Some((
                little_endian(entry, FOOTER_ENTRY_OFFSET, 8)?,
                little_endian(entry, FOOTER_ENTRY_SEQUENCE, 8)?,
            ))
        };
        let sequences = bytes[entries..end].chunks(FOOTER_ENTRY_BYTES).map(entry).collect::<Option<_>>()?;
        Some(Self { start, sequences })
    }
}

/// Reads the frame that begins at this byte, and returns its event and the byte behind it.
fn frame(frames: &[u8], at: usize) -> Option<(BatpakEvent, usize)> {
    let length = number(frames, at).filter(|length| *length <= FRAME_BYTES_MAX)?;
    let body = at + FRAME_HEADER_BYTES;
    let end = body.checked_add(length)?;
    let bytes = frames.get(body..end)?;
    let is_whole = crc32fast::hash(bytes) as usize == number(frames, at + 4)?;
    is_whole.then(|| BatpakEvent::read(bytes, at as u64)).flatten().map(|event| (event, end))
}

/// Counts the whole frames behind a byte. Only where a frame can begin is a checksum computed.
fn whole_behind(frames: &[u8], mut at: usize) -> u64 {
    let mut count = 0;
    while at + FRAME_HEADER_BYTES < frames.len() {
        let body = &frames[at + FRAME_HEADER_BYTES..];
        let can_begin = FRAME_STARTS.iter().any(|start| body.starts_with(start));
        match can_begin.then(|| frame(frames, at)).flatten() {
            Some((_, next)) => {
                count += 1;
                at = next;
            }
            None => at += 1,
        }
    }
    count
}

/// Reads four bytes as a number, the highest first.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_be_bytes(four) as usize)
}

/// Reads bytes as a number, the lowest first.
fn little_endian(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(count)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
