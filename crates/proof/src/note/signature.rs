//! One signature of a note: a line below its text.

use std::fmt;

use tidegate_format::{Error, Result};

use crate::encoding::{Lines, base64, from_base64};
use crate::limit::NOTE_SIGNATURES_MAX;
use crate::refutation::shown;

/// A signature as it stands in a note: a key's name and id, and what that key made. It is a claim until a
/// [`VerifierKey`](super::VerifierKey) has checked it.
///
/// As text it is its line, without the newline: an em dash, the name, and id and signature in Base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) bytes: Vec<u8>,
}

impl NoteSignature {
    /// Returns the name of the key that is said to have signed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of that key, which tells keys of one name apart.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns the signature's bytes, whose meaning is the key's to know.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether both are said to be of one key.
    pub(crate) fn has_key_of(&self, other: &Self) -> bool {
        (&self.name, self.id) == (&other.name, other.id)
    }

    fn read(line: &str) -> Option<Self> {
        let (name, rest) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = from_base64(rest)?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        let is_signature = is_name(name) && !bytes.is_empty();
        is_signature.then(|| Self {
            name: name.to_owned(),
            id: u32::from_be_bytes(*id),
            bytes: bytes.to_vec(),
        })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.to_be_bytes(), &self.bytes[..]].concat();
        write!(f, "\u{2014} {} {}", self.name, base64(&bytes))
    }
}

/// Whether a key can have this name: it is not empty, and has no spaces, control characters or `+`.
pub(super) fn is_name(name: &str) -> bool {
    let refused = |char: char| char.is_whitespace() || char.is_control() || char == '+';
    !name.is_empty() && !name.contains(refused)
}

/// Reads the lines of signatures that a text consists of: from 1 to [`NOTE_SIGNATURES_MAX`].
pub(crate) fn read_lines(text: &str) -> Result<Vec<NoteSignature>> {
    let mut lines = Lines::new("list of signatures", text);
    let mut signatures = Vec::new();
    while signatures.is_empty() || !lines.rest().is_empty() {
        let line = lines.next("a signature")?;
        if signatures.len() == NOTE_SIGNATURES_MAX {
            return Err(Error::invalid(format!("a note has more than {NOTE_SIGNATURES_MAX} signatures")));
        }
        let signature = NoteSignature::read(line);
        let wrong =
            || Error::invalid(format!("a signature is a dash, a name and Base64, found {}", shown(line)));
        signatures.push(signature.ok_or_else(wrong)?);
    }
    Ok(signatures)
}
