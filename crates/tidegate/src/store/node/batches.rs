//! Prepared batches as bytes: all that the commit section of another node needs to judge them alike.

use tidegate_format::frame::FRAME_HEADER_BYTES;
use tidegate_format::{
    EventId, Hash, Micros, Position, Result, StreamId, Text, Version, limit, name, record,
};
use tidegate_segment::{HashKey, Term};

use super::bytes::{Reader, Writer, odd};
use super::item::Header;
use crate::batch::Key;
use crate::journal::{NoMatch, Precondition, PreparedBatch, PreparedRecord, Stream, TermFilter};
use crate::read::Query;

const RECORDED: u8 = 1;
const DECISION: u8 = 2;
const KEPT: u8 = 4;

const VERSION: u8 = 0;
const EXISTS: u8 = 1;
const ABSENT: u8 = 2;
const NO_MATCH: u8 = 3;
const UNKNOWN_ID: u8 = 4;
const UNKNOWN_KEY: u8 = 5;

/// Bytes of a batch at least: one record, no conditions.
const BATCH_BYTES_MIN: usize = 8 + 32 + 1 + 8 + 32 + 4 + record::RECORD_BYTES_MIN + 4 + 4;

/// Appends a batch. `leaf` is the one at the position that it was checked at.
pub(super) fn encode(batch: &PreparedBatch, leaf: Hash, out: &mut Writer) {
    out.number(batch.checked.0);
    out.raw(&leaf.0);
    let (content, is_kept, decision) = batch.key.as_ref().map_or((Hash::ZERO, false, false), Key::stated);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    out.byte(flag(batch.recorded.is_some(), RECORDED) | flag(decision, DECISION) | flag(is_kept, KEPT));
    out.number(batch.recorded.unwrap_or_default().0);
    out.raw(&content.0);
    out.text(&batch.bytes[FRAME_HEADER_BYTES..]);
    out.small(batch.given.len());
    for (index, _) in &batch.given {
        out.small(*index);
    }
    out.small(batch.preconditions.len());
    for precondition in &batch.preconditions {
        encode_precondition(precondition, out);
    }
}

fn encode_precondition(precondition: &Precondition, out: &mut Writer) {
    let stream = |out: &mut Writer, of: &Stream| {
        out.text(of.id.scope.as_bytes());
        out.text(of.id.entity.as_bytes());
        out.small(of.id.lane as usize);
    };
    match precondition {
        Precondition::Version(of, version) => {
            out.byte(VERSION);
            stream(out, of);
            out.number(version.0);
        }
        Precondition::Exists(of, exists) => {
            out.byte(if *exists { EXISTS } else { ABSENT });
            stream(out, of);
        }
        Precondition::NoMatch(no_match) => {
            out.byte(NO_MATCH);
            out.byte(u8::from(no_match.footprint));
            out.number(no_match.after.0);
            out.text(no_match.query.to_string().as_bytes());
        }
        Precondition::Unknown(id) => {
            out.byte(UNKNOWN_ID);
            out.raw(&id.0);
        }
        Precondition::UnknownKey(key) => {
            out.byte(UNKNOWN_KEY);
            out.text(key.as_bytes());
        }
    }
}

/// Reads the batches of a proposal, each with the leaf at the position that it was checked at.
///
/// # Errors
///
/// [`Damaged`](crate::ErrorKind::Damaged) for bytes that no node proposes.
pub(super) fn decode(header: &Header, bytes: &[u8], seed: HashKey) -> Result<Vec<(PreparedBatch, Hash)>> {
    let mut rest = Reader(bytes);
    if (header.batches as usize).saturating_mul(BATCH_BYTES_MIN) > bytes.len() {
        return Err(odd("number of batches", header.batches));
    }
    let mut batches = Vec::with_capacity(header.batches as usize);
    let mut records = 0;
    for _ in 0..header.batches {
        let (batch, leaf) = decode_batch(&mut rest, seed)?;
        records += batch.bytes.len();
        batches.push((batch, leaf));
    }
    rest.end()?;
    if records > limit::FRAME_BYTES_MAX {
        return Err(odd("number of bytes", records));
    }
    Ok(batches)
}

fn decode_batch(rest: &mut Reader<'_>, seed: HashKey) -> Result<(PreparedBatch, Hash)> {
    let (checked, leaf) = (Position(rest.number()?), rest.hash()?);
    let (flags, recorded, content) = (rest.byte()?, Micros(rest.number()?), rest.hash()?);
    if flags & !(RECORDED | DECISION | KEPT) != 0 {
        return Err(odd("flags of a batch", flags));
    }
    let records = rest.bytes()?;
    let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES + records.len());
    bytes.resize(FRAME_HEADER_BYTES, 0);
    bytes.extend_from_slice(records);
    let mut batch = PreparedBatch {
        bytes,
        records: Vec::new(),
        given: Vec::new(),
        preconditions: Vec::new(),
        several: Vec::new(),
        key: None,
        kept: None,
        recorded: (flags & RECORDED != 0).then_some(recorded),
        gates: Vec::new(),
        checked,
    };
    decode_records(records, (content, flags & KEPT != 0, flags & DECISION != 0), seed, &mut batch)?;
    let mut given = Vec::new();
    for _ in 0..rest.count(4)? {
        given.push(rest.small()? as usize);
    }
    if !given.is_sorted_by(|one, next| one < next)
        || given.last().is_some_and(|last| *last >= batch.records.len())
    {
        return Err(odd("list of given ids", format!("{given:?}")));
    }
    batch.given = given.into_iter().map(|index| (index, batch.records[index].id)).collect();
    for _ in 0..rest.count(5)? {
        batch.preconditions.push(decode_precondition(rest, seed)?);
    }
    Ok((batch, leaf))
}

fn decode_records(
    mut rest: &[u8],
    stated: (Hash, bool, bool),
    seed: HashKey,
    batch: &mut PreparedBatch,
) -> Result<()> {
    let mut ended = false;
    while !rest.is_empty() {
        if ended {
            return Err(odd("batch", "records behind its end"));
        }
        let index = batch.records.len();
        let (record, body) = record::read_unplaced(rest, index, batch.checked)?;
        match record.key() {
            Some(_) if index > 0 => return Err(odd("key", "one inside a batch")),
            Some((text, kept)) => {
                batch.key = Some(Key::of_stated(text, stated));
                batch.kept = Some((record.blind().unwrap_or_default(), kept));
            }
            None => {}
        }
        let term = Term::stream(record.scope(), record.entity(), record.lane());
        let length = record.as_bytes().len();
        ended = record.ends_batch();
        batch.records.push(PreparedRecord {
            id: record.id(),
            length: length as u32,
            body,
            stream: seed.hash(term.as_bytes()),
        });
        rest = &rest[length..];
    }
    if ended { Ok(()) } else { Err(odd("batch", "no end")) }
}

fn decode_precondition(rest: &mut Reader<'_>, seed: HashKey) -> Result<Precondition> {
    let stream = |rest: &mut Reader<'_>| -> Result<Stream> {
        let (scope, entity) = (rest.text()?.to_owned(), rest.text()?.to_owned());
        let stream = StreamId { scope: scope.into(), entity: entity.into(), lane: rest.small()? };
        stream.check()?;
        Ok(Stream::new(&stream, seed))
    };
    Ok(match rest.byte()? {
        VERSION => Precondition::Version(stream(rest)?, Version(rest.number()?)),
        EXISTS => Precondition::Exists(stream(rest)?, true),
        ABSENT => Precondition::Exists(stream(rest)?, false),
        NO_MATCH => {
            let footprint = match rest.byte()? {
                0 => false,
                1 => true,
                other => return Err(odd("footprint", other)),
            };
            let after = Position(rest.number()?);
            let query: Query = rest.text()?.parse()?;
            query.check()?;
            let filter = TermFilter::of(&query, seed);
            Precondition::NoMatch(NoMatch { query, filter, after, footprint })
        }
        UNKNOWN_ID => Precondition::Unknown(EventId(rest.id()?)),
        UNKNOWN_KEY => {
            let key = rest.text()?;
            name::check("idempotency key", key)?;
            Precondition::UnknownKey(Text::Owned(key.to_owned()))
        }
        other => return Err(odd("condition", other)),
    })
}
