//! Breaks: rows that would get too wide become several.
//!
//! A line to or from a node of another one of these passes between the nodes of a row, and needs room there. So nodes are put into
//! rows from the first on, each as full as the lines that pass it allow, and never with fewer than a few nodes.

use super::{BEND_WIDTH, ROW_WIDTH};
use crate::subgraph::Edge;

/// Room for nodes that a row has at least, however many edges pass it.
const ROOM_MIN: f64 = 800.0;

/// Returns the rows of nodes with the wide ones broken. Nodes of one group have rows of their own; without groups all belong together.
pub(super) fn broken(rows: &[u32], groups: &[u32], widths: &[f64], links: &[Edge]) -> Vec<u32> {
    let count = rows.len();
    let group = |node: u32| groups.get(node as usize).copied().unwrap_or(0) as usize;
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); count];
    let mut lines: Vec<Vec<(u32, u32)>> = vec![Vec::new(); count];
    (0..count as u32).for_each(|node| members[group(node)].push(node));
    for link in links {
        lines[group(link.from)].push((link.from, link.to));
    }
    let mut broken = rows.to_vec();
    for (nodes, lines) in members.iter().zip(&lines).filter(|(nodes, _)| nodes.len() > 1) {
        break_rows(nodes, lines, widths, &mut broken);
    }
    broken
}

/// Breaks the rows of some nodes, which lines go between.
fn break_rows(nodes: &[u32], lines: &[(u32, u32)], widths: &[f64], rows: &mut [u32]) {
    let at = |node: u32| rows[node as usize];
    let first = nodes.iter().map(|node| at(*node)).min().unwrap_or(0);
    let count = nodes.iter().map(|node| at(*node)).max().map_or(0, |last| (last - first + 1) as usize);
    let mut members = vec![Vec::new(); count];
    for node in nodes {
        members[(at(*node) - first) as usize].push(*node);
    }
    // Lines that begin and end at each node, and that pass each row.
    let mut ends = vec![(0_u32, 0_u32); widths.len()];
    let mut passing = vec![0_i64; count + 1];
    for (from, to) in lines {
        ends[*from as usize].1 += 1;
        ends[*to as usize].0 += 1;
        passing[(at(*from) - first) as usize + 1] += 1;
        passing[(at(*to) - first) as usize] -= 1;
    }
    let (mut next, mut passed) = (first, 0);
    for (members, change) in members.iter().zip(passing) {
        passed += change;
        let wide: f64 = members.iter().map(|node| widths[*node as usize]).sum();
        if wide + bends(passed) <= ROW_WIDTH {
            for node in members {
                rows[*node as usize] = next;
            }
            next += 1;
            continue;
        }
        next = break_row(members, passed, widths, &ends, rows, next);
    }
}

/// Breaks one row, from the row `next` on, and returns the row that follows.
fn break_row(
    members: &[u32],
    passed: i64,
    widths: &[f64],
    ends: &[(u32, u32)],
    rows: &mut [u32],
    mut next: u32,
) -> u32 {
    let width = |node: &u32| widths[*node as usize];
    let wide: f64 = members.iter().map(width).sum();
    // Rows of about the same length, if nothing more passes.
    let count = (wide / (ROW_WIDTH - bends(passed)).max(ROOM_MIN)).ceil();
    let even = wide / count + members.iter().map(width).fold(0.0, f64::max) / 2.0;
    let mut passed = passed + members.iter().map(|node| i64::from(ends[*node as usize].0)).sum::<i64>();
    let (mut used, mut leaving) = (0.0, 0);
    for node in members {
        let (coming, going) = ends[*node as usize];
        let room = (ROW_WIDTH - bends(passed - i64::from(coming))).max(ROOM_MIN).min(even.max(ROOM_MIN));
        if used > 0.0 && used + width(node) > room {
            (used, next) = (0.0, next + 1);
            passed += std::mem::take(&mut leaving);
        }
        rows[*node as usize] = next;
        used += width(node);
        passed -= i64::from(coming);
        leaving += i64::from(going);
    }
    next + 1
}

/// Returns the room that these lines need.
fn bends(lines: i64) -> f64 {
    lines as f64 * BEND_WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subgraph::Line;

    fn links(pairs: impl Iterator<Item = (u32, u32)>) -> Vec<Edge> {
        pairs.map(|(from, to)| Edge { from, to, line: Line::Cause, forks: false, causes: 1 }).collect()
    }

    #[test]
    fn wide_rows_are_broken_and_lines_still_go_down() {
        // One event led to 40, and these to one.
        let spokes = 40;
        let links = links((1..=spokes).flat_map(|at| [(0, at), (at, spokes + 1)]));
        let mut rows = vec![1; spokes as usize + 2];
        (rows[0], rows[spokes as usize + 1]) = (0, 2);
        let widths = vec![200.0; rows.len()];
        let broken = broken(&rows, &[], &widths, &links);
        assert!(links.iter().all(|link| broken[link.from as usize] < broken[link.to as usize]));
        let last = broken[spokes as usize + 1];
        for row in 1..last {
            let count = broken.iter().filter(|at| **at == row).count();
            assert!((1..=8).contains(&count), "{count} in row {row}");
        }
        assert!(last <= 11, "{last}");
    }

    #[test]
    fn narrow_rows_and_other_groups_stay() {
        let widths = vec![200.0; 30];
        let rows: Vec<u32> = (0..30).map(|at| at % 5).collect();
        assert_eq!(broken(&rows, &[], &widths, &[]), rows);
        let groups: Vec<u32> = (0..30).map(|at| at % 5).collect();
        assert_eq!(broken(&[3; 30], &groups, &widths, &[]), [3; 30]);
        let all = broken(&[0; 30], &[], &widths, &[]);
        assert_eq!(all.iter().max(), Some(&3));
    }
}
