//! XChaCha20-Poly1305 with the keys of a keyring.
//!
//! Invariants:
//!
//! C1. A nonce has 24 random bytes, made for one payload: two of that length never meet by chance.
//! C2. A ciphertext opens in the event that it was made for, and in none else.
//! C3. A payload is answered, or an error is: never a default value.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use tidegate_disk::Random;
use tidegate_format::record::encrypted::{self, NONCE_BYTES};
use tidegate_format::record::{EncryptedPayload, KeyId};
use tidegate_format::{
    Draft, Error, ErrorKind, ErrorPlace, EventId, Hash, PayloadType, Record, Result, hash,
};
use tidegate_segment::cipher::{PayloadCipher, no_key};

use super::key::{KeyState, Keyring, SubjectKey};
use super::{DraftCipher, SubjectKeys};

/// Encrypts and decrypts with the keys of a keyring.
#[derive(Debug)]
pub(super) struct KeyringCipher {
    keyring: Arc<dyn Keyring>,
    random: Arc<dyn Random>,
}

impl KeyringCipher {
    pub(super) fn new(keyring: Arc<dyn Keyring>, random: Arc<dyn Random>) -> Self {
        Self { keyring, random }
    }
}

impl PayloadCipher for KeyringCipher {
    fn decrypt(&self, record: &Record<'_>) -> Result<(PayloadType, Vec<u8>)> {
        let at = ErrorPlace::Event(record.position());
        let stored = record.payload()?;
        let encrypted = EncryptedPayload::read(stored).ok_or_else(|| {
            let message = "an encrypted payload is too short";
            Error::damaged(message, "57 bytes or more", stored.len()).at(at.clone())
        })?;
        let key = match self.keyring.find(encrypted.key)? {
            KeyState::Present(key) => key,
            KeyState::Destroyed => {
                let message = "the payload was erased: the key that it was encrypted with is destroyed";
                return Err(Error::new(ErrorKind::Erased, message).at(at));
            }
            KeyState::Unknown => {
                let why = format!("the keyring does not have its key {}", encrypted.key);
                return Err(no_key(record.position(), &why).advise("give the store the keyring that has it"));
            }
        };
        let stream = (record.scope(), record.entity(), record.lane());
        let binding = encrypted::binding(record.id(), stream, record.kind(), record.schema(), encrypted.key);
        // keeps C2 and C3
        let wrong = || {
            let message = "the ciphertext of a payload does not belong to its event and its key";
            Error::damaged(message, "a ciphertext made for this event", "another one").at(at.clone())
        };
        let payload = Payload { msg: encrypted.ciphertext, aad: &binding.0 };
        let nonce = XNonce::from(encrypted.nonce);
        let mut plaintext = cipher(&key).decrypt(&nonce, payload).map_err(|_| wrong())?;
        let code = plaintext.first().copied().ok_or_else(wrong)?;
        let payload_type = encrypted::plaintext_type(code).ok_or_else(wrong)?;
        plaintext.remove(0);
        Ok((payload_type, plaintext))
    }
}

impl SubjectKeys for KeyringCipher {
    fn of(&self, subject: &str) -> Result<Arc<dyn DraftCipher>> {
        let found = self.keyring.key_of(subject, true)?;
        let (id, key) = found.ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "the keyring made no key for the subject of a draft")
        })?;
        Ok(Arc::new(OneKey { id, key, random: Arc::clone(&self.random) }))
    }

    fn id_of(&self, subject: &str) -> Result<Option<KeyId>> {
        Ok(self.keyring.key_of(subject, false)?.map(|(id, _)| id))
    }

    fn is_present(&self, key: KeyId) -> Result<bool> {
        Ok(matches!(self.keyring.find(key)?, KeyState::Present(_)))
    }

    fn destroy(&self, key: KeyId) -> Result<bool> {
        // Also if it is not there: an earlier call may have failed before that was durable.
        self.keyring.destroy(key)?;
        Ok(matches!(self.keyring.find(key)?, KeyState::Destroyed))
    }
}

/// One key, with what its nonces are made of.
#[derive(Debug)]
struct OneKey {
    id: KeyId,
    key: SubjectKey,
    random: Arc<dyn Random>,
}

impl DraftCipher for OneKey {
    fn content(&self, payload: &[u8]) -> Hash {
        // The secret of hashes is another one than that of payloads.
        let secret = hash::parts(b"tidegate content of a subject", &[self.key.as_bytes()]);
        hash::parts(b"tidegate encrypted content", &[&secret.0, payload])
    }

    fn encrypt(&self, draft: &Draft, id: EventId) -> Result<Vec<u8>> {
        // keeps C1
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce).map_err(|cause| {
            Error::new(ErrorKind::Io, "encryption needs random bytes, and there are none").because(cause)
        })?;
        let stream = (&*draft.stream.scope, &*draft.stream.entity, draft.stream.lane);
        let binding = encrypted::binding(id, stream, &draft.kind, draft.schema, self.id);
        let plaintext = encrypted::plaintext(draft.payload_type, &draft.payload);
        let payload = Payload { msg: &plaintext, aad: &binding.0 };
        let ciphertext = cipher(&self.key).encrypt(&XNonce::from(nonce), payload).map_err(|_| {
            Error::invalid("the payload is too long to be encrypted").at(ErrorPlace::Draft(0))
        })?;
        Ok(EncryptedPayload { key: self.id, nonce, ciphertext: &ciphertext }.to_bytes())
    }
}

fn cipher(key: &SubjectKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
}
