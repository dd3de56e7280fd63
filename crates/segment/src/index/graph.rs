//! The causal graph of a segment: the local causes of each event, and the effects of each cause.
//!
//! Invariants:
//!
//! G1. A cause comes before its effect.
//! G2. Causes keep the order in which the event gave them; effects ascend, each once.

use std::cmp::Ordering;
use std::ops::Range;

use tidegate_disk::Block;
use tidegate_format::{Error, Position, Result};

use super::deltas::{self, RUN};
use super::number::{malformed, put_varint, u32_at, u64_at, varint, varint32};
use super::postings::Postings;
use crate::mem_index::{CAUSE_BLOCK, CauseBlock};

/// Events for which there is one place in the section of parents.
const PARENTS_BLOCK: u32 = CAUSE_BLOCK;
/// Causes of a block of effects.
const EFFECTS_BLOCK: usize = 32;
/// Bytes of a block's entry: its first cause, and where its effects start.
const EFFECTS_ENTRY: usize = 12;
/// The count code of more effects than the code can say.
const MANY: u64 = 3;

/// Writes the section of parents, event by event.
#[derive(Debug, Default)]
pub(super) struct ParentsWriter {
    directory: Vec<u8>,
    body: Vec<u8>,
    count: u32,
}

impl ParentsWriter {
    /// Adds the next event, by how far before it each of its causes lies.
    pub(super) fn add(&mut self, distances: &[u64]) {
        if self.count.is_multiple_of(PARENTS_BLOCK) {
            self.directory.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
        }
        self.count += 1;
        if distances.is_empty() {
            self.body.push(0);
        }
        for (at, distance) in distances.iter().enumerate() {
            let more = u64::from(at + 1 < distances.len());
            put_varint(distance << 1 | more, &mut self.body);
        }
    }

    /// Appends the section.
    pub(super) fn end(mut self, out: &mut Vec<u8>) {
        out.append(&mut self.directory);
        out.append(&mut self.body);
    }
}

/// The local causes of an event, read in place.
#[derive(Clone, Debug)]
pub struct Parents<'a> {
    body: &'a [u8],
    at: usize,
    position: u64,
    more: bool,
}

impl<'a> Parents<'a> {
    /// Returns the causes of `event`, which has this position and is one of `count`.
    pub(super) fn read(bytes: &'a [u8], count: u32, event: u32, position: Position) -> Result<Self> {
        Self::look(bytes, count, event, position.0).ok_or_else(|| malformed("the section of parents"))
    }

    fn look(bytes: &'a [u8], count: u32, event: u32, position: u64) -> Option<Self> {
        let (directory, body) = bytes.split_at_checked(count.div_ceil(PARENTS_BLOCK) as usize * 4)?;
        let mut at = u32_at(directory, (event / PARENTS_BLOCK) as usize * 4)? as usize;
        for _ in 0..event % PARENTS_BLOCK {
            while varint(body, &mut at)? & 1 == 1 {}
        }
        body.get(at)?;
        Some(Self { body, at, position, more: true })
    }
}

impl Iterator for Parents<'_> {
    type Item = Position;

    fn next(&mut self) -> Option<Position> {
        if !self.more {
            return None;
        }
        let code = varint(self.body, &mut self.at).unwrap_or(0);
        self.more = code & 1 == 1;
        let cause = self.position.checked_sub(code >> 1).filter(|cause| (1..self.position).contains(cause));
        self.more &= cause.is_some();
        cause.map(Position)
    }
}

/// Reads the causes of the events around `event` into a block; `first` is the position of the segment's first
/// event, and `count` how many events it has.
pub(super) fn fill_causes(
    bytes: &[u8],
    count: u32,
    first: Position,
    event: u32,
    block: &mut CauseBlock,
) -> Result<()> {
    look_causes(bytes, count, first, event, block).ok_or_else(|| malformed("the section of parents"))
}

fn look_causes(bytes: &[u8], count: u32, first: Position, event: u32, block: &mut CauseBlock) -> Option<()> {
    let (directory, body) = bytes.split_at_checked(count.div_ceil(PARENTS_BLOCK) as usize * 4)?;
    let mut at = u32_at(directory, (event / PARENTS_BLOCK) as usize * 4)? as usize;
    for event in block.begin(event, count) {
        let position = first.0.saturating_add(u64::from(event));
        let mut code = varint(body, &mut at)?;
        // Zero stands for no cause at all.
        while code != 0 {
            let cause = position.checked_sub(code >> 1).filter(|cause| (1..position).contains(cause))?;
            block.add(Position(cause));
            code = if code & 1 == 1 { varint(body, &mut at)? } else { 0 };
        }
        block.end_event();
    }
    Some(())
}

/// Appends the section of effects: pairs of a cause's position and an event, ascending, each once. Lists too
/// long to stand here are written by `list`, which returns their place.
pub(super) fn write_effects(
    pairs: &[(u64, u32)],
    first: Position,
    mut list: impl FnMut(&[u32]) -> u64,
    out: &mut Vec<u8>,
) {
    let (mut body, mut directory, mut events) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = 0;
    for (number, group) in pairs.chunk_by(|left, right| left.0 == right.0).enumerate() {
        let cause = group[0].0;
        if number % EFFECTS_BLOCK == 0 {
            directory.extend_from_slice(&cause.to_le_bytes());
            directory.extend_from_slice(&(body.len() as u32).to_le_bytes());
            last = cause - 1;
        }
        events.clear();
        events.extend(group.iter().map(|(_, event)| *event));
        let count = events.len() as u64;
        put_varint((cause - last - 1) << 2 | (count - 1).min(MANY), &mut body);
        if count > MANY {
            put_varint(count, &mut body);
        }
        if count > u64::from(RUN) {
            put_varint(list(&events), &mut body);
        } else {
            put_varint(u64::from(events[0] - least_effect(cause, first.0)), &mut body);
            deltas::write_gaps(&events, &mut body);
        }
        last = cause;
    }
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.append(&mut directory);
    out.append(&mut body);
}

/// Returns the first event of the segment that a cause can have as its effect.
fn least_effect(cause: u64, first: u64) -> u32 {
    cause.checked_sub(first).map_or(0, |event| u32::try_from(event.saturating_add(1)).unwrap_or(u32::MAX))
}

/// The effects of causes, read in place.
#[derive(Clone, Debug)]
pub(super) struct Effects<'a> {
    pub(super) block: &'a Block,
    /// Where the section stands in the block.
    pub(super) section: Range<usize>,
    /// Where the section of lists stands.
    pub(super) lists: Range<usize>,
    /// The position of the segment's first event.
    pub(super) first: Position,
    /// The count of events of the segment.
    pub(super) limit: u32,
}

fn malformed_effects() -> Error {
    malformed("the section of effects")
}

impl Effects<'_> {
    /// Returns the effects of a cause.
    pub(super) fn find(&self, cause: Position) -> Result<Option<Postings>> {
        let (directory, body) = self.split().ok_or_else(malformed_effects)?;
        match Self::group(directory, body, cause)? {
            Some(group) => self.postings(cause, &group, body.len()).map(Some),
            None => Ok(None),
        }
    }

    /// Calls `each` with the effects of a cause that come before `end`.
    pub(super) fn each(&self, cause: Position, end: u32, mut each: impl FnMut(u32)) -> Result<()> {
        let (directory, body) = self.split().ok_or_else(malformed_effects)?;
        let end = end.min(self.limit);
        match Self::group(directory, body, cause)? {
            None => {}
            Some(Group::Here { count, first, gaps: mut at }) => {
                let mut next = least_effect(cause.0, self.first.0).checked_add(first);
                for left in (0..count).rev() {
                    let Some(event) = next.filter(|event| *event < end) else { break };
                    each(event);
                    if left > 0 {
                        let gap = varint32(body, &mut at).ok_or_else(malformed_effects)?;
                        next = event.checked_add(gap).and_then(|event| event.checked_add(1));
                    }
                }
            }
            Some(group) => {
                let events = self.postings(cause, &group, body.len())?.events();
                events.take_while(|event| *event < end).for_each(each);
            }
        }
        Ok(())
    }

    fn group(directory: &[u8], body: &[u8], cause: Position) -> Result<Option<Group>> {
        let Some(mut reader) = EffectsReader::to(directory, body, cause.0)? else { return Ok(None) };
        for _ in 0..EFFECTS_BLOCK {
            // The last block may be shorter than the others.
            if reader.at == body.len() {
                break;
            }
            let group = reader.step().ok_or_else(malformed_effects)?;
            match reader.cause.cmp(&cause.0) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Some(group)),
                Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    /// Calls `each` with the causes of a range and the counts of their effects.
    pub(super) fn counts(
        &self,
        from: Position,
        to: Position,
        mut each: impl FnMut(Position, u32),
    ) -> Result<()> {
        let (directory, body) = self.split().ok_or_else(malformed_effects)?;
        let blocks = directory.len() / EFFECTS_ENTRY;
        for block in block_of(directory, from.0).unwrap_or(0)..blocks {
            let mut reader = EffectsReader::at(directory, body, block)?;
            let end = if block + 1 < blocks {
                EffectsReader::at(directory, body, block + 1)?.at
            } else {
                body.len()
            };
            while reader.at < end {
                let group = reader.step().ok_or_else(malformed_effects)?;
                if reader.cause >= to.0 {
                    return Ok(());
                }
                if reader.cause >= from.0 {
                    each(Position(reader.cause), group.count());
                }
            }
        }
        Ok(())
    }

    fn split(&self) -> Option<(&[u8], &[u8])> {
        let (length, rest) = self.block.get(self.section.clone())?.split_first_chunk()?;
        rest.split_at_checked(u32::from_le_bytes(*length) as usize)
    }

    fn postings(&self, cause: Position, group: &Group, body_length: usize) -> Result<Postings> {
        match *group {
            Group::Far { count, place } => {
                Postings::read(self.block, self.lists.clone(), count, place, self.limit)
            }
            Group::Here { count, first, gaps } => {
                let first =
                    least_effect(cause.0, self.first.0).checked_add(first).ok_or_else(malformed_effects)?;
                let gaps = self.section.end - body_length + gaps..self.section.end;
                Ok(Postings::short(self.block, gaps, count, first, self.limit))
            }
        }
    }
}

/// The effects of one cause.
enum Group {
    /// Their list stands in another section.
    Far { count: u32, place: u64 },
    /// The first, less the smallest possible one, and where the gaps of the others start.
    Here { count: u32, first: u32, gaps: usize },
}

impl Group {
    fn count(&self) -> u32 {
        match self {
            Self::Far { count, .. } | Self::Here { count, .. } => *count,
        }
    }
}

/// Returns the first cause of a block of effects.
fn first_of(directory: &[u8], block: usize) -> u64 {
    u64_at(directory, block * EFFECTS_ENTRY).unwrap_or(u64::MAX)
}

/// Returns the last block of effects whose first cause is not past `cause`.
fn block_of(directory: &[u8], cause: u64) -> Option<usize> {
    let (mut low, mut high) = (0, directory.len() / EFFECTS_ENTRY);
    while low < high {
        let middle = low.midpoint(high);
        if first_of(directory, middle) <= cause {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low.checked_sub(1)
}

/// A walk over the causes of one block.
struct EffectsReader<'a> {
    body: &'a [u8],
    at: usize,
    /// The cause of the last step.
    cause: u64,
}

impl<'a> EffectsReader<'a> {
    /// Returns a walk over the last block whose first cause is not past `cause`.
    fn to(directory: &[u8], body: &'a [u8], cause: u64) -> Result<Option<Self>> {
        block_of(directory, cause).map(|block| Self::at(directory, body, block)).transpose()
    }

    /// Returns a walk over a block.
    fn at(directory: &[u8], body: &'a [u8], block: usize) -> Result<Self> {
        let at = u32_at(directory, block * EFFECTS_ENTRY + 8).ok_or_else(malformed_effects)? as usize;
        let before = first_of(directory, block).checked_sub(1).ok_or_else(malformed_effects)?;
        Ok(Self { body, at, cause: before })
    }

    fn step(&mut self) -> Option<Group> {
        let code = varint(self.body, &mut self.at)?;
        self.cause = self.cause.checked_add(code >> 2)?.checked_add(1)?;
        let few = (code & 3) as u32 + 1;
        let count = if code & 3 == MANY { varint32(self.body, &mut self.at)? } else { few };
        if count > RUN {
            return Some(Group::Far { count, place: varint(self.body, &mut self.at)? });
        }
        let first = varint32(self.body, &mut self.at)?;
        let gaps = self.at;
        for _ in 1..count {
            varint(self.body, &mut self.at)?;
        }
        Some(Group::Here { count, first, gaps })
    }
}
