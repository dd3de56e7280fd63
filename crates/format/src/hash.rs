//! Hashes: SHA-256 for leaves and links, CRC-32C for what disks break.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::Error;

/// A SHA-256 hash, printed as hexadecimal digits.
///
/// ```
/// use tidegate_format::hash;
///
/// let empty = hash::sha256(b"").to_string();
/// assert_eq!(empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
/// assert_eq!(empty.parse::<hash::Hash>()?, hash::sha256(b""));
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Thirty-two zero bytes: the link of a stream's first event.
    pub const ZERO: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let not_one = || Error::invalid(format!("{text:?} is not a hash of 64 hexadecimal digits"));
        digits(text).map(Self).ok_or_else(not_one)
    }
}

/// Reads bytes from their hexadecimal digits, two for each.
pub(crate) fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let digit = |one: u8| char::from(one).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// Returns the SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Returns the Merkle tree leaf hash of an entry given in two pieces: SHA-256 of a zero byte and the entry
/// ([RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1)).
pub(crate) fn leaf(head: &[u8], body: &Hash) -> Hash {
    chain(&[&[0], head, &body.0])
}

/// Returns the SHA-256 of pieces, one behind the other.
pub(crate) fn chain(pieces: &[&[u8]]) -> Hash {
    let mut digest = Sha256::new();
    for piece in pieces {
        digest.update(piece);
    }
    Hash(digest.finalize().into())
}

/// Returns the SHA-256 over a domain and parts, each preceded by its length in 8 little-endian bytes, so that no two
/// lists of parts hash the same bytes.
///
/// ```
/// use tidegate_format::hash;
///
/// assert_ne!(hash::parts(b"pair", &[b"ab", b"c"]), hash::parts(b"pair", &[b"a", b"bc"]));
/// ```
pub fn parts(domain: &[u8], parts: &[&[u8]]) -> Hash {
    let mut digest = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    Hash(digest.finalize().into())
}

/// Returns the CRC-32C (Castagnoli) of `bytes`, going on from `crc`; start with 0.
///
/// ```
/// use tidegate_format::hash;
///
/// assert_eq!(hash::crc(0, b"123456789"), 0xe306_9283);
/// assert_eq!(hash::crc(hash::crc(0, b"1234"), b"56789"), 0xe306_9283);
/// ```
#[inline]
pub fn crc(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_from_their_digits_and_from_nothing_else() {
        let hash = sha256(b"a hash");
        let digits = hash.to_string();
        assert_eq!(digits.parse::<Hash>().unwrap(), hash);
        assert_eq!(digits.to_uppercase().parse::<Hash>().unwrap(), hash);
        for wrong in [String::new(), digits[1..].to_owned(), digits[2..].to_owned(), format!("{digits}0")] {
            assert!(wrong.parse::<Hash>().is_err(), "{wrong:?}");
        }
        for wrong in ["g", "+", " ", "é"] {
            let wrong = format!("{wrong}{}", &digits[wrong.len()..]);
            assert!(wrong.parse::<Hash>().is_err(), "{wrong:?}");
        }
    }
}
