//! Batches: events appended as one, all or nothing.

use tidegate_format::Draft;

/// Events that are appended as one: all or nothing, at consecutive positions, in this order.
///
/// ```
/// use tidegate::{Batch, Cause, Draft};
/// let batch = Batch::new()
///     .and(Draft::new(("shop", "order-7"), "order.placed"))
///     .and(Draft::new(("shop", "stock-3"), "stock.reserved").cause(Cause::Draft(0)));
/// assert_eq!(batch.drafts().len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch(Vec<Draft>);

impl Batch {
    /// A batch without events, which no store takes as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// The batch with one more event at its end.
    #[must_use]
    pub fn and(mut self, draft: Draft) -> Self {
        self.0.push(draft);
        self
    }

    /// Its events.
    pub fn drafts(&self) -> &[Draft] {
        &self.0
    }
}

impl From<Draft> for Batch {
    fn from(draft: Draft) -> Self {
        Self(vec![draft])
    }
}

impl From<Vec<Draft>> for Batch {
    fn from(drafts: Vec<Draft>) -> Self {
        Self(drafts)
    }
}

impl FromIterator<Draft> for Batch {
    fn from_iter<I: IntoIterator<Item = Draft>>(drafts: I) -> Self {
        Self(drafts.into_iter().collect())
    }
}
