//! The plain model: a list of events that says what may be true of the store.
mod progress;
mod rules;
mod gates;
mod basis;
mod erasing;
mod stages;
mod shown;

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use tidegate::graph::CorrelationId;
use tidegate::{Cause, Draft, Durability, EventId, Receipt, RecordedEvent, StoreId, StreamId, Version};
use tidegate_format::{Hash, Micros};

use crate::attempt::{Attempt, Demand};
use crate::failure::{Failure, ensure, same};
use crate::query::{EventFields, ModelQuery};

pub(crate) use basis::Basis;
pub(crate) use erasing::Erasure;
pub(crate) use progress::{CursorPlace, CursorReport, Progress};
pub(crate) use rules::{DESKS, FLOW, GATE, SEATS};
pub(crate) use shown::{Payload, compare, compare_as};
pub(crate) use stages::ModelStage;

/// An event the store has taken.
#[derive(Clone, Debug)]
pub(crate) struct ModelEvent {
    pub(crate) draft: Draft,
    /// Its causes, by position or foreign.
    pub(crate) causes: Vec<Cause>,
    pub(crate) correlation: CorrelationId,
    pub(crate) id: EventId,
    pub(crate) version: Version,
    pub(crate) time: Micros,
    pub(crate) leaf: Hash,
    /// Whether the event is the last of its batch.
    pub(crate) ends: bool,
    pub(crate) erasure: Erasure,
    /// The gates that its batch passed, on its first event.
    gates: Vec<&'static str>,
    /// The key of the batch, on its first event, and how many events the batch has.
    key: Option<(String, usize)>,
}

/// What the store must say to an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fresh,
    Refused,
    /// The key is known, with the same content: the receipt of the batch that starts at this position.
    Repeated(u64),
}

/// How a life of the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process died, the machine runs on: what was written is still there.
    Kill,
    /// The machine lost power: what was synced is still there, and any part of the rest.
    PowerCut,
}

/// What upkeep went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpkeepCounts {
    /// Payloads that were erased.
    pub erased: u64,
    /// Stages that were committed.
    pub committed: u64,
    /// Backups that were made, also those that were stopped.
    pub backups: u64,
    /// Stores that were made of backups.
    pub restored: u64,
    /// Shipments, and backups that were fetched of them.
    pub shipped: u64,
    /// Of all these, how many were stopped at some call.
    pub stopped: u64,
}

impl AddAssign for UpkeepCounts {
    fn add_assign(&mut self, other: Self) {
        self.erased += other.erased;
        self.committed += other.committed;
        self.backups += other.backups;
        self.restored += other.restored;
        self.shipped += other.shipped;
        self.stopped += other.stopped;
    }
}

/// What was acknowledged, how durable that is, and what is in doubt.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(crate) events: Vec<ModelEvent>,
    pub(crate) store: Option<StoreId>,
    /// The last position known to be durable.
    pub(crate) durable: u64,
    /// How many events the next opening must find, once a life has ended.
    pub(crate) floor: u64,
    /// Whether the log was taken over since the last end.
    adopted: bool,
    /// After which position the system gave up what was not durable, though the machine runs on.
    pub(crate) given_up_after: Option<u64>,
    /// How many times the store was opened again behind its handles, and how many times of these events were lost.
    pub(crate) reopened: u64,
    pub(crate) reopened_with_loss: u64,
    /// Whether any opening has succeeded, so that the store may never be missing again.
    pub(crate) created: bool,
    /// Whether the gates are attached to the store.
    pub(crate) guarded: bool,
    /// Batches that were handed over and never answered, in order.
    pub(crate) doubt: Vec<Attempt>,
    pub(crate) streams: BTreeMap<StreamId, Vec<u64>>,
    pub(crate) ids: HashMap<EventId, u64>,
    keys: HashMap<String, u64>,
    /// How far the readers with names got.
    pub(crate) progress: BTreeMap<&'static str, Progress>,
    /// What is staged, by name.
    pub(crate) stages: BTreeMap<String, ModelStage>,
    /// The last position in the backup, and in the target, once there is anything.
    pub(crate) backed_up: Option<u64>,
    pub(crate) shipped: Option<u64>,
    pub(crate) upkeep: UpkeepCounts,
    /// How the last life ended.
    pub(crate) last_end: Option<End>,
}

impl Model {
    /// How many events were acknowledged.
    pub fn count(&self) -> u64 {
        self.events.len() as u64
    }

    /// The event at a position.
    pub(crate) fn at(&self, position: u64) -> &ModelEvent {
        &self.events[position as usize - 1]
    }

    /// The positions of what a query selects.
    pub(crate) fn selected<'a>(
        &'a self,
        wanted: &'a ModelQuery,
    ) -> impl DoubleEndedIterator<Item = u64> + 'a {
        let found = self.events.iter().enumerate().filter(|(_, known)| wanted.selects(known.traits()));
        found.map(|(at, _)| at as u64 + 1)
    }

    pub(crate) fn version(&self, stream: &StreamId) -> Version {
        Version(self.streams.get(stream).map_or(0, |positions| positions.len() as u64))
    }

    /// What the store must say to an attempt that is committed now.
    pub(crate) fn verdict(&self, attempt: &Attempt) -> Verdict {
        if let Some(first) = attempt.key.as_ref().and_then(|key| self.keys.get(key)) {
            let count = self.at(*first).key.as_ref().map_or(0, |(_, count)| *count);
            let known = &self.events[*first as usize - 1..*first as usize - 1 + count];
            // What was erased cannot be compared.
            let same = known.iter().all(|event| event.erasure == Erasure::Not)
                && known.iter().map(|event| &event.draft).eq(&attempt.drafts);
            return if same { Verdict::Repeated(*first) } else { Verdict::Refused };
        }
        let given: Vec<_> = attempt.drafts.iter().filter_map(|draft| draft.id).collect();
        let twice = given.iter().enumerate().any(|(at, id)| given[..at].contains(id));
        let known = given.iter().any(|id| self.ids.contains_key(id));
        let moved = !attempt.demands.iter().all(|demand| self.holds(demand));
        if twice || known || moved || self.is_denied(attempt) { Verdict::Refused } else { Verdict::Fresh }
    }

    fn holds(&self, demand: &Demand) -> bool {
        match demand {
            Demand::Version(stream, version) => self.version(stream) == *version,
            Demand::Exists(stream) => self.streams.contains_key(stream),
            Demand::Absent(stream) => !self.streams.contains_key(stream),
            Demand::FailIf(wanted, after) => {
                self.selected(wanted).next_back().is_none_or(|last| last <= *after)
            }
        }
    }

    /// Takes note of a receipt.
    pub(crate) fn accept(&mut self, attempt: &Attempt, receipt: &Receipt) -> Result<(), Failure> {
        same("the store of a receipt", &self.store, &Some(receipt.store))?;
        match self.verdict(attempt) {
            Verdict::Refused => Err(Failure::new(format!("accepted what is to be refused: {attempt:?}"))),
            Verdict::Repeated(first) => self.check_repeated(first, receipt),
            Verdict::Fresh => {
                same("the first position of a receipt", &(self.count() + 1), &receipt.first().0)?;
                same("the events of a receipt", &attempt.drafts.len(), &receipt.events.len())?;
                let passed: Vec<&str> = receipt.gates.iter().map(|gate| &**gate).collect();
                same("the gates of a receipt", &self.gates_of(attempt), &passed)?;
                let last = self.events.last().map_or(Micros(0), |event| event.time);
                ensure(receipt.time >= last, || format!("time ran back from {last} to {}", receipt.time))?;
                for (index, placed) in receipt.events.iter().enumerate() {
                    same("a position", &(self.count() + 1), &placed.position.0)?;
                    self.push(attempt, index, placed.id, receipt.time, placed.leaf);
                    same("a version", &self.at(self.count()).version, &placed.version)?;
                    let given = attempt.drafts[index].id.unwrap_or(placed.id);
                    same("an id", &given, &placed.id)?;
                }
                Ok(())
            }
        }
    }

    /// Takes note of the one event of an attempt that was answered without a receipt.
    pub(crate) fn take(&mut self, attempt: &Attempt, event: &RecordedEvent) -> Result<(), Failure> {
        self.push(attempt, 0, event.id(), event.time(), event.leaf());
        same("a position", &self.count(), &event.position().0)?;
        compare(self.at(self.count()), event)
    }

    /// The first event of the batch under a key.
    pub(crate) fn first_of(&self, key: &str) -> Option<u64> {
        self.keys.get(key).copied()
    }

    pub(crate) fn check_repeated(&self, first: u64, receipt: &Receipt) -> Result<(), Failure> {
        same("the first position of a repeated receipt", &first, &receipt.first().0)?;
        let passed: Vec<&str> = receipt.gates.iter().map(|gate| &**gate).collect();
        same("the gates of a repeated receipt", &self.at(first).gates, &passed)?;
        for placed in &receipt.events {
            let known = self.at(placed.position.0);
            same("a repeated receipt", &(known.id, known.leaf), &(placed.id, placed.leaf))?;
        }
        Ok(())
    }

    fn push(&mut self, attempt: &Attempt, index: usize, id: EventId, time: Micros, leaf: Hash) {
        let position = self.count() + 1;
        let first = position - index as u64;
        let absolute = |cause: &Cause| match *cause {
            Cause::Draft(draft) => Cause::At(tidegate::Position(first + u64::from(draft))),
            other => other,
        };
        let draft = attempt.drafts[index].clone();
        let causes: Vec<_> = attempt.causes[index].iter().map(absolute).collect();
        let local = causes.iter().find_map(|cause| match cause {
            Cause::At(position) => Some(self.at(position.0).correlation),
            _ => None,
        });
        let correlation = draft.correlation.or(local).unwrap_or(id.into());
        let version = self.version(&draft.stream).next();
        let key = attempt.key.clone().filter(|_| index == 0).map(|key| (key, attempt.drafts.len()));
        let ends = index + 1 == attempt.drafts.len();
        let gates = if index == 0 { self.gates_of(attempt) } else { Vec::new() };
        let erasure = Erasure::Not;
        self.note(ModelEvent {
            draft,
            causes,
            correlation,
            id,
            version,
            time,
            leaf,
            ends,
            erasure,
            gates,
            key,
        });
        if index == 0 {
            self.erase(&attempt.erases, position);
        }
    }

    fn note(&mut self, known: ModelEvent) {
        let position = self.count() + 1;
        self.ids.insert(known.id, position);
        self.streams.entry(known.draft.stream.clone()).or_default().push(position);
        if let Some((key, _)) = &known.key {
            self.keys.insert(key.clone(), position);
        }
        self.events.push(known);
    }

    /// The last batch with a key of its caller's, or the last single event with an id of its own, to be handed in again.
    pub(crate) fn last_batch(&self, keyed: bool) -> Option<Attempt> {
        let is_own = |(key, _): &(String, usize)| key.starts_with("key-");
        let wanted = |known: &&ModelEvent| {
            if keyed { known.key.as_ref().is_some_and(is_own) } else { known.draft.id.is_some() }
        };
        let at = self.events.iter().rposition(|known| wanted(&known))?;
        let (key, count) = match &self.events[at].key {
            Some((key, count)) if keyed => (Some(key.clone()), *count),
            _ => (None, 1),
        };
        let events = &self.events[at..at + count];
        let drafts: Vec<_> = events.iter().map(|known| known.draft.clone()).collect();
        let causes = events.iter().map(|known| known.causes.clone()).collect();
        let durability = Durability::Synced;
        let known = Attempt { durability, key, unfounded: true, ..Attempt::of(drafts) };
        Some(Attempt { causes, ..known })
    }

    /// The life ended.
    pub fn end(&mut self, end: End) {
        let kept = match end {
            End::Kill => self.given_up_after.unwrap_or(self.count()),
            End::PowerCut => self.durable,
        };
        // A life in which the store did not open adds nothing to what is there, and may take from it.
        self.floor = if std::mem::take(&mut self.adopted) { kept } else { self.floor.min(kept) };
        self.last_end = Some(end);
    }

    /// Takes over what the next opening found, if it may be so.
    pub(crate) fn adopt(&mut self, found: &[RecordedEvent]) -> Result<(), Failure> {
        let count = found.len() as u64;
        ensure(count >= self.floor, || {
            format!("{} events had to survive, {count} did (acknowledged {})", self.floor, self.count())
        })?;
        self.forget_after(count)?;
        for (known, event) in self.events.iter().zip(found) {
            compare(known, event).map_err(|failure| failure.during(&format!("{event:?}")))?;
        }
        self.settle_doubt(&found[self.events.len()..])?;
        self.settle_erasures(found)?;
        self.durable = self.count();
        self.floor = self.count();
        (self.adopted, self.given_up_after) = (true, None);
        Ok(())
    }

    /// What was in doubt is erased if an event says so, and is all there otherwise.
    fn settle_erasures(&mut self, found: &[RecordedEvent]) -> Result<(), Failure> {
        for known in &mut self.events {
            if known.erasure == Erasure::Doubted {
                known.erasure = Erasure::Not;
            }
        }
        for (known, event) in self.events.iter().zip(found) {
            compare(known, event).map_err(|failure| failure.during(&format!("{event:?}")))?;
        }
        Ok(())
    }

    /// Lets go of what a power cut took from the end.
    fn forget_after(&mut self, count: u64) -> Result<(), Failure> {
        if count >= self.count() {
            return Ok(());
        }
        ensure(count == 0 || self.at(count).ends, || format!("a batch was cut in two at position {count}"))?;
        let kept: Vec<_> = self.events.drain(..).take(count as usize).collect();
        self.ids.clear();
        self.streams.clear();
        self.keys.clear();
        for known in kept {
            self.note(ModelEvent { erasure: known.erasure.as_of(count), ..known });
        }
        self.doubt.clear();
        self.progress.values_mut().for_each(|progress| progress.forget_after(count));
        Ok(())
    }

    /// Unanswered batches came in as one group or not at all.
    fn settle_doubt(&mut self, mut rest: &[RecordedEvent]) -> Result<(), Failure> {
        let doubt = std::mem::take(&mut self.doubt);
        let all = rest.len();
        for attempt in doubt {
            let is_out = attempt.unsure && !is_of(&attempt, rest);
            if all == 0 || is_out || self.verdict(&attempt) != Verdict::Fresh {
                continue;
            }
            let Some((batch, behind)) = rest.split_at_checked(attempt.drafts.len()) else {
                return Err(Failure::new("a group that was never answered is there in part"));
            };
            rest = behind;
            for (index, event) in batch.iter().enumerate() {
                let given = attempt.drafts[index].id.unwrap_or(event.id());
                same("an id", &given, &event.id())?;
                self.push(&attempt, index, event.id(), event.time(), event.leaf());
                let known = self.at(self.count());
                compare(known, event).map_err(|failure| failure.during(&format!("unanswered {event:?}")))?;
            }
        }
        ensure(rest.is_empty(), || format!("{} events came from nowhere, first {:?}", rest.len(), rest[0]))
    }
}

/// Whether events begin with those of an attempt, by what was handed in.
fn is_of(attempt: &Attempt, events: &[RecordedEvent]) -> bool {
    let is_one = |(draft, event): (&Draft, &RecordedEvent)| {
        let said = (&draft.stream, &*draft.kind, &*draft.payload);
        said == (&event.stream(), event.kind(), event.payload().unwrap_or_default())
            && event.tags().eq(draft.tags.iter())
    };
    attempt.drafts.len() <= events.len() && attempt.drafts.iter().zip(events).all(is_one)
}

impl ModelEvent {
    pub(crate) fn traits(&self) -> EventFields<'_> {
        let Self { draft, causes, correlation, .. } = self;
        let (stream, kind, tags) = (&draft.stream, &*draft.kind, &*draft.tags);
        EventFields { stream, kind, tags, correlation: *correlation, causes }
    }
}
