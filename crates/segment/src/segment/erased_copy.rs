//! Erased copies: a sealed segment written anew without the payloads that are erased, in its next generation.
//!
//! Invariants:
//!
//! D1. The file of a segment is never written to: who has it mapped reads what it held.
//! D2. A copy gets its name only once it was read back: it has the frames and leaves of the old file, and nothing of what is
//!     erased.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidegate_disk::replace::{Replacement, Unplaced};
use tidegate_disk::{Block, File};
use tidegate_format::frame::Sealing;
use tidegate_format::{
    Error, ErrorKind, Frame, Offset, Position, Record, Result, SEGMENT_HEADER_BYTES, frame, record,
};

use super::{Segment, files, path};
use crate::cache::FileCache;
use crate::event::{Erasing, Mask};
use crate::frame_reader::{FrameReader, write_error};

/// Zeros of an erased payload are left out of the file in blocks of this size, so that a file system need not keep them.
const HOLE_BYTES: usize = 4096;

/// A segment whose file was written anew.
#[derive(Debug)]
pub struct ErasedCopy {
    /// The segment in its newer generation.
    pub segment: Arc<Segment>,
    /// Bytes of its file.
    pub bytes: u64,
    /// What the old file held, for those who want to know whether others hold it.
    pub old: Block,
}

impl Segment {
    /// Writes the segment, which is sealed, anew without what the mask covers, in the next generation, durable with its name.
    /// Returns `None` if the file holds nothing of that any more, and nothing behind the end of the segment. The old file stays.
    pub fn write_erased(&self, cache: &Arc<FileCache>, mask: &Mask) -> Result<Option<ErasedCopy>> {
        if !self.has_rest() && !self.holds_any(mask)? {
            return Ok(None);
        }
        let disk = cache.disk();
        let newest = files::find(disk, self.first())?.unwrap_or(self.file_name());
        let name = newest.next_generation();
        let file_name = path(name);
        let at = |cause| write_error("the segment cannot be written anew", &file_name, cause);
        let (old, tail) = (self.bytes()?, self.tail().0);
        let new = Replacement::begin(disk, &file_name).map_err(at)?;
        new.file().write_all_at(&self.head().encode(), 0).map_err(at)?;
        self.copy_frames(&old, mask, |bytes, offset| new.file().write_all_at(bytes, offset).map_err(at))?;
        // The last bytes may be a hole.
        new.file().set_len(tail).map_err(at)?;
        new.file().sync().map_err(at)?;
        self.check_copy(new.file(), &old, mask).map_err(|error| error.in_file(&file_name, None))?;
        new.finish().map(drop).map_err(|unplaced| match unplaced {
            Unplaced::Before(cause) => at(cause),
            Unplaced::After(cause) => {
                let error =
                    Error::new(ErrorKind::Io, "whether the name of the segment's copy is kept is unknown");
                error.in_file(&file_name, None).because(cause)
            }
        })?;
        Ok(Some(ErasedCopy { segment: Arc::new(self.in_file(name, cache)), bytes: tail, old }))
    }

    /// Returns whether the file holds anything that the mask covers.
    fn holds_any(&self, mask: &Mask) -> Result<bool> {
        let bytes = self.bytes()?;
        let lookup = self.lookup()?;
        for event in mask.events() {
            let start = lookup.offset(event)?;
            let record = Record::read(bytes.get(start.0 as usize..).unwrap_or_default())
                .map_err(|error| error.in_file(self.name(), Some(start)))?;
            if !is_blank(&record, mask.of(event)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Calls `write` with each frame as the mask leaves it, or with its parts that are not zeros.
    fn copy_frames(
        &self,
        old: &[u8],
        mask: &Mask,
        mut write: impl FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        let salt = self.head().salt;
        self.each_frame(old, |at, bytes, frame| {
            let mut copy: Option<Vec<u8>> = None;
            for (start, record) in frame.records() {
                let Some(erasing) = mask.of(self.ordinal(record.position())) else { continue };
                let copy = copy.get_or_insert_with(|| bytes.to_vec());
                let record = &mut copy[start..start + record.as_bytes().len()];
                match erasing {
                    Erasing::Payload => record::erase(record),
                    Erasing::Content => record::erase_content(record),
                }
            }
            let Some(mut copy) = copy else { return write(bytes, at) };
            let head = frame.head;
            let sealing =
                Sealing { first: head.first, synced: head.synced, epoch: head.epoch, slot: head.slot };
            frame::seal(&mut copy, &sealing, salt);
            // Blocks of the file, so that a hole takes no room.
            let mut from = 0;
            while from < copy.len() {
                let block = HOLE_BYTES - (at as usize + from) % HOLE_BYTES;
                let piece = &copy[from..copy.len().min(from + block)];
                if piece.len() < HOLE_BYTES || piece.iter().any(|byte| *byte != 0) {
                    write(piece, at + from as u64)?;
                }
                from += piece.len();
            }
            Ok(())
        })
    }

    /// Reads every frame up to the tail, and refuses one that is not whole or out of place.
    fn each_frame(
        &self,
        bytes: &[u8],
        mut each: impl FnMut(u64, &[u8], &Frame<'_>) -> Result<()>,
    ) -> Result<()> {
        let (mut at, mut next) = (SEGMENT_HEADER_BYTES, self.first());
        while at < bytes.len() {
            let place = |error: Error| error.in_file(self.name(), Some(Offset(at as u64)));
            let frame = Frame::read(&bytes[at..], self.head().salt).map_err(place)?;
            if frame.head.first != next {
                let error = Error::damaged("a frame starts at a wrong position", next, frame.head.first);
                return Err(place(error));
            }
            let end = at + frame.head.frame_bytes();
            each(at as u64, &bytes[at..end], &frame)?;
            (at, next) = (end, frame.head.last().next());
        }
        self.check_end(next.0 - self.first().0)
    }

    /// Reads a copy from its file and compares it with the old one (keeps D2).
    fn check_copy(&self, file: &dyn File, old: &[u8], mask: &Mask) -> Result<()> {
        let (from, salt) = (Offset(SEGMENT_HEADER_BYTES as u64), self.head().salt);
        let mut reader = FrameReader::new(file, salt, from, self.tail().0, self.first());
        let mut next = self.first();
        let fault = reader.run(|at, frame| {
            let before = Frame::read(old.get(at.0 as usize..).unwrap_or_default(), salt)?;
            if before.head != frame.head {
                return Err(unlike(frame.head.first));
            }
            for ((_, before), (_, after)) in before.records().zip(frame.records()) {
                let erasing = mask.of(self.ordinal(after.position()));
                let is_same = erasing.is_some() || before.as_bytes() == after.as_bytes();
                if before.leaf() != after.leaf() || !is_same || !is_blank(&after, erasing) {
                    return Err(unlike(after.position()));
                }
            }
            next = frame.head.last().next();
            Ok(ControlFlow::Continue(()))
        })?;
        match fault {
            None if next == self.next() => Ok(()),
            None => Err(unlike(next)),
            Some(fault) => Err(fault.error),
        }
    }
}

/// Returns whether nothing is left in a record of what is to be erased of it.
fn is_blank(record: &Record<'_>, erasing: Option<Erasing>) -> bool {
    let has_content = record.key().is_some_and(|(_, content)| content != tidegate_format::Hash::ZERO);
    match erasing {
        None => true,
        Some(Erasing::Content) => !has_content,
        Some(Erasing::Payload) => !has_content && record.is_erased(),
    }
}

fn unlike(position: Position) -> Error {
    let message = format!("the copy of a segment differs at position {position} from what it was made of");
    Error::damaged(message, "the same leaves", "others")
}
