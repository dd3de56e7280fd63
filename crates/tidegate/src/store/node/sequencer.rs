//! The node's part before the commit section: groups become proposals in the shared log, and what stands there is committed here,
//! in its order, those of other nodes too.
//!
//! Invariants:
//!
//! V1. Slots are applied in order, each once: the log here says of each frame from which slot it was made.
//! V2. Nothing of this machine enters a verdict: what is not a conflict with the history ends the node.
//! V3. A caller is told that its batch is in the log, or is refused, by what was applied here alone, its own batches read back
//!     from the shared log like those of others.
//! V4. A sequence is used once. One whose outcome is unknown is withdrawn before the next one is used.
//! V5. The node file never says more than the log here holds durably.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_disk::{Disk, Env, Random};
use tidegate_format::store::NodeId;
use tidegate_format::{
    Error, ErrorKind, ErrorPlace, Hash, Micros, Position, Result, StoreFile, hash, limit::Limit,
};
use tidegate_segment::HashKey;
use tidegate_shared_log::{AppendError, SharedLog, Slot};

use super::bytes::Writer;
use super::item::{Header, Item, PROPOSAL_BYTES, RULES};
use super::progress::Progress;
use super::replicated::{Replicated, Void, WINDOW};
use super::{batches, file};
use crate::backend::seed;
use crate::batch::Receipt;
use crate::journal::{
    Committer, DecidedAt, GroupResult, PendingAnswer, PreparedBatch, QueuedBatch, Sequencer,
};
use crate::published::Deadline;
use crate::settings::Durability;

/// How many times a call to the shared log in a row may come to nothing. Adapters wait by themselves; this is for those that do
/// not.
const TRIES: u32 = 64;
/// Into how many parts the time for a proposal is divided, each for one try.
const PARTS: u32 = 5;
/// Slots after which the node file is written again.
const SAVE_SLOTS: u64 = 4096;

/// What a node proposes with.
#[derive(Debug)]
pub(super) struct NodeSequencer {
    log: Arc<dyn SharedLog>,
    env: Env,
    store: StoreFile,
    seed: HashKey,
    id: NodeId,
    /// The last sequence of this id that was applied.
    sequence: u64,
    /// The digest of the batches under the next sequence, if whether they are in the shared log is unknown.
    unresolved: Option<Hash>,
    replicated: Replicated,
    /// Up to this slot the log here holds everything; what is read again is read for sequences alone.
    held: u64,
    item_bytes_max: usize,
    patience: Duration,
    time_step_max: Option<Duration>,
    progress: Arc<Progress>,
}

/// What this node waits for in the shared log.
struct Own<'a> {
    entries: &'a mut [QueuedBatch],
    digest: Hash,
    is_decided: bool,
}

/// Batches as bytes.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    count: u32,
}

/// What the groups of one call came to.
struct Total {
    result: GroupResult,
}

impl Total {
    fn new(committer: &Committer, bytes: usize) -> Self {
        Self { result: GroupResult { bytes, ..committer.nothing() } }
    }

    fn add(&mut self, group: GroupResult) {
        let GroupResult { last, synced, held, bytes: _ } = group;
        self.result.last = last;
        self.result.synced = match (self.result.synced, synced) {
            (Some(one), Some(other)) => Some(one || other),
            (one, other) => one.or(other),
        };
        self.result.held.extend(held);
    }

    /// Answers a batch that is not in the log.
    fn refuse(&mut self, entry: &mut QueuedBatch, error: &Error) {
        let answer: Result<Receipt> = Err(error.clone());
        self.result.held.extend(entry.completion.take().map(|responder| PendingAnswer {
            responder,
            answer,
            rests_on: Position::START,
            synced: false,
        }));
    }
}

/// What a node was opened with, for its sequencer.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) log: Arc<dyn SharedLog>,
    pub(super) item_bytes_max: usize,
    pub(super) patience: Duration,
    pub(super) time_step_max: Option<Duration>,
    pub(super) progress: Arc<Progress>,
    /// The slot of the last frame of the log here.
    pub(super) held: u64,
    /// The last position of the log here.
    pub(super) head: Position,
}

impl NodeSequencer {
    /// Returns the sequencer of a node that goes on where its files say.
    pub(super) fn open(env: &Env, store: &StoreFile, setup: Setup) -> Result<Self> {
        let Setup { log, item_bytes_max, patience, time_step_max, progress, held, head } = setup;
        let known = file::read(&*env.disk, store.id).or_else(|error| match error.kind() {
            ErrorKind::Damaged => {
                tracing::warn!(%error, "the shared log is read from its first slot");
                Ok(None)
            }
            _ => Err(error),
        })?;
        let replicated = match known {
            Some(file) if file.position > head => {
                let expected = format!("position {} at least", file.position);
                return Err(Error::damaged("the log is older than its node file", expected, head));
            }
            Some(file) => Replicated::of(&file, WINDOW),
            None => Replicated::new(store.id, WINDOW),
        };
        progress.saved.store(replicated.slot, Ordering::Relaxed);
        progress.applied.store(replicated.slot, Ordering::Relaxed);
        Ok(Self {
            log,
            env: env.clone(),
            store: store.clone(),
            seed: seed(store.seed),
            id: new_id(&*env.random)?,
            sequence: 0,
            unresolved: None,
            replicated,
            held,
            item_bytes_max,
            patience,
            time_step_max,
            progress,
        })
    }

    fn now(&self) -> Micros {
        Micros(self.env.clock.now_micros())
    }

    /// Proposes a group, in as many proposals as it needs. After an error what is not answered was not proposed.
    fn propose_group(
        &mut self,
        committer: &mut Committer,
        entries: &mut [QueuedBatch],
        total: &mut Total,
    ) -> Result<()> {
        if let Some(error) = committer.ended() {
            return Err(error);
        }
        self.check_clock(committer)?;
        if self.unresolved.is_some() {
            self.propose(committer, &mut [], &Encoded::default(), total)?;
        }
        let mut rest = entries;
        while !rest.is_empty() {
            let (encoded, count) = self.pack(committer, rest, total)?;
            let (proposed, behind) = rest.split_at_mut(count);
            if encoded.count > 0 {
                self.propose(committer, proposed, &encoded, total)?;
            }
            rest = behind;
        }
        Ok(())
    }

    /// Refuses to propose while the clock is too far ahead: every node would get its time.
    fn check_clock(&self, committer: &Committer) -> Result<()> {
        let (Some(max), (_, last)) = (self.time_step_max, committer.written()) else { return Ok(()) };
        let step = Duration::from_micros(self.now().0.saturating_sub(last.0));
        if step <= max || last == Micros(0) {
            return Ok(());
        }
        let message =
            format!("the clock is {step:?} ahead of the last recorded time, and time_step_max is {max:?}");
        Err(Error::new(ErrorKind::Refused, message))
    }

    /// Encodes as many of the first batches as one proposal takes, and says how many these are. One that no proposal takes is
    /// answered, and stands alone.
    fn pack(
        &self,
        committer: &Committer,
        entries: &mut [QueuedBatch],
        total: &mut Total,
    ) -> Result<(Encoded, usize)> {
        let max = self.item_bytes_max.saturating_sub(PROPOSAL_BYTES);
        let (view, _) = committer.written();
        let (mut encoded, mut count) = (Writer::default(), 0);
        for entry in entries.iter_mut() {
            let checked = entry.prepared.checked;
            let leaf = view.leaf(checked)?.ok_or_else(|| {
                Error::damaged("what a batch was judged by is gone", checked, view.head())
                    .at(ErrorPlace::Event(checked))
            })?;
            let before = encoded.0.len();
            batches::encode(&entry.prepared, leaf, &mut encoded);
            if encoded.0.len() <= max {
                count += 1;
                continue;
            }
            if count == 0 {
                let what = "the batch with its conditions is too large for the shared log; split it";
                total.refuse(entry, &Error::over(Limit::BatchBytes, max, encoded.0.len(), what));
                return Ok((Encoded::default(), 1));
            }
            encoded.0.truncate(before);
            break;
        }
        Ok((Encoded { bytes: encoded.0, count: count as u32 }, count))
    }

    /// Puts a proposal into the shared log, again and again under the same sequence, and applies what is there, until it is
    /// applied itself. Without batches it withdraws the sequence.
    fn propose(
        &mut self,
        committer: &mut Committer,
        entries: &mut [QueuedBatch],
        encoded: &Encoded,
        total: &mut Total,
    ) -> Result<()> {
        let deadline = Deadline::after(&self.env.clock, self.patience);
        let mut own = Own { entries, digest: hash::sha256(&encoded.bytes), is_decided: false };
        let (mut is_unknown, mut tries) = (self.unresolved.is_some(), 0);
        let error = loop {
            if self.renew_id()? && encoded.count == 0 {
                // What was proposed under the forgotten id is void for ever.
                return Ok(());
            }
            let item = self.header(encoded.count).seal(&encoded.bytes);
            let attempt = self.attempt(committer, &item, &mut own, &deadline, &mut is_unknown, total);
            tries += 1;
            match attempt {
                Ok(()) if own.is_decided => {
                    self.unresolved = None;
                    return Ok(());
                }
                // It was void: its maker had applied too little. It is made again.
                Ok(()) if tries < TRIES => {}
                Ok(()) => {
                    break Error::new(
                        ErrorKind::Unavailable,
                        "the shared log does not take a proposal in time",
                    );
                }
                Err(error) if error.kind() != ErrorKind::Unavailable => break error,
                Err(error) if deadline.is_over() || tries >= TRIES => break error,
                Err(_) => {}
            }
        };
        if is_unknown {
            self.unresolved = Some(self.unresolved.unwrap_or(own.digest));
            let message = "the shared log did not answer in time, so whether the batch is in the log is unknown; ask again \
                           under the same idempotency key";
            let unknown = Error::new(ErrorKind::OutcomeUnknown, message).because(error.clone());
            for entry in own.entries.iter_mut() {
                total.refuse(entry, &unknown);
            }
        }
        Err(error)
    }

    fn header(&self, batches: u32) -> Header {
        let (store, node, time) = (self.store.id, self.id, self.now());
        let (sequence, applied) = (self.sequence + 1, self.replicated.slot);
        Header { rules: RULES, store, node, sequence, applied, time, batches }
    }

    /// Takes another id if this one was forgotten; says whether it did.
    fn renew_id(&mut self) -> Result<bool> {
        let is_known = self.replicated.sequence(self.id, self.replicated.slot + 1).is_some();
        if self.sequence == 0 || is_known {
            return Ok(false);
        }
        (self.id, self.sequence, self.unresolved) = (new_id(&*self.env.random)?, 0, None);
        Ok(true)
    }

    fn attempt(
        &mut self,
        committer: &mut Committer,
        item: &[u8],
        own: &mut Own<'_>,
        deadline: &Deadline,
        is_unknown: &mut bool,
        total: &mut Total,
    ) -> Result<()> {
        // Not all of the time that is left: an answer that does not come now may come to the next try.
        let wait = deadline.left().min(self.patience / PARTS);
        let target = match self.log.append(item, wait) {
            Ok(slot) => slot,
            Err(AppendError::Unknown(_)) => {
                *is_unknown = true;
                self.log.end(wait)?
            }
            Err(AppendError::Unavailable(error)) => return Err(error),
            Err(error) => return Err(error.into()),
        };
        // From here on it may be applied by others, whatever this node learns.
        *is_unknown = true;
        self.apply_up_to(committer, target, deadline, Some(own), total)
    }

    /// Applies every slot up to this one.
    fn apply_up_to(
        &mut self,
        committer: &mut Committer,
        target: Slot,
        deadline: &Deadline,
        mut own: Option<&mut Own<'_>>,
        total: &mut Total,
    ) -> Result<()> {
        self.progress.end.fetch_max(target.0, Ordering::Relaxed);
        let mut tries = 0;
        while self.replicated.slot < target.0 {
            let count = self.apply_next(committer, deadline.left(), own.as_deref_mut(), total)?;
            tries = if count == 0 { tries + 1 } else { 0 };
            if count == 0 && (deadline.is_over() || tries >= TRIES) {
                return Err(Error::new(ErrorKind::Unavailable, "the shared log does not show what it holds"));
            }
        }
        Ok(())
    }

    /// Applies the next slots, and returns how many that were.
    fn apply_next(
        &mut self,
        committer: &mut Committer,
        wait: Duration,
        mut own: Option<&mut Own<'_>>,
        total: &mut Total,
    ) -> Result<usize> {
        let read = self.log.read(Slot(self.replicated.slot + 1), wait);
        let items = read.inspect_err(|error| {
            // Without the next slot this node never goes on.
            if error.kind() != ErrorKind::Unavailable {
                committer.end(error);
            }
        })?;
        for (slot, item) in &items {
            let applied = self.apply(committer, *slot, item, own.as_deref_mut(), total);
            applied.inspect_err(|error| committer.end(error))?;
            self.progress.applied.store(slot.0, Ordering::Relaxed);
            self.progress.end.fetch_max(slot.0, Ordering::Relaxed);
        }
        self.save_if_due(committer)?;
        Ok(items.len())
    }

    /// Applies one slot. Any error ends this node.
    fn apply(
        &mut self,
        committer: &mut Committer,
        slot: Slot,
        item: &[u8],
        own: Option<&mut Own<'_>>,
        total: &mut Total,
    ) -> Result<()> {
        if slot.0 != self.replicated.slot + 1 {
            // keeps V1
            return Err(Error::damaged("the shared log has a gap", self.replicated.slot + 1, slot));
        }
        let Item::Proposal(header, bytes) = Item::read(item)? else {
            self.replicated.advance(None);
            return Ok(());
        };
        let checked = self.replicated.check(&header).map(|()| self.read_batches(committer, &header, bytes));
        let batches = match checked {
            Ok(Ok(Ok(batches))) => batches,
            Ok(Err(error)) => return Err(error),
            Err(void) | Ok(Ok(Err(void))) => {
                self.note_void(&header, void)?;
                self.replicated.advance(None);
                return Ok(());
            }
        };
        let is_own = header.node == self.id;
        let own = self.match_own(&header, bytes, own)?;
        if slot.0 > self.held {
            let decided = DecidedAt { now: header.time, slot: slot.0 };
            let group = match own {
                Some(own) => {
                    own.entries.iter_mut().zip(batches).for_each(|(entry, batch)| take_over(entry, batch));
                    committer.commit_decided(own.entries, decided, 0)
                }
                None => {
                    let mut entries: Vec<_> = batches.into_iter().map(of_another).collect();
                    committer.commit_decided(&mut entries, decided, 0)
                }
            };
            total.add(group);
            if let Some(error) = committer.ended() {
                // keeps V2: nothing was decided here.
                return Err(error);
            }
        }
        self.replicated.advance(Some(&header));
        if is_own {
            self.sequence = header.sequence;
            self.unresolved = None;
        }
        Ok(())
    }

    /// Reads the batches of a proposal, or says why it is void. Each names a leaf of the history that it was made for.
    fn read_batches(
        &self,
        committer: &Committer,
        header: &Header,
        bytes: &[u8],
    ) -> Result<Result<Vec<PreparedBatch>, Void>> {
        let Ok(batches) = batches::decode(header, bytes, self.seed) else { return Ok(Err(Void::Malformed)) };
        let (view, _) = committer.written();
        for (batch, leaf) in &batches {
            if batch.checked > view.head() || view.leaf(batch.checked)? != Some(*leaf) {
                return Ok(Err(Void::OtherHistory));
            }
        }
        Ok(Ok(batches.into_iter().map(|(batch, _)| batch).collect()))
    }

    /// Notes a void proposal. One of this node's own that no history takes says that something is wrong here.
    fn note_void(&mut self, header: &Header, void: Void) -> Result<()> {
        self.progress.void.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(node = %header.node, sequence = header.sequence, ?void, "a proposal left nothing");
        if header.node != self.id || !matches!(void, Void::OtherHistory | Void::Malformed) {
            return Ok(());
        }
        let message =
            format!("every node refuses what this one proposes ({void:?}); its history may be another one");
        Err(Error::new(ErrorKind::Diverged, message))
    }

    /// Returns what this node waits for, if it is this proposal.
    fn match_own<'a, 'b>(
        &self,
        header: &Header,
        bytes: &[u8],
        own: Option<&'a mut Own<'b>>,
    ) -> Result<Option<&'a mut Own<'b>>> {
        if header.node != self.id {
            return Ok(None);
        }
        let digest = hash::sha256(bytes);
        if let Some(own) = own {
            own.is_decided = true;
            if own.digest == digest {
                return Ok(Some(own));
            }
        }
        // What was given up on came after all, or was withdrawn.
        if self.unresolved == Some(digest) || (self.unresolved.is_some() && bytes.is_empty()) {
            return Ok(None);
        }
        let message = "another process proposes under this node's id, as a copy of a running virtual machine does; end one of \
                       them and open it again";
        Err(Error::new(ErrorKind::Diverged, message))
    }

    /// Writes the node file now and then, behind a sync of what it says.
    fn save_if_due(&mut self, committer: &mut Committer) -> Result<()> {
        if self.replicated.slot - self.progress.saved.load(Ordering::Relaxed) < SAVE_SLOTS {
            return Ok(());
        }
        committer.make_durable()?;
        self.save(committer)
    }

    fn save(&mut self, committer: &Committer) -> Result<()> {
        // What lies between was not read again yet, and the log here holds more.
        if self.replicated.slot < self.held {
            return Ok(());
        }
        let (view, _) = committer.written();
        let disk: &dyn Disk = &*self.env.disk;
        file::keep(disk, &self.replicated.file(view.head()))?;
        self.progress.saved.store(self.replicated.slot, Ordering::Relaxed);
        Ok(())
    }
}

impl Sequencer for NodeSequencer {
    fn commit(
        &mut self,
        committer: &mut Committer,
        entries: &mut [QueuedBatch],
        bytes: usize,
    ) -> GroupResult {
        let mut total = Total::new(committer, bytes);
        if let Err(error) = self.propose_group(committer, entries, &mut total) {
            // keeps V3: of these nothing was handed over.
            for entry in entries {
                total.refuse(entry, &error);
            }
        }
        total.result
    }

    fn catch_up(&mut self, committer: &mut Committer, wait: Option<Duration>) -> (GroupResult, Result<()>) {
        let mut total = Total::new(committer, 0);
        if let Some(error) = committer.ended() {
            return (total.result, Err(error));
        }
        let deadline = Deadline::after(&self.env.clock, wait.unwrap_or_default());
        let caught_up = match wait {
            Some(_) => {
                let end = self.log.end(deadline.left());
                end.and_then(|end| self.apply_up_to(committer, end, &deadline, None, &mut total))
            }
            None => loop {
                match self.apply_next(committer, Duration::ZERO, None, &mut total) {
                    Ok(0) => break Ok(()),
                    Ok(_) => {}
                    Err(error) => break Err(error),
                }
            },
        };
        (total.result, caught_up)
    }

    fn close(&mut self, committer: &Committer) -> Result<()> {
        self.save(committer)
    }
}

/// Has a batch committed as it was read back from the shared log. What is for its caller alone stays.
fn take_over(entry: &mut QueuedBatch, decided: PreparedBatch) {
    let proposed = std::mem::replace(&mut entry.prepared, decided);
    entry.prepared.gates = proposed.gates;
    entry.prepared.several = proposed.several;
}

/// Returns a batch that another node answers.
fn of_another(prepared: PreparedBatch) -> QueuedBatch {
    let durability = Durability::Buffered;
    QueuedBatch { prepared, durability, completion: None, turn: None, again: false, moved: false }
}

fn new_id(random: &dyn Random) -> Result<NodeId> {
    let mut id = [0; 16];
    random.fill(&mut id).map_err(|cause| {
        Error::new(ErrorKind::Io, "a node id needs random bytes, and there are none").because(cause)
    })?;
    Ok(NodeId(id))
}
