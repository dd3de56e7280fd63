//! The event that says what is erased.

use serde_json::{Value, json};
use tidegate_format::record::KeyId;
use tidegate_format::{Draft, Error, ErrorPlace, Position, Record, Result, StreamId, name};
use tidegate_segment::RecordedEvent;

use super::positions::ErasedPositions;

/// The kind of the event that says what is erased.
pub const ERASED: &str = "tidegate.erased";
/// The kind of the event that says that keys are destroyed which events of kind [`ERASED`] name.
pub const DESTROYED: &str = "tidegate.destroyed";
/// The kind of the event that says which events are retired.
pub const RETIRED: &str = "tidegate.retired";
/// The same event in a copy of the store that it was written in.
const IMPORTED_ERASED: &str = "tidegate.imported.erased";
/// The scope and the entity of such events.
const STREAM: (&str, &str) = ("tidegate", "tidegate.erasures");
/// Runs that one event names at most.
pub(crate) const RUNS_MAX: usize = 1 << 16;

/// What an event of kind [`ERASED`] says. It never says by which query, since that may name a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasedEvent {
    /// The positions of the events whose payloads were erased.
    pub positions: ErasedPositions,
    /// The keys that are destroyed with them: what they encrypted is erased in every copy.
    pub keys: Vec<KeyId>,
    /// Why.
    pub reason: String,
    /// By whom, as the caller said.
    pub by: String,
}

impl ErasedEvent {
    /// Reads what an event says.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for an event of another kind, and [`Damaged`](crate::ErrorKind::Damaged) if its
    /// payload says no positions before it.
    pub fn of(event: &RecordedEvent) -> Result<Self> {
        if event.kind() != ERASED {
            return Err(Error::invalid(format!("the event is of kind {}, not {ERASED}", event.kind())));
        }
        Self::read(&event.record())
    }

    /// Reads what a record of this kind says.
    pub(super) fn read(record: &Record<'_>) -> Result<Self> {
        let found =
            serde_json::from_slice::<Value>(record.payload()?).ok().and_then(|value| Self::parse(&value));
        // None may be left: in a salvaged log, from which those events were lost.
        let is_before =
            |found: &Self| found.positions.runs().iter().all(|(_, last)| *last < record.position());
        found.filter(is_before).ok_or_else(|| {
            let message = "an event says in a wrong way what is erased";
            Error::damaged(message, "runs of earlier positions", "something else")
                .at(ErrorPlace::Event(record.position()))
        })
    }

    /// Reads what a record says is erased, if it says that in order.
    pub(crate) fn in_record(record: &Record<'_>) -> Option<Self> {
        if record.kind() == ERASED { Self::read(record).ok() } else { None }
    }

    /// Returns the payload that says the same of other positions.
    pub(crate) fn payload_for(&self, positions: &ErasedPositions) -> String {
        payload(positions.runs(), &self.keys, &self.reason, &self.by)
    }

    fn parse(value: &Value) -> Option<Self> {
        let run = |run: &Value| match run.as_array()?.as_slice() {
            [first, last] => Some((Position(first.as_u64()?), Position(last.as_u64()?))),
            _ => None,
        };
        let runs: Vec<_> = value["positions"].as_array()?.iter().map(run).collect::<Option<_>>()?;
        let is_sound = runs.iter().all(|(first, last)| *first > Position::START && first <= last);
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let (reason, by) = (text("reason")?, text("by")?);
        let keys = parse_keys(value)?;
        is_sound.then(|| Self { positions: ErasedPositions::of_runs(runs), keys, reason, by })
    }

    /// Refuses words that cannot be kept.
    pub(crate) fn check(reason: &str, by: &str) -> Result<()> {
        name::check("reason", reason)?;
        name::check("name of who erases", by)
    }

    /// Returns the drafts of the events that say that these positions are erased and these keys destroyed: one for each
    /// [`RUNS_MAX`] runs, of which the first one names the keys.
    pub(crate) fn drafts(positions: &ErasedPositions, keys: &[KeyId], reason: &str, by: &str) -> Vec<Draft> {
        let draft = |runs: &[(Position, Position)], keys: &[KeyId]| {
            Draft::new(StreamId::new(STREAM.0, STREAM.1), ERASED).json_text(payload(runs, keys, reason, by))
        };
        let mut chunks: Vec<_> = positions.runs().chunks(RUNS_MAX).collect();
        if chunks.is_empty() && !keys.is_empty() {
            chunks.push(&[]);
        }
        let named = |index: usize| if index == 0 { keys } else { &[] };
        chunks.into_iter().enumerate().map(|(index, runs)| draft(runs, named(index))).collect()
    }

    /// Returns the draft of the event that says that these keys are destroyed.
    pub(crate) fn destroyed(keys: &[KeyId]) -> Draft {
        let keys: Vec<_> = keys.iter().map(KeyId::to_string).collect();
        let payload = json!({ "keys": keys }).to_string();
        Draft::new(StreamId::new(STREAM.0, STREAM.1), DESTROYED).json_text(payload)
    }

    /// Returns the keys that an event of kind [`DESTROYED`] says are destroyed; none if it does not say that in order.
    pub(crate) fn keys_destroyed(record: &Record<'_>) -> Vec<KeyId> {
        let value = record.payload().ok().and_then(|payload| serde_json::from_slice::<Value>(payload).ok());
        value.as_ref().and_then(parse_keys).unwrap_or_default()
    }

    /// Returns whether a kind is that of an event which says what is erased: in this store, or in the one it was copied from.
    pub(super) fn written(kind: &str) -> Option<Written> {
        match kind {
            ERASED => Some(Written::Here),
            IMPORTED_ERASED => Some(Written::Elsewhere),
            _ => None,
        }
    }
}

/// Returns the floor that a record of kind [`RETIRED`] names.
pub(super) fn retired_before(record: &Record<'_>) -> Option<Position> {
    let said = serde_json::from_slice::<Value>(record.payload().ok()?).ok()?;
    said["before"].as_u64().map(Position)
}

fn payload(runs: &[(Position, Position)], keys: &[KeyId], reason: &str, by: &str) -> String {
    let runs: Vec<_> = runs.iter().map(|(first, last)| [first.0, last.0]).collect();
    let mut said = json!({ "positions": runs, "reason": reason, "by": by });
    if !keys.is_empty() {
        said["keys"] = keys.iter().map(KeyId::to_string).collect();
    }
    said.to_string()
}

/// Returns the keys that a payload names; none is in order too.
fn parse_keys(value: &Value) -> Option<Vec<KeyId>> {
    let Some(keys) = value.get("keys") else { return Some(Vec::new()) };
    keys.as_array()?.iter().map(|key| key.as_str()?.parse().ok()).collect()
}

/// Where an event was written that says what is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Here,
    /// In another store, whose positions it names.
    Elsewhere,
}
