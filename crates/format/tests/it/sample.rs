//! Samples: valid drafts of every shape, and bytes edited with their checksums put right again.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tidegate_format::frame::{self, FRAME_HEADER_BYTES, Sealing};
use tidegate_format::limit::NAME_BYTES_MAX;
use tidegate_format::record::{Body, ErasedPayload, Facts, Placed};
use tidegate_format::{
    Blind, Cause, CorrelationId, Draft, EventId, Hash, Micros, PayloadType, Position, StoreId, StreamId,
    Version, hash, record,
};

/// A draft with all that the store adds to it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) draft: Draft,
    pub(crate) id: EventId,
    pub(crate) correlation: CorrelationId,
    /// A form and a number each; what they mean depends on the position.
    pub(crate) raw_causes: Vec<(u8, u64)>,
    pub(crate) key: Option<(String, Hash)>,
    pub(crate) blind: Blind,
    pub(crate) batch_end: bool,
    pub(crate) placed: Placed,
    /// The position of the batch's first event.
    pub(crate) first: Position,
}

impl Sample {
    /// Its causes, each one before its position.
    pub(crate) fn causes(&self) -> Vec<Cause> {
        let (position, first) = (self.placed.position.0, self.first.0);
        let cause = |&(form, number): &(u8, u64)| match form {
            0 if position > 1 => Cause::At(Position(1 + number % (position - 1))),
            1 if position > first => Cause::Draft((number % (position - first)) as u32),
            _ => Cause::Foreign(StoreId([form; 16]), EventId(u128::from(number).to_be_bytes())),
        };
        self.raw_causes.iter().map(cause).collect()
    }

    /// The same causes as a record holds them.
    pub(crate) fn settled_causes(&self) -> Vec<Cause> {
        let settle = |cause| match cause {
            Cause::Draft(index) => Cause::At(self.first.plus(u64::from(index))),
            other => other,
        };
        self.causes().into_iter().map(settle).collect()
    }

    /// Its record, and the leaf hash that placing it gave.
    pub(crate) fn record(&self) -> (Vec<u8>, Hash) {
        let causes = self.causes();
        let key = self.key.as_ref().map(|(key, content)| (key.as_str(), *content));
        let (id, correlation, batch_end) = (self.id, self.correlation, self.batch_end);
        let facts = Facts { id, correlation, causes: &causes, key, notes: &[], blind: self.blind, batch_end };
        self.placed_by(|bytes| record::encode(&self.draft, &facts, bytes))
    }

    /// Its record after its payload was erased, made from what stays.
    pub(crate) fn erased_record(&self) -> (Vec<u8>, Hash) {
        let causes = self.causes();
        let key = self.key.as_ref().map(|(key, _)| (key.as_str(), Hash::ZERO));
        let (id, correlation, batch_end) = (self.id, self.correlation, self.batch_end);
        let facts =
            Facts { id, correlation, causes: &causes, key, notes: &[], blind: Blind::default(), batch_end };
        let commitment = self.blind.commit(&self.draft.payload);
        let erased = ErasedPayload { commitment, length: self.draft.payload.len() as u32 };
        let draft = self.draft.clone().bytes(&b""[..]);
        let draft = Draft { payload_type: self.draft.payload_type, ..draft };
        self.placed_by(|bytes| record::encode_erased(&draft, &facts, &erased, bytes))
    }

    fn placed_by(&self, encode: impl FnOnce(&mut Vec<u8>) -> Body) -> (Vec<u8>, Hash) {
        let mut bytes = Vec::new();
        let body = encode(&mut bytes);
        let leaf = record::place(&mut bytes, &self.placed, self.first, &body);
        (bytes, leaf)
    }
}

/// Names of all lengths from one byte to the limit, many of them not ASCII.
pub(crate) fn name() -> impl Strategy<Value = String> {
    let characters = select(vec!['a', 'Z', '7', ' ', '/', ':', 'é', 'ß', '漢', '🦀', '\u{202e}', '\u{fffd}']);
    let long = select(vec!["x".repeat(NAME_BYTES_MAX), format!("{}xx", "é".repeat(511)), "漢".repeat(341)]);
    prop_oneof![9 => vec(characters, 1..24).prop_map(String::from_iter), 1 => long]
}

fn kind() -> impl Strategy<Value = String> {
    select(vec!["k", "order.placed", "a-b_c.0", "7", "OrderPlaced", "com.example.Paid", "app:Dog Registered"])
        .prop_map(str::to_owned)
}

fn draft() -> impl Strategy<Value = Draft> {
    let stream = (name(), name(), any::<u32>())
        .prop_map(|(scope, entity, lane)| StreamId::new(scope, entity).lane(lane));
    let types = select(vec![PayloadType::Bytes, PayloadType::MessagePack, PayloadType::Json]);
    let lists = (vec(name(), 0..5), vec((name(), vec(any::<u8>(), 0..30)), 0..4));
    (stream, kind(), any::<u16>(), types, vec(any::<u8>(), 0..80), lists).prop_map(
        |(stream, kind, schema, payload_type, payload, (tags, metadata))| {
            let mut draft = Draft::new(stream, kind).schema(schema).bytes(payload);
            draft.payload_type = payload_type;
            draft = tags.into_iter().fold(draft, Draft::tag);
            metadata.into_iter().fold(draft, |draft, (name, value)| draft.meta_bytes(name, value))
        },
    )
}

fn placed() -> impl Strategy<Value = (Placed, Position)> {
    let position = prop_oneof![1..50_u64, 1..u64::MAX, Just(u64::MAX - 1)];
    (position, any::<u64>(), any::<u64>(), any::<[u8; 32]>(), any::<u64>()).prop_map(
        |(position, back, version, link, time)| {
            let previous = Position(back % position);
            let version = if previous.0 == 0 { Version(1) } else { Version(version.max(2)) };
            let link = if previous.0 == 0 { Hash::ZERO } else { Hash(link) };
            let first = Position(position - back % position.min(20));
            (Placed { position: Position(position), version, previous, link, time: Micros(time) }, first)
        },
    )
}

/// Events of every shape, anywhere in a log.
pub(crate) fn sample() -> impl Strategy<Value = Sample> {
    let id = any::<[u8; 16]>().prop_map(EventId);
    let key = proptest::option::of((name(), any::<[u8; 32]>().prop_map(Hash)));
    let other = proptest::option::of(id.clone());
    let facts = (key, any::<[u8; 16]>().prop_map(Blind), any::<bool>());
    (draft(), id, other, vec((0..3_u8, any::<u64>()), 0..40), facts, placed()).prop_map(
        |(draft, id, other, raw_causes, (key, blind, batch_end), (placed, first))| {
            let correlation = other.unwrap_or(id).into();
            Sample { draft, id, correlation, raw_causes, key, blind, batch_end, placed, first }
        },
    )
}

/// A frame of whole batches and where its first event stands.
pub(crate) fn frame() -> impl Strategy<Value = (Vec<Sample>, Vec<u8>)> {
    let first = prop_oneof![1..50_u64, 1..u64::MAX - 8];
    (first, vec(sample(), 1..6)).prop_map(|(first, mut samples)| {
        samples.last_mut().expect("at least one").batch_end = true;
        let mut bytes = vec![0; FRAME_HEADER_BYTES];
        let mut batch_first = first;
        for (sample, position) in samples.iter_mut().zip(first..) {
            let (previous, link) = (Position(0), Hash::ZERO);
            let (time, version) = (sample.placed.time, Version(1));
            sample.placed = Placed { position: Position(position), version, previous, link, time };
            sample.first = Position(batch_first);
            if position != batch_first {
                sample.key = None;
            }
            if sample.batch_end {
                batch_first = position + 1;
            }
            bytes.extend(sample.record().0);
        }
        frame::seal(&mut bytes, &sealing(first, first - 1, 1), SALT);
        (samples, bytes)
    })
}

/// What a frame of a store that is alone says.
pub(crate) fn sealing(first: u64, synced: u64, epoch: u32) -> Sealing {
    Sealing { first: Position(first), synced: Position(synced), epoch, slot: None }
}

/// What the checksums of the frames here start from.
pub(crate) const SALT: u64 = 0x0123_4567_89ab_cdef;

/// The number in four bytes.
pub(crate) fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

/// The length that a record states, without its marks.
fn record_length(bytes: &[u8], at: usize) -> usize {
    number(bytes, at) & ((1 << 28) - 1)
}

/// Gives a record the checksum that belongs to its bytes, whatever they are.
pub(crate) fn mend_record(bytes: &mut [u8]) {
    if bytes.len() >= 8 {
        let length = record_length(bytes, 0);
        let end = if length >= 8 { length.min(bytes.len()) } else { bytes.len() };
        let crc = hash::crc(hash::crc(0, &bytes[..4]), &bytes[8..end]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Gives a frame and its records the checksums that belong to their bytes, as far as they can be told apart.
pub(crate) fn mend_frame(bytes: &mut [u8], salt: u64) {
    let end = bytes.len().min(FRAME_HEADER_BYTES.saturating_add(number(bytes, 8)));
    let (mut at, mut crcs) = (FRAME_HEADER_BYTES, 0);
    while at + 8 <= end {
        let length = record_length(bytes, at).max(8).min(end - at);
        mend_record(&mut bytes[at..at + length]);
        crcs = hash::crc(crcs, &bytes[at + 4..at + 8]);
        at += length;
    }
    let crc = hash::crc(hash::crc(0, &salt.to_le_bytes()), &bytes[8..FRAME_HEADER_BYTES]);
    let crc = hash::crc(crc, &crcs.to_le_bytes());
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
}
