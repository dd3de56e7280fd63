//! Numbers as bytes: fixed widths, varints, and runs of bits. Reading never goes past the bytes it is given.

use tidegate_format::Error;

/// Bits of the widest number that [`bits`] reads.
pub(super) const BITS_MAX: u32 = 56;

/// Returns the error for bytes that hold their checksum and still make no sense.
#[cold]
pub(super) fn malformed(what: &str) -> Error {
    Error::damaged(format!("{what} of an index file is malformed"), "a well-formed one", "something else")
}

/// Returns the 32-bit number at a byte.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*raw))
}

/// Returns the 64-bit number at a byte.
#[inline]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let raw = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*raw))
}

/// Appends a number in 7-bit groups, the lowest first, each but the last with its top bit set.
pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Returns the number at `at`, which moves behind it. `None` if the bytes end inside it, or it is longer than
/// 64 bits.
#[inline]
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let first = *bytes.get(*at)?;
    *at += 1;
    if first < 0x80 {
        return Some(u64::from(first));
    }
    let mut number = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return (shift < 63 || byte < 2).then_some(number);
        }
    }
    None
}

/// Returns the same for a number that must fit 32 bits.
#[inline]
pub(super) fn varint32(bytes: &[u8], at: &mut usize) -> Option<u32> {
    u32::try_from(varint(bytes, at)?).ok()
}

/// Returns the `width` bits at a bit, lowest first. At most [`BITS_MAX`] of them.
#[inline]
pub(super) fn bits(bytes: &[u8], at: usize, width: u32) -> Option<u64> {
    debug_assert!(width <= BITS_MAX, "eight bytes hold them wherever they start");
    let (byte, shift) = (at / 8, at % 8);
    let word = if let Some(word) = u64_at(bytes, byte) {
        word
    } else {
        let rest = bytes.get(byte..)?;
        if rest.len() * 8 < shift + width as usize {
            return None;
        }
        let mut raw = [0; 8];
        raw[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(raw)
    };
    Some((word >> shift) & ((1 << width) - 1))
}

/// Returns how many bits a number takes.
pub(super) fn width_of(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Writes runs of bits, lowest first.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    word: u64,
    filled: u32,
}

impl BitWriter {
    /// Appends the lowest `width` bits of a number, which has no others. At most [`BITS_MAX`].
    pub(super) fn put(&mut self, number: u64, width: u32, out: &mut Vec<u8>) {
        debug_assert!(width <= BITS_MAX && number >> width == 0, "the number fits its width");
        self.word |= number << self.filled;
        self.filled += width;
        while self.filled >= 8 {
            out.push(self.word as u8);
            self.word >>= 8;
            self.filled -= 8;
        }
    }

    /// Appends what is left, with zeros up to a whole byte.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self.filled > 0 {
            out.push(self.word as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn varints_come_back(numbers: Vec<u64>) {
            let mut bytes = Vec::new();
            for number in &numbers {
                put_varint(*number, &mut bytes);
            }
            let mut at = 0;
            for number in numbers {
                prop_assert_eq!(varint(&bytes, &mut at), Some(number));
            }
            prop_assert_eq!(varint(&bytes, &mut at), None);
        }

        #[test]
        fn bits_come_back(numbers in proptest::collection::vec((0..=BITS_MAX, any::<u64>()), 0..40)) {
            let (mut bytes, mut writer) = (Vec::new(), BitWriter::default());
            let cut = |width: u32, number: u64| number & ((1 << width) - 1);
            for (width, number) in &numbers {
                writer.put(cut(*width, *number), *width, &mut bytes);
            }
            writer.end(&mut bytes);
            let mut at = 0;
            for (width, number) in numbers {
                prop_assert_eq!(bits(&bytes, at, width), Some(cut(width, number)));
                at += width as usize;
            }
            prop_assert!(at.div_ceil(8) == bytes.len());
            prop_assert_eq!(bits(&bytes, at.next_multiple_of(8), 1), None);
        }
    }

    #[test]
    fn varints_past_64_bits_are_refused() {
        assert_eq!(varint(&[0xff; 11], &mut 0), None);
        let mut bytes = [0xff; 10];
        bytes[9] = 1;
        assert_eq!(varint(&bytes, &mut 0), Some(u64::MAX));
        bytes[9] = 2;
        assert_eq!(varint(&bytes, &mut 0), None);
    }
}
