//! Across: how far to the right the things of a row stand.
//!
//! Their order is known; they begin beside each other, each row around one middle. From there rows are moved in turn to
//! where their lines pull them, bends of long lines hardest, so that long lines become straight.

use super::order::order;

/// Sweeps over all rows, up and down.
const ROUNDS: usize = 48;
/// How hard a thing without lines on that side stays where it is.
const LOOSE: f64 = 0.1;
/// How much harder a line pulls for each end of it that is a bend.
const BEND_PULL: f64 = 4.0;

/// A thing in a row: a node, or a bend of a line that passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) row: u32,
    /// The room it needs, with half of the gap on either side.
    pub(super) width: f64,
    pub(super) is_bend: bool,
}

/// What pulls each thing, and how hard.
type Pulls = Vec<Vec<(usize, f64)>>;

/// Returns how far to the right the middle of each thing stands, from 0 at the left of the leftmost. The lines go from
/// one row to the next, and hold all things together. Lines are only as straight as the width allows, or the widest row.
pub(super) fn across(things: &[Item], lines: &[(u32, u32)], width_max: f64) -> Vec<f64> {
    let rows = order(&things.iter().map(|thing| thing.row).collect::<Vec<_>>(), lines);
    let row_width = |row: &Vec<usize>| row.iter().map(|at| things[*at].width).sum();
    let width_max = rows.iter().map(row_width).fold(width_max, f64::max);
    let pulls = pulls(things, lines);
    let mut middles = straightened(things, &rows, &pulls, f64::INFINITY);
    let (mut left, right) = extent(things, &middles);
    if right - left > width_max {
        middles = straightened(things, &rows, &pulls, width_max);
        left = extent(things, &middles).0;
    }
    for middle in &mut middles {
        *middle -= left;
    }
    middles
}

/// Returns the middles of things whose lines are as straight as a width allows.
fn straightened(things: &[Item], rows: &[Vec<usize>], pulls: &(Pulls, Pulls), width: f64) -> Vec<f64> {
    let mut middles = vec![0.0; things.len()];
    // Nothing overlaps from here on.
    for row in rows {
        let wanted: Vec<_> = row.iter().map(|at| (middles[*at], 1.0)).collect();
        settle(row, things, &wanted, width, &mut middles);
    }
    let (above, below) = pulls;
    for _ in 0..ROUNDS {
        for (row, at_pulls) in
            rows.iter().rev().map(|row| (row, below)).chain(rows.iter().map(|row| (row, above)))
        {
            let wanted: Vec<_> =
                row.iter().map(|at| wanted(&at_pulls[*at], &middles, middles[*at])).collect();
            settle(row, things, &wanted, width, &mut middles);
        }
    }
    middles
}

/// Returns where the leftmost thing begins and the rightmost ends.
fn extent(things: &[Item], middles: &[f64]) -> (f64, f64) {
    let sides =
        things.iter().zip(middles).map(|(thing, at)| (at - thing.width / 2.0, at + thing.width / 2.0));
    sides.fold((f64::INFINITY, f64::NEG_INFINITY), |all, one| (all.0.min(one.0), all.1.max(one.1)))
}

/// Returns what each thing is pulled by and how hard, from the row above and from the row below.
fn pulls(things: &[Item], lines: &[(u32, u32)]) -> (Pulls, Pulls) {
    let (mut above, mut below) = (vec![Vec::new(); things.len()], vec![Vec::new(); things.len()]);
    for (from, to) in lines {
        let (from, to) = (*from as usize, *to as usize);
        let pull = |end: usize| if things[end].is_bend { BEND_PULL } else { 1.0 };
        let pull = pull(from) * pull(to);
        below[from].push((to, pull));
        above[to].push((from, pull));
    }
    (above, below)
}

/// Returns where a thing is pulled to, and how hard.
fn wanted(pulls: &[(usize, f64)], middles: &[f64], here: f64) -> (f64, f64) {
    let all: f64 = pulls.iter().map(|(_, pull)| pull).sum();
    if all == 0.0 {
        return (here, LOOSE);
    }
    (pulls.iter().map(|(by, pull)| middles[*by] * pull).sum::<f64>() / all, all)
}

/// Moves the things of a row as near as they get to where they want to be: without changing their order, without
/// an overlap, inside a width around 0, and with the least sum of weighted squares.
fn settle(row: &[usize], things: &[Item], wanted: &[(f64, f64)], width: f64, middles: &mut [f64]) {
    // Apart from the room for those before them, all that is asked is that places ascend. So neighbours that
    // want to be the wrong way round meet in the middle, together with those they then run into.
    let mut room = 0.0;
    let mut rooms = Vec::with_capacity(row.len());
    for (n, at) in row.iter().enumerate() {
        room += if n == 0 { 0.0 } else { f64::midpoint(things[row[n - 1]].width, things[*at].width) };
        rooms.push(room);
    }
    let mut groups: Vec<(f64, f64, usize)> = Vec::new();
    for ((wish, weight), room) in wanted.iter().zip(&rooms) {
        let mut group = (wish - room, *weight, 1);
        while let Some((place, weight, count)) = groups.pop_if(|group_before| group_before.0 > group.0) {
            let all = weight + group.1;
            group = ((place * weight + group.0 * group.1) / all, all, count + group.2);
        }
        groups.push(group);
    }
    // The best places inside bounds are the best ones at all, moved to the bounds where they are outside.
    let half = |at: Option<&usize>| at.map_or(0.0, |at| things[*at].width / 2.0);
    let first = half(row.first()) - width / 2.0;
    let last = (width / 2.0 - half(row.last()) - room).max(first);
    let places = groups.iter().flat_map(|(place, _, count)| std::iter::repeat_n(*place, *count));
    for ((at, room), place) in row.iter().zip(&rooms).zip(places) {
        middles[*at] = place.clamp(first, last) + room;
    }
}
