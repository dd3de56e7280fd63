//! Goes through all frames of a segment: to go on with it, to verify it, to find its events without an index file.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidegate_disk::File;
use tidegate_format::{Error, FrameHeader, Position, Record, Result};

use super::Segment;
use crate::frame_reader::{FrameFault, FrameReader};
use crate::lookup::Lookup;
use crate::mem_index::MemIndex;
use crate::records::Records;

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
        FrameReader::new(file, self.head.salt, self.tail(), end, self.next())
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
    pub(crate) fn index_in_memory(&self) -> Result<()> {
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
