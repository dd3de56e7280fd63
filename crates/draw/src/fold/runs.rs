//! Runs: chains of events of which each has one line to it and one from it.

use std::collections::HashSet;

use tidegate::Position;

use super::{Node, RUN_MIN};
use crate::subgraph::{Edge, Subgraph};

/// Returns for the first node of every run the nodes of that run, and nothing for all others. Nodes that fold several
/// events are in no run.
pub(super) fn runs(
    nodes: &[Node],
    links: &[Edge],
    subgraph: &Subgraph,
    focus: &HashSet<Position>,
) -> Vec<Vec<u32>> {
    let count = nodes.len();
    let (mut ins, mut outs) = (vec![0_u32; count], vec![0_u32; count]);
    let (mut next, mut before) = (vec![0_u32; count], vec![0_u32; count]);
    for link in links {
        ins[link.to as usize] += 1;
        outs[link.from as usize] += 1;
        next[link.from as usize] = link.to;
        before[link.to as usize] = link.from;
    }
    let is_inner = |node: usize| {
        let is_single = ins[node] == 1 && outs[node] == 1 && !nodes[node].is_fold();
        is_single && !focus.contains(&subgraph.events[nodes[node].first()].position)
    };
    let is_inner: Vec<bool> = (0..count).map(is_inner).collect();
    let mut runs = vec![Vec::new(); count];
    for first in 0..count {
        if !is_inner[first] || is_inner[before[first] as usize] {
            continue;
        }
        let mut run = vec![first as u32];
        let mut at = next[first];
        while is_inner[at as usize] {
            run.push(at);
            at = next[at as usize];
        }
        if run.len() >= RUN_MIN {
            runs[first] = run;
        }
    }
    runs
}
