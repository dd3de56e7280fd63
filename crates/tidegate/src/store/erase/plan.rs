//! What an erasure would do.

use std::fmt;

#[cfg(feature = "encryption")]
use tidegate_format::PayloadType;
#[cfg(feature = "encryption")]
use tidegate_format::record::{EncryptedPayload, KeyId};
use tidegate_format::{Error, ErrorPlace, Position, Result, name};
use tidegate_segment::RecordedEvent;

use super::saved;
use crate::read::ErasedPositions;
use crate::read::{Query, ReadOptions, View};
use crate::store::reader::StoreReader;

/// What an erasure would do: a dry run.
///
/// ```
/// use tidegate::report::ErasePlan;
/// use tidegate::{Draft, Query, Store};
///
/// let store = Store::in_memory()?;
/// store.append(Draft::new(("shop", "customer-7"), "address.changed").json_text(r#"{"city":"Bonn"}"#))?;
/// let plan = ErasePlan::of(&store, &Query::stream(("shop", "customer-7")))?;
/// assert_eq!((plan.events, plan.payload_bytes, plan.segments), (1, 15, 1));
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasePlan {
    /// The positions of the events whose payloads would go.
    pub positions: ErasedPositions,
    /// How many they are.
    pub events: u64,
    /// How many bytes their payloads have.
    pub payload_bytes: u64,
    /// How many more events the query selects, whose payloads are erased already.
    pub already: u64,
    /// How many segments would be written anew.
    pub segments: u64,
    /// Bytes of those segments.
    pub segment_bytes: u64,
    /// The saved states of projections that would be removed, as files within the store.
    pub saved_states: Vec<String>,
}

impl ErasePlan {
    /// Returns what an erasure of what a query selects now would do. It changes nothing, and can be asked of a store that is
    /// open for reading only. Events that were retired are passed over: their payloads are gone.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if the query selects an event of the store's own, and those of reading.
    pub fn of(store: &StoreReader, query: &Query) -> Result<Self> {
        let view = store.view()?;
        let mut plan = Self::default();
        // Of what was retired there is no payload.
        let recorded = ReadOptions::new().after(view.floor().before());
        for event in view.read_with(query, recorded) {
            let event = event?;
            if name::is_reserved(event.kind()) {
                let message = format!(
                    "the query selects an event of the store's own, of kind {}, and those are never erased; name the kinds or \
                     streams that are to be erased",
                    event.kind()
                );
                return Err(Error::invalid(message).at(ErrorPlace::Event(event.position())));
            }
            plan.take(&event);
        }
        plan.finish(&view, store)
    }

    /// Returns what an erasure of the payloads at these positions would do. Those of the store's own events are left out.
    pub(super) fn of_positions(store: &StoreReader, positions: &ErasedPositions) -> Result<Self> {
        let view = store.view()?;
        let mut plan = Self::default();
        for (first, last) in positions.within(Position(1), view.head()) {
            let mut at = first;
            while at <= last {
                if let Some(event) = view.at(at)?.filter(|event| !name::is_reserved(event.kind())) {
                    plan.take(&event);
                }
                at = at.next();
            }
        }
        plan.finish(&view, store)
    }

    /// Adds an event.
    fn take(&mut self, event: &RecordedEvent) {
        if event.record().is_erased() {
            self.already += 1;
            return;
        }
        self.positions.insert(event.position());
        self.events += 1;
        self.payload_bytes += event.payload_bytes() as u64;
    }

    /// Returns what an erasure of all that a key encrypted would do. It reads every record of the log.
    #[cfg(feature = "encryption")]
    pub(super) fn of_key(store: &StoreReader, key: KeyId) -> Result<Self> {
        let view = store.view()?;
        let mut plan = Self::default();
        for (segment, count) in view.recorded() {
            segment.verify(count, |record| {
                let is_encrypted = record.payload_type() == PayloadType::Encrypted && !record.is_erased();
                let payload = if is_encrypted { record.payload()? } else { &[] };
                if EncryptedPayload::read(payload).is_some_and(|payload| payload.key == key) {
                    plan.positions.insert(record.position());
                    plan.events += 1;
                    plan.payload_bytes += payload.len() as u64;
                }
                Ok(())
            })?;
        }
        plan.finish(&view, store)
    }

    /// Adds what the erasure of its positions touches.
    fn finish(mut self, view: &View, store: &StoreReader) -> Result<Self> {
        let plan = &mut self;
        for (segment, count) in view.recorded() {
            let last = segment.first().plus(u64::from(count)).before();
            if plan.positions.within(segment.first(), last).next().is_some() {
                plan.segments += 1;
                plan.segment_bytes += segment.tail().0;
            }
        }
        plan.saved_states = plan.states(view, store)?;
        Ok(self)
    }

    fn states(&self, view: &View, store: &StoreReader) -> Result<Vec<String>> {
        // As if an event after all others said so.
        let events = [(Position::MAX, self.positions.clone())];
        saved::touched(view, &*store.env().disk, store.id(), &events)
    }
}

impl fmt::Display for ErasePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { positions, events, payload_bytes, already, segments, segment_bytes, saved_states } = self;
        write!(f, "{events} payloads of {payload_bytes} bytes would be erased")?;
        if !positions.is_empty() {
            write!(f, ", at {positions}")?;
        }
        if *already > 0 {
            write!(f, "; {already} more are erased already")?;
        }
        if *segments > 0 {
            write!(f, "; {segments} segments of {segment_bytes} bytes would be written anew")?;
        }
        if !saved_states.is_empty() {
            write!(f, "; these saved states would be removed: {}", saved_states.join(", "))?;
        }
        Ok(())
    }
}
