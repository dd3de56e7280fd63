//! The folded graph: nodes, each one event or several, and the lines between nodes.
//!
//! Invariants:
//!
//! W1. Every chosen event is in exactly one node, or counted as left out.
//! W2. Nodes are in the order of their first events, and every line goes to a later node.

mod parts;
mod fans;
mod runs;

use std::collections::{HashMap, HashSet, VecDeque};

use tidegate::graph::Graph;
use tidegate::{Position, Result};

use crate::style::Style;
use crate::subgraph::{Edge, Line, Subgraph};

pub(crate) use parts::parts_of;

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

/// What events a node stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NodeShape {
    /// One.
    #[default]
    Single,
    /// Several, of which each led to the next.
    Run,
    /// Several of one kind, beside each other.
    Fan,
}

/// An event, or several folded into one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Their places among the chosen events, the first one first.
    pub(crate) events: Vec<u32>,
    pub(crate) shape: NodeShape,
    /// Local causes without a line here.
    pub(crate) more_causes: u64,
    /// Causes in other stores.
    pub(crate) foreign: u64,
    /// Effects without a line here.
    pub(crate) more_effects: u64,
}

impl Node {
    /// Returns a node for events, given by their places among the chosen ones.
    fn of(events: Vec<u32>, shape: NodeShape, subgraph: &Subgraph) -> Self {
        let all = || events.iter().map(|event| &subgraph.events[*event as usize]);
        let more_causes = all().map(|event| event.more_causes).sum();
        let foreign = all().map(|event| event.foreign).sum();
        Self { events, shape, more_causes, foreign, more_effects: 0 }
    }

    /// Returns its first event.
    pub(crate) fn first(&self) -> usize {
        self.events[0] as usize
    }

    /// Returns its last event.
    pub(crate) fn last(&self) -> usize {
        self.events[self.events.len() - 1] as usize
    }

    pub(crate) fn is_fold(&self) -> bool {
        self.shape != NodeShape::Single
    }
}

impl FoldedGraph {
    /// Returns the folded graph of the chosen events, with fans and runs folded as the style asks for.
    pub(crate) fn of(subgraph: &Subgraph, style: &Style) -> Self {
        let fanned = Self::with_fans(subgraph, style);
        if subgraph.events.len() < style.fold_from {
            return fanned;
        }
        let focus: HashSet<Position> = style.focus.iter().copied().collect();
        let runs = runs::runs(&fanned.nodes, &fanned.links, subgraph, &focus);
        let mut node_of = vec![u32::MAX; fanned.nodes.len()];
        let mut nodes = Vec::new();
        for (old, run) in (0_u32..).zip(runs) {
            if node_of[old as usize] != u32::MAX {
                continue;
            }
            node_of[old as usize] = nodes.len() as u32;
            if run.is_empty() {
                nodes.push(fanned.nodes[old as usize].clone());
                continue;
            }
            for node in &run {
                node_of[*node as usize] = nodes.len() as u32;
            }
            let events = run.iter().map(|node| fanned.nodes[*node as usize].events[0]).collect();
            nodes.push(Node::of(events, NodeShape::Run, subgraph));
        }
        let links = moved(&fanned.links, &node_of);
        Self { nodes, links, left_out: 0 }
    }

    /// Returns how many nodes fold several events, and how many events these are.
    pub(crate) fn folds(&self) -> (u64, u64) {
        let folds = self.nodes.iter().filter(|node| node.is_fold());
        folds.fold((0, 0), |(nodes, events), node| (nodes + 1, events + node.events.len() as u64))
    }

    fn with_fans(subgraph: &Subgraph, style: &Style) -> Self {
        let classes = fans::classes(subgraph, style);
        let mut node_of = vec![u32::MAX; classes.len()];
        let mut members: Vec<Vec<u32>> = Vec::new();
        for (event, class) in (0_u32..).zip(classes) {
            let node = match node_of[class as usize] {
                u32::MAX => {
                    members.push(Vec::new());
                    members.len() as u32 - 1
                }
                node => node,
            };
            node_of[event as usize] = node;
            members[node as usize].push(event);
        }
        let node = |events: Vec<u32>| {
            let shape = if events.len() > 1 { NodeShape::Fan } else { NodeShape::Single };
            Node::of(events, shape, subgraph)
        };
        let nodes = members.into_iter().map(node).collect();
        Self { nodes, links: moved(&subgraph.links, &node_of), left_out: 0 }
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
                (Some(from), None) => nodes[from as usize].more_effects += link.causes,
                (None, Some(to)) => nodes[to as usize].more_causes += link.causes,
                (None, None) => {}
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
        for link in &self.links {
            drawn[link.from as usize] += link.causes;
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

/// Returns the lines between other things: each once, and none from a thing to itself.
fn moved(links: &[Edge], to: &[u32]) -> Vec<Edge> {
    let mut known: HashMap<(u32, u32), usize> = HashMap::with_capacity(links.len());
    let mut moved: Vec<Edge> = Vec::with_capacity(links.len());
    for link in links {
        let (from, to) = (to[link.from as usize], to[link.to as usize]);
        if from == to {
            continue;
        }
        let at = *known.entry((from, to)).or_insert(moved.len());
        if at == moved.len() {
            moved.push(Edge { from, to, ..*link });
            continue;
        }
        // A cause says more than a place on a lane.
        if link.line == Line::Cause {
            moved[at].line = Line::Cause;
        }
        moved[at].forks |= link.forks;
        moved[at].causes += link.causes;
    }
    moved
}
