//! Ids: which events an event id may belong to.
//!
//! The ids themselves stand in the records. Here are 16 bits of each id's hash beside its event, sorted by the
//! hash, in buckets of four to eight by the hash's first bits. A lookup reads two numbers of the bucket
//! directory and one bucket; the caller compares the id with the record of each candidate.

use tidegate_format::Result;

use super::blocks::Part;
use super::number::{BitWriter, bits, width_of};
use super::packed::{self, Packed};

/// Bits of a hash that stand beside its event.
const PRINT_BITS: u32 = 16;

/// Returns how many of a hash's first bits number its bucket.
fn bucket_bits(count: u32) -> u32 {
    width_of(u64::from(count / 8))
}

fn bucket_of(hash: u64, bucket_bits: u32) -> u32 {
    hash.unbounded_shr(u64::BITS - bucket_bits) as u32
}

fn print_of(hash: u64) -> u64 {
    hash & ((1 << PRINT_BITS) - 1)
}

fn event_bits(count: u32) -> u32 {
    width_of(u64::from(count.saturating_sub(1)))
}

/// Appends the hashes of the ids of events 0, 1 and so on.
pub(super) fn write(hashes: &[u64], out: &mut Vec<u8>) {
    let count = hashes.len() as u32;
    let bucket_bits = bucket_bits(count);
    let mut entries: Vec<(u32, u64, u32)> = (0..)
        .zip(hashes)
        .map(|(event, hash)| (bucket_of(*hash, bucket_bits), print_of(*hash), event))
        .collect();
    entries.sort_unstable();
    let mut starts = vec![0; (1 << bucket_bits) + 1];
    for (bucket, ..) in &entries {
        starts[*bucket as usize + 1] += 1;
    }
    for bucket in 1..starts.len() {
        starts[bucket] += starts[bucket - 1];
    }
    let mut directory = Vec::new();
    packed::write(&starts, &mut directory);
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.append(&mut directory);
    let mut writer = BitWriter::default();
    for (_, print, event) in entries {
        writer.put(print, PRINT_BITS, out);
        writer.put(u64::from(event), event_bits(count), out);
    }
    writer.end(out);
}

/// Returns the events whose id may have this hash, in ascending order.
pub(super) fn find(
    ids: Part<'_>,
    count: u32,
    hash: u64,
) -> Result<impl Iterator<Item = u32> + Clone + use<'_>> {
    let (directory, entries) = ids.split_stated()?;
    let bucket_bits = bucket_bits(count);
    let starts = Packed::read(directory, (1 << bucket_bits) + 1)?;
    let bucket = bucket_of(hash, bucket_bits);
    let (start, end) = (starts.get(bucket)?, starts.get(bucket + 1)?);
    if start > end || end > count {
        return Err(ids.malformed());
    }
    let width = PRINT_BITS + event_bits(count);
    let bit = |entry: u32| entry as usize * width as usize;
    let first = bit(start) / 8;
    let entries = entries.bytes(first..bit(end).div_ceil(8))?;
    Ok((start..end).filter_map(move |entry| {
        let entry = bits(entries, entry as usize * width as usize - first * 8, width)?;
        let event = (entry >> PRINT_BITS) as u32;
        (print_of(entry) == print_of(hash) && event < count).then_some(event)
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::blocks::Blocks;

    proptest! {
        #[test]
        fn every_hash_finds_its_events(
            hashes in proptest::collection::vec(prop_oneof![any::<u64>(), 0u64..4, u64::MAX - 3..], 0..200),
            others: [u64; 8],
        ) {
            let count = hashes.len() as u32;
            let mut bytes = Vec::new();
            write(&hashes, &mut bytes);
            let blocks = Blocks::of(&bytes);
            for hash in hashes.iter().chain(&others) {
                let found: Vec<u32> = find(blocks.section(), count, *hash).unwrap().collect();
                for (event, stored) in (0..).zip(&hashes) {
                    prop_assert!(stored != hash || found.contains(&event));
                }
                prop_assert!(found.is_sorted());
                prop_assert!(found.iter().all(|event| print_of(hashes[*event as usize]) == print_of(*hash)));
            }
        }
    }

    #[test]
    fn buckets_are_small_and_all_are_used() {
        assert_eq!([0, 7, 8, 15, 16, 63, 64, 80_000].map(bucket_bits), [0, 0, 1, 1, 2, 3, 4, 14]);
        assert_eq!([0, 1 << 61, u64::MAX].map(|hash| bucket_of(hash, 3)), [0, 1, 7]);
        assert_eq!(bucket_of(u64::MAX, 0), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_is_refused() {
        let section = |starts: &[u32]| {
            let mut directory = Vec::new();
            packed::write(starts, &mut directory);
            let mut bytes = (directory.len() as u32).to_le_bytes().to_vec();
            bytes.append(&mut directory);
            bytes.extend([0; 40]);
            Blocks::of(&bytes)
        };
        let count = 5;
        assert!(find(section(&[0, 5]).section(), count, 7).is_ok());
        for starts in [[5, 0], [0, 6], [7, 9]] {
            let refused = find(section(&starts).section(), count, 7).map(Iterator::count);
            assert!(refused.is_err(), "{starts:?}");
        }
    }
}
