//! Identities: of an event, of a flow of events and of a store, 128 bits each, written as UUIDs.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::hash;

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                uuid::Uuid::try_parse(text).map(|id| Self(id.into_bytes())).map_err(|cause| {
                    Error::invalid(format!("{text:?} is not a UUID")).because(cause)
                })
            }
        }
    };
}

identity! {
    /// The id of an event, the same in every store: a UUID, given by the caller or made by the store (version 7).
    ///
    /// ```
    /// use tidegate_format::EventId;
    ///
    /// let id: EventId = "0195fdd6-0000-7000-8000-000000000001".parse()?;
    /// assert_eq!(id.to_string(), "0195fdd6-0000-7000-8000-000000000001");
    /// # Ok::<(), tidegate_format::Error>(())
    /// ```
    EventId
}
identity! {
    /// What the events of a flow have in common: the id of the event that began it, which another store may hold.
    ///
    /// ```
    /// use tidegate_format::{CorrelationId, EventId};
    ///
    /// let first: EventId = "0195fdd6-0000-7000-8000-000000000001".parse()?;
    /// let flow = CorrelationId::from(first);
    /// assert_eq!((flow.first(), flow.to_string()), (first, first.to_string()));
    /// assert!(flow == first, "that event began the flow");
    /// # Ok::<(), tidegate_format::Error>(())
    /// ```
    CorrelationId
}
identity! {
    /// The id of a store: a UUID (version 7) made when the store is created.
    ///
    /// ```
    /// use tidegate_format::StoreId;
    ///
    /// let id = StoreId::from_time(1_795_000_000_000_000, &[7; 10]);
    /// assert_eq!(id.to_string().parse::<StoreId>()?, id);
    /// # Ok::<(), tidegate_format::Error>(())
    /// ```
    StoreId
}

impl EventId {
    /// Returns a UUID of version 7 ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7)) from
    /// a time and ten random bytes. Ids of later milliseconds are greater.
    ///
    /// ```
    /// use tidegate_format::EventId;
    ///
    /// let (early, late) = (EventId::from_time(1_000, &[9; 10]), EventId::from_time(2_000, &[0; 10]));
    /// assert!(early < late);
    /// ```
    pub fn from_time(micros: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(micros / 1000, random).into_uuid().into_bytes())
    }

    /// Returns the id that belongs to a key of another system within a scope: the same key gives the same id in
    /// every store. A UUID of version 8 over SHA-256 of both, each with its length before it.
    ///
    /// ```
    /// use tidegate_format::EventId;
    ///
    /// assert_eq!(EventId::from_key("shop", "invoice 7"), EventId::from_key("shop", "invoice 7"));
    /// assert_ne!(EventId::from_key("shop", "invoice 7"), EventId::from_key("shopinvoice", " 7"));
    /// ```
    pub fn from_key(scope: &str, key: &str) -> Self {
        let digest = hash::parts(b"tidegate event key", &[scope.as_bytes(), key.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.0[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes())
    }
}

impl CorrelationId {
    /// Returns the id of the event that began the flow.
    pub fn first(self) -> EventId {
        EventId(self.0)
    }
}

impl From<EventId> for CorrelationId {
    fn from(first: EventId) -> Self {
        Self(first.0)
    }
}

/// Returns whether the flow is the one that this event began.
impl PartialEq<EventId> for CorrelationId {
    fn eq(&self, first: &EventId) -> bool {
        self.0 == first.0
    }
}

impl StoreId {
    /// Returns a UUID of version 7 from a time and ten random bytes.
    pub fn from_time(micros: u64, random: &[u8; 10]) -> Self {
        Self(EventId::from_time(micros, random).0)
    }
}
