//! The active segment: the one file of the log that grows.
//!
//! Invariants:
//!
//! A1. There is one [`ActiveSegment`] of a segment at most; the caller that holds it is its writer.
//! A2. A segment has its name only once its head is durable, so a named segment always has a head.
//! A3. Frames are written behind the tail only, and the tail moves only behind whole frames.
//! A4. An error of kind [`Full`](ErrorKind::Full) leaves nothing behind that is ever read.
//! A5. Behind the tail the file holds zeros or nothing, but for what a failed append left there until it is cut off.

use std::ops::Range;
use std::sync::Arc;

use tidegate_disk::replace::{Replacement, Unplaced};
use tidegate_disk::{Disk, File};
use tidegate_format::{
    Error, ErrorKind, Frame, FrameHeader, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentHeader,
    SegmentName,
};

use crate::frame_reader::{read_full, write_error};
use crate::mem_index::EventHashes;
use crate::segment::{Segment, path};
use crate::term::HashKey;

/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

/// The right to write to a segment.
#[derive(Debug)]
pub struct ActiveSegment {
    segment: Arc<Segment>,
    /// Where the file ends: at the tail, or behind the space that was prepared.
    file_end: u64,
}

impl ActiveSegment {
    /// Creates a segment with this head and makes it durable, name and all.
    pub fn create(disk: &dyn Disk, head: SegmentHeader, hash_key: HashKey) -> Result<Self> {
        let name = SegmentName::new(head.first);
        let file = put_in_place(disk, name, &head, |_| Ok(()))?;
        Ok(Self::at_tail(Segment::empty(name, head, file, hash_key)))
    }

    /// Goes on with a segment whose frames were all taken in and are known to be durable. Nothing but unused space
    /// follows them.
    pub fn resume(segment: Segment) -> Result<Self> {
        let file_end = segment.file_length()?;
        Ok(Self { file_end, ..Self::at_tail(segment) })
    }

    fn at_tail(segment: Segment) -> Self {
        Self { file_end: segment.tail().0, segment: Arc::new(segment) }
    }

    /// Puts a durable copy of frames of a segment, from one byte to another, into a file of its own and goes on with that
    /// one: after a crash the page cache may show bytes that the disk never got. `head` is the copy's head. If it says the
    /// first position of the segment, the copy is its next generation and stands in for it, and the old file can be removed
    /// from now on; otherwise the copy is the next segment. The last event that is copied comes before `next`.
    pub fn recover(
        disk: &dyn Disk,
        old: &Segment,
        frames: Range<Offset>,
        next: Position,
        head: SegmentHeader,
    ) -> Result<Self> {
        let is_same = head.first == old.first();
        let name = if is_same { old.file_name().next_generation() } else { SegmentName::new(head.first) };
        let begin = SEGMENT_HEADER_BYTES as u64;
        let file = put_in_place(disk, name, &head, |file| {
            let mut buffer = vec![0; COPY_BYTES];
            let source = old.file()?;
            let mut at = frames.start.0;
            while at < frames.end.0 {
                let count = COPY_BYTES.min((frames.end.0 - at) as usize);
                let filled = read_full(&*source, &mut buffer[..count], at)?;
                if filled == 0 {
                    return Err(Error::new(ErrorKind::Io, "the file became shorter while it was copied"));
                }
                let to = begin + (at - frames.start.0);
                file.write_all_at(&buffer[..filled], to).map_err(|cause| unwritten(cause, old.name()))?;
                at += filled as u64;
            }
            Ok(())
        })?;
        let segment = Segment::empty(name, head, file, old.hash_key());
        // Asserts in pairs: what was copied must read back as what was read before.
        let fault = segment.replay(begin + (frames.end.0 - frames.start.0), |_| true)?;
        match fault {
            None if segment.next() == next => Ok(Self::at_tail(segment)),
            None => Err(Error::damaged("the copied segment ends early", next, segment.next())
                .in_file(old.name(), Some(segment.tail()))),
            Some(fault) => Err(fault.error),
        }
    }

    /// Returns the segment, for readers.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Writes a frame that was sealed with this head behind the tail, and adds its events to the index. `hashes` are
    /// those of each event, if they are known.
    /// After an error the file may hold a part of the frame; [`cut`](Self::cut) takes it off.
    pub fn append(&mut self, bytes: &[u8], head: FrameHeader, hashes: Option<&[EventHashes]>) -> Result<()> {
        let segment = &self.segment;
        let tail = segment.tail();
        debug_assert!(Frame::read(bytes, segment.head().salt).is_ok(), "only whole frames are written");
        segment.file()?.write_all_at(bytes, tail.0).map_err(|cause| unwritten(cause, segment.name()))?;
        segment.mem_index().add_frame(&Frame::again(bytes, head), tail, hashes);
        segment.grow(tail.plus(bytes.len() as u64));
        self.file_end = self.file_end.max(segment.tail().0);
        Ok(())
    }

    /// Returns where the file ends: at the tail, or behind the space that was prepared.
    pub fn file_end(&self) -> Offset {
        Offset(self.file_end)
    }

    /// Lengthens the file with zeros up to the byte `end`, so that the frames that come there do not change its length. No
    /// sync is made of them: they are durable with the next frame that is. After an error the file is as long as it was,
    /// if that can be done, and frames go on being written.
    pub fn prepare(&mut self, end: Offset) -> Result<()> {
        let (from, segment) = (self.file_end, &self.segment);
        if end.0 <= from {
            return Ok(());
        }
        let file = segment.file()?;
        // From the end of the file on, where no frame is (keeps A3): the writer does one thing at a time (A1).
        let written = file.write_all_at(&vec![0; (end.0 - from) as usize], from);
        // Others may need the room that it took in vain.
        let is_kept = written.is_ok() || file.set_len(from).is_err();
        self.file_end = if is_kept { end.0 } else { from };
        written.map_err(|cause| unwritten(cause, segment.name()))
    }

    /// Takes off the space that was prepared and not used.
    pub fn trim(&mut self) -> Result<()> {
        if self.file_end > self.segment.tail().0 { self.cut() } else { Ok(()) }
    }

    /// Takes off what stands behind the tail.
    pub fn cut(&mut self) -> Result<()> {
        let (segment, tail) = (&self.segment, self.segment.tail().0);
        segment.file()?.set_len(tail).map_err(|cause| unwritten(cause, segment.name()))?;
        self.file_end = tail;
        Ok(())
    }

    /// Makes what was written durable. After an error the outcome is unknown for good.
    pub fn sync(&self) -> Result<()> {
        sync(&self.segment)
    }
}

/// Makes what was written to a segment durable. After an error the outcome is unknown for good.
pub fn sync(segment: &Segment) -> Result<()> {
    segment.sync_file().map_err(|cause| {
        let error = Error::new(ErrorKind::Ended, "a sync failed, what it should have kept may be lost");
        error.in_file(segment.name(), None).because(cause)
    })
}

fn unwritten(cause: std::io::Error, name: &str) -> Error {
    write_error("the segment cannot be written", name, cause)
}

/// Puts a segment with this head into its place, once `fill` has filled the file.
fn put_in_place(
    disk: &dyn Disk,
    name: SegmentName,
    head: &SegmentHeader,
    fill: impl FnOnce(&dyn File) -> Result<()>,
) -> Result<Arc<dyn File>> {
    let name = path(name);
    let at = |cause| write_error("the segment cannot be created", &name, cause);
    let new = Replacement::begin(disk, &name).map_err(at)?;
    new.file().write_all_at(&head.encode(), 0).map_err(at)?;
    fill(new.file())?;
    new.finish().map_err(|unplaced| match unplaced {
        Unplaced::Before(cause) => at(cause),
        // From here on the segment is there, durable or not, so this is not an error after which to go on (A4).
        Unplaced::After(cause) => {
            let error = Error::new(ErrorKind::Io, "whether the segment's name is kept is unknown");
            error.in_file(&name, None).because(cause)
        }
    })
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tidegate_disk::Env;
    use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing};
    use tidegate_format::record::{Facts, Placed};
    use tidegate_format::{Blind, Draft, Hash, Micros, Record, StoreId, Version, frame, record};

    use super::*;
    use crate::cache::{FileCache, OpenFiles};
    use crate::segment::SEGMENTS;
    use crate::term::Term;

    const SALT: u64 = 99;

    fn sealed() -> (Vec<u8>, FrameHeader) {
        let id = tidegate_format::EventId([1; 16]);
        let facts = Facts {
            id,
            correlation: id.into(),
            causes: &[],
            key: None,
            notes: &[],
            blind: Blind::default(),
            batch_end: true,
        };
        let (position, previous, version) = (Position(1), Position(0), Version(1));
        let placed = Placed { position, version, previous, link: Hash::ZERO, time: Micros(7) };
        let mut bytes = Vec::new();
        let payload = record::encode(&Draft::new(("shop", "order-7"), "order.placed"), &facts, &mut bytes);
        record::place(&mut bytes, &placed, position, &payload);
        bytes.splice(0..0, [0; FRAME_HEADER_BYTES]);
        let head = frame::seal(
            &mut bytes,
            &Sealing { first: position, synced: previous, epoch: 1, slot: None },
            SALT,
        );
        (bytes, head)
    }

    const SEGMENT_HEAD: SegmentHeader = SegmentHeader {
        store: StoreId([2; 16]),
        salt: SALT,
        first: Position(1),
        before_first: Position(0),
        before_length: Offset(0),
        created: Micros(7),
        epoch: 1,
    };

    fn created() -> Result<(Arc<dyn Disk>, ActiveSegment)> {
        let disk = Env::memory().disk;
        disk.create_folder(SEGMENTS).expect("memory takes folders");
        let active = ActiveSegment::create(&*disk, SEGMENT_HEAD, HashKey(1, 2))?;
        Ok((disk, active))
    }

    #[test]
    fn a_segment_with_fewer_events_than_the_next_one_says_is_refused() -> Result<()> {
        let (disk, mut active) = created()?;
        let (bytes, head) = sealed();
        active.append(&bytes, head, None)?;
        let cache = FileCache::new(disk, false, OpenFiles::default());
        let (before_first, before_length) = (Position(1), active.segment().tail());
        for (first, whole) in [(2, true), (3, false)] {
            let behind =
                SegmentHeader { first: Position(first), before_first, before_length, ..SEGMENT_HEAD };
            let segment = Segment::find_sealed(&cache, Position(1).into(), &behind, HashKey(1, 2), false)?;
            let kind = segment.index_in_memory().map_err(|error| error.kind());
            assert_eq!(kind, if whole { Ok(()) } else { Err(ErrorKind::Damaged) });
        }
        Ok(())
    }

    #[test]
    fn a_segment_that_was_written_here_is_indexed_without_its_file() -> Result<()> {
        let (disk, mut active) = created()?;
        let (bytes, head) = sealed();
        let stream = HashKey(1, 2).hash(Term::stream("shop", "order-7", 0).as_bytes());
        let leaf = Record::read(&bytes[FRAME_HEADER_BYTES..])?.leaf();
        active.append(&bytes, head, Some(&[EventHashes { stream, leaf }]))?;
        let segment = active.segment();
        let (before_first, before_length) = (Position(1), segment.tail());
        let behind = SegmentHeader { first: Position(2), before_first, before_length, ..SEGMENT_HEAD };
        let cache = FileCache::new(Arc::clone(&disk), false, OpenFiles::default());
        segment.seal(&behind, &cache);
        let no_level = |_| Ok(None);
        let read = segment.build_index_anew(no_level)?;
        // A descriptor that is still open would be read.
        cache.make_room();
        disk.remove(segment.name()).expect("it is there");
        assert_eq!(segment.build_index_anew(no_level).map_err(|error| error.kind()), Err(ErrorKind::Io));
        assert_eq!(segment.build_index(no_level)?, read);
        assert!(read.is_some());
        Ok(())
    }

    /// keeps A3, A5
    #[test]
    fn prepared_space_is_written_over_and_taken_off() -> Result<()> {
        let (_, mut active) = created()?;
        let (bytes, head) = sealed();
        let behind = SEGMENT_HEADER_BYTES as u64 + bytes.len() as u64;
        let length = |active: &ActiveSegment| active.segment().file_length();
        active.prepare(Offset(behind + 500))?;
        active.append(&bytes, head, None)?;
        assert_eq!((length(&active)?, active.segment().tail()), (behind + 500, Offset(behind)));
        let mut found = vec![7; bytes.len() + 500];
        active
            .segment()
            .file()?
            .read_full_at(&mut found, SEGMENT_HEADER_BYTES as u64)
            .expect("memory is read");
        assert!(found.starts_with(&bytes) && found[bytes.len()..].iter().all(|byte| *byte == 0));
        active.prepare(Offset(behind + 20))?;
        assert_eq!((length(&active)?, active.file_end()), (behind + 500, Offset(behind + 500)));
        active.trim()?;
        assert_eq!((length(&active)?, active.file_end()), (behind, Offset(behind)));
        active.prepare(Offset(behind + 20))?;
        active.cut()?;
        assert_eq!((length(&active)?, active.file_end()), (behind, Offset(behind)));
        Ok(())
    }

    /// F35: bytes that change between sealing and writing are caught before they are written.
    #[test]
    fn a_frame_that_changed_after_it_was_sealed_is_not_written() -> Result<()> {
        let (_, mut active) = created()?;
        let (bytes, head) = sealed();
        for byte in (0..bytes.len()).step_by(13) {
            let mut changed = bytes.clone();
            changed[byte] ^= 0x10;
            let written = catch_unwind(AssertUnwindSafe(|| active.append(&changed, head, None)));
            assert!(written.is_err(), "byte {byte}");
            assert_eq!(active.segment().file_length()?, SEGMENT_HEADER_BYTES as u64);
        }
        active.append(&bytes, head, None)?;
        assert_eq!(active.segment().next(), Position(2));
        Ok(())
    }
}
