//! Values of types that stand for kinds of events.

use std::borrow::Cow;

use tidegate_format::{Draft, Result, StreamId};
use tidegate_segment::RecordedEvent;

use super::kind::Kind;
use crate::read::QueryItem;

/// A type whose values are what happened: it stands for one kind of event or for several.
///
/// `#[derive(Event)]` implements it. By hand it says how payloads are written and read, and
/// [`claim!`](super::claim) says that its kinds are taken:
///
/// ```
/// use std::borrow::Cow;
/// use tidegate::typed::Kind;
/// use tidegate::{StreamId, Draft, Error, Event, RecordedEvent, Place, Result};
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
///             return Err(Error::invalid("no water levels").at(Place::Event(event.position())));
///         }
///         Ok(Self(pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of event",
    label = "it stands for no kind",
    note = "derive it: #[derive(tidegate::Event)] #[event(kind = \"order.placed\")]",
    note = "a variant without #[event(kind = \"..\")] stands for the event type it holds"
)]
pub trait Event: Sized + 'static {
    /// The kinds it stands for.
    fn kinds() -> Cow<'static, [Kind]>;

    /// The value as an event that is to be appended to this stream.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a value that cannot be written, or not read again.
    fn draft(&self, stream: impl Into<StreamId>) -> Result<Draft>;

    /// The value that an event of the log is.
    ///
    /// # Errors
    ///
    /// All with the event's position: [`Newer`](crate::ErrorKind::Newer) for a version after the one that the
    /// type knows, [`Invalid`](crate::ErrorKind::Invalid) for an event of another kind, a payload that does
    /// not say such a value, and an upcast that fails.
    fn of(event: &RecordedEvent) -> Result<Self>;

    /// Whether it stands for this kind.
    fn knows(kind: &str) -> bool {
        Self::kinds().iter().any(|known| known.name == kind)
    }

    /// What selects its events: an item with its kinds, to be narrowed further.
    fn item() -> QueryItem {
        Self::kinds().iter().fold(QueryItem::new(), |item, kind| item.kind(kind.name))
    }
}
