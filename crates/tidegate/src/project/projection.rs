//! Projections: how a state comes of events.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_format::{Error, Result, name};
use tidegate_segment::RecordedEvent;

use crate::read::Query;

/// A state that comes of events: the type is the state, its default the state before the first event.
///
/// `#[derive(Projection)]` implements it from handlers, one for each type of event. By hand:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::project::Projection;
/// use tidegate::{RecordedEvent, QueryItem, Query, Result};
///
/// /// How many orders there are, and where the last one stands.
/// #[derive(Clone, Default, Serialize, Deserialize)]
/// struct Orders {
///     count: u64,
///     last: u64,
/// }
///
/// impl Projection for Orders {
///     const NAME: &'static str = "orders";
///     const VERSION: u16 = 1;
///
///     fn query() -> Query {
///         QueryItem::new().kind("order.placed").into()
///     }
///
///     fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
///         self.count += 1;
///         self.last = event.position().0;
///         Ok(())
///     }
/// }
/// ```
pub trait Projection: Clone + Default + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// What it is called, by the rules of kinds. Its saved state stands under that name.
    const NAME: &'static str;

    /// Which version of the fold this is, from 1 on. Where another state would come of the same events, it is
    /// another version.
    const VERSION: u16;

    /// The events it is about.
    fn query() -> Query;

    /// Takes in the next event. What it makes of it must come of the state and the event alone. A state that
    /// an error or a panic leaves half done is put back to what it was.
    ///
    /// # Errors
    ///
    /// Whatever keeps the event from being taken in: see [`Poison`](super::Poison).
    fn apply(&mut self, event: &RecordedEvent) -> Result<()>;
}

/// Refuses a name or a version that cannot be kept.
pub(super) fn check<P: Projection>() -> Result<()> {
    name::check_kind(P::NAME).map_err(|error| {
        Error::invalid("a projection is named by the rules of kinds, such as order.totals").because(error)
    })?;
    if name::is_reserved(P::NAME) {
        return Err(Error::invalid(format!("the name {:?} is reserved for the store", P::NAME)));
    }
    if P::VERSION == 0 {
        return Err(Error::invalid(format!("versions of {} are counted from 1", P::NAME)));
    }
    Ok(())
}
