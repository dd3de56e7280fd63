//! The end of the newest segment: how far it is known to be durable, and what is behind that.
//!
//! Invariants:
//!
//! T1. An opening for writing and a reader come to one verdict: what was durable and is not whole is damage, with the
//!     same place and message.
//! T2. Whole frames prove nothing about themselves. What shows that something is durable is the evidence beside
//!     the log, a later frame, up to its `synced`, or a later segment.

use std::ops::ControlFlow;

use tidegate_disk::Disk;
use tidegate_format::{Error, Offset, Position, Result};
use tidegate_segment::{FrameFault, Segment};

use super::evidence::DurabilityEvidence;
use super::identity::salvage;
use super::report::Unconfirmed;

/// The frames of a segment of which nothing was taken in yet.
#[derive(Debug)]
pub(super) struct TailFrames {
    /// The position that follows the whole frames.
    pub(super) next: Position,
    /// The last position that a whole frame calls durable.
    pub(super) synced: Position,
    /// The highest epoch of a whole frame.
    pub(super) epoch: u32,
    /// Where the file ended.
    pub(super) length: u64,
    /// Where the whole frames end. Without a fault nothing but unused space follows.
    pub(super) end: Offset,
    /// Why the whole frames end before the file does.
    fault: Option<FrameFault>,
}

impl TailFrames {
    /// Reads what follows the tail of a segment, and takes nothing in.
    pub(super) fn read(segment: &Segment) -> Result<Self> {
        Self::read_from(segment, (segment.tail(), segment.next()), Position::MAX)
    }

    /// Reads what follows a byte, at which the event of this position must come, and nothing behind the frame that holds
    /// the event `until`. Takes nothing in.
    pub(super) fn read_from(segment: &Segment, from: (Offset, Position), until: Position) -> Result<Self> {
        let (length, (mut end, mut next)) = (segment.file_length()?, from);
        let (mut synced, mut epoch) = (Position::START, 0);
        let file = segment.file()?;
        let mut reader = segment.reader_from(&*file, from, length).active().until(until);
        let fault = reader.run(|at, frame| {
            end = at.plus(frame.head.frame_bytes() as u64);
            synced = synced.max(frame.head.synced);
            epoch = epoch.max(frame.head.epoch);
            next = frame.head.last().next();
            Ok(ControlFlow::Continue(()))
        });
        let fault = fault.map_err(|error| error.in_file(segment.name(), Some(segment.tail())))?;
        synced = fault.as_ref().map_or(synced, |fault| fault.synced.max(synced));
        Ok(Self { next, synced, epoch, length, end, fault })
    }

    /// Takes in everything up to the position `durable`, or what the frames say was durable if that is more. Returns
    /// what is wrong with bytes that were whole a moment ago, or `None`.
    pub(super) fn replay(&self, segment: &Segment, durable: Position) -> Result<Option<Error>> {
        let bound = durable.max(self.synced);
        // A frame is durable as a whole, and a cursor may stand within one.
        let fault = segment.replay_active(self.length, bound, |_| true)?;
        Ok(fault.filter(|_| segment.next() < self.next).map(|fault| salvage(fault.error)))
    }

    /// The damage behind the whole frames, or `None` if what follows them may be the torn end of a crash. With it all of
    /// them are durable: something shows that what follows them was.
    pub(super) fn damage(
        &self,
        disk: &dyn Disk,
        segment: &Segment,
        evidence: &DurabilityEvidence,
    ) -> Option<Error> {
        damage(disk, segment, (self.end, self.next), self.fault.as_ref(), evidence)
    }

    /// Why the whole frames end before the file does, with its place.
    pub(super) fn into_error(self, segment: &Segment) -> Option<Error> {
        self.fault.map(|fault| fault.error.in_file(segment.name(), Some(self.end)))
    }

    /// The fault behind the whole frames, which is damage in a segment that another one follows.
    pub(super) fn into_fault(self, segment: &Segment) -> Option<Error> {
        self.fault.map(|fault| salvage(fault.error.in_file(segment.name(), Some(segment.tail()))))
    }

    /// Returns where that ends which is not unused space.
    pub(super) fn written(&self) -> u64 {
        self.fault.as_ref().map_or(self.end, |fault| fault.end).0
    }

    /// Returns whether the frames end with the file or in unused space.
    pub(super) fn is_whole(&self) -> bool {
        self.fault.is_none()
    }

    /// What is behind the frames that were taken in.
    pub(super) fn unconfirmed(self, segment: &Segment, has_writer: bool) -> Option<Unconfirmed> {
        let (next, from) = (segment.next(), segment.tail());
        let bytes = self.written().saturating_sub(from.0);
        (bytes > 0).then(|| Unconfirmed {
            after: next.before(),
            events: self.next.0.saturating_sub(next.0),
            file: segment.name().to_owned(),
            from,
            bytes,
            torn: self.fault.map(|fault| fault.error.in_file(segment.name(), Some(self.end))),
            has_writer,
        })
    }
}

/// Returns the damage behind the whole frames of the newest segment, or `None` if what follows them may be the torn end of
/// a crash. They end at the byte `end`, before the position `next`, because of `fault`.
pub(super) fn damage(
    disk: &dyn Disk,
    segment: &Segment,
    (end, next): (Offset, Position),
    fault: Option<&FrameFault>,
    evidence: &DurabilityEvidence,
) -> Option<Error> {
    let Some(FrameFault { error, later_durable: Some((at, head)), .. }) = fault else {
        let why = fault.map(|fault| &fault.error);
        return evidence.beyond(disk, segment.file_name(), end, next, why).map(salvage);
    };
    let message = format!(
        "{}, and a later frame at byte {at} says that position {} was durable",
        error.message(),
        head.synced
    );
    let (expected, found) = error.evidence().unwrap_or(("a whole frame", "none"));
    let error = Error::damaged(message, expected, found);
    Some(salvage(error.in_file(segment.name(), Some(end))))
}
