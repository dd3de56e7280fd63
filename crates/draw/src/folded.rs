//! The folded graph: nodes, each one event or a run of them, and the lines between nodes.
//!
//! Invariants:
//!
//! W1. Every chosen event is in exactly one node, or counted as left out.
//! W2. Nodes are in the order of their first events, and every line goes to a later node.

use std::collections::{HashSet, VecDeque};

use tidegate::graph::Graph;
use tidegate::{Position, Result};

use crate::style::Style;
use crate::subgraph::{Edge, Line, Subgraph};

/// Fewer events than that are not worth folding.
const RUN_MIN: usize = 3;
/// Maximum number of causes and effects of a node that are followed, if not all nodes are drawn.
const FAN_MAX: usize = 10;
/// Effects of an event are not counted beyond.
pub(crate) const EFFECTS_MAX: u64 = 1_000;

/// Nodes and the lines between them.
#[derive(Clone, Debug)]
pub(crate) struct FoldedGraph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Vec<Edge>,
    /// Events in no node.
    pub(crate) left_out: u64,
}

/// An event, or a run of events folded into one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Their places among the chosen events, the first one first.
    pub(crate) events: Vec<u32>,
    /// Local causes without a line here.
    pub(crate) more_causes: u64,
    /// Causes in other stores.
    pub(crate) foreign: u64,
    /// Effects without a line here.
    pub(crate) more_effects: u64,
}

impl Node {
    /// Returns its first event.
    pub(crate) fn first(&self) -> usize {
        self.events[0] as usize
    }

    /// Returns its last event.
    pub(crate) fn last(&self) -> usize {
        self.events[self.events.len() - 1] as usize
    }

    pub(crate) fn is_fold(&self) -> bool {
        self.events.len() > 1
    }
}

impl FoldedGraph {
    /// Returns the folded graph of the chosen events, with runs folded if the style asks for that.
    pub(crate) fn of(subgraph: &Subgraph, style: &Style) -> Self {
        let count = subgraph.events.len();
        let runs =
            if count >= style.fold_from { runs(subgraph, &style.focus) } else { vec![Vec::new(); count] };
        let mut node_of = vec![u32::MAX; count];
        let mut nodes = Vec::new();
        for (event, run) in (0_u32..).zip(runs) {
            if node_of[event as usize] != u32::MAX {
                continue;
            }
            let events = if run.is_empty() { vec![event] } else { run };
            for event in &events {
                node_of[*event as usize] = nodes.len() as u32;
            }
            let all = || events.iter().map(|event| &subgraph.events[*event as usize]);
            let more_causes = all().map(|event| event.more_causes).sum();
            let foreign = all().map(|event| event.foreign).sum();
            nodes.push(Node { events, more_causes, foreign, more_effects: 0 });
        }
        let places = subgraph.links.iter().map(|link| {
            let (from, to) = (node_of[link.from as usize], node_of[link.to as usize]);
            Edge { from, to, ..*link }
        });
        let links = places.filter(|link| link.from != link.to).collect();
        Self { nodes, links, left_out: 0 }
    }

    /// Returns at most `limit` of the nodes: those nearest to the focus, without more than a few on either side of any, or
    /// the last ones if there is no focus.
    pub(crate) fn nearest(&self, limit: usize, subgraph: &Subgraph, focus: &[Position]) -> Self {
        if self.nodes.len() <= limit {
            return self.clone();
        }
        let mut new = vec![None; self.nodes.len()];
        let mut kept = self.nearest_nodes(limit, subgraph, focus);
        kept.sort_unstable();
        for (at, node) in (0_u32..).zip(&kept) {
            new[*node] = Some(at);
        }
        let mut nodes: Vec<Node> = kept.iter().map(|node| self.nodes[*node].clone()).collect();
        let mut links = Vec::new();
        for link in &self.links {
            match (new[link.from as usize], new[link.to as usize]) {
                (Some(from), Some(to)) => links.push(Edge { from, to, ..*link }),
                (Some(from), None) if link.line == Line::Cause => nodes[from as usize].more_effects += 1,
                (None, Some(to)) if link.line == Line::Cause => nodes[to as usize].more_causes += 1,
                _ => {}
            }
        }
        let drawn: usize = nodes.iter().map(|node| node.events.len()).sum();
        let left_out = self.left_out + (subgraph.events.len() - drawn) as u64;
        Self { nodes, links, left_out }
    }

    fn nearest_nodes(&self, limit: usize, subgraph: &Subgraph, focus: &[Position]) -> Vec<usize> {
        let focus: HashSet<&Position> = focus.iter().collect();
        let is_focus = |node: &usize| focus.contains(&subgraph.events[self.nodes[*node].first()].position);
        let mut found: VecDeque<usize> = (0..self.nodes.len()).filter(is_focus).collect();
        if found.is_empty() {
            return (0..self.nodes.len()).rev().take(limit).collect();
        }
        let (mut before, mut behind) =
            (vec![Vec::new(); self.nodes.len()], vec![Vec::new(); self.nodes.len()]);
        for link in &self.links {
            before[link.to as usize].push(link.from as usize);
            behind[link.from as usize].push(link.to as usize);
        }
        let mut seen = vec![false; self.nodes.len()];
        for node in &found {
            seen[*node] = true;
        }
        let mut kept = Vec::new();
        while kept.len() < limit
            && let Some(node) = found.pop_front()
        {
            kept.push(node);
            // The causes and effects that are nearest in the log.
            let causes = before[node].iter().rev().take(FAN_MAX);
            let beside = causes.chain(behind[node].iter().take(FAN_MAX));
            found.extend(beside.filter(|next| !std::mem::replace(&mut seen[**next], true)));
        }
        kept
    }

    /// Counts the effects of single events that have no line here.
    pub(crate) fn count_effects(&mut self, subgraph: &Subgraph, graph: &Graph) -> Result<()> {
        let mut drawn = vec![0_u64; self.nodes.len()];
        for link in self.links.iter().filter(|link| link.line == Line::Cause) {
            drawn[link.from as usize] += 1;
        }
        for (node, drawn) in self.nodes.iter_mut().zip(drawn).filter(|(node, _)| !node.is_fold()) {
            let mut all = 0;
            for effect in graph.effects(subgraph.events[node.first()].position)?.take(EFFECTS_MAX as usize) {
                effect?;
                all += 1;
            }
            node.more_effects = if all == EFFECTS_MAX { all } else { all.saturating_sub(drawn) };
        }
        Ok(())
    }
}

/// Returns for the first event of every run the events of that run, and nothing for all others.
fn runs(subgraph: &Subgraph, focus: &[Position]) -> Vec<Vec<u32>> {
    let count = subgraph.events.len();
    let (mut ins, mut outs) = (vec![0_u32; count], vec![0_u32; count]);
    let (mut next, mut before) = (vec![0_u32; count], vec![0_u32; count]);
    for link in &subgraph.links {
        ins[link.to as usize] += 1;
        outs[link.from as usize] += 1;
        next[link.from as usize] = link.to;
        before[link.to as usize] = link.from;
    }
    let focus: HashSet<&Position> = focus.iter().collect();
    let is_inner = |event: usize| {
        ins[event] == 1 && outs[event] == 1 && !focus.contains(&subgraph.events[event].position)
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
