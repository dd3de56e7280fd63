//! Reads single events of a segment, from its map or through a window.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_disk::Block;
use tidegate_format::frame::SLOT_FRAME_HEADER_BYTES;
use tidegate_format::{
    Error, ErrorKind, Frame, FrameHeader, Layout, Offset, Record, Result, SEGMENT_HEADER_BYTES,
};

use super::source::Source;
use super::{Segment, Window};
use crate::event::{Erasing, RecordedEvent};
use crate::frame_reader::read_full;
use crate::lookup::Lookup;
use crate::ordinal::Ordinal;

/// Bytes of a record from which on the system is asked for all of it, as it would else read it page by page.
const LARGE_BYTES: usize = 16 << 10;

/// Reads the record that starts at this byte of a map.
#[inline]
fn read_map(map: &Block, start: Offset) -> Result<RecordedEvent> {
    // The bytes of a map are counted in `usize`.
    let start = start.0 as usize;
    let length = Layout::stated_length(map.get(start..).unwrap_or_default())?;
    if length > LARGE_BYTES {
        map.read_ahead(start..start + length);
    }
    RecordedEvent::read(map, start)
}

impl Segment {
    /// Reads event `n`, which is there.
    pub fn event(&self, n: Ordinal) -> Result<RecordedEvent> {
        let read = self.ask(|lookup| {
            let start = lookup.offset(n)?;
            Ok(self.expected(n, start, self.read(lookup, n, start, &mut Window::default())))
        })?;
        let read = read?;
        match self.erasing(n) {
            Some(erasing) => read.erased(erasing),
            None => Ok(read),
        }
    }

    /// Reads event `n`, which is there, into `kept`, through a window that keeps what was read beside it.
    #[inline]
    pub fn read_event(
        &self,
        n: Ordinal,
        window: &mut Window,
        kept: &mut Option<RecordedEvent>,
    ) -> Result<()> {
        let (start, end) = match self.event_behind(n, window, kept) {
            Some(place) => place,
            None => kept.insert(self.event_by_index(n, window)?).place(),
        };
        window.passed(n, start, end);
        if let Some(erasing) = self.erasing(n) {
            *kept = kept.take().map(|event| event.erased(erasing)).transpose()?;
        }
        Ok(())
    }

    /// Reads event `n` from the map if it follows the event that was read last, without a look at the index, and returns the
    /// bytes between which it stands. `None` if it does not follow it, or if anything is wrong with it: the index leads to its
    /// place, and its reader says what is wrong.
    #[inline]
    fn event_behind(
        &self,
        n: Ordinal,
        window: &Window,
        kept: &mut Option<RecordedEvent>,
    ) -> Option<(usize, usize)> {
        let (map, end) = window.behind(n)?;
        let start = end + FrameHeader::bytes_before_record(map.get(end..)?);
        let record =
            Record::read(map.get(start..)?).ok().filter(|record| record.position() == self.position(n))?;
        RecordedEvent::keep(kept, map, start, record.layout());
        Some((start, start + record.as_bytes().len()))
    }

    fn event_by_index(&self, n: Ordinal, window: &mut Window) -> Result<RecordedEvent> {
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
    pub fn frame_of(&self, n: Ordinal) -> Result<FrameHeader> {
        let (mut window, mut kept) = (Window::ahead(true), None);
        let mut first = n;
        let at = loop {
            if first == Ordinal::FIRST {
                break Offset(SEGMENT_HEADER_BYTES as u64);
            }
            let earlier = first.before();
            self.read_event(earlier, &mut window, &mut kept)?;
            let length = kept.as_ref().map_or(0, |event| event.record().as_bytes().len());
            let end = self.ask(|lookup| lookup.offset(earlier))?.plus(length as u64);
            if end != self.ask(|lookup| lookup.offset(first))? {
                break end;
            }
            first = earlier;
        };
        let frame = self.frame_at(at).map_err(|error| self.in_place(error, at))?;
        let expected = self.position(first);
        if frame.first == expected {
            return Ok(frame);
        }
        let error = Error::damaged("a frame starts at a wrong position", expected, frame.first);
        Err(self.in_place(error, at))
    }

    /// Reads and checks the frame that starts at this byte.
    fn frame_at(&self, at: Offset) -> Result<FrameHeader> {
        let source = self.source()?;
        let read = |length: usize| -> Result<Block> {
            match &*source {
                Source::Map(map) => Ok(map.clone()),
                Source::File(file) => {
                    let mut bytes = vec![0; length];
                    let filled = read_full(&**file, &mut bytes, at.0)?;
                    bytes.truncate(filled);
                    Ok(bytes.into())
                }
            }
        };
        // A map holds the whole file, whose bytes fit `usize`; what was read of a file begins with the frame.
        let start = if matches!(*source, Source::Map(_)) { at.0 as usize } else { 0 };
        let header = FrameHeader::read(read(SLOT_FRAME_HEADER_BYTES)?.get(start..).unwrap_or_default())?;
        if Frame::is_sealed(read(header.frame_bytes())?.get(start..).unwrap_or_default(), self.head.salt) {
            return Ok(header);
        }
        Err(Error::damaged("the checksum of a frame does not hold", "a whole frame", "another"))
    }

    /// Returns the event that was read from this byte, if it is event `n`.
    #[inline]
    fn expected(&self, n: Ordinal, start: Offset, read: Result<RecordedEvent>) -> Result<RecordedEvent> {
        let expected = self.position(n);
        match read {
            Ok(event) if event.position() == expected => Ok(event),
            Ok(event) => {
                let error = Error::damaged("a record stands at a wrong position", expected, event.position());
                Err(self.in_place(error, start))
            }
            Err(error) => Err(self.in_place(error, start)),
        }
    }

    /// Returns what a mask takes out of event `n` before it is shown. Keeps S4.
    #[inline]
    fn erasing(&self, n: Ordinal) -> Option<Erasing> {
        if self.is_masked.load(Ordering::Acquire) { self.mask.load().as_ref()?.of(n) } else { None }
    }

    /// Returns the error with the byte at which the frame begins that holds this one: the events of a frame are lost
    /// together, and who reads frames names that place. If nothing leads there any more, it is the byte itself.
    #[cold]
    pub(super) fn in_place(&self, error: Error, start: Offset) -> Error {
        let place = if error.kind() == ErrorKind::Damaged { self.frame_around(start) } else { None };
        error.in_file(&self.name, Some(place.unwrap_or(start)))
    }

    /// Goes by the frame headers from the first one on to the frame that holds a byte, and returns where that begins.
    fn frame_around(&self, byte: Offset) -> Option<Offset> {
        let (mut at, mut buffer) = (Offset(SEGMENT_HEADER_BYTES as u64), Vec::new());
        while at < byte {
            let header = match &*self.source().ok()? {
                Source::Map(map) => FrameHeader::read(map.get(at.0 as usize..)?),
                Source::File(file) => {
                    buffer.resize(SLOT_FRAME_HEADER_BYTES, 0);
                    let filled = read_full(&**file, &mut buffer, at.0).ok()?;
                    FrameHeader::read(&buffer[..filled])
                }
            };
            let end = at.plus(header.ok()?.frame_bytes() as u64);
            if end > byte {
                break;
            }
            at = end;
        }
        (at <= byte).then_some(at)
    }

    /// Returns the byte at which event `n` ends at the latest; a frame's header may lie before it.
    fn end_of(&self, lookup: &Lookup, n: Ordinal) -> Result<Offset> {
        if n.next().0 < lookup.count() { lookup.offset(n.next()) } else { Ok(self.tail()) }
    }

    /// Reads the record of event `n`, which starts at this byte.
    #[inline]
    pub(super) fn read(
        &self,
        lookup: &Lookup,
        n: Ordinal,
        start: Offset,
        window: &mut Window,
    ) -> Result<RecordedEvent> {
        if let Some(map) = &window.map {
            return read_map(map, start);
        }
        match self.bytes.get().as_deref() {
            // A map needs no end: the record says its own length.
            Some(Source::Map(map)) => {
                window.keep(map);
                read_map(map, start)
            }
            _ => self.read_file(lookup, n, start, window),
        }
    }

    fn read_file(
        &self,
        lookup: &Lookup,
        n: Ordinal,
        start: Offset,
        window: &mut Window,
    ) -> Result<RecordedEvent> {
        let end = self.end_of(lookup, n)?.0;
        let at = start.0;
        if !window.holds(at, end) {
            let file = match &*self.source()? {
                Source::File(file) => Arc::clone(file),
                Source::Map(map) => {
                    window.keep(map);
                    return read_map(map, start);
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
