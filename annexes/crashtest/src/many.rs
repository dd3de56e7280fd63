//! A store of many segments, written without a store: each of them holds one event and has its index file.

use std::path::Path;

use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing};
use tidegate_format::record::{Facts, Placed};
use tidegate_format::{
    Blind, Draft, EventId, Hash, Micros, Offset, Position, Record, SegmentHeader, SegmentName, StoreFile,
    StoreId, Version, frame, record,
};
use tidegate_segment::{HashKey, index, index_path};

use crate::failure::Outcome;

const STORE: StoreId = StoreId([7; 16]);
const SALT: u64 = 4711;
const TIME: Micros = Micros(1_795_000_000_000_000);

/// What terms are hashed with in a store of this salt. If that should change, a reader builds the index files anew, and
/// the trial says that it is no longer what it was.
const SEED: HashKey = HashKey(SALT, SALT.rotate_left(32) ^ 0x7469_6465_6761_7465);

/// Returns the id of the event at a position.
pub fn id(position: u64) -> EventId {
    EventId(u128::from(position).to_be_bytes())
}

/// Writes a store with this many sealed segments, and an empty one behind them, into a new directory.
pub fn write(directory: &Path, segments: u64) -> Outcome {
    std::fs::create_dir_all(directory.join("segments"))?;
    std::fs::create_dir_all(directory.join("index"))?;
    let store = StoreFile { id: STORE, salt: SALT, seed: SALT, created: TIME, forks: Vec::new(), log: None };
    std::fs::write(directory.join("STORE"), store.encode())?;
    let mut before = (Position(0), Offset(0));
    for number in 1..=segments {
        let (first, head) = (Position(number), head(number, before));
        let frame = frame_of(first);
        let bytes = [&head.encode()[..], &frame].concat();
        let records = head.encode().len() + FRAME_HEADER_BYTES;
        std::fs::write(directory.join("segments").join(format!("{}.seg", SegmentName::new(first))), &bytes)?;
        let record = Record::read(&bytes[records..]).map(|record| (Offset(records as u64), record));
        let none = |_| Ok(0);
        let built = index::build(&head, bytes.len() as u64, std::iter::once(record), SEED, none)?;
        std::fs::write(directory.join(index_path(first)), built)?;
        before = (first, Offset(bytes.len() as u64));
    }
    let last = head(segments + 1, before);
    std::fs::write(
        directory.join("segments").join(format!("{}.seg", SegmentName::new(last.first))),
        last.encode(),
    )?;
    Ok(())
}

fn head(first: u64, (before_first, before_length): (Position, Offset)) -> SegmentHeader {
    let first = Position(first);
    SegmentHeader { store: STORE, salt: SALT, first, before_first, before_length, created: TIME, epoch: 1 }
}

/// Returns a frame of one event, the first of its stream.
fn frame_of(position: Position) -> Vec<u8> {
    let id = id(position.0);
    let facts = Facts {
        id,
        correlation: id.into(),
        causes: &[],
        key: None,
        notes: &[],
        blind: Blind::default(),
        batch_end: true,
    };
    let draft = Draft::new(("shop", format!("order-{position}")), "order.placed");
    let (version, previous, link) = (Version(1), Position(0), Hash::ZERO);
    let placed = Placed { position, version, previous, link, time: TIME };
    let mut records = Vec::new();
    let body = record::encode(&draft, &facts, &mut records);
    record::place(&mut records, &placed, position, &body);
    let mut bytes = [vec![0; FRAME_HEADER_BYTES], records].concat();
    frame::seal(
        &mut bytes,
        &Sealing { first: position, synced: position.before(), epoch: 1, slot: None },
        SALT,
    );
    bytes
}
