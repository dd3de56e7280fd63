//! Pictures: what the crate makes.

use std::collections::HashSet;
use std::fmt::Write;

use tidegate::graph::{Graph, Selection};
use tidegate::{Position, Result};

use crate::folded::FoldedGraph;
use crate::label::{Label, labels};
use crate::layers;
use crate::layout::Layout;
use crate::legend::Legend;
use crate::style::{Axis, Style};
use crate::subgraph::Subgraph;
use crate::text::{count, number};

/// Maximum number of nodes of a picture, for any style.
const NODES_MAX: usize = 2_000;

/// A picture of events, and of what led to what among them. The same events in the same style give the same
/// picture, byte by byte.
#[derive(Debug)]
pub struct Picture {
    pub(crate) subgraph: Subgraph,
    pub(crate) folded: FoldedGraph,
    pub(crate) labels: Vec<Label>,
    pub(crate) legend: Legend,
    pub(crate) plan: Layout,
    pub(crate) axis: Axis,
    focus: HashSet<Position>,
}

impl Picture {
    /// Returns the picture of a selection, at most a million events. For events that are known one by one take
    /// [`Selection::around`] with no steps.
    pub fn of(graph: &Graph, selection: &Selection, style: &Style) -> Result<Self> {
        let subgraph = Subgraph::of(graph, selection)?;
        let all = FoldedGraph::of(&subgraph, style);
        let mut limit = style.nodes_max.min(NODES_MAX);
        loop {
            let mut folded = all.nearest(limit, &subgraph, &style.focus);
            folded.count_effects(&subgraph, graph)?;
            let labels = labels(&folded, &subgraph);
            let sizes: Vec<_> = labels.iter().map(Label::size).collect();
            let by_level = style.axis == Axis::Level;
            let rows = if by_level { layers::levels(&folded) } else { layers::times(&folded, &subgraph) };
            let Some(plan) = Layout::of(&folded, &sizes, &rows, by_level) else {
                limit = folded.nodes.len() * 3 / 4;
                continue;
            };
            let legend = Legend::of(&folded, &subgraph, style.colour);
            let focus = style.focus.iter().copied().collect();
            return Ok(Self { subgraph, folded, labels, legend, plan, axis: style.axis, focus });
        }
    }

    /// Returns how many events were selected.
    pub fn events(&self) -> u64 {
        self.subgraph.events.len() as u64
    }

    /// Returns how many of them are folded into nodes for several.
    pub fn folded(&self) -> u64 {
        let folds = self.folded.nodes.iter().filter(|node| node.is_fold());
        folds.map(|node| node.events.len() as u64).sum()
    }

    /// Returns how many of them there was no room for.
    pub fn left_out(&self) -> u64 {
        self.folded.left_out
    }

    /// Returns how many events there are, and what became of them, in words.
    pub fn summary(&self) -> String {
        let mut summary = count(self.events(), "event");
        if self.folded() > 0 {
            let folds = self.folded.nodes.iter().filter(|node| node.is_fold()).count();
            let (events, nodes) = (number(self.folded()), number(folds as u64));
            let _ = write!(summary, ", {events} of them folded into {nodes}");
        }
        if self.left_out() > 0 {
            let _ = write!(summary, ", and {} more that are not drawn", number(self.left_out()));
        }
        summary
    }

    /// Returns the name of a node in text.
    pub(crate) fn name(&self, node: u32) -> String {
        format!("n{}", self.subgraph.events[self.folded.nodes[node as usize].first()].position)
    }

    /// Returns whether a node is one that matters most.
    pub(crate) fn is_focus(&self, node: usize) -> bool {
        self.focus.contains(&self.subgraph.events[self.folded.nodes[node].first()].position)
    }
}
