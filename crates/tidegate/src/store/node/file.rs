//! The node file: where a node goes on. See the format's page.

use tidegate_disk::{Disk, Mode, replace};
use tidegate_format::limit::NODE_FILE_BYTES_MAX;
use tidegate_format::store::NodeFile;
use tidegate_format::{Error, Result, StoreId};
use tidegate_segment::write_error;

use crate::backend::{NODE, io};

/// Returns what the file says, or `None` without one.
///
/// # Errors
///
/// [`Damaged`](crate::ErrorKind::Damaged) for a file that does not hold or is of another store, and those of reading.
pub(super) fn read(disk: &dyn Disk, store: StoreId) -> Result<Option<NodeFile>> {
    let at = |cause| io("the node file cannot be read", NODE, cause);
    let file = match disk.open(NODE, Mode::Read) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(at(cause)),
    };
    let length = file.length().map_err(at)?.min(NODE_FILE_BYTES_MAX as u64 + 1);
    let mut bytes = vec![0; length as usize];
    let filled = file.read_full_at(&mut bytes, 0).map_err(at)?;
    let found = NodeFile::read(&bytes[..filled]).map_err(|error| error.in_file(NODE, None))?;
    if found.store != store {
        let error = Error::damaged("the node file is of another store", store, found.store);
        return Err(error.in_file(NODE, None));
    }
    Ok(Some(found))
}

/// Puts the file in place, durable with its name.
pub(super) fn keep(disk: &dyn Disk, file: &NodeFile) -> Result<()> {
    let kept = replace::replace(disk, NODE, file.encode().as_bytes());
    kept.map_err(|cause| write_error("the node file cannot be written", NODE, cause))
}
