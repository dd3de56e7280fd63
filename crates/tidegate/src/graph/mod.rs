//! The causal graph behind the log: what led to what.
//!
//! Every event names its causes, and those come before it. A [`Graph`] answers questions about that from the
//! indexes alone, as of one moment; no record is read but where a recorded time is asked for.
//!
//! ```
//! use tidegate::{Cause, Draft, Batch, Store};
//!
//! let store = Store::in_memory()?;
//! let batch = Batch::new()
//!     .and(Draft::new(("shop", "order-7"), "order.placed"))
//!     .and(Draft::new(("shop", "pay-7"), "payment.taken").cause(Cause::Draft(0)))
//!     .and(Draft::new(("shop", "stock-3"), "stock.reserved").cause(Cause::Draft(0)))
//!     .and(Draft::new(("shop", "order-7"), "order.shipped").cause(Cause::Draft(1)).cause(Cause::Draft(2)));
//! let receipt = store.append(batch)?;
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
mod bitmap;
mod reader;
mod positions;
mod traversal;
mod relation;
mod selection;
mod critical;
mod degree;

use tidegate_format::{Position, Result};

pub use critical::Hop;
pub use degree::Degree;
pub use positions::Positions;
pub use selection::Selection;

use crate::read::View;
use bitmap::Bitmap;
use positions::PositionList;
use reader::GraphReader;
use relation::Between;
use selection::{BitmapIter, Leaves, Roots};
use traversal::{Ancestors, Descendants, Effects};

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
        let mut reader = self.reader();
        let mut seen = Bitmap::new(event.min(self.view.head()));
        let causes = reader.causes(event)?.iter().copied().filter(|cause| seen.insert(*cause));
        let causes: Vec<_> = causes.collect();
        Ok(Positions::new(reader, PositionList(causes.into_iter())))
    }

    /// The events that name this one as a cause, the first one first.
    pub fn effects(&self, event: Position) -> Result<Positions> {
        let mut reader = self.reader();
        let effects = Effects::of(event, &mut reader)?;
        Ok(Positions::new(reader, effects))
    }

    /// All events that led to any of these, the last one first.
    pub fn ancestors(&self, events: &[Position]) -> Result<Positions> {
        let mut reader = self.reader();
        let ancestors = Ancestors::of(events, &mut reader)?;
        Ok(Positions::new(reader, ancestors))
    }

    /// All events that any of these led to, the first one first.
    pub fn descendants(&self, events: &[Position]) -> Result<Positions> {
        let mut reader = self.reader();
        let descendants = Descendants::of(events, &mut reader)?;
        Ok(Positions::new(reader, descendants))
    }

    /// How many causes there are on the longest way from an event without any to this one.
    pub fn level(&self, event: Position) -> Result<u32> {
        self.reader().level(event)
    }

    /// Whether `event` led to `of`. No event is an ancestor of itself.
    pub fn is_ancestor(&self, event: Position, of: Position) -> Result<bool> {
        relation::is_ancestor(&mut self.reader(), event, of)
    }

    /// Whether neither of two different events led to the other one.
    pub fn are_concurrent(&self, one: Position, other: Position) -> Result<bool> {
        let (first, last) = (one.min(other), one.max(other));
        Ok(!relation::is_ancestor(&mut self.reader(), first, last)? && first != last)
    }

    /// All best common causes, the first one first: events that led to each of these, or are one of them, and
    /// that did not lead to another such.
    pub fn common_causes(&self, events: &[Position]) -> Result<Vec<Position>> {
        relation::common_causes(&mut self.reader(), events)
    }

    /// One of the shortest ways along effects from an event to another one, both of them on it; empty where
    /// the first did not lead to the second.
    pub fn path(&self, from: Position, to: Position) -> Result<Vec<Position>> {
        relation::path(&mut self.reader(), from, to)
    }

    /// All events on any way along effects from an event to another one, without these two, the first one
    /// first.
    pub fn between(&self, from: Position, to: Position) -> Result<Positions> {
        let mut reader = self.reader();
        let between = Between::of(from, to, &mut reader)?;
        Ok(Positions::new(reader, between))
    }

    /// All events of a selection, the first one first.
    pub fn select(&self, selection: &Selection) -> Result<Positions> {
        let mut reader = self.reader();
        let bitmap = selection.bitmap(&mut reader)?;
        Ok(Positions::new(reader, BitmapIter { bitmap, next: Position::START }))
    }

    /// The events of a selection with no cause in it, the first one first.
    pub fn roots(&self, selection: &Selection) -> Result<Positions> {
        let mut reader = self.reader();
        let events = BitmapIter { bitmap: selection.bitmap(&mut reader)?, next: Position::START };
        reader.read_ahead();
        Ok(Positions::new(reader, Roots { events }))
    }

    /// The events of a selection with no effect in it, the last one first.
    pub fn leaves(&self, selection: &Selection) -> Result<Positions> {
        let mut reader = self.reader();
        let bitmap = selection.bitmap(&mut reader)?;
        let (causes, next) = (Bitmap::new(reader.head()), reader.head());
        Ok(Positions::new(reader, Leaves { bitmap, causes, next }))
    }

    /// The way to an event that took the longest by recorded time, from the event it began with. Where several
    /// took the same, it is the one that goes back to the latest cause each time, which was waited for.
    pub fn critical_path(&self, event: Position) -> Result<Vec<Hop>> {
        critical::path(&mut self.reader(), event)
    }

    /// The events of a selection with the most causes or effects, in it or not, with how many they have; the
    /// largest first, and at most `limit`.
    pub fn largest_degrees(
        &self,
        selection: &Selection,
        degree: Degree,
        limit: usize,
    ) -> Result<Vec<(Position, u64)>> {
        let mut reader = self.reader();
        let bitmap = selection.bitmap(&mut reader)?;
        degree::largest(&mut reader, &bitmap, degree, limit)
    }

    fn reader(&self) -> GraphReader {
        GraphReader::new(&self.view)
    }
}

impl View {
    /// The causal graph as of this view. For an earlier moment take the graph of [`View::as_of`].
    pub fn graph(&self) -> Graph {
        Graph { view: self.clone() }
    }
}
