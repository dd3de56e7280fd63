//! Imports: what another store said of a batch that is taken over from it.

use tidegate_format::{Hash, Micros, Text};

/// What the store that a batch is taken over from said of it; see [`Batch::imported`](super::Batch::imported).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The batch's idempotency key there, with the hash of the content that it stands for. An append of that
    /// content under that key is answered with this batch, and a reactor of that name passes over its event.
    pub idempotency: Option<(Text, Hash)>,
    /// When it was recorded there. `None` records it now.
    pub recorded: Option<Micros>,
}
