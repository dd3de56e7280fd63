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

use tidegate_format::{Error, ErrorKind, Result};
use tidegate_segment::cache::FileCache;
use tidegate_segment::index::FilterGroup;
use tidegate_segment::{Segment, filter_groups};

use crate::published::{Log, SEGMENT_GROUP, SharedState};

/// After this many further segments the filter group of a segment group is made anew.
const STEP: usize = 16;

/// The filter groups of these sealed segments that are there and usable.
pub(super) fn load(cache: &FileCache, sealed: &[Arc<Segment>]) -> Vec<Option<Arc<FilterGroup>>> {
    let names = filter_groups::list(cache.disk());
    let load = |group: &[Arc<Segment>]| {
        if group.len() < STEP {
            return None;
        }
        match filter_groups::load(cache, &names, group) {
            Ok(filter_group) => filter_group.map(Arc::new),
            Err(error) => {
                tracing::debug!(%error, "no filter group can be used");
                None
            }
        }
    };
    let filter_groups: Vec<_> = sealed.chunks(SEGMENT_GROUP).map(load).collect();
    cache.reserve(filter_groups.iter().flatten().count());
    filter_groups
}

/// What [`make`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// A filter group.
    One,
    /// Nothing: none is wanting.
    Nothing,
    /// Nothing: an index file that it needs was damaged and is out of use; its segment has to be indexed first.
    IndexMissing,
}

/// Makes the first filter group that is wanting, and takes it into use. The segments are indexed.
pub(super) fn make(cache: &FileCache, published: &SharedState) -> Result<Made> {
    let log = published.log();
    let wanting = groups(&log).find(|group| is_wanting(&log, group));
    let Some((group, segments)) = wanting else { return Ok(Made::Nothing) };
    let Some(made) = filter_groups::keep(cache, segments)? else { return Ok(Made::IndexMissing) };
    take_up(cache, published, group, made);
    Ok(Made::One)
}

/// Makes all filter groups anew, of segments that were indexed just now.
pub(super) fn make_all(cache: &FileCache, published: &SharedState) -> Result<()> {
    let log = published.log();
    for (group, segments) in groups(&log) {
        let made = filter_groups::keep(cache, segments)?.ok_or_else(breaks)?;
        take_up(cache, published, group, made);
    }
    Ok(())
}

/// The error if index files turn out to be damaged again right after they were built.
pub(super) fn breaks() -> Error {
    Error::new(ErrorKind::Damaged, "the index files break as fast as they are built")
}

/// Takes the filter groups into use that the writer of another process has made since: of the last segment groups,
/// those before were looked for when the store was opened.
pub(super) fn follow(cache: &FileCache, published: &SharedState) {
    let log = published.log();
    let earlier = groups(&log).count().saturating_sub(2);
    let mut wanting = groups(&log).skip(earlier).filter(|one| is_wanting(&log, one)).peekable();
    let names = if wanting.peek().is_some() { filter_groups::list(cache.disk()) } else { Vec::new() };
    for (group, segments) in wanting {
        let known = log
            .filter_group(group)
            .filter(|filter_group| !filter_group.is_damaged())
            .map_or(0, |filter_group| filter_group.count());
        match filter_groups::load(cache, &names, segments) {
            Ok(Some(filter_group)) if filter_group.count() > known => {
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
