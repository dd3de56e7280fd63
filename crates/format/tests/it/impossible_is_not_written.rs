//! What a reader would refuse is not written in the first place: a defect above stops there.

use tidegate_format::frame::{self, FRAME_HEADER_BYTES};
use tidegate_format::limit::NAME_BYTES_MAX;
use tidegate_format::record::{Body, Facts, Placed};
use tidegate_format::{Blind, Cause, CorrelationId, Draft, EventId, Hash, Micros, Position, Version, record};

use crate::sample::sealing;

const ID: EventId = EventId([1; 16]);

fn facts(causes: &[Cause]) -> Facts<'_> {
    Facts {
        id: ID,
        correlation: CorrelationId(ID.0),
        causes,
        key: None,
        notes: &[],
        blind: Blind::default(),
        batch_end: true,
    }
}

fn place(position: u64, version: u64, previous: u64) -> Placed {
    let (position, previous) = (Position(position), Position(previous));
    Placed { position, version: Version(version), previous, link: Hash::ZERO, time: Micros(0) }
}

fn encode(facts: &Facts<'_>) -> (Vec<u8>, Body) {
    let mut bytes = Vec::new();
    let body = record::encode(&Draft::new(("s", "e"), "k"), facts, &mut bytes);
    (bytes, body)
}

fn write(causes: &[Cause], placed: &Placed, first: u64) -> Vec<u8> {
    let (mut bytes, body) = encode(&facts(causes));
    record::place(&mut bytes, placed, Position(first), &body);
    bytes
}

fn seal(records: &[u8], first: u64, synced: u64) {
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    bytes.extend_from_slice(records);
    frame::seal(&mut bytes, &sealing(first, synced, 1), 7);
}

#[test]
#[should_panic(expected = "a name is not empty")]
fn empty_key() {
    encode(&Facts { key: Some(("", Hash::ZERO)), ..facts(&[]) });
}

#[test]
#[should_panic(expected = "a name is not empty and within its limit")]
fn overlong_key() {
    encode(&Facts { key: Some((&"x".repeat(NAME_BYTES_MAX + 1), Hash::ZERO)), ..facts(&[]) });
}

#[test]
#[should_panic(expected = "causes are within their limit")]
fn too_many_causes() {
    encode(&facts(&vec![Cause::At(Position(1)); 65_536]));
}

#[test]
#[should_panic(expected = "turns ids into positions")]
fn cause_that_is_not_settled() {
    encode(&facts(&[Cause::Id(ID)]));
}

#[test]
#[should_panic(expected = "a record is placed once")]
fn second_place() {
    let (mut bytes, body) = encode(&facts(&[]));
    record::place(&mut bytes, &place(4, 1, 0), Position(4), &body);
    record::place(&mut bytes, &place(5, 1, 0), Position(5), &body);
}

#[test]
#[should_panic(expected = "a record is placed whole")]
fn two_records_at_once() {
    let (mut bytes, body) = encode(&facts(&[]));
    bytes.extend_from_within(..);
    record::place(&mut bytes, &place(4, 1, 0), Position(4), &body);
}

#[test]
#[should_panic(expected = "lies before the next one")]
fn previous_that_is_later() {
    write(&[], &place(4, 2, 4), 4);
}

#[test]
#[should_panic(expected = "has version 1")]
fn version_zero() {
    write(&[], &place(4, 0, 3), 4);
}

#[test]
#[should_panic(expected = "only a stream's first event")]
fn second_version_without_previous() {
    write(&[], &place(4, 2, 0), 4);
}

#[test]
#[should_panic(expected = "a cause lies before its effect")]
fn cause_that_is_later() {
    write(&[Cause::At(Position(4))], &place(4, 1, 0), 4);
}

#[test]
#[should_panic(expected = "a cause lies before its effect")]
fn draft_that_causes_itself() {
    write(&[Cause::Draft(1)], &place(5, 1, 0), 4);
}

#[test]
#[should_panic(expected = "a cause lies before its effect")]
fn cause_before_everything() {
    write(&[Cause::At(Position(0))], &place(4, 1, 0), 4);
}

#[test]
#[should_panic(expected = "whole batches")]
fn empty_frame() {
    seal(&[], 4, 3);
}

#[test]
#[should_panic(expected = "whole batches")]
fn frame_that_vouches_for_itself() {
    seal(&write(&[], &place(4, 1, 0), 4), 4, 4);
}

#[test]
#[should_panic(expected = "positions are consecutive")]
fn frame_with_a_gap() {
    let records = [write(&[], &place(4, 1, 0), 4), write(&[], &place(6, 1, 0), 6)].concat();
    seal(&records, 4, 3);
}

#[test]
#[should_panic(expected = "whole batches")]
fn frame_with_half_a_batch() {
    let (mut bytes, body) = encode(&Facts { batch_end: false, ..facts(&[]) });
    record::place(&mut bytes, &place(4, 1, 0), Position(4), &body);
    seal(&bytes, 4, 3);
}

#[test]
#[should_panic(expected = "whole records")]
fn frame_with_half_a_record() {
    let bytes = write(&[], &place(4, 1, 0), 4);
    seal(&bytes[..bytes.len() - 1], 4, 3);
}
