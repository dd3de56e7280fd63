//! The causal graph of a segment: the local causes of each event, and the effects of each cause.
//!
//! Invariants:
//!
//! G1. A cause comes before its effect.
//! G2. Causes keep the order in which the event gave them; effects ascend, each once.

use std::cmp::Ordering;

use tidegate_format::{Position, Result};

use super::blocks::Part;
use super::number::{put_varint, u32_at, u64_at, varint, varint32};
use super::postings::Postings;
use super::postings::deltas::{self, RUN};
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
    pub(super) fn read(parents: Part<'a>, count: u32, event: u32, position: Position) -> Result<Self> {
        let body = parents_block(parents, count, event)?;
        Self::look(body, event, position.0).ok_or_else(|| parents.malformed())
    }

    fn look(body: &'a [u8], event: u32, position: u64) -> Option<Self> {
        let mut at = 0;
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

/// Returns the bytes of the block of parents that `event` is in, one of `count`.
fn parents_block(parents: Part<'_>, count: u32, event: u32) -> Result<&[u8]> {
    let (directory, body) = parents.split_at(count.div_ceil(PARENTS_BLOCK) as usize * 4)?;
    let entry = (event / PARENTS_BLOCK) as usize * 4;
    let start = directory.u32_at(entry)?;
    let end = if entry + 4 < directory.len() { directory.u32_at(entry + 4)? as usize } else { body.len() };
    body.bytes(start as usize..end)
}

/// Reads the causes of the events around `event` into a block; `first` is the position of the segment's first
/// event, and `count` how many events it has.
pub(super) fn fill_causes(
    parents: Part<'_>,
    count: u32,
    first: Position,
    event: u32,
    block: &mut CauseBlock,
) -> Result<()> {
    let body = parents_block(parents, count, event)?;
    look_causes(body, count, first, event, block).ok_or_else(|| parents.malformed())
}

fn look_causes(body: &[u8], count: u32, first: Position, event: u32, block: &mut CauseBlock) -> Option<()> {
    let mut at = 0;
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
    directory: Part<'a>,
    body: Part<'a>,
    lists: Part<'a>,
    /// The position of the segment's first event.
    first: Position,
    /// The count of events of the segment.
    limit: u32,
}

impl<'a> Effects<'a> {
    /// Returns those that stand in `effects`, of a segment of `limit` events that starts at `first`.
    pub(super) fn read(effects: Part<'a>, lists: Part<'a>, first: Position, limit: u32) -> Result<Self> {
        let (directory, body) = effects.split_stated()?;
        Ok(Self { directory, body, lists, first, limit })
    }

    /// Returns the effects of a cause.
    pub(super) fn find(&self, cause: Position) -> Result<Option<Postings>> {
        match self.group(cause)? {
            Some((block, group)) => self.postings(cause, &block, &group).map(Some),
            None => Ok(None),
        }
    }

    /// Calls `each` with the effects of a cause that come before `end`.
    pub(super) fn each(&self, cause: Position, end: u32, mut each: impl FnMut(u32)) -> Result<()> {
        let end = end.min(self.limit);
        match self.group(cause)? {
            None => {}
            Some((block, Group::Here { count, first, gaps: mut at })) => {
                let mut next = least_effect(cause.0, self.first.0).checked_add(first);
                for left in (0..count).rev() {
                    let Some(event) = next.filter(|event| *event < end) else { break };
                    each(event);
                    if left > 0 {
                        let gap = varint32(block.bytes, &mut at).ok_or_else(|| self.body.malformed())?;
                        next = event.checked_add(gap).and_then(|event| event.checked_add(1));
                    }
                }
            }
            Some((block, group)) => {
                let events = self.postings(cause, &block, &group)?.events();
                events.take_while(|event| *event < end).for_each(each);
            }
        }
        Ok(())
    }

    /// Returns the effects of a cause, and the block that they stand in.
    fn group(&self, cause: Position) -> Result<Option<(EffectsReader<'a>, Group)>> {
        let Some(number) = self.block_of(cause.0)? else { return Ok(None) };
        let mut reader = self.block(number)?;
        while !reader.is_at_end() {
            let group = reader.step().ok_or_else(|| self.body.malformed())?;
            match reader.cause.cmp(&cause.0) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Some((reader, group))),
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
        for number in self.block_of(from.0)?.unwrap_or(0)..self.block_count() {
            let mut reader = self.block(number)?;
            while !reader.is_at_end() {
                let group = reader.step().ok_or_else(|| self.body.malformed())?;
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

    fn postings(&self, cause: Position, block: &EffectsReader<'_>, group: &Group) -> Result<Postings> {
        match *group {
            Group::Far { count, place } => Postings::read(self.lists, count, place, self.limit),
            Group::Here { count, first, gaps } => {
                let least = least_effect(cause.0, self.first.0);
                let first = least.checked_add(first).ok_or_else(|| self.body.malformed())?;
                let gaps = self.body.place(&(block.start + gaps..block.start + block.bytes.len()))?;
                Ok(Postings::short(self.body.blocks().file(), gaps, count, first, self.limit))
            }
        }
    }

    fn block_count(&self) -> usize {
        self.directory.len() / EFFECTS_ENTRY
    }

    /// Returns the first cause of a block, and where the block starts.
    fn entry(&self, block: usize) -> Result<(u64, usize)> {
        let entry = self.directory.bytes_at(block * EFFECTS_ENTRY, EFFECTS_ENTRY)?;
        let read = || Some((u64_at(entry, 0)?, u32_at(entry, 8)? as usize));
        read().ok_or_else(|| self.directory.malformed())
    }

    /// Returns the last block whose first cause is not past `cause`.
    fn block_of(&self, cause: u64) -> Result<Option<usize>> {
        let (mut low, mut high) = (0, self.block_count());
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle)?.0 <= cause {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.checked_sub(1))
    }

    /// Returns a walk over a block.
    fn block(&self, block: usize) -> Result<EffectsReader<'a>> {
        let (first, start) = self.entry(block)?;
        let end = if block + 1 < self.block_count() { self.entry(block + 1)?.1 } else { self.body.len() };
        let before = first.checked_sub(1).ok_or_else(|| self.directory.malformed())?;
        Ok(EffectsReader { bytes: self.body.bytes(start..end)?, start, at: 0, cause: before })
    }
}

/// The effects of one cause.
enum Group {
    /// Their list stands in another section.
    Far { count: u32, place: u64 },
    /// The first, less the smallest possible one, and where in the block the gaps of the others start.
    Here { count: u32, first: u32, gaps: usize },
}

impl Group {
    fn count(&self) -> u32 {
        match self {
            Self::Far { count, .. } | Self::Here { count, .. } => *count,
        }
    }
}

/// A walk over the causes of one block.
struct EffectsReader<'a> {
    bytes: &'a [u8],
    /// Where the block starts.
    start: usize,
    at: usize,
    /// The cause of the last step.
    cause: u64,
}

impl EffectsReader<'_> {
    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn step(&mut self) -> Option<Group> {
        let code = varint(self.bytes, &mut self.at)?;
        self.cause = self.cause.checked_add(code >> 2)?.checked_add(1)?;
        let few = (code & 3) as u32 + 1;
        let count = if code & 3 == MANY { varint32(self.bytes, &mut self.at)? } else { few };
        if count > RUN {
            return Some(Group::Far { count, place: varint(self.bytes, &mut self.at)? });
        }
        let first = varint32(self.bytes, &mut self.at)?;
        let gaps = self.at;
        for _ in 1..count {
            varint(self.bytes, &mut self.at)?;
        }
        Some(Group::Here { count, first, gaps })
    }
}
