//! Layouts: a picture as data, for programs that draw it themselves.

use tidegate::Position;

use crate::legend::LegendEntry;
use crate::palette::Swatch;

/// A picture as data: what stands where, in pixels from the left and from the top. Its SVG is drawn from this, so a page
/// that makes elements of it with the classes of [`stylesheet`](crate::stylesheet) looks the same.
///
/// ```
/// use tidegate::graph::Selection;
/// use tidegate::{Batch, Cause, Draft, Query, Store};
/// use tidegate_draw::{Picture, Style};
///
/// let store = Store::in_memory()?;
/// store.append(
///     Batch::new()
///         .and(Draft::new(("shop", "order-7"), "order.placed"))
///         .and(Draft::new(("shop", "pay-7"), "payment.taken").cause(Cause::Draft(0))),
/// )?;
/// let graph = store.view()?.graph();
/// let picture = Picture::of(&graph, &Selection::from(Query::ALL), &Style::default())?;
/// let layout = picture.layout();
/// assert_eq!(layout.nodes[1].texts[0].text, "payment.taken");
/// assert_eq!((layout.edges[0].from, layout.edges[0].to), (0, 1));
/// assert!(layout.edges[0].points[0].1 < layout.nodes[1].y);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct PictureLayout {
    /// What the picture is of.
    pub title: String,
    /// Of which source and as of which position, how many events there are, and since when times are counted.
    pub subtitle: String,
    /// The size of the whole picture, with its margins, title and legend.
    pub width: f64,
    /// See `width`.
    pub height: f64,
    /// Nodes, in the order of their first events.
    pub nodes: Vec<LayoutNode>,
    /// Lines between nodes.
    pub edges: Vec<LayoutEdge>,
    /// Rows, from the top.
    pub rows: Vec<LayoutRow>,
    /// What the colours mean, the most frequent first.
    pub legend: Vec<LegendEntry>,
}

/// A node: one event, or several that are folded.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutNode {
    /// The left side of its box.
    pub x: f64,
    /// The upper side of its box.
    pub y: f64,
    /// How wide its box is.
    pub width: f64,
    /// How high its box is.
    pub height: f64,
    /// The number of its row.
    pub row: usize,
    /// The positions of its events, ascending.
    pub positions: Vec<Position>,
    /// What events it stands for.
    pub fold: Fold,
    /// The kind of its event; of its first one if it folds several.
    pub kind: String,
    /// The stream of its event; of its first one if it folds several.
    pub stream: String,
    /// How it looks.
    pub swatch: Swatch,
    /// Whether it is one that matters most.
    pub is_focus: bool,
    /// Whether it has causes that are not drawn.
    pub has_more_causes: bool,
    /// Whether it has effects that are not drawn.
    pub has_more_effects: bool,
    /// Its label: lines shortened to the box, with what hides or reorders text escaped.
    pub texts: Vec<LayoutText>,
    /// All that is known of it, in lines, not shortened.
    pub details: Vec<String>,
}

/// What events a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// One event.
    None,
    /// Several, of which each led to the next.
    Run,
    /// Several of one kind with the same causes and effects.
    Fan,
}

/// A piece of text in a node.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutText {
    /// Where it begins, or for [`TextRole::Side`] where it ends.
    pub x: f64,
    /// The line that it stands on.
    pub y: f64,
    /// How it looks.
    pub role: TextRole,
    /// What it says.
    pub text: String,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRole {
    /// The kind of the event: bold. Class `head`.
    Head,
    /// The position, and how much later it came: small, and ends at its place. Class `side`.
    Side,
    /// Whose event it is, and what the template says. No class.
    Plain,
    /// What is not drawn: small. Class `small`.
    Small,
}

/// A line between two nodes.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutEdge {
    /// The number of the node above.
    pub from: usize,
    /// The number of the node below.
    pub to: usize,
    /// Whether the one led to the other; else it only comes next on a lane.
    pub is_cause: bool,
    /// Whether a lane begins with the lower one.
    pub forks: bool,
    /// Where it passes, from the top: it is upright between the points of each pair and swings over between pairs.
    pub points: Vec<(f64, f64)>,
    /// The same as path data of SVG.
    pub path: String,
}

/// A row.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutRow {
    /// Its upper side.
    pub y: f64,
    /// How high it is.
    pub height: f64,
    /// What the axis says of it, in at most two lines.
    pub texts: Vec<String>,
}
