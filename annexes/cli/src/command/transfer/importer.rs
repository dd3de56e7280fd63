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
//! I5. If lines wait for causes that come later, each stream keeps the order that it has in the file.

use indicatif::HumanCount;
use tidegate::batch::{Import, ImportedPayload};
use tidegate::{
    AppendOptions, Batch, Cause, Draft, Error, ErrorKind, ErrorPlace, EventId, Position, Receipt,
    RecordedEvent, View,
};
use tidegate_format::{Hash, Micros};

use crate::failure::{self, Failure, Result};
use crate::lines::Lines;
use crate::output::counted;
use crate::progress::Progress;
use tidegate_json::{EventLine, ExportHeader, SourcePlace, differences};

use super::pending::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Destination, ImportSummary, PendingBatch, Reading};
use super::refusals::{is_key_of, refuse_different, taken};
use super::waiting::WaitingLines;

/// Scopes in which a cause is looked for at most.
const SCOPES_MAX: usize = 1000;

/// Events on their way into the store.
pub(super) struct Importer<'a> {
    destination: Destination<'a>,
    reading: Reading,
    /// The number of the line that is being taken.
    number: u64,
    /// `None` in a plan for a store that is not there yet.
    view: Option<View>,
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

impl<'a> Importer<'a> {
    pub(super) fn new(
        destination: Destination<'a>,
        view: Option<View>,
        reading: Reading,
        name: &str,
    ) -> Self {
        Self {
            destination,
            reading,
            number: 0,
            view,
            name: name.to_owned(),
            header: None,
            read: 0,
            batch: PendingBatch::default(),
            unsynced: (0, 0),
            is_beginning: true,
            done: ImportSummary::default(),
            nameless: 0,
        }
    }

    pub(super) fn run(&mut self, lines: &mut Lines, progress: &Progress) -> Result<()> {
        loop {
            let read = lines.next();
            if let Ok(Some((number, _))) = read {
                self.number = number;
            }
            let taken = match read {
                Ok(Some((number, text))) => self.take(number, text),
                Ok(None) => match self.end() {
                    Ok(()) => return Ok(()),
                    ended => ended,
                },
                Err(error) => {
                    self.number += 1;
                    Err(error.into())
                }
            };
            match taken {
                Ok(()) if self.batch.is_full() => self.commit()?,
                Ok(()) => {}
                Err(Failure::Stopped(error)) => {
                    let number = self.number;
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

    /// Takes a line, or has it wait.
    fn take(&mut self, number: u64, text: &str) -> Result<()> {
        if self.read == 0
            && self.header.is_none()
            && let Some(header) = ExportHeader::parse(text)?
        {
            if !self.reading.is_strict() {
                let message = "this is an export, which is read as it is: leave out --accept and --shape";
                return Err(Error::invalid(message).into());
            }
            self.done.unconfirmed = header.unconfirmed;
            self.header = Some(header);
            return Ok(());
        }
        let line = EventLine::parse_with(text, &self.reading.rules)?;
        if self.reading.other_scopes {
            self.note_scope(&line)?;
        }
        if self.reading.waiting.is_none() {
            return self.take_line(number, line);
        }
        let id = line.id()?.ok_or_else(|| {
            Error::invalid(
                "with --accept later-causes each line needs an import key or an id; without one, an import that was \
                 cut off would take it again",
            )
        })?;
        if self.must_wait(&line, number, text)? {
            return Ok(());
        }
        self.take_line(number, line)?;
        self.release(id)
    }

    /// Remembers the scope of a line, whose import keys may be causes of others.
    fn note_scope(&mut self, line: &EventLine<'_>) -> tidegate::Result<()> {
        let (scopes, scope) = (&mut self.reading.rules.other_scopes, line.stream().scope);
        if scopes.iter().any(|known| **known == *scope) {
            return Ok(());
        }
        if scopes.len() == SCOPES_MAX {
            let message = format!("with --accept other-scopes a file has {SCOPES_MAX} scopes at most");
            return Err(Error::invalid(message));
        }
        scopes.push(scope.into_owned());
        Ok(())
    }

    /// Has a line wait if one of its causes comes later, or if the line before it in its stream waits.
    fn must_wait(&mut self, line: &EventLine<'_>, number: u64, text: &str) -> tidegate::Result<bool> {
        let awaited = self.awaited(line)?;
        let Some(waiting) = &mut self.reading.waiting else { return Ok(false) };
        let stream = line.stream();
        // keeps I5
        let is_behind = waiting.has(&stream);
        if awaited.is_none() && !is_behind {
            return Ok(false);
        }
        waiting.push(stream.clone(), number, text);
        if let Some(id) = awaited.filter(|_| !is_behind) {
            waiting.wait(stream, id);
        }
        Ok(true)
    }

    /// Returns an event of the file that a line needs and that has not come.
    fn awaited(&self, line: &EventLine<'_>) -> tidegate::Result<Option<EventId>> {
        let Some(waiting) = &self.reading.waiting else { return Ok(None) };
        let known = |id| self.known(id);
        line.awaited(&self.reading.rules, known, |id| waiting.comes(id))
    }

    /// Takes the lines that waited for an event, and those that waited for them.
    fn release(&mut self, id: EventId) -> Result<()> {
        let mut arrived = vec![id];
        while let Some(id) = arrived.pop() {
            let streams = self.reading.waiting.as_mut().map(|waiting| waiting.arrived(id));
            for stream in streams.into_iter().flatten() {
                while let Some((number, text)) =
                    self.reading.waiting.as_mut().and_then(|waiting| waiting.pop(&stream))
                {
                    self.number = number;
                    let line = EventLine::parse_with(&text, &self.reading.rules)?;
                    if let Some(next) = self.awaited(&line)? {
                        let waiting = self.reading.waiting.as_mut().expect("a line of it is at hand");
                        waiting.put_back(stream.clone(), (number, text));
                        waiting.wait(stream.clone(), next);
                        break;
                    }
                    arrived.extend(line.id()?);
                    self.take_line(number, line)?;
                    if self.batch.is_full() {
                        self.commit()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the lines that still wait at the end: their causes wait for them.
    fn take_rest(&mut self) -> Result<()> {
        let rest = self.reading.waiting.take().map(WaitingLines::into_rest).unwrap_or_default();
        let count = rest.len();
        for (number, text) in rest {
            self.number = number;
            if !self.reading.rules.outside_causes {
                let message = format!(
                    "the line waits for a cause that waits for it, among {}: a cause comes before its effect; leave one \
                     out, or keep what cannot be a cause as metadata with --accept outside-causes",
                    counted(count as u64, "line")
                );
                return Err(Error::new(ErrorKind::Refused, message).into());
            }
            let line = EventLine::parse_with(&text, &self.reading.rules)?;
            self.take_line(number, line)?;
            if self.batch.is_full() {
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Takes a line whose causes are there.
    fn take_line(&mut self, number: u64, line: EventLine<'_>) -> Result<()> {
        let place = line.source_place()?;
        if place.describes_batches() && self.reading.waiting.is_some() {
            let message =
                "a line that says which events are a batch cannot wait: leave out --accept later-causes";
            return Err(Error::invalid(message).into());
        }
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
        let there = line.id()?.map_or(Ok(None), |id| self.find(id))?;
        // keeps I2: what its causes name is looked for in what was there when it came.
        let before = there.as_ref().map_or(Position::MAX, RecordedEvent::position);
        let draft = line.draft_with(&self.reading.rules, |id| self.known_before(before, id), allowed)?;
        if self.header.is_none() && matches!(place.payload, Some(ImportedPayload::Erased(_))) {
            let message = "the payload of this event was erased, and only a whole export brings such an event; leave the \
                           line out, or import the output of `tidegate export`";
            return Err(Error::invalid(message));
        }
        if let Some(id) = draft.id {
            if let Some(event) = there {
                return self.skip(&draft, &event, place);
            }
            if self.is_planned(id) {
                self.done.skipped += 1;
                return Ok(());
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
        if self.reading.rules.outside_causes {
            // What was outside then may be known by now.
            different
                .retain(|field| !["causes", "correlation", "import key, time or metadata"].contains(field));
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
        self.known_before(Position::MAX, id)
    }

    /// Returns an event before a position of the store, or in the batch.
    fn known_before(&self, before: Position, id: EventId) -> tidegate::Result<Option<Cause>> {
        if let Some(&at) = self.batch.places.get(&id) {
            return Ok(Some(Cause::Draft(at as u32)));
        }
        if self.is_planned(id) {
            return Ok(Some(Cause::Id(id)));
        }
        let position = self.find(id)?.map(|event| event.position());
        Ok(position.filter(|position| *position < before).map(Cause::At))
    }

    /// Returns an event of the store.
    fn find(&self, id: EventId) -> tidegate::Result<Option<RecordedEvent>> {
        self.view.as_ref().map_or(Ok(None), |view| view.find(id))
    }

    /// Returns the last position of the store, or the one that it would have.
    fn head(&self) -> Position {
        let head = self.view.as_ref().map_or(Position::START, View::head);
        match self.destination {
            Destination::Store(_) => head,
            Destination::Plan(_) => head.plus(self.done.imported),
        }
    }

    /// Returns whether a plan would have appended the event.
    fn is_planned(&self, id: EventId) -> bool {
        matches!(&self.destination, Destination::Plan(ids) if ids.contains(&id))
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
        self.take_rest()?;
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
        let store = match &mut self.destination {
            Destination::Store(store) => *store,
            Destination::Plan(planned) => {
                planned.extend(ids.into_iter().flatten());
                self.done.imported += count as u64;
                return Ok(());
            }
        };
        self.unsynced = (self.unsynced.0 + count, self.unsynced.1 + bytes);
        let is_due =
            !has_boundaries || self.unsynced.0 >= BATCH_EVENTS_MAX || self.unsynced.1 >= BATCH_BYTES_MAX;
        let append = if is_due { AppendOptions::new().synced() } else { AppendOptions::new().buffered() };
        if is_due {
            self.unsynced = (0, 0);
        }
        let untaken = key.as_ref().map_or(Ok(()), |(key, _)| self.refuse_taken(key, ids[0]));
        let appended =
            untaken.and_then(|()| store.append_with(self.batch_of(drafts, payloads, key, recorded), append));
        let appended = appended.and_then(|receipt| self.count(&receipt, &ids));
        if let Err(error) = appended {
            let draft = match error.place() {
                Some(ErrorPlace::Draft(draft)) => *draft,
                _ => 0,
            };
            return Err(self.stopped(error, numbers[draft]));
        }
        self.view = Some(store.view()?);
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
        self.is_beginning &= self.head() == Position(before);
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
        if receipt.first() > self.head() {
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
        let view = self.view.as_ref();
        match view.map_or(Ok(None), |view| view.find_key(key))? {
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
