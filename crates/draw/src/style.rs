//! Styles: what a picture shows and how.

use tidegate::Position;

use crate::template::Template;

/// What the rows of an SVG mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// An event stands below its causes, and as near to its effects as they allow. Each says how long after the earliest one
    /// it came.
    #[default]
    Level,
    /// Events stand in the order in which they were recorded, each row with its time in UTC.
    Time,
}

/// What the colours mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// One for each family of kinds, such as `order.*`, and a mark for each kind.
    #[default]
    Kind,
    /// One for each stream.
    Stream,
}

/// Which times a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventClock {
    /// When the store recorded an event.
    #[default]
    Recorded,
    /// When an imported event happened, as its source says (metadata `import.time`); for other events, when the store recorded
    /// it.
    Source,
}

/// What a picture shows and how.
///
/// ```
/// use tidegate_draw::{Axis, Style};
/// let style = Style { axis: Axis::Time, fold_from: usize::MAX, ..Style::default() };
/// let labelled = Style { label: Some("{/customer} {tag:area}".parse()?), ..Style::default() };
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// What the picture is called; `None` says what was selected.
    pub title: Option<String>,
    /// What the events are of, such as the name of the store. It stands below the title.
    pub source: Option<String>,
    /// One more line in each node, from the event's payload, tags and keys.
    pub label: Option<Template>,
    /// What the rows mean.
    pub axis: Axis,
    /// What the colours mean.
    pub colour: Colour,
    /// Which times are shown.
    pub clock: EventClock,
    /// Number of events from which on runs are folded: 100. A run is three or more events, each
    /// with one line to it and one from it. 0 folds always, [`usize::MAX`] never.
    pub fold_from: usize,
    /// Number of siblings from which on they are folded: 8, or 3 in a picture of `fold_from` events. Siblings are of one kind,
    /// and have the same causes and the same effects, or such as are folded themselves. [`usize::MAX`] never folds any.
    pub fan_from: usize,
    /// Maximum number of drawn nodes: 200, and fewer if their lines need the room. What is left out is
    /// counted; what is nearest to the focus stays, or the last events if there is none.
    pub nodes_max: usize,
    /// Events that matter most. They have a strong border and are never folded.
    pub focus: Vec<Position>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            title: None,
            source: None,
            label: None,
            axis: Axis::default(),
            colour: Colour::default(),
            clock: EventClock::default(),
            fold_from: 100,
            fan_from: 8,
            nodes_max: 200,
            focus: Vec::new(),
        }
    }
}
