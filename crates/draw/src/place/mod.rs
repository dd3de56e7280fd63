//! The plan of a picture: where each node stands and where each line runs.
//!
//! Invariants:
//!
//! P1. No two nodes overlap.
//! P2. Lines run between the rows, and cross a row only where no node stands.

mod layers;
mod breaks;
mod order;
mod coordinates;

use std::ops::Range;

use coordinates::{Item, across};

use crate::fold::{FoldedGraph, parts_of};
use crate::subgraph::{Edge, Subgraph};

/// How wide a row gets before it is broken.
const ROW_WIDTH: f64 = 1_600.0;
/// Nodes and bends of what hangs together, at most: the time to lay them out grows faster than their number.
const THINGS_MAX: usize = 2_500;
/// The gap between two nodes of a row.
const NODE_GAP: f64 = 30.0;
/// The room of a line that passes a row.
const BEND_WIDTH: f64 = 22.0;
/// The gap between two parts of a picture that have nothing to do with each other.
const PART_GAP: f64 = 26.0;
/// Parts stand beside each other up to this width, or that of the widest one.
const WIDTH_WANTED: f64 = 1_100.0;
/// The gap between two rows, without and with lines that cross it from side to side.
const ROW_GAPS: Range<f64> = 34.0..84.0;
/// The gap between lines that leave one node.
const PORT_GAP: f64 = 16.0;

/// A node's box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) row: usize,
}

/// A row of the picture: where it starts, and how high it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    pub(crate) top: f64,
    pub(crate) height: f64,
}

/// A line's way down: upright at `x` from the one height to the other, for each row it touches.
pub(crate) type Route = Vec<(f64, Range<f64>)>;

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Plan {
    /// By node.
    pub(crate) frames: Vec<Frame>,
    /// By link.
    pub(crate) ways: Vec<Route>,
    pub(crate) rows: Vec<Row>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Nodes that lines hold together, with the bends of these lines.
struct Part {
    /// Its nodes, and behind them its bends.
    things: Vec<Item>,
    nodes: Vec<u32>,
    /// The middles of its things.
    middles: Vec<f64>,
    left: f64,
    /// The row of the picture at which its row 0 stands.
    base: usize,
}

impl Part {
    fn width(&self) -> f64 {
        let right = |(thing, middle): (&Item, &f64)| middle + thing.width / 2.0;
        self.things.iter().zip(&self.middles).map(right).fold(0.0, f64::max)
    }

    fn rows(&self) -> Range<u32> {
        let rows = || self.things.iter().map(|thing| thing.row);
        rows().min().unwrap_or(0)..rows().max().map_or(0, |last| last + 1)
    }
}

/// The place of a thing: its part, and its number there.
type Spot = (usize, usize);

impl Plan {
    /// Returns the plan of a folded graph whose nodes have these sizes, or `None` if that is too much. Rows of levels belong
    /// to each part alone, those of times to all.
    pub(crate) fn of(
        folded: &FoldedGraph,
        subgraph: &Subgraph,
        sizes: &[(f64, f64)],
        by_level: bool,
    ) -> Option<Self> {
        let part_of = parts_of(folded.nodes.len(), folded.links.iter().map(|link| (link.from, link.to)));
        let rows = if by_level { layers::levels(folded) } else { layers::times(folded, subgraph) };
        let widths: Vec<f64> = sizes.iter().map(|(width, _)| width + NODE_GAP).collect();
        let groups = if by_level { &part_of[..] } else { &[] };
        let rows = breaks::broken(&rows, groups, &widths, &folded.links);
        let (mut parts, spots) = parts(folded, sizes, &rows, &part_of, by_level);
        let mut chains = Vec::with_capacity(folded.links.len());
        let mut lines = vec![Vec::new(); parts.len()];
        for link in &folded.links {
            let (part, to) = spots[link.to as usize];
            let chain = chain(&mut parts[part], &mut lines[part], spots[link.from as usize].1, to)?;
            chains.push((part, chain));
        }
        for (part, lines) in parts.iter_mut().zip(&lines) {
            part.middles = across(&part.things, lines, ROW_WIDTH);
        }
        if by_level {
            shelve(&mut parts);
        } else {
            nestle(&mut parts);
        }
        let rows = stack(&parts, sizes, &chains);
        let frame = |(node, (part, at)): (usize, &Spot)| {
            let (part, (width, height)) = (&parts[*part], sizes[node]);
            let row = part.base + part.things[*at].row as usize;
            let left = part.left + part.middles[*at] - width / 2.0;
            Frame { left, top: rows[row].top + (rows[row].height - height) / 2.0, width, height, row }
        };
        let frames: Vec<_> = spots.iter().enumerate().map(frame).collect();
        let ways = ways(folded, &parts, &chains, &frames, &rows);
        let width = parts.iter().map(|part| part.left + part.width()).fold(0.0, f64::max);
        let height = rows.last().map_or(0.0, |row| row.top + row.height);
        Some(Self { frames, ways, rows, width, height })
    }
}

/// Returns what hangs together, single events last if rows are its own, and where each node went.
fn parts(
    folded: &FoldedGraph,
    sizes: &[(f64, f64)],
    rows: &[u32],
    part_of: &[u32],
    by_level: bool,
) -> (Vec<Part>, Vec<Spot>) {
    let count = folded.nodes.len();
    let mut members = vec![Vec::new(); count];
    for (node, part) in (0_u32..).zip(part_of) {
        members[*part as usize].push(node);
    }
    members.retain(|nodes| !nodes.is_empty());
    if by_level {
        // Single events come last.
        members.sort_by_key(|nodes| nodes.len() == 1);
    }
    let mut spots = vec![(0, 0); count];
    let mut parts = Vec::new();
    for nodes in members {
        let above = nodes.iter().map(|node| rows[*node as usize]).min().unwrap_or(0);
        let above = if by_level { above } else { 0 };
        let thing = |node: &u32| Item {
            row: rows[*node as usize] - above,
            width: sizes[*node as usize].0 + NODE_GAP,
            is_bend: false,
        };
        let things = nodes.iter().map(thing).collect();
        nodes.iter().enumerate().for_each(|(at, node)| spots[*node as usize] = (parts.len(), at));
        parts.push(Part { things, nodes, middles: Vec::new(), left: 0.0, base: 0 });
    }
    (parts, spots)
}

/// Adds the bends of a line to its part, and gives the things that it goes through.
fn chain(part: &mut Part, lines: &mut Vec<(u32, u32)>, from: usize, to: usize) -> Option<Vec<usize>> {
    let mut chain = vec![from];
    for row in part.things[from].row + 1..part.things[to].row {
        chain.push(part.things.len());
        part.things.push(Item { row, width: BEND_WIDTH, is_bend: true });
    }
    if part.things.len() > THINGS_MAX {
        return None;
    }
    chain.push(to);
    lines.extend(chain.windows(2).map(|pair| (pair[0] as u32, pair[1] as u32)));
    Some(chain)
}

/// Puts parts beside each other, and below each other where they get too wide.
fn shelve(parts: &mut [Part]) {
    let widest = parts.iter().map(Part::width).fold(WIDTH_WANTED, f64::max);
    let (mut left, mut base, mut height) = (0.0, 0, 0);
    for part in parts {
        let (width, rows) = (part.width(), part.rows().end as usize);
        // Single events do not spread beside rows that others made high.
        let is_first_single = part.nodes.len() == 1 && height > 1;
        if left > 0.0 && (left + width > widest || is_first_single) {
            (left, base, height) = (0.0, base + height, 0);
        }
        (part.left, part.base) = (left, base);
        left += width + PART_GAP;
        height = height.max(rows);
    }
}

/// Puts each part as far left as the parts before it allow, in rows that are the same for all.
fn nestle(parts: &mut [Part]) {
    let mut taken: Vec<(Range<u32>, Range<f64>)> = Vec::new();
    for part in parts {
        let (rows, width) = (part.rows(), part.width());
        let beside = taken.iter().filter(|(other, _)| other.start < rows.end && rows.start < other.end);
        let mut beside: Vec<_> = beside.map(|(_, across)| across.clone()).collect();
        beside.sort_by(|one, other| one.start.total_cmp(&other.start));
        for across in beside {
            if part.left + width + PART_GAP <= across.start {
                break;
            }
            part.left = part.left.max(across.end + PART_GAP);
        }
        taken.push((rows, part.left..part.left + width));
    }
}

/// Stacks the rows: each as high as its highest node, and further apart where lines cross from side to side.
fn stack(parts: &[Part], sizes: &[(f64, f64)], chains: &[(usize, Vec<usize>)]) -> Vec<Row> {
    let count = parts.iter().map(|part| part.base + part.rows().end as usize).max().unwrap_or(0);
    let mut rows = vec![Row::default(); count];
    let mut slopes = vec![0.0_f64; count];
    for part in parts {
        for (node, thing) in part.nodes.iter().zip(&part.things) {
            let row = &mut rows[part.base + thing.row as usize];
            row.height = row.height.max(sizes[*node as usize].1);
        }
    }
    for (part, chain) in chains {
        let part = &parts[*part];
        for pair in chain.windows(2) {
            let slope = &mut slopes[part.base + part.things[pair[0]].row as usize];
            *slope = slope.max((part.middles[pair[1]] - part.middles[pair[0]]).abs());
        }
    }
    let mut top = 0.0;
    for (row, slope) in rows.iter_mut().zip(slopes) {
        row.top = top;
        top += row.height + (ROW_GAPS.start + slope * 0.08).min(ROW_GAPS.end);
    }
    rows
}

/// Returns the ways of all lines: from the lower side of a node through the rows to the upper side of another one.
fn ways(
    folded: &FoldedGraph,
    parts: &[Part],
    chains: &[(usize, Vec<usize>)],
    frames: &[Frame],
    rows: &[Row],
) -> Vec<Route> {
    let mut leaving = vec![Vec::new(); frames.len()];
    let mut coming = vec![Vec::new(); frames.len()];
    for (at, (link, (part, chain))) in folded.links.iter().zip(chains).enumerate() {
        let middles = &parts[*part].middles;
        leaving[link.from as usize].push((middles[chain[1]], at));
        coming[link.to as usize].push((middles[chain[chain.len() - 2]], at));
    }
    let starts = ports(frames, leaving, chains.len());
    let ends = ports(frames, coming, chains.len());
    let way = |(at, link): (usize, &Edge)| {
        let (part, chain) = &chains[at];
        let part = &parts[*part];
        let (from, to) = (&frames[link.from as usize], &frames[link.to as usize]);
        let bottom = rows[from.row].top + rows[from.row].height;
        let mut way = vec![(starts[at], from.top + from.height..bottom)];
        for bend in &chain[1..chain.len() - 1] {
            let row = rows[part.base + part.things[*bend].row as usize];
            way.push((part.left + part.middles[*bend], row.top..row.top + row.height));
        }
        way.push((ends[at], rows[to.row].top..to.top));
        way
    };
    folded.links.iter().enumerate().map(way).collect()
}

/// Returns where each line meets a node: side by side, in the order of where the lines come from or go to.
fn ports(frames: &[Frame], lines: Vec<Vec<(f64, usize)>>, count: usize) -> Vec<f64> {
    let mut ports = vec![0.0; count];
    for (frame, mut lines) in frames.iter().zip(lines) {
        lines.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let gap = PORT_GAP.min((frame.width - 40.0) / lines.len() as f64);
        let first = frame.left + frame.width / 2.0 - gap * (lines.len().saturating_sub(1)) as f64 / 2.0;
        for (n, (_, line)) in lines.into_iter().enumerate() {
            ports[line] = first + gap * n as f64;
        }
    }
    ports
}
