//! Pictures: what the crate makes.

use std::collections::HashSet;
use std::fmt::Write;

use tidegate::graph::{Graph, Selection};
use tidegate::{Position, Result};

use crate::chosen::Chosen;
use crate::label::{Label, labels};
use crate::legend::Legend;
use crate::plan::Plan;
use crate::rows;
use crate::style::{Axis, Style};
use crate::text::{count, number};
use crate::web::Web;

/// No picture has more nodes, whatever its style says.
const NODES_MAX: usize = 2_000;

/// A picture of events, and of what led to what among them. The same events in the same style give the same
/// picture, byte by byte.
#[derive(Debug)]
pub struct Picture {
    pub(crate) chosen: Chosen,
    pub(crate) web: Web,
    pub(crate) labels: Vec<Label>,
    pub(crate) legend: Legend,
    pub(crate) plan: Plan,
    pub(crate) axis: Axis,
    focus: HashSet<Position>,
}

impl Picture {
    /// The picture of a selection, at most a million events. For events that are known one by one take
    /// [`Selection::around`] with no steps.
    pub fn of(graph: &Graph, selection: &Selection, style: &Style) -> Result<Self> {
        let chosen = Chosen::of(graph, selection)?;
        let all = Web::of(&chosen, style);
        let mut limit = style.nodes_max.min(NODES_MAX);
        loop {
            let mut web = all.nearest(limit, &chosen, &style.focus);
            web.count_effects(&chosen, graph)?;
            let labels = labels(&web, &chosen);
            let sizes: Vec<_> = labels.iter().map(Label::size).collect();
            let by_level = style.axis == Axis::Level;
            let rows = if by_level { rows::levels(&web) } else { rows::times(&web, &chosen) };
            let Some(plan) = Plan::of(&web, &sizes, &rows, by_level) else {
                limit = web.nodes.len() * 3 / 4;
                continue;
            };
            let legend = Legend::of(&web, &chosen, style.colour);
            let focus = style.focus.iter().copied().collect();
            return Ok(Self { chosen, web, labels, legend, plan, axis: style.axis, focus });
        }
    }

    /// How many events were selected.
    pub fn events(&self) -> u64 {
        self.chosen.events.len() as u64
    }

    /// How many of them are folded into nodes for several.
    pub fn folded(&self) -> u64 {
        let folds = self.web.nodes.iter().filter(|node| node.is_fold());
        folds.map(|node| node.events.len() as u64).sum()
    }

    /// How many of them there was no room for.
    pub fn left_out(&self) -> u64 {
        self.web.left_out
    }

    /// How many events there are, and what became of them, in words.
    pub fn summary(&self) -> String {
        let mut summary = count(self.events(), "event");
        if self.folded() > 0 {
            let folds = self.web.nodes.iter().filter(|node| node.is_fold()).count();
            let (events, nodes) = (number(self.folded()), number(folds as u64));
            let _ = write!(summary, ", {events} of them folded into {nodes}");
        }
        if self.left_out() > 0 {
            let _ = write!(summary, ", and {} more that are not drawn", number(self.left_out()));
        }
        summary
    }

    /// The name of a node in text.
    pub(crate) fn name(&self, node: u32) -> String {
        format!("n{}", self.chosen.events[self.web.nodes[node as usize].first()].position)
    }

    /// Whether a node is one that matters most.
    pub(crate) fn is_focus(&self, node: usize) -> bool {
        self.focus.contains(&self.chosen.events[self.web.nodes[node].first()].position)
    }
}
