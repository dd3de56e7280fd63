//! From a record to its fields, in place and without allocation.

use super::commitment::{Blind, Body};
use super::{crc_of, stated_crc};
use crate::draft::{Cause, PayloadType};
use crate::error::{Error, ErrorKind, ErrorPlace, Result};
use crate::hash::{self, Hash};
use crate::id::{CorrelationId, EventId, StoreId};
use crate::layout::{self, Layout, RECORD_HEAD_BYTES, number};
use crate::number::{Micros, Position, Version};

/// Bytes of the entry of an event. Names and payloads do not change their number.
pub const ENTRY_BYTES: usize = RECORD_HEAD_BYTES - layout::ENTRY + 32;

/// An event as it stands in the log, read in place.
///
/// ```
/// # use tidegate_format::record::{self, Facts, Placed};
/// # use tidegate_format::{Blind, Cause, Draft, Hash, Micros, Position, Record, Version};
/// let draft = Draft::new(("shop", "order-7"), "order.paid").tag("vip").meta("by", "till 4").bytes(&b"12"[..]);
/// # let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
/// let causes = [Cause::At(Position(3))];
/// let facts = Facts { id, correlation: id.into(), causes: &causes, key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
/// # let mut bytes = Vec::new();
/// # let body = record::encode(&draft, &facts, &mut bytes);
/// # let (position, previous, version) = (Position(4), Position(3), Version(2));
/// # let placed = Placed { position, version, previous, link: Hash([9; 32]), time: Micros(5) };
/// # record::place(&mut bytes, &placed, position, &body);
/// let record = Record::read(&bytes)?;
///
/// assert_eq!((record.scope(), record.entity(), record.lane()), ("shop", "order-7", 0));
/// assert_eq!((record.kind(), record.schema(), record.payload()?), ("order.paid", 1, &b"12"[..]));
/// assert_eq!((record.position(), record.version(), record.previous()), (position, version, previous));
/// assert_eq!((record.id(), record.correlation(), record.key()), (id, id.into(), None));
/// assert!(record.tags().eq(["vip"]));
/// assert!(record.metadata().eq([("by", &b"till 4"[..])]));
/// assert!(record.causes().eq(causes));
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

impl<'a> Record<'a> {
    /// Reads and checks the record that starts `bytes`; more may follow it.
    #[expect(clippy::inline_always, reason = "a layout that goes through memory stalls every scan")]
    #[inline(always)]
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let length = Layout::stated_length(bytes)?;
        let bytes = &bytes[..length];
        let (stated, found) = (stated_crc(bytes), crc_of(bytes));
        if stated != found {
            return Err(broken(stated, found));
        }
        let layout = Layout::read(bytes)?;
        Ok(Self { bytes, layout })
    }

    /// Returns the record over bytes that [`read`](Self::read) has checked before, with the layout it found then:
    /// the same bytes, not what a file holds in the same place now.
    ///
    /// ```
    /// # use tidegate_format::record::{self, Facts, Placed};
    /// # use tidegate_format::{Blind, Draft, Hash, Micros, Position, Record, Version};
    /// # let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
    /// # let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
    /// # let mut bytes = Vec::new();
    /// # let body = record::encode(&Draft::new(("shop", "order-7"), "order.placed"), &facts, &mut bytes);
    /// # let (position, previous) = (Position(1), Position(0));
    /// # let (version, link, time) = (Version(1), Hash::ZERO, Micros(0));
    /// # let placed = Placed { position, version, previous, link, time };
    /// # record::place(&mut bytes, &placed, position, &body);
    /// let layout = Record::read(&bytes)?.layout();
    /// assert_eq!(Record::again(&bytes, layout).kind(), "order.placed");
    /// # Ok::<(), tidegate_format::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Here or in another method, if `layout` belongs to other bytes.
    #[inline]
    pub fn again(bytes: &'a [u8], layout: Layout) -> Self {
        Self { bytes: &bytes[..layout.length()], layout }
    }

    /// Returns where its parts lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Returns all its bytes.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns its place in the log.
    #[inline]
    pub fn position(&self) -> Position {
        Position(number!(self.bytes, layout::POSITION, u64))
    }

    /// Returns its place in the stream.
    pub fn version(&self) -> Version {
        Version(number!(self.bytes, layout::VERSION, u64))
    }

    /// Returns the position of the stream's event before it; 0 if it is the first.
    pub fn previous(&self) -> Position {
        Position(number!(self.bytes, layout::PREVIOUS, u64))
    }

    /// Returns when it was recorded.
    pub fn time(&self) -> Micros {
        Micros(number!(self.bytes, layout::TIME, u64))
    }

    /// Returns its id.
    pub fn id(&self) -> EventId {
        EventId(self.array(layout::ID))
    }

    /// Returns the leaf hash of the stream's event before it; zeros if it is the first.
    pub fn link(&self) -> Hash {
        Hash(self.array(layout::LINK))
    }

    /// Returns the flow it belongs to.
    pub fn correlation(&self) -> CorrelationId {
        if self.bytes[layout::FLAGS] & layout::FLAG_CORRELATION == 0 {
            self.id().into()
        } else {
            CorrelationId(self.array(RECORD_HEAD_BYTES))
        }
    }

    /// Returns the scope of its stream id.
    pub fn scope(&self) -> &'a str {
        self.name(0, layout::SCOPE)
    }

    /// Returns the entity of its stream id.
    pub fn entity(&self) -> &'a str {
        self.name(layout::name_length(self.bytes, layout::SCOPE), layout::ENTITY)
    }

    /// Returns the lane of its stream id.
    pub fn lane(&self) -> u32 {
        number!(self.bytes, layout::LANE, u32)
    }

    /// Returns its kind.
    pub fn kind(&self) -> &'a str {
        let [scope, entity] =
            [layout::SCOPE, layout::ENTITY].map(|field| layout::name_length(self.bytes, field));
        self.name(scope + entity, layout::KIND)
    }

    /// Returns the version of the payload's schema.
    pub fn schema(&self) -> u16 {
        number!(self.bytes, layout::SCHEMA, u16)
    }

    /// Returns whether it ends its batch.
    pub fn ends_batch(&self) -> bool {
        self.bytes[layout::FLAGS] & layout::FLAG_BATCH_END != 0
    }

    /// Returns the idempotency key of its batch and what is stored of the batch's content hash
    /// ([`Blind::content`]), which is zeros once an event of the batch was erased. Only the first record of a batch
    /// has them.
    pub fn key(&self) -> Option<(&'a str, Hash)> {
        let length = layout::name_length(self.bytes, layout::KEY);
        let at = self.layout.key as usize;
        let content = || Hash(self.array(self.layout.content as usize));
        (length != 0).then(|| (text(&self.bytes[at..at + length]), content()))
    }

    /// Returns its tags, in the order they were given.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &'a str> + Clone + use<'a> {
        let mut rest = &self.bytes[self.layout.tags as usize..self.layout.causes as usize];
        (0..usize::from(self.bytes[layout::TAGS])).map(move |_| {
            let (tag, behind) = rest[2..].split_at(usize::from(number!(rest, 0, u16)));
            rest = behind;
            text(tag)
        })
    }

    /// Returns its causes, in the order they were given: positions and foreign ones.
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

    /// Returns its metadata, in the order it was given. A value may be any bytes.
    pub fn metadata(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a [u8])> + Clone + use<'a> {
        let mut rest = &self.bytes[self.layout.metadata as usize..self.layout.content as usize];
        (0..usize::from(self.bytes[layout::METADATA])).map(move |_| {
            let (name, behind) = rest[2..].split_at(usize::from(number!(rest, 0, u16)));
            let (value, behind) = behind[2..].split_at(usize::from(number!(behind, 0, u16)));
            rest = behind;
            (text(name), value)
        })
    }

    /// Returns the type of its payload; unknown codes read as bytes.
    pub fn payload_type(&self) -> PayloadType {
        PayloadType::from_code(self.bytes[layout::PAYLOAD_TYPE]).unwrap_or_default()
    }

    /// Returns its payload.
    ///
    /// # Errors
    ///
    /// [`Erased`](crate::ErrorKind::Erased) if the payload was erased.
    #[inline]
    pub fn payload(&self) -> Result<&'a [u8]> {
        if self.is_erased() {
            return Err(erased(self.position()));
        }
        let start = self.layout.tail as usize + layout::BLIND_BYTES;
        Ok(&self.bytes[start..start + self.payload_bytes()])
    }

    /// Returns how many bytes its payload has, or had before it was erased.
    pub fn payload_bytes(&self) -> usize {
        number!(self.bytes, layout::PAYLOAD_LENGTH, u32) as usize
    }

    /// Returns whether its payload was erased.
    #[inline]
    pub fn is_erased(&self) -> bool {
        number!(self.bytes, layout::LENGTH, u32) & layout::ERASED != 0
    }

    /// Returns what hides its payload, or `None` once that was erased.
    pub fn blind(&self) -> Option<Blind> {
        (!self.is_erased()).then(|| Blind(self.array(self.layout.tail as usize)))
    }

    /// Returns the commitment to its payload, which is the same before and after erasing.
    pub fn commitment(&self) -> Hash {
        let tail = self.layout.tail as usize;
        if self.is_erased() {
            return Hash(self.array(tail));
        }
        hash::sha256(&self.bytes[tail..tail + layout::BLIND_BYTES + self.payload_bytes()])
    }

    /// Returns its parts, the names and lists between its head and its tail, without the content hash of a keyed batch:
    /// what B covers beside the commitment to the payload.
    pub fn parts(&self) -> &'a [u8] {
        &self.bytes[RECORD_HEAD_BYTES..self.layout.content as usize]
    }

    /// Returns its entry: what its leaf commits to, 136 bytes that tell neither its names nor its payload.
    pub fn entry(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        let (fields, body) = entry.split_at_mut(RECORD_HEAD_BYTES - layout::ENTRY);
        fields.copy_from_slice(&self.bytes[layout::ENTRY..RECORD_HEAD_BYTES]);
        body.copy_from_slice(&Body::of(self.commitment(), self.parts()).hash.0);
        entry
    }

    /// Returns its leaf hash in the Merkle tree over the log.
    pub fn leaf(&self) -> Hash {
        hash::chain(&[&[0], &self.entry()])
    }

    fn name(&self, before: usize, length_at: usize) -> &'a str {
        let at = self.layout.names as usize + before;
        text(&self.bytes[at..at + layout::name_length(self.bytes, length_at)])
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

#[cold]
fn broken(stated: u32, found: u32) -> Error {
    let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
    Error::damaged("a record's checksum does not hold", stated, found)
}

#[cold]
fn erased(position: Position) -> Error {
    Error::new(ErrorKind::Erased, "the payload was erased").at(ErrorPlace::Event(position))
}

fn number16(bytes: &[u8], at: usize) -> [u8; 16] {
    let mut array = [0; 16];
    array.copy_from_slice(&bytes[at..at + 16]);
    array
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the record was checked to hold text (L1)")
}
