//! Evidence: what was found at some moment, as a small value that can be signed and looked at again later.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use tidegate_format::{Error, ErrorKind, ErrorPlace, Hash, Position, Result, StoreId, StreamId, Version};
use tidegate_proof::tree::Frontier;
use tidegate_proof::{SignedNote, SigningKey, VerifierKey};

use super::key_file::KeyFile;
use super::prover::Proofs;
use crate::read::{Query, ReadOptions};

/// The first line of a note of evidence, so that no other text that a key signs can be taken for one.
const FIRST_LINE: &str = "tidegate/evidence@v1\n";

/// What was read or verified, or what a projection said: enough to find out later whether it was so.
///
/// As text it is one line of JSON with a fixed spelling. [`sign`](Self::sign) puts it into a
/// [signed note](https://c2sp.org/signed-note).
///
/// ```
/// use tidegate::proofs::Evidence;
/// use tidegate::{Draft, Position, Query, Store};
/// use tidegate_proof::{KeyAlgorithm, SigningKey};
///
/// let store = Store::in_memory()?;
/// for kind in ["order.placed", "order.paid"] {
///     store.append(Draft::new(("shop", "order-7"), kind))?;
/// }
/// let order = Query::stream(("shop", "order-7"));
/// let evidence = store.proofs().evidence(&order, Position(1), Position(2))?;
///
/// let key = SigningKey::new("auditor.example/2026", KeyAlgorithm::Ed25519, [7; 32])?;
/// let file = evidence.sign(&key)?.to_string();
///
/// store.append(Draft::new(("shop", "order-7"), "order.shipped"))?;
/// let again = Evidence::from_note(&file.parse()?, [key.verifier()])?;
/// store.proofs().check_evidence(&again)?;
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// The events that a query selects in a part of the log.
    Events(EventsEvidence),
    /// The state of a projection.
    State(StateEvidence),
}

/// Which events a query selects in a part of the log: of a verification, or of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsEvidence {
    /// The store.
    pub store: StoreId,
    /// What was asked.
    pub query: Query,
    /// The first position that was looked at.
    pub from: Position,
    /// The last position that was looked at.
    pub until: Position,
    /// How many events the query selects there.
    pub count: u64,
    /// The leaf of the first of them, zeros if there are none.
    pub first: Hash,
    /// The leaf of the last of them, zeros if there are none.
    pub last: Hash,
    /// The root of the RFC 6962 tree over the leaves of all of them, in the order of positions.
    pub root: Hash,
}

/// What a projection said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEvidence {
    /// The store.
    pub store: StoreId,
    /// The name of the projection.
    pub projection: String,
    /// The version of its fold.
    pub version: u16,
    /// Which events it takes in.
    pub query: Query,
    /// The last position it looked at.
    pub position: Position,
    /// The leaf of the event there, zeros for position 0.
    pub leaf: Hash,
    /// SHA-256 of the state in `MessagePack` with named fields.
    pub state: Hash,
}

impl Evidence {
    /// Returns the store that it is about.
    pub fn store(&self) -> StoreId {
        match self {
            Self::Events(events) => events.store,
            Self::State(state) => state.store,
        }
    }

    /// Signs it as a note. Any Ed25519 key will do; one that signs checkpoints stays safe, since no text is both.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the key is for another algorithm, or a query makes it too long for a note.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedNote> {
        let text = format!("{FIRST_LINE}{self}\n");
        let signature = key.sign(&text)?;
        SignedNote::new(&text, vec![signature])
    }

    /// Signs it as a note with the key in a file, the one that signs the checkpoints of a store. What that file remembers
    /// does not change.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub fn sign_with(&self, key: &KeyFile) -> Result<SignedNote> {
        self.sign(key.signing_key())
    }

    /// Reads it from a note that one of these keys signed.
    ///
    /// # Errors
    ///
    /// [`Disproved`](ErrorKind::Disproved) if none of the keys signed the note, and [`Invalid`](ErrorKind::Invalid) if it is
    /// not a note of evidence.
    pub fn from_note<'a>(note: &SignedNote, keys: impl IntoIterator<Item = &'a VerifierKey>) -> Result<Self> {
        note.verify(keys)?;
        let line = note.text().strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_suffix('\n'));
        line.ok_or_else(|| Error::invalid("the note is not one of evidence"))?.parse()
    }

    fn value(&self) -> Value {
        match self {
            Self::Events(events) => json!({
                "evidence": "events",
                "store": events.store.to_string(),
                "query": crate::read::query_value(&events.query),
                "from": events.from.0,
                "until": events.until.0,
                "count": events.count,
                "first": events.first.to_string(),
                "last": events.last.to_string(),
                "root": events.root.to_string(),
            }),
            Self::State(state) => json!({
                "evidence": "state",
                "store": state.store.to_string(),
                "projection": state.projection,
                "version": state.version,
                "query": crate::read::query_value(&state.query),
                "position": state.position.0,
                "leaf": state.leaf.to_string(),
                "state": state.state.to_string(),
            }),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

impl FromStr for Evidence {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || match serde_json::from_str(text).ok()? {
            Value::Object(fields) => Fields(fields).read(),
            _ => None,
        };
        let evidence = read().filter(|evidence| evidence.to_string() == text);
        evidence.ok_or_else(|| Error::invalid("this is not evidence, or is spelled otherwise"))
    }
}

/// The members of a JSON object.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(&self) -> Option<Evidence> {
        let (store, query) = (self.text("store")?.parse().ok()?, self.query()?);
        Some(match self.text("evidence")? {
            "events" => Evidence::Events(EventsEvidence {
                store,
                query,
                from: Position(self.number("from")?),
                until: Position(self.number("until")?),
                count: self.number("count")?,
                first: self.hash("first")?,
                last: self.hash("last")?,
                root: self.hash("root")?,
            }),
            "state" => Evidence::State(StateEvidence {
                store,
                projection: self.text("projection")?.to_owned(),
                version: self.number("version")?.try_into().ok()?,
                query,
                position: Position(self.number("position")?),
                leaf: self.hash("leaf")?,
                state: self.hash("state")?,
            }),
            _ => return None,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    fn hash(&self, name: &str) -> Option<Hash> {
        self.text(name)?.parse().ok()
    }

    fn query(&self) -> Option<Query> {
        crate::read::read_query(self.0.get("query")?).ok()
    }
}

impl Proofs {
    /// Reads the events that a query selects from one position up to another, and returns what that comes to. The log is made
    /// durable before, so that what is signed cannot be lost. Every record is checked, and so is the link of each event to the one before it of its stream, if that was read too.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the first position is 0, or the log ends before the last one;
    /// [`Damaged`](ErrorKind::Damaged) with the place, and the other errors of reading.
    pub fn evidence(&self, query: &Query, from: Position, until: Position) -> Result<Evidence> {
        let view = self.durable_view()?;
        if from == Position::START || until > view.head() {
            view.check_end()?;
            let message =
                format!("positions {from} to {until} are not in the log, which has 1 to {}", view.head());
            return Err(Error::invalid(message));
        }
        let mut found = EventsEvidence {
            store: self.store().id(),
            query: query.clone(),
            from,
            until,
            count: 0,
            first: Hash::ZERO,
            last: Hash::ZERO,
            root: Hash::ZERO,
        };
        let mut leaves = Frontier::new();
        let mut streams: HashMap<StreamId, (Version, Hash)> = HashMap::new();
        let range = ReadOptions::new().after(from.before()).before(until.next());
        for event in view.read_with(query, range) {
            let event = event?;
            let (leaf, link) = (event.leaf(), event.record().link());
            let before = streams.insert(event.stream(), (event.version(), leaf));
            if let Some((_, expected)) = before.filter(|(version, _)| version.next() == event.version())
                && expected != link
            {
                let message = "an event is not linked to the one before it of its stream";
                return Err(Error::damaged(message, expected, link).at(ErrorPlace::Event(event.position())));
            }
            if found.count == 0 {
                found.first = leaf;
            }
            (found.count, found.last) = (found.count + 1, leaf);
            leaves.push(leaf);
        }
        found.root = leaves.root();
        Ok(Evidence::Events(found))
    }

    /// Checks that the log still says what evidence says: the same events for a query, and for the state of a projection the
    /// same event at its position. That the state follows from the events, only the projection can say:
    /// [`Projector::evidence`](crate::project::Projector::evidence).
    ///
    /// # Errors
    ///
    /// [`Disproved`](ErrorKind::Disproved) if it does not, [`Invalid`](ErrorKind::Invalid) if it is about another store,
    /// [`Older`](ErrorKind::Older) if the log ends before it, [`Retired`](ErrorKind::Retired) if the events were retired, and
    /// those of reading.
    pub fn check_evidence(&self, evidence: &Evidence) -> Result<()> {
        let (store, said) = (self.store().id(), evidence.store());
        if store != said {
            return Err(Error::invalid(format!("it is about the store {said}, and this is {store}")));
        }
        let view = self.store().view()?;
        let last = match evidence {
            Evidence::Events(events) => events.until,
            Evidence::State(state) => state.position,
        };
        if last > view.head() {
            let message = format!("the log has {} events, and this is about {last}", view.head());
            return Err(Error::new(ErrorKind::Older, message));
        }
        let disproved = |what: String| Err(Error::new(ErrorKind::Disproved, format!("evidence: {what}")));
        match evidence {
            Evidence::Events(events) => {
                let found = self.evidence(&events.query, events.from, events.until)?;
                if found == *evidence { Ok(()) } else { disproved(format!("the log says {found}")) }
            }
            Evidence::State(state) => {
                let leaf = view.at(state.position)?.map_or(Hash::ZERO, |event| event.leaf());
                let message = || format!("the leaf at position {} is {leaf}", state.position);
                if leaf == state.leaf { Ok(()) } else { disproved(message()) }
            }
        }
    }
}
