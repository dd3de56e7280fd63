//! Postings: the events of one term, in ascending order, read in place.
//!
//! A list takes one of three forms, whichever is shortest:
//!
//! * a range, if its events follow each other without a gap. One event is a range, and so are all events:
//!   the only scope of a segment costs two bytes, not one an event.
//! * deltas: varints, in runs of 64, with a table of the runs if there is more than one.
//! * a bitmap: one bit for each event between the first and the last, with the count of bits before each 512.
//!
//! Compressed bitmaps (`roaring`) would be the other choice for long lists. They spend two bytes an event where
//! deltas spend one, and beyond one event in eight they are little more than bits themselves; on the lists of
//! the git history they take 266,000 bytes, these forms 193,000. And they are decoded onto the heap before
//! they answer, while these are read where they lie.
//!
//! Invariants:
//!
//! P1. Every event that is given out is below the count of events of the segment, for any bytes.
//! P2. No call takes more steps than the list has bytes.

pub(super) mod deltas;

mod bitmap;

use std::ops::Range;

use tidegate_disk::Block;
use tidegate_format::Result;

use super::blocks::Part;
use bitmap::{Bitmap, Near};
use deltas::{Deltas, RUN};

const FORM_RANGE: u64 = 0;
const FORM_DELTAS: u64 = 1;
const FORM_BITMAP: u64 = 2;

/// Returns what stands for a range that starts with this event.
pub(super) fn range_place(first: u32) -> u64 {
    u64::from(first) << 2 | FORM_RANGE
}

/// Writes a list that is not a range, in its shorter form, into the empty `out`, and returns the form's code.
pub(super) fn write(events: &[u32], out: &mut Vec<u8>) -> u64 {
    deltas::write(events, out);
    if out.len() < bitmap::length(events) {
        return FORM_DELTAS;
    }
    out.clear();
    bitmap::write(events, out);
    FORM_BITMAP
}

/// The events of one term, in ascending order. Cloning is cheap and keeps the index file's bytes.
#[derive(Clone, Debug)]
pub struct Postings {
    count: u32,
    /// The count of events of the segment.
    limit: u32,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Range { first: u32 },
    Deltas(Deltas),
    Bitmap(Bitmap),
}

impl Postings {
    /// Returns the list of `count` events that `place` stands for, in the section `lists`. Its blocks are compared now, so
    /// that no question to it can fail.
    pub(super) fn read(lists: Part<'_>, count: u32, place: u64, limit: u32) -> Result<Self> {
        let at = u32::try_from(place >> 2).map_err(|_| lists.malformed())?;
        if count == 0 || count > limit {
            return Err(lists.malformed());
        }
        let form = match place & 3 {
            FORM_RANGE => {
                let fits = at.checked_add(count).is_some_and(|end| end <= limit);
                fits.then_some(Form::Range { first: at })
            }
            FORM_DELTAS => Some(Form::Deltas(Deltas::read(lists.split_at(at as usize)?.1, count)?)),
            FORM_BITMAP => Some(Form::Bitmap(Bitmap::read(lists.split_at(at as usize)?.1)?)),
            _ => None,
        };
        form.map(|form| Self { count, limit, form }).ok_or_else(|| lists.malformed())
    }

    /// Returns a short list: its first event, then the gaps of the others in these bytes of `block`, which were compared.
    pub(super) fn short(block: &Block, gaps: Range<usize>, count: u32, first: u32, limit: u32) -> Self {
        let form =
            if count == 1 { Form::Range { first } } else { Form::Deltas(Deltas::short(block, gaps, first)) };
        Self { count, limit, form }
    }

    /// Returns how many they are.
    #[inline]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Returns the `n`-th of them, counted from 0; `None` past the last.
    pub fn get(&self, n: u32) -> Option<u32> {
        if n >= self.count {
            return None;
        }
        let event = match &self.form {
            Form::Range { first } => first.checked_add(n),
            Form::Deltas(deltas) => deltas.run(n / RUN, self.count)?.nth((n % RUN) as usize),
            Form::Bitmap(bits) => bits.select(n)?.next(),
        };
        // keeps P1
        event.filter(|event| *event < self.limit)
    }

    /// Returns how many of them come before `event`.
    pub fn rank(&self, event: u32) -> u32 {
        let rank = match &self.form {
            Form::Range { first } => event.saturating_sub(*first),
            Form::Deltas(deltas) => deltas.rank(event, self.count),
            Form::Bitmap(bits) => bits.rank(event),
        };
        rank.min(self.count)
    }

    /// Returns the first of them that is not before `event`.
    pub fn next_from(&self, event: u32) -> Option<u32> {
        match &self.form {
            Form::Bitmap(bits) => match bits.next_from(event) {
                Near::Far => self.get(self.rank(event)),
                near => self.nearby(&near),
            },
            _ => self.get(self.rank(event)),
        }
    }

    /// Returns the last of them that comes before `event`.
    pub fn last_before(&self, event: u32) -> Option<u32> {
        match &self.form {
            Form::Bitmap(bits) => match bits.last_before(event) {
                Near::Far => self.get(self.rank(event).checked_sub(1)?),
                near => self.nearby(&near),
            },
            _ => self.get(self.rank(event).checked_sub(1)?),
        }
    }

    fn nearby(&self, near: &Near) -> Option<u32> {
        match near {
            // keeps P1
            Near::Event(event) if *event < self.limit => Some(*event),
            _ => None,
        }
    }

    /// Returns all of them, from either end.
    pub fn events(&self) -> Events {
        self.events_in(0..self.count)
    }

    /// Returns those of these ranks, from either end.
    pub fn events_in(&self, ranks: Range<u32>) -> Events {
        let end = ranks.end.min(self.count);
        Events {
            postings: self.clone(),
            ranks: ranks.start.min(end)..end,
            run: u32::MAX,
            filled: 0,
            buffer: [0; RUN as usize],
        }
    }
}

/// A walk over events of one term, from either end. It decodes 64 at a time.
#[derive(Clone, Debug)]
pub struct Events {
    postings: Postings,
    ranks: Range<u32>,
    /// Which run is in the buffer.
    run: u32,
    filled: usize,
    buffer: [u32; RUN as usize],
}

impl Events {
    /// Returns the ranks that are still to come.
    pub fn ranks(&self) -> Range<u32> {
        self.ranks.clone()
    }

    /// Leaves out, from the front, the events before `event`.
    pub fn seek(&mut self, event: u32) {
        let rank = self.rank(event);
        self.ranks.start = rank.clamp(self.ranks.start, self.ranks.end);
    }

    /// Leaves out, from the back, the events that are not before `event`.
    pub fn seek_back(&mut self, event: u32) {
        let rank = self.rank(event);
        self.ranks.end = rank.clamp(self.ranks.start, self.ranks.end);
    }

    /// Returns the rank of an event, without a look at the bytes if the buffer tells.
    fn rank(&self, event: u32) -> u32 {
        let events = &self.buffer[..self.filled];
        match (events.first(), events.last()) {
            (Some(first), Some(last)) if (*first..=*last).contains(&event) => {
                self.run * RUN + events.partition_point(|found| *found < event) as u32
            }
            _ => self.postings.rank(event),
        }
    }

    #[inline]
    fn at(&mut self, rank: u32) -> Option<u32> {
        let Postings { count, limit, form } = &self.postings;
        if let Form::Range { first } = form {
            return first.checked_add(rank).filter(|event| event < limit);
        }
        if self.run != rank / RUN {
            self.run = rank / RUN;
            let start = self.run * RUN;
            self.filled = match form {
                Form::Range { .. } => 0,
                Form::Deltas(deltas) => fill(deltas.run(self.run, *count), &mut self.buffer),
                Form::Bitmap(bits) => {
                    fill(bits.select(start).map(|bits| bits.take((count - start) as usize)), &mut self.buffer)
                }
            };
        }
        self.buffer[..self.filled].get((rank % RUN) as usize).copied().filter(|event| event < limit)
    }
}

fn fill(events: Option<impl Iterator<Item = u32>>, buffer: &mut [u32]) -> usize {
    let events = events.into_iter().flatten();
    buffer.iter_mut().zip(events).map(|(cell, event)| *cell = event).count()
}

impl Iterator for Events {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let rank = self.ranks.next()?;
        self.at(rank)
    }
}

impl DoubleEndedIterator for Events {
    #[inline]
    fn next_back(&mut self) -> Option<u32> {
        let rank = self.ranks.next_back()?;
        self.at(rank)
    }
}
