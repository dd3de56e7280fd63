//! Ordinals: which event of a segment, counted from 0.

/// The place of an event among those of its segment, from 0: neither a byte of the file (an
/// [`Offset`](tidegate_format::Offset)) nor a place in the log (a [`Position`](tidegate_format::Position)). An end of a
/// range may be one past the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal(pub u32);

impl Ordinal {
    /// The first event.
    pub const FIRST: Self = Self(0);
    /// Past every event: a segment has fewer, as each takes a hundred bytes of a file of less than 4 GiB.
    pub const END: Self = Self(u32::MAX);

    /// Returns the one after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        // Only `END` has none, and it is past every event already.
        Self(self.0.saturating_add(1))
    }

    /// Returns the one before this one; the first has none and stays.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}
