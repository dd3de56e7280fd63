//! Functions that the code of macros calls. They may change in any version.

use std::error::Error as StdError;

pub use std::borrow::Cow;

#[cfg(feature = "derive")]
pub use inventory;
pub use serde;
use serde::Serialize;
use serde::de::DeserializeOwned;
pub use tidegate_format::{Draft, Result, StreamId};
pub use tidegate_segment::RecordedEvent;

use super::kind::{CONTENT_TYPE, Kind};
use super::payload::{self, failed};
use super::value::Event;
pub use super::values::Values;
use tidegate_format::Error;

/// Claims the kinds of a type that implements [`Event`](crate::typed::Event) by hand, so that opening a store
/// refuses another type with one of them, and checks its versions. `#[derive(Event)]` does that by itself.
#[cfg(feature = "derive")]
#[doc(hidden)]
#[macro_export]
macro_rules! __claim {
    ($type:ty) => {
        $crate::__claim! { $type => <$type as $crate::typed::Event>::kinds }
    };
    ($type:ty => $kinds:expr) => {
        $crate::typed::derived::inventory::submit! {
            $crate::typed::Claim::new::<$type>(
                $kinds,
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!($type)),
                ::core::file!(),
                ::core::line!(),
            )
        }
    };
}

/// Returns an event without fields. They may come in a later version, so it is a map with none.
pub fn draft_empty(kind: &Kind, stream: impl Into<StreamId>) -> Result<Draft> {
    const EMPTY_MAP: &[u8] = &[0x80];
    Ok(Draft::new(stream, kind.name).schema(kind.version).message_pack(EMPTY_MAP))
}

pub fn draft<T: Serialize + ?Sized>(kind: &Kind, stream: impl Into<StreamId>, value: &T) -> Result<Draft> {
    payload::draft(kind, stream.into(), value)
}

pub fn draft_bytes(
    kind: &Kind,
    stream: impl Into<StreamId>,
    content: &'static str,
    value: &(impl AsRef<[u8]> + ?Sized),
) -> Result<Draft> {
    let draft = Draft::new(stream, kind.name).schema(kind.version);
    Ok(draft.bytes(value.as_ref().to_vec()).meta(CONTENT_TYPE, content))
}

pub fn schema(event: &RecordedEvent, kind: &Kind) -> Result<u16> {
    payload::schema(event, kind)
}

pub fn decode<T: DeserializeOwned>(event: &RecordedEvent) -> Result<T> {
    payload::decode(event)
}

pub fn decode_bytes<T>(event: &RecordedEvent, content: &str) -> Result<T>
where
    T: TryFrom<Vec<u8>>,
    T::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    payload::decode_bytes(event, content)
}

/// Returns the values that an event of an earlier version stands for.
pub fn split<A, B>(event: &RecordedEvent, earlier: A) -> Result<Values<B>>
where
    Vec<B>: TryFrom<A>,
    <Vec<B> as TryFrom<A>>::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    Vec::try_from(earlier).map(Values::from).map_err(|cause| {
        let (from, to) = (std::any::type_name::<A>(), std::any::type_name::<B>());
        failed(event, &format!("the {from} cannot be split into {to}")).because(cause)
    })
}

/// Returns the values of a nested type as those of the variant that holds it.
pub fn nested<A, B>(mut values: Values<A>, variant: impl Fn(A) -> B) -> Values<B> {
    // One value, which is the rule, needs no list.
    match (values.len(), values.next()) {
        (1, Some(value)) => Values::one(variant(value)),
        (_, first) => first.into_iter().chain(values).map(variant).collect::<Vec<_>>().into(),
    }
}

/// Returns the value of an event that stands for one.
pub fn one<T>(event: &RecordedEvent, values: Values<T>) -> Result<T> {
    let (count, mut values) = (values.len(), values);
    match values.next() {
        Some(value) if count == 1 => Ok(value),
        _ => Err(failed(event, &format!("it stands for {count} values; read it with `all_of`"))),
    }
}

/// Returns a value of one version as a value of the next.
pub fn upcast<A, B>(event: &RecordedEvent, earlier: A) -> Result<B>
where
    B: TryFrom<A>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    B::try_from(earlier).map_err(|cause| {
        let (from, to) = (std::any::type_name::<A>(), std::any::type_name::<B>());
        failed(event, &format!("the {from} cannot become a {to}")).because(cause)
    })
}

pub fn unknown<T: Event>(event: &RecordedEvent) -> Error {
    let kinds: Vec<&str> = T::kinds().iter().map(|kind| kind.name).collect();
    failed(event, &format!("{} reads only {}", std::any::type_name::<T>(), kinds.join(", ")))
}
