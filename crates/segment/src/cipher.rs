//! Encrypted payloads of events: opened when they are asked for, once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tidegate_format::{Error, ErrorKind, ErrorPlace, PayloadType, Position, Record, Result};

/// What opens encrypted payloads.
pub trait PayloadCipher: Send + Sync + fmt::Debug {
    /// Returns the type and the bytes that the payload of a record had before it was encrypted.
    ///
    /// # Errors
    ///
    /// [`Erased`](ErrorKind::Erased) if its key was destroyed, [`Encrypted`](ErrorKind::Encrypted) if the key is not known, and
    /// [`Damaged`](ErrorKind::Damaged) if the ciphertext is not the one that was made for this event.
    fn decrypt(&self, record: &Record<'_>) -> Result<(PayloadType, Vec<u8>)>;
}

/// A payload that is opened at the first question, for an event and all its clones.
pub(crate) struct Decryption {
    cipher: Arc<dyn PayloadCipher>,
    found: OnceLock<Result<(PayloadType, Vec<u8>)>>,
}

impl Decryption {
    pub(crate) fn new(cipher: &Arc<dyn PayloadCipher>) -> Self {
        Self { cipher: Arc::clone(cipher), found: OnceLock::new() }
    }

    pub(crate) fn get(&self, record: &Record<'_>) -> Result<(PayloadType, &[u8])> {
        match self.found.get_or_init(|| self.cipher.decrypt(record)) {
            Ok((payload_type, payload)) => Ok((*payload_type, payload)),
            Err(error) => Err(error.clone()),
        }
    }
}

/// Returns the error for a payload whose key is not at hand.
pub fn no_key(position: Position, why: &str) -> Error {
    Error::new(ErrorKind::Encrypted, format!("the payload is encrypted, and {why}"))
        .at(ErrorPlace::Event(position))
}
