//! Imports: what another store said of a batch that is taken over from it.

use tidegate_format::{Blind, Hash, Micros, Text};

/// What another store recorded about a batch that is imported from it; see [`Batch::imported`](super::Batch::imported).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The batch's idempotency key there, with what that store kept of the content that it stands for: a hash under the
    /// first blind. An append of that content under that key is answered with this batch, and a reactor of that name
    /// passes over its event.
    pub idempotency: Option<(Text, Hash)>,
    /// When it was recorded there. `None` records it now.
    pub recorded: Option<Micros>,
    /// The blinds of its first events there. With them an event has the same commitment here, and a copy of the whole log
    /// the same leaves. The rest get new ones.
    pub blinds: Vec<Blind>,
}
