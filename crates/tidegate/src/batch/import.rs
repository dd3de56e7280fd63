//! Imports: what another store said of a batch that is taken over from it.

use tidegate_format::record::ErasedPayload;
use tidegate_format::{Blind, Draft, Error, Hash, Micros, Result, Text};
use tidegate_segment::RecordedEvent;

/// What another store recorded about a batch that is imported from it; see [`Batch::imported`](super::Batch::imported).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The batch's idempotency key there, with what that store kept of the content that it stands for: a hash under the
    /// first blind, or zeros if a payload of the batch was erased. An append of that content under that key is answered
    /// with this batch, and a reactor of that name passes over its event.
    pub idempotency: Option<(Text, Hash)>,
    /// When it was recorded there. `None` records it now.
    pub recorded: Option<Micros>,
    /// What that store kept beside the payloads of its first events. With them an event has the same commitment here, and
    /// a copy of the whole log the same leaves. The other events get new blinds.
    /// No two blinds of a batch are the same; that none is that of another event of the store is up to the caller.
    pub payloads: Vec<ImportedPayload>,
}

/// What another store keeps beside the payload of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportedPayload {
    /// The blind that hides the payload.
    Blind(Blind),
    /// What is left of a payload that was erased. The draft has an empty payload, and the event is erased here too.
    Erased(ErasedPayload),
}

impl ImportedPayload {
    /// Returns what the store of this event keeps.
    pub fn of(event: &RecordedEvent) -> Self {
        let record = event.record();
        match record.blind() {
            Some(blind) => Self::Blind(blind),
            None => Self::Erased(ErasedPayload {
                commitment: record.commitment(),
                length: record.payload_bytes() as u32,
            }),
        }
    }

    pub(crate) fn is_erased(&self) -> bool {
        matches!(self, Self::Erased(_))
    }

    /// Refuses an erased payload that could not be written, or whose draft has one.
    pub(super) fn check(&self, draft: &Draft) -> Result<()> {
        let Self::Erased(erased) = self else { return Ok(()) };
        if !draft.payload.is_empty() {
            return Err(Error::invalid("the payload was erased, so its draft has an empty one"));
        }
        erased.check()
    }
}
