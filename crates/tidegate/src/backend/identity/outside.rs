//! Files with secrets, which lie outside of every store.

use std::path::Path;
use std::sync::Arc;

use tidegate_disk::{Disk, Env, FileLock, Mode, NativeDisk, Permissions};
use tidegate_format::{Error, ErrorKind, Result};
use tidegate_segment::write_error;

use super::{STORE, io};

/// Returns the environment of a path's directory, whose files only their owner can read, and the name in it. Refuses a
/// path in a store's directory: `why` says why `what` cannot lie there.
pub(crate) fn outside(path: &Path, what: &str, why: &str) -> Result<(Env, String)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let wrong = || Error::invalid(format!("{} cannot be the path of {what}", path.display()));
    let name = name.ok_or_else(wrong)?.to_owned();
    let folder = path.parent().unwrap_or(Path::new(""));
    let disk = NativeDisk::new(folder).with_permissions(Permissions::Owner);
    let resolved = disk.resolved().map_err(|cause| io("its directory is not known", &name, cause))?;
    for folder in resolved.ancestors() {
        refuse_store(&NativeDisk::new(folder), "", what, why)?;
    }
    Ok((Env { disk: Arc::new(disk), ..Env::native(folder) }, name))
}

/// Refuses a folder that is a store's directory.
pub(crate) fn refuse_store(disk: &dyn Disk, folder: &str, what: &str, why: &str) -> Result<()> {
    let store = if folder.is_empty() { STORE.to_owned() } else { format!("{folder}/{STORE}") };
    if disk.open(&store, Mode::Read).is_err() {
        return Ok(());
    }
    let message = format!("{what} cannot lie in a store's directory, since {why}");
    Err(Error::invalid(message).in_directory(&disk.place()).advise("choose a path outside of it"))
}

/// Takes the lock of such a file; `busy` says what to do if another process has it.
pub(crate) fn lock_outside(disk: &dyn Disk, name: &str, busy: &str) -> Result<Box<dyn FileLock>> {
    let lock = disk.lock(name).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::WouldBlock => Error::new(ErrorKind::Locked, busy).in_file(name, None),
        _ => write_error("it cannot be locked", name, cause),
    })?;
    check_held(&*lock, name)?;
    Ok(lock)
}

/// Refuses to go on under a lock that keeps no process out any more.
pub(crate) fn check_held(lock: &dyn FileLock, name: &str) -> Result<()> {
    if lock.is_held() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Locked, "another process has replaced the lock; try again").in_file(name, None))
}
