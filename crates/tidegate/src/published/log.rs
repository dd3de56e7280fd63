//! The log as it is published: its segments, and which of them may hold something.

use std::sync::Arc;

use tidegate_format::{Error, Position};
use tidegate_segment::index::{FilterGroup, ROSTER_SEGMENTS_MAX};
use tidegate_segment::{HashKey, Segment};

/// Segments of a stretch: those that one roster can be of.
pub(crate) const STRETCH: usize = ROSTER_SEGMENTS_MAX;

/// The segments of the log, in order; the last one is active. There is one at least.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) segments: Vec<Arc<Segment>>,
    /// For each stretch of segments the roster of its first ones, as far as there is one.
    pub(crate) rosters: Vec<Option<Arc<FilterGroup>>>,
    /// Where damage ends what can be shown, for those who read beside no writer of their own.
    pub(crate) damage: Option<Arc<Damage>>,
}

/// Damage that hides everything behind a position.
#[derive(Debug)]
pub(crate) struct Damage {
    /// The last position in front of it.
    pub(crate) after: Position,
    pub(crate) error: Error,
}

impl Log {
    /// The segment that holds a position, and its place in the list; nothing before the first.
    pub(crate) fn locate(&self, position: Position) -> Option<(usize, &Arc<Segment>)> {
        let at = self.segments.partition_point(|segment| segment.first() <= position).checked_sub(1)?;
        Some((at, &self.segments[at]))
    }

    /// What terms and ids are hashed with.
    pub(crate) fn seed(&self) -> HashKey {
        self.segments[0].seed()
    }

    /// The roster of a stretch.
    pub(crate) fn roster(&self, stretch: usize) -> Option<&Arc<FilterGroup>> {
        self.rosters.get(stretch)?.as_ref()
    }

    /// Puts a roster in the place of the one that a stretch has.
    pub(crate) fn set_roster(&mut self, stretch: usize, roster: Arc<FilterGroup>) {
        if self.rosters.len() <= stretch {
            self.rosters.resize(stretch + 1, None);
        }
        self.rosters[stretch] = Some(roster);
    }

    /// The segments that may hold a term or an id with this hash, by their places in the list, the newest first.
    pub(crate) fn newest_first(&self, hash: u64) -> impl Iterator<Item = (usize, &Arc<Segment>)> {
        let (mut sieve, mut next) = (SegmentFilter::default(), self.segments.len().checked_sub(1));
        std::iter::from_fn(move || {
            let at = sieve.find(self, next?, true, |roster| roster.may_hold(hash))?;
            next = at.checked_sub(1);
            Some((at, &self.segments[at]))
        })
    }
}

/// Picks the segments that may hold something, stretch by stretch. It belongs to one log and one question.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SegmentFilter {
    /// The stretch that was asked last, and which of its segments may hold it.
    asked: Option<(usize, u64)>,
}

impl SegmentFilter {
    /// The nearest segment that may hold it, from the one at a place on, in one direction. `may_hold` asks the
    /// roster of a stretch; without one, all its segments may.
    #[inline]
    pub(crate) fn find(
        &mut self,
        log: &Log,
        mut at: usize,
        backwards: bool,
        may_hold: impl Fn(&FilterGroup) -> u64,
    ) -> Option<usize> {
        while at < log.segments.len() {
            let (stretch, place) = (at / STRETCH, at % STRETCH);
            let segments = match self.asked {
                Some((asked, segments)) if asked == stretch => segments,
                _ => log.roster(stretch).map_or(u64::MAX, |roster| may_hold(roster)),
            };
            self.asked = Some((stretch, segments));
            if backwards {
                let left = segments & (u64::MAX >> (STRETCH - 1 - place));
                if left != 0 {
                    return Some(stretch * STRETCH + left.ilog2() as usize);
                }
                at = (stretch * STRETCH).checked_sub(1)?;
            } else {
                let left = segments & (u64::MAX << place);
                if left != 0 {
                    return Some(stretch * STRETCH + left.trailing_zeros() as usize)
                        .filter(|at| *at < log.segments.len());
                }
                at = (stretch + 1) * STRETCH;
            }
        }
        None
    }
}
