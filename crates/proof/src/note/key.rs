//! Keys: who signs notes, and who can check that.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek as ed25519;
use ed25519_dalek::Signer as _;
use tidegate_format::{Error, Result, hash};

use super::cosignature::{Cosignature, message};
use super::signature::{NoteSignature, is_name};
use crate::encoding::{base64, from_base64};
use crate::limit::KEY_NAME_BYTES_MAX;
use crate::refutation::{disproved, shown};

/// Characters of a key's text at most: a name, an id, and a public key of 1,312 bytes in Base64.
const KEY_TEXT_MAX: usize = 4096;

/// How a key signs. The number is its signature type in notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// Ed25519 over the note's text: logs sign so.
    Ed25519 = 1,
    /// Ed25519 over a time and the note's text, [`cosignature/v1`](https://c2sp.org/tlog-cosignature): witnesses sign so.
    Cosignature = 4,
    /// ML-DSA-44 over a checkpoint. Such keys and their signatures are kept as they are and not checked, so they never
    /// count for anything.
    MlDsa44 = 6,
}

impl KeyAlgorithm {
    const ALL: [Self; 3] = [Self::Ed25519, Self::Cosignature, Self::MlDsa44];

    fn public_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::Cosignature => 32,
            Self::MlDsa44 => 1312,
        }
    }
}

/// What checks the signatures of one key: its name, its algorithm and the public key.
///
/// As text it is a *vkey*, `NAME+ID+KEY`: the id in eight hexadecimal digits, the key in Base64 behind the number of its
/// algorithm. Other implementations read the same text.
///
/// ```
/// use tidegate_proof::VerifierKey;
///
/// let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// let key: VerifierKey = text.parse()?;
/// assert_eq!((key.name(), key.id(), key.to_string().as_str()), ("PeterNeumann", 0xc74f_20a3, text));
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: KeyAlgorithm,
    public: Vec<u8>,
    id: u32,
}

impl VerifierKey {
    /// Returns a key with this name from its public part.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the name is empty, longer than
    /// [`KEY_NAME_BYTES_MAX`], or holds spaces, control characters or a `+`, or if the bytes are not a public key of the
    /// algorithm.
    pub fn new(name: &str, algorithm: KeyAlgorithm, public: &[u8]) -> Result<Self> {
        check_name(name)?;
        let is_key = match algorithm {
            KeyAlgorithm::Ed25519 | KeyAlgorithm::Cosignature => {
                point(public).is_some_and(|key| !key.is_weak())
            }
            KeyAlgorithm::MlDsa44 => public.len() == algorithm.public_bytes(),
        };
        if !is_key {
            let message = format!("the key {name:?} has {} bytes that are not a public key", public.len());
            return Err(Error::invalid(message));
        }
        let public = public.to_vec();
        Ok(Self { name: name.to_owned(), algorithm, id: key_id(name, algorithm, &public), public })
    }

    /// Returns the key's name. That of a log's key is the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its id: the first four bytes of a hash over name, algorithm and public key. It tells keys apart that have
    /// one name, and proves nothing.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns how it signs.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Returns whether this and another key have the same public key, under any names.
    pub fn is_duplicate_of(&self, other: &Self) -> bool {
        self.public == other.public
    }

    /// Returns whether a signature is said to be of this key. No other signature concerns it.
    pub fn is_named_by(&self, signature: &NoteSignature) -> bool {
        (self.name.as_str(), self.id) == (signature.name(), signature.id())
    }

    /// Checks a signature that names this key, and returns the time at which it was made if it says one.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved) if this key did not make it for this text, or makes signatures
    /// that are not checked here ([`MlDsa44`](KeyAlgorithm::MlDsa44)).
    pub fn verify(&self, text: &str, signature: &NoteSignature) -> Result<Option<u64>> {
        let wrong = || disproved(format!("signature: the key {} did not sign this text", self.name));
        if !self.is_named_by(signature) {
            return Err(wrong());
        }
        let key = match self.algorithm {
            KeyAlgorithm::Ed25519 | KeyAlgorithm::Cosignature => point(&self.public).ok_or_else(wrong)?,
            KeyAlgorithm::MlDsa44 => {
                let message =
                    format!("signature: the key {} signs with ML-DSA-44, which is not checked", self.name);
                return Err(disproved(message));
            }
        };
        if self.algorithm == KeyAlgorithm::Cosignature {
            let cosignature = Cosignature::read(signature)?;
            let signed = ed25519::Signature::from_bytes(&cosignature.signature);
            let message = message(cosignature.time, text);
            key.verify_strict(message.as_bytes(), &signed).map_err(|_| wrong())?;
            return Ok(Some(cosignature.time));
        }
        let signed = ed25519::Signature::from_slice(signature.bytes()).map_err(|_| wrong())?;
        key.verify_strict(text.as_bytes(), &signed).map_err(|_| wrong())?;
        Ok(None)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id, with_algorithm(self.algorithm, &self.public))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({}+{:08x})", self.name, self.id)
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid(format!("{} is not a verifier key: expected NAME+ID+KEY", shown(text)));
        let (name, id, algorithm, public) = read_text(text).ok_or_else(wrong)?;
        let key = Self::new(name, algorithm, &public)?;
        if key.id != id {
            let found = key.id;
            return Err(Error::invalid(format!(
                "the id of the verifier key {name} is {found:08x}, not {id:08x}"
            )));
        }
        Ok(key)
    }
}

/// A key that signs: the secret part of a [`VerifierKey`].
///
/// The secret is wiped from memory when it is dropped, and never shown by `{:?}`. Its text, `PRIVATE+KEY+NAME+ID+SECRET`,
/// is that of other implementations; it is read by [`str::parse`], and given out by [`to_secret_text`](Self::to_secret_text)
/// alone. Where the 32 random bytes come from is the caller's to choose.
///
/// A key alone remembers nothing, and signs what it is given. What signs the checkpoints of a log is a
/// [`Signer`](crate::Signer).
#[derive(Clone)]
pub struct SigningKey {
    key: VerifierKey,
    secret: ed25519::SigningKey,
}

impl SigningKey {
    /// Returns the key with this name, made of 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the name breaks the rules of names
    /// ([`VerifierKey::new`]), or the algorithm is [`MlDsa44`](KeyAlgorithm::MlDsa44).
    pub fn new(name: &str, algorithm: KeyAlgorithm, seed: [u8; 32]) -> Result<Self> {
        if algorithm == KeyAlgorithm::MlDsa44 {
            return Err(Error::invalid("no key signs with ML-DSA-44 here: use Ed25519"));
        }
        let secret = ed25519::SigningKey::from_bytes(&seed);
        let key = VerifierKey::new(name, algorithm, secret.verifying_key().as_bytes())?;
        Ok(Self { key, secret })
    }

    /// Returns what checks its signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs the text of a note. The same text gives the same signature.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if its algorithm is not [`Ed25519`](KeyAlgorithm::Ed25519).
    pub fn sign(&self, text: &str) -> Result<NoteSignature> {
        self.expect_algorithm(KeyAlgorithm::Ed25519)?;
        Ok(self.signature(self.secret.sign(text.as_bytes()).to_bytes().to_vec()))
    }

    /// Signs the text of a checkpoint as a witness, at a time in seconds since 1970-01-01 UTC.
    ///
    /// A witness calls this only for what extends the last checkpoint of its origin that it signed, and writes that down
    /// first.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if its algorithm is not
    /// [`Cosignature`](KeyAlgorithm::Cosignature), or the time is after 2^63 - 1.
    pub fn cosign(&self, text: &str, time: u64) -> Result<NoteSignature> {
        self.expect_algorithm(KeyAlgorithm::Cosignature)?;
        if i64::try_from(time).is_err() {
            return Err(Error::invalid(format!("a cosignature cannot have the time {time}")));
        }
        let signature = self.secret.sign(message(time, text).as_bytes()).to_bytes();
        Ok(self.signature(Cosignature { time, signature }.bytes()))
    }

    /// Returns the text that holds the secret. Keep it where no other user can read it.
    pub fn to_secret_text(&self) -> String {
        let VerifierKey { name, id, algorithm, .. } = &self.key;
        format!("{SECRET}{name}+{id:08x}+{}", with_algorithm(*algorithm, self.secret.as_bytes()))
    }

    fn expect_algorithm(&self, algorithm: KeyAlgorithm) -> Result<()> {
        if self.key.algorithm == algorithm {
            return Ok(());
        }
        let found = self.key.algorithm;
        Err(Error::invalid(format!("the key {} is for {found:?}, not for {algorithm:?}", self.key.name)))
    }

    fn signature(&self, bytes: Vec<u8>) -> NoteSignature {
        NoteSignature { name: self.key.name.clone(), id: self.key.id, bytes }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}+{:08x})", self.key.name, self.key.id)
    }
}

impl FromStr for SigningKey {
    type Err = Error;

    /// Reads the text of a secret key. No message shows any of it.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("this is not a signing key: expected PRIVATE+KEY+NAME+ID+SECRET");
        let (name, id, algorithm, secret) =
            text.strip_prefix(SECRET).and_then(read_text).ok_or_else(wrong)?;
        let key = Self::new(name, algorithm, secret.try_into().map_err(|_| wrong())?)?;
        if key.key.id != id {
            let found = key.key.id;
            return Err(Error::invalid(format!(
                "the id of the signing key {name} is {found:08x}, not {id:08x}"
            )));
        }
        Ok(key)
    }
}

/// What the text of a secret key begins with.
const SECRET: &str = "PRIVATE+KEY+";

/// Refuses a name that no key can have.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if is_name(name) && name.len() <= KEY_NAME_BYTES_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "invalid key name {}: use 1 to {KEY_NAME_BYTES_MAX} bytes without spaces, control characters and `+`",
        shown(name)
    )))
}

/// The point of a public key, if the bytes are one.
fn point(public: &[u8]) -> Option<ed25519::VerifyingKey> {
    ed25519::VerifyingKey::from_bytes(public.try_into().ok()?).ok()
}

fn key_id(name: &str, algorithm: KeyAlgorithm, public: &[u8]) -> u32 {
    let hash = hash::sha256(&[name.as_bytes(), b"\n", &[algorithm as u8], public].concat());
    let [a, b, c, d, ..] = hash.0;
    u32::from_be_bytes([a, b, c, d])
}

fn with_algorithm(algorithm: KeyAlgorithm, key: &[u8]) -> String {
    base64(&[&[algorithm as u8], key].concat())
}

/// Reads name, id, algorithm and key bytes from `NAME+ID+KEY`.
fn read_text(text: &str) -> Option<(&str, u32, KeyAlgorithm, Vec<u8>)> {
    if text.len() > KEY_TEXT_MAX {
        return None;
    }
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let is_id = id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let id = is_id.then(|| u32::from_str_radix(id, 16).ok()).flatten()?;
    let key = from_base64(key)?;
    let (code, key) = key.split_first()?;
    let algorithm = KeyAlgorithm::ALL.into_iter().find(|algorithm| *algorithm as u8 == *code)?;
    Some((name, id, algorithm, key.to_vec()))
}
