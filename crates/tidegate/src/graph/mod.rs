//! The causal graph of the log: which events led to which.
//!
//! Every event names its causes, and those come before it. A [`Graph`] answers questions about that from the
//! indexes alone, as of one moment; records are read for recorded times only.
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
/// Here and not at the root, which has all the names it may have: a caller mostly gives the id of an event instead.
pub use tidegate_format::CorrelationId;

use crate::read::View;
use bitmap::Bitmap;
use positions::PositionList;
use reader::GraphReader;
use relation::Between;
use selection::{BitmapIter, Leaves, Roots};
use traversal::{Ancestors, Descendants, Effects};

/// The causal graph at one moment: it holds the events of its view, and nothing later.
///
/// Events are named by their positions; [`View::find`] gives the position of an id. A question about an event that the
/// view does not show ends in [`Missing`](crate::ErrorKind::Missing). If [damage](View::damage) hides events behind the
/// head, effects, descendants and selections by a query end in that error, and causes and ancestors do not.
///
/// ```
/// use tidegate::graph::{Degree, Selection};
/// use tidegate::{Batch, Cause, Draft, Position, Query, Store};
///
/// // 1 led to 2 and 3, and these to 4.
/// let store = Store::in_memory()?;
/// let batch = Batch::new()
///     .and(Draft::new(("shop", "order-7"), "order.placed"))
///     .and(Draft::new(("shop", "pay-7"), "payment.taken").cause(Cause::Draft(0)))
///     .and(Draft::new(("shop", "stock-3"), "stock.reserved").cause(Cause::Draft(0)))
///     .and(Draft::new(("shop", "order-7"), "order.shipped").cause(Cause::Draft(1)).cause(Cause::Draft(2)));
/// store.append(batch)?;
/// let graph = store.view()?.graph();
/// let list = |positions: tidegate::graph::Positions| {
///     positions.map(|position| Ok(position?.0)).collect::<tidegate::Result<Vec<u64>>>()
/// };
///
/// assert_eq!(graph.view().head(), Position(4));
/// assert_eq!(list(graph.causes(Position(4))?)?, [2, 3]);
/// assert_eq!(list(graph.effects(Position(1))?)?, [2, 3]);
/// assert_eq!(list(graph.ancestors(&[Position(4)])?)?, [3, 2, 1]);
/// assert_eq!(list(graph.descendants(&[Position(1)])?)?, [2, 3, 4]);
/// assert_eq!(list(graph.between(Position(1), Position(4))?)?, [2, 3]);
/// assert_eq!(graph.level(Position(4))?, 2);
/// assert!(graph.is_ancestor(Position(1), Position(4))?);
/// assert!(graph.are_concurrent(Position(2), Position(3))?);
/// assert_eq!(graph.common_causes(&[Position(2), Position(3)])?, [Position(1)]);
/// assert_eq!(graph.path(Position(1), Position(4))?.len(), 3);
///
/// let all = Selection::from(Query::ALL);
/// assert_eq!(list(graph.select(&Selection::history(&[Position(2)]))?)?, [1, 2]);
/// assert_eq!(list(graph.roots(&all)?)?, [1]);
/// assert_eq!(list(graph.leaves(&all)?)?, [4]);
/// assert_eq!(graph.largest_degrees(&all, Degree::In, 1)?, [(Position(4), 2)]);
/// let hops: Vec<_> = graph.critical_path(Position(4))?.iter().map(|hop| hop.event.0).collect();
/// assert_eq!(hops, [1, 3, 4]);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    view: View,
}

impl Graph {
    /// Returns the moment it shows.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Returns the local causes of an event, in the order in which it names them, each once.
    pub fn causes(&self, event: Position) -> Result<Positions> {
        let mut reader = self.reader();
        let mut seen = Bitmap::new(event.min(self.view.head()));
        let causes = reader.causes(event)?.iter().copied().filter(|cause| seen.insert(*cause));
        let causes: Vec<_> = causes.collect();
        Ok(Positions::new(reader, PositionList(causes.into_iter())))
    }

    /// Returns the events that name this one as a cause, the first one first.
    pub fn effects(&self, event: Position) -> Result<Positions> {
        let mut reader = self.reader();
        let effects = Effects::of(event, &mut reader)?;
        Ok(Positions::new(reader, effects))
    }

    /// Returns all events that led to any of these, the last one first.
    pub fn ancestors(&self, events: &[Position]) -> Result<Positions> {
        let mut reader = self.reader();
        let ancestors = Ancestors::of(events, &mut reader)?;
        Ok(Positions::new(reader, ancestors))
    }

    /// Returns all events that any of these led to, the first one first.
    pub fn descendants(&self, events: &[Position]) -> Result<Positions> {
        let mut reader = self.reader();
        let descendants = Descendants::of(events, &mut reader)?;
        Ok(Positions::new(reader, descendants))
    }

    /// Returns the number of causes on the longest way from an event without causes to this one.
    pub fn level(&self, event: Position) -> Result<u32> {
        self.reader().level(event)
    }

    /// Returns whether `event` led to `of`. No event is an ancestor of itself.
    pub fn is_ancestor(&self, event: Position, of: Position) -> Result<bool> {
        relation::is_ancestor(&mut self.reader(), event, of)
    }

    /// Returns whether two events differ and neither led to the other one.
    pub fn are_concurrent(&self, one: Position, other: Position) -> Result<bool> {
        let (first, last) = (one.min(other), one.max(other));
        Ok(!relation::is_ancestor(&mut self.reader(), first, last)? && first != last)
    }

    /// Returns all best common causes, the first one first: events that led to each of these, or are one of them, and
    /// did not lead to another such event.
    pub fn common_causes(&self, events: &[Position]) -> Result<Vec<Position>> {
        relation::common_causes(&mut self.reader(), events)
    }

    /// Returns one of the shortest ways along effects from an event to another one, with both, or an empty list if the
    /// first did not lead to the second.
    pub fn path(&self, from: Position, to: Position) -> Result<Vec<Position>> {
        relation::path(&mut self.reader(), from, to)
    }

    /// Returns all events on any way along effects from an event to another one, without these two, the first one
    /// first.
    pub fn between(&self, from: Position, to: Position) -> Result<Positions> {
        let mut reader = self.reader();
        let between = Between::of(from, to, &mut reader)?;
        Ok(Positions::new(reader, between))
    }

    /// Returns all events of a selection, the first one first.
    pub fn select(&self, selection: &Selection) -> Result<Positions> {
        let mut reader = self.reader();
        let bitmap = selection.bitmap(&mut reader)?;
        Ok(Positions::new(reader, BitmapIter { bitmap, next: Position::START }))
    }

    /// Returns the events of a selection without a cause in it, the first one first.
    pub fn roots(&self, selection: &Selection) -> Result<Positions> {
        let mut reader = self.reader();
        let events = BitmapIter { bitmap: selection.bitmap(&mut reader)?, next: Position::START };
        reader.read_ahead();
        Ok(Positions::new(reader, Roots { events }))
    }

    /// Returns the events of a selection without an effect in it, the last one first.
    pub fn leaves(&self, selection: &Selection) -> Result<Positions> {
        let mut reader = self.reader();
        let bitmap = selection.bitmap(&mut reader)?;
        let (causes, next) = (Bitmap::new(reader.head()), reader.head());
        Ok(Positions::new(reader, Leaves { bitmap, causes, next }))
    }

    /// Returns the way to an event that took the longest by recorded time, from the event it began with. If several
    /// took the same time, it is the one that goes back to the latest cause at each step, which the event waited for.
    pub fn critical_path(&self, event: Position) -> Result<Vec<Hop>> {
        critical::path(&mut self.reader(), event)
    }

    /// Returns the events of a selection with the most causes or effects, in it or not, each with their number: the
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
    /// Returns the causal graph as of this view. For an earlier moment take the graph of [`View::as_of`].
    ///
    /// ```
    /// # use tidegate::{Draft, Store};
    /// let store = Store::in_memory()?;
    /// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.view()?.graph().level(receipt.first())?, 0);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn graph(&self) -> Graph {
        Graph { view: self.clone() }
    }
}
