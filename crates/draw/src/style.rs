//! Styles: what a picture shows and how.

use tidegate::Position;

/// What the rows of an SVG mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// An event stands below its causes, and as near to its effects as they allow.
    #[default]
    Level,
    /// Events stand in the order in which they were recorded, each row with its time in UTC.
    Time,
}

/// What the colours mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// One for each kind.
    #[default]
    Kind,
    /// One for each stream.
    Stream,
}

/// What a picture shows and how.
///
/// ```
/// use tidegate_draw::{Axis, Style};
/// let style = Style { axis: Axis::Time, fold_from: usize::MAX, ..Style::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// What the rows mean.
    pub axis: Axis,
    /// What the colours mean.
    pub colour: Colour,
    /// Number of events from which on runs are folded: 100. A run is three or more events, each
    /// with one line to it and one from it. 0 folds always, [`usize::MAX`] never.
    pub fold_from: usize,
    /// Maximum number of drawn nodes: 200, and fewer if their lines need the room. What is left out is
    /// counted; what is nearest to the focus stays, or the last events if there is none.
    pub nodes_max: usize,
    /// Events that matter most. They have a strong border and are never folded.
    pub focus: Vec<Position>,
}

impl Default for Style {
    fn default() -> Self {
        let (axis, colour) = (Axis::default(), Colour::default());
        Self { axis, colour, fold_from: 100, nodes_max: 200, focus: Vec::new() }
    }
}
