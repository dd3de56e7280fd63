//! Bits that flip at rest, in every kind of file of a store: each is caught, or proved harmless.
//!
//! The store lies on a disk in memory, which makes a copy of it cheap. Everything that can be asked of it is asked:
//! an answer is right, or an error.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use tidegate::project::Start;
use tidegate::subscription::cursor::status;
use tidegate::{
    AppendOptions, Error, ErrorKind, Position, Query, ReadOptions, RecordedEvent, Result, Store,
    StoreOptions, StoreReader,
};
use tidegate_disk::{Env, FaultyDisk, Model, SeededRandom, SimulatedClock};

use crate::dice::Dice;
use crate::failure::{Failure, Outcome, ensure};
use crate::story::{self, CURSOR, REACTOR, Tally};
use crate::worker::bill;

/// What came of the flips in one kind of file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Bits that such files have.
    pub bits: u64,
    /// Bits that were flipped, one at a time.
    pub flips: u64,
    /// Opening for writing was refused.
    pub refused: u64,
    /// A question was answered with an error.
    pub reported: u64,
    /// What is derived was built anew, and every answer was right.
    pub rebuilt: u64,
    /// Every answer was right.
    pub harmless: u64,
}

/// What came of all flips, by the kind of file.
#[derive(Debug, Default)]
pub struct FlipReport(BTreeMap<&'static str, Count>);

impl FlipReport {
    /// Returns how many bits were flipped.
    pub fn flips(&self) -> u64 {
        self.0.values().map(|count| count.flips).sum()
    }
}

impl fmt::Display for FlipReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| file | bits | flipped | refused at opening | reported when read | built anew | harmless |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|")?;
        for (kind, Count { bits, flips, refused, reported, rebuilt, harmless }) in &self.0 {
            writeln!(f, "| {kind} | {bits} | {flips} | {refused} | {reported} | {rebuilt} | {harmless} |")?;
        }
        Ok(())
    }
}

/// What became of one flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Refused,
    Reported,
    Rebuilt,
    Harmless,
}

/// Flips this many bits, spread evenly over the kinds of files of a store that was closed in good order.
pub fn flips(seed: u64, count: u64) -> Outcome<FlipReport> {
    let shelf = StoreAtRest::new()?;
    let mut files = BTreeMap::<&'static str, Vec<(String, u64)>>::new();
    let newest = shelf.disk.at_rest().names_in("segments").pop().unwrap_or_default();
    for name in shelf.disk.at_rest().names() {
        let bits = shelf.disk.at_rest().read(&name)?.len() as u64 * 8;
        if bits > 0 {
            files.entry(kind_of(&name, &newest)).or_default().push((name, bits));
        }
    }
    let mut dice = Dice::new(seed);
    let mut done = FlipReport::default();
    let mut left = count;
    let mut kinds: Vec<_> = files.into_iter().collect();
    // The smallest come first, so that what they do not need of their share goes to the others.
    kinds.sort_by_key(|(_, files)| files.iter().map(|(_, bits)| bits).sum::<u64>());
    let number = kinds.len() as u64;
    for (turn, (kind, files)) in kinds.into_iter().enumerate() {
        let bits: u64 = files.iter().map(|(_, bits)| bits).sum();
        let flips = (left / (number - turn as u64)).min(bits);
        left -= flips;
        let counted = done.0.entry(kind).or_default();
        counted.bits = bits;
        for flip in 0..flips {
            // One bit in each of equally large parts.
            let (from, until) = (flip * bits / flips, (flip + 1) * bits / flips);
            let (name, bit) = place(&files, from + dice.below(until - from));
            let fate = shelf.flip(name, bit).map_err(|failure| failure.at(format!("{name}, bit {bit}")))?;
            counted.flips += 1;
            match fate {
                Fate::Refused => counted.refused += 1,
                Fate::Reported => counted.reported += 1,
                Fate::Rebuilt => counted.rebuilt += 1,
                Fate::Harmless => counted.harmless += 1,
            }
        }
    }
    Ok(done)
}

fn kind_of(name: &str, newest: &str) -> &'static str {
    match name.split_once('/') {
        Some(("segments", _)) if name == newest => "active segment",
        Some(("segments", _)) => "sealed segments",
        Some(("index", file)) if is_index(file) => "index files",
        Some(("index", _)) => "filter groups",
        Some(("cursors", _)) => "cursors",
        Some(("projections", _)) => "saved states",
        _ if name == "WATERMARK" => "watermark",
        _ => "store file",
    }
}

/// Returns whether it is the index file of a segment, and not a filter group.
fn is_index(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "idx")
}

fn place(files: &[(String, u64)], mut bit: u64) -> (&str, u64) {
    for (name, bits) in files {
        if bit < *bits {
            return (name, bit);
        }
        bit -= bits;
    }
    unreachable!("the bit is one of the files'")
}

/// A store at rest, and what it answers.
struct StoreAtRest {
    disk: FaultyDisk,
    leaves: Vec<u64>,
    answers: Vec<u64>,
}

impl StoreAtRest {
    fn new() -> Outcome<Self> {
        let disk = FaultyDisk::new(1, Model::default());
        let store = options().open_in(env(&disk))?;
        fill(&store)?;
        store.close()?;
        drop(store);
        let disk = disk.reopen();
        let store = options().create(false).open_in(env(&disk.fork().reopen()))?;
        let leaves = store.read(&Query::ALL)?.map(|event| Ok(of(&event?)));
        let leaves = leaves.collect::<Result<Vec<_>>>()?;
        let (answers, _) = answers(&store, &leaves)?;
        ensure(disk.at_rest().names_in("index").iter().any(|name| !is_index(name)), || {
            "the store has no filter group".into()
        })?;
        drop(store);
        Ok(Self { disk, leaves, answers })
    }

    fn flip(&self, name: &str, bit: u64) -> Outcome<Fate> {
        let fates = [false, true].map(|writes| {
            let disk = self.disk.fork().reopen();
            disk.at_rest().flip_bit(name, bit)?;
            self.look(&disk, writes).map_err(|failure| failure.at(format!("writes: {writes}")))
        });
        let [read, write] = fates;
        let (read, write) = (read?, write?);
        // An error that keeps a writer from opening is reported to a reader too.
        let report = |fate| matches!(fate, Fate::Refused | Fate::Reported);
        ensure(report(read) == report(write), || format!("a reader finds it {read:?}, a writer {write:?}"))?;
        Ok(write)
    }

    fn look(&self, disk: &FaultyDisk, writes: bool) -> Outcome<Fate> {
        let typed = |error: &Error| {
            let of_bytes = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Newer);
            ensure(of_bytes, || format!("an error that does not speak of bytes: {error}"))
        };
        let opened = if writes {
            options().create(false).open_in(env(disk)).map(Ok)
        } else {
            options().open_reader_in(env(disk)).map(Err)
        };
        // The writer is kept until everything was asked.
        let (_writer, store) = match opened.map(|opened| match opened {
            Ok(writer) => (Some(writer.clone()), writer.reader()),
            Err(reader) => (None, reader),
        }) {
            Ok(store) => store,
            Err(error) => return typed(&error).map(|()| Fate::Refused),
        };
        let hidden = store.report().damage.is_some() || store.report().dropped_bytes > 0;
        match answers(&store, &self.leaves) {
            Err(WrongAnswer::Answer(text)) => Err(Failure(text)),
            Err(WrongAnswer::Error(error)) => typed(&error).map(|()| Fate::Reported),
            Ok((found, _)) if hidden && found != self.answers => Ok(Fate::Reported),
            Ok((found, rebuilt)) => {
                ensure(found == self.answers, || "an answer has changed without an error".into())?;
                let rebuilt = rebuilt || store.report().rebuilt_indexes > 0;
                Ok(if rebuilt { Fate::Rebuilt } else { Fate::Harmless })
            }
        }
    }
}

fn env(disk: &FaultyDisk) -> Env {
    Env::simulated(disk, &SimulatedClock::new(1_795_000_000_000_000), &SeededRandom::new(1))
}

fn options() -> StoreOptions {
    StoreOptions::new().segment_bytes(1_500).thread(false)
}

/// Notes, orders with their bills, a key, a cursor in the middle and a saved state, in many segments.
fn fill(store: &Store) -> Outcome {
    for number in 0..112 {
        store.append_with(story::batch(0, number), AppendOptions::new().synced())?;
        store.upkeep().step()?;
    }
    let reactor = store.reactor(REACTOR, story::orders(), |_, order| Ok(Some(bill(order).into())))?;
    while !matches!(reactor.step()?, tidegate::subscription::reactor::Step::Idle) {}
    drop(reactor);
    let cursor = store.cursor(CURSOR, story::notes())?;
    for _ in 0..30 {
        let Some(delivery) = cursor.next_now()? else { break };
        delivery.ack()?;
    }
    cursor.commit()?;
    let projector = store.projector::<Tally>()?;
    projector.read()?;
    projector.save()?;
    store.append_with(story::batch(0, 112), AppendOptions::new().synced())?;
    Ok(store.upkeep().step()?)
}

/// What can be wrong with an answer.
enum WrongAnswer {
    Error(Error),
    Answer(String),
}

impl From<Error> for WrongAnswer {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<WrongAnswer> for Failure {
    fn from(wrong: WrongAnswer) -> Self {
        match wrong {
            WrongAnswer::Error(error) => error.into(),
            WrongAnswer::Answer(text) => Self(text),
        }
    }
}

/// Everything that an event says.
fn of(event: &RecordedEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event.position(), event.leaf(), event.kind(), event.payload().ok(), event.stream().to_string())
        .hash(&mut hasher);
    (event.id(), event.version(), event.time(), event.tags().collect::<Vec<_>>()).hash(&mut hasher);
    event.causes().for_each(|cause| format!("{cause:?}").hash(&mut hasher));
    hasher.finish()
}

/// Asks everything, and says whether a saved state was rejected. What comes before an error must be right.
fn answers(store: &StoreReader, leaves: &[u64]) -> Result<(Vec<u64>, bool), WrongAnswer> {
    let view = store.view()?;
    let mut found = vec![view.head().0];
    let mut ids = Vec::new();
    for (index, event) in view.read(&Query::ALL).enumerate() {
        let event = event?;
        if leaves.get(index).is_some_and(|leaf| *leaf != of(&event)) {
            return Err(WrongAnswer::Answer(format!("the event at {} is another one", event.position())));
        }
        ids.push(event.id());
    }
    let courses = (0..3).map(story::seats);
    let streams = (0..5).map(|entity| Query::stream(("run", format!("entity-{entity}"))));
    let absent = tidegate::QueryItem::new().tag("life:9").into();
    for query in [story::notes(), story::orders(), absent].into_iter().chain(courses).chain(streams) {
        found.push(view.count(&query)?);
        for event in view.read_with(&query, ReadOptions::new().backwards(true)) {
            found.push(of(&event?));
        }
    }
    for (index, id) in ids.iter().enumerate() {
        if view.find(*id)?.map(|event| event.position().0) != Some(index as u64 + 1) {
            return Err(WrongAnswer::Answer(format!("the event {id} is not found at {}", index + 1)));
        }
    }
    for name in [CURSOR, REACTOR] {
        let state = status(store, name)?;
        found.push(state.position.0);
        found.push(state.parked.len() as u64);
    }
    let projector = store.projector::<Tally>()?;
    let reading = projector.read()?;
    found.extend([reading.count, reading.trail, reading.position().0]);
    let rejected = matches!(projector.start(), Start::Rebuilt(_));
    let graph = view.graph();
    for at in (1..=view.head().0).map(Position) {
        found.push(view.at(at)?.map_or(0, |event| of(&event)));
        found.push(u64::from(graph.level(at)?));
        for other in graph.effects(at)?.chain(graph.ancestors(&[at])?) {
            found.push(other?.0);
        }
    }
    store.verify(|_| ())?;
    Ok((found, rejected))
}
