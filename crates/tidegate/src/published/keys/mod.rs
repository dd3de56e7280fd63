//! Encryption of payloads for subjects, as the engine knows it: keys of subjects, which encrypt drafts, and a cipher that
//! opens payloads. Which algorithm and whose keys, [`Keyring`](crate::report::keyring::Keyring) and the feature `encryption` say.
#[cfg(feature = "encryption")]
mod key;
#[cfg(feature = "encryption")]
mod cipher;

use std::fmt;
use std::sync::Arc;

use tidegate_format::record::KeyId;
use tidegate_format::{Draft, EventId, Hash, Result};
use tidegate_segment::cipher::PayloadCipher;

#[cfg(feature = "encryption")]
pub use key::{KeyState, Keyring, SubjectKey};

/// The key of a subject, ready to encrypt.
pub(crate) trait DraftCipher: Send + Sync + fmt::Debug {
    /// Returns what stands for a payload in the content hash of its batch: without the key the payload cannot be found from
    /// it by trying.
    fn content(&self, payload: &[u8]) -> Hash;

    /// Returns the payload of a draft that gets this id, encrypted.
    fn encrypt(&self, draft: &Draft, id: EventId) -> Result<Vec<u8>>;
}

/// The keys of subjects.
pub(crate) trait SubjectKeys: Send + Sync + fmt::Debug {
    /// Returns the key of a subject. One that has none gets one, which is durable before this returns.
    fn of(&self, subject: &str) -> Result<Arc<dyn DraftCipher>>;

    #[cfg(feature = "encryption")]
    /// Returns the id of a subject's key, or `None` if it has none.
    fn id_of(&self, subject: &str) -> Result<Option<KeyId>>;

    #[cfg(feature = "encryption")]
    /// Returns whether a key is there.
    fn is_present(&self, key: KeyId) -> Result<bool>;

    /// Destroys a key for good, durably, and returns whether it is gone: not one that the keyring never had.
    fn destroy(&self, key: KeyId) -> Result<bool>;
}

/// What a store was given to encrypt and decrypt with.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) cipher: Arc<dyn PayloadCipher>,
    pub(crate) subjects: Arc<dyn SubjectKeys>,
}

#[cfg(feature = "encryption")]
impl Keys {
    /// Returns what encrypts and decrypts with the keys of a keyring.
    pub(crate) fn of(keyring: Arc<dyn Keyring>, random: Arc<dyn tidegate_disk::Random>) -> Self {
        let keys = Arc::new(cipher::KeyringCipher::new(keyring, random));
        Self { cipher: Arc::clone(&keys) as Arc<dyn PayloadCipher>, subjects: keys }
    }
}
