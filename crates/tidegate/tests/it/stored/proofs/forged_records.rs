//! Records changed by an attacker who made all checksums right: links, leaves and roots tell, each of every field.

use tidegate::ErrorKind;
use tidegate::Position;
use tidegate::proofs::{DisclosureForm, Signer};
use tidegate_format::frame::FRAME_HEADER_BYTES;
use tidegate_format::{Frame, SEGMENT_HEADER_BYTES, SegmentHeader, hash};

use super::{KeyDisk, audit, policy};
use crate::faults::stage::Stage;

/// Changes bytes of the record with this number in a segment, and makes the checksums of the record and its frame right.
fn forge(stage: &Stage, segment: &str, number: usize, change: impl Fn(&mut [u8])) {
    let mut bytes = stage.bytes(segment);
    let salt = SegmentHeader::read(&bytes).unwrap().salt;
    let (mut start, mut passed) = (SEGMENT_HEADER_BYTES, 0);
    loop {
        let frame = Frame::read(&bytes[start..], salt).unwrap();
        let records: Vec<_> = frame.records().map(|(at, record)| (at, record.as_bytes().len())).collect();
        let end = start + frame.head.frame_bytes();
        if number >= passed + records.len() {
            (start, passed) = (end, passed + records.len());
            continue;
        }
        let (at, length) = records[number - passed];
        let record = &mut bytes[start + at..][..length];
        change(record);
        let crc = hash::crc(hash::crc(0, &record[..4]), &record[8..]);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
        let mut crcs = 0;
        for (at, _) in records {
            crcs = hash::crc(crcs, &bytes[start + at + 4..start + at + 8]);
        }
        let crc = hash::crc(0, &salt.to_le_bytes());
        let crc =
            hash::crc(hash::crc(crc, &bytes[start + 8..start + FRAME_HEADER_BYTES]), &crcs.to_le_bytes());
        bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        stage.disk.at_rest().write(segment, &bytes).unwrap();
        return;
    }
}

/// Each bit of a record behind its checksum, in the middle of its stream and at its end: no proof of the new text
/// is made, the checkpoint is not the log's any more, the key signs nothing, and what was given out stays good.
#[test]
fn every_bit_of_a_record_is_under_what_was_signed() {
    let (stage, intact) = Stage::closed();
    let store = stage.read_only();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let policy = policy(&signer);
    let prove =
        |position| store.proofs().prove(Position(position), &signed, DisclosureForm::Payload).unwrap();
    let given: Vec<_> = intact.iter().map(|(position, _)| prove(*position)).collect();
    let (first, last) = (stage.segments()[0].clone(), stage.active());
    let records = |segment: &str| {
        let first: u64 = segment[9..29].parse().unwrap();
        let lengths = intact.iter().filter(|(position, _)| *position >= first);
        lengths
            .map(|(position, _)| store.view().unwrap().at(Position(*position)).unwrap().unwrap())
            .collect::<Vec<_>>()
    };
    let mut kinds = std::collections::BTreeMap::new();
    for (segment, number) in [(&first, 1), (&last, records(&last).len() - 1)] {
        let event = &records(segment)[number];
        let length = event.record().as_bytes().len();
        for bit in 8 * 8..length * 8 {
            let forged = stage.fork();
            forge(&forged, segment, number, |record| record[bit / 8] ^= 1 << (bit % 8));
            let refusal = match forged.options.open_reader_in(forged.world()) {
                Err(refusal) => refusal,
                Ok(reader) => {
                    let proof = reader.proofs().prove(event.position(), &signed, DisclosureForm::Payload);
                    assert!(proof.is_err(), "{segment} bit {bit}: {proof:?}");
                    assert!(reader.proofs().checkpoint(&signer).is_err(), "{segment} bit {bit}");
                    reader.proofs().check(signed.checkpoint()).unwrap_err()
                }
            };
            let expected = [ErrorKind::Diverged, ErrorKind::Damaged, ErrorKind::Older];
            assert!(expected.contains(&refusal.kind()), "{segment} bit {bit}: {refusal}");
            *kinds.entry(format!("{:?}", refusal.kind())).or_insert(0) += 1;
        }
    }
    // Most of what keeps to the rules of the format is told by the root alone.
    assert!(kinds["Diverged"] > 500, "{kinds:?}");
    for (proof, (position, leaf)) in given.iter().zip(&intact) {
        audit(proof, &policy, *position, *leaf);
    }
    assert_eq!(signer.last().unwrap().unwrap(), signed);
}

/// An attacker who also makes the links of the stream right cannot make the root right.
#[test]
fn a_forged_stream_is_told_by_the_root() {
    let (stage, _) = Stage::closed();
    let store = stage.read_only();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    drop(store);
    // The last event of the log has no event behind it that is linked to it.
    let last = stage.active();
    let count = (signed.checkpoint().size() - last[9..29].parse::<u64>().unwrap()) as usize;
    // The last byte of the payload, in front of the zeros at the end.
    forge(&stage, &last, count, |record| {
        let end = record.iter().rposition(|byte| *byte != 0).unwrap();
        record[end] ^= 1;
    });
    let reader = stage.read_only();
    reader.verify(|_| ()).unwrap();
    let refused = reader.proofs().check(signed.checkpoint()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Diverged, "{refused}");
    let store = stage.open();
    assert_eq!(store.proofs().checkpoint(&signer).unwrap_err().kind(), ErrorKind::Diverged);
    store.append(tidegate::Draft::new(("s", "e"), "k")).unwrap();
    assert_eq!(store.proofs().checkpoint(&signer).unwrap_err().kind(), ErrorKind::Diverged, "nor later");
}
