//! Damage to what lies on the disk, done from behind the process.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::faulty::state::State;
use crate::name::folder_of;

/// The files of a [`FaultyDisk`](crate::FaultyDisk) as they lie there, to look at and to damage.
///
/// What is touched becomes durable as it stands then, unsynced changes of it included; other files and names
/// keep theirs. Nothing here counts as a call, and nothing is done in part: a name or a range that is not
/// there is an error, so that a test never believes in damage that was not done.
///
/// ```
/// use tidegate_disk::{FaultyDisk, Model};
///
/// # fn main() -> std::io::Result<()> {
/// let disk = FaultyDisk::new(1, Model::default());
/// disk.at_rest().write("folder/a", b"abcdef")?;
/// disk.at_rest().flip_bit("folder/a", 5)?;
/// disk.at_rest().swap("folder/a", 1, 4, 2)?;
/// disk.at_rest().zero("folder/a", 3..4)?;
/// assert_eq!(disk.at_rest().read("folder/a")?, b"Aef\0bc");
/// # Ok(())
/// # }
/// ```
pub struct AtRest {
    state: Arc<Mutex<State>>,
}

impl AtRest {
    pub(crate) fn new(state: Arc<Mutex<State>>) -> Self {
        Self { state }
    }

    /// Returns every file's name, folders included, in order.
    pub fn names(&self) -> Vec<String> {
        self.state.lock().contents.names.iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// Returns the whole of a file.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.state.lock().contents.bytes(name).map(<[u8]>::to_vec)
    }

    /// Gives a file these bytes; creates it, and its folders, if needed.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let contents = &mut self.state.lock().contents;
        if contents.bytes(name).is_ok() {
            return contents.replace(name, bytes.to_vec());
        }
        contents.put(name, bytes.to_vec())
    }

    /// Changes a file in any way.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let contents = &mut self.state.lock().contents;
        let mut bytes = contents.bytes(name)?.to_vec();
        change(&mut bytes);
        contents.replace(name, bytes)
    }

    /// Flips one bit, counted from the lowest of the first byte.
    pub fn flip_bit(&self, name: &str, bit: u64) -> io::Result<()> {
        let byte = bit / 8;
        let range = self.range(name, byte..byte.saturating_add(1))?;
        self.edit(name, |bytes| bytes[range.start] ^= 1 << (bit % 8))
    }

    /// Cuts a file to a length it has.
    pub fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let kept = self.range(name, 0..length)?;
        self.edit(name, |bytes| bytes.truncate(kept.end))
    }

    /// Overwrites a range with zeros.
    pub fn zero(&self, name: &str, range: Range<u64>) -> io::Result<()> {
        let range = self.range(name, range)?;
        self.edit(name, |bytes| bytes[range].fill(0))
    }

    /// Exchanges `length` bytes at `first` with as many at `second`; the ranges must not overlap.
    pub fn swap(&self, name: &str, first: u64, second: u64, length: u64) -> io::Result<()> {
        let (low, high) = (first.min(second), first.max(second));
        let low = self.range(name, low..low.saturating_add(length))?;
        let high = self.range(name, high..high.saturating_add(length))?;
        if low.end > high.start {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the ranges overlap"));
        }
        self.edit(name, |bytes| {
            let (head, tail) = bytes.split_at_mut(high.start);
            head[low].swap_with_slice(&mut tail[..high.len()]);
        })
    }

    /// Takes a file away.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        self.state.lock().contents.forget(name)
    }

    /// Puts a copy of a file under another name, over what stood there.
    pub fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let contents = &mut self.state.lock().contents;
        let bytes = contents.bytes(from)?.to_vec();
        contents.put(to, bytes)
    }

    /// Gives a file another name, over what stood there.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if from == to {
            return self.read(from).map(drop);
        }
        self.copy(from, to)?;
        self.remove(from)
    }

    /// Returns the names of the files right inside a folder, with the folder in front.
    pub fn names_in(&self, folder: &str) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| folder_of(name) == folder);
        names
    }

    /// Returns the whole of a file as a power cut leaves it that takes everything unsynced, its name included.
    ///
    /// ```
    /// use tidegate_disk::{Disk, FaultyDisk, Mode, Model};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let disk = FaultyDisk::new(1, Model::default());
    /// let file = disk.open("a", Mode::CreateNew)?;
    /// file.write_all_at(b"abc", 0)?;
    /// file.sync()?;
    /// assert!(disk.at_rest().read_synced("a").is_err(), "the name is not durable");
    /// disk.sync_folder("")?;
    /// file.write_all_at(b"def", 3)?;
    /// assert_eq!(disk.at_rest().read_synced("a")?, b"abc");
    /// assert_eq!(disk.at_rest().synced_names_in(""), ["a"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_synced(&self, name: &str) -> io::Result<Vec<u8>> {
        self.state.lock().contents.synced_bytes(name).map(<[u8]>::to_vec)
    }

    /// Returns the names of the files right inside a folder, with the folder in front, as a power cut leaves them that takes
    /// everything unsynced.
    pub fn synced_names_in(&self, folder: &str) -> Vec<String> {
        let state = self.state.lock();
        let names = state.contents.names.synced().keys();
        names.filter(|name| folder_of(name) == folder).cloned().collect()
    }

    fn range(&self, name: &str, range: Range<u64>) -> io::Result<Range<usize>> {
        let held = self.state.lock().contents.bytes(name)?.len() as u64;
        if range.start > range.end || range.end > held {
            let message = format!("{name} holds {held} bytes, not {}..{}", range.start, range.end);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(range.start as usize..range.end as usize)
    }
}

impl fmt::Debug for AtRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AtRest").field(&self.names()).finish()
    }
}
