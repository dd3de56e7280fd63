//! The erasing file: how far what events say is erased was carried out. See the format's page.

use tidegate_disk::{Disk, Mode, replace};
use tidegate_format::limit::ERASING_FILE_BYTES_MAX;
use tidegate_format::{ErasingFile, Error, Position, Result, StoreId};
use tidegate_segment::write_error;

use super::io;

/// The file that says how far erasures were carried out.
pub(crate) const ERASING: &str = "ERASING";

/// Returns how far erasures were carried out in a store, or `None` if none was ever begun.
///
/// # Errors
///
/// [`Damaged`](crate::ErrorKind::Damaged) for a file that does not hold or is of another store, and those of reading.
pub(crate) fn read(disk: &dyn Disk, store: StoreId) -> Result<Option<ErasingFile>> {
    let at = |cause| io("the erasing file cannot be read", ERASING, cause);
    let file = match disk.open(ERASING, Mode::Read) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(at(cause)),
    };
    let mut bytes = vec![0; ERASING_FILE_BYTES_MAX + 1];
    let filled = file.read_full_at(&mut bytes, 0).map_err(at)?;
    let found = ErasingFile::read(&bytes[..filled]).map_err(|error| error.in_file(ERASING, None))?;
    if found.store != store {
        let error = Error::damaged("the erasing file is of another store", store, found.store);
        return Err(error.in_file(ERASING, None));
    }
    Ok(Some(found))
}

/// Returns the same, and for a file that cannot be used that everything may have to be carried out once more: that does no
/// harm.
pub(crate) fn read_or_all(disk: &dyn Disk, store: StoreId) -> Result<Option<ErasingFile>> {
    read(disk, store).or_else(|error| {
        if error.kind() != tidegate_format::ErrorKind::Damaged {
            return Err(error);
        }
        tracing::warn!(%error, "all erasures are looked at once more");
        Ok(Some(ErasingFile { store, done: Position::START, open: true }))
    })
}

/// Puts the file in place, durable with its name.
pub(crate) fn keep(disk: &dyn Disk, file: &ErasingFile) -> Result<()> {
    let kept = replace::replace(disk, ERASING, file.encode().as_bytes());
    kept.map_err(|cause| write_error("the erasing file cannot be written", ERASING, cause))
}
