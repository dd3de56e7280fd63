//! The files of `tree/`: one for each level of tiles from 1 on, a header and entries that check themselves. `FORMAT.md` has
//! their bytes.

use std::sync::Arc;

use tidegate_disk::{Disk, File, Mode};
use tidegate_format::{Hash, StoreId, hash};

/// The folder.
pub(crate) const TREE: &str = "tree";
/// Bytes of the header.
pub(crate) const LEVEL_HEADER_BYTES: usize = 80;
/// Bytes of an entry: a hash, and the checksum of it and its place.
pub(crate) const LEVEL_ENTRY_BYTES: usize = 36;

const MAGIC: [u8; 8] = [0xf7, 0x54, 0x47, 0x74, 0x72, 0x65, 0x0d, 0x0a];
const VERSION: u32 = 1;

/// The store that a level file is of, and what the checksums of its entries start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelKey {
    pub(crate) store: StoreId,
    pub(crate) salt: u64,
}

impl LevelKey {
    /// Returns the header of a level's file.
    pub(crate) fn header(&self, level: u8) -> [u8; LEVEL_HEADER_BYTES] {
        let mut bytes = [0; LEVEL_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let crc = hash::crc(0, &bytes[..12]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store.0);
        bytes[32..36].copy_from_slice(&u32::from(level).to_le_bytes());
        let crc = hash::crc(0, &bytes[16..76]);
        bytes[76..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Returns the entry of a hash with `index` hashes before it.
    pub(crate) fn entry(&self, level: u8, index: u64, hash: Hash) -> [u8; LEVEL_ENTRY_BYTES] {
        let mut bytes = [0; LEVEL_ENTRY_BYTES];
        bytes[..32].copy_from_slice(&hash.0);
        bytes[32..].copy_from_slice(&self.crc(level, index, &hash.0).to_le_bytes());
        bytes
    }

    /// Returns the hash of an entry, or `None` if its checksum does not hold there.
    pub(crate) fn read_entry(&self, level: u8, index: u64, bytes: &[u8; LEVEL_ENTRY_BYTES]) -> Option<Hash> {
        let mut hash = Hash::ZERO;
        hash.0.copy_from_slice(&bytes[..32]);
        let crc = self.crc(level, index, &hash.0).to_le_bytes();
        (bytes[32..] == crc).then_some(hash)
    }

    fn crc(&self, level: u8, index: u64, hash: &[u8]) -> u32 {
        let place = [&self.salt.to_le_bytes()[..], &u32::from(level).to_le_bytes(), &index.to_le_bytes()];
        hash::crc(hash::crc(0, &place.concat()), hash)
    }
}

/// Returns the level that a file in the folder is of.
pub(crate) fn level_of(name: &str) -> Option<u8> {
    let level: u8 = name.parse().ok().filter(|level| (1..=8).contains(level))?;
    (level.to_string() == name).then_some(level)
}

/// The level files of a store.
#[derive(Debug)]
pub(super) struct LevelFiles {
    disk: Arc<dyn Disk>,
    key: LevelKey,
}

impl LevelFiles {
    pub(super) fn new(disk: Arc<dyn Disk>, key: LevelKey) -> Self {
        Self { disk, key }
    }

    /// Returns how many entries a level's file has room for, whatever they say; 0 without a file of this store.
    pub(super) fn count(&self, level: u8) -> u64 {
        let length = self.open(level, Mode::Read).and_then(|file| file.length().ok());
        length.map_or(0, |length| length.saturating_sub(LEVEL_HEADER_BYTES as u64) / LEVEL_ENTRY_BYTES as u64)
    }

    /// Returns these hashes of a level, each `None` if it is not there or its checksum does not hold.
    pub(super) fn read(&self, level: u8, first: u64, count: u64) -> Vec<Option<Hash>> {
        let mut bytes = vec![0; count as usize * LEVEL_ENTRY_BYTES];
        let file = self.open(level, Mode::Read);
        let filled = file.and_then(|file| file.read_full_at(&mut bytes, offset(first)).ok()).unwrap_or(0);
        bytes.truncate(filled);
        let (entries, _) = bytes.as_chunks::<LEVEL_ENTRY_BYTES>();
        let entries = entries.iter().zip(first..);
        let mut hashes: Vec<_> =
            entries.map(|(entry, index)| self.key.read_entry(level, index, entry)).collect();
        hashes.resize(count as usize, None);
        hashes
    }

    /// Writes hashes to their places in a level's file, which is made if it is missing or is another store's. It is not
    /// synced: what a power cut takes is written again.
    pub(super) fn write(&self, level: u8, first: u64, hashes: &[Hash]) -> std::io::Result<()> {
        let file = match self.open(level, Mode::Write) {
            Some(file) => file,
            None => self.make(level)?,
        };
        let entries = hashes.iter().zip(first..);
        let bytes: Vec<u8> = entries.flat_map(|(hash, index)| self.key.entry(level, index, *hash)).collect();
        file.write_all_at(&bytes, offset(first))
    }

    /// Cuts a level's file to this many entries, for good: what stood behind them must not come back after a power cut.
    pub(super) fn cut(&self, level: u8, count: u64) -> std::io::Result<()> {
        let Some(file) = self.open(level, Mode::Write) else { return Ok(()) };
        if file.length()? > offset(count) {
            file.set_len(offset(count))?;
            file.sync()?;
        }
        Ok(())
    }

    /// Opens a level's file, if there is one of this store that reads.
    fn open(&self, level: u8, mode: Mode) -> Option<Arc<dyn File>> {
        let file = self.disk.open(&path(level), mode).ok()?;
        let mut header = [0; LEVEL_HEADER_BYTES];
        let filled = file.read_full_at(&mut header, 0).ok()?;
        (filled == LEVEL_HEADER_BYTES && header == self.key.header(level)).then_some(file)
    }

    fn make(&self, level: u8) -> std::io::Result<Arc<dyn File>> {
        let name = path(level);
        let file = match self.disk.open(&name, Mode::Write) {
            // One that does not read, or is of another store.
            Ok(file) => {
                file.set_len(0)?;
                file.sync()?;
                file
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                self.disk.create_folder(TREE)?;
                self.disk.open(&name, Mode::CreateNew)?
            }
            Err(cause) => return Err(cause),
        };
        file.write_all_at(&self.key.header(level), 0)?;
        Ok(file)
    }
}

fn path(level: u8) -> String {
    format!("{TREE}/{level}")
}

fn offset(entries: u64) -> u64 {
    LEVEL_HEADER_BYTES as u64 + entries * LEVEL_ENTRY_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that FORMAT.md describes. They change together with it and its version.
    #[test]
    fn bytes_are_those_of_the_format() {
        let key = LevelKey { store: StoreId([0x11; 16]), salt: 0x0102_0304_0506_0708 };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let header = ["f75447747265", "0d0a", "01000000", "ad22204b", &"11".repeat(16), "02000000"].concat();
        assert_eq!(hex(&key.header(2)), header + &"00".repeat(40) + "48e63da8");
        let entry = key.entry(2, 5, Hash([0x22; 32]));
        assert_eq!(hex(&entry), "22".repeat(32) + "ba9a4c9f");
    }

    #[test]
    fn an_entry_holds_at_its_own_place_alone() {
        let key = LevelKey { store: StoreId([1; 16]), salt: 7 };
        let entry = key.entry(1, 9, Hash([3; 32]));
        assert_eq!(key.read_entry(1, 9, &entry), Some(Hash([3; 32])));
        let other = LevelKey { salt: 8, ..key };
        assert_eq!(
            [key.read_entry(1, 8, &entry), key.read_entry(2, 9, &entry), other.read_entry(1, 9, &entry)],
            [None; 3]
        );
        for bit in 0..LEVEL_ENTRY_BYTES * 8 {
            let mut changed = entry;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.read_entry(1, 9, &changed), None, "bit {bit}");
        }
        assert_eq!(key.read_entry(1, 9, &[0; LEVEL_ENTRY_BYTES]), None, "zeros are no entry");
    }

    #[test]
    fn names_of_levels_have_one_spelling() {
        assert_eq!(
            ["1", "8", "0", "9", "01", "+1", "x"].map(level_of),
            [Some(1), Some(8), None, None, None, None, None]
        );
    }
}
