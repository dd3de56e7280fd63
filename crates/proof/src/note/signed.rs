//! The whole note: a text and who signed it.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, Result};

use super::key::{KeyAlgorithm, VerifierKey};
use super::signature::{NoteSignature, read_lines};
use crate::limit::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};
use crate::refutation::disproved;

/// A text with signatures. Nothing in it is to be believed before [`verify`](Self::verify) named a key that is trusted.
///
/// ```
/// use tidegate_proof::{KeyAlgorithm, SignedNote, SigningKey};
///
/// let key = SigningKey::new("example.com/foo", KeyAlgorithm::Ed25519, [7; 32])?;
/// let text = "This is an example message.\n";
/// let note = SignedNote::new(text, vec![key.sign(text)?])?;
///
/// let read: SignedNote = note.to_string().parse()?;
/// assert_eq!(read.verify([key.verifier()])?[0].key.name(), "example.com/foo");
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A key that was found to have signed a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatory<'a> {
    /// The key.
    pub key: &'a VerifierKey,
    /// When it signed, in seconds since 1970-01-01 UTC, if its signature says that.
    pub time: Option<u64>,
}

impl SignedNote {
    /// Puts signatures under a text, without checking them.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the text is empty, holds control characters other than
    /// newlines, or does not end in one, if there are no signatures or more than [`NOTE_SIGNATURES_MAX`], or if the note
    /// is longer than [`NOTE_BYTES_MAX`].
    pub fn new(text: &str, signatures: Vec<NoteSignature>) -> Result<Self> {
        let note = Self { text: text.to_owned(), signatures };
        note.check()?;
        Ok(note)
    }

    /// Returns the text that is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the signatures, checked or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature, in place of one of the same key.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the note would have more than [`NOTE_SIGNATURES_MAX`], or be
    /// longer than [`NOTE_BYTES_MAX`]. It stays as it is then.
    pub fn add(&mut self, signature: NoteSignature) -> Result<()> {
        let mut signatures = self.signatures.clone();
        match signatures.iter_mut().find(|known| known.has_key_of(&signature)) {
            Some(known) => *known = signature,
            None => signatures.push(signature),
        }
        *self = Self::new(&self.text, signatures)?;
        Ok(())
    }

    /// Returns which of these keys signed the text. Signatures of other keys are ignored, and those with ML-DSA-44, which
    /// are not checked.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved) if a signature that names one of the keys is not that key's, or
    /// none of the keys signed.
    pub fn verify<'a>(&self, keys: impl IntoIterator<Item = &'a VerifierKey>) -> Result<Vec<Signatory<'a>>> {
        let mut found = Vec::new();
        for key in keys.into_iter().filter(|key| key.algorithm() != KeyAlgorithm::MlDsa44) {
            let mut signed = None;
            for signature in self.signatures.iter().filter(|signature| key.is_named_by(signature)) {
                signed = Some(key.verify(&self.text, signature)?);
            }
            found.extend(signed.map(|time| Signatory { key, time }));
        }
        if found.is_empty() {
            return Err(disproved("signature: no key that is known signed this note"));
        }
        Ok(found)
    }

    fn check(&self) -> Result<()> {
        let Self { text, signatures } = self;
        if text.len() < 2 || !text.ends_with('\n') {
            return Err(Error::invalid("the text of a note is not empty and ends in a newline"));
        }
        if text.chars().any(|char| char < ' ' && char != '\n') {
            return Err(Error::invalid("the text of a note holds a control character"));
        }
        if !(1..=NOTE_SIGNATURES_MAX).contains(&signatures.len()) {
            let found = signatures.len();
            return Err(Error::invalid(format!(
                "a note has 1 to {NOTE_SIGNATURES_MAX} signatures, not {found}"
            )));
        }
        // Base64 makes four characters of three bytes.
        let bytes =
            |signature: &NoteSignature| signature.name().len() + signature.bytes().len().div_ceil(3) * 4 + 16;
        if text.len() + signatures.iter().map(bytes).sum::<usize>() > NOTE_BYTES_MAX {
            return Err(Error::invalid(format!("a note is longer than {NOTE_BYTES_MAX} bytes")));
        }
        Ok(())
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// Reads a whole note. It has at most [`NOTE_BYTES_MAX`] bytes.
impl FromStr for SignedNote {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() > NOTE_BYTES_MAX {
            return Err(Error::invalid(format!("a note is longer than {NOTE_BYTES_MAX} bytes")));
        }
        let split = text
            .rfind("\n\n")
            .ok_or_else(|| Error::invalid("a note has an empty line before its signatures"))?;
        let signatures = read_lines(&text[split + 2..])?;
        Self::new(&text[..=split], signatures)
    }
}
