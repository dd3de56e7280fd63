//! Batches that come in while a sync runs: they were checked against a log without what is on its way, and are in the
//! next group. And groups of several batches, each with what the one before it may have broken.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::{Durability, Error, Position, Receipt, StreamId, Ticket};

use super::Life;
use crate::attempt::{Attempt, Demand};
use crate::failure::Failure;
use crate::query::ModelQuery;

/// Bytes of the newest segment that are left free for what is written during a sync, by one batch and by several: a new
/// segment would wait for that sync.
const ROOM: u64 = 600;
const ROOM_FOR_SEVERAL: u64 = 3000;

/// What became of a batch that was queued.
#[derive(Debug)]
enum QueuedBatch {
    Waits(Ticket),
    Answered(Box<Result<Receipt, Error>>),
}

type Later<T> = Arc<Mutex<Vec<(Attempt, Result<T, Error>)>>>;

impl Life<'_> {
    /// Queues batches of one group: each later one asks for something of an earlier one, of any of its drafts.
    pub(super) fn contend(&mut self) -> Result<(), Failure> {
        let drafts = (0..=self.others.below(4)).map(|_| self.plain_draft()).collect();
        let first = Attempt::of(drafts);
        let rivals: Vec<Attempt> = (0..=self.others.below(2)).map(|_| self.rival(&first)).collect();
        for attempt in std::iter::once(first).chain(rivals) {
            self.queue(attempt)?;
        }
        if self.others.chance(1, 2) { self.step() } else { Ok(()) }
    }

    /// Appends a batch with a sync, and queues others while the sync runs; often they are written then, too.
    pub(super) fn join_a_sync(&mut self) -> Result<(), Failure> {
        let mut first =
            if self.others.chance(1, 2) { self.keyed() } else { Attempt::of(vec![self.plain_draft()]) };
        first.durability = Durability::Synced;
        let rivals: Vec<Attempt> = (0..=self.others.below(2)).map(|_| self.rival(&first)).collect();
        // A write that begins a new segment, or fails, would wait for the sync that it is a part of.
        let writes = self.others.chance(1, 2) && !self.script.faults && self.has_room(ROOM_FOR_SEVERAL);
        let later: Later<QueuedBatch> = Arc::default();
        let (store, queued, defect) = (Arc::clone(&self.store), Arc::clone(&later), self.script.defect);
        self.machine.meanwhile.plan(move || {
            for attempt in rivals {
                let queue = || {
                    let mut ticket = store.submit_with(attempt.batch(defect), attempt.append())?;
                    // A caller that waits for an answer leads if no other caller does.
                    let answer = if writes { ticket.poll_now() } else { None };
                    Ok(answer
                        .map_or(QueuedBatch::Waits(ticket), |answer| QueuedBatch::Answered(Box::new(answer))))
                };
                let outcome = queue();
                queued.lock().expect("one thread").push((attempt, outcome));
            }
        });
        let answer = self.store.append_with(first.batch(defect), first.append());
        self.machine.meanwhile.forget();
        self.poll_tickets()?;
        self.settle(first, answer)?;
        let later = std::mem::take(&mut *later.lock().expect("one thread"));
        for (attempt, outcome) in later {
            // If the first one's group has failed, this one was never written.
            let attempt = Attempt { unsure: true, ..attempt };
            match outcome {
                Ok(QueuedBatch::Waits(ticket)) => self.waiting.push_back((attempt, ticket)),
                Ok(QueuedBatch::Answered(answer)) => self.settle(attempt, *answer)?,
                Err(error) => self.not_queued(attempt, error)?,
            }
        }
        self.poll_tickets()
    }

    /// Has a sync run for what is only written, and appends while it runs: that is not durable by it.
    pub(super) fn join_a_flush(&mut self) -> Result<(), Failure> {
        let buffered = |life: &mut Self| {
            let draft = life.plain_draft();
            Attempt { durability: Durability::Buffered, ..Attempt::of(vec![draft]) }
        };
        let (first, second) = (buffered(self), buffered(self));
        let answer = self.store.append_with(first.batch(self.script.defect), first.append());
        self.poll_tickets()?;
        self.settle(first, answer)?;
        // A write that fails then would wait for the sync that it is a part of.
        let quiet = !self.script.faults && self.waiting.is_empty() && !self.is_over();
        if !quiet || !self.has_room(ROOM) {
            return Ok(());
        }
        let later: Later<Receipt> = Arc::default();
        let (store, appended, defect) = (Arc::clone(&self.store), Arc::clone(&later), self.script.defect);
        self.machine.meanwhile.plan(move || {
            let answer = store.append_with(second.batch(defect), second.append());
            appended.lock().expect("one thread").push((second, answer));
        });
        let waited = self.store.wait_durable(Position(self.model.count()), Duration::ZERO);
        self.machine.meanwhile.forget();
        let later = std::mem::take(&mut *later.lock().expect("one thread"));
        for (attempt, answer) in later {
            self.settle(attempt, answer)?;
        }
        self.durable_after(waited).map(drop)
    }

    /// Returns whether the newest segment has room for this many more bytes.
    fn has_room(&self, room: u64) -> bool {
        let newest = self.machine.segments().pop_last().map(|(_, name)| name);
        let bytes = newest.and_then(|name| self.machine.disk.at_rest().read(&name).ok());
        let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
        length.saturating_add(room) <= self.machine.options.segment_bytes
    }

    /// Something that may be refused because of another batch, which is on its way: the same key, an id of it, or a
    /// condition on what some draft of it is called.
    fn rival(&mut self, of: &Attempt) -> Attempt {
        let known = self.others.pick(&of.drafts).clone();
        let mut attempt = Attempt::of(vec![self.plain_draft()]);
        let (stream, after) = (known.stream.clone(), self.model.count());
        match self.others.below(9) {
            0 if of.key.is_some() => return of.clone(),
            0 => attempt.drafts[0].id = known.id,
            1 => attempt.demands.push(Demand::Version(stream.clone(), self.model.version(&stream))),
            2 => attempt.demands.push(Demand::Exists(stream)),
            3 if self.model.version(&stream).0 == 0 => attempt.demands.push(Demand::Absent(stream)),
            3 | 4 => attempt.demands.push(Demand::FailIf(ModelQuery::stream(&stream), after)),
            5 => {
                let tag = known.tags.first().map_or_else(String::new, ToString::to_string);
                attempt.demands.push(Demand::FailIf(ModelQuery::tags(&[&tag]), after));
            }
            6 => attempt.demands.push(Demand::FailIf(ModelQuery::entity(&known.stream.entity), after)),
            // Another lane is another stream.
            7 => attempt.drafts[0].stream = StreamId { lane: stream.lane + 1, ..stream },
            _ => attempt.demands.push(Demand::FailIf(ModelQuery::some(&mut self.others, after), after)),
        }
        if self.others.chance(1, 4) {
            let tag = known.tags.first().cloned();
            attempt.demands.extend(tag.map(|tag| Demand::FailIf(ModelQuery::tags(&[&tag, "tag:0"]), after)));
        }
        attempt
    }
}
