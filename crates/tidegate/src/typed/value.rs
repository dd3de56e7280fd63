//! The trait of types that stand for kinds of events.

use std::borrow::Cow;

use tidegate_format::{Draft, Result, StreamId};
use tidegate_segment::RecordedEvent;

use super::kind::Kind;
use super::values::Values;
use crate::read::QueryItem;

/// A type whose values are events: it stands for one kind of event or for several.
///
/// `#[derive(Event)]` implements it, as its page describes:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::{Event, Query, Store};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
/// #[event(kind = "kite.launched")]
/// struct Launched {
///     crew: u32,
/// }
///
/// let store = Store::in_memory()?;
/// store.append(Launched { crew: 3 }.draft(("harbour", "gull"))?)?;
///
/// assert!(Launched::knows("kite.launched"));
/// assert_eq!(Launched::kinds()[0].version, 1);
/// for event in store.read(&Query::from(Launched::item().scope("harbour")))? {
///     let event = event?;
///     assert_eq!(Launched::of(&event)?, Launched { crew: 3 });
///     assert_eq!(Launched::all_of(&event)?.len(), 1);
/// }
/// # Ok::<(), tidegate::Error>(())
/// ```
///
/// An implementation by hand writes and reads payloads, and [`claim!`](super::claim) claims its kinds:
///
/// ```
/// use std::borrow::Cow;
/// use tidegate::typed::Kind;
/// use tidegate::{StreamId, Draft, Error, Event, RecordedEvent, ErrorPlace, Result};
///
/// /// Water levels in centimetres, two bytes each.
/// struct Levels(Vec<u16>);
///
/// const LEVELS: Kind = Kind::first("gauge.levels");
/// tidegate::typed::claim!(Levels);
///
/// impl Event for Levels {
///     fn kinds() -> Cow<'static, [Kind]> {
///         Cow::Borrowed(&[LEVELS])
///     }
///
///     fn draft(&self, stream: impl Into<StreamId>) -> Result<Draft> {
///         let bytes: Vec<u8> = self.0.iter().flat_map(|level| level.to_le_bytes()).collect();
///         Ok(Draft::new(stream, LEVELS.name).bytes(bytes))
///     }
///
///     fn of(event: &RecordedEvent) -> Result<Self> {
///         let (pairs, rest) = event.payload()?.as_chunks();
///         if event.kind() != LEVELS.name || event.schema() != 1 || !rest.is_empty() {
///             return Err(Error::invalid("no water levels").at(ErrorPlace::Event(event.position())));
///         }
///         Ok(Self(pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event type",
    label = "it has no kind",
    note = "derive it: #[derive(tidegate::Event)] #[event(kind = \"order.placed\")]",
    note = "a variant without #[event(kind = \"..\")] stands for the event type it holds"
)]
pub trait Event: Sized + 'static {
    /// Returns the kinds it stands for.
    fn kinds() -> Cow<'static, [Kind]>;

    /// Returns a draft that appends this value to a stream.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a value that cannot be written, or not read again.
    fn draft(&self, stream: impl Into<StreamId>) -> Result<Draft>;

    /// Returns the value of an event of the log.
    ///
    /// # Errors
    ///
    /// All with the event's position: [`Newer`](crate::ErrorKind::Newer) for a version after the one that the
    /// type knows, [`Invalid`](crate::ErrorKind::Invalid) for an event of another kind, a payload that cannot be read as
    /// such a value, an upcast that fails, and an event that stands for several values or none: read those with
    /// [`all_of`](Self::all_of). [`Erased`](crate::ErrorKind::Erased) if the payload was erased.
    fn of(event: &RecordedEvent) -> Result<Self>;

    /// Returns the values of an event of the log: one, unless a `split` of an earlier version yields several or none. All
    /// of them happened at the event's position and have its version.
    ///
    /// # Errors
    ///
    /// Those of [`of`](Self::of), except for the number of values.
    fn all_of(event: &RecordedEvent) -> Result<Values<Self>> {
        Self::of(event).map(Values::one)
    }

    /// Returns whether it stands for this kind.
    fn knows(kind: &str) -> bool {
        Self::kinds().iter().any(|known| known.name == kind)
    }

    /// Returns an item that selects its events by their kinds, to be narrowed further.
    fn item() -> QueryItem {
        Self::kinds().iter().fold(QueryItem::new(), |item, kind| item.kind(kind.name))
    }
}
