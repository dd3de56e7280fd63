//! Every query gives what a look at every event gives, wherever its segments stand: growing, sealed without an
//! index file, indexed, opened again, read by another process, mapped or not.

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate::testing::Env;
use tidegate::{Result, StoreOptions, StoreReader, View};

use super::scan::{Known, Question, Sketch, append, compare, question, sketch};
use crate::stored::access::{Access, Opened};

#[derive(Clone, Debug)]
enum Act {
    Append(Vec<Sketch>),
    /// Index what is sealed.
    Step,
    Reindex,
    Reopen {
        map: bool,
    },
    /// Keep a view until the end.
    Hold,
    /// Open a reader and keep it until the end.
    Follow {
        map: bool,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        30 => vec(sketch(), 1..7).prop_map(Act::Append),
        2 => Just(Act::Step),
        1 => Just(Act::Reindex),
        2 => any::<bool>().prop_map(|map| Act::Reopen { map }),
        3 => Just(Act::Hold),
        1 => any::<bool>().prop_map(|map| Act::Follow { map }),
    ]
}

fn open(world: &Env, access: Access, map: bool, segment_bytes: u64) -> Result<Opened> {
    access.open(world.clone(), StoreOptions::new().map(map).segment_bytes(segment_bytes).thread(false))
}

struct Run {
    world: Env,
    segment_bytes: u64,
    store: Opened,
    log: Vec<Known>,
    held: Vec<(View, usize)>,
    readers: Vec<Opened>,
}

impl Run {
    fn new(segment_bytes: u64, map: bool) -> Result<Self> {
        let world = Env::memory();
        let store = open(&world, Access::Create, map, segment_bytes)?;
        Ok(Self { world, segment_bytes, store, log: Vec::new(), held: Vec::new(), readers: Vec::new() })
    }

    fn act(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::Append(sketches) => append(self.store.writer(), &mut self.log, sketches).map(|_| ()),
            Act::Step => self.store.writer().upkeep().step(),
            Act::Reindex => self.store.writer().upkeep().reindex().map(|_| ()),
            Act::Reopen { map } => {
                self.store.close()?;
                self.store = open(&self.world, Access::Write, *map, self.segment_bytes)?;
                assert_eq!(self.store.report().rebuilt_indexes, 0, "closing indexes what is sealed");
                Ok(())
            }
            Act::Hold => {
                self.held.push((self.store.view()?, self.log.len()));
                Ok(())
            }
            Act::Follow { map } => {
                self.readers.push(open(&self.world, Access::Read, *map, self.segment_bytes)?);
                Ok(())
            }
        }
    }

    /// All that can be read now, beside the log.
    fn check(&self, questions: &[Question]) -> Result<(), String> {
        let view = |store: &StoreReader| store.view().map_err(|error| error.to_string());
        compare(&view(&self.store)?, &self.log, questions)?;
        for (at, reader) in self.readers.iter().enumerate() {
            compare(&view(reader)?, &self.log, questions).map_err(|what| format!("reader {at}: {what}"))?;
        }
        for (view, length) in &self.held {
            compare(view, &self.log[..*length], questions)
                .map_err(|what| format!("view of {length} events: {what}"))?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happened_before(
        segment_bytes in 700u64..4096,
        map: bool,
        acts in vec(act(), 20..90),
        questions in vec(question(), 24),
    ) {
        let mut run = Run::new(segment_bytes, map).expect("an empty disk opens");
        for act in &acts {
            run.act(act).expect("the disk never fails");
        }
        run.check(&questions).map_err(TestCaseError::fail)?;
        run.store.close().expect("the disk never fails");
        for map in [true, false] {
            for access in [Access::Read, Access::Write] {
                run.store = open(&run.world, access, map, segment_bytes).expect("it opens again");
                prop_assert!(run.store.report().rebuilt_indexes == 0);
                run.held.clear();
                run.check(&questions).map_err(TestCaseError::fail)?;
            }
        }
    }
}
