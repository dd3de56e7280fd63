//! What was encoded and placed is read back, field by field.

use proptest::prelude::*;
use tidegate_format::frame::Frame;
use tidegate_format::limit::{
    CAUSES_MAX, FRAME_BYTES_MAX, METADATA_MAX, METADATA_VALUE_BYTES_MAX, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX,
    TAGS_MAX,
};
use tidegate_format::record::Placed;
use tidegate_format::record::RECORD_HEAD_BYTES;
use tidegate_format::{
    Blind, CorrelationId, Draft, ErrorKind, EventId, ForkPoint, Hash, Micros, Offset, Position, Record,
    Version,
};
use tidegate_format::{Layout, SegmentHeader, StoreFile, StoreId, Watermark, record};

use crate::sample::{SALT, Sample, frame, sample};

fn assert_reads_back(sample: &Sample, record: &Record<'_>) {
    let Sample { draft, placed, .. } = sample;
    let found = Placed {
        position: record.position(),
        version: record.version(),
        previous: record.previous(),
        link: record.link(),
        time: record.time(),
    };
    assert_eq!(found, *placed);
    assert_eq!((record.id(), record.correlation()), (sample.id, sample.correlation));
    let stream = (record.scope(), record.entity(), record.lane());
    assert_eq!(stream, (&*draft.stream.scope, &*draft.stream.entity, draft.stream.lane));
    assert_eq!((record.kind(), record.schema()), (&*draft.kind, draft.schema));
    let key = |(key, content): &(String, Hash)| {
        (key.clone(), if record.is_erased() { Hash::ZERO } else { *content })
    };
    assert_eq!(record.key().map(|(key, content)| (key.to_owned(), content)), sample.key.as_ref().map(key));
    assert_eq!(record.ends_batch(), sample.batch_end);
    assert_eq!(record.payload_type(), draft.payload_type);
    assert_eq!(record.payload_bytes(), draft.payload.len());
    if let Some(blind) = record.blind() {
        assert_eq!((blind, record.payload().unwrap()), (sample.blind, &*draft.payload));
    }
    assert_eq!(record.commitment(), sample.blind.commit(&draft.payload));
    assert!(record.tags().eq(draft.tags.iter().map(|tag| &**tag)));
    assert!(record.causes().eq(sample.settled_causes()));
    assert!(record.metadata().eq(draft.metadata.iter().map(|(name, value)| (&**name, &**value))));
}

/// The bytes an event takes, as the specification adds them up.
fn expected_bytes(sample: &Sample) -> usize {
    let Draft { stream, kind, payload, tags, metadata, .. } = &sample.draft;
    let correlation = if sample.correlation == sample.id { 0 } else { 16 };
    let names = stream.scope.len() + stream.entity.len() + kind.len();
    let key = sample.key.as_ref().map_or(0, |(key, _)| key.len() + 32);
    let tags: usize = tags.iter().map(|tag| 2 + tag.len()).sum();
    let foreign = |cause: &tidegate_format::Cause| matches!(cause, tidegate_format::Cause::Foreign(..));
    let causes: usize = sample.causes().iter().map(|cause| if foreign(cause) { 33 } else { 9 }).sum();
    let metadata: usize = metadata.iter().map(|(name, value)| 4 + name.len() + value.len()).sum();
    RECORD_HEAD_BYTES + correlation + names + key + tags + causes + metadata + (16 + payload.len()).max(32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// keeps R2, R3, L1, L2
    #[test]
    fn any_record(sample in sample(), behind in proptest::collection::vec(any::<u8>(), 0..40)) {
        sample.draft.check().unwrap();
        let (mut bytes, leaf) = sample.record();
        prop_assert_eq!(bytes.len(), expected_bytes(&sample));
        prop_assert_eq!(&bytes, &sample.record().0);
        let length = bytes.len();
        bytes.extend(behind);
        let record = Record::read(&bytes).unwrap();
        assert_reads_back(&sample, &record);
        prop_assert_eq!(record.leaf(), leaf);
        prop_assert_eq!(record.as_bytes(), &bytes[..length]);
        prop_assert_eq!(Layout::stated_length(&bytes).unwrap(), length);
        let layout: Layout = record.layout();
        prop_assert_eq!(Record::again(&bytes, layout), record);
        // The shortest that a record can state, of which nothing else is checked.
        bytes[..4].copy_from_slice(&147_u32.to_le_bytes());
        prop_assert_eq!(Layout::stated_length(&bytes[..147]).unwrap(), 147);
    }

    /// keeps R3, R4, L5: erasing moves nothing and changes no leaf, whether it is done in place or the record is made
    /// anew from what stays; and what stays tells nothing of the payload, its blind or the content of its batch.
    #[test]
    fn any_erased_record(sample in sample()) {
        let (bytes, leaf) = sample.record();
        let mut erased = bytes.clone();
        record::erase(&mut erased);
        prop_assert_eq!(&erased, &sample.erased_record().0);
        prop_assert_eq!(erased.len(), bytes.len());
        let record = Record::read(&erased).unwrap();
        assert_reads_back(&sample, &record);
        prop_assert_eq!((record.leaf(), record.blind(), record.is_erased()), (leaf, None, true));
        prop_assert_eq!(record.payload().unwrap_err().kind(), ErrorKind::Erased);
        prop_assert_eq!(record.entry(), Record::read(&bytes).unwrap().entry());
        let mut again = erased.clone();
        record::erase(&mut again);
        prop_assert_eq!(&again, &erased);
        let other = Sample { draft: sample.draft.clone().bytes(vec![1; sample.draft.payload.len() + 1]), ..sample.clone() };
        prop_assert_ne!(other.record().1, leaf);
        let other = Sample { blind: Blind(sample.blind.0.map(|byte| !byte)), ..sample.clone() };
        prop_assert_ne!(other.record().1, leaf);
    }

    /// keeps F2
    #[test]
    fn any_frame((samples, mut bytes) in frame(), behind in proptest::collection::vec(any::<u8>(), 0..40)) {
        let length = bytes.len();
        bytes.extend(behind);
        let frame = Frame::read(&bytes, SALT).unwrap();
        prop_assert_eq!(frame.head.frame_bytes(), length);
        prop_assert_eq!(frame.head.last(), samples.last().unwrap().placed.position);
        prop_assert_eq!(frame.records().count(), samples.len());
        let mut expected = 36;
        for (sample, (at, record)) in samples.iter().zip(frame.records()) {
            assert_reads_back(sample, &record);
            prop_assert_eq!(at, expected);
            expected += record.as_bytes().len();
        }
        prop_assert_eq!(expected, length);
    }

    #[test]
    fn any_head(id: [u8; 16], salt: u64, first in 1..=u64::MAX, before: u64, length in 1..=u64::MAX, time: u64) {
        let before = if first == 1 { 0 } else { 1 + before % (first - 1) };
        let head = SegmentHeader {
            store: StoreId(id),
            salt,
            first: Position(first),
            before_first: Position(before),
            before_length: Offset(if before == 0 { 0 } else { length }),
            created: Micros(time),
            epoch: time as u32,
        };
        prop_assert_eq!(SegmentHeader::read(&head.encode()).unwrap(), head);
        let fork = |until| ForkPoint { store: StoreId(id), salt: !salt, until: Position(until), root: Hash([9; 32]) };
        let forks = if first % 3 == 0 { vec![] } else { vec![fork(first / 2), fork(first)] };
        let log = (time % 2 == 0).then(|| "nats:orders".to_owned());
        let file = StoreFile { id: StoreId(id), salt, seed: !salt, created: Micros(time), forks, log };
        prop_assert_eq!(StoreFile::read(file.encode().as_bytes()).unwrap(), file);
    }

    #[test]
    fn the_newer_watermark(numbers: [u64; 6], clean: bool, next: bool) {
        let [sequence, durable, segment, tail, salt, epoch] = numbers;
        let older = Watermark {
            sequence: sequence / 2,
            durable: Position(durable),
            segment: Position(segment),
            tail: Offset(tail),
            salt,
            epoch: epoch as u32,
            clean,
        };
        let newer = Watermark { sequence: older.sequence + 1, clean: !clean, ..older };
        let mut file = vec![0; 4096 + 56];
        for mark in if next { [older, newer] } else { [older, older] } {
            file[mark.slot() as usize..][..56].copy_from_slice(&mark.encode());
        }
        prop_assert_eq!(Watermark::read(&file, salt), Some(if next { newer } else { older }));
        prop_assert_eq!(Watermark::read(&file, !salt), None);
    }
}

/// A record in which everything is as large as it may be fits a frame and is read back.
#[test]
fn largest_record() {
    let name = "é".repeat(512);
    assert_eq!(name.len(), NAME_BYTES_MAX);
    let kind = "k".repeat(NAME_BYTES_MAX);
    let mut draft = Draft::new((name.clone(), name.clone()), kind).bytes(vec![0xf7; PAYLOAD_BYTES_MAX]);
    draft.tags = vec![name.clone().into(); TAGS_MAX];
    draft.metadata = vec![(name.clone().into(), vec![b'v'; METADATA_VALUE_BYTES_MAX].into()); METADATA_MAX];
    draft.check().unwrap();
    let position = Position(u64::MAX - 1);
    let sample = Sample {
        draft,
        id: EventId([1; 16]),
        correlation: CorrelationId([2; 16]),
        raw_causes: (0..CAUSES_MAX as u64).map(|n| ((n % 3) as u8, n)).collect(),
        key: Some((name, Hash([3; 32]))),
        blind: Blind([5; 16]),
        batch_end: true,
        placed: Placed {
            position,
            version: Version(u64::MAX),
            previous: position.before(),
            link: Hash([4; 32]),
            time: Micros(u64::MAX),
        },
        first: Position(1),
    };
    let (bytes, leaf) = sample.record();
    assert_eq!(bytes.len(), expected_bytes(&sample));
    assert!(bytes.len() <= FRAME_BYTES_MAX);
    let record = Record::read(&bytes).unwrap();
    assert_reads_back(&sample, &record);
    assert_eq!(record.leaf(), leaf);
}
