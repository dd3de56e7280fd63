//! The log as it is published: its segments, and which of them may hold something.

use std::sync::Arc;

use tidegate_format::{Error, Position};
use tidegate_segment::index::{FILTER_GROUP_SEGMENTS_MAX, FilterGroup};
use tidegate_segment::{HashKey, RecordedEvent, Segment};

use super::keys::Keys;

/// Segments of a group: those that one filter group can be of.
pub(crate) const SEGMENT_GROUP: usize = FILTER_GROUP_SEGMENTS_MAX;

/// The segments of the log, in order; the last one is active. There is one at least. The first ones may be retired: what
/// stays of them answers everything but what stands in records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) segments: Vec<Arc<Segment>>,
    /// For each segment group the filter group of its first ones, as far as there is one.
    pub(crate) filter_groups: Vec<Option<Arc<FilterGroup>>>,
    /// Where damage ends what can be shown, for those who read beside no writer of their own.
    pub(crate) damage: Option<Arc<Damage>>,
    /// What encrypts and decrypts payloads for subjects, if the store was given a keyring.
    pub(crate) keys: Option<Keys>,
}

/// Damage that hides everything behind a position.
#[derive(Debug)]
pub(crate) struct Damage {
    /// The last position in front of it.
    pub(crate) after: Position,
    pub(crate) error: Error,
}

impl Log {
    /// Returns the first position that has a record.
    pub(crate) fn floor(&self) -> Position {
        let first = self.segments.get(self.retired());
        first.map_or(Position(1), |segment| segment.first())
    }

    /// Returns how many segments are retired: those before the floor.
    pub(crate) fn retired(&self) -> usize {
        self.segments.partition_point(|segment| segment.is_retired())
    }

    /// Returns the segments that have records.
    pub(crate) fn recorded(&self) -> &[Arc<Segment>] {
        &self.segments[self.retired()..]
    }

    /// Returns the segment that holds a position, and its place in the list; `None` before the first.
    pub(crate) fn locate(&self, position: Position) -> Option<(usize, &Arc<Segment>)> {
        let at = self.segments.partition_point(|segment| segment.first() <= position).checked_sub(1)?;
        Some((at, &self.segments[at]))
    }

    /// Has an encrypted payload opened with the keys at hand when it is asked for.
    #[inline]
    pub(crate) fn decrypt(&self, event: &mut RecordedEvent) {
        if let Some(keys) = &self.keys {
            event.decrypt_with(&keys.cipher);
        }
    }

    /// Returns what terms and ids are hashed with.
    pub(crate) fn seed(&self) -> HashKey {
        self.segments[0].hash_key()
    }

    /// Returns the filter group of a segment group.
    pub(crate) fn filter_group(&self, group: usize) -> Option<&Arc<FilterGroup>> {
        self.filter_groups.get(group)?.as_ref()
    }

    /// Puts a filter group in the place of the one that a segment group has.
    pub(crate) fn set_filter_group(&mut self, group: usize, filter_group: Arc<FilterGroup>) {
        if self.filter_groups.len() <= group {
            self.filter_groups.resize(group + 1, None);
        }
        self.filter_groups[group] = Some(filter_group);
    }

    /// Returns the segments that may hold a term or an id with this hash, by their places in the list, the newest first.
    pub(crate) fn newest_first(&self, hash: u64) -> impl Iterator<Item = (usize, &Arc<Segment>)> {
        let (mut sieve, mut next) = (SegmentFilter::default(), self.segments.len().checked_sub(1));
        std::iter::from_fn(move || {
            let at = sieve.find(self, next?, true, |filter_group| filter_group.may_hold(hash))?;
            next = at.checked_sub(1);
            Some((at, &self.segments[at]))
        })
    }
}

/// Picks the segments that may hold something, one segment group after the other. It belongs to one log and one
/// question.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SegmentFilter {
    /// The segment group that was asked last, and which of its segments may hold it.
    asked: Option<(usize, u64)>,
}

impl SegmentFilter {
    /// Returns the nearest segment that may hold it, from the one at a place on, in one direction. `may_hold` asks the
    /// filter group of a segment group; without one, all its segments may.
    #[inline]
    pub(crate) fn find(
        &mut self,
        log: &Log,
        mut at: usize,
        backwards: bool,
        may_hold: impl Fn(&FilterGroup) -> u64,
    ) -> Option<usize> {
        while at < log.segments.len() {
            let (group, place) = (at / SEGMENT_GROUP, at % SEGMENT_GROUP);
            let segments = match self.asked {
                Some((asked, segments)) if asked == group => segments,
                _ => log.filter_group(group).map_or(u64::MAX, |filter_group| may_hold(filter_group)),
            };
            self.asked = Some((group, segments));
            if backwards {
                let left = segments & (u64::MAX >> (SEGMENT_GROUP - 1 - place));
                if left != 0 {
                    return Some(group * SEGMENT_GROUP + left.ilog2() as usize);
                }
                at = (group * SEGMENT_GROUP).checked_sub(1)?;
            } else {
                let left = segments & (u64::MAX << place);
                if left != 0 {
                    return Some(group * SEGMENT_GROUP + left.trailing_zeros() as usize)
                        .filter(|at| *at < log.segments.len());
                }
                at = (group + 1) * SEGMENT_GROUP;
            }
        }
        None
    }
}
