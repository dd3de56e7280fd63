//! Hashes: SHA-256 for leaves and links, CRC-32C for what disks break.

use std::fmt;
use std::str::FromStr;

use sha2::block_api::compress256;
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

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;
/// Bytes behind what is hashed, at least: one that ends it, and the length in bits.
const PADDING_BYTES_MIN: usize = 9;
/// Blocks that are put together to be hashed in one call. What is longer is hashed piece by piece.
const BLOCKS_TOGETHER: usize = 6;

/// What SHA-256 begins with ([FIPS 180-4, section 5.3.3](https://doi.org/10.6028/NIST.FIPS.180-4)).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Returns the SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let mut state = INITIAL;
    // A hash costs little more than its blocks only if they are hashed where they stand: most events are short.
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
    let mut last = [[0; BLOCK_BYTES]; 2];
    last.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
    finish(state, &mut last, rest.len(), bytes.len())
}

/// The SHA-256 of bytes that come piece by piece.
///
/// ```
/// use tidegate_format::hash::{self, Hasher};
///
/// let mut hasher = Hasher::new();
/// hasher.update(b"some ");
/// hasher.update(b"bytes");
/// assert_eq!(hasher.finish(), hash::sha256(b"some bytes"));
/// ```
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Creates the hasher of no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes behind those so far.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the hash of all of them.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

/// Returns the Merkle tree leaf hash of an entry given in two pieces: SHA-256 of a zero byte and the entry
/// ([RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1)).
pub(crate) fn leaf(head: &[u8], body: &Hash) -> Hash {
    chain(&[&[0], head, &body.0])
}

/// Returns the SHA-256 of pieces, one behind the other.
#[inline]
pub(crate) fn chain(pieces: &[&[u8]]) -> Hash {
    let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let mut blocks = [[0; BLOCK_BYTES]; BLOCKS_TOGETHER];
    if length + PADDING_BYTES_MIN > size_of_val(&blocks) {
        let mut digest = Sha256::new();
        for piece in pieces {
            digest.update(piece);
        }
        return Hash(digest.finalize().into());
    }
    let mut room = blocks.as_flattened_mut();
    for piece in pieces {
        let (front, behind) = room.split_at_mut(piece.len());
        front.copy_from_slice(piece);
        room = behind;
    }
    finish(INITIAL, &mut blocks, length, length)
}

/// Ends a hash of `length` bytes, of which the last `filled` stand in `blocks`, and zeros behind them.
#[inline]
fn finish(mut state: [u32; 8], blocks: &mut [[u8; BLOCK_BYTES]], filled: usize, length: usize) -> Hash {
    let count = (filled + PADDING_BYTES_MIN).div_ceil(BLOCK_BYTES);
    let blocks = &mut blocks[..count];
    let bytes = blocks.as_flattened_mut();
    bytes[filled] = 0x80;
    if let Some(bits) = bytes.last_chunk_mut() {
        *bits = (length as u64 * 8).to_be_bytes();
    }
    compress256(&mut state, blocks);
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Hash(hash)
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

    /// Against the streaming hasher, at every length at which the number of blocks or the way changes.
    #[test]
    fn every_length_is_hashed_alike_whole_and_in_pieces() {
        let bytes: Vec<u8> = (0..70_000_u32).map(|number| (number % 251) as u8).collect();
        for length in (0..1000).chain([4095, 4096, 65_536, 70_000]) {
            let bytes = &bytes[..length];
            let expected = Hash(Sha256::digest(bytes).into());
            assert_eq!(sha256(bytes), expected, "{length} bytes");
            for cut in [0, length.min(16), length / 3, length] {
                let (front, behind) = bytes.split_at(cut);
                assert_eq!(chain(&[front, &[], behind]), expected, "{length} bytes cut at {cut}");
            }
        }
    }

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
