//! Erasing: the payloads of chosen events go for good; their places, names and proofs stay.
//!
//! Invariants:
//!
//! E1. An erasure is decided by a durable event. From then on no view shows a payload that it names, in this process or
//!     another, and every opening for writing goes on with it until the files hold none of them.
//! E2. What is to be done is written down (the erasing file) before it is decided, and taken back after all of it is durable.
//! E3. A payload is masked before it is decided that it goes, so that there is no moment between.
//! E4. A key is destroyed after the event that names it is durable, and said to be destroyed after that is durable.
mod saved;
mod plan;
mod pass;
mod named;
#[cfg(feature = "encryption")]
mod subject;

use std::fmt;

use tidegate_format::record::KeyId;
use tidegate_format::{ErasingFile, ErrorKind, Position, Result};

pub use plan::ErasePlan;

use super::upkeep::Upkeep;
use super::writer::Writer;
use crate::backend::{erasing_or_all, keep_erasing};
use crate::batch::{Batch, Footprint, Receipt, ValidBatch};
use crate::published::Keys;
use crate::read::{ErasedEvent, ErasedPositions, mask, unmask};
use crate::read::{Query, View};
use crate::settings::{AppendOptions, Durability};
use pass::Pass;

pub(super) use pass::resume;

/// Why payloads are erased, and by whom: both stay in the log for good, so they name no person whose data is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erase {
    /// Why: 1 to 1,024 bytes.
    pub reason: String,
    /// By whom, such as the name of a desk or the number of a request: 1 to 1,024 bytes.
    pub by: String,
}

impl Erase {
    /// Returns the words that are kept of an erasure.
    pub fn new(reason: impl Into<String>, by: impl Into<String>) -> Self {
        Self { reason: reason.into(), by: by.into() }
    }
}

/// Report of an erasure: what is gone, and what it did not reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasure {
    /// The last of the events that say what was erased; `None` if the query selected nothing that was left to erase.
    pub recorded: Option<Position>,
    /// How many payloads were erased.
    pub events: u64,
    /// How many bytes they had.
    pub payload_bytes: u64,
    /// How many keys of subjects were destroyed.
    pub keys: u64,
    /// How many segments were written anew.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes_written: u64,
    /// How many saved states of projections were removed. They are folded anew when they are read.
    pub saved_states: u64,
    /// Old files that this process still has mapped, for events and reads that are under way. They go with those.
    pub held: u64,
    /// The stages that hold drafts. Drafts are no events and are not erased.
    pub stages: Vec<String>,
    /// Old files that the system did not let go. The next opening for writing removes them.
    pub left: Vec<String>,
}

impl fmt::Display for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            recorded,
            events,
            payload_bytes,
            keys,
            segments,
            bytes_written,
            saved_states,
            held,
            stages,
            left,
        } = self;
        match recorded {
            None => write!(f, "nothing was left to erase")?,
            Some(position) => write!(
                f,
                "payloads erased: {events} ({payload_bytes} bytes), as the event at position {position} says"
            )?,
        }
        if *keys > 0 {
            write!(f, "; keys destroyed: {keys}")?;
        }
        if segments + saved_states > 0 {
            write!(
                f,
                "; segments written anew: {segments} ({bytes_written} bytes); saved states removed: {saved_states}"
            )?;
        }
        if *held > 0 {
            write!(
                f,
                "; old files still mapped: {held}, until this process drops the events that it read from them"
            )?;
        }
        if !left.is_empty() {
            write!(f, "; not removed yet, the next opening does: {}", left.join(", "))?;
        }
        if !stages.is_empty() {
            write!(f, "; drafts that were not looked at, in stages: {}", stages.join(", "))?;
        }
        if *keys > 0 {
            return write!(f, ". {KEY_UNREACHED}");
        }
        write!(f, ". {UNREACHED}")
    }
}

/// What no erasure reaches, in words for those who answer for it.
const UNREACHED: &str = "Not reached: backups and copies of the store, exports, what other processes have read or hold mapped, \
                         states that readers keep outside the store, and old blocks that a disk or a file system keeps";

/// The same of payloads that were encrypted with a key that is destroyed now.
const KEY_UNREACHED: &str = "Backups and copies of the store hold ciphertext that nothing opens any more. Not reached: copies of the \
                         keyring, copies of what was read, states that readers keep outside the store, and old \
                         blocks that a disk or a file system keeps of the keyring";

impl Upkeep {
    /// Erases the payloads of all events that a query selects, for good. Their places, names, times and proofs stay, so
    /// nothing else in the log changes: positions, versions, leaves, the tree, receipts and proofs are what they were.
    /// Reading such a payload is an error of kind [`Erased`](ErrorKind::Erased), and
    /// [`RecordedEvent::is_erased`](crate::RecordedEvent::is_erased) tells without one. Names cannot be erased, so they
    /// should never be personal.
    ///
    /// An event of kind [`tidegate.erased`](crate::report::ERASED) with the positions, the reason and by whom decides it and is
    /// made durable; the query is not kept, since it may name a person. From then on no view shows the payloads. Then
    /// the segments that hold them are written anew beside the old files, which are removed; appends and reads go on
    /// meanwhile, and a crash is made good by the next opening. Many subjects at once, as several items of one query, share that
    /// work: it costs a copy of each segment that is touched.
    ///
    /// A projection that took in such an event is folded anew. A retry of a batch of which an event was erased is
    /// refused as a [duplicate](crate::Error::conflict) under its idempotency key. Events that are erased already are passed over.
    /// [`ErasePlan::of`] says beforehand what would go.
    ///
    /// What this does not reach (backups, copies, other processes) is in the report's words.
    ///
    /// ```
    /// use tidegate::report::Erase;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "customer-7"), "address.changed").json_text(r#"{"city":"Bonn"}"#))?;
    /// let subject = Query::stream(("shop", "customer-7"));
    /// let erasure = store.upkeep().erase(&subject, Erase::new("request of 3 May", "desk 2"))?;
    /// assert_eq!((erasure.events, erasure.payload_bytes), (1, 15));
    /// println!("{erasure}");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the query selects an event of the store's own (its kind begins with `tidegate.`), or for
    /// a reason or a name that cannot be kept; [`Refused`](ErrorKind::Refused) on a node of a shared log; [`Ended`](ErrorKind::Ended) if the writer has ended;
    /// [`Damaged`](ErrorKind::Damaged) for a segment that is not whole, [`Full`](ErrorKind::Full) and
    /// [`Io`](ErrorKind::Io) if files cannot be written: once the event is in the log the payloads are gone from all views then,
    /// and this call, made again, or the next opening goes on with the files.
    pub fn erase(&self, query: &Query, erase: Erase) -> Result<Erasure> {
        let Erase { reason, by } = erase;
        ErasedEvent::check(&reason, &by)?;
        let store = self.store();
        self.refuse_node("payloads cannot be erased")?;
        let writer = &**store.writer()?;
        let _one = writer.erasing.lock();
        let plan = ErasePlan::of(store, query)?;
        self.carry_out(writer, &plan, &[], (&reason, &by))
    }

    /// Erases what a plan says, and destroys these keys, of which it has the events.
    fn carry_out(
        &self,
        writer: &Writer,
        plan: &ErasePlan,
        keys: &[KeyId],
        words: (&str, &str),
    ) -> Result<Erasure> {
        let store = self.store();
        let disk = &*store.env().disk;
        let file = erasing_or_all(disk, store.id())?;
        let mut erasure = Erasure {
            events: plan.events,
            payload_bytes: plan.payload_bytes,
            stages: store.stages()?,
            ..Erasure::default()
        };
        if plan.events > 0 || !keys.is_empty() {
            let (store, done) = (store.id(), file.map_or(Position::START, |file| file.done));
            // keeps E2
            keep_erasing(disk, &ErasingFile { store, done, open: true })?;
            erasure.recorded = Some(self.decide_erasure(writer, &plan.positions, keys, words)?);
            erasure.keys = self.destroy_keys(writer, keys)?;
        } else if file.is_none_or(|file| !file.open) {
            return Ok(erasure);
        }
        let done = file.map_or(Position::START, |file| file.done);
        let Pass { segments, bytes_written, saved_states, held, left } =
            pass::carry_out(writer, store.env(), store.id(), done)?;
        Ok(Erasure { segments, bytes_written, saved_states, held, left, ..erasure })
    }

    /// Destroys keys that a durable event names (keeps E4), and says so in another one. Returns how many they are.
    fn destroy_keys(&self, writer: &Writer, keys: &[KeyId]) -> Result<u64> {
        let Some(Keys { subjects, .. }) = writer.published.keys() else { return Ok(0) };
        let mut destroyed = Vec::new();
        for key in keys {
            if subjects.destroy(*key)? {
                destroyed.push(*key);
            } else {
                tracing::warn!(%key, "the keyring does not have a key that is to be destroyed; give the store the one that has it");
            }
        }
        if !destroyed.is_empty() {
            self.append_erased(writer, vec![ErasedEvent::destroyed(&destroyed)])?;
        }
        Ok(destroyed.len() as u64)
    }

    /// Appends the events that decide it, and returns the last one's position.
    fn decide_erasure(
        &self,
        writer: &Writer,
        positions: &ErasedPositions,
        keys: &[KeyId],
        (reason, by): (&str, &str),
    ) -> Result<Position> {
        // keeps E3
        let before = mask(&writer.published.log(), positions);
        let decided = self.append_erased(writer, ErasedEvent::drafts(positions, keys, reason, by));
        match decided {
            Ok(receipt) => {
                writer.published.set_erased(receipt.last());
                Ok(receipt.last())
            }
            Err(error) => {
                // If its outcome is unknown, the next opening finds out.
                if writer.published.ended().is_none() && error.kind() != ErrorKind::OutcomeUnknown {
                    unmask(before);
                }
                Err(error)
            }
        }
    }

    fn append_erased(&self, writer: &Writer, drafts: Vec<tidegate_format::Draft>) -> Result<Receipt> {
        let view = View::written(&writer.published);
        let own = ValidBatch::new(Batch::own(drafts), &writer.published)?;
        let append = AppendOptions::new().durability(Durability::Synced);
        let store = self.store();
        let prepared = store.prepare(writer, &view, &own, Vec::new(), Footprint::default(), &append)?;
        writer.journal.append(prepared, super::Store::queue_options(writer, &append))
    }
}
