//! Records: events as bytes.
//!
//! Invariants:
//!
//! R1. A [`Record`] was checked when it was made: its checksum holds and its parts lie inside it.
//! R2. The same draft with the same facts and place always gives the same bytes.
//! R3. The leaf hash covers every field and the hash of the payload; nothing outside the record.

use crate::draft::{Cause, Draft, PayloadType};
use crate::error::{Error, Result};
use crate::hash::{self, Hash};
use crate::id::{EventId, StoreId};
use crate::layout::{self, Layout, number};
use crate::limit::{CAUSES_MAX, PAYLOAD_BYTES_MAX};
use crate::name::Coordinate;
use crate::number::{Micros, Position, Version};

pub use crate::layout::RECORD_HEAD_BYTES;

/// What the store knows of a draft before it has a place.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The event's id.
    pub id: EventId,
    /// The flow it belongs to.
    pub correlation: EventId,
    /// Its causes, each one a position, an earlier draft, or foreign.
    pub causes: &'a [Cause],
    /// The batch's idempotency key and content hash, on the first record of a keyed batch and no other. A
    /// key keeps the rules of [names](crate::name::check).
    pub key: Option<(&'a str, Hash)>,
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
    /// The position of the stream's event before it; 0 where it is the first.
    pub previous: Position,
    /// The leaf hash of that event; zeros where there is none.
    pub link: Hash,
    /// When it was recorded. Never less than that of the event before it in the log.
    pub time: Micros,
}

/// Appends the record of a draft to `out`, all but its place, and returns the hash of the payload.
///
/// # Panics
///
/// Where the draft does not pass [`Draft::check`], the key does not pass [`name::check`](crate::name::check),
/// there are more than [`CAUSES_MAX`] causes, or one of them is a [`Cause::Id`], which the store has to turn
/// into a position first.
pub fn encode(draft: &Draft, facts: &Facts<'_>, out: &mut Vec<u8>) -> Hash {
    let start = out.len();
    out.reserve(RECORD_HEAD_BYTES + 256 + draft.payload.len());
    encode_head(draft, facts, out);
    if facts.correlation != facts.id {
        out.extend_from_slice(&facts.correlation.0);
    }
    for name in [&draft.coordinate.scope, &draft.coordinate.entity, &draft.kind] {
        out.extend_from_slice(name.as_bytes());
    }
    if let Some((key, content)) = facts.key {
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&content.0);
    }
    encode_lists(draft, facts.causes, out);
    out.extend_from_slice(&draft.payload);
    let length = (out.len() - start) as u32;
    put(&mut out[start..], layout::LENGTH, &length.to_le_bytes());
    hash::sha256(&draft.payload)
}

fn encode_head(draft: &Draft, facts: &Facts<'_>, out: &mut Vec<u8>) {
    assert!(draft.payload.len() <= PAYLOAD_BYTES_MAX, "a payload is within its limit");
    assert!(facts.causes.len() <= CAUSES_MAX, "causes are within their limit");
    let Coordinate { scope, entity, lane } = &draft.coordinate;
    let mut flags = if facts.batch_end { layout::FLAG_BATCH_END } else { 0 };
    if facts.correlation != facts.id {
        flags |= layout::FLAG_CORRELATION;
    }
    let mut head = [0; RECORD_HEAD_BYTES];
    put(&mut head, layout::ID, &facts.id.0);
    put(&mut head, layout::LANE, &lane.to_le_bytes());
    put(&mut head, layout::PAYLOAD_LENGTH, &(draft.payload.len() as u32).to_le_bytes());
    put(&mut head, layout::SCHEMA, &draft.schema.to_le_bytes());
    put(&mut head, layout::CAUSES, &(facts.causes.len() as u16).to_le_bytes());
    head[layout::FLAGS] = flags;
    head[layout::PAYLOAD_TYPE] = draft.payload_type as u8;
    head[layout::SCOPE] = name_length(scope);
    head[layout::ENTITY] = name_length(entity);
    head[layout::KIND] = name_length(&draft.kind);
    head[layout::KEY] = facts.key.map_or(0, |(key, _)| name_length(key));
    head[layout::TAGS] = u8::try_from(draft.tags.len()).expect("tags are within their limit");
    head[layout::METADATA] = u8::try_from(draft.metadata.len()).expect("metadata is within its limit");
    out.extend_from_slice(&head);
}

/// A length in one byte. An empty or overlong name would read back as something else.
fn name_length(name: &str) -> u8 {
    assert!(!name.is_empty(), "a name is not empty");
    u8::try_from(name.len()).expect("a name is within its limit")
}

fn encode_lists(draft: &Draft, causes: &[Cause], out: &mut Vec<u8>) {
    for tag in &draft.tags {
        out.push(name_length(tag));
        out.extend_from_slice(tag.as_bytes());
    }
    for cause in causes {
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
    for (name, value) in &draft.metadata {
        out.push(name_length(name));
        out.extend_from_slice(name.as_bytes());
        let length = u16::try_from(value.len()).expect("a metadata value is within its limit");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(value.as_bytes());
    }
}

fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    record[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Gives an encoded record its place and its checksum, and returns its leaf hash. `first` is the position
/// of the batch's first event, which turns causes inside the batch into positions; `payload` is what
/// [`encode`] returned.
///
/// # Panics
///
/// Where `record` is not one whole record that [`encode`] wrote, has a place already (its causes are settled
/// then, so a second place needs the bytes as they were encoded), or gets an impossible one: `previous` and
/// every local cause lie before the position, and `previous` is 0 exactly where the version is 1.
pub fn place(record: &mut [u8], placed: &Placed, first: Position, payload: &Hash) -> Hash {
    assert_eq!(number!(record, layout::LENGTH, u32) as usize, record.len(), "a record is placed whole");
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
    if number!(record, layout::CAUSES, u16) != 0 {
        place_causes(record, placed.position, first);
    }
    let payload_at = record.len() - number!(record, layout::PAYLOAD_LENGTH, u32) as usize;
    let leaf = hash::leaf(&record[layout::ENTRY..payload_at], payload);
    let crc = crc_of(record);
    put(record, layout::CRC, &crc.to_le_bytes());
    leaf
}

fn place_causes(record: &mut [u8], own: Position, first: Position) {
    let mut at = Layout::read_unplaced(record).expect("the record was encoded whole").causes as usize;
    for _ in 0..number!(record, layout::CAUSES, u16) {
        if record[at] == layout::CAUSE_FOREIGN {
            at += layout::CAUSE_FOREIGN_BYTES;
            continue;
        }
        let mut cause = number!(record, at + 1, u64);
        if record[at] == layout::CAUSE_DRAFT {
            cause = first.plus(cause).0;
            record[at] = layout::CAUSE_AT;
            put(record, at + 1, &cause.to_le_bytes());
        }
        assert!((1..own.0).contains(&cause), "a cause lies before its effect");
        at += layout::CAUSE_AT_BYTES;
    }
}

/// The checksum of a record: its length field, then everything behind the checksum.
fn crc_of(record: &[u8]) -> u32 {
    hash::crc(hash::crc(0, &record[..layout::CRC]), &record[layout::ENTRY..])
}

/// The checksum that stands in a record, whether it holds or not. The record has its whole head.
pub(crate) fn stated_crc(record: &[u8]) -> u32 {
    number!(record, layout::CRC, u32)
}

/// The position that stands in a record.
pub(crate) fn stated_position(record: &[u8]) -> Position {
    Position(number!(record, layout::POSITION, u64))
}

/// Whether a record says that it ends its batch.
pub(crate) fn states_batch_end(record: &[u8]) -> bool {
    record[layout::FLAGS] & layout::FLAG_BATCH_END != 0
}

/// An event as it stands in the log, read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

impl<'a> Record<'a> {
    /// Reads and checks the record that starts `bytes`; more may follow it.
    #[inline]
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let length = Layout::stated_length(bytes)?;
        let bytes = &bytes[..length];
        let (stated, found) = (stated_crc(bytes), crc_of(bytes));
        if stated != found {
            let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
            return Err(Error::damaged("a record's checksum does not hold", stated, found));
        }
        let layout = Layout::read(bytes)?;
        Ok(Self { bytes, layout })
    }

    /// The record over bytes that [`read`](Self::read) has checked before, with the layout it found then:
    /// the same bytes, not what a file holds in the same place now.
    ///
    /// ```
    /// # use tidegate_format::{Draft, Facts, Hash, Micros, Placed, Position, Record, Version, record};
    /// # let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
    /// # let facts = Facts { id, correlation: id, causes: &[], key: None, batch_end: true };
    /// # let mut bytes = Vec::new();
    /// # let payload = record::encode(&Draft::new(("shop", "order-7"), "order.placed"), &facts, &mut bytes);
    /// # let (position, previous) = (Position(1), Position(0));
    /// # let (version, link, time) = (Version(1), Hash::ZERO, Micros(0));
    /// # let placed = Placed { position, version, previous, link, time };
    /// # record::place(&mut bytes, &placed, position, &payload);
    /// let layout = Record::read(&bytes)?.layout();
    /// assert_eq!(Record::again(&bytes, layout).kind(), "order.placed");
    /// # Ok::<(), tidegate_format::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Here or in another method, where `layout` belongs to other bytes.
    #[inline]
    pub fn again(bytes: &'a [u8], layout: Layout) -> Self {
        Self { bytes: &bytes[..layout.length()], layout }
    }

    /// Where its parts lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// All its bytes.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its place in the log.
    #[inline]
    pub fn position(&self) -> Position {
        Position(number!(self.bytes, layout::POSITION, u64))
    }

    /// Its place in the stream.
    pub fn version(&self) -> Version {
        Version(number!(self.bytes, layout::VERSION, u64))
    }

    /// The position of the stream's event before it; 0 where it is the first.
    pub fn previous(&self) -> Position {
        Position(number!(self.bytes, layout::PREVIOUS, u64))
    }

    /// When it was recorded.
    pub fn time(&self) -> Micros {
        Micros(number!(self.bytes, layout::TIME, u64))
    }

    /// Its id.
    pub fn id(&self) -> EventId {
        EventId(self.array(layout::ID))
    }

    /// The leaf hash of the stream's event before it; zeros where it is the first.
    pub fn link(&self) -> Hash {
        Hash(self.array(layout::LINK))
    }

    /// The flow it belongs to.
    pub fn correlation(&self) -> EventId {
        if self.bytes[layout::FLAGS] & layout::FLAG_CORRELATION == 0 {
            self.id()
        } else {
            EventId(self.array(RECORD_HEAD_BYTES))
        }
    }

    /// The scope of its coordinate.
    pub fn scope(&self) -> &'a str {
        self.name(0, layout::SCOPE)
    }

    /// The entity of its coordinate.
    pub fn entity(&self) -> &'a str {
        self.name(usize::from(self.bytes[layout::SCOPE]), layout::ENTITY)
    }

    /// The lane of its coordinate.
    pub fn lane(&self) -> u32 {
        number!(self.bytes, layout::LANE, u32)
    }

    /// Its kind.
    pub fn kind(&self) -> &'a str {
        let before = usize::from(self.bytes[layout::SCOPE]) + usize::from(self.bytes[layout::ENTITY]);
        self.name(before, layout::KIND)
    }

    /// The version of the payload's schema.
    pub fn schema(&self) -> u16 {
        number!(self.bytes, layout::SCHEMA, u16)
    }

    /// Whether it ends its batch.
    pub fn ends_batch(&self) -> bool {
        self.bytes[layout::FLAGS] & layout::FLAG_BATCH_END != 0
    }

    /// The idempotency key of its batch and the batch's content hash; only on the first record of a batch.
    pub fn key(&self) -> Option<(&'a str, Hash)> {
        let length = usize::from(self.bytes[layout::KEY]);
        let at = self.layout.key as usize;
        (length != 0).then(|| (text(&self.bytes[at..at + length]), Hash(self.array(at + length))))
    }

    /// Its tags, in the order they were given.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &'a str> + Clone + use<'a> {
        let mut rest = &self.bytes[self.layout.tags as usize..self.layout.causes as usize];
        (0..usize::from(self.bytes[layout::TAGS])).map(move |_| {
            let (tag, behind) = rest[1..].split_at(usize::from(rest[0]));
            rest = behind;
            text(tag)
        })
    }

    /// Its causes, in the order they were given: positions and foreign ones.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = Cause> + Clone + use<'a> {
        let mut rest = &self.bytes[self.layout.causes as usize..self.layout.metadata as usize];
        (0..usize::from(number!(self.bytes, layout::CAUSES, u16))).map(move |_| {
            let foreign = rest[0] == layout::CAUSE_FOREIGN;
            let length = if foreign { layout::CAUSE_FOREIGN_BYTES } else { layout::CAUSE_AT_BYTES };
            let (cause, behind) = rest.split_at(length);
            rest = behind;
            if foreign {
                Cause::Foreign(StoreId(number16(cause, 1)), EventId(number16(cause, 17)))
            } else {
                Cause::At(Position(number!(cause, 1, u64)))
            }
        })
    }

    /// Its metadata, in the order it was given.
    pub fn metadata(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        let mut rest = &self.bytes[self.layout.metadata as usize..self.layout.payload as usize];
        (0..usize::from(self.bytes[layout::METADATA])).map(move |_| {
            let (name, behind) = rest[1..].split_at(usize::from(rest[0]));
            let (value, behind) = behind[2..].split_at(usize::from(number!(behind, 0, u16)));
            rest = behind;
            (text(name), text(value))
        })
    }

    /// What its payload's bytes are; unknown codes read as bytes.
    pub fn payload_type(&self) -> PayloadType {
        PayloadType::from_code(self.bytes[layout::PAYLOAD_TYPE]).unwrap_or_default()
    }

    /// Its payload.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.layout.payload as usize..]
    }

    /// Its leaf hash in the Merkle tree over the log.
    pub fn leaf(&self) -> Hash {
        let head = &self.bytes[layout::ENTRY..self.layout.payload as usize];
        hash::leaf(head, &hash::sha256(self.payload()))
    }

    fn name(&self, before: usize, length_at: usize) -> &'a str {
        let at = self.layout.names as usize + before;
        text(&self.bytes[at..at + usize::from(self.bytes[length_at])])
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[at..at + N]);
        array
    }
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({} {} {}/{})", self.position(), self.kind(), self.scope(), self.entity())
    }
}

fn number16(bytes: &[u8], at: usize) -> [u8; 16] {
    let mut array = [0; 16];
    array.copy_from_slice(&bytes[at..at + 16]);
    array
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the record was checked to hold text (L1)")
}
