//! Checkpoints: what a log says of itself, and signs.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, Hash, Result, StoreId};

use crate::encoding::{Lines, base64, decimal, hash};
use crate::note::{self, NoteSignature, SignedNote, SigningKey};
use crate::refutation::{diverged, older};
use crate::tree::{self, ConsistencyProof};

/// What an origin begins with unless it is said otherwise.
pub const DEFAULT_PREFIX: &str = "tidegate.local";

/// The head of a log's tree ([tlog-checkpoint](https://c2sp.org/tlog-checkpoint)): which log, how many events, and the root
/// over their leaves. Three lines as text; further lines, which the format calls extensions, are refused.
///
/// ```
/// use tidegate_format::StoreId;
/// use tidegate_proof::{Checkpoint, DEFAULT_PREFIX, tree};
///
/// let origin = Checkpoint::origin_of(DEFAULT_PREFIX, StoreId([7; 16]))?;
/// assert_eq!(origin, "tidegate.local/07070707-0707-0707-0707-070707070707");
/// let checkpoint = Checkpoint::new(&origin, 0, tree::empty_root())?;
/// assert!(checkpoint.is_of(StoreId([7; 16])));
/// assert_eq!(checkpoint.to_string().parse::<Checkpoint>()?, checkpoint);
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// Returns the head of the log of this origin with `size` events.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the origin breaks the rules of key names
    /// ([`VerifierKey::new`](crate::VerifierKey::new)), the size is more than [`SIZE_MAX`](tree::SIZE_MAX), or it is 0
    /// and the root is not that of the empty tree.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self> {
        note::check_name(origin)?;
        if size > tree::SIZE_MAX {
            return Err(Error::invalid(format!("a checkpoint of {size} events is too large")));
        }
        if size == 0 && root != tree::empty_root() {
            return Err(Error::invalid(format!("a checkpoint of no events has the root {root}")));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Returns the origin of a store's log: a prefix, which may be an address without its scheme, and the store's id. A
    /// fork has another id, so it never speaks as its parent.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if it breaks the rules of key names.
    pub fn origin_of(prefix: &str, store: StoreId) -> Result<String> {
        let origin = format!("{}/{store}", prefix.trim_end_matches('/'));
        note::check_name(&origin)?;
        Ok(origin)
    }

    /// Returns the name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the number of events, which is the position of the last one.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root of the tree over the leaves of these events.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Returns whether the origin names this store.
    pub fn is_of(&self, store: StoreId) -> bool {
        self.origin.rsplit_once('/').is_some_and(|(_, id)| id == store.to_string())
    }

    /// Checks that this checkpoint may follow another one of the same origin that was signed: that the log goes on from it.
    /// The same checkpoint once more is fine.
    ///
    /// # Errors
    ///
    /// * [`Invalid`](tidegate_format::ErrorKind::Invalid) if they are of two origins;
    /// * [`Older`](tidegate_format::ErrorKind::Older) if this one has fewer events;
    /// * [`Diverged`](tidegate_format::ErrorKind::Diverged) if the hashes of the consistency proof do not show that it
    ///   begins with all events of the other one.
    pub fn check_extends(&self, last: &Self, hashes: &[Hash]) -> Result<()> {
        let Self { origin, size, root } = self;
        if *origin != last.origin {
            return Err(Error::invalid(format!(
                "the origin is {origin}, and {} was signed before",
                last.origin
            )));
        }
        if *size < last.size {
            let message = format!("the log has {size} events, and {} of them were signed before", last.size);
            return Err(older(message).advise("put the newer copy back, or fork the store"));
        }
        if *size == last.size {
            let message =
                || format!("{size} events have the root {root}, and {} was signed before", last.root);
            return if *root == last.root { Ok(()) } else { Err(diverged(message())) };
        }
        let proof = ConsistencyProof { old: last.size, new: *size, hashes: hashes.to_vec() };
        proof.verify(last.root, *root).map_err(|error| {
            let message = format!(
                "{size} events with the root {root} do not continue the {} with the root {} that were signed before",
                last.size, last.root
            );
            diverged(message).because(error)
        })
    }

    /// Signs it without asking what was signed before: the part of a [`Signer`](crate::Signer) that comes after its checks.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the key is not one of Ed25519 with the origin as its name.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedCheckpoint> {
        let name = key.verifier().name();
        if name != self.origin {
            return Err(Error::invalid(format!("the key {name} cannot sign for the origin {}", self.origin)));
        }
        let text = self.to_string();
        let signature = key.sign(&text)?;
        Ok(SignedCheckpoint { note: SignedNote::new(&text, vec![signature])?, checkpoint: self.clone() })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, base64(&self.root.0))
    }
}

impl FromStr for Checkpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = Lines::new("checkpoint", text);
        let origin = lines.next("an origin")?;
        let size = lines.next("a number of events")?;
        let size = decimal(size).ok_or_else(|| lines.wrong("a number of events", size))?;
        let root = lines.next("a root in Base64")?;
        let root = hash(root).ok_or_else(|| lines.wrong("a root in Base64", root))?;
        if !lines.rest().is_empty() {
            return Err(Error::invalid("a checkpoint has lines behind its root, which are not read"));
        }
        Self::new(origin, size, root)
    }
}

/// A checkpoint as a note, with the signatures of its log and of witnesses.
///
/// What it says is a claim until a [`Policy`](crate::Policy) has judged it. As text it is the file that other
/// implementations call *checkpoint*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl SignedCheckpoint {
    /// Returns what is signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns the note it stands in.
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Adds a signature without checking it, in place of one of the same key: that of another signer of the log, or of a
    /// witness.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if there are too many ([`SignedNote::add`]).
    pub fn add(&mut self, signature: NoteSignature) -> Result<()> {
        self.note.add(signature)
    }
}

impl TryFrom<SignedNote> for SignedCheckpoint {
    type Error = Error;

    /// Reads the checkpoint in a note.
    fn try_from(note: SignedNote) -> Result<Self> {
        let checkpoint = note.text().parse()?;
        Ok(Self { note, checkpoint })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<SignedNote>()?.try_into()
    }
}
