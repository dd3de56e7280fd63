//! Fans: the events with the most causes or the most effects.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use tidegate_format::{ErrorKind, Position, Result};

use super::ground::Ground;
use super::marks::Marks;

/// Which ends of an event are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// Its local causes.
    In,
    /// Its effects.
    Out,
}

/// The largest numbers so far; of equal ones the first events.
struct Top {
    limit: usize,
    kept: BinaryHeap<Reverse<(u64, Reverse<Position>)>>,
}

impl Top {
    fn add(&mut self, event: Position, count: u64) {
        if count == 0 || self.limit == 0 {
            return;
        }
        let new = Reverse((count, Reverse(event)));
        if self.kept.len() < self.limit {
            self.kept.push(new);
        } else if self.kept.peek().is_some_and(|least| new < *least) {
            self.kept.pop();
            self.kept.push(new);
        }
    }
}

/// The events with the largest fans, the largest first.
pub(super) fn largest(
    ground: &mut Ground,
    marks: &Marks,
    fan: Fan,
    limit: usize,
) -> Result<Vec<(Position, u64)>> {
    if fan == Fan::Out {
        ground.view().check_end()?;
    }
    let top = match fan {
        Fan::In => fan_in(ground, marks, limit)?,
        Fan::Out => match fan_out(ground, marks, limit, true) {
            // An index file turned out to be damaged; the causes say the same.
            Err(error) if error.kind() == ErrorKind::Damaged => fan_out(ground, marks, limit, false)?,
            top => top?,
        },
    };
    let largest = top.kept.into_sorted_vec().into_iter();
    Ok(largest.map(|Reverse((count, Reverse(event)))| (event, count)).collect())
}

fn fan_in(ground: &mut Ground, marks: &Marks, limit: usize) -> Result<Top> {
    let mut top = Top { limit, kept: BinaryHeap::new() };
    let mut causes = Vec::new();
    for event in marks.iter() {
        causes.clear();
        causes.extend_from_slice(ground.causes(event)?);
        causes.sort_unstable();
        causes.dedup();
        top.add(event, causes.len() as u64);
    }
    Ok(top)
}

/// Counts effects segment by segment of the causes, so that no more is kept than one segment's counts, and the
/// fans in those segments that have no index file or show only in part; `use_files` says whether to believe
/// any index file.
fn fan_out(ground: &mut Ground, marks: &Marks, limit: usize, use_files: bool) -> Result<Top> {
    let mut top = Top { limit, kept: BinaryHeap::new() };
    let segments: Vec<_> =
        ground.view().segments().map(|(segment, count)| (Arc::clone(segment), count)).collect();
    let mut fans = Vec::with_capacity(segments.len());
    for (segment, count) in &segments {
        let whole = segment.next() == segment.first().plus(u64::from(*count));
        let in_file = use_files && whole && segment.is_indexed();
        fans.push(if in_file { None } else { Some(read_fans(ground, segment.first(), *count)?) });
    }
    for (at, (segment, count)) in segments.iter().enumerate() {
        let (from, to) = (segment.first(), segment.first().plus(u64::from(*count)));
        let mut counts = vec![0_u64; *count as usize];
        let mut add = |cause: Position, fan: u32| counts[(cause.0 - from.0) as usize] += u64::from(fan);
        for ((later, _), fans) in segments.iter().zip(&fans).skip(at) {
            match fans {
                Some(fans) => {
                    let start = fans.partition_point(|(cause, _)| *cause < from);
                    let here = fans[start..].iter().take_while(|(cause, _)| *cause < to);
                    here.for_each(|(cause, fan)| add(*cause, *fan));
                }
                None => later.effect_counts(from, to, &mut add)?,
            }
        }
        for (n, fan) in (0..).zip(counts) {
            let event = from.plus(n);
            if fan > 0 && marks.contains(event) {
                top.add(event, fan);
            }
        }
    }
    Ok(top)
}

/// The causes of the first `count` events of a segment, with how many effects each has there.
fn read_fans(ground: &mut Ground, first: Position, count: u32) -> Result<Vec<(Position, u32)>> {
    ground.read_ahead();
    let mut pairs = Vec::new();
    for event in (0..u64::from(count)).map(|n| first.plus(n)) {
        pairs.extend(ground.causes(event)?.iter().map(|cause| (*cause, event)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    let fans = pairs.chunk_by(|left, right| left.0 == right.0);
    Ok(fans.map(|fan| (fan[0].0, fan.len() as u32)).collect())
}
