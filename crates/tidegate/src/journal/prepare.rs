//! Preparing: all that can be done with a batch before it has a place, on the caller's own time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use tidegate_disk::Random;
use tidegate_format::frame::FRAME_HEADER_BYTES;
use tidegate_format::limit::{self, Limit};
use tidegate_format::record::{Body, Facts};
use tidegate_format::{
    Blind, Cause, CorrelationId, Draft, Error, ErrorKind, ErrorPlace, EventId, Hash, Micros, Position,
    Result, StoreId, StreamId, Text, Version, hash, record,
};
use tidegate_segment::{HashKey, Term};

use super::terms::TermFilter;
use crate::batch::{Condition, Conflict, Footprint, ImportedPayload, Key, KeyLookup, ValidBatch, gates_of};
use crate::batch::{Receipt, ReceiptEvent};
use crate::read::{Query, View};
use crate::sync::atomic;

/// A batch encoded and hashed, but for its places.
#[derive(Debug)]
pub(crate) struct PreparedBatch {
    /// Room for a frame's head, then the records.
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<PreparedRecord>,
    /// The drafts that came with an id, which must not be in the log after `checked`.
    pub(crate) given: Vec<(usize, EventId)>,
    /// What must still be checked against what comes after `checked`.
    pub(crate) preconditions: Vec<Precondition>,
    /// All conditions, if there are several and one of them may hold later.
    pub(crate) several: Vec<Condition>,
    /// The idempotency key, which must not be in the log after `checked`.
    pub(crate) key: Option<Key>,
    /// What the first record keeps of the content under the key, and its blind.
    pub(crate) kept: Option<(Blind, Hash)>,
    /// When another store recorded it, if that is to stay.
    pub(crate) recorded: Option<Micros>,
    /// The gates it has passed, judged against a view with the head `checked`.
    pub(crate) gates: Vec<Text>,
    /// The last position up to which ids, key and queries were looked up before.
    pub(crate) checked: Position,
}

/// A condition, ready for the commit section.
#[derive(Debug)]
pub(crate) enum Precondition {
    /// The stream has this version.
    Version(Stream, Version),
    /// The stream has events, or has none.
    Exists(Stream, bool),
    /// Nothing after a position matches.
    NoMatch(NoMatch),
    /// The log does not hold this id, as a gate or a decision read it.
    Unknown(EventId),
    /// The log does not hold this idempotency key, as a gate or a decision read it.
    UnknownKey(Text),
}

/// What must not be there.
#[derive(Debug)]
pub(crate) struct NoMatch {
    pub(crate) query: Query,
    /// By what names it is found, if it says any.
    pub(crate) filter: Option<TermFilter>,
    pub(crate) after: Position,
    /// Whether a gate or a decision read it.
    pub(crate) footprint: bool,
}

impl NoMatch {
    fn new(query: Query, after: Position, footprint: bool, context: &PrepareContext<'_>) -> Result<Self> {
        let query = match context.view.resolved(&query)? {
            Cow::Owned(resolved) => resolved,
            Cow::Borrowed(_) => query,
        };
        let filter = TermFilter::of(&query, context.seed);
        Ok(Self { query, filter, after, footprint })
    }
}

/// A stream by its hash, and its id, which makes the term to look it up with and which a refusal names.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) hash: u128,
    pub(crate) id: StreamId,
}

impl Stream {
    pub(crate) fn new(stream: &StreamId, seed: HashKey) -> Self {
        let hash = seed.hash(term_of(stream).as_bytes());
        Self { hash, id: stream.clone() }
    }

    pub(crate) fn term(&self) -> Term {
        term_of(&self.id)
    }
}

fn term_of(stream: &StreamId) -> Term {
    Term::stream(&stream.scope, &stream.entity, stream.lane)
}

#[derive(Debug)]
pub(crate) struct PreparedRecord {
    pub(crate) id: EventId,
    /// Bytes of the record.
    pub(crate) length: u32,
    /// What its entry commits to.
    pub(crate) body: Body,
    /// The hash of its stream.
    pub(crate) stream: u128,
}

/// Makes ids and blinds that an outsider cannot predict, without asking the system for random bytes each time.
pub(crate) struct Ids {
    key: HashKey,
    next: atomic::AtomicU64,
    /// What blinds are made of, from a number each. It lives as long as the handle, so blinds cannot be made again.
    secret: [u8; 32],
    next_blinds: atomic::AtomicU64,
}

impl Ids {
    pub(crate) fn new(random: &dyn Random) -> Result<Self> {
        let (mut bytes, mut secret) = ([0; 16], [0; 32]);
        for buffer in [&mut bytes[..], &mut secret] {
            random.fill(buffer).map_err(|cause| {
                Error::new(ErrorKind::Io, "event ids need random bytes, and there are none").because(cause)
            })?;
        }
        let key = u128::from_le_bytes(bytes);
        Ok(Self {
            key: HashKey(key as u64, (key >> 64) as u64),
            next: atomic::AtomicU64::new(0),
            secret,
            next_blinds: atomic::AtomicU64::new(0),
        })
    }

    pub(crate) fn make(&self, micros: u64) -> EventId {
        let count = self.next.fetch_add(1, atomic::Ordering::Relaxed);
        let hash = self.key.hash(&count.to_le_bytes()).to_le_bytes();
        let mut random = [0; 10];
        random.copy_from_slice(&hash[..10]);
        EventId::from_time(micros, &random)
    }

    /// Returns what makes hashes that stand for others in one event. Nothing that stays in the log tells for which: the
    /// secret is kept in memory only, so what was hashed cannot be found by trying, and the number is given once, so two
    /// events do not tell that they are about the same.
    pub(crate) fn concealment(&self) -> impl Fn(&Hash) -> Hash + use<> {
        let (secret, number) = (self.secret, self.next_blinds.fetch_add(1, atomic::Ordering::Relaxed));
        move |hash| hash::parts(b"tidegate concealed", &[&secret, &number.to_le_bytes(), &hash.0])
    }

    /// Makes blinds for the events of a batch. One hash gives two.
    fn blinds(&self, count: usize) -> impl Iterator<Item = Blind> + use<> {
        let (secret, pairs) = (self.secret, count.div_ceil(2) as u64);
        // Numbers are never given twice, which is all that is asked of them: no other memory hangs on the order.
        let first = self.next_blinds.fetch_add(pairs, atomic::Ordering::Relaxed);
        (first..first + pairs).flat_map(move |number| {
            let mut input = [0; 40];
            input[..32].copy_from_slice(&secret);
            input[32..].copy_from_slice(&number.to_le_bytes());
            let hash = hash::sha256(&input).0;
            let mut halves = [[0; 16]; 2];
            halves[0].copy_from_slice(&hash[..16]);
            halves[1].copy_from_slice(&hash[16..]);
            halves.map(Blind)
        })
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret is shown to no log.
        f.debug_struct("Ids").finish_non_exhaustive()
    }
}

/// What preparing needs from the store.
pub(crate) struct PrepareContext<'a> {
    pub(crate) view: &'a View,
    pub(crate) ids: &'a Ids,
    pub(crate) seed: HashKey,
    /// The time that goes into ids made here.
    pub(crate) micros: u64,
    /// Whether what was read is noted on the first event.
    pub(crate) keep_footprint: bool,
}

/// Encodes a batch against a view that does not hold its key. `gates` are those it passed, and `footprint` is what was
/// read through that view to decide it.
pub(crate) fn prepare(
    valid: &ValidBatch,
    gates: Vec<Text>,
    footprint: Footprint,
    context: &PrepareContext<'_>,
) -> Result<PreparedBatch> {
    let (batch, view) = (valid.batch(), context.view);
    let drafts = batch.drafts();
    let payloads: usize = drafts.iter().map(|draft| draft.payload.len() + 512).sum();
    let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES + payloads.min(limit::FRAME_BYTES_MAX));
    bytes.resize(FRAME_HEADER_BYTES, 0);
    let kept = context.keep_footprint && !footprint.is_empty();
    let note = kept.then(|| footprint.note(view.head()));
    let preconditions = preconditions(batch.conditions(), footprint, context)?;
    let notes = batch.notes(&gates, view.head(), note).map_err(|error| error.at(ErrorPlace::Draft(0)))?;
    let prepared = PreparedBatch {
        bytes,
        records: Vec::with_capacity(drafts.len()),
        given: Vec::new(),
        preconditions,
        several: several(batch.conditions()),
        key: valid.key().cloned(),
        kept: None,
        recorded: batch.recorded(),
        gates,
        checked: view.head(),
    };
    let first = &drafts[0].stream;
    let mut encoder = Encoder {
        drafts,
        view,
        seed: context.seed,
        prepared,
        notes,
        places: HashMap::new(),
        correlations: Vec::with_capacity(drafts.len() - 1),
        causes: Vec::new(),
        term: Term::stream(first.scope.as_ref(), first.entity.as_ref(), first.lane),
    };
    let given = batch.payloads().iter().copied();
    let payloads = given.chain(context.ids.blinds(drafts.len()).map(ImportedPayload::Blind));
    for (index, (draft, payload)) in drafts.iter().zip(payloads).enumerate() {
        let id = draft.id.unwrap_or_else(|| context.ids.make(context.micros));
        let encrypted = valid.draft_keys().encrypted(index, draft, id);
        encrypted
            .and_then(|draft| encoder.encode(index, &draft, id, payload))
            .map_err(|error| error.at(ErrorPlace::Draft(index)))?;
    }
    Ok(encoder.prepared)
}

/// Returns the first receipt of a key, from the log, if the batch that begins at this position answers it.
pub(crate) fn receipt_of(
    view: &View,
    store: StoreId,
    position: Position,
    key: KeyLookup<'_>,
) -> Result<Receipt> {
    if position < view.floor() {
        let message =
            format!("the key was used before, at position {position}, and that batch was retired since");
        return Err(Conflict::duplicate(message, Some(position)));
    }
    let Some(first) = view.at(position)? else {
        return Err(Error::damaged("the batch of a key is not in the log", position, "nothing"));
    };
    let kept = first.record().key().map(|(_, kept)| kept);
    if kept.is_none_or(|kept| !key.is_answered_by(first.record().blind(), kept)) {
        if kept == Some(Hash::ZERO) {
            let message = format!(
                "the key was used before, at position {position}, and a payload of that batch was erased since"
            );
            return Err(Conflict::duplicate(message, Some(position)));
        }
        return Err(key_of_other_content(position));
    }
    let (gates, judged_at) = gates_of(&first);
    let mut receipt = Receipt { store, time: first.time(), gates, judged_at, events: Vec::new() };
    let mut next = Some(first);
    while let Some(event) = next {
        receipt.events.push(ReceiptEvent::of(&event));
        next = if event.record().ends_batch() { None } else { view.at(event.position().next())? };
    }
    Ok(receipt)
}

/// Returns the refusal of a key that the batch at this position has, for other content.
pub(crate) fn key_of_other_content(position: Position) -> Error {
    let message = format!("the key was used before, at position {position}, for other content");
    Conflict::duplicate(message, Some(position))
}

/// Returns the conditions that a conflict has to be looked at together with: one alone speaks for itself.
fn several(conditions: &[Condition]) -> Vec<Condition> {
    let may_come = |condition: &Condition| matches!(condition, Condition::Version(..) | Condition::Exists(_));
    if conditions.len() > 1 && conditions.iter().any(may_come) { conditions.to_vec() } else { Vec::new() }
}

/// Judges conditions and footprint against the view, and returns what is left for the commit section.
fn preconditions(
    conditions: &[Condition],
    footprint: Footprint,
    context: &PrepareContext<'_>,
) -> Result<Vec<Precondition>> {
    let view = context.view;
    let mut preconditions = Vec::with_capacity(conditions.len());
    for condition in conditions {
        preconditions.push(match condition {
            // Nothing that the view shows changes as long as this writer lives, and no other one commits the batch.
            Condition::Leaf(position, leaf) => {
                if view.leaf(*position)? != Some(*leaf) {
                    return Err(Conflict::replaced(*position));
                }
                continue;
            }
            Condition::Version(stream, version) => {
                Precondition::Version(Stream::new(stream, context.seed), *version)
            }
            Condition::Exists(stream) => Precondition::Exists(Stream::new(stream, context.seed), true),
            Condition::Absent(stream) => Precondition::Exists(Stream::new(stream, context.seed), false),
            Condition::FailIf(query, after) => {
                if let Some(position) = view.first_match(query, *after)? {
                    return Err(Conflict::boundary(position, false));
                }
                Precondition::NoMatch(NoMatch::new(query.clone(), view.head().max(*after), false, context)?)
            }
        });
    }
    let Footprint { queries, ids, keys } = footprint;
    for query in queries {
        preconditions.push(Precondition::NoMatch(NoMatch::new(query, view.head(), true, context)?));
    }
    preconditions.extend(ids.into_iter().map(Precondition::Unknown));
    preconditions.extend(keys.into_iter().map(Precondition::UnknownKey));
    Ok(preconditions)
}

struct Encoder<'a> {
    drafts: &'a [Draft],
    view: &'a View,
    seed: HashKey,
    prepared: PreparedBatch,
    /// What the store notes on the first event.
    notes: Vec<(Text, Text)>,
    /// The drafts of the ids in `prepared.given`.
    places: HashMap<EventId, usize>,
    correlations: Vec<CorrelationId>,
    causes: Vec<Cause>,
    /// The stream of the last draft.
    term: Term,
}

impl Encoder<'_> {
    fn encode(&mut self, index: usize, draft: &Draft, id: EventId, payload: ImportedPayload) -> Result<()> {
        let (blind, erased) = match payload {
            ImportedPayload::Blind(blind) => (blind, None),
            ImportedPayload::Erased(erased) => (Blind::default(), Some(erased)),
        };
        if draft.id.is_some() {
            self.refuse_known(id)?;
            self.prepared.given.push((index, id));
            self.places.insert(id, index);
        }
        let inherited = self.resolve_causes(index, draft)?;
        let correlation = draft.correlation.or(inherited).unwrap_or(id.into());
        let batch_end = index + 1 == self.drafts.len();
        if !batch_end {
            self.correlations.push(correlation);
        }
        let (key, notes) = match index {
            0 => (self.prepared.key.as_ref(), &*self.notes),
            _ => (None, &[][..]),
        };
        let key = key.map(|key| (&*key.text, key.kept(blind)));
        self.prepared.kept = self.prepared.kept.or(key.map(|(_, kept)| (blind, kept)));
        let facts = Facts { id, correlation, causes: &self.causes, key, notes, blind, batch_end };
        let start = self.prepared.bytes.len();
        let body = match erased {
            None => record::encode(draft, &facts, &mut self.prepared.bytes),
            Some(erased) => record::encode_erased(draft, &facts, &erased, &mut self.prepared.bytes),
        };
        let end = self.prepared.bytes.len();
        if end - FRAME_HEADER_BYTES > limit::FRAME_BYTES_MAX {
            let found = end - FRAME_HEADER_BYTES;
            let what = "the batch is too large; split it";
            return Err(Error::over(Limit::BatchBytes, limit::FRAME_BYTES_MAX, found, what));
        }
        let StreamId { scope, entity, lane } = &draft.stream;
        self.term.set_stream(scope, entity, *lane);
        let stream = self.seed.hash(self.term.as_bytes());
        self.prepared.records.push(PreparedRecord { id, length: (end - start) as u32, body, stream });
        Ok(())
    }

    fn refuse_known(&self, id: EventId) -> Result<()> {
        if let Some(position) = self.view.find_position(id)? {
            return Err(duplicate(id, position));
        }
        match self.places.get(&id) {
            None => Ok(()),
            Some(index) => {
                Err(Conflict::duplicate(format!("draft {index} of the batch has the id {id} too"), None))
            }
        }
    }

    /// Turns the causes into positions and earlier drafts, and returns the flow of the first local one.
    fn resolve_causes(&mut self, index: usize, draft: &Draft) -> Result<Option<CorrelationId>> {
        self.causes.clear();
        let mut inherited = None;
        for cause in &draft.causes {
            let resolved = self.resolve(index, cause)?;
            if inherited.is_none() && draft.correlation.is_none() {
                inherited = match resolved {
                    Cause::At(position) => self.flow_of(position)?,
                    Cause::Draft(earlier) => Some(self.correlations[earlier as usize]),
                    _ => None,
                };
            }
            self.causes.push(resolved);
        }
        Ok(inherited)
    }

    /// Returns the flow of an event.
    fn flow_of(&self, position: Position) -> Result<Option<CorrelationId>> {
        let found = self.view.at(position).map_err(|error| {
            let is_retired = error.kind() == ErrorKind::Retired;
            let hint =
                "the record that names the flow of this cause was retired; name the draft's correlation";
            if is_retired { Error::new(ErrorKind::Retired, hint).because(error) } else { error }
        })?;
        Ok(found.map(|event| event.correlation()))
    }

    fn resolve(&self, index: usize, cause: &Cause) -> Result<Cause> {
        let unknown = |what: String| {
            let message = format!("the cause {what} is unknown; a cause comes before its effects");
            Err(Error::new(ErrorKind::Refused, message))
        };
        match *cause {
            Cause::At(position) if position.0 == 0 || position > self.view.head() => {
                unknown(format!("at position {position}"))
            }
            Cause::Draft(earlier) if earlier as usize >= index => {
                unknown(format!("at draft {earlier} of the batch"))
            }
            Cause::Foreign(..) | Cause::At(_) | Cause::Draft(_) => Ok(*cause),
            Cause::Id(id) => {
                if let Some(earlier) = self.places.get(&id).filter(|earlier| **earlier < index) {
                    return Ok(Cause::Draft(*earlier as u32));
                }
                match self.view.find_position(id)? {
                    Some(position) => Ok(Cause::At(position)),
                    None => unknown(format!("with the id {id}")),
                }
            }
        }
    }
}

/// The refusal of an id that is in the log.
pub(crate) fn duplicate(id: EventId, position: Position) -> Error {
    let message = format!("the event {id} is in the log already, at position {position}");
    Conflict::duplicate(message, Some(position))
}
