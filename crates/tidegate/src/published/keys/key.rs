//! Keys of subjects, and who keeps them.

use std::fmt;

use tidegate_format::Result;
use tidegate_format::record::KeyId;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The secret key of a subject: 32 random bytes, overwritten in memory when the value is dropped. No text shows them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SubjectKey([u8; 32]);

impl SubjectKey {
    /// Returns the key of these bytes, which no one else can predict.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKey").finish_non_exhaustive()
    }
}

/// What a keyring knows of a key.
#[derive(Clone, Debug)]
pub enum KeyState {
    /// The key is there.
    Present(SubjectKey),
    /// The key was destroyed. What it encrypted is erased.
    Destroyed,
    /// The keyring never had this key, as far as it knows.
    Unknown,
}

/// Keeps the keys of subjects, outside of every store: a [`FileKeyring`](crate::report::keyring::FileKeyring), or the caller's own,
/// such as a key management service.
///
/// Invariants that an implementation keeps:
///
/// * A key is durable before it is returned: what it encrypts is lost without it.
/// * A destroyed key is gone durably before [`destroy`](Self::destroy) returns, from every copy that the keyring has, and
///   stays [`Destroyed`](KeyState::Destroyed). Its subject gets another key, with another id, if it gets one again.
/// * What is kept of a destroyed key does not tell whose it was.
///
/// Its methods are called on the threads of callers that append and read, from several at once.
pub trait Keyring: Send + Sync + fmt::Debug {
    /// Returns the key of a subject. If it has none and `create` is set, it gets a new one, with a new random id.
    ///
    /// # Errors
    ///
    /// The caller's own; they end the append.
    fn key_of(&self, subject: &str, create: bool) -> Result<Option<(KeyId, SubjectKey)>>;

    /// Returns what is known of the key with this id.
    ///
    /// # Errors
    ///
    /// The caller's own; they are the answer of reading the payload. No payload is shown as anything else.
    fn find(&self, key: KeyId) -> Result<KeyState>;

    /// Destroys the key with this id, if it is there. Doing it again is fine.
    ///
    /// # Errors
    ///
    /// The caller's own: the destruction is unfinished then, and is tried again by the next call and when the keyring is given
    /// to a store that is opened again.
    fn destroy(&self, key: KeyId) -> Result<()>;
}
