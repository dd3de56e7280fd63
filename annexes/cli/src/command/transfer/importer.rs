//! Turns lines into batches of the store.
//!
//! Invariants:
//!
//! I1. What was imported is the beginning of the file, up to a line, and if the file says which events are a batch,
//!     up to the end of one.
//! I2. An event that is in the store already, by its id or its import key, is not appended again, so an import that
//!     was cut off anywhere ends the same when it is run again.
//! I3. A batch of an export is appended as it was, or not at all.
//! I4. Times of an export stay only if nothing but the beginning of that export is in the store.

use std::collections::HashMap;

use indicatif::HumanCount;
use serde::Serialize;
use tidegate::batch::{Import, ImportedPayload};
use tidegate::{
    AppendOptions, Batch, Cause, Draft, Error, ErrorKind, ErrorPlace, EventId, Position, Receipt,
    RecordedEvent, Store, View,
};
use tidegate_format::{Hash, Micros};

use crate::failure::{self, Failure, Result};
use crate::lines::Lines;
use crate::output::counted;
use crate::progress::Progress;
use tidegate_json::{EventLine, ExportHeader, SourcePlace, differences};

/// Events that are appended together if the file says nothing of batches, and at most before a sync.
const BATCH_EVENTS_MAX: usize = 1000;
/// Bytes of them after which that is enough.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct ImportSummary {
    pub(super) imported: u64,
    pub(super) skipped: u64,
    /// Whether the events of an export kept the times they were recorded at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times_kept: Option<bool>,
    /// Events that the export left out, as nothing said that they were durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unconfirmed: Option<u64>,
}

/// Events on their way into the store.
pub(super) struct Importer<'a> {
    store: &'a Store,
    view: View,
    /// What the input is called.
    name: String,
    /// Of an export.
    header: Option<ExportHeader>,
    /// Events that were read.
    read: u64,
    batch: PendingBatch,
    /// Events and bytes that were appended since the last sync.
    unsynced: (usize, usize),
    /// Whether the store held nothing but the beginning of this export so far.
    is_beginning: bool,
    pub(super) done: ImportSummary,
    /// Imported events without an id of their own.
    nameless: u64,
}

/// A batch that is read.
#[derive(Default)]
struct PendingBatch {
    drafts: Vec<Draft>,
    /// What the source keeps beside the payload of each draft, if the line says it.
    payloads: Vec<Option<ImportedPayload>>,
    /// The line of each draft.
    numbers: Vec<u64>,
    /// The places in the batch of the ids in it.
    places: HashMap<EventId, usize>,
    bytes: usize,
    /// Whether the file says where it ends.
    has_boundaries: bool,
    /// Where its last event stood.
    last: SourcePlace,
    /// Its idempotency key, and the hash of the content.
    key: Option<(String, Option<Hash>)>,
    /// When it was recorded.
    recorded: Option<Micros>,
    /// Events of it that are in the store already.
    known: usize,
}

impl PendingBatch {
    fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.known == 0
    }

    fn is_full(&self) -> bool {
        !self.has_boundaries && (self.drafts.len() >= BATCH_EVENTS_MAX || self.bytes >= BATCH_BYTES_MAX)
    }
}

impl<'a> Importer<'a> {
    pub(super) fn new(store: &'a Store, name: &str) -> Result<Self> {
        Ok(Self {
            store,
            view: store.view()?,
            name: name.to_owned(),
            header: None,
            read: 0,
            batch: PendingBatch::default(),
            unsynced: (0, 0),
            is_beginning: true,
            done: ImportSummary::default(),
            nameless: 0,
        })
    }

    pub(super) fn run(&mut self, lines: &mut Lines, progress: &Progress) -> Result<()> {
        loop {
            let taken = match lines.next() {
                Ok(Some((number, text))) => self.take(number, text),
                Ok(None) => match self.end() {
                    Ok(()) => return Ok(()),
                    ended => ended,
                },
                Err(error) => Err(error.into()),
            };
            match taken {
                Ok(()) if self.batch.is_full() => self.commit()?,
                Ok(()) => {}
                Err(Failure::Stopped(error)) => {
                    let number = lines.number();
                    // keeps I1
                    if !self.batch.has_boundaries {
                        self.commit()?;
                    }
                    return Err(self.stopped(error, number));
                }
                Err(failure) => return Err(failure),
            }
            if lines.number().is_multiple_of(256) {
                progress.events(self.done.imported + self.done.skipped + self.batch.drafts.len() as u64);
            }
        }
    }

    /// Takes a line.
    fn take(&mut self, number: u64, text: &str) -> Result<()> {
        if self.read == 0
            && self.header.is_none()
            && let Some(header) = ExportHeader::parse(text)?
        {
            self.done.unconfirmed = header.unconfirmed;
            self.header = Some(header);
            return Ok(());
        }
        let line = EventLine::parse(text)?;
        let place = line.source_place()?;
        if !self.batch.is_empty()
            && (self.batch.has_boundaries || place.describes_batches())
            && !self.batch.last.continues_at(&place)
        {
            self.refuse_cut()?;
            self.commit()?;
        }
        if self.header.is_some() {
            self.take_time(&line, &place)?;
        }
        if self.batch.is_empty() {
            self.batch.has_boundaries = place.describes_batches();
            self.batch.key.clone_from(&place.key);
        }
        self.take_event(number, line, &place)?;
        self.read += 1;
        let ends = place.ends_batch == Some(true);
        self.batch.last = place;
        if ends { self.commit() } else { Ok(()) }
    }

    /// Takes the time of a line of an export, which says all that a copy needs.
    fn take_time(&mut self, line: &EventLine<'_>, place: &SourcePlace) -> tidegate::Result<()> {
        if place.ends_batch.is_none() || line.id()?.is_none() {
            return Err(Error::invalid("a line of an export says `id` and `ends_batch`"));
        }
        let recorded = line.recorded()?;
        match self.batch.recorded.filter(|_| !self.batch.is_empty()) {
            Some(first) if first != recorded => {
                Err(Error::invalid("the events of one batch are recorded at one time; this one says another"))
            }
            _ => {
                self.batch.recorded = Some(recorded);
                Ok(())
            }
        }
    }

    /// Takes an event into the batch, or finds that it is there already.
    fn take_event(&mut self, number: u64, line: EventLine<'_>, place: &SourcePlace) -> tidegate::Result<()> {
        let allowed = if self.header.is_some() { Draft::check_imported } else { Draft::check_unreserved };
        let draft = line.draft(|id| self.known(id), allowed)?;
        if self.header.is_none() && matches!(place.payload, Some(ImportedPayload::Erased(_))) {
            let message = "the payload of this event was erased, and only a whole export brings such an event; leave the \
                           line out, or import the output of `tidegate export`";
            return Err(Error::invalid(message));
        }
        if let Some(id) = draft.id {
            if let Some(event) = self.view.find(id)? {
                return self.skip(&draft, &event, place);
            }
            if let Some(&at) = self.batch.places.get(&id) {
                let first = &self.batch.drafts[at];
                let again = Draft { correlation: draft.correlation.or(first.correlation), ..draft };
                let different = if again == *first { &[][..] } else { &["content"] };
                refuse_different(different, &format!("line {}", self.batch.numbers[at]))?;
                self.done.skipped += 1;
                return Ok(());
            }
            self.batch.places.insert(id, self.batch.drafts.len());
        }
        let metadata = draft.metadata.iter().map(|(name, value)| name.len() + value.len());
        self.batch.bytes += draft.payload.len() + metadata.sum::<usize>() + draft.causes.len() * 9;
        self.batch.drafts.push(draft);
        self.batch.payloads.push(place.payload);
        self.batch.numbers.push(number);
        Ok(())
    }

    /// Passes over an event that is in the store already, as the same event.
    fn skip(&mut self, draft: &Draft, event: &RecordedEvent, place: &SourcePlace) -> tidegate::Result<()> {
        let mut different = differences(draft, place, event);
        let is_same_batch =
            || is_key_of(event, place) && Some(event.record().ends_batch()) == place.ends_batch;
        if self.header.is_some() && !is_same_batch() {
            different.push("batch or idempotency key");
        }
        refuse_different(&different, &format!("position {}", event.position()))?;
        self.is_beginning &=
            event.position() == Position(self.read + 1) && Some(event.time()) == self.batch.recorded;
        self.batch.known += 1;
        self.done.skipped += 1;
        Ok(())
    }

    /// Returns an earlier event, in the store or in the batch.
    fn known(&self, id: EventId) -> tidegate::Result<Option<Cause>> {
        if let Some(&at) = self.batch.places.get(&id) {
            return Ok(Some(Cause::Draft(at as u32)));
        }
        Ok(self.view.find(id)?.map(|event| Cause::At(event.position())))
    }

    /// Refuses an export in which a batch goes on that does not.
    fn refuse_cut(&self) -> tidegate::Result<()> {
        if self.header.is_some() && self.batch.last.ends_batch == Some(false) && !self.batch.is_empty() {
            return Err(Error::invalid("the batch before this line is cut short; export the store again"));
        }
        Ok(())
    }

    /// The end of the input.
    fn end(&mut self) -> Result<()> {
        self.refuse_cut()?;
        self.commit()?;
        match &self.header {
            Some(header) if header.events != self.read => {
                let (told, read) = (counted(header.events, "event"), HumanCount(self.read));
                let message =
                    format!("the export is cut short: it says {told}, and {read} are here; export again");
                Err(Error::invalid(message).into())
            }
            _ => Ok(()),
        }
    }

    /// Appends the batch.
    fn commit(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.batch);
        if pending.drafts.is_empty() {
            return Ok(());
        }
        if self.header.is_some() {
            self.may_keep_times(&pending).map_err(|error| self.stopped(error, pending.numbers[0]))?;
        }
        let PendingBatch { drafts, payloads, numbers, bytes, has_boundaries, key, recorded, .. } = pending;
        let (count, ids): (_, Vec<_>) = (drafts.len(), drafts.iter().map(|draft| draft.id).collect());
        self.unsynced = (self.unsynced.0 + count, self.unsynced.1 + bytes);
        let is_due =
            !has_boundaries || self.unsynced.0 >= BATCH_EVENTS_MAX || self.unsynced.1 >= BATCH_BYTES_MAX;
        let append = if is_due { AppendOptions::new().synced() } else { AppendOptions::new().buffered() };
        if is_due {
            self.unsynced = (0, 0);
        }
        let untaken = key.as_ref().map_or(Ok(()), |(key, _)| self.refuse_taken(key, ids[0]));
        let appended = untaken
            .and_then(|()| self.store.append_with(self.batch_of(drafts, payloads, key, recorded), append));
        let appended = appended.and_then(|receipt| self.count(&receipt, &ids));
        if let Err(error) = appended {
            let draft = match error.place() {
                Some(ErrorPlace::Draft(draft)) => *draft,
                _ => 0,
            };
            return Err(self.stopped(error, numbers[draft]));
        }
        self.view = self.store.view()?;
        Ok(())
    }

    /// Returns the batch with what the file says of it.
    fn batch_of(
        &self,
        drafts: Vec<Draft>,
        payloads: Vec<Option<ImportedPayload>>,
        key: Option<(String, Option<Hash>)>,
        recorded: Option<Micros>,
    ) -> Batch {
        let batch = Batch::from(drafts);
        let payloads = payloads.into_iter().map_while(|payload| payload).collect();
        let recorded = recorded.filter(|_| self.done.times_kept == Some(true));
        match key {
            Some((key, None)) => batch.key(key),
            Some((key, Some(content))) => {
                batch.imported(Import { idempotency: Some((key.into(), content)), recorded, payloads })
            }
            None if self.header.is_some() => batch.imported(Import { idempotency: None, recorded, payloads }),
            None => batch,
        }
    }

    /// Finds out whether the times of an export stay.
    fn may_keep_times(&mut self, pending: &PendingBatch) -> tidegate::Result<()> {
        // keeps I3
        if pending.known > 0 {
            let message =
                "another part of this batch is in the store already; import the export into an empty store";
            return Err(Error::new(ErrorKind::Refused, message));
        }
        // keeps I4
        let before = self.read_before(pending);
        self.is_beginning &= self.view.head() == Position(before);
        self.done.times_kept = Some(self.is_beginning && self.done.times_kept != Some(false));
        Ok(())
    }

    /// Returns events of the file before this batch.
    fn read_before(&self, pending: &PendingBatch) -> u64 {
        self.read.saturating_sub(pending.drafts.len() as u64)
    }

    /// Counts a batch, which may have been there under its idempotency key.
    fn count(&mut self, receipt: &Receipt, ids: &[Option<EventId>]) -> tidegate::Result<()> {
        let count = ids.len() as u64;
        if receipt.first() > self.view.head() {
            self.done.imported += count;
            self.nameless += ids.iter().filter(|id| id.is_none()).count() as u64;
            return Ok(());
        }
        let are_same = ids.len() == receipt.events.len()
            && ids.iter().zip(&receipt.events).all(|(id, event)| id.is_none_or(|id| id == event.id));
        if !are_same {
            return Err(taken(receipt.first()));
        }
        self.done.skipped += count;
        Ok(())
    }

    /// Refuses a key under which another batch is in the store. What the keys' contents are is hashed with a blind of
    /// each store's own, so the ids tell.
    fn refuse_taken(&self, key: &str, first: Option<EventId>) -> tidegate::Result<()> {
        match self.view.find_key(key)? {
            Some(event) if first.is_some_and(|first| first != event.id()) => Err(taken(event.position())),
            _ => Ok(()),
        }
    }

    /// Returns the failure to go on at a line of the input.
    fn stopped(&self, error: Error, number: u64) -> Failure {
        let ImportSummary { imported, skipped, .. } = self.done;
        let remedy = match error.kind() {
            kind if kind == ErrorKind::Invalid || kind.is_refusal() => "mend the line",
            _ => "see to the cause",
        };
        let nameless = match self.nameless {
            0 => String::new(),
            count => format!(
                "\nbut lines with neither import key nor id come in again: take out the {} imported so first",
                HumanCount(count)
            ),
        };
        let advice = format!(
            "{} imported before this line, {} skipped; {remedy} and run the import again: it goes on from here\
             {nameless}",
            counted(imported, "event"),
            HumanCount(skipped)
        );
        let place = format!("{}:{number}", self.name);
        Failure::Line(Box::new(failure::LineFailure { error, place, imported, advice }))
    }
}

/// Returns whether an event has the idempotency key of a line. A content hash of zeros fits any other: a payload of the
/// batch was erased on that side.
fn is_key_of(event: &RecordedEvent, place: &SourcePlace) -> bool {
    match (event.record().key(), &place.key) {
        (None, None) => true,
        (Some((key, kept)), Some((named, Some(content)))) => {
            key == named && (kept == *content || kept == Hash::ZERO || *content == Hash::ZERO)
        }
        _ => false,
    }
}

fn refuse_different(different: &[&str], place: &str) -> tidegate::Result<()> {
    if different.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the same event is there already, at {place}, with {}; events never change, so give this one another import \
         key or id",
        other(different)
    );
    Err(Error::new(ErrorKind::Refused, message))
}

/// Names what is different: `another kind`, `other tags and payload`.
fn other(different: &[&str]) -> String {
    match different {
        [] => String::new(),
        // Those of which one event has several.
        [one @ ("tags" | "causes" | "content")] => format!("other {one}"),
        [one] => format!("another {one}"),
        [before @ .., last] => format!("other {} and {last}", before.join(", ")),
    }
}

/// Returns the refusal of a batch whose idempotency key another batch at this position has.
fn taken(position: Position) -> Error {
    let message = format!(
        "another batch is in the store under its idempotency key, at position {position}: both stores did the same; \
         leave this batch out, or import into an empty store"
    );
    Error::new(ErrorKind::Refused, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_different_reads_as_a_sentence() {
        assert_eq!(other(&["kind"]), "another kind");
        assert_eq!(other(&["tags"]), "other tags");
        assert_eq!(other(&["tags", "payload"]), "other tags and payload");
        assert_eq!(other(&["kind", "tags", "payload"]), "other kind, tags and payload");
    }
}
