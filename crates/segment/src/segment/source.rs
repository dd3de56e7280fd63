//! Where the bytes of a segment come from, and what finds its events: open files while the cache keeps them, opened
//! again when it does not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_disk::{Block, File};
use tidegate_format::{Error, ErrorKind, Offset, Result, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName};

use super::Segment;
use super::files::{is_missing, open_whole_unread};
use super::remainder;
use crate::cache::{FileCache, Takes, is_shortage, lacks_any};
use crate::frame_reader::read_full;
use crate::index::FileIndex;
use crate::lookup::Lookup;

/// The file of a segment, open.
#[derive(Debug)]
pub(super) enum Source {
    File(Arc<dyn File>),
    Map(Block),
}

impl Segment {
    /// Returns what opens its files, once it is sealed.
    fn cache(&self) -> Result<&Arc<FileCache>> {
        self.cache.get().ok_or_else(|| {
            Error::new(ErrorKind::Io, "the segment's file is closed").in_file(self.name(), None)
        })
    }

    /// Returns what finds its events. Holding it saves looking it up again; it stays right as long as it is held.
    pub fn lookup(&self) -> Result<Arc<Lookup>> {
        self.with_lookup(Arc::clone)
    }

    /// Asks what finds its events, without taking a share of it.
    #[inline]
    pub(super) fn with_lookup<T>(&self, ask: impl FnOnce(&Arc<Lookup>) -> T) -> Result<T> {
        // Only a sealed segment has an index file.
        if self.cache.get().is_some()
            && let Some(index) = &*self.index.get()
        {
            return Ok(ask(index));
        }
        if let Some(memory) = &*self.memory.load() {
            return Ok(ask(memory));
        }
        self.open_lookup().map(|lookup| ask(&lookup))
    }

    /// Opens its index file. If that cannot be used, the segment itself is read, and what finds its events stays in
    /// memory.
    #[cold]
    fn open_lookup(&self) -> Result<Arc<Lookup>> {
        let cache = self.cache()?;
        loop {
            let opening = self.opening.lock();
            if let Some(index) = &*self.index.get() {
                return Ok(Arc::clone(index));
            }
            if let Some(memory) = self.memory.load_full() {
                return Ok(memory);
            }
            match cache.retry(|| self.open_own_index(cache)) {
                Ok(Some((index, takes))) => return Ok(self.hold_index(index, takes)),
                // That says nothing of the file, and to read the segment instead would take as much.
                Err(error) if is_shortage(&error) || self.is_retired() => return Err(error),
                Ok(None) | Err(_) => {
                    // The segment was retired while it was not open.
                    if let Ok(Some((index, takes))) = cache.retry(|| self.open_remainder(cache)) {
                        return Ok(self.hold_index(index, takes));
                    }
                    drop(opening);
                    // Many may ask at once, and one of them reads.
                    let _indexing = self.indexing.lock();
                    if self.memory.load().is_none() && self.index.get().is_none() {
                        self.index_in_memory()?;
                    }
                }
            }
        }
    }

    /// Opens its index file, or that in its remainder file if it was retired.
    fn open_own_index(&self, cache: &FileCache) -> Result<Option<(FileIndex, Takes)>> {
        if !self.is_retired() {
            return self.open_index(cache);
        }
        let opened = self.open_remainder(cache)?;
        opened.map(Some).ok_or_else(|| remainder::missing(self.first()))
    }

    /// Returns the name of its index file, as far as is known.
    pub(crate) fn index_name(&self) -> SegmentName {
        // Relaxed: it is a hint. The file of that name is opened and checked, and if there is none the folder is listed.
        let generation = self.index_generation.load(Ordering::Relaxed);
        SegmentName { first: self.first(), generation }
    }

    /// Says which of its index files to open: the one of this generation.
    pub fn know_index(&self, name: SegmentName) {
        // Relaxed: as above.
        self.index_generation.store(name.generation, Ordering::Relaxed);
    }

    /// Takes an index file into use.
    pub(crate) fn hold_index(&self, index: FileIndex, takes: Takes) -> Arc<Lookup> {
        let lookup = Arc::new(Lookup::File(Arc::new(index)));
        if let Some(cache) = self.cache.get() {
            cache.hold(&self.index, Arc::clone(&lookup), takes);
            // After the file is there, so that there is always one of them.
            self.memory.store(None);
        }
        lookup
    }

    /// Finds its events with what is in memory from now on.
    pub(crate) fn hold_in_memory(&self, lookup: Lookup) {
        self.memory.store(Some(Arc::new(lookup)));
        self.index.clear();
    }

    /// Returns its file, open.
    pub(super) fn source(&self) -> Result<Arc<Source>> {
        if let Some(source) = &*self.bytes.get() {
            return Ok(Arc::clone(source));
        }
        match self.growing.load_full() {
            Some(source) => Ok(source),
            None => self.open_source(),
        }
    }

    /// Opens its file once it is sealed. Keeps S3.
    #[cold]
    fn open_source(&self) -> Result<Arc<Source>> {
        let cache = self.cache()?;
        if self.is_retired() {
            return Err(remainder::retired(self.name()));
        }
        let _opening = self.opening.lock();
        if let Some(source) = &*self.bytes.get() {
            return Ok(Arc::clone(source));
        }
        let opened = cache.retry(|| open_whole_unread(cache.disk(), self.file_name, self.tail()));
        let file = opened.map_err(|error| {
            let is_retired = is_missing(&error) && remainder::is_there(cache.disk(), self.first());
            if is_retired { remainder::retired(self.name()) } else { error }
        })?;
        let read_head = || {
            let mut bytes = [0; SEGMENT_HEADER_BYTES];
            let filled = read_full(&*file, &mut bytes, 0)?;
            self.check_head(&bytes[..filled])
        };
        if !cache.maps_files() {
            read_head()?;
            return Ok(self.hold_source(cache, Source::File(file), Takes::Descriptor));
        }
        loop {
            match file.map(self.tail().0) {
                Ok(block) => {
                    // By the map, which brings in one page. For a read the system brings in those behind it, too.
                    self.check_head(&block[..SEGMENT_HEADER_BYTES.min(block.len())])?;
                    return Ok(self.hold_source(cache, Source::Map(block), Takes::Map));
                }
                Err(cause) if lacks_any(&cause) && cache.make_room() => {}
                // A handle of the writer that sealed it a moment ago is not closed yet: the next question maps it.
                Err(cause) if cause.kind() == std::io::ErrorKind::ResourceBusy => {
                    read_head()?;
                    return Ok(Arc::new(Source::File(file)));
                }
                Err(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
                    let error = Error::new(ErrorKind::Io, "the segment cannot be mapped").because(cause);
                    return Err(error.in_file(&self.name, None));
                }
                // What cannot be mapped, there or now, can be read.
                Err(_) => {
                    read_head()?;
                    return Ok(self.hold_source(cache, Source::File(file), Takes::Descriptor));
                }
            }
        }
    }

    /// Refuses a file that does not begin with the head that was sealed.
    fn check_head(&self, bytes: &[u8]) -> Result<()> {
        let at = |error: Error| error.in_file(&self.name, Some(Offset(0)));
        let head = SegmentHeader::read(bytes).map_err(at)?;
        if head == self.head {
            return Ok(());
        }
        let message = "a sealed segment is not the one it was";
        Err(at(Error::damaged(message, format!("{:?}", self.head), format!("{head:?}"))))
    }

    fn hold_source(&self, cache: &FileCache, source: Source, takes: Takes) -> Arc<Source> {
        let source = Arc::new(source);
        cache.hold(&self.bytes, Arc::clone(&source), takes);
        source
    }

    /// Returns all its bytes up to the tail, mapped if it is sealed and mapped.
    pub(crate) fn bytes(&self) -> Result<Block> {
        match &*self.source()? {
            Source::Map(map) => {
                map.read_ahead(0..map.len());
                Ok(map.clone())
            }
            Source::File(file) => {
                let mut bytes = vec![0; self.tail().0 as usize];
                let filled = read_full(&**file, &mut bytes, 0)?;
                bytes.truncate(filled);
                Ok(bytes.into())
            }
        }
    }
}
