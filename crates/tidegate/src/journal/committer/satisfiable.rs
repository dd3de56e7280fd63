//! What can come yet: whether conditions that do not hold now can hold later, all of them at once.

use std::collections::HashMap;

use tidegate_format::{Position, Result, StreamId, Version};

use crate::batch::Condition;

/// What conditions say of one stream.
#[derive(Default)]
struct StreamGoal {
    version: Option<Version>,
    exists: bool,
    absent: bool,
}

/// Whether events can follow on a log with this head after which every condition holds. Each
/// [`FailIf`](Condition::FailIf) and [`Leaf`](Condition::Leaf) holds now, and `found` returns the version that a stream has now.
///
/// An event cannot be taken back, so only a stream that has too few events for its condition can come to fit, by events
/// that no `FailIf` matches: they need a place up to its position if it matches every event of their stream, or every one
/// of their versions.
pub(super) fn can_hold(
    conditions: &[Condition],
    head: Position,
    mut found: impl FnMut(&StreamId) -> Result<Version>,
) -> Result<bool> {
    let mut streams: HashMap<&StreamId, StreamGoal> = HashMap::new();
    for condition in conditions {
        match condition {
            Condition::Version(stream, version) => {
                let goal = streams.entry(stream).or_default();
                if goal.version.is_some_and(|other| other != *version) {
                    return Ok(false);
                }
                goal.version = Some(*version);
            }
            Condition::Exists(stream) => streams.entry(stream).or_default().exists = true,
            Condition::Absent(stream) => streams.entry(stream).or_default().absent = true,
            Condition::FailIf(..) | Condition::Leaf(..) => {}
        }
    }
    // How many events have to come, each with how many positions there are for it.
    let mut missing = Vec::new();
    for (stream, goal) in streams {
        let found = found(stream)?;
        let version = goal.version.unwrap_or_else(|| found.max(Version(u64::from(goal.exists))));
        let fits = !(goal.exists && version == Version::EMPTY || goal.absent && version != Version::EMPTY);
        if version < found || !fits {
            return Ok(false);
        }
        // Events of a stream come in the order of their versions: one that a condition forbids behind a position needs a
        // place up to it, and so do all that come before that one.
        let mut ends: Vec<_> = conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::FailIf(query, after) => {
                    let end = query.last_covered(stream, found.next(), version)?;
                    Some((end, after.0.saturating_sub(head.0)))
                }
                _ => None,
            })
            .collect();
        ends.push((version, u64::MAX));
        ends.sort_unstable();
        let mut room = u64::MAX;
        while let Some((end, least)) = ends.pop() {
            room = room.min(least);
            let next = ends.last().map_or(found, |(next, _)| *next);
            missing.push((room, end.0 - next.0));
        }
    }
    // Those with the least room go first.
    missing.sort_unstable();
    let mut placed = 0_u64;
    Ok(missing.iter().all(|(room, count)| {
        placed = placed.saturating_add(*count);
        *count == 0 || placed <= *room
    }))
}
