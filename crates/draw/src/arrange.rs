//! Everything in its place: the plan, with margins, title, axis and legend around it.

use std::fmt::Write;

use crate::fold::{FoldedGraph, Node, NodeShape};
use crate::label::{BELOW, BOLD, HEAD, LINE as TEXT_LINE, Label, PADDING, SMALL, SPACE, time};
use crate::layout::{Fold, LayoutEdge, LayoutNode, LayoutRow, LayoutText, PictureLayout, TextRole};
use crate::legend::Legend;
use crate::palette::Swatch;
use crate::place::{Frame, Plan};
use crate::style::Axis;
use crate::subgraph::{Line, Subgraph};
use crate::text::{Px, number, shorten, visible, width};

/// Around everything.
pub(crate) const MARGIN: f64 = 22.0;
/// Above the first row: the title and what stands below it.
const TITLE: f64 = 58.0;
/// A line of the legend.
const KEY_LINE: f64 = 24.0;
/// The room of the sample in a legend: of a colour, and of a line.
pub(crate) const SAMPLES: (f64, f64) = (20.0, 38.0);
/// A picture is at least as wide, and for its title up to this width.
const WIDTH_MIN: f64 = 460.0;
const TITLE_WIDTH: f64 = 1_100.0;
/// Names of the legend are shortened to this width.
const NAME_WIDTH: f64 = 260.0;

/// What a picture is made of.
pub(crate) struct Pieces<'a> {
    pub(crate) subgraph: &'a Subgraph,
    pub(crate) folded: &'a FoldedGraph,
    pub(crate) labels: &'a [Label],
    pub(crate) legend: &'a Legend,
    pub(crate) plan: &'a Plan,
    pub(crate) axis: Axis,
    /// Title and subtitle.
    pub(crate) titles: (String, String),
    /// Whether each node is one that matters most.
    pub(crate) is_focus: Vec<bool>,
}

/// One line of the legend.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) sample: Sample,
    pub(crate) text: String,
}

/// What a line of the legend explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Swatch(Swatch),
    Cause,
    Lane,
    Fork,
    More,
}

impl Pieces<'_> {
    /// Returns the whole picture as data, and the lines of its legend.
    pub(crate) fn arrange(self) -> (PictureLayout, Vec<Key>) {
        let axis = self.axis_texts();
        let widest = axis.iter().flatten().map(|text| width(text, SMALL)).fold(0.0, f64::max);
        let (left, top) = (MARGIN + if widest > 0.0 { widest + 18.0 } else { 0.0 }, MARGIN + TITLE);
        let (title, subtitle) = &self.titles;
        let titles = (width(title, HEAD) * BOLD).max(width(subtitle, SMALL)) + 2.0 * MARGIN;
        let wide = (left + self.plan.width + MARGIN).max(titles.min(TITLE_WIDTH)).max(WIDTH_MIN).ceil();
        let (keys, bottom) = self.keys(top + self.plan.height + 26.0, wide);
        let rows = self.plan.rows.iter().zip(axis);
        let rows = rows.map(|(row, texts)| LayoutRow { y: top + row.top, height: row.height, texts });
        let layout = PictureLayout {
            title: shorten(title, HEAD * BOLD, wide - 2.0 * MARGIN),
            subtitle: shorten(subtitle, SMALL, wide - 2.0 * MARGIN),
            width: wide,
            height: (bottom + MARGIN - 8.0).ceil(),
            nodes: (0..self.labels.len()).map(|node| self.node(node, left, top)).collect(),
            edges: (0..self.folded.links.len()).map(|edge| self.edge(edge, left, top)).collect(),
            rows: rows.collect(),
            legend: self.legend.entries.clone(),
        };
        (layout, keys)
    }

    /// Returns what the axis says of each row.
    fn axis_texts(&self) -> Vec<Vec<String>> {
        let mut texts = vec![Vec::new(); self.plan.rows.len()];
        if self.axis == Axis::Level {
            return texts;
        }
        for (frame, node) in self.plan.frames.iter().zip(&self.folded.nodes) {
            let time = time(self.subgraph.events[node.first()].time);
            texts[frame.row] = time.trim_end_matches(" UTC").splitn(2, ' ').map(str::to_owned).collect();
        }
        // A date stands where it begins, and a time once.
        let mut before: Vec<String> = Vec::new();
        for text in texts.iter_mut().filter(|text| !text.is_empty()) {
            let whole = text.clone();
            if before == whole {
                text.clear();
            } else if before.first() == text.first() {
                text.remove(0);
            }
            before = whole;
        }
        texts
    }

    fn node(&self, at: usize, left: f64, top: f64) -> LayoutNode {
        let (node, label) = (&self.folded.nodes[at], &self.labels[at]);
        let frame = self.plan.frames[at];
        let frame = Frame { left: left + frame.left, top: top + frame.top, ..frame };
        let first = &self.subgraph.events[node.first()];
        LayoutNode {
            x: frame.left,
            y: frame.top,
            width: frame.width,
            height: frame.height,
            row: frame.row,
            positions: node
                .events
                .iter()
                .map(|event| self.subgraph.events[*event as usize].position)
                .collect(),
            fold: fold(node),
            kind: visible(&self.subgraph.kinds[first.kind as usize]),
            stream: visible(&self.subgraph.streams[first.stream as usize].to_string()),
            swatch: self.legend.of[at],
            is_focus: self.is_focus[at],
            has_more_causes: node.more_causes + node.foreign > 0,
            has_more_effects: node.more_effects > 0,
            texts: texts(&frame, label),
            details: label.whole.clone(),
        }
    }

    fn edge(&self, at: usize, left: f64, top: f64) -> LayoutEdge {
        let link = &self.folded.links[at];
        let points = self.plan.ways[at].iter();
        let points = points.flat_map(|(x, rows)| [rows.start, rows.end].map(|y| (left + x, top + y)));
        let points: Vec<(f64, f64)> = points.collect();
        LayoutEdge {
            from: link.from as usize,
            to: link.to as usize,
            is_cause: link.line == Line::Cause,
            forks: link.forks,
            path: path(&points),
            points,
        }
    }

    /// Returns what colours and lines mean, each in its place, and the height below.
    fn keys(&self, top: f64, width_max: f64) -> (Vec<Key>, f64) {
        let (mut x, mut y) = (MARGIN, top);
        let mut keys = Vec::new();
        let mut add = |sample: Sample, text: String| {
            let room = if matches!(sample, Sample::Swatch(_)) { SAMPLES.0 } else { SAMPLES.1 };
            let wide = room + width(&text, BELOW);
            if x > MARGIN && x + wide > width_max - MARGIN {
                (x, y) = (MARGIN, y + KEY_LINE);
            }
            keys.push(Key { x, y, sample, text });
            x += wide + 20.0;
        };
        for entry in &self.legend.entries {
            let name = shorten(&entry.name, BELOW, NAME_WIDTH);
            add(Sample::Swatch(entry.swatch), format!("{name} ({})", number(entry.count)));
        }
        let (links, nodes) = (&self.folded.links, &self.folded.nodes);
        let is_cut = nodes.iter().any(|node| node.more_causes + node.foreign + node.more_effects > 0);
        for (is_there, sample, text) in [
            (links.iter().any(|link| link.line == Line::Cause), Sample::Cause, "cause to effect"),
            (links.iter().any(|link| link.line == Line::Lane), Sample::Lane, "next on a lane"),
            (links.iter().any(|link| link.forks), Sample::Fork, "a lane forks"),
            (is_cut, Sample::More, "more outside the picture"),
        ] {
            if is_there {
                add(sample, text.to_owned());
            }
        }
        (keys, y + KEY_LINE)
    }
}

fn fold(node: &Node) -> Fold {
    match node.shape {
        NodeShape::Single => Fold::None,
        NodeShape::Run => Fold::Run,
        NodeShape::Fan => Fold::Fan,
    }
}

/// Returns the text of a node, shortened to its room.
fn texts(frame: &Frame, label: &Label) -> Vec<LayoutText> {
    let (left, right) = (frame.left + PADDING.0, frame.left + frame.width - PADDING.1);
    let room = right - left;
    let mut texts = Vec::new();
    let mut add = |role, x: f64, y: f64, text: String| {
        texts.push(LayoutText { x, y: frame.top + y, role, text });
    };
    let position = shorten(&label.position, SMALL, room * 0.6);
    add(
        TextRole::Head,
        left,
        20.0,
        shorten(&label.head, HEAD * BOLD, room - SPACE - width(&position, SMALL)),
    );
    add(TextRole::Side, right, 20.0, position);
    let elapsed = label.elapsed.as_ref().map(|elapsed| shorten(elapsed, SMALL, room * 0.6));
    let side = elapsed.as_ref().map_or(0.0, |elapsed| SPACE + width(elapsed, SMALL));
    add(TextRole::Plain, left, 38.0, shorten(&label.below, BELOW, room - side));
    if let Some(elapsed) = elapsed {
        add(TextRole::Side, right, 38.0, elapsed);
    }
    let mut y = 38.0;
    if let Some(own) = &label.own {
        y += TEXT_LINE;
        add(TextRole::Plain, left, y, shorten(own, BELOW, room));
    }
    if let Some(hint) = &label.hint {
        y += TEXT_LINE;
        add(TextRole::Small, left, y, shorten(hint, SMALL, room));
    }
    texts
}

/// Returns a line as path data: upright between the points of each pair, and swinging over between pairs.
fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut before: Option<(f64, f64)> = None;
    for pair in points.chunks_exact(2) {
        let ((x, start), end) = (pair[0], pair[1].1);
        let _ = match before {
            None => write!(path, "M{},{}", Px(x), Px(start)),
            Some((from, _)) if (from - x).abs() < 0.05 => write!(path, "V{}", Px(start)),
            Some((from, y)) => {
                let middle = Px(f64::midpoint(y, start));
                write!(path, "C{},{middle} {},{middle} {},{}", Px(from), Px(x), Px(x), Px(start))
            }
        };
        if end > start {
            let _ = write!(path, "V{}", Px(end));
        }
        before = Some((x, end));
    }
    path
}
