//! The commit section: a group of batches gets its places and goes down, one group at a time.
//!
//! Invariants:
//!
//! J1. Positions are dense: what was answered with a receipt, and nothing else, has a position.
//! J2. A batch is answered with a receipt only when it is as durable as it asked to be.
//! J3. Events become visible only when their group is: after the sync where one batch of it asked for that,
//!     otherwise after the write.
//! J4. Times never decrease from one position to the next.
//! J5. After an outcome nobody knows the writer ends, and every batch still waiting is told.

use std::collections::HashSet;
use std::sync::Arc;

use tidegate_disk::Clock;
use tidegate_format::{
    Error, ErrorKind, EventId, FRAME_HEAD_BYTES, Micros, Place, Placed, Position, Result, StoreId, record,
};

use super::heads::{Head, Heads};
use super::prepare::{Prepared, PreparedRecord, duplicate};
use super::ticket::Slot;
use crate::edge::{Edge, Pending};
use crate::published::Published;
use crate::receipt::{Receipt, Receipted};
use crate::settings::Durability;

/// A batch in the queue.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) prepared: Prepared,
    pub(crate) durability: Durability,
    pub(crate) slot: Arc<Slot>,
}

/// What the leader holds: the places of the next events, and the edge.
#[derive(Debug)]
pub(crate) struct Committer {
    store: StoreId,
    edge: Box<dyn Edge>,
    published: Arc<Published>,
    clock: Arc<dyn Clock>,
    heads: Heads,
    next: Position,
    time: Micros,
}

/// A group on its way: its frame, and what its batches will be told.
#[derive(Debug, Default)]
struct Group {
    frame: Vec<u8>,
    receipts: Vec<(Arc<Slot>, Receipt)>,
    given: HashSet<EventId>,
    synced: bool,
}

impl Committer {
    pub(crate) fn new(
        store: StoreId,
        edge: Box<dyn Edge>,
        published: Arc<Published>,
        clock: Arc<dyn Clock>,
        time: Micros,
    ) -> Self {
        let next = published.visible().next();
        Self { store, edge, published, clock, heads: Heads::default(), next, time }
    }

    /// Commits batches as one group and answers all of them.
    pub(crate) fn commit(&mut self, entries: impl Iterator<Item = Entry>) {
        let first = self.next;
        self.time = self.time.max(Micros(self.clock.now_micros()));
        let mut group = Group::default();
        for entry in entries {
            match self.published.ended() {
                Some(error) => entry.slot.answer(Err(error)),
                None => self.join(&mut group, entry),
            }
        }
        if group.receipts.is_empty() {
            return;
        }
        self.published.set_accepted(self.next.before());
        match self.keep(&mut group, first) {
            Ok(()) => {
                for (slot, receipt) in group.receipts {
                    slot.answer(Ok(receipt));
                }
            }
            Err(error) => self.fail(group, first, &error),
        }
    }

    /// Judges a batch and gives it the next places in the group, or answers it with its refusal.
    fn join(&mut self, group: &mut Group, mut entry: Entry) {
        match self.admit(group, &entry.prepared).and_then(|()| self.place(&mut entry.prepared)) {
            Err(error) => entry.slot.answer(Err(error)),
            Ok(receipt) => {
                group.synced |= entry.durability == Durability::Synced;
                group.given.extend(entry.prepared.given.iter().map(|(_, id)| *id));
                if group.frame.is_empty() {
                    group.frame = entry.prepared.bytes;
                } else {
                    group.frame.extend_from_slice(&entry.prepared.bytes[FRAME_HEAD_BYTES..]);
                }
                group.receipts.push((entry.slot, receipt));
            }
        }
    }

    /// Refuses ids that came into the log since the batch was prepared.
    fn admit(&self, group: &Group, prepared: &Prepared) -> Result<()> {
        if prepared.given.is_empty() {
            return Ok(());
        }
        let log = self.published.log();
        for &(index, id) in &prepared.given {
            if group.given.contains(&id) {
                let message = format!("the event {id} came into the log a moment ago");
                return Err(Error::new(ErrorKind::Refused, message).at(Place::Draft(index)));
            }
            let newer = log.0.iter().rev().take_while(|segment| segment.next().before() > prepared.checked);
            for segment in newer {
                if let Some(event) = segment.find_id(id)? {
                    let position = segment.first().plus(u64::from(event));
                    return Err(duplicate(id, position).at(Place::Draft(index)));
                }
            }
        }
        Ok(())
    }

    /// Gives every record of a batch its place, and links it to the event before it in its stream.
    fn place(&mut self, prepared: &mut Prepared) -> Result<Receipt> {
        // What can fail comes first, so that a batch is placed whole or not at all.
        for item in &prepared.records {
            self.find_head(item)?;
        }
        let first = self.next;
        let mut events = Vec::with_capacity(prepared.records.len());
        let mut rest = &mut prepared.bytes[FRAME_HEAD_BYTES..];
        for item in &prepared.records {
            let (bytes, behind) = rest.split_at_mut(item.length as usize);
            rest = behind;
            let head = self.heads.get(item.stream).unwrap_or_default();
            let (position, version) = (self.next, head.version.next());
            let placed =
                Placed { position, version, previous: head.position, link: head.leaf, time: self.time };
            let leaf = record::place(bytes, &placed, first, &item.payload);
            self.heads.put(item.stream, Head { version, position, leaf });
            events.push(Receipted { id: item.id, position, version, leaf });
            self.next = position.next();
        }
        Ok(Receipt { store: self.store, time: self.time, events })
    }

    /// Makes sure that the head of a stream is at hand, if the stream has any events.
    fn find_head(&mut self, item: &PreparedRecord) -> Result<()> {
        if self.heads.get(item.stream).is_some() {
            return Ok(());
        }
        for segment in self.published.log().0.iter().rev() {
            let Some(postings) = segment.find(&item.term)? else { continue };
            let Some(last) = postings.get(postings.count() - 1) else { continue };
            let event = segment.event(last)?;
            let (version, position) = (event.version(), event.position());
            self.heads.put(item.stream, Head { version, position, leaf: event.leaf() });
            return Ok(());
        }
        Ok(())
    }

    /// Writes the group, syncs it where asked to, and makes it visible.
    fn keep(&mut self, group: &mut Group, first: Position) -> Result<()> {
        self.edge.append(&mut group.frame, first)?;
        let last = self.next.before();
        self.published.set_written(last);
        if group.synced {
            let pending = self.edge.pending();
            pending.run()?;
            self.note_durable(&*pending);
        }
        self.published.set_visible(last);
        Ok(())
    }

    fn fail(&mut self, group: Group, first: Position, error: &Error) {
        // The places were never taken; the heads are looked up in the log again.
        self.next = first;
        self.heads.clear();
        self.published.set_accepted(first.before());
        if error.kind() != ErrorKind::Full {
            self.published.end(ended(error));
        }
        for (slot, _) in group.receipts {
            slot.answer(Err(self.published.ended().unwrap_or_else(|| error.again())));
        }
    }

    /// A sync to be run beside further commits; nothing where all is durable.
    pub(crate) fn pending(&self) -> Option<Box<dyn Pending>> {
        (self.published.written() > self.published.durable()).then(|| self.edge.pending())
    }

    /// Takes note that it was run.
    pub(crate) fn note_durable(&mut self, done: &dyn Pending) {
        if let Err(error) = self.edge.note_durable(done) {
            // The events are durable; only readers in other processes learn of it later.
            tracing::warn!(%error, "the watermark was not written");
        }
        self.published.set_durable(done.position());
    }

    /// Ends in good order.
    pub(crate) fn close(&mut self) -> Result<()> {
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        if let Some(pending) = self.pending() {
            pending.run().inspect_err(|error| self.published.end(ended(error)))?;
            self.note_durable(&*pending);
        }
        self.published.end(Error::new(ErrorKind::Ended, "the store was closed"));
        self.edge.close()
    }
}

/// What everybody is told once the outcome of a group is unknown.
fn ended(cause: &Error) -> Error {
    if cause.kind() == ErrorKind::Ended {
        return cause.again();
    }
    let message = "the writer ended after an error whose outcome is unknown; open the store again";
    Error::new(ErrorKind::Ended, message).because(cause.again())
}
