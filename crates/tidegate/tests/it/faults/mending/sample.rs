//! A store with every kind of file, what is in it, and what was salvaged of it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use tidegate::graph::CorrelationId;
use tidegate::project::Projection;
use tidegate::report::{DoctorReport, LostRange, SalvageReport, examine_in, salvage_in};
use tidegate::{
    AppendOptions, Batch, Cause, Draft, ErrorPlace, Event, EventId, Position, Query, RecordedEvent, Result,
    Store, StoreReader,
};
use tidegate_format::PayloadType;
use tidegate_format::{FrameHeader, Hash};

use crate::faults::stage::Stage;

/// Everything that an event says, its place in the log and its causes apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) id: EventId,
    stream: String,
    kind: String,
    schema: u16,
    payload: (PayloadType, Vec<u8>),
    tags: Vec<String>,
    metadata: Vec<(String, String)>,
    correlation: CorrelationId,
    time: u64,
    key: Option<(String, Hash)>,
    ends_batch: bool,
}

/// An event in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) said: Said,
    pub(crate) causes: Vec<Cause>,
    pub(crate) leaf: Hash,
    pub(crate) version: u64,
}

/// All events by their positions.
pub(crate) type Log = BTreeMap<u64, Placed>;

#[derive(Clone, Debug, Default, Serialize, Deserialize, Projection)]
#[projection(name = "mending.things", version = 1, on(Seen => seen))]
pub(crate) struct Things {
    seen: u64,
}

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "mending.seen")]
pub(crate) struct Seen {
    number: u64,
}

impl Things {
    fn seen(&mut self, Seen { number }: Seen) {
        self.seen += number;
    }
}

/// A store of several segments, with causes, keys, tags, index files, a cursor and a saved state, closed in good order.
pub(crate) fn closed(batches: u64) -> (Stage, Log) {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 0..batches, &stage);
    let cursor = store.cursor("reader", Query::ALL).unwrap();
    for _ in 0..batches / 2 {
        cursor.next_now().unwrap().unwrap().ack().unwrap();
    }
    cursor.commit().unwrap();
    drop(cursor);
    let things = store.projector::<Things>().unwrap();
    things.read().unwrap();
    things.save().unwrap();
    drop(things);
    store.upkeep().step().unwrap();
    let log = log(&store);
    store.close().unwrap();
    stage.restart();
    (stage, log)
}

pub(crate) fn fill(store: &Store, numbers: Range<u64>, stage: &Stage) {
    for number in numbers {
        stage.clock.advance(1_000_000);
        store
            .append_with(batch(number, store.view().unwrap().head()), AppendOptions::new().synced())
            .unwrap();
    }
}

/// Batches of one or two events, with causes far and near; every fifth has a key.
pub(crate) fn batch(number: u64, head: Position) -> Batch {
    let mut first = Draft::new(("scope", format!("entity-{}", number % 4)), "mending.seen")
        .json_text(format!(r#"{{"number":{number}}}"#))
        .tag(format!("tag:{}", number % 3))
        .meta("by", format!("caller {number}"));
    for back in [0, 1, 5, 9] {
        if head.0 > back && number % 4 != 1 {
            first = first.cause(Position(head.0 - back));
        }
    }
    let mut batch = Batch::from(first);
    if number.is_multiple_of(3) {
        let second = Draft::new(("scope", "both"), "thing.done").bytes(vec![number as u8; 40]);
        batch = batch.and(second.cause(Cause::Draft(0)));
    }
    if number.is_multiple_of(5) { batch.key(format!("key-{number}")) } else { batch }
}

/// Everything in a store, from its records.
pub(crate) fn log(store: &StoreReader) -> Log {
    let events = store.read(&Query::ALL).unwrap().map(Result::unwrap);
    events.map(|event| (event.position().0, placed(&event))).collect()
}

fn placed(event: &RecordedEvent) -> Placed {
    let record = event.record();
    let said = Said {
        id: event.id(),
        stream: event.stream().to_string(),
        kind: event.kind().to_owned(),
        schema: event.schema(),
        payload: (event.payload_type(), event.payload().unwrap().to_vec()),
        tags: event.tags().map(str::to_owned).collect(),
        metadata: event
            .metadata()
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect(),
        correlation: event.correlation(),
        time: event.time().0,
        key: record.key().map(|(key, content)| (key.to_owned(), content)),
        ends_batch: record.ends_batch(),
    };
    Placed { said, causes: event.causes().collect(), leaf: event.leaf(), version: event.version().0 }
}

pub(crate) fn doctor(stage: &Stage) -> Result<DoctorReport> {
    examine_in(&stage.world(), |_| ())
}

/// Salvages into a new machine, and checks everything that must be so whatever the damage was.
pub(crate) fn saved(stage: &Stage, intact: &Log) -> Result<(SalvageReport, Stage, Log)> {
    let before = contents(stage);
    let new = Stage::seeded(7);
    let salvaged = salvage_in(&stage.world(), &new.world(), |_| ())?;
    assert_eq!(contents(stage), before, "the old store is only read");
    let store = new.open();
    assert_eq!(store.id(), salvaged.store);
    assert!(store.report().dropped_bytes == 0 && store.report().clean, "{}", store.report());
    store.verify(|_| ()).unwrap();
    let found = log(&store);
    store.close().unwrap();
    agrees(&salvaged, intact, &found);
    assert_eq!(doctor(&new).unwrap().faults.len(), 0, "the new store is in order");
    Ok((salvaged, new, found))
}

/// Every event of the intact log is saved or listed as lost, and no saved one says anything else than it did.
fn agrees(salvaged: &SalvageReport, intact: &Log, found: &Log) {
    let mut places = BTreeMap::new();
    for run in &salvaged.runs {
        for number in 0..run.count {
            places.insert(run.from.0 + number, run.to.0 + number);
        }
    }
    assert_eq!(places.len(), found.len(), "the runs cover what is saved");
    let lost = |position: u64| salvaged.lost.iter().any(|lost| covers(lost, position));
    let mut moved = false;
    for (position, event) in intact {
        let Some(place) = places.get(position) else {
            assert!(lost(*position), "position {position} is neither saved nor listed");
            moved = true;
            continue;
        };
        assert!(!lost(*position), "position {position} is saved and listed as lost");
        let new = &found[place];
        assert_eq!(new.said, event.said);
        if moved {
            let causes: Vec<_> = event.causes.iter().map(|cause| called(*cause, &places, salvaged)).collect();
            assert_eq!(new.causes, causes);
        } else {
            assert_eq!((position, event), (place, new), "nothing changes before the first loss");
        }
    }
    let known = |position: &u64| intact.contains_key(position);
    assert!(places.keys().all(known), "nothing is saved that was not there");
    assert_eq!(
        salvaged.lost.is_empty(),
        salvaged.store == salvaged.from,
        "a log that lost something has another id, and a whole one its own"
    );
}

/// What a cause is called in the new log.
fn called(cause: Cause, places: &BTreeMap<u64, u64>, salvaged: &SalvageReport) -> Cause {
    let Cause::At(old) = cause else { return cause };
    places.get(&old.0).map_or_else(
        || Cause::Foreign(salvaged.from, EventId::from_key(&salvaged.from.to_string(), &old.to_string())),
        |place| Cause::At(Position(*place)),
    )
}

pub(crate) fn covers(lost: &LostRange, position: u64) -> bool {
    lost.first.0 <= position && lost.last.is_none_or(|last| position <= last.0)
}

/// Every file of a machine.
pub(crate) fn contents(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    stage.disk.at_rest().names().into_iter().map(|name| (name.clone(), stage.bytes(&name))).collect()
}

/// The file and the byte of every fault.
pub(crate) fn places(examined: &DoctorReport) -> Vec<(String, Option<u64>)> {
    let place = |error: &tidegate::Error| match error.place() {
        Some(ErrorPlace::File { name, offset }) => (name.clone(), offset.map(|offset| offset.0)),
        other => panic!("a fault is in a file: {other:?}"),
    };
    examined.faults.iter().map(|fault| place(&fault.error)).collect()
}

/// The file and the byte of every remark that names a byte.
pub(crate) fn remarked(examined: &DoctorReport) -> Vec<(String, Option<u64>)> {
    let named = examined.remarks.iter().filter(|remark| remark.offset.is_some());
    named.map(|remark| (remark.file.clone(), remark.offset.map(|offset| offset.0))).collect()
}

/// The frames of a segment of an intact machine: from which byte to which, and their positions.
pub(crate) fn frames(stage: &Stage, name: &str) -> Vec<(Range<usize>, Range<u64>)> {
    let (bytes, starts) = (stage.bytes(name), stage.frames(name));
    let frame = |pair: &[usize]| {
        let head = FrameHeader::read(&bytes[pair[0]..]).unwrap();
        (pair[0]..pair[1], head.first.0..head.last().0 + 1)
    };
    starts.windows(2).map(frame).collect()
}
