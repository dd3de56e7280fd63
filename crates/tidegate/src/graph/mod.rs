//! The causal graph behind the log: what led to what.
//!
//! Every event names its causes, and those come before it. A [`Graph`] answers questions about that from the
//! indexes alone, as of one moment; no record is read but where a recorded time is asked for.
//!
//! ```
//! use tidegate::{AppendOptions, Cause, Draft, Batch, StoreOptions, Store};
//!
//! let store = Store::in_memory(StoreOptions::default())?;
//! let batch = Batch::new()
//!     .and(Draft::new(("shop", "order-7"), "order.placed"))
//!     .and(Draft::new(("shop", "pay-7"), "payment.taken").cause(Cause::Draft(0)))
//!     .and(Draft::new(("shop", "stock-3"), "stock.reserved").cause(Cause::Draft(0)))
//!     .and(Draft::new(("shop", "order-7"), "order.shipped").cause(Cause::Draft(1)).cause(Cause::Draft(2)));
//! let receipt = store.append(batch, AppendOptions::default())?;
//! let (placed, shipped) = (receipt.first(), receipt.last());
//!
//! let graph = store.view()?.graph();
//! assert!(graph.is_ancestor(placed, shipped)?);
//! let ancestors: Vec<_> = graph.ancestors(&[shipped])?.collect::<tidegate::Result<_>>()?;
//! assert_eq!(ancestors.len(), 3);
//! assert_eq!(graph.level(shipped)?, 2);
//! assert_eq!(graph.path(placed, shipped)?.len(), 3);
//! # Ok::<(), tidegate::Error>(())
//! ```
mod marks;
mod ground;
mod positions;
mod walk;
mod relation;
mod selection;
mod critical;
mod fan;

use tidegate_format::{Position, Result};

pub use critical::Hop;
pub use fan::Fan;
pub use positions::Positions;
pub use selection::Selection;

use crate::read::View;
use ground::Ground;
use marks::Marks;
use positions::Known;
use relation::Between;
use selection::{Leaves, Marked, Roots};
use walk::{Ancestors, Descendants, Effects};

/// The causal graph at one moment: what its view shows, and nothing later.
///
/// Events go by their positions; [`View::find`] knows those of ids. Wherever an event is asked for that the
/// view does not show, the error is of kind [`Missing`](crate::ErrorKind::Missing). If [damage](View::damage) hides
/// what follows the head, effects, descendants and selections by a query end in that, and what leads up to an event
/// does not.
#[derive(Clone, Debug)]
pub struct Graph {
    view: View,
}

impl Graph {
    /// The moment it shows.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The local causes of an event, in the order in which it names them, each once.
    pub fn causes(&self, event: Position) -> Result<Positions> {
        let mut ground = self.ground();
        let mut seen = Marks::new(event.min(self.view.head()));
        let causes = ground.causes(event)?.iter().copied().filter(|cause| seen.insert(*cause));
        let causes: Vec<_> = causes.collect();
        Ok(Positions::new(ground, Known(causes.into_iter())))
    }

    /// The events that name this one as a cause, the first one first.
    pub fn effects(&self, event: Position) -> Result<Positions> {
        let mut ground = self.ground();
        let effects = Effects::of(event, &mut ground)?;
        Ok(Positions::new(ground, effects))
    }

    /// All events that led to any of these, the last one first.
    pub fn ancestors(&self, events: &[Position]) -> Result<Positions> {
        let mut ground = self.ground();
        let ancestors = Ancestors::of(events, &mut ground)?;
        Ok(Positions::new(ground, ancestors))
    }

    /// All events that any of these led to, the first one first.
    pub fn descendants(&self, events: &[Position]) -> Result<Positions> {
        let mut ground = self.ground();
        let descendants = Descendants::of(events, &mut ground)?;
        Ok(Positions::new(ground, descendants))
    }

    /// How many causes there are on the longest way from an event without any to this one.
    pub fn level(&self, event: Position) -> Result<u32> {
        self.ground().level(event)
    }

    /// Whether `event` led to `of`. No event is an ancestor of itself.
    pub fn is_ancestor(&self, event: Position, of: Position) -> Result<bool> {
        relation::is_ancestor(&mut self.ground(), event, of)
    }

    /// Whether neither of two different events led to the other one.
    pub fn are_concurrent(&self, one: Position, other: Position) -> Result<bool> {
        let (first, last) = (one.min(other), one.max(other));
        Ok(!relation::is_ancestor(&mut self.ground(), first, last)? && first != last)
    }

    /// All best common causes, the first one first: events that led to each of these, or are one of them, and
    /// that did not lead to another such.
    pub fn common_causes(&self, events: &[Position]) -> Result<Vec<Position>> {
        relation::common_causes(&mut self.ground(), events)
    }

    /// One of the shortest ways along effects from an event to another one, both of them on it; empty where
    /// the first did not lead to the second.
    pub fn path(&self, from: Position, to: Position) -> Result<Vec<Position>> {
        relation::path(&mut self.ground(), from, to)
    }

    /// All events on any way along effects from an event to another one, without these two, the first one
    /// first.
    pub fn between(&self, from: Position, to: Position) -> Result<Positions> {
        let mut ground = self.ground();
        let between = Between::of(from, to, &mut ground)?;
        Ok(Positions::new(ground, between))
    }

    /// All events of a selection, the first one first.
    pub fn select(&self, selection: &Selection) -> Result<Positions> {
        let mut ground = self.ground();
        let marks = selection.marks(&mut ground)?;
        Ok(Positions::new(ground, Marked { marks, next: Position::START }))
    }

    /// The events of a selection with no cause in it, the first one first.
    pub fn roots(&self, selection: &Selection) -> Result<Positions> {
        let mut ground = self.ground();
        let marked = Marked { marks: selection.marks(&mut ground)?, next: Position::START };
        ground.read_ahead();
        Ok(Positions::new(ground, Roots { marked }))
    }

    /// The events of a selection with no effect in it, the last one first.
    pub fn leaves(&self, selection: &Selection) -> Result<Positions> {
        let mut ground = self.ground();
        let marks = selection.marks(&mut ground)?;
        let (causes, next) = (Marks::new(ground.head()), ground.head());
        Ok(Positions::new(ground, Leaves { marks, causes, next }))
    }

    /// The way to an event that took the longest by recorded time, from the event it began with. Where several
    /// took the same, it is the one that goes back to the latest cause each time, which was waited for.
    pub fn critical_path(&self, event: Position) -> Result<Vec<Hop>> {
        critical::path(&mut self.ground(), event)
    }

    /// The events of a selection with the most causes or effects, in it or not, with how many they have; the
    /// largest first, and at most `limit`.
    pub fn largest_fans(
        &self,
        selection: &Selection,
        fan: Fan,
        limit: usize,
    ) -> Result<Vec<(Position, u64)>> {
        let mut ground = self.ground();
        let marks = selection.marks(&mut ground)?;
        fan::largest(&mut ground, &marks, fan, limit)
    }

    fn ground(&self) -> Ground {
        Ground::new(&self.view)
    }
}

impl View {
    /// The causal graph as of this view. For an earlier moment take the graph of [`View::until`].
    pub fn graph(&self) -> Graph {
        Graph { view: self.clone() }
    }
}
