//! Reads single events of a segment, from its map or through a window.

use std::sync::Arc;

use tidegate_disk::Block;
use tidegate_format::frame::SLOT_FRAME_HEADER_BYTES;
use tidegate_format::{Error, Frame, FrameHeader, Offset, Result, SEGMENT_HEADER_BYTES};

use super::source::Source;
use super::{Segment, Window};
use crate::event::RecordedEvent;
use crate::frame_reader::read_full;
use crate::lookup::Lookup;

impl Segment {
    /// Reads event `n`, which is there.
    pub fn event(&self, n: u32) -> Result<RecordedEvent> {
        self.ask(|lookup| {
            let start = lookup.offset(n)?;
            Ok(self.expected(n, start, self.read(lookup, n, start, &mut Window::default())))
        })?
    }

    /// Reads event `n`, which is there, through a window that keeps what was read beside it.
    #[inline]
    pub fn event_through(&self, n: u32, window: &mut Window) -> Result<RecordedEvent> {
        let lookup = match window.lookup.take() {
            Some(lookup) => lookup,
            None => self.lookup()?,
        };
        let (lookup, start) = match lookup.offset(n) {
            Ok(start) => (lookup, start),
            Err(_) => {
                let start = self.ask(|lookup| lookup.offset(n))?;
                (self.lookup()?, start)
            }
        };
        let read = self.read(&lookup, n, start, window);
        window.lookup = Some(lookup);
        self.expected(n, start, read)
    }

    /// Returns the header of the frame that event `n`, which is there, was written in. Records are read backwards to the
    /// frame's first one, behind the header, and the frame's checksum is checked.
    pub fn frame_of(&self, n: u32) -> Result<FrameHeader> {
        let mut window = Window::ahead(true);
        let mut first = n;
        let at = loop {
            let Some(earlier) = first.checked_sub(1) else { break SEGMENT_HEADER_BYTES };
            let length = self.event_through(earlier, &mut window)?.record().as_bytes().len();
            // Offsets fit `u32`, and so `usize`.
            let end = self.ask(|lookup| lookup.offset(earlier))? as usize + length;
            if end != self.ask(|lookup| lookup.offset(first))? as usize {
                break end;
            }
            first = earlier;
        };
        let frame = self.frame_at(at).map_err(|error| self.in_place(error, at as u32))?;
        let expected = self.head.first.plus(u64::from(first));
        if frame.first == expected {
            return Ok(frame);
        }
        let error = Error::damaged("a frame starts at a wrong position", expected, frame.first);
        Err(self.in_place(error, at as u32))
    }

    /// Reads and checks the frame that starts at this byte.
    fn frame_at(&self, at: usize) -> Result<FrameHeader> {
        let source = self.source()?;
        let read = |length: usize| -> Result<Block> {
            match &*source {
                Source::Map(map) => Ok(map.clone()),
                Source::File(file) => {
                    let mut bytes = vec![0; length];
                    let filled = read_full(&**file, &mut bytes, at as u64)?;
                    bytes.truncate(filled);
                    Ok(bytes.into())
                }
            }
        };
        // A map holds the whole file; what was read of a file begins with the frame.
        let start = if matches!(*source, Source::Map(_)) { at } else { 0 };
        let header = FrameHeader::read(read(SLOT_FRAME_HEADER_BYTES)?.get(start..).unwrap_or_default())?;
        if Frame::is_sealed(read(header.frame_bytes())?.get(start..).unwrap_or_default(), self.head.salt) {
            return Ok(header);
        }
        Err(Error::damaged("the checksum of a frame does not hold", "a whole frame", "another"))
    }

    /// Returns the event that was read from this byte, if it is event `n`.
    #[inline]
    fn expected(&self, n: u32, start: u32, read: Result<RecordedEvent>) -> Result<RecordedEvent> {
        let expected = self.head.first.plus(u64::from(n));
        match read {
            Ok(event) if event.position() == expected => Ok(event),
            Ok(event) => {
                let error = Error::damaged("a record stands at a wrong position", expected, event.position());
                Err(self.in_place(error, start))
            }
            Err(error) => Err(self.in_place(error, start)),
        }
    }

    #[cold]
    pub(super) fn in_place(&self, error: Error, start: u32) -> Error {
        error.in_file(&self.name, Some(Offset(u64::from(start))))
    }

    /// Returns the byte at which event `n` ends at the latest; a frame's header may lie before it.
    fn end_of(&self, lookup: &Lookup, n: u32) -> Result<u32> {
        if n + 1 < lookup.count() { lookup.offset(n + 1) } else { Ok(self.tail().0 as u32) }
    }

    /// Reads the record of event `n`, which starts at this byte.
    #[inline]
    pub(super) fn read(
        &self,
        lookup: &Lookup,
        n: u32,
        start: u32,
        window: &mut Window,
    ) -> Result<RecordedEvent> {
        if let Some(map) = &window.map {
            return RecordedEvent::read(map, start as usize);
        }
        match self.bytes.get().as_deref() {
            // A map needs no end: the record says its own length.
            Some(Source::Map(map)) => {
                window.keep(map);
                RecordedEvent::read(map, start as usize)
            }
            _ => self.read_file(lookup, n, start, window),
        }
    }

    fn read_file(&self, lookup: &Lookup, n: u32, start: u32, window: &mut Window) -> Result<RecordedEvent> {
        let end = u64::from(self.end_of(lookup, n)?);
        let at = u64::from(start);
        if !window.holds(at, end) {
            let file = match &*self.source()? {
                Source::File(file) => Arc::clone(file),
                Source::Map(map) => {
                    window.keep(map);
                    return RecordedEvent::read(map, start as usize);
                }
            };
            let (from, to) = window.reach(at, end, self.tail().0);
            let mut bytes = vec![0; to.saturating_sub(from) as usize];
            let filled = read_full(&*file, &mut bytes, from)?;
            bytes.truncate(filled);
            (window.bytes, window.at) = (Some(bytes.into()), from);
        }
        match &window.bytes {
            Some(bytes) => RecordedEvent::read(bytes, (at - window.at) as usize),
            None => RecordedEvent::read(&Vec::new().into(), 0),
        }
    }
}
