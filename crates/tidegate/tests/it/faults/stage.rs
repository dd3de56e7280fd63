//! A simulated machine with a store on it, for tests that do one thing to it and look.

use std::sync::Arc;
use std::time::Duration;

use tidegate::testing::{Disk, Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{
    AppendOptions, Batch, Draft, Error, ErrorKind, ErrorPlace, Query, Result, Store, StoreOptions,
    StoreReader,
};
use tidegate_format::frame::FRAME_HEADER_BYTES;
use tidegate_format::{FrameHeader, Hash, SEGMENT_HEADER_BYTES};

use crate::stored::access::{Access, Opened};

/// What tells one history from another: an event's leaf commits to everything in it and before it.
pub(crate) type History = Vec<(u64, Hash)>;

#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: SimulatedClock,
    pub(crate) random: SeededRandom,
    pub(crate) options: StoreOptions,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::on(Model::default())
    }

    /// A machine on which another store comes to be.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), ..Self::new() }
    }

    pub(crate) fn on(model: Model) -> Self {
        Self {
            disk: FaultyDisk::new(1, model),
            clock: SimulatedClock::new(1_795_000_000_000_000),
            random: SeededRandom::new(1),
            options: StoreOptions::new().thread(false).segment_bytes(1400),
        }
    }

    /// The same machine once more, at the beginning of its next process.
    pub(crate) fn fork(&self) -> Self {
        Self { disk: self.disk.fork().reopen(), ..self.clone() }
    }

    /// The next process; the last one was killed.
    pub(crate) fn restart(&mut self) {
        self.disk = self.disk.reopen();
    }

    pub(crate) fn world(&self) -> Env {
        Env::simulated(&self.disk, &self.clock, &self.random)
    }

    /// The world with another disk between store and machine.
    pub(crate) fn world_with(&self, disk: Arc<dyn Disk>) -> Env {
        Env { disk, ..self.world() }
    }

    pub(crate) fn try_open(&self, access: Access) -> Result<Opened> {
        access.open(self.world(), self.options)
    }

    pub(crate) fn try_write(&self) -> Result<Store> {
        self.options.open_in(self.world())
    }

    pub(crate) fn open(&self) -> Store {
        self.try_write().unwrap()
    }

    pub(crate) fn read_only(&self) -> StoreReader {
        self.options.open_reader_in(self.world()).unwrap()
    }

    /// A store of three segments, closed in good order, and what is in it.
    pub(crate) fn closed() -> (Self, History) {
        let mut stage = Self::new();
        let store = stage.open();
        fill(&store, 12);
        let history = history(&store).unwrap();
        store.close().unwrap();
        stage.restart();
        assert_eq!(stage.segments().len(), 3, "the sample has a first, a middle and an active segment");
        (stage, history)
    }

    /// The same store, its process killed instead.
    pub(crate) fn killed() -> (Self, History) {
        let mut stage = Self::new();
        let store = stage.open();
        fill(&store, 12);
        let history = history(&store).unwrap();
        stage.disk.kill();
        stage.restart();
        (stage, history)
    }

    pub(crate) fn segments(&self) -> Vec<String> {
        self.disk.at_rest().names_in("segments")
    }

    pub(crate) fn active(&self) -> String {
        self.segments().last().unwrap().clone()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.disk.at_rest().read(name).unwrap()
    }

    /// Where each frame of a segment starts, and where the last one ends.
    pub(crate) fn frames(&self, name: &str) -> Vec<usize> {
        let bytes = self.bytes(name);
        let mut starts = vec![SEGMENT_HEADER_BYTES];
        while let Some(rest) =
            bytes.get(starts[starts.len() - 1]..).filter(|rest| rest.len() > FRAME_HEADER_BYTES)
        {
            let Ok(head) = FrameHeader::read(rest) else { break };
            starts.push(starts[starts.len() - 1] + head.frame_bytes());
        }
        starts
    }
}

/// Appends this many batches, each synced, of one or two events.
pub(crate) fn fill(store: &Store, batches: usize) {
    for number in 0..batches {
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
    }
}

pub(crate) fn batch(number: usize) -> Batch {
    let draft = |part: usize| {
        Draft::new(("scope", format!("entity-{}", number % 3)), "thing.done")
            .bytes(vec![number as u8; 30 + part])
            .tag(format!("tag:{}", number % 2))
    };
    if number.is_multiple_of(3) { Batch::from(vec![draft(0), draft(1)]) } else { Batch::from(draft(0)) }
}

pub(crate) fn one(entity: &'static str) -> Draft {
    Draft::new(("scope", entity), "thing.done").bytes(vec![7; 40])
}

/// All events, up to the first error.
pub(crate) fn history(store: &StoreReader) -> Result<History> {
    let mut found = Vec::new();
    for event in store.read(&Query::ALL)? {
        let event = event?;
        found.push((event.position().0, event.leaf()));
    }
    Ok(found)
}

/// What came of damage to a store whose history is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything is there.
    Same,
    /// The end is not, and the report says so.
    Dropped,
    /// Opening refused.
    Refused,
    /// The store opened; reading or verifying said what is damaged.
    Noticed,
}

/// Opens a damaged store in every way and checks that nothing wrong is ever shown, nothing silently gone, and that a
/// reader and a writer come to one verdict.
pub(crate) fn outcome(stage: &Stage, intact: &[(u64, Hash)]) -> Outcome {
    let told = look(&stage.fork(), intact);
    let store = match stage.fork().try_open(Access::Write) {
        Ok(store) => store,
        Err(error) => {
            assert_refusal(&error);
            let ReaderView::Damage(told) = told else {
                panic!("a writer is refused ({error}), and a reader says {told:?}")
            };
            assert_eq!(told.place(), error.place(), "reader: {told}; writer: {error}");
            return Outcome::Refused;
        }
    };
    let read = history(&store);
    let verified = store.verify(|_| ());
    let found = match (read, verified) {
        (Ok(found), Ok(_)) => found,
        (found, verified) => {
            let error = found.as_ref().err().or(verified.as_ref().err()).unwrap();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            assert!(error.place().is_some(), "{error}");
            if let Ok(found) = found {
                assert_eq!(found, intact[..found.len()]);
            }
            return Outcome::Noticed;
        }
    };
    assert!(intact.starts_with(&found), "what shows is what was written");
    // What a reader shows and what it counts as unconfirmed is what an opening for writing keeps.
    let ReaderView::Shows { events, unconfirmed, torn } = told else {
        panic!("a writer opens, and a reader says {told:?}: {}", store.report())
    };
    assert_eq!(events as u64 + unconfirmed, found.len() as u64, "{}", store.report());
    assert_eq!(torn, store.report().dropped_bytes > 0, "{}", store.report());
    if found.len() == intact.len() {
        return Outcome::Same;
    }
    let report = store.report();
    assert!(report.dropped_bytes > 0 && report.dropped_because.is_some(), "events went silently: {report}");
    Outcome::Dropped
}

/// What a reader says of a store.
#[derive(Debug)]
enum ReaderView {
    Damage(Error),
    Shows { events: usize, unconfirmed: u64, torn: bool },
}

/// Reading only shows nothing wrong, and everything else is told.
fn look(stage: &Stage, intact: &[(u64, Hash)]) -> ReaderView {
    let store = match stage.try_open(Access::Read) {
        Ok(store) => store,
        Err(error) => {
            assert_refusal(&error);
            return ReaderView::Damage(error);
        }
    };
    match history(&store) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            ReaderView::Damage(error)
        }
        Ok(found) => {
            assert!(intact.starts_with(&found), "what shows to a reader is what was written");
            assert!(store.report().damage.is_none(), "a reader ends in silence: {}", store.report());
            let unconfirmed = store.report().unconfirmed;
            let torn = unconfirmed.as_ref().is_some_and(|unconfirmed| unconfirmed.torn.is_some());
            let unconfirmed = unconfirmed.map_or(0, |unconfirmed| unconfirmed.events);
            ReaderView::Shows { events: found.len(), unconfirmed, torn }
        }
    }
}

/// A refusal says what, where, what was expected and found, and what to do.
pub(crate) fn assert_refusal(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(matches!(error.place(), Some(ErrorPlace::File { .. })), "{error}");
    assert!(error.evidence().is_some(), "{error}");
    assert!(error.to_string().contains("salvage"), "{error}");
}

/// Long enough for any machine; nothing here waits for it to pass.
pub(crate) const LONG: Duration = Duration::from_secs(60);
