//! The commit section: a group of batches gets its places and is written, one group at a time. Syncing is not done
//! here: frames are written while an earlier sync runs, and one sync covers several of them.
//!
//! Invariants:
//!
//! J1. Positions are dense: what was answered with a receipt, and nothing else, has a position.
//! J2. A batch is judged against everything that is written, visible or not, and against its own group; never against
//!     what is only accepted, since after a full disk those positions are given again.
//! J3. Written means written and indexed: a decision's view shows it from then on, and only a crash takes it back.
//! J4. Times never decrease from one position to the next.
//! J5. After an unknown outcome the writer ends, and every batch still waiting is told: those of all frames that no
//!     sync had covered that their outcome is unknown, and those that were not handed to the backend that the writer has
//!     ended.
//! J6. Every answer names the last position that it rests on, and is held until that is visible, and durable if its
//!     caller asked to be synced (`settle_queue.rs`). What rests on a group that was not written fails with it.
//! J7. A frame says in `synced` what a sync made durable that had ended before the frame was sealed: a sync is noted
//!     under the lock that frames are sealed under, and only when it has ended.
//! J8. No caller is answered here: answers are returned, and given out once the commit section is let go.

mod satisfiable;
#[cfg(feature = "cluster")]
mod decided;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::frame::{FRAME_HEADER_BYTES, SLOT_FRAME_HEADER_BYTES};
use tidegate_format::record::Placed;
use tidegate_format::{
    Blind, Error, ErrorKind, ErrorPlace, EventId, Hash, Micros, Position, Record, Result, StoreId, Text,
    Version, record,
};
use tidegate_segment::{EventHashes, HashedTerm, Ordinal, Term};

use super::completion::{Responder, outcome_unknown};
use super::prepare::{NoMatch, Precondition, PreparedBatch, duplicate, key_of_other_content, receipt_of};
use super::settle_queue::{GroupResult, PendingAnswer};
use super::tails::{StreamTail, StreamTails};
use super::terms::GroupTerms;
use super::time::LogTime;
use super::turns::Turn;
use crate::backend::{LogBackend, PendingSync};
use crate::batch::{Condition, Conflict, Key};
use crate::batch::{Receipt, ReceiptEvent};
use crate::published::SharedState;
use crate::read::View;
use crate::settings::Durability;

#[cfg(feature = "cluster")]
pub(crate) use decided::{DecidedAt, Sequencer};

/// A batch in the queue.
#[derive(Debug)]
pub(crate) struct QueuedBatch {
    pub(crate) prepared: PreparedBatch,
    pub(crate) durability: Durability,
    /// Taken when the batch has its answer.
    pub(crate) completion: Option<Responder>,
    /// The turn of the one who decided it.
    pub(crate) turn: Option<Arc<Turn>>,
    /// Whether its caller decides again if what it read has moved, and so need not wait to learn of that.
    pub(crate) again: bool,
    /// Whether that came so.
    pub(crate) moved: bool,
}

impl QueuedBatch {
    /// Asks the one who waits for the answer to lead; says whether there is one.
    pub(crate) fn ask_to_lead(&self) -> bool {
        self.completion.as_ref().is_some_and(Responder::ask_to_lead)
    }

    /// Returns whether the one who waits for the answer is awake.
    pub(crate) fn is_awake(&self) -> bool {
        self.completion.as_ref().is_some_and(Responder::is_awake)
    }

    /// Lets the turn of its decision go, unless that is taken again.
    pub(crate) fn free_turn(&self) {
        if let Some(turn) = self.turn.as_ref().filter(|_| !self.moved) {
            turn.free();
        }
    }
}

/// What the leader holds: the places of the next events, and the backend.
#[derive(Debug)]
pub(crate) struct Committer {
    store: StoreId,
    backend: Box<dyn LogBackend>,
    published: Arc<SharedState>,
    clock: Arc<dyn Clock>,
    tails: StreamTails,
    next: Position,
    time: LogTime,
    #[cfg(feature = "cluster")]
    sequencer: Option<Box<dyn Sequencer>>,
}

/// A group on its way: its frame, and what its batches will be told.
#[derive(Debug, Default)]
struct Group {
    frame: Vec<u8>,
    /// What each batch is told, and the last position that this rests on.
    outcomes: Vec<(Result<Receipt>, Position)>,
    /// Where each record lies in the frame, for conditions of batches behind it.
    records: Vec<Range<usize>>,
    /// The hash of the stream of each record, and its leaf hash.
    hashes: Vec<EventHashes>,
    /// What some of them are called.
    terms: GroupTerms,
    /// The ids that its batches came with.
    given: HashMap<EventId, Position>,
    /// The keys of its batches, with what is kept of the content under which blind, and the place of the batch.
    keys: HashMap<Text, ((Blind, Hash), usize)>,
    /// What the clock says.
    now: Micros,
    /// The time of the last event before the next batch.
    last: Micros,
    /// When its events are recorded, unless another store recorded them before, or why they cannot be now.
    time: Micros,
    untimely: Option<Error>,
    /// Where it was decided in a shared log.
    slot: Option<u64>,
}

impl Group {
    /// Returns what is kept of the content of the batch with a key, and its receipt, if it is in the group.
    fn of_key(&self, key: &str) -> Option<(&(Blind, Hash), &Receipt)> {
        let (kept, at) = self.keys.get(key)?;
        Some((kept, self.outcomes[*at].0.as_ref().ok()?))
    }
}

impl Committer {
    pub(crate) fn new(
        store: StoreId,
        backend: Box<dyn LogBackend>,
        published: Arc<SharedState>,
        clock: Arc<dyn Clock>,
        time: LogTime,
        tails: StreamTails,
    ) -> Self {
        let next = published.visible().next();
        Self {
            store,
            backend,
            published,
            clock,
            tails,
            next,
            time,
            #[cfg(feature = "cluster")]
            sequencer: None,
        }
    }

    /// Gives the batches of one group their places and writes them, and says what each is told and when. `bytes` is
    /// what they took in the queue.
    pub(crate) fn commit(&mut self, entries: &mut [QueuedBatch], bytes: usize) -> GroupResult {
        #[cfg(feature = "cluster")]
        if let Some(mut sequencer) = self.sequencer.take() {
            let result = sequencer.commit(self, entries, bytes);
            self.sequencer = Some(sequencer);
            return result;
        }
        let now = Micros(self.clock.now_micros());
        let last = self.time.last();
        let untimely = self.time.check(now).err();
        let group = Group { now, last, time: last.max(now), untimely, ..Group::default() };
        self.commit_group(group, entries, bytes)
    }

    fn commit_group(&mut self, mut group: Group, entries: &mut [QueuedBatch], bytes: usize) -> GroupResult {
        let first = self.next;
        self.tails.make_room();
        for entry in entries.iter_mut() {
            let outcome = self.published.ended().map_or_else(|| self.process(&mut group, entry), Err);
            let rests_on = match &outcome {
                // Its caller looks again at once, at what is written.
                Err(_) if entry.moved => Position::START,
                Err(error) => error.conflict().and_then(|conflict| conflict.position).unwrap_or_default(),
                Ok(receipt) => receipt.last(),
            };
            group.outcomes.push((outcome, rests_on));
        }
        let flushed = Self::check_verdicts(&group).and_then(|()| self.flush(&mut group, first));
        let flushed = flushed.inspect_err(|error| self.abort(first, error, group.slot));
        let failed = flushed.err().map(|error| self.published.ended().unwrap_or(error));
        let (mut held, mut asks) = (Vec::with_capacity(entries.len()), false);
        for (entry, (mut answer, mut rests_on)) in entries.iter_mut().zip(group.outcomes) {
            let synced = entry.durability == Durability::Synced;
            if rests_on >= first {
                asks |= synced && answer.is_ok();
                if let Some(error) = &failed {
                    // Of a batch that was refused for what its group holds, nothing was handed to the backend.
                    let is_unknown = answer.is_ok() && error.kind() != ErrorKind::Full;
                    answer = Err(if is_unknown { outcome_unknown(error) } else { error.clone() });
                    // What failed rests on nothing.
                    rests_on = Position::START;
                }
            }
            held.extend(entry.completion.take().map(|responder| PendingAnswer {
                responder,
                answer,
                rests_on,
                synced,
            }));
        }
        let is_written = failed.is_none() && self.next > first;
        GroupResult { last: self.next.before(), synced: is_written.then_some(asks), held, bytes }
    }

    /// Returns how far the clock is behind the log, if that is news.
    pub(crate) fn clock_behind(&mut self) -> Option<Duration> {
        self.time.take_untold()
    }

    /// Judges a batch and gives it the next places in the group.
    fn process(&mut self, group: &mut Group, entry: &mut QueuedBatch) -> Result<Receipt> {
        if let Some(receipt) = self.known_receipt(group, &entry.prepared)? {
            return Ok(receipt);
        }
        if let Err(error) = self.check(group, &entry.prepared) {
            entry.moved = entry.again && error.conflict().is_some_and(|conflict| conflict.footprint);
            return Err(error);
        }
        let time = self.time_in(group, entry.prepared.recorded)?;
        let receipt = self.assign(&mut entry.prepared, time)?;
        Ok(Self::append_to_frame(group, entry, receipt))
    }

    /// Returns the time of a batch: that of the group, or the one that another store recorded it at.
    fn time_in(&self, group: &Group, recorded: Option<Micros>) -> Result<Micros> {
        match (recorded, &group.untimely) {
            // keeps J4
            (Some(recorded), _) => self.time.imported(recorded, group.last, group.time),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(group.time),
        }
    }

    /// The first receipt of the same key, if it came in since this one was prepared.
    fn known_receipt(&self, group: &Group, prepared: &PreparedBatch) -> Result<Option<Receipt>> {
        let Some(key) = prepared.key.as_ref().map(Key::lookup) else { return Ok(None) };
        if let Some(((blind, kept), receipt)) = group.of_key(key.text) {
            if key.is_answered_by(Some(*blind), *kept) {
                return Ok(Some(receipt.clone()));
            }
            // The same words as for a batch of an earlier group: which groups there are is chance.
            return Err(key_of_other_content(receipt.first()));
        }
        let view = self.before_group(group);
        match view.find_key_after(key.text, prepared.checked)? {
            None => Ok(None),
            Some(position) => receipt_of(&view, self.store, position, key).map(Some),
        }
    }

    /// Adds a batch that has its places to the frame.
    fn append_to_frame(group: &mut Group, entry: &mut QueuedBatch, receipt: Receipt) -> Receipt {
        (group.last, group.time) = (receipt.time, group.time.max(receipt.time));
        let prepared = &mut entry.prepared;
        let given = prepared.given.iter();
        group.given.extend(given.map(|(index, id)| (*id, receipt.events[*index].position)));
        if let Some((key, kept)) = prepared.key.take().zip(prepared.kept) {
            group.keys.insert(key.text, (kept, group.outcomes.len()));
        }
        if group.frame.is_empty() {
            group.frame = std::mem::take(&mut prepared.bytes);
        } else {
            group.frame.extend_from_slice(&prepared.bytes[FRAME_HEADER_BYTES..]);
        }
        let mut start = group.records.last().map_or(FRAME_HEADER_BYTES, |range| range.end);
        group.records.extend(prepared.records.iter().map(|record| {
            let range = start..start + record.length as usize;
            start = range.end;
            range
        }));
        let leaves = receipt.events.iter().map(|event| event.leaf);
        let hashes = prepared.records.iter().zip(leaves);
        group.hashes.extend(hashes.map(|(record, leaf)| EventHashes { stream: record.stream, leaf }));
        receipt
    }

    /// The log as it is before this group.
    fn before_group(&self, group: &Group) -> View {
        View::up_to(&self.published, Position(self.next.0 - group.records.len() as u64).before())
    }

    /// Refuses what came into the log since the batch was prepared, or comes before it in the group.
    fn check(&mut self, group: &mut Group, prepared: &PreparedBatch) -> Result<()> {
        self.check_ids(group, prepared)?;
        let mut passing: Option<Error> = None;
        for precondition in &prepared.preconditions {
            let Err(error) = self.check_one(group, precondition, prepared.checked) else { continue };
            // What can never hold again is said before what may hold later.
            if error.conflict().is_none_or(|conflict| !conflict.retry) {
                return Err(error);
            }
            passing.get_or_insert(error);
        }
        let Some(error) = passing else { return Ok(()) };
        let asked_again = error.conflict().is_some_and(|conflict| conflict.footprint);
        if asked_again || self.can_hold(&prepared.several)? {
            Err(error)
        } else {
            Err(Conflict::lasting(&error))
        }
    }

    fn check_one(&mut self, group: &mut Group, precondition: &Precondition, checked: Position) -> Result<()> {
        match precondition {
            Precondition::Version(stream, expected) => {
                let tail = self.tail_of(stream.hash, || stream.term())?;
                let found = tail.map_or(Version::EMPTY, |tail| tail.version);
                if found == *expected {
                    return Ok(());
                }
                Err(Conflict::version(&stream.id, *expected, found, tail.map(|tail| tail.position)))
            }
            Precondition::Exists(stream, expected) => {
                let tail = self.tail_of(stream.hash, || stream.term())?;
                if tail.is_some() == *expected {
                    return Ok(());
                }
                Err(Conflict::exists(&stream.id, tail.map(|tail| tail.position)))
            }
            Precondition::Unknown(id) => self.check_id(group, *id, checked, true),
            Precondition::UnknownKey(key) => self.check_key(group, key, checked),
            Precondition::NoMatch(no_match) => {
                let before = self.before_group(group);
                let found = match before.first_match(&no_match.query, no_match.after)? {
                    None => Self::match_in(group, &before, no_match)?,
                    found => found,
                };
                found.map_or(Ok(()), |position| Err(Conflict::boundary(position, no_match.footprint)))
            }
        }
    }

    /// Whether conditions of which one does not hold can all hold later.
    fn can_hold(&mut self, conditions: &[Condition]) -> Result<bool> {
        let seed = self.published.log().seed();
        satisfiable::can_hold(conditions, self.next.before(), |stream| {
            let term = Term::stream(&stream.scope, &stream.entity, stream.lane);
            let tail = self.tail_of(seed.hash(term.as_bytes()), || term)?;
            Ok(tail.map_or(Version::EMPTY, |tail| tail.version))
        })
    }

    /// The first event of the group that must not be there.
    fn match_in(group: &mut Group, before: &View, no_match: &NoMatch) -> Result<Option<Position>> {
        let Group { records, terms, frame, .. } = group;
        if records.is_empty() {
            return Ok(None);
        }
        let read =
            |range: &Range<usize>| Record::read(&frame[range.clone()]).expect("it was placed just now");
        if let Some(filter) = &no_match.filter {
            for range in &records[terms.events()..] {
                terms.add(&read(range), filter.seed());
            }
            if !terms.may_hold(filter) {
                return Ok(None);
            }
        }
        let first = before.head().next().0;
        let positions = records.iter().zip(first..).map(|(range, position)| (range, Position(position)));
        let mut positions = positions.filter(|(_, position)| *position > no_match.after);
        let query = no_match.query.resolved(|id| match group.given.get(&id) {
            Some(position) => Ok(Some(*position)),
            None => before.position_of(id),
        })?;
        Ok(positions.find_map(|(range, position)| query.matches(&read(range)).then_some(position)))
    }

    /// Refuses ids that came into the log since the batch was prepared.
    fn check_ids(&self, group: &Group, prepared: &PreparedBatch) -> Result<()> {
        for &(index, id) in &prepared.given {
            let checked = self.check_id(group, id, prepared.checked, false);
            checked.map_err(|error| error.at(ErrorPlace::Draft(index)))?;
        }
        Ok(())
    }

    /// Refuses an id that came into the log after a position.
    fn check_id(&self, group: &Group, id: EventId, after: Position, footprint: bool) -> Result<()> {
        let found = match group.given.get(&id) {
            Some(position) => Some(*position),
            None => self.before_group(group).find_id_after(id, after)?,
        };
        match found {
            None => Ok(()),
            Some(position) if footprint => Err(Conflict::boundary(position, true)),
            Some(position) => Err(duplicate(id, position)),
        }
    }

    /// Refuses a batch whose decision did not find a key that came into the log after a position.
    fn check_key(&self, group: &Group, key: &str, after: Position) -> Result<()> {
        let found = match group.of_key(key) {
            Some((_, receipt)) => Some(receipt.first()),
            None => self.before_group(group).find_key_after(key, after)?,
        };
        found.map_or(Ok(()), |position| Err(Conflict::boundary(position, true)))
    }

    /// Gives every record of a batch its place, and links it to the event before it in its stream.
    fn assign(&mut self, prepared: &mut PreparedBatch, time: Micros) -> Result<Receipt> {
        // What can fail comes first, so that a batch is placed whole or not at all.
        // And all tails are read one behind the other, so that their memory is near when records are placed.
        let mut start = FRAME_HEADER_BYTES;
        for item in &prepared.records {
            let bytes = &prepared.bytes[start..start + item.length as usize];
            self.tail_of(item.stream, || {
                let (scope, entity, lane) = record::stream(bytes);
                Term::stream(scope, entity, lane)
            })?;
            start += bytes.len();
        }
        let first = self.next;
        let mut events = Vec::with_capacity(prepared.records.len());
        let mut rest = &mut prepared.bytes[FRAME_HEADER_BYTES..];
        for item in &prepared.records {
            let (bytes, behind) = rest.split_at_mut(item.length as usize);
            rest = behind;
            let tail = self.tails.at_hand(item.stream);
            let (position, version) = (self.next, tail.version.next());
            let placed = Placed { position, version, previous: tail.position, link: tail.leaf, time };
            let leaf = record::place(bytes, &placed, first, &item.body);
            *tail = StreamTail { version, position, leaf };
            events.push(ReceiptEvent { id: item.id, position, version, leaf });
            self.next = position.next();
        }
        let gates = std::mem::take(&mut prepared.gates);
        let judged_at = (!gates.is_empty()).then_some(prepared.checked);
        Ok(Receipt { store: self.store, time, gates, judged_at, events })
    }

    /// Returns the tail of a stream, if it has any events. Either way that is at hand from then on.
    fn tail_of(&mut self, stream: u128, term: impl FnOnce() -> Term) -> Result<Option<StreamTail>> {
        let tail = match self.tails.get(stream) {
            Some(tail) => tail,
            None => {
                let tail = self.find_tail(&HashedTerm { term: term(), hash: stream })?;
                self.tails.put(stream, tail);
                tail
            }
        };
        Ok((tail.version != Version::EMPTY).then_some(tail))
    }

    /// Looks up the tail of a stream in the log; version 0 if it has no events.
    fn find_tail(&self, stream: &HashedTerm) -> Result<StreamTail> {
        for (_, segment) in self.published.log().newest_first(stream.hash as u64) {
            let Some(head) = segment.stream_head(stream)? else { continue };
            let position = segment.position(Ordinal(head.event));
            return Ok(StreamTail { version: head.version, position, leaf: head.leaf });
        }
        Ok(StreamTail::default())
    }

    /// Writes the group. It may hold nothing new, only batches that were written before under their key, or refused
    /// ones.
    fn flush(&mut self, group: &mut Group, first: Position) -> Result<()> {
        if group.records.is_empty() {
            return Ok(());
        }
        self.published.set_accepted(self.next.before());
        self.published.announce_before_sync();
        if group.slot.is_some() {
            // The head of such a frame is longer.
            group.frame.splice(..0, [0; SLOT_FRAME_HEADER_BYTES - FRAME_HEADER_BYTES]);
        }
        self.backend.append(&mut group.frame, first, group.slot, &group.hashes)?;
        // Only now: batches that were refused or not written leave no time behind (keeps J4 for what is there).
        self.time.record(group.last, group.now);
        Ok(())
    }

    /// Refuses to go on with a group of a shared log of which this node cannot say what every other one says: only what the
    /// history holds is a verdict there, and what this machine meets is not.
    fn check_verdicts(group: &Group) -> Result<()> {
        if group.slot.is_none() {
            return Ok(());
        }
        let mut errors = group.outcomes.iter().filter_map(|(outcome, _)| outcome.as_ref().err());
        let is_none = |error: &&Error| !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Refused);
        errors.find(is_none).map_or(Ok(()), |error| Err(error.clone()))
    }

    fn abort(&mut self, first: Position, error: &Error, slot: Option<u64>) {
        if error.kind() == ErrorKind::Full && slot.is_none() {
            // The places were never taken; the heads are looked up in the log again.
            self.next = first;
            self.tails.clear();
            self.published.set_accepted(first.before());
        } else {
            self.published.set_ended(ended(error));
        }
    }

    /// A sync to be run beside further commits, or `None` if all is durable.
    pub(crate) fn pending(&mut self) -> Option<Box<dyn PendingSync>> {
        let pending = self.backend.pending();
        (pending.position() > self.published.durable()).then_some(pending)
    }

    /// Takes note that it was run and has ended. The error is that of telling readers in other processes, who learn of
    /// it later.
    pub(crate) fn note_durable(&mut self, done: &dyn PendingSync) -> Result<()> {
        self.published.set_durable(done.position());
        self.backend.note_durable(done.position())
    }

    /// Makes what says how far the log was durable durable itself.
    pub(crate) fn confirm(&mut self) -> Result<()> {
        self.published.ended().map_or_else(|| self.backend.confirm(), Err)
    }

    /// Begins another segment: nothing that is written by now is ever appended to.
    pub(crate) fn begin_segment(&mut self) -> Result<()> {
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        self.backend.begin_segment().inspect_err(|error| {
            if error.kind() != ErrorKind::Full {
                self.published.set_ended(ended(error));
            }
        })
    }

    /// Ends in good order; everything is durable.
    pub(crate) fn close(&mut self) -> Result<()> {
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        #[cfg(feature = "cluster")]
        if let Some(mut sequencer) = self.sequencer.take() {
            let noted = sequencer.close(self);
            self.sequencer = Some(sequencer);
            if let Err(error) = noted {
                // The next opening reads on from what was noted before.
                tracing::warn!(%error, "how far the shared log was applied was not noted");
            }
        }
        self.published.set_closed(closed());
        self.backend.close()
    }
}

/// The error of every call after the store was closed.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Ended, "the store was closed")
}

/// The error of every call once the outcome of a group is unknown.
pub(super) fn ended(cause: &Error) -> Error {
    if cause.kind() == ErrorKind::Ended {
        return cause.clone();
    }
    let message = "the writer ended after an error whose outcome is unknown; open the store again";
    Error::new(ErrorKind::Ended, message).because(cause.clone())
}
