//! Encrypted payloads: whose key they need, and what they are bound to. Nothing here encrypts.

use std::fmt;
use std::str::FromStr;

use crate::draft::PayloadType;
use crate::error::{Error, Result};
use crate::hash::{self, Hash};
use crate::id::EventId;
use crate::limit::ENCRYPTION_BYTES;

/// Bytes of a nonce of XChaCha20-Poly1305.
pub const NONCE_BYTES: usize = 24;
/// Bytes of its tag, which ends a ciphertext.
pub const TAG_BYTES: usize = 16;
const _: () = assert!(ENCRYPTION_BYTES == 16 + NONCE_BYTES + 1 + TAG_BYTES);

/// The id of a key that payloads are encrypted with: 16 random bytes, which say nothing of whose key it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = Error;

    /// Reads what [`Display`](fmt::Display) writes: 32 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid(format!("{text:?} is not the id of a key: 32 hexadecimal digits"));
        let is_sound = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_sound {
            return Err(wrong());
        }
        let bytes = u128::from_str_radix(text, 16).map_err(|_| wrong())?;
        Ok(Self(bytes.to_be_bytes()))
    }
}

/// The parts of a payload of type [`Encrypted`](PayloadType::Encrypted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptedPayload<'a> {
    /// The key that it needs.
    pub key: KeyId,
    /// The nonce, which no other payload under this key has.
    pub nonce: [u8; NONCE_BYTES],
    /// The ciphertext of the type of the plaintext, one byte, and the plaintext; with its tag at the end.
    pub ciphertext: &'a [u8],
}

impl<'a> EncryptedPayload<'a> {
    /// Returns the parts of these bytes, or `None` if they are too short to be an encrypted payload.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        (ciphertext.len() > TAG_BYTES).then_some(Self { key: KeyId(*key), nonce: *nonce, ciphertext })
    }

    /// Returns its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.key.0[..], &self.nonce, self.ciphertext].concat()
    }
}

/// Returns the plaintext that is encrypted for a payload: its type, then its bytes.
pub fn plaintext(payload_type: PayloadType, payload: &[u8]) -> Vec<u8> {
    let mut plaintext = Vec::with_capacity(payload.len() + 1 + TAG_BYTES);
    plaintext.push(payload_type as u8);
    plaintext.extend_from_slice(payload);
    plaintext
}

/// Returns the type of a payload by the first byte of its plaintext; `None` for what no payload has.
pub fn plaintext_type(code: u8) -> Option<PayloadType> {
    PayloadType::from_code(code).filter(|found| *found != PayloadType::Encrypted)
}

/// Returns what the ciphertext of an event is bound to, as associated data: the event's id, stream, kind and schema
/// version, and the id of the key. It opens in no other event, and in a copy or a fork it opens as it did.
pub fn binding(id: EventId, stream: (&str, &str, u32), kind: &str, schema: u16, key: KeyId) -> Hash {
    let (scope, entity, lane) = stream;
    let parts: [&[u8]; 7] = [
        &id.0,
        scope.as_bytes(),
        entity.as_bytes(),
        &lane.to_le_bytes(),
        kind.as_bytes(),
        &schema.to_le_bytes(),
        &key.0,
    ];
    hash::parts(b"tidegate encrypted payload", &parts)
}
