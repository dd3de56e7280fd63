//! Numbers that must not be confused: positions, versions, offsets and times.
//!
//! They count up to the largest number there is and stay there; nothing wraps around.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> u64 {
                number.0
            }
        }
    };
}

number! {
    /// A place in the whole log. The first event has position 1; 0 is before everything.
    ///
    /// ```
    /// use tidegate_format::Position;
    ///
    /// assert_eq!(Position::START.next(), Position(1));
    /// assert_eq!(Position(1).plus(4).before(), Position(4));
    /// assert_eq!(Position(7).to_string(), "7");
    /// ```
    Position
}
number! {
    /// A place in one stream. The first event has version 1; 0 is a stream without events.
    ///
    /// ```
    /// assert_eq!(tidegate_format::Version::EMPTY.next().0, 1);
    /// ```
    Version
}
number! {
    /// A byte place in a file.
    ///
    /// ```
    /// assert_eq!(tidegate_format::Offset(80).plus(36).0, 116);
    /// ```
    Offset
}
number! {
    /// Microseconds since 1970-01-01 UTC, leap seconds not counted.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime, UNIX_EPOCH};
    /// use tidegate_format::Micros;
    ///
    /// let an_hour_ago = Micros::from(SystemTime::now() - Duration::from_secs(3600));
    /// assert!(an_hour_ago > Micros::default());
    /// assert_eq!(Micros::from(UNIX_EPOCH + Duration::from_secs(2)), Micros(2_000_000));
    /// assert_eq!(Micros::from(UNIX_EPOCH - Duration::from_secs(2)), Micros(0), "there are none before");
    /// ```
    Micros
}

impl From<SystemTime> for Micros {
    /// Returns the whole microseconds; 0 for a time before 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

impl Position {
    /// Before every event.
    pub const START: Self = Self(0);
    /// Past every event that can be.
    pub const MAX: Self = Self(u64::MAX);

    /// Returns the position right after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the position right before this one; [`START`](Self::START) stays where it is.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Returns the position `count` after this one.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl From<u64> for Version {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Version {
    /// A stream without events.
    pub const EMPTY: Self = Self(0);

    /// Returns the version right after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Offset {
    /// Returns the offset `length` bytes on.
    #[must_use]
    pub fn plus(self, length: u64) -> Self {
        Self(self.0.saturating_add(length))
    }
}
