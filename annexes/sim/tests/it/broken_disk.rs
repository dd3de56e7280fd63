//! A disk that does not do what it was asked, between a store and the simulated one: with it a sound store behaves
//! like one with a defect.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tidegate_disk::{Block, Disk, Errno, FaultyDisk, File, FileLock, Identity, Mode};
use tidegate_format::hash::crc;
use tidegate_format::{FrameHeader, Offset, Position, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName};

/// What it gets wrong, and which defect of a store that amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskDefect {
    /// A sync of a file does nothing: appends are acknowledged before they are durable.
    NoSync,
    /// A sync of a folder does nothing.
    NoFolderSync,
    /// A sync that failed is told as one that did not.
    SwallowedError,
    /// A failed write leaves what it wrote: cutting it off does nothing.
    NoCut,
    /// A segment that is opened for writing seems to be shorter: recovery cuts too much.
    CutTooMuch,
    /// What gets its name by a rename is not synced before: a new segment, an index, a reader's place.
    NoSyncBeforeRename,
    /// Readers' places are written and never get their names.
    PlacesForgotten,
    /// A read that failed is told as one that found zeros.
    SwallowedReadError,
    /// The watermark says nothing: it is never looked at.
    NoWatermark,
    /// Index files are wrong behind checksums that hold: these are not compared.
    IndexBelieved,
    /// The log ends where zeros follow a frame, whatever is behind them and whatever stands beside the log.
    ZerosBelieved,
    /// Space is prepared from a place on where a frame stands.
    ZerosOverFrame,
    /// A segment's head says that the one before it ended a frame earlier.
    EndedEarly,
    /// A saved state is an older one under the newest place: what it is of is not compared.
    StaleState,
    /// Segments are never removed: what was written anew leaves the old file.
    SegmentsKept,
    /// A stage's file is never synced.
    StagesUnsynced,
}

#[derive(Debug)]
struct BrokenDisk {
    disk: FaultyDisk,
    wrong: DiskDefect,
    /// The first saved state of this process.
    first_state: Mutex<Option<Vec<u8>>>,
    /// Whether this process is about to judge the log, before it writes to it.
    judges: AtomicBool,
}

/// The simulated disk behind one that gets something wrong.
pub(crate) fn broken(disk: FaultyDisk, wrong: DiskDefect) -> Arc<dyn Disk> {
    Arc::new(BrokenDisk { disk, wrong, first_state: Mutex::default(), judges: AtomicBool::new(false) })
}

impl BrokenDisk {
    fn handle(&self, name: &str, mode: Mode) -> io::Result<BrokenFile> {
        let file = self.disk.open(name, mode)?;
        let is_new = name.strip_suffix(".tmp").is_some();
        let is_segment = name.starts_with("segments/") && mode == Mode::Write;
        let is_stage = name.starts_with("staged/");
        let served = match self.wrong {
            DiskDefect::IndexBelieved if name.starts_with("index/") && mode == Mode::Read => {
                forge_index(all_of(&*file)?)
            }
            DiskDefect::StaleState if name.starts_with("projections/") && mode == Mode::Read => self
                .first_state
                .lock()
                .expect("no thread panics while holding the lock")
                .as_ref()
                .map(|first| stale(first, &all_of(&*file).unwrap_or_default())),
            _ => None,
        };
        let head = self.wrong == DiskDefect::EndedEarly && is_new && name.starts_with("segments/");
        let disk = head.then(|| self.disk.clone());
        Ok(BrokenFile { file, wrong: self.wrong, is_new, is_segment, is_stage, served, disk })
    }
}

/// The head of a segment that says that the one before it ended a frame earlier than it did.
fn ended_early(disk: &FaultyDisk, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut head = SegmentHeader::read(bytes).ok().filter(|head| head.before_first != Position::START)?;
    let names = disk.list("segments").ok()?;
    let parse = |name: &String| SegmentName::parse(name.strip_suffix(".seg")?);
    let is_before = |name: &SegmentName| name.first == head.before_first;
    let before = names.iter().filter_map(parse).filter(is_before).max()?;
    let bytes = all_of(&*disk.open(&format!("segments/{before}.seg"), Mode::Read).ok()?).ok()?;
    let mut at = SEGMENT_HEADER_BYTES;
    while let Ok(frame) = FrameHeader::read(bytes.get(at..)?)
        && at + frame.frame_bytes() < head.before_length.0 as usize
    {
        at += frame.frame_bytes();
    }
    head.before_length = Offset(at as u64);
    Some(head.encode().to_vec())
}

impl BrokenDisk {
    /// Whether nothing is asked that stands beside the log, since zeros follow a frame of the newest segment.
    fn believes_zeros(&self) -> io::Result<bool> {
        if self.wrong != DiskDefect::ZerosBelieved || !self.judges.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let names = match self.disk.list("segments") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        let parse = |name: &String| SegmentName::parse(name.strip_suffix(".seg")?);
        let newest = names.into_iter().filter(|name| parse(name).is_some()).max_by_key(parse);
        let Some(newest) = newest else { return Ok(false) };
        let bytes = all_of(&*self.disk.open(&format!("segments/{newest}"), Mode::Read)?)?;
        Ok(zeros_from(&bytes) < bytes.len())
    }
}

/// Where zeros follow a frame of a segment, or its length.
fn zeros_from(bytes: &[u8]) -> usize {
    let mut at = SEGMENT_HEADER_BYTES.min(bytes.len());
    while let Ok(head) = FrameHeader::read(&bytes[at..])
        && head.frame_bytes() <= bytes.len() - at
    {
        at += head.frame_bytes();
    }
    if bytes.get(at) == Some(&0) { at } else { bytes.len() }
}

/// The whole of a file.
fn all_of(file: &dyn File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.length()? as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(bytes)
}

/// An index file with a wrong bit in its lists, and checksums that hold, by the page on its format.
fn forge_index(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    const LISTS: usize = 160 + 3 * 16;
    let number =
        |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    if bytes.len() < 320 {
        return None;
    }
    let (start, length) = (number(&bytes, LISTS) as usize, number(&bytes, LISTS + 8) as usize);
    if length == 0 || start + length > bytes.len() {
        return None;
    }
    bytes[start + length / 2] ^= 1;
    let section = crc(0, &bytes[start..start + length]);
    bytes[LISTS + 12..LISTS + 16].copy_from_slice(&section.to_le_bytes());
    let head = crc(crc(0, &bytes[..12]), &bytes[16..320]);
    bytes[12..16].copy_from_slice(&head.to_le_bytes());
    Some(bytes)
}

/// The body of one saved state under the head of another.
fn stale(first: &[u8], newest: &[u8]) -> Vec<u8> {
    // Where the query is that stands before the body, and how long it is.
    const QUERY: usize = 84;
    let body = |bytes: &[u8]| {
        let length = bytes.get(QUERY - 4..QUERY).and_then(|length| length.try_into().ok());
        QUERY + length.map_or(0, u32::from_le_bytes) as usize
    };
    let mut bytes = newest.get(..body(newest)).unwrap_or(newest).to_vec();
    bytes.extend_from_slice(first.get(body(first)..).unwrap_or_default());
    if bytes.len() > 8 {
        let sum = crc(0, &bytes[8..]);
        bytes[4..8].copy_from_slice(&sum.to_le_bytes());
    }
    bytes
}

impl Disk for BrokenDisk {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        if self.wrong == DiskDefect::NoWatermark && name == "WATERMARK" && mode == Mode::Read {
            return Err(Errno::NOENT.into());
        }
        if name == "WATERMARK" && mode == Mode::Read && self.believes_zeros()? {
            return Err(Errno::NOENT.into());
        }
        if name.starts_with("segments/") && mode == Mode::Write {
            self.judges.store(false, Ordering::Relaxed);
        }
        Ok(Arc::new(self.handle(name, mode)?))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        if folder == "cursors" && self.believes_zeros()? {
            return Ok(Vec::new());
        }
        self.disk.list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.disk.create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if self.wrong == DiskDefect::PlacesForgotten && to.starts_with("cursors/") {
            return self.disk.remove(from);
        }
        if self.wrong == DiskDefect::StaleState && to.starts_with("projections/") {
            let mut first = self.first_state.lock().expect("no thread panics while holding the lock");
            if first.is_none() {
                *first = Some(all_of(&*self.disk.open(from, Mode::Read)?)?);
            }
        }
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if self.wrong == DiskDefect::SegmentsKept && name.strip_suffix(".seg").is_some() {
            return Ok(());
        }
        self.disk.remove(name)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        if self.wrong == DiskDefect::NoFolderSync { Ok(()) } else { self.disk.sync_folder(folder) }
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        self.judges.store(true, Ordering::Relaxed);
        self.disk.lock(name)
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

#[derive(Debug)]
struct BrokenFile {
    file: Arc<dyn File>,
    wrong: DiskDefect,
    is_new: bool,
    is_segment: bool,
    is_stage: bool,
    /// What is read in place of the file.
    served: Option<Vec<u8>>,
    /// The disk, if this is to be a segment.
    disk: Option<FaultyDisk>,
}

impl File for BrokenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if let Some(bytes) = &self.served {
            let rest = bytes.get(offset as usize..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            return Ok(count);
        }
        if self.wrong == DiskDefect::ZerosBelieved && self.is_segment {
            let count = self.file.read_at(buffer, offset)?;
            let zeros = zeros_from(&all_of(&*self.file)?) as u64;
            buffer[..count]
                .iter_mut()
                .zip(offset..)
                .filter(|(_, at)| *at >= zeros)
                .for_each(|(byte, _)| *byte = 0);
            return Ok(count);
        }
        match self.file.read_at(buffer, offset) {
            Err(error)
                if self.wrong == DiskDefect::SwallowedReadError && Errno::from_io_error(&error).is_some() =>
            {
                buffer.fill(0);
                Ok(buffer.len())
            }
            other => other,
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        // Over the last frame's end, and not over its zeros alone.
        const BACK: u64 = 40;
        let prepares = !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0);
        if self.wrong == DiskDefect::ZerosOverFrame && prepares {
            return self.file.write_all_at(bytes, offset - BACK);
        }
        let early = self.disk.as_ref().filter(|_| offset == 0).and_then(|disk| ended_early(disk, bytes));
        self.file.write_all_at(early.as_deref().unwrap_or(bytes), offset)
    }

    fn sync(&self) -> io::Result<()> {
        match self.wrong {
            // A process that ended is told so still.
            DiskDefect::NoSync => self.file.length().map(drop),
            DiskDefect::StagesUnsynced if self.is_stage => self.file.length().map(drop),
            DiskDefect::NoSyncBeforeRename if self.is_new => self.file.length().map(drop),
            DiskDefect::SwallowedError => match self.file.sync() {
                Err(error) if Errno::from_io_error(&error).is_some() => Ok(()),
                other => other,
            },
            _ => self.file.sync(),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if self.wrong == DiskDefect::NoCut { Ok(()) } else { self.file.set_len(length) }
    }

    fn length(&self) -> io::Result<u64> {
        let length = self.file.length()?;
        if let Some(bytes) = &self.served {
            return Ok(bytes.len() as u64);
        }
        let cut = self.wrong == DiskDefect::CutTooMuch && self.is_segment;
        Ok(if cut { length.saturating_sub(1).max(length.min(80)) } else { length })
    }

    fn identity(&self) -> io::Result<Identity> {
        self.file.identity()
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        match &self.served {
            Some(bytes) => Ok(Block::from(bytes.clone())),
            None => self.file.map(length),
        }
    }
}
