//! A simulated machine with one store on it, and the same events every time.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tidegate::testing::{Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{Result, Store, StoreOptions};

use super::known::Known;
use super::question::{Question, question};
use super::story::{Sketch, append, sketch};
use crate::stored::access::{Access, Opened};

/// Bytes of a segment: about five events.
const SEGMENT_BYTES: u64 = 1000;

/// A simulated machine.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) disk: FaultyDisk,
    clock: SimulatedClock,
    random: SeededRandom,
}

impl Fixture {
    pub(crate) fn new(seed: u64) -> Self {
        let clock = SimulatedClock::new(1_795_000_000_000_000);
        Self { disk: FaultyDisk::new(seed, Model::default()), clock, random: SeededRandom::new(seed) }
    }

    /// The same machine once more, its process killed.
    pub(crate) fn fork(&self) -> Self {
        Self { disk: self.disk.fork(), ..self.clone() }.restarted()
    }

    /// The next process on the same machine.
    pub(crate) fn restarted(&self) -> Self {
        Self { disk: self.disk.reopen(), ..self.clone() }
    }

    pub(crate) fn world(&self) -> Env {
        Env::simulated(&self.disk, &self.clock, &self.random)
    }

    pub(crate) fn write(&self, map: bool) -> Result<Store> {
        Self::options(map).open_in(self.world())
    }

    fn options(map: bool) -> StoreOptions {
        StoreOptions::new().map(map).segment_bytes(SEGMENT_BYTES).thread(false)
    }

    pub(crate) fn open(&self, access: Access, map: bool) -> Result<Opened> {
        access.open(self.world(), Self::options(map))
    }

    /// The names of the index files.
    pub(crate) fn indexes(&self) -> Vec<String> {
        let mut names = self.disk.at_rest().names_in("index");
        names.retain(|name| !name.ends_with("filters"));
        names
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.disk.at_rest().read(name).expect("the file is there")
    }

    /// Appends batches to a store here and closes it; what it holds then.
    pub(crate) fn filled(seed: u64, batches: usize) -> (Self, Vec<Known>) {
        let (ground, mut log) = (Self::new(seed), Vec::new());
        let store = ground.write(true).expect("an empty disk opens");
        for batch in self::batches(batches) {
            append(&store, &mut log, &batch).expect("the disk does not fail");
        }
        store.close().expect("the disk does not fail");
        (ground.restarted(), log)
    }
}

/// The same batches every time.
pub(crate) fn batches(count: usize) -> Vec<Vec<Sketch>> {
    samples(&proptest::collection::vec(sketch(), 1..5), count)
}

/// The same questions every time.
pub(crate) fn questions(count: usize) -> Vec<Question> {
    samples(&question(), count)
}

fn samples<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    let sample = |_| strategy.new_tree(&mut runner).expect("nothing is filtered out").current();
    (0..count).map(sample).collect()
}
