//! Signers: a key, and what it signed last.
//!
//! Invariants:
//!
//! S1. What is signed is durable: the store that asks for it keeps this.
//! S2. A signer remembers the last checkpoint it signed, outside the store, so that a store that is put back cannot turn it
//!     back.
//! S3. It signs what extends that checkpoint, shown by a consistency proof that it checks, and nothing else.
//! S4. It writes down what it signs before it gives it away, and two at a time do that one after the other.
//! S5. It signs for one origin.

use std::sync::{Mutex, PoisonError};

use tidegate_format::{Hash, Result};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::note::{SigningKey, VerifierKey};
use crate::refutation::older;

/// A key and its memory: what signs the checkpoints of a log, and never two that contradict each other.
///
/// An implementation keeps S2 to S5 above: under one lock it reads what it signed last, calls
/// [`Checkpoint::check_extends`], signs with [`Checkpoint::sign`] or a device, makes the new checkpoint durable, and only then
/// returns it. The same checkpoint asked for again is answered with the same signature.
///
/// One case stays open: a key that was copied together with its memory signs twice and cannot know it. Only a witness notices
/// that.
pub trait Signer: Send + Sync {
    /// Returns what checks its signatures. The name of the key is the origin it signs for.
    fn key(&self) -> VerifierKey;

    /// Returns the last checkpoint it signed, or `None` before the first.
    ///
    /// # Errors
    ///
    /// What kept it from reading its memory.
    fn last(&self) -> Result<Option<SignedCheckpoint>>;

    /// Signs a checkpoint that extends the last one, as the hashes of the [consistency
    /// proof](crate::tree::ConsistencyProof) between them show. Without a last one, or for the same once more, there are no
    /// hashes.
    ///
    /// # Errors
    ///
    /// * [`Invalid`](tidegate_format::ErrorKind::Invalid) for another origin than its key's;
    /// * [`Older`](tidegate_format::ErrorKind::Older) if more events were signed before: an older copy of the store was put
    ///   back; or if hashes are given and the signer has signed nothing: an older copy of its memory was;
    /// * [`Diverged`](tidegate_format::ErrorKind::Diverged) if other events were signed before: a copy of the store went on by
    ///   itself;
    /// * what kept it from writing its memory. Nothing was signed then, as far as a caller can see.
    fn sign(&self, next: &Checkpoint, hashes: &[Hash]) -> Result<SignedCheckpoint>;
}

/// A signer whose memory ends with it: for tests, and as the model of others.
///
/// ```
/// use tidegate_format::ErrorKind;
/// use tidegate_proof::tree::{ConsistencyProof, MemoryTree, leaf_hash};
/// use tidegate_proof::{Checkpoint, KeyAlgorithm, MemorySigner, Signer, SigningKey};
///
/// let tree: MemoryTree = [b"a", b"b", b"c"].into_iter().map(|entry| leaf_hash(entry)).collect();
/// let head = |size| Checkpoint::new("example.com/log", size, tidegate_proof::tree::root(&tree, size)?);
/// let signer = MemorySigner::new(SigningKey::new("example.com/log", KeyAlgorithm::Ed25519, [7; 32])?)?;
///
/// let first = signer.sign(&head(2)?, &[])?;
/// let second = signer.sign(&head(3)?, &ConsistencyProof::make(&tree, 2, 3)?.hashes)?;
/// assert_eq!(signer.last()?, Some(second));
/// assert_eq!(signer.sign(first.checkpoint(), &[]).unwrap_err().kind(), ErrorKind::Older);
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Debug)]
pub struct MemorySigner {
    key: SigningKey,
    last: Mutex<Option<SignedCheckpoint>>,
}

impl MemorySigner {
    /// Returns a signer with this key that has signed nothing.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the key cannot sign for its name: it is not one of Ed25519.
    pub fn new(key: SigningKey) -> Result<Self> {
        key.sign("\n")?;
        Ok(Self { key, last: Mutex::new(None) })
    }
}

impl Signer for MemorySigner {
    fn key(&self) -> VerifierKey {
        self.key.verifier().clone()
    }

    fn last(&self) -> Result<Option<SignedCheckpoint>> {
        // What is remembered is replaced in one step, so a panic elsewhere leaves it whole.
        Ok(self.last.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn sign(&self, next: &Checkpoint, hashes: &[Hash]) -> Result<SignedCheckpoint> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref() {
            next.check_extends(last.checkpoint(), hashes)?;
            if last.checkpoint() == next {
                return Ok(last.clone());
            }
        } else if !hashes.is_empty() {
            // The caller knows a checkpoint that this signer has forgotten.
            return Err(older("the signer has signed nothing, and is asked to go on from something"));
        }
        let signed = next.sign(&self.key)?;
        *last = Some(signed.clone());
        Ok(signed)
    }
}
