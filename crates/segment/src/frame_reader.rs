//! Reads the frames of a segment's file up to the first invalid one.
//!
//! Invariants:
//!
//! W1. What a reader hands out was checked whole, in order, with the positions that must come next.
//! W2. A reader never changes anything and holds at most one frame and one window in memory.
//! W3. Zeros are never a frame. Behind the frames of an active segment they are unused space up to the end of the
//!     file, and nothing else: a byte that is not zero behind them makes them a fault.

use std::ops::ControlFlow;

use tidegate_disk::room::lacks_room;
use tidegate_disk::{File, NotPlain};
use tidegate_format::frame::SLOT_FRAME_HEADER_BYTES;
use tidegate_format::{Error, ErrorKind, Frame, FrameHeader, Offset, Position, Result, frame, limit};

/// Bytes read at once.
const WINDOW_BYTES: usize = 1 << 20;
/// Bytes read at first to tell zeros from anything else.
const FIRST_LOOK_BYTES: usize = 4096;

/// Reads frames from one byte of a file to another.
#[derive(Debug)]
pub struct FrameReader<'a> {
    file: &'a dyn File,
    salt: u64,
    at: u64,
    end: u64,
    next: Position,
    /// The last position that is asked for.
    until: Position,
    /// Whether zeros up to the end are unused space.
    has_unused_space: bool,
    window: Vec<u8>,
    window_at: u64,
}

/// Why a [`FrameReader`] ended before the end of the file.
#[derive(Debug)]
pub struct FrameFault {
    /// What is wrong with the bytes behind the last whole frame.
    pub error: Error,
    /// A later whole frame that was written when the position expected here was already durable. With it
    /// the bytes here were damaged; without, they may be the torn tail of a crash.
    pub later_durable: Option<(Offset, FrameHeader)>,
    /// The last position that a later whole frame, up to `later_durable` if there is one, calls durable.
    pub synced: Position,
    /// Where what is not zero ends. Behind a torn frame may be unused space.
    pub end: Offset,
}

impl<'a> FrameReader<'a> {
    /// Reads from the byte `from`, where the event `next` must come, up to the byte `end`.
    pub fn new(file: &'a dyn File, salt: u64, from: Offset, end: u64, next: Position) -> Self {
        let (until, has_unused_space, window) = (Position::MAX, false, Vec::new());
        Self { file, salt, at: from.0, end, next, until, has_unused_space, window, window_at: from.0 }
    }

    /// Says that the segment is active, so that its frames may be followed by unused space. Keeps W3.
    #[must_use]
    pub fn active(mut self) -> Self {
        self.has_unused_space = true;
        self
    }

    /// Stops behind the frame that holds this position, and does not look at what follows.
    #[must_use]
    pub fn until(mut self, position: Position) -> Self {
        self.until = position;
        self
    }

    /// Calls `each` with the place and contents of every whole frame. Ends at the end, before the frame at
    /// which `each` breaks off, or with the fault that stopped it. An error is one of reading, or of `each`.
    pub fn run(
        &mut self,
        mut each: impl FnMut(Offset, &Frame<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<Option<FrameFault>> {
        while self.at < self.end && self.next <= self.until {
            let at = Offset(self.at);
            match self.frame() {
                Ok(frame) => {
                    let (length, last) = (frame.head.frame_bytes(), frame.head.last());
                    if each(at, &frame)?.is_break() {
                        return Ok(None);
                    }
                    self.at += length as u64;
                    self.next = last.next();
                }
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    if self.has_unused_space && is_unused(self.file, at, self.end)? {
                        return Ok(None);
                    }
                    let (later_durable, synced) = self.find_later_durable()?;
                    let end =
                        if self.has_unused_space { used_end(self.file, at, self.end)? } else { self.end };
                    return Ok(Some(FrameFault { error, later_durable, synced, end: Offset(end) }));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn frame(&mut self) -> Result<Frame<'_>> {
        let (salt, next) = (self.salt, self.next);
        let head = FrameHeader::read(self.bytes(SLOT_FRAME_HEADER_BYTES)?)?;
        if head.first != next {
            return Err(Error::damaged("a frame starts at a wrong position", next, head.first));
        }
        Frame::read(self.bytes(head.frame_bytes())?, salt)
    }

    /// Looks from the fault on for a whole frame that says that what should stand there was durable. If a part of the
    /// file is gone, that is the very frame that starts at a wrong position. Returns it, and the last position that whole
    /// frames up to it call durable: several frames may have been on their way, and each says only what was synced before
    /// it was sealed.
    fn find_later_durable(&mut self) -> Result<(Option<(Offset, FrameHeader)>, Position)> {
        let (bad, next, salt) = (self.at, self.next, self.salt);
        let (mut found, mut synced) = (None, Position::START);
        while found.is_none() && self.at < self.end {
            let bytes = self.bytes(WINDOW_BYTES)?;
            let Some(start) = frame::find(bytes, 0) else {
                // The last three bytes may begin what the next window ends.
                self.at += bytes.len().saturating_sub(3).max(1) as u64;
                continue;
            };
            self.at += start as u64;
            let at = Offset(self.at);
            let says_more = |head: &FrameHeader| head.first >= next && head.synced > synced;
            if let Some(head) = self.candidate(salt, says_more)? {
                synced = head.synced;
                found = (synced >= next).then_some((at, head));
            }
            self.at += 1;
        }
        self.at = bad;
        Ok((found, synced))
    }

    /// Returns the head of the frame that starts here, if that is whole and its head is wanted. Payloads may hold any
    /// number of heads that claim much, so what is cheap to tell comes first.
    fn candidate(&mut self, salt: u64, wanted: impl Fn(&FrameHeader) -> bool) -> Result<Option<FrameHeader>> {
        let Ok(head) = FrameHeader::read(self.bytes(SLOT_FRAME_HEADER_BYTES)?) else { return Ok(None) };
        if !wanted(&head) || head.frame_bytes() as u64 > self.end - self.at {
            return Ok(None);
        }
        let bytes = self.bytes(head.frame_bytes())?;
        let is_whole = Frame::is_sealed(bytes, salt) && Frame::read(bytes, salt).is_ok();
        Ok(is_whole.then_some(head))
    }

    /// Returns the next `count` bytes, or as many as there are.
    fn bytes(&mut self, count: usize) -> Result<&[u8]> {
        debug_assert!(count <= limit::FRAME_BYTES_MAX + SLOT_FRAME_HEADER_BYTES, "heads state no more");
        let count = count.min((self.end - self.at) as usize);
        let held =
            self.at >= self.window_at && self.at + count as u64 <= self.window_at + self.window.len() as u64;
        if !held {
            // With a window beyond what is asked for, what follows close behind is not read all over again.
            self.fill(count + WINDOW_BYTES)?;
        }
        let start = (self.at - self.window_at) as usize;
        Ok(&self.window[start..self.window.len().min(start + count)])
    }

    fn fill(&mut self, count: usize) -> Result<()> {
        let count = count.min((self.end - self.at) as usize);
        self.window.resize(count, 0);
        self.window_at = self.at;
        let filled = read_full(self.file, &mut self.window, self.at)?;
        self.window.truncate(filled);
        Ok(())
    }
}

/// Returns whether all bytes of a file from one to another are zeros. There may be none.
fn is_unused(file: &dyn File, from: Offset, end: u64) -> Result<bool> {
    let (mut at, mut buffer) = (from.0, vec![0; FIRST_LOOK_BYTES]);
    while at < end {
        let count = buffer.len().min((end - at) as usize);
        let filled = read_full(file, &mut buffer[..count], at)?;
        if buffer[..filled].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        if filled < count {
            break;
        }
        at += filled as u64;
        // What begins with zeros is read in larger pieces, what does not was read for little.
        buffer.resize(WINDOW_BYTES, 0);
    }
    Ok(true)
}

/// Returns behind which byte of a file, from one to another, there are zeros alone.
fn used_end(file: &dyn File, from: Offset, mut end: u64) -> Result<u64> {
    let mut buffer = vec![0; FIRST_LOOK_BYTES];
    while end > from.0 {
        let start = end.saturating_sub(buffer.len() as u64).max(from.0);
        let bytes = &mut buffer[..(end - start) as usize];
        let filled = read_full(file, bytes, start)?;
        if let Some(last) = bytes[..filled].iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
        buffer.resize(WINDOW_BYTES, 0);
    }
    Ok(from.0)
}

/// Reads until the buffer is full or the file ends, and returns how many bytes came.
pub(crate) fn read_full(file: &dyn File, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let filled = file.read_full_at(buffer, offset);
    filled.map_err(|cause| Error::new(ErrorKind::Io, "the file cannot be read").because(cause))
}

/// Returns the error of a call that changes nothing: [`Damaged`](ErrorKind::Damaged) if something else is in the place of the
/// file or folder, since what was there is not, [`Io`](ErrorKind::Io) otherwise.
pub fn read_error(message: &str, name: &str, cause: std::io::Error) -> Error {
    let error = match NotPlain::in_error(&cause) {
        Some(other) => {
            let message = format!("{message}: something else is in its place");
            Error::damaged(message, other.expected(), other.found()).advise("move it out of the store")
        }
        None => Error::new(ErrorKind::Io, message).because(cause),
    };
    error.in_file(name, None)
}

/// Returns the error of a write to this file: [`Full`](ErrorKind::Full) if the write can be made again once there is room,
/// [`Damaged`](ErrorKind::Damaged) if something else is in its place, [`Io`](ErrorKind::Io) otherwise.
pub fn write_error(message: &str, name: &str, cause: std::io::Error) -> Error {
    if lacks_room(&cause) {
        let error = Error::new(ErrorKind::Full, message).advise("make room and try again");
        return error.in_file(name, None).because(cause);
    }
    read_error(message, name, cause)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tidegate_disk::{Block, Identity};
    use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing};
    use tidegate_format::record::{Facts, Placed};
    use tidegate_format::{Blind, Draft, EventId, Hash, Micros, Version, record};

    use super::*;

    const SALT: u64 = 7;

    /// A file that counts the bytes that are read of it, or fails at every read.
    #[derive(Debug)]
    struct Counted {
        bytes: Vec<u8>,
        read: AtomicU64,
        fails: bool,
    }

    impl From<Vec<u8>> for Counted {
        fn from(bytes: Vec<u8>) -> Self {
            Self { bytes, read: AtomicU64::new(0), fails: false }
        }
    }

    impl File for Counted {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            if self.fails {
                return Err(io::Error::other("a worn-out disk"));
            }
            let rest = &self.bytes[self.bytes.len().min(offset as usize)..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.read.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }

        fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            unreachable!("a reader changes nothing (W2)")
        }

        fn sync(&self) -> io::Result<()> {
            unreachable!("a reader changes nothing (W2)")
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            unreachable!("a reader changes nothing (W2)")
        }

        fn length(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }

        fn identity(&self) -> io::Result<Identity> {
            unreachable!("a reader does not ask")
        }

        fn map(&self, _: u64) -> io::Result<Block> {
            unreachable!("a reader reads")
        }
    }

    /// A payload may be full of heads that claim everything behind them. Looking behind a torn frame for one that
    /// vouches read all of that again for each: hours for a payload of 16 MiB. A window beyond what is asked for,
    /// and the salted checksum first, keep it near one read for each window.
    #[test]
    fn heads_in_payloads_do_not_slow_the_search() {
        let length = 6 << 20;
        let mut head = [0; FRAME_HEADER_BYTES];
        head[..4].copy_from_slice(&[0xf7, b'T', b'G', b'f']);
        head[12..16].copy_from_slice(&1_u32.to_le_bytes());
        head[16..24].copy_from_slice(&9_u64.to_le_bytes());
        head[24..32].copy_from_slice(&8_u64.to_le_bytes());
        let mut bytes = vec![0; 40];
        while bytes.len() + 2 * FRAME_HEADER_BYTES < length {
            let claimed = length - bytes.len() - FRAME_HEADER_BYTES;
            head[8..12].copy_from_slice(&(claimed as u32).to_le_bytes());
            bytes.extend_from_slice(&head);
        }
        bytes.resize(length, 0);
        let file = Counted::from(bytes);
        let mut reader = FrameReader::new(&file, SALT, Offset(0), length as u64, Position(1));
        let fault = reader.run(|_, _| unreachable!("no frame is whole")).unwrap().unwrap();
        assert!(fault.later_durable.is_none());
        let read = file.read.load(Ordering::Relaxed);
        assert!(read < 20 * length as u64, "{read} bytes were read of {length}");
    }

    /// Returns a frame of one event, written when the position before it was durable.
    fn frame(position: u64) -> Vec<u8> {
        let id = EventId(u128::from(position).to_be_bytes());
        let facts = Facts {
            id,
            correlation: id.into(),
            causes: &[],
            key: None,
            notes: &[],
            blind: Blind::default(),
            batch_end: true,
        };
        let mut records = Vec::new();
        let payload = record::encode(&Draft::new(("s", "e"), "k"), &facts, &mut records);
        let (position, previous) = (Position(position), Position(position - 1));
        let (version, link, time) = (Version(position.0), Hash::ZERO, Micros(1));
        record::place(&mut records, &Placed { position, version, previous, link, time }, position, &payload);
        let mut bytes = [vec![0; FRAME_HEADER_BYTES], records].concat();
        frame::seal(&mut bytes, &Sealing { first: position, synced: previous, epoch: 1, slot: None }, SALT);
        bytes
    }

    /// Reads the frames, which must begin at position 1; returns how many were whole, and where a later durable one is.
    fn read(frames: &[Vec<u8>]) -> (u64, Option<(Offset, Position)>) {
        let file = Counted::from(frames.concat());
        let mut reader = FrameReader::new(&file, SALT, Offset(0), file.bytes.len() as u64, Position(1));
        let mut whole = 0;
        let fault = reader.run(|at, frame| {
            assert_eq!((at.0, frame.head.first.0), (frames[0].len() as u64 * whole, whole + 1));
            whole += 1;
            Ok(ControlFlow::Continue(()))
        });
        let later_durable = fault.unwrap().and_then(|fault| fault.later_durable);
        (whole, later_durable.map(|(at, head)| (at, head.first)))
    }

    #[test]
    fn the_next_whole_frame_vouches() {
        let frames: Vec<_> = (1..=5).map(frame).collect();
        let length = frames[0].len() as u64;
        assert_eq!(read(&frames), (5, None));
        let at = |frame: u64| Some((Offset((frame - 1) * length), Position(frame)));
        for byte in 0..length as usize {
            let mut broken = frames.clone();
            broken[1][byte] ^= 1;
            assert_eq!(read(&broken), (1, at(3)), "byte {byte}");
            broken[2][byte] ^= 1;
            assert_eq!(read(&broken), (1, at(4)), "byte {byte} of two");
            broken.truncate(2);
            assert_eq!(read(&broken), (1, None), "byte {byte} of the last");
        }
        for kept in 0..length as usize {
            let mut cut = frames.clone();
            cut[4].truncate(kept);
            assert_eq!(read(&cut), (4, None), "{kept} bytes of the last");
            cut[3].truncate(kept);
            assert_eq!(read(&cut).0, 3, "{kept} bytes of the last two");
        }
    }

    #[test]
    fn a_frame_in_the_place_of_another_vouches_for_that() {
        let mut frames: Vec<_> = (1..=4).map(frame).collect();
        frames.drain(1..3);
        assert_eq!(read(&frames), (1, Some((Offset(frames[0].len() as u64), Position(4)))));
        // One from before says nothing of what should stand here.
        frames[1] = frame(1);
        assert_eq!(read(&frames), (1, None));
    }

    /// keeps W3
    #[test]
    fn a_torn_frame_ends_where_the_unused_space_behind_it_begins() {
        let torn = &frame(1)[..92];
        assert_ne!(torn[91], 0, "the last byte of the id");
        for zeros in [0, 1, 4095, 4096, (1 << 20) + 4097] {
            let file = Counted::from([torn, &vec![0; zeros]].concat());
            let end = file.bytes.len() as u64;
            for (is_active, expected) in [(true, 92), (false, end)] {
                let reader = FrameReader::new(&file, SALT, Offset(0), end, Position(1));
                let mut reader = if is_active { reader.active() } else { reader };
                let fault = reader.run(|_, _| unreachable!("no frame is whole")).unwrap().unwrap();
                assert_eq!(fault.end, Offset(expected), "{zeros} zeros");
            }
        }
    }

    /// Reads two frames and what is behind them; says how many were whole, and whether a fault follows.
    fn read_active(behind: &[u8]) -> (u64, bool) {
        let bytes = [frame(1), frame(2), behind.to_vec()].concat();
        let file = Counted::from(bytes);
        let mut reader =
            FrameReader::new(&file, SALT, Offset(0), file.bytes.len() as u64, Position(1)).active();
        let mut whole = 0;
        let fault = reader.run(|_, frame| {
            whole = frame.head.last().0;
            Ok(ControlFlow::Continue(()))
        });
        (whole, fault.unwrap().is_some())
    }

    /// keeps W3
    #[test]
    fn zeros_behind_the_frames_are_unused_space_up_to_the_end_alone() {
        for length in [0, 1, 3, 4, 36, 44, 4095, 4096, 4097, 1 << 20, (1 << 20) + 4097] {
            let mut zeros = vec![0; length];
            assert_eq!(read_active(&zeros), (2, false), "{length} zeros");
            for at in [0, length / 2, length.saturating_sub(1)] {
                if let Some(byte) = zeros.get_mut(at) {
                    *byte = 1;
                    assert_eq!(read_active(&zeros), (2, true), "byte {at} of {length}");
                    zeros[at] = 0;
                }
            }
        }
        assert_eq!(read_active(&[frame(3), vec![0; 100]].concat()), (3, false));
        assert_eq!(
            read_active(&[vec![0; 100], frame(3)].concat()),
            (2, true),
            "a frame never stands behind zeros"
        );
        let torn = [frame(3)[..50].to_vec(), vec![0; 100]].concat();
        assert_eq!(read_active(&torn), (2, true), "a torn frame is none");
    }

    /// A sealed segment is as long as the next one says, and zeros in it are damage.
    #[test]
    fn zeros_in_a_sealed_segment_are_a_fault() {
        let file = Counted::from([frame(1), vec![0; 200]].concat());
        let mut reader = FrameReader::new(&file, SALT, Offset(0), file.bytes.len() as u64, Position(1));
        assert!(reader.run(|_, _| Ok(ControlFlow::Continue(()))).unwrap().is_some());
    }

    #[test]
    fn what_follows_the_last_position_asked_for_is_not_read() {
        let file = Counted::from([frame(1), frame(2), vec![0; 16 << 20]].concat());
        let end = file.bytes.len() as u64;
        let mut reader =
            FrameReader::new(&file, SALT, Offset(0), end, Position(1)).active().until(Position(2));
        assert!(reader.run(|_, _| Ok(ControlFlow::Continue(()))).unwrap().is_none());
        assert!(file.read.load(Ordering::Relaxed) < 2 << 20, "the unused space was read");
    }

    #[test]
    fn what_cannot_be_read_is_no_damage() {
        let file = Counted { fails: true, ..Counted::from(frame(1)) };
        let mut reader = FrameReader::new(&file, SALT, Offset(0), file.bytes.len() as u64, Position(1));
        let error = reader.run(|_, _| unreachable!("nothing was read")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
    }
}
