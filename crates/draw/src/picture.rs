//! Pictures: what the crate makes.

use std::collections::HashSet;
use std::fmt::Write;

use tidegate::graph::{Graph, Selection};
use tidegate::{Position, Result};

use crate::arrange::{Key, Pieces};
use crate::fold::{FoldedGraph, Node};
use crate::label::{Label, labels, since, time_of_day};
use crate::layout::PictureLayout;
use crate::legend::Legend;
use crate::place::Plan;
use crate::style::{Axis, EventClock, Style};
use crate::subgraph::Subgraph;
use crate::text::{count, number, visible};

/// Maximum number of nodes of a picture, for any style.
const NODES_MAX: usize = 2_000;

/// A picture of events, and of what led to what among them. The same events in the same style give the same
/// picture, byte by byte.
#[derive(Debug)]
pub struct Picture {
    pub(crate) folded: FoldedGraph,
    pub(crate) labels: Vec<Label>,
    pub(crate) keys: Vec<Key>,
    layout: PictureLayout,
    events: u64,
}

impl Picture {
    /// Returns the picture of a selection, at most a million events. For events that are known one by one take
    /// [`Selection::around`] with no steps.
    pub fn of(graph: &Graph, selection: &Selection, style: &Style) -> Result<Self> {
        let subgraph = Subgraph::of(graph, selection, style.clock)?;
        let all = FoldedGraph::of(&subgraph, style);
        let mut limit = style.nodes_max.min(NODES_MAX);
        loop {
            let mut folded = all.nearest(limit, &subgraph, &style.focus);
            folded.count_effects(&subgraph, graph)?;
            let labels = labels(&folded, &subgraph, graph, style)?;
            let sizes: Vec<_> = labels.iter().map(Label::size).collect();
            let Some(plan) = Plan::of(&folded, &subgraph, &sizes, style.axis == Axis::Level) else {
                limit = folded.nodes.len() * 3 / 4;
                continue;
            };
            let events = subgraph.events.len() as u64;
            let subtitle = subtitle(graph, style, &summary(&folded, events), &folded, &subgraph)?;
            let title = style.title.clone().unwrap_or_else(|| capitalized(&selection.to_string()));
            let focus: HashSet<Position> = style.focus.iter().copied().collect();
            let is_focus = |node: &Node| focus.contains(&subgraph.events[node.first()].position);
            let pieces = Pieces {
                subgraph: &subgraph,
                folded: &folded,
                labels: &labels,
                legend: &Legend::of(&folded, &subgraph, style.colour),
                plan: &plan,
                axis: style.axis,
                titles: (visible(&title), visible(&subtitle)),
                is_focus: folded.nodes.iter().map(is_focus).collect(),
            };
            let (layout, keys) = pieces.arrange();
            return Ok(Self { folded, labels, keys, layout, events });
        }
    }

    /// Returns the picture as data: what stands where, for programs that draw it themselves.
    pub fn layout(&self) -> &PictureLayout {
        &self.layout
    }

    /// Returns how many events were selected.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Returns how many of them are folded into nodes for several.
    pub fn folded(&self) -> u64 {
        self.folded.folds().1
    }

    /// Returns how many of them there was no room for.
    pub fn left_out(&self) -> u64 {
        self.folded.left_out
    }

    /// Returns how many events there are, and what became of them, in words.
    pub fn summary(&self) -> String {
        summary(&self.folded, self.events)
    }

    /// Returns the name of a node in text.
    pub(crate) fn name(&self, node: usize) -> String {
        format!("n{}", self.layout.nodes[node].positions[0])
    }
}

fn summary(folded: &FoldedGraph, events: u64) -> String {
    let mut summary = count(events, "event");
    let (nodes, inside) = folded.folds();
    if inside > 0 {
        let _ = write!(summary, ", {} of them folded into {}", number(inside), number(nodes));
    }
    if folded.left_out > 0 {
        let _ = write!(summary, ", and {} more that are not drawn", number(folded.left_out));
    }
    summary
}

/// Returns of which source and as of where a picture is, what is in it, and since when times are counted.
fn subtitle(
    graph: &Graph,
    style: &Style,
    summary: &str,
    folded: &FoldedGraph,
    subgraph: &Subgraph,
) -> Result<String> {
    let head = graph.view().head();
    let mut subtitle = style.source.as_ref().map_or_else(String::new, |source| format!("{source}, "));
    let _ = write!(subtitle, "as of position {}", number(head.0));
    if let Some(last) = graph.view().as_of(head).at(head)? {
        let _ = write!(subtitle, " ({})", time_of_day(last.time()));
    }
    let _ = write!(subtitle, " · {summary}");
    if let Some(since) = since(folded, subgraph, style.axis) {
        let clock = if style.clock == EventClock::Source { " by the clock of the source" } else { "" };
        let _ = write!(subtitle, " · times since {}{clock}", time_of_day(since));
    }
    Ok(subtitle)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
