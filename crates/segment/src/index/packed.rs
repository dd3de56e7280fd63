//! Packed columns: one number an event, in blocks of 64 that each take only the bits their numbers differ by.
//!
//! A directory says for each block its smallest number and where its bits start, so that any number is two
//! looks away. Numbers that grow with the log (offsets, levels) and numbers of a small range (streams, kinds)
//! both come out short.

use tidegate_format::Result;

use super::blocks::Part;
use super::number::{BitWriter, bits, u32_at, width_of};

/// Numbers of a block. Eight bytes of a block hold one bit of each.
const BLOCK: usize = 64;
/// Bytes of a block's entry in the directory: its smallest number, and where its bits start.
const ENTRY: usize = 8;

/// Appends a column of these numbers.
pub(super) fn write(numbers: &[u32], out: &mut Vec<u8>) {
    let mut body = Vec::new();
    for block in numbers.chunks(BLOCK) {
        let least = block.iter().copied().min().unwrap_or_default();
        let width = block.iter().map(|number| width_of(u64::from(number - least))).max().unwrap_or_default();
        out.extend_from_slice(&least.to_le_bytes());
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        let mut writer = BitWriter::default();
        for at in 0..BLOCK {
            let number = block.get(at).map_or(0, |number| number - least);
            writer.put(u64::from(number), width, &mut body);
        }
        writer.end(&mut body);
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&body);
}

/// A column read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a> {
    directory: Part<'a>,
    body: Part<'a>,
}

impl<'a> Packed<'a> {
    /// Returns the column of `count` numbers that fills `column`.
    #[inline]
    pub(super) fn read(column: Part<'a>, count: u32) -> Result<Self> {
        let entries = (count as usize).div_ceil(BLOCK) + 1;
        let (directory, body) = column.split_at(entries * ENTRY)?;
        Ok(Self { directory, body })
    }

    /// Returns the number of an event. The caller knows that there is one.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Result<u32> {
        let index = index as usize;
        let entry = index / BLOCK * ENTRY;
        let entries = self.directory.bytes(entry..entry + 2 * ENTRY)?;
        let (least, start, width) = read_entry(entries).ok_or_else(|| self.body.malformed())?;
        let bit = index % BLOCK * width;
        let bytes = self.body.bytes_at(start + bit / 8, 8)?;
        let number = bits(bytes, bit % 8, width as u32);
        number.and_then(|number| least.checked_add(number as u32)).ok_or_else(|| self.body.malformed())
    }
}

/// Returns a block's smallest number, where its bits start, and how many bits a number takes.
#[inline]
fn read_entry(entries: &[u8]) -> Option<(u32, usize, usize)> {
    let start = u32_at(entries, 4)? as usize;
    let width = (u32_at(entries, ENTRY + 4)? as usize).checked_sub(start)? / 8;
    if width > 32 { None } else { Some((u32_at(entries, 0)?, start, width)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::blocks::Blocks;

    proptest! {
        #[test]
        fn numbers_come_back(
            numbers in proptest::collection::vec(prop_oneof![any::<u32>(), 0u32..9], 0..300)
        ) {
            let mut bytes = Vec::new();
            write(&numbers, &mut bytes);
            let blocks = Blocks::of(&bytes);
            let column = Packed::read(blocks.section(), numbers.len() as u32).unwrap();
            for (index, number) in numbers.iter().enumerate() {
                prop_assert_eq!(column.get(index as u32).unwrap(), *number);
            }
        }
    }

    #[test]
    fn a_column_of_one_number_takes_its_directory_alone() {
        let mut bytes = Vec::new();
        write(&[7; 640], &mut bytes);
        assert_eq!(bytes.len(), 11 * ENTRY);
    }
}
