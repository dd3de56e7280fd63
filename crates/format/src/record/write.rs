//! From a draft to a record: first all that is known outside any lock, then the place.

use std::ops::Range;

use super::commitment::{Blind, Body, ErasedPayload};
use super::crc_of;
use crate::draft::{Cause, Draft};
use crate::hash::{self, Hash};
use crate::id::{CorrelationId, EventId};
use crate::layout::{self, Layout, RECORD_HEAD_BYTES, number};
use crate::limit::{CAUSES_MAX, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::name::{StreamId, Text};
use crate::number::{Micros, Position, Version};

/// What the store knows of a draft before it has a place.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The event's id.
    pub id: EventId,
    /// The flow it belongs to.
    pub correlation: CorrelationId,
    /// Its causes, each one a position, an earlier draft, or foreign.
    pub causes: &'a [Cause],
    /// The batch's idempotency key and its content hash as it is stored ([`Blind::content`]), on the first record
    /// of a keyed batch and no other. A key keeps the rules of [names](crate::name::check). A hash of zeros says
    /// that an event of the batch was erased.
    pub key: Option<(&'a str, Hash)>,
    /// What the store notes on it, behind the metadata of the draft.
    pub notes: &'a [(Text, Text)],
    /// What hides its payload.
    pub blind: Blind,
    /// Whether it ends its batch.
    pub batch_end: bool,
}

/// The place of an event in the log and in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its place in the log.
    pub position: Position,
    /// Its place in the stream.
    pub version: Version,
    /// The position of the stream's event before it; 0 if it is the first.
    pub previous: Position,
    /// The leaf hash of that event; zeros if there is none.
    pub link: Hash,
    /// When it was recorded. Never less than that of the event before it in the log.
    pub time: Micros,
}

/// Appends the record of a draft to `out`, all but its place, and returns what its entry commits to.
///
/// # Panics
///
/// If the draft does not pass [`Draft::check`], the key does not pass [`name::check`](crate::name::check),
/// there are more than [`CAUSES_MAX`] causes, or one of them is a [`Cause::Id`], which the store has to turn
/// into a position first.
pub fn encode(draft: &Draft, facts: &Facts<'_>, out: &mut Vec<u8>) -> Body {
    assert!(draft.payload.len() <= PAYLOAD_BYTES_MAX, "a payload is within its limit");
    let start = out.len();
    out.reserve(RECORD_HEAD_BYTES + 256 + draft.payload.len());
    let parts = encode_parts(draft, facts, draft.payload.len() as u32, out);
    let tail = out.len();
    out.extend_from_slice(&facts.blind.0);
    out.extend_from_slice(&draft.payload);
    // Blind and payload stand behind each other here: this is what `Blind::commit` hashes.
    let payload = hash::sha256(&out[tail..]);
    out.resize(tail + layout::tail_bytes(draft.payload.len()), 0);
    put_length(&mut out[start..], 0);
    Body::of(payload, &out[parts])
}

/// Appends the record of an event whose payload was erased, all but its place, and returns what its entry commits to:
/// the same as before. The draft's payload and the blind are not looked at.
///
/// # Panics
///
/// Like [`encode`], and if the payload that was erased was longer than its limit.
pub fn encode_erased(draft: &Draft, facts: &Facts<'_>, erased: &ErasedPayload, out: &mut Vec<u8>) -> Body {
    assert!(erased.length as usize <= PAYLOAD_BYTES_MAX, "a payload is within its limit");
    let start = out.len();
    let parts = encode_parts(draft, facts, erased.length, out);
    let tail = out.len();
    out.extend_from_slice(&erased.commitment.0);
    out.resize(tail + layout::tail_bytes(erased.length as usize), 0);
    put_length(&mut out[start..], layout::ERASED);
    Body::of(erased.commitment, &out[parts])
}

/// Writes the length of a whole record, with its marks.
pub(super) fn put_length(record: &mut [u8], marks: u32) {
    let length = record.len() as u32 | marks;
    put(record, layout::LENGTH, &length.to_le_bytes());
}

/// Appends head, parts and content hash, and returns where the parts lie in `out`.
fn encode_parts(draft: &Draft, facts: &Facts<'_>, payload_length: u32, out: &mut Vec<u8>) -> Range<usize> {
    encode_head(draft, facts, payload_length, out);
    let start = out.len();
    if facts.correlation != facts.id {
        out.extend_from_slice(&facts.correlation.0);
    }
    for name in [&draft.stream.scope, &draft.stream.entity, &draft.kind] {
        out.extend_from_slice(name.as_bytes());
    }
    if let Some((key, _)) = facts.key {
        out.extend_from_slice(key.as_bytes());
    }
    encode_lists(draft, facts, out);
    let end = out.len();
    if let Some((_, content)) = facts.key {
        out.extend_from_slice(&content.0);
    }
    start..end
}

fn encode_head(draft: &Draft, facts: &Facts<'_>, payload_length: u32, out: &mut Vec<u8>) {
    assert!(facts.causes.len() <= CAUSES_MAX, "causes are within their limit");
    let StreamId { scope, entity, lane } = &draft.stream;
    let mut flags = if facts.batch_end { layout::FLAG_BATCH_END } else { 0 };
    if facts.correlation != facts.id {
        flags |= layout::FLAG_CORRELATION;
    }
    let mut head = [0; RECORD_HEAD_BYTES];
    put(&mut head, layout::ID, &facts.id.0);
    put(&mut head, layout::LANE, &lane.to_le_bytes());
    put(&mut head, layout::PAYLOAD_LENGTH, &payload_length.to_le_bytes());
    put(&mut head, layout::SCHEMA, &draft.schema.to_le_bytes());
    put(&mut head, layout::CAUSES, &(facts.causes.len() as u16).to_le_bytes());
    head[layout::FLAGS] = flags;
    head[layout::PAYLOAD_TYPE] = draft.payload_type as u8;
    put(&mut head, layout::SCOPE, &name_length(scope));
    put(&mut head, layout::ENTITY, &name_length(entity));
    put(&mut head, layout::KIND, &name_length(&draft.kind));
    put(&mut head, layout::KEY, &facts.key.map_or([0; 2], |(key, _)| name_length(key)));
    head[layout::TAGS] = u8::try_from(draft.tags.len()).expect("tags are within their limit");
    head[layout::METADATA] =
        u8::try_from(draft.metadata.len() + facts.notes.len()).expect("metadata is within its limit");
    out.extend_from_slice(&head);
}

/// Returns a name's length as it is written. An empty or overlong name would read back as something else.
fn name_length(name: &str) -> [u8; 2] {
    assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX, "a name is not empty and within its limit");
    (name.len() as u16).to_le_bytes()
}

fn encode_lists(draft: &Draft, facts: &Facts<'_>, out: &mut Vec<u8>) {
    for tag in &draft.tags {
        out.extend_from_slice(&name_length(tag));
        out.extend_from_slice(tag.as_bytes());
    }
    for cause in facts.causes {
        match cause {
            Cause::At(position) => {
                out.push(layout::CAUSE_AT);
                out.extend_from_slice(&position.0.to_le_bytes());
            }
            Cause::Draft(index) => {
                out.push(layout::CAUSE_DRAFT);
                out.extend_from_slice(&u64::from(*index).to_le_bytes());
            }
            Cause::Foreign(store, event) => {
                out.push(layout::CAUSE_FOREIGN);
                out.extend_from_slice(&store.0);
                out.extend_from_slice(&event.0);
            }
            Cause::Id(_) => unreachable!("the store turns ids into positions before it encodes"),
        }
    }
    let notes = facts.notes.iter().map(|(name, value)| (name, value.as_bytes()));
    for (name, value) in draft.metadata.iter().map(|(name, value)| (name, &**value)).chain(notes) {
        out.extend_from_slice(&name_length(name));
        out.extend_from_slice(name.as_bytes());
        let length = u16::try_from(value.len()).expect("a metadata value is within its limit");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(value);
    }
}

pub(super) fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    record[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Returns scope, entity and lane of a record that [`encode`] wrote, with or without its place.
///
/// ```
/// # use tidegate_format::record::{self, Facts};
/// # use tidegate_format::{Blind, Draft};
/// # let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
/// # let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
/// # let mut bytes = Vec::new();
/// record::encode(&Draft::new(("shop", "order-7"), "order.placed"), &facts, &mut bytes);
/// assert_eq!(record::stream(&bytes), ("shop", "order-7", 0));
/// # Ok::<(), tidegate_format::Error>(())
/// ```
///
/// # Panics
///
/// If `record` is not one whole record that [`encode`] wrote.
pub fn stream(record: &[u8]) -> (&str, &str, u32) {
    let [scope, entity] = [layout::SCOPE, layout::ENTITY].map(|field| layout::name_length(record, field));
    let correlation = if record[layout::FLAGS] & layout::FLAG_CORRELATION == 0 { 0 } else { 16 };
    let names = &record[RECORD_HEAD_BYTES + correlation..];
    let text = |bytes| std::str::from_utf8(bytes).expect("names are encoded from text");
    (text(&names[..scope]), text(&names[scope..scope + entity]), number!(record, layout::LANE, u32))
}

/// Gives an encoded record its place and its checksum, and returns its leaf hash. `first` is the position
/// of the batch's first event, which turns causes inside the batch into positions; `body` is what [`encode`] returned.
///
/// # Panics
///
/// If `record` is not one whole record that [`encode`] wrote, has a place already (its causes are settled
/// then, so a second place needs the bytes as they were encoded), or gets an impossible one: `previous` and
/// every local cause lie before the position, and `previous` is 0 exactly if the version is 1.
pub fn place(record: &mut [u8], placed: &Placed, first: Position, body: &Body) -> Hash {
    assert_eq!(Layout::stated_length(record).ok(), Some(record.len()), "a record is placed whole");
    assert_eq!(number!(record, layout::POSITION, u64), 0, "a record is placed once");
    assert!(placed.previous < placed.position, "the stream's last event lies before the next one");
    assert!(placed.version != Version::EMPTY, "the first event of a stream has version 1");
    let is_first = placed.version == Version(1);
    assert_eq!(
        is_first,
        placed.previous == Position::START,
        "only a stream's first event has none before it"
    );
    put(record, layout::POSITION, &placed.position.0.to_le_bytes());
    put(record, layout::VERSION, &placed.version.0.to_le_bytes());
    put(record, layout::PREVIOUS, &placed.previous.0.to_le_bytes());
    put(record, layout::TIME, &placed.time.0.to_le_bytes());
    put(record, layout::LINK, &placed.link.0);
    let causes = number!(record, layout::CAUSES, u16) != 0;
    // A cause that became a position changed the parts, and so the body.
    let body = if causes { place_causes(record, placed.position, first, body) } else { body.hash };
    let leaf = hash::leaf(&record[layout::ENTRY..RECORD_HEAD_BYTES], &body);
    let crc = crc_of(record);
    put(record, layout::CRC, &crc.to_le_bytes());
    leaf
}

/// Turns causes inside the batch into positions, and returns the hash of the body that follows from them.
fn place_causes(record: &mut [u8], own: Position, first: Position, body: &Body) -> Hash {
    let layout = Layout::read_unplaced(record).expect("the record was encoded whole");
    let mut at = layout.causes as usize;
    let mut moved = false;
    for _ in 0..number!(record, layout::CAUSES, u16) {
        if record[at] == layout::CAUSE_FOREIGN {
            at += layout::CAUSE_FOREIGN_BYTES;
            continue;
        }
        let mut cause = number!(record, at + 1, u64);
        if record[at] == layout::CAUSE_DRAFT {
            moved = true;
            cause = first.plus(cause).0;
            record[at] = layout::CAUSE_AT;
            put(record, at + 1, &cause.to_le_bytes());
        }
        assert!((1..own.0).contains(&cause), "a cause lies before its effect");
        at += layout::CAUSE_AT_BYTES;
    }
    if moved {
        Body::of(body.payload, &record[RECORD_HEAD_BYTES..layout.content as usize]).hash
    } else {
        body.hash
    }
}
