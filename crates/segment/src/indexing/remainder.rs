//! Remainder files: written from a sealed segment before its records go, and opened in the place of its index file.

use tidegate_disk::replace::Replacement;
use tidegate_format::Result;

use super::folder::read_whole;
use crate::cache::{FileCache, Takes};
use crate::frame_reader::write_error;
use crate::index::{FileIndex, write_remainder};
use crate::records::Records;
use crate::segment::{Segment, remainder};

impl Segment {
    /// Opens its remainder file; `None` if there is none.
    pub(crate) fn open_remainder(&self, cache: &FileCache) -> Result<Option<(FileIndex, Takes)>> {
        let name = remainder::path(self.first());
        let Some((block, takes)) = read_whole(cache, &name)? else { return Ok(None) };
        let index = FileIndex::open_retired(block, self.head(), self.tail().0, self.hash_key());
        let index = index.map_err(|error| error.in_file(&name, None))?;
        self.check_end(u64::from(index.count()))?;
        Ok(Some((index, takes)))
    }

    /// Writes what is to stay of it, durable with its name, and returns the bytes of that file. `index` was built from its
    /// records just now. The segment is sealed; it stays as it is. Keeps R1.
    pub fn write_remainder(&self, cache: &FileCache, index: Vec<u8>) -> Result<u64> {
        let (mut file, mut events) = (index, Vec::with_capacity(self.count() as usize));
        for record in Records::new(&self.bytes()?, self.name(), self.head().salt, self.first()) {
            let (_, record) = record?;
            events.push((record.id(), record.leaf()));
        }
        self.check_end(events.len() as u64)?;
        write_remainder(&mut file, &events);
        let name = remainder::path(self.first());
        let at = |cause| write_error("what is to stay of a retired segment cannot be kept", &name, cause);
        let new = Replacement::begin(cache.disk(), &name).map_err(at)?;
        new.file().write_all_at(&file, 0).map_err(at)?;
        new.finish().map(drop).map_err(|unplaced| at(unplaced.into_cause()))?;
        let read = cache.retry(|| self.open_remainder(cache))?;
        let (index, _) = read.ok_or_else(|| remainder::missing(self.first()))?;
        index.verify().map_err(|error| error.in_file(&name, None))?;
        for (event, written) in (0..).zip(&events) {
            if index.kept(event)?.as_ref() != Some(written) {
                return Err(remainder::damaged(self.first()));
            }
        }
        Ok(file.len() as u64)
    }

    /// Compares every checksum of its remainder file.
    pub fn verify_remainder(&self, cache: &FileCache) -> Result<()> {
        let found = cache.retry(|| self.open_remainder(cache))?;
        let (index, _) = found.ok_or_else(|| remainder::missing(self.first()))?;
        index.verify().map_err(|error| error.in_file(&remainder::path(self.first()), None))
    }
}
