//! Batches of batpak, into a store.
//!
//! Invariants:
//!
//! B1. A batch comes over as one batch, in the order of the segments.
//! B2. An event whose id is in the store is skipped, if it is the same; so an import that was cut off ends the same when it
//!     is run again.

use std::collections::HashMap;

use serde::Serialize;
use tidegate::{
    AppendOptions, Batch, Cause, Draft, Error, ErrorKind, EventId, Micros, RecordedEvent, Store, View,
};
use tidegate_batpak::{BatpakBatch, BatpakEvent};
use tidegate_format::{Hash, PayloadType};

use super::kinds::Kinds;
use super::source::Source;
use crate::failure::{Failure, LineFailure, Result};
use crate::output::counted;
use crate::progress::Progress;

/// Events that are appended at most before a sync, and bytes of them.
const UNSYNCED_EVENTS_MAX: usize = 1000;
const UNSYNCED_BYTES_MAX: usize = 4 << 20;
/// The tag of events that batpak does not show.
const HIDDEN_TAG: &str = "batpak:hidden";

/// What an import did.
#[derive(Debug, Default, Serialize)]
pub(super) struct BatpakSummary {
    pub(super) imported: u64,
    pub(super) skipped: u64,
    #[serde(skip)]
    pub(super) seconds: f64,
}

/// Where an event went.
#[derive(Debug, Serialize)]
pub(super) struct PlaceJson {
    sequence: u64,
    position: u64,
    id: String,
}

/// An import on its way.
pub(super) struct BatpakImport<'a> {
    store: &'a Store,
    view: View,
    kinds: &'a Kinds,
    with_hidden: bool,
    keeps_places: bool,
    /// Events and bytes that were appended since the last sync.
    unsynced: (usize, usize),
    pub(super) done: BatpakSummary,
    /// Where each event went, if that is to be reported.
    pub(super) places: Vec<PlaceJson>,
}

impl<'a> BatpakImport<'a> {
    pub(super) fn new(
        store: &'a Store,
        kinds: &'a Kinds,
        with_hidden: bool,
        keeps_places: bool,
    ) -> Result<Self> {
        let (view, done) = (store.view()?, BatpakSummary::default());
        Ok(Self { store, view, kinds, with_hidden, keeps_places, unsynced: (0, 0), done, places: Vec::new() })
    }

    pub(super) fn run(&mut self, source: &Source, progress: &Progress) -> Result<()> {
        source.each(progress, |batch| {
            progress.events(self.done.imported + self.done.skipped);
            self.take(batch)
        })?;
        Ok(())
    }

    fn take(&mut self, batch: BatpakBatch) -> Result<()> {
        let is_wanted = |event: &BatpakEvent| !event.is_lifecycle() && (self.with_hidden || !event.is_hidden);
        let events: Vec<BatpakEvent> = batch.events.into_iter().filter(is_wanted).collect();
        let Some(first) = events.first().map(|event| event.id) else { return Ok(()) };
        let (mut drafts, mut places, mut sequences) = (Vec::new(), HashMap::new(), Vec::new());
        let count = events.len();
        for event in events {
            let (id, sequence) = (event.id, event.sequence);
            let draft = self.draft(event, &places);
            let draft = draft.and_then(|draft| Ok((self.view.find(id)?, draft)));
            match draft.map_err(|error| self.stopped(error, id))? {
                (Some(known), draft) => {
                    // keeps B2
                    self.skip(&draft, &known).map_err(|error| self.stopped(error, id))?;
                    self.note(sequence, known.position().0, id);
                }
                (None, draft) => {
                    places.insert(id, drafts.len());
                    drafts.push(draft);
                    sequences.push((sequence, id));
                }
            }
        }
        if drafts.is_empty() {
            return Ok(());
        }
        let is_whole = drafts.len() == count;
        self.append(drafts, is_whole.then(|| format!("batpak:{first}")), &sequences)
            .map_err(|error| self.stopped(error, first))
    }

    fn append(
        &mut self,
        drafts: Vec<Draft>,
        key: Option<String>,
        sequences: &[(u64, EventId)],
    ) -> tidegate::Result<()> {
        let bytes: usize = drafts.iter().map(|draft| draft.payload.len()).sum();
        self.unsynced = (self.unsynced.0 + drafts.len(), self.unsynced.1 + bytes);
        let is_due = self.unsynced.0 >= UNSYNCED_EVENTS_MAX || self.unsynced.1 >= UNSYNCED_BYTES_MAX;
        let append = if is_due { AppendOptions::new().synced() } else { AppendOptions::new().buffered() };
        if is_due {
            self.unsynced = (0, 0);
        }
        let batch = Batch::from(drafts);
        let batch = match key {
            Some(key) => batch.key(key),
            None => batch,
        };
        let receipt = self.store.append_with(batch, append)?;
        self.done.imported += receipt.events.len() as u64;
        for (event, (sequence, id)) in receipt.events.iter().zip(sequences) {
            self.note(*sequence, event.position.0, *id);
        }
        self.view = self.store.view()?;
        Ok(())
    }

    fn note(&mut self, sequence: u64, position: u64, id: EventId) {
        if self.keeps_places {
            self.places.push(PlaceJson { sequence, position, id: id.to_string() });
        }
    }

    /// Returns an event as a draft. `places` are those of the ids in its batch.
    fn draft(&self, event: BatpakEvent, places: &HashMap<EventId, usize>) -> tidegate::Result<Draft> {
        let stream = tidegate::StreamId::new(event.scope, event.entity).lane(event.lane);
        let mut draft = Draft::new(stream, self.kinds.name(event.kind)).id(event.id);
        let mut note =
            |name: &str, value: Vec<u8>| draft.metadata.push((name.to_owned().into(), value.into()));
        if let Ok(micros) = u64::try_from(event.timestamp) {
            note("import.time", tidegate_json::rfc3339(Micros(micros)).into_bytes());
        }
        note("batpak.sequence", event.sequence.to_string().into_bytes());
        note("batpak.clock", event.clock.to_string().into_bytes());
        if event.content_hash != [0; 32] {
            note("batpak.hash", Hash(event.content_hash).to_string().into_bytes());
        }
        if event.depth != 0 {
            note("batpak.depth", event.depth.to_string().into_bytes());
        }
        if event.flags != 0 {
            note("batpak.flags", event.flags.to_string().into_bytes());
        }
        for (name, value) in event.extensions {
            note(&format!("batpak.extension.{name}"), value);
        }
        if let Some(cause) = event.causation {
            match self.cause(cause, places)? {
                Some(cause) => draft.causes.push(cause),
                None => note("batpak.causation", cause.to_string().into_bytes()),
            }
        }
        (draft.payload_type, draft.payload) = (PayloadType::MessagePack, event.payload.into());
        draft.correlation = Some(event.correlation.into());
        if event.is_hidden {
            draft.tags.push(HIDDEN_TAG.into());
        }
        draft.check()?;
        draft.check_unreserved()?;
        Ok(draft)
    }

    fn cause(&self, id: EventId, places: &HashMap<EventId, usize>) -> tidegate::Result<Option<Cause>> {
        if let Some(at) = places.get(&id) {
            return Ok(Some(Cause::Draft(*at as u32)));
        }
        Ok(self.view.find(id)?.map(|event| Cause::At(event.position())))
    }

    /// Passes over an event that is in the store already, as the same event. Its payload may have been erased since.
    fn skip(&mut self, draft: &Draft, event: &RecordedEvent) -> tidegate::Result<()> {
        let stream = (&*draft.stream.scope, &*draft.stream.entity, draft.stream.lane);
        let is_payload = event
            .payload()
            .map_or_else(|error| error.kind() == ErrorKind::Erased, |payload| *payload == *draft.payload);
        let different = if stream != (event.scope(), event.entity(), event.lane()) {
            "another stream"
        } else if *draft.kind != *event.kind() {
            "another kind; give --kinds the same file again"
        } else if !is_payload {
            "another payload"
        } else {
            self.done.skipped += 1;
            return Ok(());
        };
        let message = format!(
            "an event of this id is in the store already, at position {}, with {different}",
            event.position()
        );
        Err(Error::new(ErrorKind::Refused, message))
    }

    /// Returns the failure to go on at an event.
    fn stopped(&self, error: Error, id: EventId) -> Failure {
        let BatpakSummary { imported, skipped, .. } = self.done;
        let advice = format!(
            "{} imported before it, {skipped} skipped; see to the cause and run the import again: it goes on from here",
            counted(imported, "event")
        );
        Failure::Line(Box::new(LineFailure { error, place: format!("event {id}"), imported, advice }))
    }
}
