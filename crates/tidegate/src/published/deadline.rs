//! Deadlines: when a wait ends, by the steady clock of the world.

use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;

/// When a wait ends.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    micros: u64,
}

impl Deadline {
    /// Returns the time that is this long from now.
    pub(crate) fn after(clock: &Arc<dyn Clock>, time: Duration) -> Self {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self { clock: Arc::clone(clock), micros: clock.steady_micros().saturating_add(time) }
    }

    /// Returns how long it is until then.
    pub(crate) fn left(&self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(self.clock.steady_micros()))
    }

    /// Returns how long ago it was, or `None` if it is still to come.
    pub(crate) fn since(&self) -> Duration {
        Duration::from_micros(self.clock.steady_micros().saturating_sub(self.micros))
    }

    /// Returns whether it has passed.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Returns whether it comes before another one.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.micros < other.micros
    }
}
