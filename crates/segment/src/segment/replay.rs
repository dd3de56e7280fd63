//! Goes through all frames of a segment: to go on with it, to verify it, to find its events without an index file.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidegate_disk::File;
use tidegate_format::{
    Error, Frame, FrameHeader, Micros, Offset, Position, Record, Result, SEGMENT_HEADER_BYTES, frame,
};

use super::Segment;
use super::remainder;
use super::source::Source;
use crate::frame_reader::{FrameFault, FrameReader, read_full};
use crate::lookup::Lookup;
use crate::mem_index::MemIndex;
use crate::records::Records;

/// Bytes in which the last frame of a segment is looked for first.
const LOOK_BACK_BYTES: u64 = 4096;

impl Segment {
    /// Reads on from the tail up to the byte `end`, adds the events of every whole frame that `wanted` says yes to, and
    /// ends at the first frame that is not whole or not wanted. Only the segment's writer (or the one follower of another
    /// process's writer) calls this, and only before it is sealed.
    pub fn replay(&self, end: u64, wanted: impl FnMut(&FrameHeader) -> bool) -> Result<Option<FrameFault>> {
        self.replay_from(self.reader(&*self.file()?, end), wanted)
    }

    /// Does the same with a segment that may have unused space behind its frames, and does not look at what follows the
    /// frame of the position `until`.
    pub fn replay_active(
        &self,
        end: u64,
        until: Position,
        wanted: impl FnMut(&FrameHeader) -> bool,
    ) -> Result<Option<FrameFault>> {
        self.replay_from(self.reader(&*self.file()?, end).active().until(until), wanted)
    }

    /// Returns what reads on from the tail of its file, up to the byte `end`.
    pub fn reader<'a>(&self, file: &'a dyn File, end: u64) -> FrameReader<'a> {
        self.reader_from(file, (self.tail(), self.next()), end)
    }

    /// Returns what reads its file from a byte on, where the event of this position must come, up to the byte `end`.
    pub fn reader_from<'a>(
        &self,
        file: &'a dyn File,
        (from, next): (Offset, Position),
        end: u64,
    ) -> FrameReader<'a> {
        FrameReader::new(file, self.head.salt, from, end, next)
    }

    fn replay_from(
        &self,
        mut reader: FrameReader<'_>,
        mut wanted: impl FnMut(&FrameHeader) -> bool,
    ) -> Result<Option<FrameFault>> {
        let index = self.mem_index();
        let fault = reader.run(|at, frame| {
            if !wanted(&frame.head) {
                return Ok(ControlFlow::Break(()));
            }
            index.add_frame(frame, at, None);
            self.grow(at.plus(frame.head.frame_bytes() as u64));
            Ok(ControlFlow::Continue(()))
        });
        let place = |error: Error| error.in_file(&self.name, Some(self.tail()));
        match fault {
            Err(error) => Err(place(error)),
            Ok(None) => Ok(None),
            Ok(Some(fault)) => Ok(Some(FrameFault { error: place(fault.error), ..fault })),
        }
    }

    /// Returns when the event `last` was recorded, if a whole frame ends with it at the byte `end`, or `None`. The frame is
    /// looked for from its end on, so nothing needs to have been taken in.
    pub fn time_before(&self, end: Offset, last: Position) -> Result<Option<Micros>> {
        let (source, begin) = (self.source()?, SEGMENT_HEADER_BYTES as u64);
        let (mut count, mut buffer) = (LOOK_BACK_BYTES, Vec::new());
        loop {
            let start = end.0.saturating_sub(count).max(begin);
            let bytes = match &*source {
                Source::Map(map) => map.get(start as usize..end.0 as usize).unwrap_or_default(),
                Source::File(file) => {
                    buffer.resize(end.0.saturating_sub(start) as usize, 0);
                    let filled = read_full(&**file, &mut buffer, start)?;
                    &buffer[..filled]
                }
            };
            if let Some(frame) = last_frame(bytes, self.head.salt, last) {
                return Ok(frame.records().last().map(|(_, record)| record.time()));
            }
            if start == begin {
                return Ok(None);
            }
            count *= 8;
        }
    }

    /// Reads all its frames and checks them, and calls `each` with every record in order.
    pub fn verify(&self, count: u32, mut each: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let mut next = self.first();
        for record in Records::new(&self.bytes()?, &self.name, self.head.salt, next) {
            let (_, record) = record?;
            each(&record)?;
            next = next.next();
        }
        let expected = self.first().plus(u64::from(count));
        if next >= expected {
            return Ok(());
        }
        let error = Error::damaged("the segment ends early", expected.before(), next.before());
        Err(error.in_file(&self.name, Some(self.tail())))
    }

    /// Reads the whole segment, which is sealed, and finds its events in memory from now on.
    ///
    /// What stays of a retired segment is all there is of it: if that is damaged, no answer takes its place.
    pub(crate) fn index_in_memory(&self) -> Result<()> {
        if self.is_retired() {
            return Err(remainder::damaged(self.first()));
        }
        let index = MemIndex::new(self.hash_key);
        self.add_all(&index)?;
        self.hold_in_memory(Lookup::Memory(Arc::new(index)));
        Ok(())
    }

    fn add_all(&self, index: &MemIndex) -> Result<()> {
        for record in Records::new(&self.bytes()?, &self.name, self.head.salt, self.first()) {
            let (start, record) = record?;
            index.add(&record, start);
        }
        self.check_end(u64::from(index.count()))
    }

    /// Refuses a count of events other than the segment behind it says.
    pub(crate) fn check_end(&self, count: u64) -> Result<()> {
        if count == self.count() {
            return Ok(());
        }
        let last = self.first().plus(count).before();
        let error = Error::damaged("a sealed segment ends at a wrong position", self.next().before(), last);
        Err(error.in_file(&self.name, Some(self.tail())))
    }
}

/// Returns the whole frame with which these bytes end, if it ends with the event `last`.
fn last_frame(bytes: &[u8], salt: u64, last: Position) -> Option<Frame<'_>> {
    let mut from = 0;
    while let Some(at) = frame::find(bytes, from) {
        from = at + 1;
        let rest = &bytes[at..];
        let is_last = |head: FrameHeader| head.frame_bytes() == rest.len() && head.last() == last;
        if FrameHeader::read(rest).is_ok_and(is_last) && Frame::is_sealed(rest, salt) {
            return Frame::read(rest, salt).ok();
        }
    }
    None
}
