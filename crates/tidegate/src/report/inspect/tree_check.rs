//! The files of `tree/` beside the log they are made of: every hash is computed once more, and compared.

use tidegate_disk::Disk;
use tidegate_format::{Error, Hash, Position, Record, Result};

use super::files;
use crate::backend::read_store;
use crate::read::{LEVEL_ENTRY_BYTES, LEVEL_HEADER_BYTES, LevelKey, TREE, TreeLevels, level_of};
use crate::report::fault::{REBUILT, Remark};

/// The largest level file that is read: of 7.6 billion events.
const BYTES_MAX: u64 = 1 << 30;

/// The hashes of the tree over the log so far, and the files they are compared with.
#[derive(Debug)]
pub(crate) struct TreeCheck {
    /// What the files are of; without the store file it is not known, and they cannot be judged.
    key: Option<LevelKey>,
    files: Vec<LevelContents>,
    levels: TreeLevels,
    next: Position,
    /// Whether an event was missing: what is above it cannot be computed.
    is_broken: bool,
}

/// A level file as it was before the log was looked at. A writer only adds to it.
#[derive(Debug)]
struct LevelContents {
    level: u8,
    name: String,
    bytes: Vec<u8>,
    /// The first byte that does not hold.
    wrong: Option<(u64, Error)>,
}

impl TreeCheck {
    /// Reads the files that are there.
    pub(crate) fn new(disk: &dyn Disk) -> Result<Self> {
        let store = read_store(disk).ok().flatten();
        let key = store.map(|store| LevelKey { store: store.id, salt: store.salt });
        let mut found = Vec::new();
        for name in files::list(disk, TREE)? {
            let Some(level) = level_of(&name) else { continue };
            let name = format!("{TREE}/{name}");
            let Some(contents) = files::read(disk, &name, BYTES_MAX)? else { continue };
            let wrong = contents.faults.into_iter().next().map(|error| (0, error));
            found.push(LevelContents { level, name, bytes: contents.bytes, wrong });
        }
        if let Some(key) = &key {
            for file in &mut found {
                file.check_header(key);
            }
        }
        Ok(Self { key, files: found, levels: TreeLevels::default(), next: Position(1), is_broken: false })
    }

    /// Takes the next event of the log.
    pub(crate) fn take(&mut self, record: &Record<'_>) {
        if self.files.is_empty() {
            return;
        }
        self.is_broken |= record.position() != self.next;
        self.next = record.position().next();
        if self.is_broken {
            return;
        }
        let (key, files) = (&self.key, &mut self.files);
        self.levels.push(record.leaf(), |level, index, hash| {
            let file = files.iter_mut().find(|file| file.level == level);
            if let Some((key, file)) = key.as_ref().zip(file) {
                file.compare(key, index, hash);
            }
        });
    }

    /// Tells of what does not hold, and returns how many files there are.
    pub(crate) fn finish(&mut self, remarks: &mut Vec<Remark>) -> u64 {
        for file in &mut self.files {
            if !self.is_broken && self.key.is_some() {
                file.expect_end(self.levels.count(file.level));
            }
            remarks
                .extend(file.wrong.as_ref().map(|(at, error)| Remark::at(&file.name, *at, error, REBUILT)));
        }
        self.files.len() as u64
    }
}

impl LevelContents {
    fn check_header(&mut self, key: &LevelKey) {
        if self.wrong.is_none() && !self.bytes.starts_with(&key.header(self.level)) {
            let error = Error::damaged(
                "it is not the file of this level of the store's tree",
                "its header",
                "another",
            );
            self.wrong = Some((0, error));
        }
    }

    /// Compares the entry of a hash, if the file goes that far. One that was not written is none.
    fn compare(&mut self, key: &LevelKey, index: u64, hash: Hash) {
        let at = LEVEL_HEADER_BYTES + index as usize * LEVEL_ENTRY_BYTES;
        let Some(found) = self.bytes.get(at..at + LEVEL_ENTRY_BYTES) else { return };
        if self.wrong.is_none() && found != key.entry(self.level, index, hash) {
            let error = Error::damaged("a hash of the tree is not that of its events", hash, "another");
            self.wrong = Some((at as u64, error));
        }
    }

    /// Refuses entries behind those of the log.
    fn expect_end(&mut self, count: u64) {
        let end = LEVEL_HEADER_BYTES + count as usize * LEVEL_ENTRY_BYTES;
        if self.wrong.is_none() && self.bytes.len() > end {
            let found = format!("{} bytes", self.bytes.len());
            let error = Error::damaged("it has more hashes than the log", format!("{end} bytes"), found);
            self.wrong = Some((end as u64, error));
        }
    }
}
