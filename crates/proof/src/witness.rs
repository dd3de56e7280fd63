//! Witnesses: asking one to sign a checkpoint ([tlog-witness](https://c2sp.org/tlog-witness)). What carries the texts there
//! and back, such as an HTTP client, is the caller's.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, ErrorKind, Hash, Result};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::encoding::{Lines, base64, decimal};
use crate::limit::NOTE_BYTES_MAX;
use crate::note::{NoteSignature, VerifierKey, read_lines};
use crate::policy::{Approval, Policy};
use crate::refutation::{disproved, diverged, older, shown};
use crate::tree::ConsistencyProof;

/// Hashes that a witness reads at most.
const HASHES_MAX: usize = 63;
/// How many times a witness is asked for one checkpoint: it may name another size while others ask it too.
const ATTEMPTS: usize = 3;

/// What a witness is asked: to sign a checkpoint, with the proof that it extends one of `old` events.
///
/// As text it is the body of a `POST` to `PREFIX/add-checkpoint`: a line `old SIZE`, the hashes, an empty line, and the
/// checkpoint. The same text, kept as a file, shows to others that the checkpoint extends an older one they hold:
/// [`verify`](Self::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessRequest {
    old: u64,
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WitnessAnswer {
    /// It signed: its cosignatures, which were checked. Add them with [`SignedCheckpoint::add`].
    Cosigned(Vec<NoteSignature>),
    /// The last checkpoint it signed has this many events. Ask again with a proof from there.
    Behind(u64),
}

impl WitnessRequest {
    /// Puts a request together.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the proof does not end at the checkpoint, or has more than the 63
    /// hashes that a witness reads.
    pub fn new(proof: ConsistencyProof, checkpoint: SignedCheckpoint) -> Result<Self> {
        let ConsistencyProof { old, new, hashes } = proof;
        let size = checkpoint.checkpoint().size();
        if new != size || old > new || hashes.len() > HASHES_MAX {
            let count = hashes.len();
            let message =
                format!("{count} hashes from {old} to {new} events are no proof for a checkpoint of {size}");
            return Err(Error::invalid(message));
        }
        Ok(Self { old, hashes, checkpoint })
    }

    /// Returns the number of events of the older checkpoint.
    pub fn old(&self) -> u64 {
        self.old
    }

    /// Returns the checkpoint in it, which is a claim.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Checks that the checkpoint is good and extends an older one that is known, and returns what is known now.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved), and the message begins with the step that refused it: `origin`
    /// if the logs are two, `consistency` if the newer checkpoint does not begin with all events of the older one, and as
    /// [`Policy::judge`] says.
    pub fn verify(&self, policy: &Policy, older: &Checkpoint) -> Result<Approval> {
        let newer = self.checkpoint.checkpoint();
        if newer.origin() != older.origin() {
            let (newer, older) = (newer.origin(), older.origin());
            return Err(disproved(format!(
                "origin: the newer checkpoint is of {newer}, the older one of {older}"
            )));
        }
        // The size to go on from is that of what is known; the file's own is not believed.
        let proof = ConsistencyProof { old: older.size(), new: newer.size(), hashes: self.hashes.clone() };
        proof.verify(older.root(), newer.root())?;
        policy.judge(&self.checkpoint)
    }

    /// Reads the answer of a witness to this request: the status and the body of its response.
    ///
    /// # Errors
    ///
    /// * [`Diverged`](tidegate_format::ErrorKind::Diverged) if the witness signed another checkpoint of this size before, or
    ///   does not find that this one extends its own. Never ask again: the log has two histories, and this is a trace of them;
    /// * [`Older`](tidegate_format::ErrorKind::Older) if it signed a checkpoint with more events;
    /// * [`Disproved`](tidegate_format::ErrorKind::Disproved) if the answer has no good cosignature of this witness;
    /// * [`Invalid`](tidegate_format::ErrorKind::Invalid) if it does not know the origin or the key, or the answer is not one
    ///   of a witness;
    /// * [`Unavailable`](tidegate_format::ErrorKind::Unavailable) for any other status: it may work later.
    pub fn answer(&self, witness: &VerifierKey, status: u16, body: &[u8]) -> Result<WitnessAnswer> {
        let head = self.checkpoint.checkpoint();
        let (name, origin, size, root) = (witness.name(), head.origin(), head.size(), head.root());
        let text = || -> Result<&str> {
            let short = body.get(..body.len().min(NOTE_BYTES_MAX + 1)).unwrap_or_default();
            let text = std::str::from_utf8(short).ok().filter(|text| text.len() <= NOTE_BYTES_MAX);
            text.ok_or_else(|| Error::invalid(format!("the answer of {name} is too long, or not text")))
        };
        match status {
            200 => self.cosignatures(witness, text()?).map(WitnessAnswer::Cosigned),
            409 => {
                let text = text()?;
                let found = text.strip_suffix('\n').and_then(decimal);
                let wrong = || Error::invalid(format!("{name} answered {} in place of a size", shown(text)));
                let found = found.ok_or_else(wrong)?;
                if found == self.old && found == size {
                    // The sizes agree, so it is the roots that do not.
                    let message = format!(
                        "{name} signed other events of {origin} than the {size} with the root {root}"
                    );
                    return Err(diverged(message));
                }
                if found > size {
                    return Err(older(format!(
                        "{name} signed {found} events of {origin}, and this has {size}"
                    )));
                }
                if found == self.old {
                    return Err(Error::invalid(format!(
                        "{name} refused the size {found}, and named the same one"
                    )));
                }
                Ok(WitnessAnswer::Behind(found))
            }
            422 => Err(diverged(format!(
                "{name} finds that {size} events of {origin} with the root {root} do not continue the {} it signed",
                self.old
            ))),
            404 => Err(Error::invalid(format!(
                "{name} does not know the log {origin}: ask its operator to add it"
            ))),
            403 => Err(Error::invalid(format!(
                "{name} knows no key that signed for {origin}: give it the log's key"
            ))),
            400 => Err(Error::invalid(format!("{name} cannot read the request"))),
            _ => Err(Error::new(
                ErrorKind::Unavailable,
                format!("{name} answered with status {status}; try again later"),
            )),
        }
    }

    /// The good cosignatures of this witness among lines of signatures.
    fn cosignatures(&self, witness: &VerifierKey, lines: &str) -> Result<Vec<NoteSignature>> {
        let mut found = read_lines(lines)?;
        found.retain(|signature| witness.is_named_by(signature));
        if found.is_empty() {
            return Err(disproved(format!("signature: the answer has no cosignature of {}", witness.name())));
        }
        found.iter().try_for_each(|signature| {
            let time = witness.verify(self.checkpoint.note().text(), signature)?;
            let wrong = || disproved(format!("signature: the key {} makes no cosignatures", witness.name()));
            time.map(|_| ()).ok_or_else(wrong)
        })?;
        Ok(found)
    }
}

impl fmt::Display for WitnessRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", base64(&hash.0)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for WitnessRequest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = Lines::new("witness request", text);
        let old = lines.number("old")?;
        let hashes = lines.hashes(HASHES_MAX)?;
        let checkpoint: SignedCheckpoint = lines.rest().parse()?;
        let new = checkpoint.checkpoint().size();
        Self::new(ConsistencyProof { old, new, hashes }, checkpoint)
    }
}

/// Asks a witness to sign a checkpoint, and adds its cosignature.
///
/// `old` is the size that the witness is thought to have signed last, 0 if that is not known: it answers with its own then,
/// and is asked again with a proof from there, three times at most. `prove` makes the proof from a size to the checkpoint, and
/// `post` sends a body to `PREFIX/add-checkpoint` of the witness and returns status and body of the response.
///
/// ```
/// use tidegate_proof::tree::{self, ConsistencyProof, MemoryTree};
/// use tidegate_proof::{Checkpoint, KeyAlgorithm, SigningKey, WitnessRequest, cosign};
///
/// let tree: MemoryTree = [b"a", b"b", b"c"].into_iter().map(|entry| tree::leaf_hash(entry)).collect();
/// let log = SigningKey::new("example.com/log", KeyAlgorithm::Ed25519, [1; 32])?;
/// let mut signed = Checkpoint::new("example.com/log", 3, tree.root())?.sign(&log)?;
///
/// let witness = SigningKey::new("witness.example", KeyAlgorithm::Cosignature, [2; 32])?;
/// let prove = |old| ConsistencyProof::make(&tree, old, 3);
/// // An HTTP client would go here. This witness has signed two events before, and checks nothing.
/// let post = |body: &[u8]| {
///     let request: WitnessRequest = String::from_utf8_lossy(body).parse()?;
///     if request.old() != 2 {
///         return Ok((409, b"2\n".to_vec()));
///     }
///     let signature = witness.cosign(request.checkpoint().note().text(), 1_795_000_000)?;
///     Ok((200, format!("{signature}\n").into_bytes()))
/// };
/// cosign(&mut signed, witness.verifier(), 0, prove, post)?;
/// assert_eq!(signed.note().verify([witness.verifier()])?[0].time, Some(1_795_000_000));
/// # Ok::<(), tidegate_format::Error>(())
/// ```
///
/// # Errors
///
/// As [`WitnessRequest::answer`] says; what `prove` and `post` return. The checkpoint stays as it is then.
pub fn cosign(
    signed: &mut SignedCheckpoint,
    witness: &VerifierKey,
    mut old: u64,
    mut prove: impl FnMut(u64) -> Result<ConsistencyProof>,
    mut post: impl FnMut(&[u8]) -> Result<(u16, Vec<u8>)>,
) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let request = WitnessRequest::new(prove(old)?, signed.clone())?;
        let (status, body) = post(request.to_string().as_bytes())?;
        match request.answer(witness, status, &body)? {
            WitnessAnswer::Cosigned(signatures) => {
                let mut cosigned = signed.clone();
                signatures.into_iter().try_for_each(|signature| cosigned.add(signature))?;
                *signed = cosigned;
                return Ok(());
            }
            WitnessAnswer::Behind(size) => old = size,
        }
    }
    let name = witness.name();
    Err(Error::new(
        ErrorKind::Unavailable,
        format!("{name} named another size {ATTEMPTS} times; try again later"),
    ))
}
