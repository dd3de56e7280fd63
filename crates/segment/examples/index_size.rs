//! Builds the index of one segment from a file of events, one JSON object a line, gzipped, in the shape that
//! `tidegate import` reads, and says how many bytes an event each section takes and how long lookups last.
//!
//! `cargo run --release -p tidegate-segment --example index_size -- events.jsonl.gz`
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::time::Instant;

use flate2::read::GzDecoder;
use serde_json::Value;
use tidegate_disk::Block;
use tidegate_format::record::{Facts, Placed};
use tidegate_format::{
    Cause, CorrelationId, Draft, EventId, Hash, Micros, Offset, Position, Record, SegmentHeader, StoreId,
    StreamId, Version, record,
};
use tidegate_segment::index::{self, FileIndex};
use tidegate_segment::{Field, HashKey, Term};

const HASH_KEY: HashKey = HashKey(1, 2);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args().nth(1) else {
        println!("name a file of events");
        return Ok(());
    };
    let segment = read(&path)?;
    let head = SegmentHeader {
        store: StoreId([1; 16]),
        salt: 1,
        first: Position(1),
        before_first: Position(0),
        before_length: Offset(0),
        created: Micros(1),
        epoch: 1,
    };
    let length = segment.bytes.len() as u64;
    let start = Instant::now();
    let records = segment.offsets.iter();
    let records = records
        .map(|offset| Ok((Offset(u64::from(*offset)), Record::read(&segment.bytes[*offset as usize..])?)));
    let bytes = index::build(&head, length, records, HASH_KEY, |_| Ok(0))?;
    println!("built in {:?}: {} bytes for a segment of {length}", start.elapsed(), bytes.len());
    let index = FileIndex::open(Block::from(bytes), &head, length, HASH_KEY)?;
    report_sizes(&index);
    report_times(&index, &segment)
}

/// Records one behind the other.
struct Segment {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
    ids: Vec<EventId>,
    terms: BTreeSet<Vec<u8>>,
}

fn read(path: &str) -> Result<Segment, Box<dyn Error>> {
    let mut segment = Segment { bytes: vec![0; 80], offsets: vec![], ids: vec![], terms: BTreeSet::new() };
    let mut places: HashMap<String, (Position, CorrelationId)> = HashMap::new();
    let mut streams: HashMap<StreamId, (Position, Version)> = HashMap::new();
    for line in BufReader::new(GzDecoder::new(File::open(path)?)).lines() {
        let value: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let texts = |name: &str| value[name].as_array().cloned().unwrap_or_default();
        let position = Position(segment.offsets.len() as u64 + 1);
        let id = EventId::from_key(&text("scope"), &text("key"));
        let stream = StreamId::new(text("scope"), text("entity"));
        let mut draft = Draft::new(stream.clone(), text("kind")).json_text(value["data"].to_string());
        draft = draft.meta("import.key", text("key")).meta("import.time", text("time"));
        draft.tags = texts("tags").iter().filter_map(|tag| Some(tag.as_str()?.to_owned().into())).collect();
        let causes: Vec<_> =
            texts("causes").iter().filter_map(|cause| places.get(cause.as_str()?).copied()).collect();
        let correlation = causes.first().map_or(id.into(), |(_, correlation)| *correlation);
        places.insert(text("key"), (position, correlation));
        let causes: Vec<Cause> = causes.iter().map(|(position, _)| Cause::At(*position)).collect();
        let facts = Facts {
            id,
            correlation,
            causes: &causes,
            key: None,
            notes: &[],
            blind: tidegate_format::Blind::default(),
            batch_end: true,
        };
        let stream = streams.entry(stream).or_default();
        let placed = Placed {
            position,
            version: stream.1.next(),
            previous: stream.0,
            link: Hash::ZERO,
            time: Micros(position.0),
        };
        *stream = (position, placed.version);
        let start = segment.bytes.len();
        let payload = record::encode(&draft, &facts, &mut segment.bytes);
        record::place(&mut segment.bytes[start..], &placed, position, &payload);
        let record = Record::read(&segment.bytes[start..])?;
        tidegate_segment::term::of_record(&record, |_, term| {
            segment.terms.insert(term.to_vec());
        });
        segment.offsets.push(start as u32);
        segment.ids.push(id);
    }
    Ok(segment)
}

fn report_sizes(index: &FileIndex) {
    let count = f64::from(index.count());
    for (name, length) in index.section_lengths() {
        println!("{name:10} {length:9} bytes, {:6.2} an event", length as f64 / count);
    }
    println!("{:10} {:9} bytes, {:6.2} an event", "all", index.length(), index.length() as f64 / count);
}

fn report_times(index: &FileIndex, segment: &Segment) -> Result<(), Box<dyn Error>> {
    let count = index.count();
    let mut events: Vec<u32> = (0..count).collect();
    // A fixed order without a pattern.
    events.sort_by_key(|event| HASH_KEY.hash(&event.to_le_bytes()));
    index.verify()?;
    let hash = |event: u32| HASH_KEY.hash(&segment.ids[event as usize].0) as u64;
    time("offset", &events, |event| index.offset(*event).map(u64::from))?;
    time("id, there", &events, |event| Ok(index.id_candidates(hash(*event))?.map(u64::from).sum()))?;
    time("id, not there", &events, |event| Ok(index.id_candidates(!hash(*event))?.map(u64::from).sum()))?;
    time("filter", &events, |event| index.may_hold(hash(*event)).map(u64::from))?;
    time("level", &events, |event| index.level(*event).map(u64::from))?;
    time("stream of", &events, |event| index.stream_of(*event).map(u64::from))?;
    time("causes", &events, |event| Ok(index.parents(*event)?.map(|cause| cause.0).sum()))?;
    time("effects", &events, |event| {
        let found = index.effects(Position(u64::from(*event) + 1))?;
        Ok(found.map_or(0, |effects| u64::from(effects.count())))
    })?;
    let terms = segment.terms.iter().filter(|term| term[0] != Field::Cause as u8);
    let terms: Vec<Term> = terms.map(|term| of_bytes(term)).collect();
    time("term", &terms, |term| Ok(index.find(term)?.map_or(0, |events| u64::from(events.count()))))?;
    time("last of term", &terms, |term| {
        let events = index.find(term)?.and_then(|events| events.get(events.count() - 1));
        Ok(events.map_or(0, u64::from))
    })?;
    let lists: Result<Vec<_>, _> = terms.iter().map(|term| index.find(term)).collect();
    let lists: Vec<_> = lists?.into_iter().flatten().collect();
    let longest = lists.iter().max_by_key(|list| list.count()).expect("there are terms").count();
    println!("{} terms, {} in the longest list", terms.len(), longest);
    let all: u64 = lists.iter().map(|list| u64::from(list.count())).sum();
    let start = Instant::now();
    let sum: u64 = lists.iter().flat_map(tidegate_segment::index::Postings::events).map(u64::from).sum();
    println!("walk       {:8.1} ns an event ({sum})", start.elapsed().as_nanos() as f64 / all as f64);
    time("seek", &events, |event| {
        let list = &lists[*event as usize % lists.len()];
        Ok(list.next_from(*event).map_or(0, u64::from))
    })
}

fn of_bytes(bytes: &[u8]) -> Term {
    let fields = [Field::Stream, Field::Scope, Field::Entity, Field::Lane, Field::Kind, Field::Tag];
    let field = fields.into_iter().find(|field| *field as u8 == bytes[0]).unwrap_or(Field::Correlation);
    Term::new(field, &bytes[1..])
}

fn time<T>(
    name: &str,
    all: &[T],
    look: impl Fn(&T) -> tidegate_format::Result<u64>,
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut sum = 0u64;
    for one in all {
        sum = sum.wrapping_add(look(one)?);
    }
    let nanos = start.elapsed().as_nanos() as f64 / all.len() as f64;
    println!("{name:14} {nanos:8.1} ns");
    black_box(sum);
    Ok(())
}
