//! The filter: a quick "not here" for terms and ids.
//!
//! A binary fuse filter with eight bits a hash; about one hash in 256 that is not here seems to be.

use tidegate_format::Result;
use xorf::{BinaryFuse8, DmaSerializable};

use super::number::{malformed, u32_at, u64_at};

const DESCRIPTOR: usize = BinaryFuse8::DESCRIPTOR_LEN;

/// Appends a filter for these hashes; nothing where none can be built, which a thousand tries make as good
/// as impossible.
pub(super) fn write(mut hashes: Vec<u64>, out: &mut Vec<u8>) {
    hashes.sort_unstable();
    hashes.dedup();
    let Ok(filter) = BinaryFuse8::try_from(&hashes) else { return };
    let mut descriptor = [0; DESCRIPTOR];
    filter.dma_copy_descriptor_to(&mut descriptor);
    out.extend_from_slice(&descriptor);
    out.extend_from_slice(filter.dma_fingerprints());
}

/// Whether a hash may be here. An empty filter says so of every hash.
pub(super) fn may_hold(bytes: &[u8], hash: u64) -> Result<bool> {
    if bytes.is_empty() {
        return Ok(true);
    }
    look(bytes, hash).ok_or_else(|| malformed("the filter"))
}

/// Reads the three places of a hash: one in each of three neighbouring parts. Here and not by the builder's own
/// reader, which trusts its bytes to lead inside the filter.
fn look(bytes: &[u8], hash: u64) -> Option<bool> {
    let (seed, part) = (u64_at(bytes, 0)?, u32_at(bytes, 8)?);
    let (mask, first_parts) = (u32_at(bytes, 12)?, u32_at(bytes, 16)?);
    let prints = bytes.get(DESCRIPTOR..)?;
    let mixed = mix(hash.wrapping_add(seed));
    let first = ((u128::from(mixed) * u128::from(first_parts)) >> 64) as u32;
    let second = first.checked_add(part)?;
    let third = second.checked_add(part)?;
    let second = second ^ ((mixed >> 18) as u32 & mask);
    let third = third ^ (mixed as u32 & mask);
    let print = |at: u32| prints.get(at as usize);
    Some((mixed ^ (mixed >> 32)) as u8 ^ print(first)? ^ print(second)? ^ print(third)? == 0)
}

/// The last step of `MurmurHash3`: every bit of the outcome depends on every bit of the number.
fn mix(mut number: u64) -> u64 {
    number ^= number >> 33;
    number = number.wrapping_mul(0xff51_afd7_ed55_8ccd);
    number ^= number >> 33;
    number = number.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xorf::Filter;

    use super::*;

    proptest! {
        #[test]
        fn what_is_there_is_not_denied(hashes in proptest::collection::vec(any::<u64>(), 0..300)) {
            let mut bytes = Vec::new();
            write(hashes.clone(), &mut bytes);
            prop_assert!(!bytes.is_empty());
            for hash in hashes {
                prop_assert!(may_hold(&bytes, hash).unwrap());
            }
        }

        #[test]
        fn the_reader_agrees_with_that_of_the_builder(
            hashes in proptest::collection::btree_set(any::<u64>(), 0..300),
            others: [u64; 32],
        ) {
            let hashes: Vec<u64> = hashes.into_iter().collect();
            let filter = BinaryFuse8::try_from(&hashes).unwrap();
            let mut bytes = Vec::new();
            write(hashes, &mut bytes);
            for other in others {
                prop_assert_eq!(may_hold(&bytes, other).unwrap(), filter.contains(&other));
            }
        }

        #[test]
        fn hostile_descriptors_are_refused_or_harmless(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            part in 0u32..6,
            parts in 0u32..100,
            hash: u64,
        ) {
            let _ = may_hold(&bytes, hash);
            let mut bytes = bytes;
            if bytes.len() >= DESCRIPTOR {
                bytes[8..12].copy_from_slice(&(1u32 << part).to_le_bytes());
                bytes[12..16].copy_from_slice(&((1u32 << part) - 1).to_le_bytes());
                bytes[16..20].copy_from_slice(&parts.to_le_bytes());
                let _ = may_hold(&bytes, hash);
            }
        }
    }

    #[test]
    fn few_that_are_not_there_seem_to_be() {
        let mut bytes = Vec::new();
        write((0..10_000).collect(), &mut bytes);
        let wrong = (10_000..20_000).filter(|hash| may_hold(&bytes, *hash).unwrap()).count();
        assert!(wrong < 80, "{wrong} of 10000");
    }
}
