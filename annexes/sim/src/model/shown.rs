//! Whether an event that the store shows is the one that was handed in.

use tidegate::{ErrorKind, RecordedEvent};

use super::ModelEvent;
use super::erasing::Erasure;
use super::rules::{FLOW, GATE};
use crate::failure::{Failure, ensure, same};
use crate::weighed;

/// What an event may show of a payload that is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Nothing, and everything of one that is not erased.
    Exact,
    /// Nothing of what was erased by the event at this position or before; of what is erased later, either.
    AsOf(u64),
    /// Either: it may have been read before.
    MayBeLeft,
    /// Either, and of one that is not erased too.
    Any,
}

impl Payload {
    fn check(self, known: &ModelEvent, event: &RecordedEvent) -> Result<(), Failure> {
        let (is_erased, erasure) = (event.is_erased(), known.erasure);
        let may_be_erased = self == Self::Any || erasure != Erasure::Not;
        let must_be_erased = match (self, erasure) {
            (Self::Exact, Erasure::Named(_)) => true,
            (Self::AsOf(head), Erasure::Named(by)) => by <= head,
            _ => false,
        };
        ensure(!is_erased || may_be_erased, || {
            format!("its payload is erased, and was not to be: {event:?}")
        })?;
        ensure(is_erased || !must_be_erased, || format!("its payload was erased, {erasure:?}: {event:?}"))?;
        if is_erased {
            let kind = event.payload().err().map(|error| error.kind());
            return same("what is reported of an erased payload", &Some(ErrorKind::Erased), &kind);
        }
        let payload = event.payload().map_err(|error| Failure::of("reading its payload", &error))?;
        same("its payload", &&*known.draft.payload, &payload)
    }
}

/// Whether an event is the one that was handed in.
pub(crate) fn compare(known: &ModelEvent, event: &RecordedEvent) -> Result<(), Failure> {
    compare_as(known, event, Payload::Exact)
}

/// Whether an event is the one that was handed in, whose payload may be this.
pub(crate) fn compare_as(known: &ModelEvent, event: &RecordedEvent, payload: Payload) -> Result<(), Failure> {
    let draft = &known.draft;
    same("its id", &known.id, &event.id())?;
    same("its stream id", &draft.stream, &event.stream())?;
    same("its version", &known.version, &event.version())?;
    same("its kind", &&*draft.kind, &event.kind())?;
    same("its schema", &draft.schema, &event.schema())?;
    same("its payload's type", &draft.payload_type, &event.payload_type())?;
    payload.check(known, event)?;
    same("its correlation", &known.correlation, &event.correlation())?;
    same("its time", &known.time, &event.time())?;
    same("its leaf", &known.leaf, &event.leaf())?;
    same("its tags", &draft.tags.iter().map(|tag| &**tag).collect(), &event.tags().collect::<Vec<_>>())?;
    same("its causes", &known.causes, &event.causes().collect())?;
    let metadata: Vec<_> = draft.metadata.iter().map(|(name, value)| (&**name, &**value)).collect();
    let (notes, said): (Vec<_>, Vec<_>) =
        event.metadata().partition(|(name, _)| name.starts_with("tidegate."));
    for gate in [GATE, FLOW.0] {
        let notes_it =
            notes.iter().any(|(_, note)| note.windows(gate.len()).any(|part| part == gate.as_bytes()));
        same("whether it notes a gate", &known.gates.contains(&gate), &notes_it)?;
    }
    same("its metadata", &metadata, &said)?;
    if event.is_erased() { Ok(()) } else { weighed::check(draft, event) }
}
