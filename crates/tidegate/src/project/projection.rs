//! Projections: how a state is folded from events.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_format::{Error, Result, name};
use tidegate_segment::RecordedEvent;

use crate::read::Query;

/// A state folded from events: the type is the state, its default the state before the first event.
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
    /// Its name, by the rules of kinds. Its saved states are kept under that name.
    const NAME: &'static str;

    /// Version of the fold, from 1 on. If the same events would give another state, it is another version.
    const VERSION: u16;

    /// Returns the query of its events.
    fn query() -> Query;

    /// Takes in the next event. The new state must depend on the old one and the event alone. A state that an error or a
    /// panic leaves half done is put back to what it was.
    ///
    /// # Errors
    ///
    /// The reason why the event cannot be taken in: see [`Poison`](super::Poison).
    fn apply(&mut self, event: &RecordedEvent) -> Result<()>;
}

/// Refuses a name or a version that cannot be kept.
pub(super) fn check<P: Projection>() -> Result<()> {
    name::check_kind(P::NAME).map_err(|error| {
        Error::invalid("a projection is named by the rules of kinds, such as order.totals").because(error)
    })?;
    if name::is_reserved(P::NAME) {
        return Err(Error::invalid(format!(
            "the name {:?} is reserved for the store; choose another one",
            P::NAME
        )));
    }
    if P::VERSION == 0 {
        return Err(Error::invalid(format!("versions of {} are counted from 1", P::NAME)));
    }
    Ok(())
}
