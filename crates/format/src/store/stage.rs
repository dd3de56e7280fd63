//! Stage files: drafts that wait outside of the log until they are committed as one batch.
//!
//! ```
//! use tidegate_format::store::StageFile;
//! use tidegate_format::{Draft, StoreId};
//!
//! let store = StoreId::from_time(1_795_000_000_000_000, &[7; 10]);
//! let draft = Draft::new(("shop", "order-7"), "order.placed").json_text(r#"{"total":12}"#);
//! let mut bytes = StageFile::header(store).to_vec();
//! StageFile::append(&draft, &mut bytes);
//! let whole = StageFile::read(&bytes)?;
//! assert_eq!((whole.store, &whole.drafts, whole.end), (store, &vec![draft], bytes.len()));
//!
//! bytes.pop();
//! assert!(StageFile::read(&bytes)?.drafts.is_empty(), "a torn end is no draft");
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use std::borrow::Cow;

use crate::draft::{Cause, Draft, PayloadType};
use crate::error::{Error, Result};
use crate::hash;
use crate::id::{CorrelationId, EventId, StoreId};
use crate::limit::FORMAT;
use crate::name::{StreamId, Text};
use crate::number::{Offset, Position};

use super::check_format;

const MAGIC: [u8; 8] = *b"TIDESTGE";
/// Bytes of the header: magic, format, store, checksum.
const HEADER_BYTES: usize = 32;
/// Bytes before a draft: its length and the checksum over length and draft.
const FRAME_BYTES: usize = 8;

/// The drafts of a stage file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageFile {
    /// The store that it belongs to.
    pub store: StoreId,
    /// The drafts, in the order in which they were added. Those that are encrypted hold the ciphertext.
    pub drafts: Vec<Draft>,
    /// Where the last whole draft ends. What follows was never acknowledged.
    pub end: usize,
}

impl StageFile {
    /// Returns the bytes that a stage file of a store begins with.
    pub fn header(store: StoreId) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        header[12..28].copy_from_slice(&store.0);
        let crc = hash::crc(0, &header[..28]);
        header[28..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// Adds the bytes of a draft at the end.
    pub fn append(draft: &Draft, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend_from_slice(&[0; FRAME_BYTES]);
        write(draft, bytes);
        let length = ((bytes.len() - start - FRAME_BYTES) as u32).to_le_bytes();
        bytes[start..start + 4].copy_from_slice(&length);
        let crc = hash::crc(hash::crc(0, &length), &bytes[start + FRAME_BYTES..]);
        bytes[start + 4..start + FRAME_BYTES].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads the bytes of a stage file. A last draft that is not whole was being added when the process ended.
    ///
    /// # Errors
    ///
    /// [`Damaged`](crate::ErrorKind::Damaged) if the header does not hold, or a draft that others follow;
    /// [`Newer`](crate::ErrorKind::Newer) for a newer format.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>();
        let is_whole = |header: &&[u8; HEADER_BYTES]| {
            header[..8] == MAGIC && header[28..] == hash::crc(0, &header[..28]).to_le_bytes()
        };
        let header = header.filter(is_whole).ok_or_else(|| broken("the header of a stage file", 0))?;
        let mut fields = Reader(&header[8..28]);
        let format = fields.u32().unwrap_or_default();
        check_format("stage file", format)?;
        let store = StoreId(fields.array().unwrap_or_default());
        let mut found = Self { store, drafts: Vec::new(), end: HEADER_BYTES };
        while let Some((draft, end)) = whole(bytes, found.end) {
            found.drafts.push(draft);
            found.end = end;
        }
        // One draft at most was being added, so what is not whole is the end, unless a whole one follows it.
        if (found.end + 1..bytes.len()).any(|at| whole(bytes, at).is_some()) {
            return Err(broken("a draft of a stage file", found.end));
        }
        Ok(found)
    }
}

fn broken(what: &str, at: usize) -> Error {
    Error::damaged(format!("{what} is not what was written"), "its checksum", "other bytes")
        .in_file("", Some(Offset(at as u64)))
}

/// Returns the whole draft that starts at a byte, and where it ends.
fn whole(bytes: &[u8], at: usize) -> Option<(Draft, usize)> {
    let (length, behind) = bytes.get(at..)?.split_first_chunk()?;
    let (crc, behind) = behind.split_first_chunk()?;
    let body = behind.get(..u32::from_le_bytes(*length) as usize).filter(|body| !body.is_empty())?;
    if hash::crc(hash::crc(0, length), body) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((read(&mut Reader(body))?, at + FRAME_BYTES + body.len()))
}

fn write(draft: &Draft, bytes: &mut Vec<u8>) {
    let mut part = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
        bytes.extend_from_slice(part);
    };
    part(draft.stream.scope.as_bytes());
    part(draft.stream.entity.as_bytes());
    part(&draft.stream.lane.to_le_bytes());
    part(draft.kind.as_bytes());
    part(&draft.schema.to_le_bytes());
    part(&[draft.payload_type as u8]);
    part(&draft.payload);
    part(draft.correlation.as_ref().map_or(&[], |id| &id.0));
    part(draft.id.as_ref().map_or(&[], |id| &id.0));
    let counts = [draft.tags.len(), draft.causes.len(), draft.metadata.len()];
    for count in counts {
        part(&(count as u32).to_le_bytes());
    }
    for tag in &draft.tags {
        part(tag.as_bytes());
    }
    for cause in &draft.causes {
        match cause {
            Cause::At(position) => part(&[&[0][..], &position.0.to_le_bytes()].concat()),
            Cause::Id(id) => part(&[&[1][..], &id.0].concat()),
            Cause::Draft(index) => part(&[&[2][..], &index.to_le_bytes()].concat()),
            Cause::Foreign(store, id) => part(&[&[3][..], &store.0, &id.0].concat()),
        }
    }
    for (name, value) in &draft.metadata {
        part(name.as_bytes());
        part(value);
    }
}

fn read(from: &mut Reader<'_>) -> Option<Draft> {
    let stream =
        StreamId { scope: from.text()?, entity: from.text()?, lane: from.exact().map(u32::from_le_bytes)? };
    let mut draft = Draft::new(stream, from.text()?);
    draft.schema = u16::from_le_bytes(from.exact()?);
    let [code] = from.exact()?;
    draft.payload_type = PayloadType::from_code(code)?;
    draft.payload = Cow::Owned(from.part()?.to_vec());
    from.id(CorrelationId, &mut draft.correlation)?;
    from.id(EventId, &mut draft.id)?;
    let mut counts = [0; 3];
    for count in &mut counts {
        *count = u32::from_le_bytes(from.exact()?);
    }
    for _ in 0..counts[0] {
        draft.tags.push(from.text()?);
    }
    for _ in 0..counts[1] {
        let part = from.part()?;
        let mut rest = Reader(part.get(1..)?);
        draft.causes.push(match part[0] {
            0 => Cause::At(Position(u64::from_le_bytes(rest.array()?))),
            1 => Cause::Id(EventId(rest.array()?)),
            2 => Cause::Draft(rest.u32()?),
            3 => Cause::Foreign(StoreId(rest.array()?), EventId(rest.array()?)),
            _ => return None,
        });
    }
    for _ in 0..counts[2] {
        draft.metadata.push((from.text()?, Cow::Owned(from.part()?.to_vec())));
    }
    from.0.is_empty().then_some(draft)
}

/// Bytes that are left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn exact<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.part()?.try_into().ok()
    }

    fn text(&mut self) -> Option<Text> {
        String::from_utf8(self.part()?.to_vec()).ok().map(Cow::Owned)
    }

    /// Returns an id of 16 bytes if it is there; `None` says that it is neither there nor left out.
    fn id<T>(&mut self, of: impl Fn([u8; 16]) -> T, place: &mut Option<T>) -> Option<()> {
        let part = self.part()?;
        if !part.is_empty() {
            *place = Some(of(part.try_into().ok()?));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Draft {
        let id = EventId([5; 16]);
        Draft::new(StreamId::new("shop", "order-7").lane(3), "order.placed")
            .message_pack(vec![0x81, 1, 2])
            .schema(4)
            .tag("vip")
            .cause(Position(9))
            .cause(id)
            .cause(Cause::Draft(1))
            .cause(Cause::Foreign(StoreId([6; 16]), id))
            .correlation(id)
            .meta("by", "desk 2")
            .id(EventId([7; 16]))
    }

    #[test]
    fn drafts_read_back_and_damage_is_told() {
        let mut bytes = StageFile::header(StoreId([1; 16])).to_vec();
        StageFile::append(&sample(), &mut bytes);
        let first = bytes.len();
        StageFile::append(&Draft::new(("s", "e"), "k"), &mut bytes);
        let found = StageFile::read(&bytes).unwrap();
        assert_eq!(found.drafts, [sample(), Draft::new(("s", "e"), "k")]);
        for length in HEADER_BYTES..bytes.len() {
            let cut = StageFile::read(&bytes[..length]).unwrap();
            let mut torn = bytes.clone();
            torn[length.max(first)..].fill(0);
            let end = if torn == bytes { bytes.len() } else { first };
            assert_eq!(StageFile::read(&torn).unwrap().end, end, "a power cut leaves zeros");
            assert_eq!(
                (cut.drafts.len(), cut.end),
                if length < first { (0, HEADER_BYTES) } else { (1, first) }
            );
        }
        for at in 0..first {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(StageFile::read(&flipped).is_err(), "byte {at}");
        }
    }
}
