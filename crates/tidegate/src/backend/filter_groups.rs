//! Filter groups: one look tells for 64 segments which of them may hold something.
//!
//! Segments form groups of 64, counted from the oldest. Whenever 16 more of a group are sealed and indexed, the
//! filter group of that segment group is made anew, of all of them so far.
//!
//! Invariants:
//!
//! Z1. Answers never depend on a filter group: without it each segment is asked on its own.
//! Z2. A filter group is used only once it is durable, and only for the segments it was made of.
//! Z3. Filter groups stay mapped, one for 64 segments, and the budget of the cache counts them.

use std::sync::Arc;

use tidegate_format::Result;
use tidegate_segment::cache::FileCache;
use tidegate_segment::index::FilterGroup;
use tidegate_segment::{Segment, keep_filter_group, load_filter_group};

use crate::published::{Log, SEGMENT_GROUP, SharedState};

/// After so many further segments the filter group of a segment group is made anew.
const STEP: usize = 16;

/// The filter groups of these sealed segments that are there and of use.
pub(super) fn load(cache: &FileCache, sealed: &[Arc<Segment>]) -> Vec<Option<Arc<FilterGroup>>> {
    let load = |group: &[Arc<Segment>]| {
        if group.len() < STEP {
            return None;
        }
        match load_filter_group(cache, group) {
            Ok(filter_group) => Some(Arc::new(filter_group)),
            Err(error) => {
                tracing::debug!(%error, "no filter group is of use");
                None
            }
        }
    };
    let filter_groups: Vec<_> = sealed.chunks(SEGMENT_GROUP).map(load).collect();
    cache.reserve(filter_groups.iter().flatten().count());
    filter_groups
}

/// Whether any segment group could have a better filter group than it has.
pub(super) fn are_wanting(log: &Log) -> bool {
    groups(log).any(|group| is_wanting(log, &group))
}

/// Makes the first filter group that is wanting, and takes it into use; says whether there was one. The segments
/// are indexed; one whose index file turns out to be damaged has to be indexed again first.
pub(super) fn make(cache: &FileCache, published: &SharedState) -> Result<bool> {
    let log = published.log();
    let wanting = groups(&log).find(|group| is_wanting(&log, group));
    let Some((group, segments)) = wanting else { return Ok(false) };
    take_up(cache, published, group, keep_filter_group(cache, segments)?);
    Ok(true)
}

/// Makes all filter groups anew.
pub(super) fn make_all(cache: &FileCache, published: &SharedState) -> Result<()> {
    let log = published.log();
    for (group, segments) in groups(&log) {
        take_up(cache, published, group, keep_filter_group(cache, segments)?);
    }
    Ok(())
}

/// Takes the filter groups into use that the writer of another process has made since: of the last segment groups,
/// those before were looked for when the store was opened.
pub(super) fn follow(cache: &FileCache, published: &SharedState) {
    let log = published.log();
    let earlier = groups(&log).count().saturating_sub(2);
    for (group, segments) in groups(&log).skip(earlier).filter(|one| is_wanting(&log, one)) {
        let known = log
            .filter_group(group)
            .filter(|filter_group| !filter_group.is_damaged())
            .map_or(0, |filter_group| filter_group.count());
        match load_filter_group(cache, segments) {
            Ok(filter_group) if filter_group.count() > known => {
                take_up(cache, published, group, filter_group);
            }
            _ => {}
        }
    }
}

fn take_up(cache: &FileCache, published: &SharedState, group: usize, filter_group: FilterGroup) {
    let filter_group = Arc::new(filter_group);
    published.change_log(|log| log.set_filter_group(group, Arc::clone(&filter_group)));
    cache.reserve(published.log().filter_groups.iter().flatten().count());
}

fn is_wanting(log: &Log, (group, segments): &(usize, &[Arc<Segment>])) -> bool {
    log.filter_group(*group)
        .is_none_or(|filter_group| filter_group.count() < segments.len() || filter_group.is_damaged())
}

/// The segment groups that have enough sealed segments, with those that a filter group should be of.
fn groups(log: &Log) -> impl Iterator<Item = (usize, &[Arc<Segment>])> {
    let sealed = &log.segments[..log.segments.len().saturating_sub(1)];
    let groups = sealed.chunks(SEGMENT_GROUP).map(|group| &group[..group.len() / STEP * STEP]);
    groups.enumerate().filter(|(_, segments)| !segments.is_empty())
}
