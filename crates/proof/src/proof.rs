//! Proofs: files that show an event's place in a log.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, Hash, Position, Result};

use crate::checkpoint::SignedCheckpoint;
use crate::disclosure::{DisclosedRecord, Disclosure};
use crate::encoding::{Lines, base64, from_base64};
use crate::entry::Entry;
use crate::policy::{Approval, Policy};
use crate::refutation::disproved;
use crate::tree::{INCLUSION_HASHES_MAX, InclusionProof};

/// What a file of this format begins with.
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// What shows that an event stands at a position of a log: what is disclosed of it, the way from its leaf to the root, and
/// the signed checkpoint. It stays good for ever: also when the payload is erased, or the store is gone.
///
/// As text it is a [tlog-proof](https://c2sp.org/tlog-proof), a file that ends in `.tlog-proof`. Its `extra` line holds the
/// [`Disclosure`], and must be there. What it costs to read follows the length of the text; the largest event makes one of
/// about 180 MB.
///
/// Nothing in it is to be believed before [`verify`](Self::verify) returned it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    disclosure: Disclosure,
    inclusion: InclusionProof,
    checkpoint: SignedCheckpoint,
}

/// What a proof has shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proved<'a> {
    /// The event's entry: its position, version, time and id.
    pub entry: Entry,
    /// The event's leaf, as a receipt names it.
    pub leaf: Hash,
    /// The checkpoint that the event is under, and who signed that.
    pub approval: Approval,
    disclosure: &'a Disclosure,
}

impl Proved<'_> {
    /// Returns the event as a record, or `None` if its entry alone was shown. A payload that was not shown reads as one that
    /// was erased, and the content hash of a key as zeros.
    pub fn record(&self) -> Option<DisclosedRecord> {
        self.disclosure.record()
    }
}

impl Proof {
    /// Puts a proof together.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the inclusion proof is over another size than the checkpoint, or
    /// for another position than the event has.
    pub fn new(
        disclosure: Disclosure,
        inclusion: InclusionProof,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self> {
        let (position, size) = (disclosure.entry().position(), checkpoint.checkpoint().size());
        if inclusion.size != size || Some(inclusion.index) != position.0.checked_sub(1) {
            let InclusionProof { index, size: over, .. } = inclusion;
            return Err(Error::invalid(format!(
                "the event at position {position} of {size} cannot be shown by the way of leaf {index} of {over}"
            )));
        }
        Ok(Self { disclosure, inclusion, checkpoint })
    }

    /// Returns the checkpoint in it, which is a claim.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Returns the position that the file claims.
    pub fn position(&self) -> Position {
        Position(self.inclusion.index).next()
    }

    /// Checks it: computes the leaf from what is disclosed, the root from the leaf, and asks the policy whether to believe
    /// the checkpoint of that root. It needs no store.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved), and the message begins with the step that refused it:
    /// `position` if the event says that it stands elsewhere, `inclusion` if its leaf does not lead to the root, and
    /// `origin`, `signature` or `quorum` as [`Policy::judge`] says.
    pub fn verify(&self, policy: &Policy) -> Result<Proved<'_>> {
        let entry = self.disclosure.entry();
        let (stated, position) = (self.position(), entry.position());
        if stated != position {
            return Err(disproved(format!(
                "position: the file is for {stated}, and the event stands at {position}"
            )));
        }
        let leaf = entry.leaf();
        self.inclusion.verify(leaf, self.checkpoint.checkpoint().root())?;
        let approval = policy.judge(&self.checkpoint)?;
        Ok(Proved { entry, leaf, approval, disclosure: &self.disclosure })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra = base64(self.disclosure.as_bytes());
        writeln!(f, "{FIRST_LINE}\nextra {extra}\nindex {}", self.inclusion.index)?;
        self.inclusion.hashes.iter().try_for_each(|hash| writeln!(f, "{}", base64(&hash.0)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for Proof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = Lines::new("proof", text);
        let first = lines.next(FIRST_LINE)?;
        if first != FIRST_LINE {
            return Err(lines.wrong(FIRST_LINE, first));
        }
        let missing = || Error::invalid("a proof has no `extra` line, so it does not say what it proves");
        let extra = lines.after("extra").ok_or_else(missing)?;
        let extra = from_base64(extra).ok_or_else(|| lines.wrong("Base64", extra))?;
        let disclosure = Disclosure::read(&extra)?;
        let index = lines.number("index")?;
        let hashes = lines.hashes(INCLUSION_HASHES_MAX)?;
        let checkpoint: SignedCheckpoint = lines.rest().parse()?;
        let size = checkpoint.checkpoint().size();
        Ok(Self { disclosure, inclusion: InclusionProof { index, size, hashes }, checkpoint })
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof({:?} under {})", self.disclosure, self.checkpoint.checkpoint().size())
    }
}
