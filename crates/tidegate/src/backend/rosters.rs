//! Rosters: one look tells for 64 segments which of them may hold something.
//!
//! Segments form stretches of 64, counted from the oldest. Whenever 16 more of a stretch are sealed and indexed, the
//! stretch's roster is made anew, of all of them so far.
//!
//! Invariants:
//!
//! Z1. Answers never depend on a roster: without it each segment is asked on its own.
//! Z2. A roster is used only once it is durable, and only for the segments it was made of.
//! Z3. Rosters stay mapped, one for 64 segments, and the budget of the cache counts them.

use std::sync::Arc;

use tidegate_format::Result;
use tidegate_segment::cache::FileCache;
use tidegate_segment::index::FilterGroup;
use tidegate_segment::{Segment, keep_roster, load_roster};

use crate::published::{Log, STRETCH, SharedState};

/// After so many further segments the roster of a stretch is made anew.
const STEP: usize = 16;

/// The rosters of these sealed segments that are there and of use.
pub(super) fn load(cache: &FileCache, sealed: &[Arc<Segment>]) -> Vec<Option<Arc<FilterGroup>>> {
    let load = |stretch: &[Arc<Segment>]| {
        if stretch.len() < STEP {
            return None;
        }
        match load_roster(cache, stretch) {
            Ok(roster) => Some(Arc::new(roster)),
            Err(error) => {
                tracing::debug!(%error, "no roster is of use");
                None
            }
        }
    };
    let rosters: Vec<_> = sealed.chunks(STRETCH).map(load).collect();
    cache.reserve(rosters.iter().flatten().count());
    rosters
}

/// Whether any stretch could have a better roster than it has.
pub(super) fn are_wanting(log: &Log) -> bool {
    stretches(log).any(|stretch| is_wanting(log, &stretch))
}

/// Makes the first roster that is wanting, and takes it into use; says whether there was one. The segments
/// are indexed; one whose index file turns out to be damaged has to be indexed again first.
pub(super) fn make(cache: &FileCache, published: &SharedState) -> Result<bool> {
    let log = published.log();
    let wanting = stretches(&log).find(|stretch| is_wanting(&log, stretch));
    let Some((stretch, segments)) = wanting else { return Ok(false) };
    take_up(cache, published, stretch, keep_roster(cache, segments)?);
    Ok(true)
}

/// Makes all rosters anew.
pub(super) fn make_all(cache: &FileCache, published: &SharedState) -> Result<()> {
    let log = published.log();
    for (stretch, segments) in stretches(&log) {
        take_up(cache, published, stretch, keep_roster(cache, segments)?);
    }
    Ok(())
}

/// Takes the rosters into use that the writer of another process has made since: of the last stretches, those
/// before were looked for when the store was opened.
pub(super) fn follow(cache: &FileCache, published: &SharedState) {
    let log = published.log();
    let earlier = stretches(&log).count().saturating_sub(2);
    for (stretch, segments) in stretches(&log).skip(earlier).filter(|one| is_wanting(&log, one)) {
        let known =
            log.roster(stretch).filter(|roster| !roster.is_damaged()).map_or(0, |roster| roster.count());
        match load_roster(cache, segments) {
            Ok(roster) if roster.count() > known => take_up(cache, published, stretch, roster),
            _ => {}
        }
    }
}

fn take_up(cache: &FileCache, published: &SharedState, stretch: usize, roster: FilterGroup) {
    let roster = Arc::new(roster);
    published.change_log(|log| log.set_roster(stretch, Arc::clone(&roster)));
    cache.reserve(published.log().rosters.iter().flatten().count());
}

fn is_wanting(log: &Log, (stretch, segments): &(usize, &[Arc<Segment>])) -> bool {
    log.roster(*stretch).is_none_or(|roster| roster.count() < segments.len() || roster.is_damaged())
}

/// The stretches that have enough sealed segments, with those that a roster should be of.
fn stretches(log: &Log) -> impl Iterator<Item = (usize, &[Arc<Segment>])> {
    let sealed = &log.segments[..log.segments.len().saturating_sub(1)];
    let stretches = sealed.chunks(STRETCH).map(|stretch| &stretch[..stretch.len() / STEP * STEP]);
    stretches.enumerate().filter(|(_, segments)| !segments.is_empty())
}
