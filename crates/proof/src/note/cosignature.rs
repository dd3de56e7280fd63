//! Cosignatures: what a witness says of a checkpoint, and when.

use tidegate_format::Result;

use super::signature::NoteSignature;
use crate::refutation::disproved;

/// The latest time a cosignature may have.
const TIME_MAX: u64 = i64::MAX as u64;

/// The timestamped Ed25519 signature of a witness, [`cosignature/v1`](https://c2sp.org/tlog-cosignature): at that time
/// this checkpoint was the largest one of its origin that the witness had seen, and consistent with all before it.
///
/// ```
/// use tidegate_proof::{Cosignature, KeyAlgorithm, SigningKey};
///
/// let witness = SigningKey::new("witness.example/w1", KeyAlgorithm::Cosignature, [7; 32])?;
/// let signature = witness.cosign("example.com/log\n0\n...\n", 1_679_315_147)?;
/// assert_eq!(Cosignature::read(&signature)?.time(), 1_679_315_147);
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature {
    pub(super) time: u64,
    pub(super) signature: [u8; 64],
}

impl Cosignature {
    /// Reads what a signature of a key of algorithm [`Cosignature`](super::KeyAlgorithm::Cosignature) says. It is a claim
    /// until that key has checked it.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved) if it has not 72 bytes, or its time is after 2^63 - 1 seconds.
    pub fn read(signature: &NoteSignature) -> Result<Self> {
        let wrong =
            |what: &str| disproved(format!("signature: the cosignature of {} {what}", signature.name()));
        let bytes = <&[u8; 72]>::try_from(signature.bytes());
        let bytes =
            bytes.map_err(|_| wrong(&format!("has {} bytes, expected 72", signature.bytes().len())))?;
        let (time, bytes) = bytes.split_first_chunk::<8>().ok_or_else(|| wrong("has no time"))?;
        let time = u64::from_be_bytes(*time);
        if time > TIME_MAX {
            return Err(wrong("has a time that is too late"));
        }
        let signature = bytes.try_into().map_err(|_| wrong("has no signature"))?;
        Ok(Self { time, signature })
    }

    /// Returns when the witness signed, in seconds since 1970-01-01 UTC. An auditor whose clock can be trusted refuses a
    /// time in the future.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The bytes of it in a line of a note.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [&self.time.to_be_bytes(), &self.signature[..]].concat()
    }
}

/// Returns what a witness signs at a time in place of the text.
pub(super) fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
