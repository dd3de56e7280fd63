//! Proofs: checkpoints of the log that a key signs, and files that show an event under one of them.
//!
//! ```
//! use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile, Signer};
//! use tidegate::{Draft, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (directory, key) = (folder.path().join("shop"), folder.path().join("keys/shop.key"));
//! let store = Store::open(&directory)?;
//! let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed").bytes(&b"12"[..]))?;
//!
//! let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
//! let checkpoint = store.proofs().checkpoint(&signer)?;
//! let proof = store.proofs().prove(receipt.first(), &checkpoint, DisclosureForm::Payload)?;
//! let (proof_file, verifier) = (proof.to_string(), signer.key().to_string());
//!
//! // An auditor has these two texts and no store; the crate `tidegate-proof` is enough.
//! let policy: tidegate_proof::Policy = format!("log {verifier}\nquorum none\n").parse()?;
//! let proof: tidegate_proof::Proof = proof_file.parse()?;
//! let proved = proof.verify(&policy)?;
//! assert_eq!((proved.entry.position(), proved.leaf), (receipt.first(), receipt.events[0].leaf));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The tree is the one of RFC 6962 over the leaves of all events, and the texts are those of C2SP, so other tools check them.
//! A proof stays good when its event's payload is erased, and when the store is gone.
//!
//! [`Proofs::export_tiles`] writes the tree as a folder that a web server can hand out.
//! [`take_census`](crate::Store::take_census) counts all events by stream, and [`Proofs::prove_all`] then shows all events of
//! one, or that it has none; [`Proofs::audit_censuses`] counts again. [`Evidence`] is what was read, or what a projection said.
//!
//! Invariants:
//!
//! C1. Only durable events are signed.
//! C2. Only a log that continues the signer's last checkpoint is signed.
//! C3. A checkpoint is in the signer's memory, durable, before it is given out.
//! C4. A proof is checked, from the event's own record to the checkpoint's root, before it is given out.
mod key_file;
mod prover;
mod folder;
mod census;
mod evidence;

pub use census::{AuditedCensus, CensusAudit};
pub use evidence::{EventsEvidence, Evidence, StateEvidence};
pub use folder::{TilesOptions, TilesReport};
pub use key_file::KeyFile;
pub use prover::Proofs;
pub use tidegate_proof::census::{Census, CensusField, CensusProof, CensusTerm};
pub use tidegate_proof::tree::ConsistencyProof;
pub use tidegate_proof::{
    Checkpoint, DEFAULT_PREFIX, DisclosureForm, Proof, SignedCheckpoint, Signer, VerifierKey,
};

use crate::store::StoreReader;

impl StoreReader {
    /// Returns what signs checkpoints of the log and makes proofs under them. A handle, cheap to clone.
    ///
    /// ```
    /// use tidegate::Store;
    /// use tidegate::proofs::ConsistencyProof;
    ///
    /// let proofs = Store::in_memory()?.proofs();
    /// assert_eq!(proofs.consistency(0, 0)?, ConsistencyProof { old: 0, new: 0, hashes: vec![] });
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn proofs(&self) -> Proofs {
        Proofs::new(self.clone())
    }
}
