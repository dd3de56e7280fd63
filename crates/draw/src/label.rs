//! Labels: what stands in a node, and all that is known of it.

use std::cmp::Reverse;
use std::collections::HashSet;

use tidegate::{Micros, Position, StreamId};

use crate::folded::{EFFECTS_MAX, FoldedGraph, Node};
use crate::subgraph::Subgraph;
use crate::text::{count, visible, width};

/// The sizes of text in a node.
pub(crate) const HEAD: f64 = 13.0;
pub(crate) const BELOW: f64 = 12.0;
pub(crate) const SMALL: f64 = 11.0;
/// How much wider the head is because it is bold.
pub(crate) const BOLD: f64 = 1.06;
/// Left and right of the text in a node.
pub(crate) const PADDING: (f64, f64) = (16.0, 10.0);
/// Between the head and the position.
pub(crate) const SPACE: f64 = 14.0;
/// Nodes are as wide as their text, between these.
const WIDTHS: std::ops::RangeInclusive<f64> = 132.0..=250.0;

/// Kinds that a fold names; the others are counted.
const KINDS_MAX: usize = 12;

/// The text of a node. All of it can be shown as it is.
#[derive(Debug)]
pub(crate) struct Label {
    /// Its kind, or how many events it folds.
    pub(crate) head: String,
    /// Its position, or the first and the last one.
    pub(crate) position: String,
    /// Whose event it is, or which kinds are folded.
    pub(crate) below: String,
    /// Causes and effects that are not drawn.
    pub(crate) hint: Option<String>,
    /// Everything, in lines.
    pub(crate) whole: Vec<String>,
}

impl Label {
    /// Returns how wide and high its node is.
    pub(crate) fn size(&self) -> (f64, f64) {
        let head = width(&self.head, HEAD) * BOLD + SPACE + width(&self.position, SMALL);
        let below = width(&self.below, BELOW);
        let hint = self.hint.as_ref().map_or(0.0, |hint| width(hint, SMALL));
        let wide = head.max(below).max(hint) + PADDING.0 + PADDING.1;
        let height = if self.hint.is_some() { 64.0 } else { 48.0 };
        ((wide + 1.0).clamp(*WIDTHS.start(), *WIDTHS.end()).round(), height)
    }
}

/// Returns the labels of all nodes.
pub(crate) fn labels(folded: &FoldedGraph, subgraph: &Subgraph) -> Vec<Label> {
    let drawn = || folded.nodes.iter().flat_map(|node| &node.events).map(|at| &subgraph.events[*at as usize]);
    let scopes: HashSet<&str> =
        drawn().map(|event| &*subgraph.streams[event.stream as usize].scope).collect();
    let on_lanes: HashSet<(&str, &str)> = drawn()
        .map(|event| &subgraph.streams[event.stream as usize])
        .filter(|stream| stream.lane > 0)
        .map(|stream| (&*stream.scope, &*stream.entity))
        .collect();
    let whose = |stream: &StreamId| {
        let scope = if scopes.len() > 1 { format!("{}/", stream.scope) } else { String::new() };
        let has_lanes = on_lanes.contains(&(&*stream.scope, &*stream.entity));
        let lane = if has_lanes { format!(" · lane {}", stream.lane) } else { String::new() };
        visible(&format!("{scope}{}{lane}", stream.entity))
    };
    let label = |node| if Node::is_fold(node) { fold(node, subgraph) } else { single(node, subgraph, whose) };
    folded.nodes.iter().map(label).collect()
}

fn single(node: &Node, subgraph: &Subgraph, whose: impl Fn(&StreamId) -> String) -> Label {
    let event = &subgraph.events[node.first()];
    let stream = &subgraph.streams[event.stream as usize];
    let kind = visible(&subgraph.kinds[event.kind as usize]);
    let hint = hint(node);
    let mut whole = vec![
        kind.clone(),
        visible(&format!("{stream}, version {}", event.version)),
        format!("position {}, {}", event.position, time(event.time)),
    ];
    whole.extend(hint.clone());
    Label { head: kind, position: event.position.to_string(), below: whose(stream), hint, whole }
}

fn fold(node: &Node, subgraph: &Subgraph) -> Label {
    let mut counts = vec![0_u64; subgraph.kinds.len()];
    node.events.iter().for_each(|at| counts[subgraph.events[*at as usize].kind as usize] += 1);
    let mut ranked: Vec<usize> = (0..counts.len()).filter(|kind| counts[*kind] > 0).collect();
    ranked.sort_by_key(|kind| Reverse(counts[*kind]));
    let mut kinds: Vec<_> =
        ranked.iter().take(KINDS_MAX).map(|kind| visible(&subgraph.kinds[*kind])).collect();
    if ranked.len() > KINDS_MAX {
        kinds.push(format!("{} more", ranked.len() - KINDS_MAX));
    }
    let (first, last) = (&subgraph.events[node.first()], &subgraph.events[node.last()]);
    let head = count(node.events.len() as u64, "event");
    let (positions, hint) = (range(first.position, last.position), hint(node));
    let below = kinds.join(", ");
    let mut whole = vec![
        format!("{head} in a row"),
        below.clone(),
        format!("positions {positions}, {} to {}", time(first.time), time(last.time)),
    ];
    whole.extend(hint.clone());
    Label { head, position: positions, below, hint, whole }
}

fn range(first: Position, last: Position) -> String {
    format!("{first}..{last}")
}

/// Returns what is not drawn, as short as it gets.
fn hint(node: &Node) -> Option<String> {
    let mut hints = Vec::new();
    if node.more_causes > 0 {
        hints.push(count(node.more_causes, "more cause"));
    }
    if node.foreign > 0 {
        hints.push(count(node.foreign, "foreign cause"));
    }
    if node.more_effects >= EFFECTS_MAX {
        hints.push("many more effects".to_owned());
    } else if node.more_effects > 0 {
        hints.push(count(node.more_effects, "more effect"));
    }
    (!hints.is_empty()).then(|| hints.join(" · "))
}

/// Returns a time of day in UTC.
pub(crate) fn time(time: Micros) -> String {
    let stamp = i64::try_from(time.0).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    stamp.map_or_else(
        || format!("{} us", time.0),
        |stamp| stamp.to_string().replace('T', " ").replace('Z', " UTC"),
    )
}
