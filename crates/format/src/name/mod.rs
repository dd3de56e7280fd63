//! Names: stream ids and kinds, the rules every name keeps, and how a name is shown.
mod visible;

use std::borrow::Cow;
use std::fmt;

use crate::error::{Error, Result};
use crate::limit::{Limit, NAME_BYTES_MAX};

pub use visible::{is_hidden, visible, visible_json};

/// Text of a name: a literal costs nothing, anything else is owned.
pub type Text = Cow<'static, str>;

/// Where an event belongs: `scope` keeps tenants or modules apart, `entity` says who or what it is about,
/// `lane` tells parallel branches of one entity apart. One stream id is one stream.
///
/// ```
/// use tidegate_format::StreamId;
///
/// let stream = StreamId::new("shop", "order-7").lane(2);
/// assert!(stream.check().is_ok());
/// assert_eq!(stream.to_string(), "shop/order-7/2");
/// assert_eq!(StreamId::from(("shop", "order-7")).to_string(), "shop/order-7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The isolation boundary, a tenant or a module.
    pub scope: Text,
    /// Who or what the event is about.
    pub entity: Text,
    /// The branch of the entity; 0 if there is only one.
    pub lane: u32,
}

impl StreamId {
    /// Creates the stream id of an entity in a scope, on lane 0.
    pub fn new(scope: impl Into<Text>, entity: impl Into<Text>) -> Self {
        Self { scope: scope.into(), entity: entity.into(), lane: 0 }
    }

    /// Returns the same entity on another lane.
    #[must_use]
    pub fn lane(mut self, lane: u32) -> Self {
        self.lane = lane;
        self
    }

    /// Refuses a scope or an entity that breaks the rules of names.
    pub fn check(&self) -> Result<()> {
        check("scope", &self.scope)?;
        check("entity", &self.entity)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scope, self.entity)?;
        if self.lane == 0 { Ok(()) } else { write!(f, "/{}", self.lane) }
    }
}

impl<S: Into<Text>, E: Into<Text>> From<(S, E)> for StreamId {
    fn from((scope, entity): (S, E)) -> Self {
        Self::new(scope, entity)
    }
}

/// The first part of kinds and metadata names that only the store itself writes.
pub const RESERVED: &str = "tidegate";

/// Refuses a name that is empty, too long, or holds control characters. `what` names it in the message.
///
/// ```
/// use tidegate_format::name;
///
/// assert!(name::check("tag", "course:c1").is_ok());
/// assert_eq!(name::check("tag", "").unwrap_err().message(), "the tag is empty");
/// ```
pub fn check(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("the {what} is empty")));
    }
    if name.len() > NAME_BYTES_MAX {
        let message = format!("the {what} is too long");
        return Err(Error::over(Limit::NameBytes, NAME_BYTES_MAX, name.len(), &message));
    }
    if !is_plain(name.as_bytes()) && name.chars().any(char::is_control) {
        return Err(Error::invalid(format!("the {what} {name:?} holds a control character")));
    }
    Ok(())
}

/// Returns whether all bytes are ASCII that is shown, as those of most names are: eight of them are looked at together.
fn is_plain(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const LEFT_BITS: u64 = ONES << 7;
    // The left bit of a byte is set, or becomes set by 1 more (0x7f) or by 0x20 less (controls). What is carried or
    // borrowed comes from a byte that is not plain itself.
    let marks = |eight: u64| eight | eight.wrapping_add(ONES) | eight.wrapping_sub(ONES << 5);
    // The last eight overlap those before them.
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().all(|byte| (b' '..0x7f).contains(byte));
    };
    let eights = bytes.as_chunks().0.iter().chain([last]);
    eights.fold(0, |found, eight| found | marks(u64::from_le_bytes(*eight))) & LEFT_BITS == 0
}

/// Refuses a kind that breaks the rules of names or holds a `*`, which selects a family in queries.
///
/// Any other text is a kind (`order.placed`, `OrderPlaced`, `com.example.Paid`). Dotted lower-case words are the
/// advice: the dots make families.
///
/// ```
/// use tidegate_format::name;
///
/// assert!(name::check_kind("order.placed").is_ok());
/// assert!(name::check_kind("app:Dog.Registered").is_ok());
/// assert!(name::check_kind("order.*").is_err());
/// ```
pub fn check_kind(kind: &str) -> Result<()> {
    check("kind", kind)?;
    if kind.contains('*') {
        let message = format!("the kind {kind:?} holds a `*`, which stands for a family of kinds in queries");
        return Err(Error::invalid(message));
    }
    Ok(())
}

/// Returns whether a kind or metadata name is kept for the store itself.
///
/// ```
/// use tidegate_format::name;
///
/// assert!(name::is_reserved("tidegate.denied"));
/// assert!(!name::is_reserved("tidegates.opened"));
/// ```
pub fn is_reserved(name: &str) -> bool {
    name.strip_prefix(RESERVED).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The first parts of kinds and metadata names that another store wrote, and that came here by an import.
pub const IMPORTED: &str = "tidegate.imported";

/// Returns what a kind or metadata name is called in a store that imports it: a name of the other store's own gets
/// [`IMPORTED`] before it, as its word is not the word of the store that imports. Every other name stays.
///
/// ```
/// use tidegate_format::name;
///
/// assert_eq!(name::imported("tidegate.gates"), "tidegate.imported.gates");
/// assert_eq!(name::imported("tidegate.imported.gates"), "tidegate.imported.gates");
/// assert_eq!(name::imported("order.placed"), "order.placed");
/// ```
#[must_use]
pub fn imported(name: &str) -> Cow<'_, str> {
    if !is_reserved(name) || is_imported(name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("{IMPORTED}{}", &name[RESERVED.len()..]))
}

/// Returns whether another store wrote this kind or metadata name, and it came here by an import.
#[must_use]
pub fn is_imported(name: &str) -> bool {
    name.strip_prefix(IMPORTED).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between the smallest and the largest bytes that are shown, which are what carries and borrows could change.
    #[test]
    fn a_control_character_is_seen_wherever_it_stands() {
        for around in [' ', '~', 'é'] {
            for character in ('\0'..='\u{a0}').chain(['漢']) {
                for at in 0..20 {
                    let mut name: String = std::iter::repeat_n(around, 19).collect();
                    name.insert(name.char_indices().nth(at).map_or(name.len(), |(byte, _)| byte), character);
                    assert_eq!(check("tag", &name).is_err(), character.is_control(), "{name:?}");
                }
            }
        }
    }
}
