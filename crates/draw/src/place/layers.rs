//! Rows: how far down each node stands.

use crate::fold::FoldedGraph;
use crate::subgraph::{Edge, Subgraph};

/// Rounds of moving nodes up and down.
const ROUNDS: usize = 4;

/// Rows by level: a node stands below all from which lines go to it, and lines are short.
///
/// From the longest ways a node is moved down to where its lines go, or up to where they come from, whichever
/// are more. If a branch begins in the picture, all of it moves down to what it led to.
pub(super) fn levels(folded: &FoldedGraph) -> Vec<u32> {
    let count = folded.nodes.len();
    let mut rows = vec![0_u32; count];
    let (mut ins, mut outs) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for Edge { from, to, .. } in &folded.links {
        ins[*to as usize].push(*from as usize);
        outs[*from as usize].push(*to as usize);
    }
    for node in 0..count {
        rows[node] = below(&ins[node], &rows).unwrap_or(0);
    }
    let mut hangs = vec![false; count];
    for node in 0..count {
        hangs[node] = ins[node].iter().all(|from: &usize| hangs[*from] && outs[*from].len() == 1);
    }
    for _ in 0..ROUNDS {
        for node in (0..count).rev().filter(|node| hangs[*node] || outs[*node].len() > ins[*node].len()) {
            rows[node] = outs[node].iter().map(|to| rows[*to] - 1).min().unwrap_or(rows[node]);
        }
        for node in (0..count).filter(|node| !hangs[*node] && ins[*node].len() > outs[*node].len()) {
            rows[node] = below(&ins[node], &rows).unwrap_or(rows[node]);
        }
    }
    rows
}

/// Rows by time: a row for each time at which something was recorded, or several if one of its events led
/// to another one.
pub(super) fn times(folded: &FoldedGraph, subgraph: &Subgraph) -> Vec<u32> {
    let mut rows: Vec<u32> = Vec::with_capacity(folded.nodes.len());
    let (mut first, mut last) = (0, 0);
    let mut time = None;
    let mut links = folded.links.clone();
    links.sort_by_key(|link| link.to);
    let mut links = links.into_iter().peekable();
    for (at, node) in (0_u32..).zip(&folded.nodes) {
        let now = subgraph.events[node.first()].time;
        if time.replace(now).is_some_and(|before| before != now) {
            first = last + 1;
        }
        let mut row = first;
        while let Some(link) = links.next_if(|link| link.to == at) {
            row = row.max(rows[link.from as usize] + 1);
        }
        last = last.max(row);
        rows.push(row);
    }
    rows
}

/// Returns the row below all of these.
fn below(nodes: &[usize], rows: &[u32]) -> Option<u32> {
    nodes.iter().map(|node| rows[*node] + 1).max()
}
