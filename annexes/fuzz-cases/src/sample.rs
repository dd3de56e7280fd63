//! A sample store in memory, the same each time, and everything that can be asked of a store.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use tidegate::graph::Positions;
use tidegate::project::Projection;
use tidegate::report::{DoctorReport, SalvageReport, StoreVerdict, examine_in, salvage_in};
use tidegate::subscription::cursor;
use tidegate::{
    Batch, Cause, Draft, ErrorKind, Event, EventId, Position, Query, QueryItem, ReadOptions, RecordedEvent,
    Result, Store, StoreOptions, StoreReader, View,
};
use tidegate_disk::{Disk, Env, MemoryDisk, Mode, SeededRandom, SimulatedClock};
use tidegate_format::{Hash, StoreFile};

/// The name of the sample's cursor.
pub(crate) const CURSOR: &str = "cursors/reader";
/// The saved state of the sample's projection.
pub(crate) const STATE: &str = "projections/hostile.things/all.1";
/// The most events that are read one by one if hostile bytes say how many there are.
const READ_MAX: usize = 500;

/// Files by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The leaf of each event, by its position.
pub(crate) type Leaves = BTreeMap<u64, Hash>;

/// What a store answered.
#[derive(Debug, Default)]
pub(crate) struct StoreAnswers {
    /// The leaf of each event, if all could be read.
    pub(crate) leaves: Option<Leaves>,
    /// How many events it says that it does not show.
    pub(crate) withheld: u64,
    /// The positions that answer each question; nothing for one that was answered with an error.
    pub(crate) answers: Vec<Option<Vec<u64>>>,
}

/// A store at rest, and what is in it.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) files: Files,
    pub(crate) leaves: Leaves,
    /// What it answers while it is intact.
    pub(crate) answers: Vec<Option<Vec<u64>>>,
    pub(crate) salt: u64,
    pub(crate) ids: Vec<EventId>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Projection)]
#[projection(name = "hostile.things", version = 1, on(Counted => counted))]
struct Things {
    numbers: Vec<u64>,
    names: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "thing.counted")]
struct Counted {
    number: u64,
    name: String,
}

impl Things {
    fn counted(&mut self, Counted { number, name }: Counted) {
        self.numbers.push(number);
        *self.names.entry(name).or_default() += 1;
    }
}

fn options(segment_bytes: u64) -> StoreOptions {
    StoreOptions::new().segment_bytes(segment_bytes).thread(false)
}

/// Returns an environment around these files. Its random numbers are always the same.
pub(crate) fn env(files: &Files) -> Env {
    let disk = MemoryDisk::new();
    for (name, bytes) in files {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        disk.create_folder(folder).expect("names of the sample are names");
        let file = disk.open(name, Mode::CreateNew).expect("names are different");
        file.write_all_at(bytes, 0).expect("memory takes what is written");
    }
    Env {
        disk: Arc::new(disk),
        clock: Arc::new(SimulatedClock::new(1_795_000_000_000_000)),
        random: Arc::new(SeededRandom::new(1)),
    }
}

/// Returns the files of an environment.
pub(crate) fn files(env: &Env) -> Files {
    let disk = &*env.disk;
    let mut found = Files::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let inside = |name: String| if folder.is_empty() { name } else { format!("{folder}/{name}") };
        for name in disk.list(&folder).expect("the folder is there").into_iter().map(inside) {
            let file = disk.open(&name, Mode::Read).expect("it was listed");
            let length = file.length().expect("memory knows");
            found.insert(name, file.map(length).expect("memory maps").to_vec());
        }
        folders.extend(disk.folders(&folder).expect("the folder is there").into_iter().map(inside));
    }
    found
}

/// Returns a store of a few segments with every kind of file.
pub(crate) fn small() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| sample(14, 1800))
}

/// Returns a store with enough segments for a filter group.
pub(crate) fn many() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| sample(18, 81))
}

fn sample(batches: u64, segment_bytes: u64) -> Sample {
    let env = env(&Files::new());
    let made = (|| {
        let store = options(segment_bytes).open_in(env.clone())?;
        for number in 0..batches {
            store.append(batch(number, store.view()?.head()))?;
        }
        let cursor = store.cursor("reader", Query::ALL)?;
        for _ in 0..3 {
            cursor.next_now()?.expect("there are more").ack()?;
        }
        cursor.commit()?;
        drop(cursor);
        let things = store.projector::<Things>()?;
        things.read()?;
        things.save()?;
        drop(things);
        store.upkeep().step()?;
        let events: Vec<RecordedEvent> = store.read(&Query::ALL)?.collect::<Result<_>>()?;
        store.close()?;
        Ok::<_, tidegate::Error>(events)
    })();
    let events = made.expect("nothing hostile is here yet");
    let files = files(&env);
    let salt = StoreFile::read(&files["STORE"]).expect("it was written just now").salt;
    let mut sample = Sample {
        answers: Vec::new(),
        leaves: events.iter().map(|event| (event.position().0, event.leaf())).collect(),
        ids: events.iter().map(RecordedEvent::id).collect(),
        files,
        salt,
    };
    let [_, seen] = ask(&sample.files, &sample, false);
    sample.answers = seen.expect("it opens").answers;
    assert!(sample.answers.iter().all(Option::is_some), "nothing hostile is here yet");
    sample
}

fn batch(number: u64, head: Position) -> Batch {
    let counted = Draft::new(("scope", format!("entity-{}", number % 3)), "thing.counted")
        .json_text(format!(r#"{{"number":{number},"name":"n{number}"}}"#))
        .tag(format!("tag:{}", number % 2))
        .meta("by", "sample");
    let caused = [1, 4].into_iter().filter(|back| head.0 > *back).map(|back| Position(head.0 - back));
    let first = caused.fold(counted, Draft::cause);
    let batch = Batch::from(first);
    let batch = match number % 4 {
        0 => batch.and(Draft::new(("scope", "both"), "thing.done").bytes(vec![7; 20]).cause(Cause::Draft(0))),
        _ => batch,
    };
    if number.is_multiple_of(5) { batch.key(format!("key-{number}")) } else { batch }
}

/// Opens the store in these files, and returns a handle that reads it beside the one that writes, if it `writes`.
fn open(files: &Files, writes: bool) -> Option<(Option<Store>, StoreReader)> {
    let (options, env) = (options(1800).create(false), env(files));
    if !writes {
        return Some((None, opened(options.open_reader_in(env))?));
    }
    let store = opened(options.open_in(env))?;
    let reader = store.reader();
    Some((Some(store), reader))
}

/// Opens the store in these files for reading, and another copy for writing; if one opens, asks everything and
/// returns what was read. `lies` says that the index files may say anything behind checksums that hold: then answers may
/// be wrong, and still there is no panic and no event that is not in the log.
pub(crate) fn ask(files: &Files, sample: &Sample, lies: bool) -> [Option<StoreAnswers>; 2] {
    [false, true].map(|writes| {
        let (writer, store) = open(files, writes)?;
        let seen = questions(&store, sample, lies);
        let verified = checked(store.verify(|_| ()));
        if let (Some(verified), Some(leaves)) = (verified, &seen.leaves) {
            assert!(
                leaves.len() >= READ_MAX || verified.events == leaves.len() as u64,
                "what verifies can be read"
            );
        }
        if let Some(writer) = writer {
            let appended = checked(writer.append(Draft::new(("scope", "new"), "thing.new")));
            if let Some(receipt) = appended {
                let event = store.view().and_then(|view| view.at(receipt.first()));
                assert!(event.is_ok_and(|event| event.is_some()), "what was acknowledged is there");
            }
            checked(writer.close());
        }
        Some(seen)
    })
}

/// Returns what came of a call that hostile bytes may fail, but in no other way than these.
fn checked<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let kinds = [ErrorKind::Damaged, ErrorKind::Newer, ErrorKind::Ended, ErrorKind::OutcomeUnknown];
            assert!(kinds.contains(&error.kind()) || error.kind().is_refusal(), "{error}");
            assert!(error.kind() != ErrorKind::Damaged || error.evidence().is_some(), "{error}");
            None
        }
    }
}

fn opened<T>(result: Result<T>) -> Option<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::Missing => None,
        Err(error) if error.kind() == ErrorKind::Damaged => {
            assert!(error.place().is_some(), "{error}");
            assert!(error.to_string().contains("salvage"), "{error}");
            None
        }
        other => checked(other),
    }
}

/// Asks a store everything there is to ask.
fn questions(store: &StoreReader, sample: &Sample, lies: bool) -> StoreAnswers {
    let Some(view) = checked(store.view()) else { return StoreAnswers::default() };
    let mut leaves = Leaves::new();
    let mut whole = true;
    for event in view.read(&Query::ALL).take(READ_MAX) {
        let Some(event) = checked(event) else {
            whole = false;
            break;
        };
        assert_eq!(event.position().0, leaves.len() as u64 + 1, "positions have no gaps");
        leaves.insert(event.position().0, event.leaf());
        let _ = (event.record(), event.stream(), event.tags().count(), event.metadata().count());
    }
    let queries: [Query; 7] = [
        QueryItem::new().kind("thing.counted").into(),
        QueryItem::new().kind("thing.*").tag("tag:1").into(),
        Query::stream(("scope", "both")),
        QueryItem::new().entity_prefix("entity").into(),
        QueryItem::new().cause(Position(2)).into(),
        QueryItem::new().correlation(sample.ids[0]).into(),
        Query::from(QueryItem::new().tag("none")).or(QueryItem::new().lane(0)),
    ];
    let mut answers = Vec::new();
    for query in &queries {
        for read in [
            ReadOptions::new(),
            ReadOptions::new().backwards(true),
            ReadOptions::new().after(Position(5)).limit(3),
        ] {
            let found: Result<Vec<RecordedEvent>> = view.read_with(query, read).take(READ_MAX).collect();
            let found =
                checked(found).map(|found| found.iter().map(|event| event.position().0).collect::<Vec<_>>());
            let count = checked(view.count_with(query, read));
            if let (Some(found), Some(count)) = (&found, count) {
                let same = found.len() as u64 == count || found.len() >= READ_MAX;
                assert!(same || lies, "{query}: as many as counted");
            }
            answers.push(found);
        }
        checked(view.stats(query, ReadOptions::new(), 3));
    }
    checked(view.scopes());
    for id in &sample.ids {
        answers.push(
            checked(view.find(*id)).map(|event| event.iter().map(|event| event.position().0).collect()),
        );
    }
    for entity in ["entity-0", "entity-1", "both", "none"] {
        answers.push(checked(view.version(&("scope", entity).into())).map(|version| vec![version.0]));
    }
    let (first, last) = (Position(1), view.head());
    if last.0 > 1 && last.0 < READ_MAX as u64 {
        graph_questions(&view, first, last, &mut answers);
    }
    let withheld = store.report().unconfirmed.as_ref().map_or(0, |unconfirmed| unconfirmed.events);
    StoreAnswers { leaves: whole.then_some(leaves), withheld, answers }
}

fn graph_questions(view: &View, first: Position, last: Position, answers: &mut Vec<Option<Vec<u64>>>) {
    let graph = view.graph();
    let all = |found: Result<Positions>| {
        let found = found.and_then(Iterator::collect::<Result<Vec<Position>>>);
        checked(found).map(|found| found.iter().map(|position| position.0).collect())
    };
    let listed = |found: Result<Vec<Position>>| {
        checked(found).map(|found| found.iter().map(|position| position.0).collect())
    };
    answers.push(all(graph.ancestors(&[last])));
    answers.push(all(graph.descendants(&[first])));
    answers.push(all(graph.causes(last)));
    answers.push(all(graph.effects(first)));
    answers.push(checked(graph.is_ancestor(first, last)).map(|is| vec![u64::from(is)]));
    answers.push(checked(graph.level(last)).map(|level| vec![u64::from(level)]));
    answers.push(listed(graph.common_causes(&[Position(last.0 - 1), last])));
    checked(graph.path(first, last));
    checked(graph.critical_path(last));
}

/// Reads the sample's cursor and goes on with it.
pub(crate) fn ask_cursor(files: &Files) {
    for writes in [false, true] {
        let Some((writer, store)) = open(files, writes) else { continue };
        checked(cursor::status(&store, "reader"));
        let Some(writer) = writer else { continue };
        let Some(cursor) = checked(writer.cursor("reader", Query::ALL)) else { continue };
        let _ = (cursor.position(), cursor.parked(), checked(cursor.lag()));
        for _ in 0..40 {
            match checked(cursor.next_now()).flatten() {
                Some(delivery) => drop(checked(delivery.ack())),
                None => break,
            }
        }
        checked(cursor.commit());
    }
}

/// Reads the sample's saved state. The answer must be that of the log for any bytes.
pub(crate) fn ask_state(files: &Files) -> Option<u64> {
    let store = opened(options(1800).create(false).open_in(env(files)))?;
    let things = checked(store.projector::<Things>())?;
    let reading = checked(things.read())?;
    checked(things.save());
    let names = reading.names.values().sum::<u64>();
    Some(names.max(reading.numbers.len() as u64))
}

/// Has the doctor look at the files, and saves what is whole. What was saved is a store, and everything the doctor
/// counted is in it.
pub(crate) fn mend(files: &Files) -> (Option<DoctorReport>, Option<(SalvageReport, Leaves)>) {
    let doctor = unless_missing(examine_in(&env(files), |_| ()));
    let new = env(&Files::new());
    let Some(salvage_report) = unless_missing(salvage_in(&env(files), &new, |_| ())) else {
        return (doctor, None);
    };
    let store = options(1800).open_reader_in(new).expect("what was saved opens");
    let events = store.read(&Query::ALL).expect("it has a view");
    let leaves: Leaves = events
        .map(|event| event.expect("it reads"))
        .map(|event| (event.position().0, event.leaf()))
        .collect();
    assert_eq!(leaves.len() as u64, salvage_report.saved.events);
    if let Some(doctor) = &doctor {
        assert_eq!(doctor.verified.events, salvage_report.saved.events, "what is whole is saved");
        assert_eq!(doctor.lost, salvage_report.lost);
        let is_damaged = |verdict| !matches!(verdict, StoreVerdict::Sound | StoreVerdict::Mendable);
        let (doctor, salvage) = (doctor.verdict(), salvage_report.verdict());
        assert_eq!(is_damaged(doctor), is_damaged(salvage), "one state has one verdict: {doctor}, {salvage}");
    }
    (doctor, Some((salvage_report, leaves)))
}

fn unless_missing<T>(result: Result<T>) -> Option<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::Missing => None,
        other => checked(other),
    }
}
