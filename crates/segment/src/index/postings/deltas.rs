//! Deltas: a list of events by the gaps between them, in runs of 64 with a table of the runs.

use std::ops::Range;

use tidegate_disk::Block;
use tidegate_format::Result;

use crate::index::blocks::Part;
use crate::index::number::{put_varint, u32_at, varint32};

/// Events of a run.
pub(in crate::index) const RUN: u32 = 64;
/// Bytes of a run's entry in the table: its first event, and where its deltas start.
const RUN_ENTRY: usize = 8;
/// Bytes of the longest number of a list.
const NUMBER_BYTES_MAX: usize = 5;
/// Bytes of the longest run, its first event included.
const RUN_BYTES_MAX: usize = RUN as usize * NUMBER_BYTES_MAX;

/// Appends a list.
pub(super) fn write(events: &[u32], out: &mut Vec<u8>) {
    let runs = events.chunks(RUN as usize);
    if events.len() <= RUN as usize {
        put_varint(u64::from(events[0]), out);
        return write_gaps(events, out);
    }
    let mut body = Vec::new();
    for run in runs {
        out.extend_from_slice(&run[0].to_le_bytes());
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        write_gaps(run, &mut body);
    }
    out.append(&mut body);
}

/// Writes how many events lie between each event and the one before it, but for the first.
pub(in crate::index) fn write_gaps(events: &[u32], out: &mut Vec<u8>) {
    for pair in events.windows(2) {
        put_varint(u64::from(pair[1] - pair[0] - 1), out);
    }
}

/// A list read in place.
#[derive(Clone, Debug)]
pub(super) struct Deltas {
    block: Block,
    first: u32,
    /// Where the table of runs starts; 0 if there is one run, and no table.
    table: usize,
    gaps: Range<usize>,
}

impl Deltas {
    /// Returns a list of one run: its first event, then these gaps in the block.
    pub(super) fn short(block: &Block, gaps: Range<usize>, first: u32) -> Self {
        Self { block: block.clone(), first, table: 0, gaps }
    }

    /// Returns the list of `count` events that `list` starts with. Other lists may follow it.
    pub(super) fn read(list: Part<'_>, count: u32) -> Result<Self> {
        let block = list.blocks().file().clone();
        if count <= RUN {
            let bytes = list.bytes_at(0, count as usize * NUMBER_BYTES_MAX)?;
            let mut at = 0;
            let first = varint32(bytes, &mut at).ok_or_else(|| list.malformed())?;
            return Ok(Self { block, first, table: 0, gaps: list.place(&(at..bytes.len()))? });
        }
        let table = list.bytes(0..count.div_ceil(RUN) as usize * RUN_ENTRY)?;
        // The gaps of all runs stand in their order, so the last run's are those that end last.
        let last = u32_at(table, table.len() - RUN_ENTRY / 2).unwrap_or_default() as usize;
        let length = list.bytes_at(0, table.len().saturating_add(last).saturating_add(RUN_BYTES_MAX))?.len();
        Ok(Self {
            block,
            first: u32_at(table, 0).unwrap_or_default(),
            table: list.place(&(0..length))?.start,
            gaps: list.place(&(table.len()..length))?,
        })
    }

    /// Returns the events of a run, the caller knowing that there is one.
    pub(super) fn run(&self, run: u32, count: u32) -> Option<Run<'_>> {
        let left = (count - run * RUN).min(RUN);
        let gaps = &self.block[self.gaps.clone()];
        if self.table == 0 {
            return Some(Run { gaps, at: 0, next: Some(self.first), left });
        }
        let entry = self.table + run as usize * RUN_ENTRY;
        let at = u32_at(&self.block, entry + 4)? as usize;
        Some(Run { gaps, at, next: Some(self.first_of(run)), left })
    }

    fn first_of(&self, run: u32) -> u32 {
        if self.table == 0 {
            return self.first;
        }
        u32_at(&self.block, self.table + run as usize * RUN_ENTRY).unwrap_or(u32::MAX)
    }

    /// Returns how many events come before `event`.
    pub(super) fn rank(&self, event: u32, count: u32) -> u32 {
        let (mut low, mut high) = (0, count.div_ceil(RUN));
        while low < high {
            let middle = low.midpoint(high);
            if self.first_of(middle) < event {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(run) = low.checked_sub(1) else { return 0 };
        let before = self.run(run, count).map_or(0, |run| run.take_while(|found| *found < event).count());
        run * RUN + before as u32
    }
}

/// A walk over the events of one run.
pub(super) struct Run<'a> {
    gaps: &'a [u8],
    at: usize,
    next: Option<u32>,
    left: u32,
}

impl Iterator for Run<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let event = self.next.filter(|_| self.left > 0)?;
        self.left -= 1;
        if self.left > 0 {
            let gap = varint32(self.gaps, &mut self.at);
            self.next = gap.and_then(|gap| event.checked_add(gap)?.checked_add(1));
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::blocks::Blocks;

    #[test]
    fn runs_end_where_the_list_ends() {
        for count in [1, 2, 63, 64, 65, 128, 129, 300] {
            let events: Vec<u32> = (0..count).map(|n| n * 300 + 5).collect();
            let mut bytes = vec![0; 11];
            write(&events, &mut bytes);
            // What follows is another list.
            bytes.extend([1; 200]);
            let blocks = Blocks::of(&bytes);
            let deltas = Deltas::read(blocks.section().split_at(11).unwrap().1, count).unwrap();
            for (run, expected) in (0..).zip(events.chunks(RUN as usize)) {
                let found: Vec<_> = deltas.run(run, count).unwrap().collect();
                assert_eq!(found, expected, "run {run} of {count}");
            }
            for event in 0..count * 300 {
                let before = events.partition_point(|found| *found < event);
                assert_eq!(deltas.rank(event, count) as usize, before, "{event} of {count}");
            }
        }
    }
}
