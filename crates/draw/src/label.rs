//! Labels: what stands in a node, and all that is known of it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use tidegate::graph::Graph;
use tidegate::{Error, Micros, Position, Result, StreamId};

use crate::fold::{EFFECTS_MAX, FoldedGraph, Node, NodeShape};
use crate::style::{Axis, Style};
use crate::subgraph::Subgraph;
use crate::text::{count, elapsed, number, visible, width};

/// The sizes of text in a node.
pub(crate) const HEAD: f64 = 13.0;
pub(crate) const BELOW: f64 = 12.0;
pub(crate) const SMALL: f64 = 11.0;
/// How much wider the head is because it is bold.
pub(crate) const BOLD: f64 = 1.06;
/// The height of a node with two lines, and of each further line.
const HEIGHT: f64 = 48.0;
pub(crate) const LINE: f64 = 17.0;
/// Left and right of the text in a node.
pub(crate) const PADDING: (f64, f64) = (16.0, 10.0);
/// Between the head and the position.
pub(crate) const SPACE: f64 = 14.0;
/// Nodes are as wide as their text, between these; those that fold several events say more.
const WIDTHS: std::ops::RangeInclusive<f64> = 132.0..=250.0;
const FOLD_WIDTH: f64 = 290.0;

/// Kinds, or streams, that a fold names; the others are counted.
const NAMES_MAX: usize = 12;

/// The text of a node. All of it can be shown as it is.
#[derive(Debug)]
pub(crate) struct Label {
    /// Its kind, or how many events it folds.
    pub(crate) head: String,
    /// Its position, or the first and the last one.
    pub(crate) position: String,
    /// Whose event it is, or which kinds are folded.
    pub(crate) below: String,
    /// How long after the earliest event of the picture it came.
    pub(crate) elapsed: Option<String>,
    /// What the style's template says.
    pub(crate) own: Option<String>,
    /// Causes and effects that are not drawn.
    pub(crate) hint: Option<String>,
    /// Everything, in lines.
    pub(crate) whole: Vec<String>,
    is_fold: bool,
}

impl Label {
    /// Returns how wide and high its node is.
    pub(crate) fn size(&self) -> (f64, f64) {
        let head = width(&self.head, HEAD) * BOLD + SPACE + width(&self.position, SMALL);
        let side = self.elapsed.as_ref().map_or(0.0, |elapsed| SPACE + width(elapsed, SMALL));
        let below = width(&self.below, BELOW) + side;
        let own = self.own.as_ref().map_or(0.0, |own| width(own, BELOW));
        let hint = self.hint.as_ref().map_or(0.0, |hint| width(hint, SMALL));
        let wide = head.max(below).max(own).max(hint) + PADDING.0 + PADDING.1;
        let more = u8::from(self.own.is_some()) + u8::from(self.hint.is_some());
        let widest = if self.is_fold { FOLD_WIDTH } else { *WIDTHS.end() };
        ((wide + 1.0).clamp(*WIDTHS.start(), widest).round(), HEIGHT + f64::from(more) * LINE)
    }

    /// Returns its lines, for formats that lay them out themselves.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let mut lines = vec![&*self.head, &*self.below];
        lines.extend(self.own.as_deref());
        lines.push(&self.position);
        lines.extend(self.elapsed.as_deref());
        lines.extend(self.hint.as_deref());
        lines
    }
}

/// What all labels of a picture have in common.
struct Labels<'a> {
    subgraph: &'a Subgraph,
    /// Whether streams of several scopes are drawn.
    has_scopes: bool,
    /// Entities that more than lane 0 is drawn of.
    on_lanes: HashSet<(&'a str, &'a str)>,
    /// Since when times are counted, if they are.
    since: Option<Micros>,
}

/// Returns since when a picture counts time: the earliest of its events. `None` if all have one time, or the rows say it.
pub(crate) fn since(folded: &FoldedGraph, subgraph: &Subgraph, axis: Axis) -> Option<Micros> {
    let events = folded.nodes.iter().flat_map(|node| &node.events);
    let times = || events.clone().map(|event| subgraph.events[*event as usize].time);
    let (first, last) = (times().min()?, times().max()?);
    (axis == Axis::Level && first < last).then_some(first)
}

/// Returns the labels of all nodes.
pub(crate) fn labels(
    folded: &FoldedGraph,
    subgraph: &Subgraph,
    graph: &Graph,
    style: &Style,
) -> Result<Vec<Label>> {
    let drawn = folded.nodes.iter().flat_map(|node| &node.events).map(|at| &subgraph.events[*at as usize]);
    let streams: BTreeSet<u32> = drawn.map(|event| event.stream).collect();
    let streams = || streams.iter().map(|stream| &subgraph.streams[*stream as usize]);
    let on_lanes = streams().filter(|stream| stream.lane > 0);
    let all = Labels {
        subgraph,
        has_scopes: streams().any(|stream| Some(&stream.scope) != streams().next().map(|first| &first.scope)),
        on_lanes: on_lanes.map(|stream| (&*stream.scope, &*stream.entity)).collect(),
        since: since(folded, subgraph, style.axis),
    };
    let label = |node: &Node| -> Result<Label> {
        let own = own(node, subgraph, graph, style)?;
        Ok(match node.shape {
            NodeShape::Single => all.single(node, own),
            NodeShape::Run => all.run(node, own),
            NodeShape::Fan => all.fan(node, own),
        })
    };
    folded.nodes.iter().map(label).collect()
}

/// Returns what the style's template says of a node: of its event, or of the first one that it folds.
fn own(node: &Node, subgraph: &Subgraph, graph: &Graph, style: &Style) -> Result<Option<String>> {
    let Some(template) = &style.label else { return Ok(None) };
    let line = |event: usize| -> Result<Option<String>> {
        let position = subgraph.events[event].position;
        let missing = || Error::damaged("an event of the graph is not in the log", position, "none");
        let event = graph.view().at(position)?.ok_or_else(missing)?;
        Ok(template.line(&event).map(|line| visible(&line)))
    };
    let first = line(node.first())?;
    if !node.is_fold() {
        return Ok(first);
    }
    let is_alike = line(node.last())? == first;
    Ok(first.map(|first| if is_alike { first } else { format!("{first} …") }))
}

impl Labels<'_> {
    /// Returns whose event it is, as short as it is clear in this picture.
    fn whose(&self, stream: u32) -> String {
        let stream: &StreamId = &self.subgraph.streams[stream as usize];
        let scope = if self.has_scopes { format!("{}/", stream.scope) } else { String::new() };
        let has_lanes = self.on_lanes.contains(&(&*stream.scope, &*stream.entity));
        let lane = if has_lanes { format!(" · lane {}", stream.lane) } else { String::new() };
        visible(&format!("{scope}{}{lane}", stream.entity))
    }

    fn single(&self, node: &Node, own: Option<String>) -> Label {
        let event = &self.subgraph.events[node.first()];
        let stream = &self.subgraph.streams[event.stream as usize];
        let kind = visible(&self.subgraph.kinds[event.kind as usize]);
        let stream = visible(&format!("{stream}, version {}", event.version));
        let when = format!("position {}, {}", event.position, time(event.time));
        self.finish(node, kind.clone(), self.whose(event.stream), vec![kind, stream, when], own)
    }

    fn run(&self, node: &Node, own: Option<String>) -> Label {
        let kind = |at: &u32| self.subgraph.events[*at as usize].kind;
        let name = |kind: u32| visible(&self.subgraph.kinds[kind as usize]);
        let below = ranked(node.events.iter().map(kind), name);
        let head = count(node.events.len() as u64, "event");
        let whole = vec![format!("{head} in a row"), below.clone(), self.extent(node)];
        self.finish(node, head, below, whole, own)
    }

    fn fan(&self, node: &Node, own: Option<String>) -> Label {
        let kind = visible(&self.subgraph.kinds[self.subgraph.events[node.first()].kind as usize]);
        let stream = |at: &u32| self.subgraph.events[*at as usize].stream;
        let streams: BTreeSet<u32> = node.events.iter().map(stream).collect();
        let names = ranked(node.events.iter().map(stream), |stream| self.whose(stream));
        let below = if streams.len() == 1 { names.clone() } else { count(streams.len() as u64, "stream") };
        let many = node.events.len() as u64;
        let head = format!("{} × {kind}", number(many));
        let whole = vec![
            format!("{} beside each other", count(many, "event")),
            kind,
            if streams.len() == 1 { names } else { format!("{below}: {names}") },
            self.extent(node),
        ];
        self.finish(node, head, below, whole, own)
    }

    /// Returns where and when the events of a fold are.
    fn extent(&self, node: &Node) -> String {
        let (first, last) = (&self.subgraph.events[node.first()], &self.subgraph.events[node.last()]);
        format!("positions {}, {} to {}", self.positions(node), time(first.time), time(last.time))
    }

    fn positions(&self, node: &Node) -> String {
        let position = |event: usize| -> Position { self.subgraph.events[event].position };
        let (first, last) = (position(node.first()), position(node.last()));
        if node.is_fold() { format!("{first}..{last}") } else { first.to_string() }
    }

    fn finish(
        &self,
        node: &Node,
        head: String,
        below: String,
        mut whole: Vec<String>,
        own: Option<String>,
    ) -> Label {
        let (position, hint) = (self.positions(node), hint(node));
        let elapsed = self.since.map(|since| {
            let after = |event: usize| {
                format!("+{}", elapsed(self.subgraph.events[event].time.0.saturating_sub(since.0)))
            };
            let (first, last) = (after(node.first()), after(node.last()));
            if first == last { first } else { format!("{first} … {last}") }
        });
        if let (Some(elapsed), Some(last)) = (&elapsed, whole.last_mut()) {
            *last = format!("{last} ({elapsed})");
        }
        whole.extend(own.clone());
        whole.extend(hint.clone());
        Label { head, position, below, elapsed, own, hint, whole, is_fold: node.is_fold() }
    }
}

/// Returns the most frequent ones by their names, and how many more there are.
fn ranked(all: impl Iterator<Item = u32>, name: impl Fn(u32) -> String) -> String {
    let mut counts = std::collections::BTreeMap::new();
    all.for_each(|one| *counts.entry(one).or_insert(0_u64) += 1);
    let mut ranked: Vec<(u32, u64)> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| Reverse(*count));
    let mut names: Vec<_> = ranked.iter().take(NAMES_MAX).map(|(one, _)| name(*one)).collect();
    if ranked.len() > NAMES_MAX {
        names.push(format!("{} more", number((ranked.len() - NAMES_MAX) as u64)));
    }
    names.join(", ")
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

/// Returns a time in UTC, down to the second.
pub(crate) fn time_of_day(time: Micros) -> String {
    self::time(Micros(time.0 - time.0 % 1_000_000))
}

/// Returns a time in UTC.
pub(crate) fn time(time: Micros) -> String {
    let stamp = i64::try_from(time.0).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    stamp.map_or_else(
        || format!("{} us", time.0),
        |stamp| stamp.to_string().replace('T', " ").replace('Z', " UTC"),
    )
}
