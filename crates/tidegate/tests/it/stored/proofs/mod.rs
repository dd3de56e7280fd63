//! Checkpoints and proofs: what is signed is what the log is, and what was given out holds for ever.

mod censuses;
mod evidence;
mod forged_records;
mod hard_cases;
mod histories;
mod key_files;
mod tiles;
mod tree_files;
mod whole_path;

use tidegate::Position;
use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, KeyFile, Proof, SignedCheckpoint, Signer};
use tidegate::testing::{Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{Result, StoreId, StoreReader};
use tidegate_format::Hash;
use tidegate_proof::Policy;
use tidegate_proof::tree::MemoryTree;

/// A disk of its own with a key on it, as it lies outside a store.
#[derive(Clone, Debug)]
pub(crate) struct KeyDisk {
    pub(crate) disk: FaultyDisk,
    seed: u64,
}

impl KeyDisk {
    pub(crate) const NAME: &str = "shop.key";

    pub(crate) fn new(seed: u64) -> Self {
        Self { disk: FaultyDisk::new(seed, Model::default()), seed }
    }

    pub(crate) fn env(&self) -> Env {
        Env::simulated(&self.disk, &SimulatedClock::new(1), &SeededRandom::new(self.seed))
    }

    pub(crate) fn create(&self, store: StoreId) -> Result<KeyFile> {
        KeyFile::create_in(&self.env(), Self::NAME, &origin(store))
    }

    pub(crate) fn open(&self) -> Result<KeyFile> {
        KeyFile::open_in(&self.env(), Self::NAME)
    }

    /// The next process.
    pub(crate) fn restart(&mut self) {
        self.disk = self.disk.reopen();
    }
}

pub(crate) fn origin(store: StoreId) -> String {
    Checkpoint::origin_of(DEFAULT_PREFIX, store).unwrap()
}

/// The policy of an auditor who knows the key and nothing else.
pub(crate) fn policy(signer: &dyn Signer) -> Policy {
    format!("log {}\nquorum none\n", signer.key()).parse().unwrap()
}

/// The tree over all events, in twenty lines and without the store's.
pub(crate) fn naive(store: &StoreReader) -> MemoryTree {
    let view = store.view().unwrap();
    (1..=view.head().0).map(|position| view.at(Position(position)).unwrap().unwrap().leaf()).collect()
}

/// Checks a proof as an auditor would, from its text.
pub(crate) fn audit(proof: &Proof, policy: &Policy, position: u64, leaf: Hash) {
    let read: Proof = proof.to_string().parse().unwrap();
    assert_eq!(&read, proof);
    let proved = read.verify(policy).unwrap();
    assert_eq!((proved.entry.position().0, proved.leaf), (position, leaf));
}

pub(crate) fn size(signed: &SignedCheckpoint) -> u64 {
    signed.checkpoint().size()
}
