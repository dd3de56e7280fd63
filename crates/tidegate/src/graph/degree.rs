//! Degrees: the events with the most causes or the most effects.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use tidegate_format::{Position, Result};
use tidegate_segment::IndexState;

use super::bitmap::Bitmap;
use super::reader::GraphReader;

/// The neighbours of an event that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degree {
    /// Its local causes.
    In,
    /// Its effects.
    Out,
}

/// The largest degrees so far; of equal ones the first events.
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

/// Returns the events with the largest degrees, the largest first.
pub(super) fn largest(
    reader: &mut GraphReader,
    bitmap: &Bitmap,
    degree: Degree,
    limit: usize,
) -> Result<Vec<(Position, u64)>> {
    if degree == Degree::Out {
        reader.view().check_end()?;
    }
    let top = match degree {
        Degree::In => in_degrees(reader, bitmap, limit)?,
        Degree::Out => match out_degrees(reader, bitmap, limit, true)? {
            Some(top) => top,
            // An index file was damaged and is out of use now; the causes give the same counts.
            None => out_degrees(reader, bitmap, limit, false)?.expect("no index file is asked"),
        },
    };
    let largest = top.kept.into_sorted_vec().into_iter();
    Ok(largest.map(|Reverse((count, Reverse(event)))| (event, count)).collect())
}

fn in_degrees(reader: &mut GraphReader, bitmap: &Bitmap, limit: usize) -> Result<Top> {
    let mut top = Top { limit, kept: BinaryHeap::new() };
    let mut causes = Vec::new();
    for event in bitmap.iter() {
        causes.clear();
        causes.extend_from_slice(reader.causes(event)?);
        causes.sort_unstable();
        causes.dedup();
        top.add(event, causes.len() as u64);
    }
    Ok(top)
}

/// Counts effects segment by segment of the causes, so that no more is kept than one segment's counts, and the
/// degrees in those segments that have no index file or show only in part; `use_files` says whether to believe
/// any index file. Returns `None` if the index file of a segment that had one is out of use meanwhile.
fn out_degrees(
    reader: &mut GraphReader,
    bitmap: &Bitmap,
    limit: usize,
    use_files: bool,
) -> Result<Option<Top>> {
    let mut top = Top { limit, kept: BinaryHeap::new() };
    let segments: Vec<_> =
        reader.view().segments().map(|(segment, count)| (Arc::clone(segment), count)).collect();
    let mut degrees = Vec::with_capacity(segments.len());
    for (segment, count) in &segments {
        let whole = segment.next() == segment.first().plus(u64::from(*count));
        let in_file = use_files && whole && segment.is_indexed();
        degrees.push(if in_file { None } else { Some(read_degrees(reader, segment.first(), *count)?) });
    }
    for (at, (segment, count)) in segments.iter().enumerate() {
        let (from, to) = (segment.first(), segment.first().plus(u64::from(*count)));
        let mut counts = vec![0_u64; *count as usize];
        let mut add = |cause: Position, degree: u32| counts[(cause.0 - from.0) as usize] += u64::from(degree);
        for ((later, _), degrees) in segments.iter().zip(&degrees).skip(at) {
            match degrees {
                Some(degrees) => {
                    let start = degrees.partition_point(|(cause, _)| *cause < from);
                    let here = degrees[start..].iter().take_while(|(cause, _)| *cause < to);
                    here.for_each(|(cause, degree)| add(*cause, *degree));
                }
                None => match later.effect_counts(from, to, &mut add)? {
                    IndexState::InUse => {}
                    IndexState::Missing => return Ok(None),
                },
            }
        }
        for (n, degree) in (0..).zip(counts) {
            let event = from.plus(n);
            if degree > 0 && bitmap.contains(event) {
                top.add(event, degree);
            }
        }
    }
    Ok(Some(top))
}

/// Returns the causes of the first `count` events of a segment, with how many effects each has there.
fn read_degrees(reader: &mut GraphReader, first: Position, count: u32) -> Result<Vec<(Position, u32)>> {
    reader.read_ahead();
    let mut pairs = Vec::new();
    for event in (0..u64::from(count)).map(|n| first.plus(n)) {
        pairs.extend(reader.causes(event)?.iter().map(|cause| (*cause, event)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    let degrees = pairs.chunk_by(|left, right| left.0 == right.0);
    Ok(degrees.map(|degree| (degree[0].0, degree.len() as u32)).collect())
}
