//! Merging: events of another store that a query selects, into this one.
//!
//! Invariants:
//!
//! G1. An event of the other store is here once, however many times an import is run, and wherever one was cut off: its id
//!     is its name, and where it came from is noted on it.
//! G2. A stream that both stores wrote to is never mixed: what comes goes behind what came, or nowhere.
//! G3. A batch comes over as one batch, of those of its events that are selected.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::{Value, json};
use tidegate_format::{
    Cause, Draft, Error, ErrorKind, ErrorPlace, EventId, Hash, PayloadType, Position, Result, StoreId,
    StreamId, Version, name,
};
use tidegate_segment::RecordedEvent;

use super::reader::StoreReader;
use super::upkeep::Upkeep;
use crate::batch::{Batch, Condition, Import};
use crate::read::{Query, ReadOptions, View};
use crate::settings::AppendOptions;

/// The metadata name for where an imported event was before.
const PROVENANCE: &str = "tidegate.imported";
/// Events that are appended at most before a sync, and bytes of their payloads.
const UNSYNCED_EVENTS_MAX: usize = 1000;
const UNSYNCED_BYTES_MAX: usize = 4 << 20;

/// How events of another store are taken over; see [`Upkeep::import`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The scope that all events go to. `None`, the default, leaves each in its scope.
    pub into_scope: Option<String>,
    /// Only events of the other store after this position. The default is 0, which is before its first one.
    pub after: Position,
    /// Whether it is only found out what would be done. The default is not.
    pub plan: bool,
}

impl ImportOptions {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has all events go to one scope. The query then selects events of one scope only.
    #[must_use]
    pub fn into_scope(self, scope: impl Into<String>) -> Self {
        Self { into_scope: Some(scope.into()), ..self }
    }

    /// Takes only events of the other store after this position, such as its floor.
    #[must_use]
    pub fn after(self, after: Position) -> Self {
        Self { after, ..self }
    }

    /// Sets whether it is only found out what would be done.
    #[must_use]
    pub fn plan(self, plan: bool) -> Self {
        Self { plan, ..self }
    }
}

/// Report of an import from another store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Events that were appended, or would be.
    pub imported: u64,
    /// Events that had come before.
    pub skipped: u64,
    /// Events that were left out because their payload was erased.
    pub erased: u64,
    /// Events that were left out because the other store wrote them for itself, such as denials and censuses.
    pub own: u64,
    /// Causes that were left behind. They are foreign causes now, in the other store.
    pub foreign_causes: u64,
    /// The last position of the other store that was gone through.
    pub until: Position,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { imported, skipped, erased, own, foreign_causes, until } = self;
        write!(f, "events imported: {imported}; had come before: {skipped}")?;
        for (count, what) in [(erased, "their payload is erased"), (own, "the other store's own")] {
            if *count > 0 {
                write!(f, "; left out, {what}: {count}")?;
            }
        }
        if *foreign_causes > 0 {
            write!(f, "; causes left behind in the other store: {foreign_causes}")?;
        }
        write!(f, "; gone through up to its position {until}")
    }
}

/// Returns what is noted on an event of where it was before, if it came from elsewhere.
fn provenance_of(event: &RecordedEvent) -> Option<Value> {
    let note: Value = serde_json::from_slice(event.meta(PROVENANCE)?).ok()?;
    note.is_object().then_some(note)
}

/// An import on its way.
struct Merge<'a> {
    upkeep: &'a Upkeep,
    /// The other store, and the moment of it that is taken over.
    other: StoreId,
    from: &'a View,
    options: &'a ImportOptions,
    /// This store.
    view: View,
    /// The version of each stream that was appended to, or may be.
    streams: HashMap<StreamId, Version>,
    /// The ids of events that a plan would have appended.
    planned: HashSet<EventId>,
    /// The scope of the events so far, if they go to one scope.
    scope: Option<String>,
    /// Events and bytes that were appended since the last sync.
    unsynced: (usize, usize),
    report: ImportReport,
}

impl Upkeep {
    /// Imports the events of another store that a query selects. They are recorded now, keep their ids, kinds, tags,
    /// payloads, metadata and flows, and are appended in their order, each batch as one. Where each was before (store, position, leaf, time and
    /// the idempotency key of its batch) is kept as JSON in its metadata `tidegate.imported`, so that a proof of the other store still proves it.
    ///
    /// An encrypted payload stays as it is; with its keyring this store reads it too, and the key destroys both.
    ///
    /// A cause that came over too is a cause here; any other is a foreign one, in the other store. Events of the other store's own and those whose payload
    /// was erased are left out and counted. Events that came before are skipped, so an import that was cut off is run again,
    /// and one that is run from time to time brings what is new. Batches have the idempotency keys `import:STORE:POSITION`.
    ///
    /// A stream that has events here which did not come from there is refused;
    /// [`into_scope`](ImportOptions::into_scope) has them go to another scope. `progress` is told how many events were gone through.
    ///
    /// ```
    /// use tidegate::report::ImportOptions;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let (old, new) = (Store::in_memory()?, Store::in_memory()?);
    /// let placed = old.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// old.append(Draft::new(("shop", "order-7"), "order.paid").cause(placed.first()))?;
    ///
    /// let options = ImportOptions::new();
    /// let report = new.upkeep().import(&old, &Query::kind("order.*"), &options, |_| ())?;
    /// assert_eq!((report.imported, report.skipped), (2, 0));
    /// let again = new.upkeep().import(&old, &Query::kind("order.*"), &options, |_| ())?;
    /// assert_eq!((again.imported, again.skipped), (0, 2));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) for a stream that has other events, an id that another event has, and
    /// events of several scopes that would go to one; [`Invalid`](ErrorKind::Invalid) if the other store is this one;
    /// [`Retired`](ErrorKind::Retired) if the selection begins below the other store's floor; and those of reading there and
    /// appending here. What was imported before stays, and is skipped by the next run.
    pub fn import(
        &self,
        other: &StoreReader,
        query: &Query,
        options: &ImportOptions,
        mut progress: impl FnMut(u64),
    ) -> Result<ImportReport> {
        if other.id() == self.store().id() {
            return Err(Error::invalid(
                "a store cannot be imported into itself, nor can a copy under its id",
            ));
        }
        let from = other.view()?;
        let mut merge = Merge::new(self, other.id(), &from, options)?;
        let mut batch: Vec<RecordedEvent> = Vec::new();
        for (event, done) in from.read_with(query, ReadOptions::new().after(options.after)).zip(1..) {
            let event = event?;
            if batch.last().map_or(Ok(false), |last| is_cut(&from, last, &event))? {
                merge.take(std::mem::take(&mut batch))?;
            }
            batch.push(event);
            progress(done);
        }
        merge.take(batch)?;
        merge.report.until = from.head();
        if !options.plan {
            self.store().writer()?.journal.flush()?;
        }
        Ok(merge.report)
    }
}

/// Returns whether a batch ends between two selected events.
fn is_cut(view: &View, last: &RecordedEvent, next: &RecordedEvent) -> Result<bool> {
    let mut position = last.position();
    if last.record().ends_batch() {
        return Ok(true);
    }
    while position.next() < next.position() {
        position = position.next();
        if view.at(position)?.is_none_or(|between| between.record().ends_batch()) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl<'a> Merge<'a> {
    fn new(upkeep: &'a Upkeep, other: StoreId, from: &'a View, options: &'a ImportOptions) -> Result<Self> {
        Ok(Self {
            upkeep,
            other,
            from,
            options,
            view: upkeep.store().view()?,
            streams: HashMap::new(),
            planned: HashSet::new(),
            scope: None,
            unsynced: (0, 0),
            report: ImportReport::default(),
        })
    }

    /// Takes the selected events of a batch.
    fn take(&mut self, events: Vec<RecordedEvent>) -> Result<()> {
        let (mut drafts, mut places, mut versions) = (Vec::new(), HashMap::new(), Vec::new());
        let (mut first, mut known) = (None, 0);
        for event in events {
            if name::is_reserved(event.kind()) {
                self.report.own += 1;
                continue;
            }
            if event.is_erased() {
                self.report.erased += 1;
                continue;
            }
            if let Some(here) = self.view.find(event.id())? {
                // keeps G1
                self.skip(&event, &here)?;
                known += 1;
                continue;
            }
            let stream = self.stream(&event)?;
            let version = self.version(&stream, &event)?;
            if !versions.iter().any(|(other, _)| *other == stream) {
                versions.push((stream.clone(), version));
            }
            self.streams.insert(stream.clone(), version.next());
            first.get_or_insert(event.position());
            let draft = self.draft(&event, stream, &places)?;
            places.insert(event.id(), drafts.len());
            drafts.push(draft);
        }
        let Some(first) = first else { return Ok(()) };
        let key = (known == 0).then(|| format!("import:{}:{first}", self.other));
        self.append(drafts, versions, key).map_err(|error| error.at(ErrorPlace::Event(first)))
    }

    fn append(
        &mut self,
        drafts: Vec<Draft>,
        versions: Vec<(StreamId, Version)>,
        key: Option<String>,
    ) -> Result<()> {
        self.report.imported += drafts.len() as u64;
        if self.options.plan {
            self.planned.extend(drafts.iter().filter_map(|draft| draft.id));
            return Ok(());
        }
        let bytes: usize = drafts.iter().map(|draft| draft.payload.len()).sum();
        self.unsynced = (self.unsynced.0 + drafts.len(), self.unsynced.1 + bytes);
        let is_due = self.unsynced.0 >= UNSYNCED_EVENTS_MAX || self.unsynced.1 >= UNSYNCED_BYTES_MAX;
        let append = if is_due { AppendOptions::new().synced() } else { AppendOptions::new().buffered() };
        if is_due {
            self.unsynced = (0, 0);
        }
        let batch = Batch::from(drafts).imported(Import::default());
        // keeps G2, also beside other writers of this process
        let conditions = versions.into_iter().map(|(stream, version)| Condition::Version(stream, version));
        let batch = conditions.fold(batch, Batch::only_if);
        let batch = match key {
            Some(key) => batch.key(key),
            None => batch,
        };
        self.upkeep.store().append_with(batch, append)?;
        self.view = self.upkeep.store().view()?;
        Ok(())
    }

    /// Returns the stream that an event goes to.
    fn stream(&mut self, event: &RecordedEvent) -> Result<StreamId> {
        let stream = event.stream();
        let Some(into) = &self.options.into_scope else { return Ok(stream) };
        match &self.scope {
            Some(scope) if *scope != *stream.scope => {
                let message = format!(
                    "events of the scopes {scope:?} and {:?} would go to one scope, where streams of both could be one: \
                     import them one by one",
                    stream.scope
                );
                Err(Error::new(ErrorKind::Refused, message))
            }
            _ => {
                self.scope = Some(stream.scope.to_string());
                Ok(StreamId::new(into.clone(), stream.entity).lane(stream.lane))
            }
        }
    }

    /// Returns the version of a stream to append behind. Refuses one whose last event did not come from the other store.
    fn version(&self, stream: &StreamId, event: &RecordedEvent) -> Result<Version> {
        if let Some(version) = self.streams.get(stream) {
            return Ok(*version);
        }
        let Some(last) = self.view.last_event(stream)? else { return Ok(Version::EMPTY) };
        if self.came_from(&last).is_some_and(|position| position < event.position()) {
            return Ok(last.version());
        }
        let why = match self.came_from(&last) {
            Some(position) => format!(
                "has come up to position {position} of that store already, and this event is before it"
            ),
            None => "has events here that did not come from that store".to_owned(),
        };
        let message = format!(
            "the stream {} / {} / {} {why}, the last at position {} here: let it go to another scope, or leave it out",
            stream.scope,
            stream.entity,
            stream.lane,
            last.position()
        );
        Err(Error::new(ErrorKind::Refused, message).at(ErrorPlace::Event(event.position())))
    }

    /// Returns the position in the other store that an event of this one came from.
    fn came_from(&self, here: &RecordedEvent) -> Option<Position> {
        let provenance = provenance_of(here)?;
        let is_of_other = provenance["store"] == self.other.to_string();
        provenance["position"].as_u64().filter(|_| is_of_other).map(Position)
    }

    /// Passes over an event that is here already, if it came from the same place.
    fn skip(&mut self, event: &RecordedEvent, here: &RecordedEvent) -> Result<()> {
        if self.came_from(here) == Some(event.position()) {
            self.report.skipped += 1;
            return Ok(());
        }
        let message = format!(
            "the event {} is here already, at position {}, and did not come from position {} of that store: leave it out",
            event.id(),
            here.position(),
            event.position()
        );
        Err(Error::new(ErrorKind::Refused, message))
    }

    /// Returns an event as a draft. `places` are those of the ids in its batch.
    fn draft(
        &mut self,
        event: &RecordedEvent,
        stream: StreamId,
        places: &HashMap<EventId, usize>,
    ) -> Result<Draft> {
        let mut draft = Draft::new(stream, event.kind().to_owned()).id(event.id());
        draft.schema = event.schema();
        // Ciphertext comes over as it is, and with its key everything that came of it is readable, or goes.
        let record = event.record();
        (draft.payload_type, draft.payload) = (record.payload_type(), record.payload()?.to_vec().into());
        if draft.payload_type == PayloadType::Encrypted && self.options.into_scope.is_some() {
            let message =
                "the payload is encrypted for its stream, and opens in no other scope: leave the event out";
            let place = ErrorPlace::Event(event.position());
            return Err(Error::new(ErrorKind::Refused, message).at(place));
        }
        draft.tags = event.tags().map(|tag| tag.to_owned().into()).collect();
        draft.correlation = Some(event.correlation());
        for cause in event.causes() {
            draft.causes.push(self.cause(cause, places)?);
        }
        let leaf: Hash = event.leaf();
        let mut provenance = json!({
            "store": self.other.to_string(),
            "position": event.position().0,
            "leaf": leaf.to_string(),
            "time": event.time().0,
        });
        // The idempotency key of its batch there, and where it was before that.
        if let Some((key, _)) = event.record().key() {
            provenance["key"] = key.into();
        }
        if let Some(before) = provenance_of(event) {
            provenance["before"] = before;
        }
        let provenance = provenance.to_string().into_bytes();
        let metadata = event.metadata().filter(|(name, _)| *name != PROVENANCE);
        let metadata = metadata.map(|(name, value)| (name::imported(name), value));
        draft
            .metadata
            .extend(metadata.map(|(name, value)| (name.into_owned().into(), value.to_vec().into())));
        draft.metadata.push((PROVENANCE.into(), provenance.into()));
        Ok(draft)
    }

    /// Returns a cause as this store knows it.
    fn cause(&mut self, cause: Cause, places: &HashMap<EventId, usize>) -> Result<Cause> {
        let (store, id) = match cause {
            Cause::Foreign(store, id) => (store, id),
            Cause::At(position) => match self.from.at(position)? {
                Some(event) => (self.other, event.id()),
                None => return Ok(cause),
            },
            Cause::Id(id) => (self.other, id),
            Cause::Draft(_) => return Ok(cause),
        };
        if let Some(at) = places.get(&id).filter(|_| store == self.other) {
            return Ok(Cause::Draft(*at as u32));
        }
        if store == self.other && self.planned.contains(&id) {
            return Ok(Cause::Id(id));
        }
        if let Some(position) = self.view.find_position(id)? {
            let is_own = store == self.upkeep.store().id();
            let came = |event: RecordedEvent| store == self.other && self.came_from(&event).is_some();
            if is_own || self.view.at(position)?.is_some_and(came) {
                return Ok(Cause::At(position));
            }
        }
        self.report.foreign_causes += u64::from(store == self.other);
        Ok(Cause::Foreign(store, id))
    }
}
