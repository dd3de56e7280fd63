//! The watermark file: how far the log is durable, told to readers and to the next opening.
//!
//! Invariants:
//!
//! K1. A watermark is written only for what has been synced, so it is never too high; it may be too low.
//! K2. The slot that is written is never the one that was written last.

use std::sync::Arc;

use tidegate_disk::{Disk, File, Mode};
use tidegate_format::watermark::{WATERMARK_BYTES, WATERMARK_SLOTS};
use tidegate_format::{Error, Result, Watermark};
use tidegate_segment::{read_error, write_error};

/// Its name within the store.
pub(crate) const WATERMARK: &str = "WATERMARK";

/// The watermark file, open.
#[derive(Debug)]
pub(crate) struct WatermarkFile {
    file: Arc<dyn File>,
    sequence: u64,
}

impl WatermarkFile {
    /// Opens it for writing, and creates it if it is missing. `found` is what it says.
    pub(crate) fn open(disk: &dyn Disk, found: Option<Watermark>) -> Result<Self> {
        let file = match disk.open(WATERMARK, Mode::Write) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                let file = disk.open(WATERMARK, Mode::CreateNew).map_err(unwritten)?;
                disk.sync_folder("").map_err(unwritten)?;
                file
            }
            other => other.map_err(unwritten)?,
        };
        Ok(Self { file, sequence: found.map_or(0, |mark| mark.sequence) })
    }

    /// Reads it without touching it, or `None` if it is missing or says nothing.
    pub(crate) fn read(disk: &dyn Disk, salt: u64) -> Result<Option<Watermark>> {
        match disk.open(WATERMARK, Mode::Read) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => read_file(&*other.map_err(unread)?, salt),
        }
    }

    /// Whether anything was ever written to it, by any store. Created and not yet written it is empty, or zeros.
    pub(crate) fn is_written(disk: &dyn Disk) -> Result<bool> {
        let file = match disk.open(WATERMARK, Mode::Read) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(unread)?,
        };
        let mut bytes = [0; WATERMARK_SLOTS[1] as usize + WATERMARK_BYTES];
        file.read_full_at(&mut bytes, 0).map_err(unread)?;
        Ok(bytes.iter().any(|byte| *byte != 0))
    }

    /// Writes what is durable now; `sequence` is set here.
    pub(crate) fn write(&mut self, mut mark: Watermark) -> Result<()> {
        mark.sequence = self.sequence + 1;
        self.file.write_all_at(&mark.encode(), mark.slot()).map_err(unwritten)?;
        self.sequence = mark.sequence;
        Ok(())
    }

    /// Makes it durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync().map_err(unwritten)
    }
}

/// Reads the newer slot of an open watermark file.
pub(crate) fn read_file(file: &dyn File, salt: u64) -> Result<Option<Watermark>> {
    let mut bytes = [0; WATERMARK_SLOTS[1] as usize + WATERMARK_BYTES];
    for at in WATERMARK_SLOTS {
        let slot = &mut bytes[at as usize..at as usize + WATERMARK_BYTES];
        file.read_full_at(slot, at).map_err(unread)?;
    }
    Ok(Watermark::read(&bytes, salt))
}

fn unread(cause: std::io::Error) -> Error {
    read_error("the watermark cannot be read", WATERMARK, cause)
}

fn unwritten(cause: std::io::Error) -> Error {
    write_error("the watermark cannot be kept", WATERMARK, cause)
}
