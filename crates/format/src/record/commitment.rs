//! Commitments: how a leaf covers a payload that may be erased later.
//!
//! A payload of little entropy (a postcode, a pin) could be found again from its bare hash by trying them all. So what
//! is hashed is a random *blind* and then the payload; erasing destroys both, and only the commitment stays.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::hash::{self, Hash};
use crate::limit::{Limit, PAYLOAD_BYTES_MAX};

/// Sixteen random bytes that hide a payload behind its commitment. They stand beside the payload and are erased with
/// it. Two events never share one. Printed as hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blind(pub [u8; 16]);

impl Blind {
    /// Returns the commitment to a payload, P: SHA-256 of the blind and the payload.
    ///
    /// ```
    /// use tidegate_format::Blind;
    ///
    /// assert_ne!(Blind([1; 16]).commit(b"1234"), Blind([2; 16]).commit(b"1234"));
    /// ```
    pub fn commit(&self, payload: &[u8]) -> Hash {
        hash::chain(&[&self.0, payload])
    }

    /// Returns what a keyed batch keeps of the hash of its content: SHA-256 of the blind of its first event and that
    /// hash, so that the content cannot be found by trying once the blind is erased.
    pub fn content(&self, content: &Hash) -> Hash {
        hash::chain(&[&self.0, &content.0])
    }
}

impl fmt::Display for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Blind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        hash::digits(text)
            .map(Self)
            .ok_or_else(|| Error::invalid(format!("{text:?} is not a blind of 32 hexadecimal digits")))
    }
}

/// What an entry commits to beside the fields of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// The commitment to the payload, P.
    pub payload: Hash,
    /// The hash of that commitment and the parts, B.
    pub hash: Hash,
}

impl Body {
    /// Returns the body of a record with these parts.
    pub(crate) fn of(payload: Hash, parts: &[u8]) -> Self {
        Self { payload, hash: hash::chain(&[&payload.0, parts]) }
    }
}

/// What is left of a payload that was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasedPayload {
    /// The commitment to it, P.
    pub commitment: Hash,
    /// How many bytes it had.
    pub length: u32,
}

impl ErasedPayload {
    /// Refuses a length that no payload can have had.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is more than [`PAYLOAD_BYTES_MAX`].
    pub fn check(&self) -> Result<()> {
        let length = self.length as usize;
        if length > PAYLOAD_BYTES_MAX {
            let what = "the erased payload is too long";
            return Err(Error::over(Limit::PayloadBytes, PAYLOAD_BYTES_MAX, length, what));
        }
        Ok(())
    }
}
