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

    /// Takes in an event whose payload was [erased](RecordedEvent::is_erased), of which only names, place and time are left.
    /// By default it is left out, and [`Reading::left_out`](super::Reading::left_out) counts it either way.
    ///
    /// A state that came of an event which is erased later is folded anew.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use tidegate::project::Projection;
    /// use tidegate::report::Erase;
    /// use tidegate::{Draft, Query, RecordedEvent, Result, Store};
    ///
    /// #[derive(Clone, Default, Serialize, Deserialize)]
    /// struct Letters {
    ///     bytes: usize,
    ///     unknown: u64,
    /// }
    ///
    /// impl Projection for Letters {
    ///     const NAME: &'static str = "letters";
    ///     const VERSION: u16 = 1;
    ///
    ///     fn query() -> Query {
    ///         Query::kind("letter.sent")
    ///     }
    ///
    ///     fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
    ///         self.bytes += event.payload()?.len();
    ///         Ok(())
    ///     }
    ///
    ///     fn erased(&mut self, _: &RecordedEvent) -> Result<()> {
    ///         self.unknown += 1;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let store = Store::in_memory()?;
    /// let letters = store.projector::<Letters>()?;
    /// store.append(Draft::new(("shop", "customer-7"), "letter.sent").bytes(b"Dear Ann".to_vec()))?;
    /// assert_eq!(letters.read()?.bytes, 8);
    /// store.upkeep().erase(&Query::stream(("shop", "customer-7")), Erase::new("on request", "desk 2"))?;
    /// let reading = letters.read()?;
    /// assert_eq!((reading.bytes, reading.unknown, reading.left_out()), (0, 1, 1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`apply`](Self::apply).
    fn erased(&mut self, event: &RecordedEvent) -> Result<()> {
        let _ = event;
        Ok(())
    }
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
