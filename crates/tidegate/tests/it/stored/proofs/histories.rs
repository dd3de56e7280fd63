//! Random histories with crashes, copies and restores: every proof holds for ever, and no two notes contradict each other.

use proptest::prelude::*;
use tidegate::proofs::{DisclosureForm, Proof, SignedCheckpoint, Signer};
use tidegate::report::Erase;
use tidegate::testing::{FaultPlan, SeededRandom};
use tidegate::{AppendOptions, ErrorKind, Position, Query, QueryItem};
use tidegate_format::Hash;

use super::{KeyDisk, audit, policy, size};
use crate::faults::stage::{Stage, batch, fill};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    Append {
        synced: bool,
    },
    Checkpoint,
    Prove(u64),
    Seal,
    /// The power goes: of both disks, at one moment.
    PowerCut(u64),
    Kill,
    /// The process dies in this call on the disk of the key, during a checkpoint.
    DieSigning(u64),
    /// The process dies in this call on the disk of the store, during an append and a checkpoint.
    DieStoring(u64),
    /// A copy of the store is made.
    Copy,
    /// The copy is opened, goes on by itself, and asks for a signature with the same key.
    Restored,
    /// What is whole is written to another disk, which goes on if the key signs it. Before that, the end is cut off, or
    /// something in the middle is damaged.
    Salvage(Option<u64>),
    /// Payloads are erased.
    Erase(u64),
    /// What the key signed last is put back as it was before the last checkpoint.
    TurnBack,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => any::<bool>().prop_map(|synced| Event::Append { synced }),
        4 => Just(Event::Checkpoint),
        2 => (0..64_u64).prop_map(Event::Prove),
        1 => Just(Event::Seal),
        2 => any::<u64>().prop_map(Event::PowerCut),
        1 => Just(Event::Kill),
        2 => (1..12_u64).prop_map(Event::DieSigning),
        2 => (1..8_u64).prop_map(Event::DieStoring),
        1 => Just(Event::Copy),
        1 => Just(Event::Restored),
        1 => prop::option::of(any::<u64>()).prop_map(Event::Salvage),
        1 => (0..64_u64).prop_map(Event::Erase),
        1 => Just(Event::TurnBack),
    ]
}

struct World {
    stage: Stage,
    store: Option<tidegate::Store>,
    keys: KeyDisk,
    copy: Option<Stage>,
    signed: Vec<SignedCheckpoint>,
    proofs: Vec<(Proof, u64, Hash)>,
    appended: usize,
    /// What the key remembered before it signed last.
    memory: Option<Vec<u8>>,
}

impl World {
    fn new() -> Self {
        let stage = Stage::new();
        let store = stage.open();
        let keys = KeyDisk::new(2);
        keys.create(store.id()).unwrap();
        let (signed, proofs) = (Vec::new(), Vec::new());
        Self { stage, store: Some(store), keys, copy: None, signed, proofs, appended: 0, memory: None }
    }

    fn store(&self) -> &tidegate::Store {
        self.store.as_ref().expect("it is opened again at once")
    }

    /// The next process on both disks.
    fn restart(&mut self) {
        self.store = None;
        self.stage.restart();
        self.keys.restart();
        self.store = Some(self.stage.open());
        // Whatever was signed is there.
        for signed in &self.signed {
            self.store().proofs().check(signed.checkpoint()).unwrap();
        }
    }

    fn checkpoint(&mut self) -> tidegate::Result<()> {
        let signer = self.keys.open()?;
        self.memory = self.keys.disk.at_rest().read("shop.last").ok();
        let signed = self.store().proofs().checkpoint(&signer)?;
        assert!(size(&signed) <= self.store().frontier().durable.0, "only what is durable is signed");
        self.signed.push(signed);
        Ok(())
    }

    fn append(&mut self, synced: bool) -> tidegate::Result<()> {
        let options = AppendOptions::new();
        let options = if synced { options.synced() } else { options.buffered() };
        self.appended += 1;
        self.store().append_with(batch(self.appended), options).map(drop)
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Append { synced } => self.append(synced).unwrap(),
            Event::Checkpoint => self.checkpoint().unwrap(),
            Event::Prove(number) => self.prove(number),
            Event::Seal => self.store().upkeep().step().unwrap(),
            Event::PowerCut(seed) => {
                self.stage.disk.power_cut(seed);
                self.keys.disk.power_cut(seed);
                self.restart();
            }
            Event::Kill => {
                self.stage.disk.kill();
                self.keys.disk.kill();
                self.restart();
            }
            Event::DieSigning(nth) => {
                self.append(false).unwrap();
                self.keys.disk.set_plan(FaultPlan::default().crash_at(nth));
                let _ = self.checkpoint();
                self.stage.disk.power_cut(nth);
                self.keys.disk.power_cut(nth);
                self.restart();
            }
            Event::DieStoring(nth) => {
                self.stage.disk.set_plan(FaultPlan::default().crash_at(nth));
                let _ = self.append(false);
                let _ = self.checkpoint();
                self.stage.disk.power_cut(nth);
                self.keys.disk.power_cut(nth);
                self.restart();
            }
            Event::Copy => {
                let mut copy = self.stage.fork();
                copy.random = SeededRandom::new(900 + self.appended as u64);
                self.copy = Some(copy);
            }
            Event::Restored => self.restored(),
            Event::Salvage(damage) => self.salvage(damage),
            Event::Erase(number) => self.erase(number),
            Event::TurnBack => {
                if let Some(memory) = self.memory.take() {
                    self.keys.disk.at_rest().write("shop.last", &memory).unwrap();
                }
            }
        }
    }

    fn prove(&mut self, number: u64) {
        let Some(signed) = self.signed.get(number as usize % self.signed.len().max(1)) else { return };
        let position = number % (size(signed) + 1);
        let forms = [DisclosureForm::Names, DisclosureForm::Payload, DisclosureForm::Entry];
        let form = forms[number as usize % 3];
        let proof = self.store().proofs().prove(Position(position), signed, form);
        match proof {
            Ok(proof) => {
                let leaf = self.store().view().unwrap().at(Position(position)).unwrap().unwrap().leaf();
                self.proofs.push((proof, position, leaf));
            }
            Err(error) if error.kind() == ErrorKind::Erased => assert_eq!(form, DisclosureForm::Payload),
            Err(error) => assert_eq!((position, error.kind()), (0, ErrorKind::Invalid)),
        }
    }

    /// A copy signs as long as it is the same log, and never once it is not.
    fn restored(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        let store = copy.open();
        fill(&store, 2);
        self.offer(copy, store);
    }

    fn salvage(&mut self, damage: Option<u64>) {
        let broken = self.stage.fork();
        if let Some(seed) = damage {
            let segments = broken.segments();
            let name = &segments[seed as usize % segments.len()];
            let length = broken.bytes(name).len() as u64;
            let files = broken.disk.at_rest();
            if seed % 2 == 0 {
                files.truncate(name, seed % length)
            } else {
                files.flip_bit(name, seed % (length * 8))
            }
            .unwrap();
        }
        let mut saved = Stage { random: SeededRandom::new(500 + self.appended as u64), ..Stage::new() };
        let Ok(_) = tidegate::report::salvage_in(&broken.world(), &saved.world(), |_| ()) else { return };
        saved.restart();
        let store = saved.open();
        fill(&store, 1);
        self.offer(saved, store);
    }

    /// Erases the payloads of a sixth of the events.
    fn erase(&mut self, number: u64) {
        let query = Query::from(
            QueryItem::new().entity(format!("entity-{}", number % 3)).tag(format!("tag:{}", number % 2)),
        );
        self.store().upkeep().erase(&query, Erase::new("request 17", "desk 2")).unwrap();
    }

    /// Asks the key to sign another store, which is the log from now on if it does.
    fn offer(&mut self, copy: Stage, store: tidegate::Store) {
        let signer = self.keys.open().unwrap();
        let last = signer.last().unwrap().unwrap();
        let is_same = store.id() == self.store().id();
        if self.signed.last().is_some_and(|newest| size(newest) > size(&last)) {
            // A key that was turned back is not asked to sign another store: that is what only a witness notices.
            return;
        }
        match store.proofs().checkpoint(&signer) {
            Err(error) if is_same => {
                assert!(matches!(error.kind(), ErrorKind::Older | ErrorKind::Diverged), "{error}");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Invalid, "another store has another origin: {error}");
            }
            Ok(signed) => {
                // It continues all that was signed, so the copy is the log from now on.
                store.proofs().check(last.checkpoint()).unwrap();
                self.signed.push(signed);
                self.store = None;
                self.stage = copy;
                self.store = Some(store);
                for signed in &self.signed {
                    self.store().proofs().check(signed.checkpoint()).unwrap();
                }
            }
        }
    }

    fn end(&mut self) {
        self.append(true).unwrap();
        self.checkpoint().unwrap();
        let policy = policy(&self.keys.open().unwrap());
        for (proof, position, leaf) in &self.proofs {
            audit(proof, &policy, *position, *leaf);
        }
        self.signed.sort_by_key(size);
        for pair in self.signed.windows(2) {
            let (older, newer) = (pair[0].checkpoint(), pair[1].checkpoint());
            assert!(older.size() != newer.size() || pair[0] == pair[1], "two notes of one size");
            let proof = self.store().proofs().consistency(older.size(), newer.size()).unwrap();
            newer.check_extends(older, &proof.hashes).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_was_given_out_holds_for_ever(events in prop::collection::vec(event(), 1..40)) {
        let mut world = World::new();
        for event in events {
            world.step(event);
        }
        world.end();
    }
}

/// Dying in every call of signing, and losing what was not durable: what left the process is remembered by the next.
#[test]
fn a_crash_at_every_call_of_signing_forgets_nothing_that_was_seen() {
    for nth in 1.. {
        let mut world = World::new();
        world.append(false).unwrap();
        world.checkpoint().unwrap();
        world.append(false).unwrap();
        world.keys.disk.set_plan(FaultPlan::default().crash_at(nth));
        let seen = world.checkpoint().is_ok();
        let crashed = world.keys.disk.ended();
        world.keys.disk.lose_unsynced();
        world.stage.disk.lose_unsynced();
        world.restart();
        let last = world.keys.open().unwrap().last().unwrap().unwrap();
        assert!(size(&last) >= world.signed.last().map_or(0, size), "call {nth}");
        assert!(!seen || world.signed.last() == Some(&last), "call {nth}");
        world.end();
        if !crashed {
            assert!(nth > 5);
            return;
        }
    }
}
