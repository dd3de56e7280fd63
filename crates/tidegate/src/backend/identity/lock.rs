//! The lock: one writer at a time.

use std::sync::{Arc, Weak};

use tidegate_disk::{Disk, FileLock, Mode, NotPlain, process_id};
use tidegate_format::{Error, ErrorKind, Result};
use tidegate_segment::{read_error, write_error};

pub(crate) const LOCK: &str = "LOCK";

/// Returns whether the lock was ever taken here.
pub(crate) fn has_lock(disk: &dyn Disk) -> bool {
    disk.open(LOCK, Mode::Read).is_ok()
}

/// Refuses something else in the place of the lock's file, for which no writer can open the store.
pub(crate) fn check_lock_file(disk: &dyn Disk) -> Result<()> {
    match disk.open(LOCK, Mode::Read) {
        Err(cause) if NotPlain::in_error(&cause).is_some() => {
            Err(read_error("the lock cannot be taken", LOCK, cause))
        }
        // Who only reads needs no lock, and may not be allowed to open it.
        _ => Ok(()),
    }
}

/// Takes the writer's lock.
pub(crate) fn lock(disk: &dyn Disk) -> Result<Arc<dyn FileLock>> {
    disk.lock(LOCK).map(Arc::from).map_err(|cause| {
        if cause.kind() == std::io::ErrorKind::WouldBlock {
            let message = held_by(&disk.lock_holders(LOCK), process_id());
            return Error::new(ErrorKind::Locked, message).in_file(LOCK, None);
        }
        write_error("the lock cannot be taken", LOCK, cause)
    })
}

/// Says who has the lock. A process forked from the writer has it too, until it ends, and may outlive the writer.
fn held_by(holders: &[u32], own: u32) -> String {
    let who = match holders {
        [] => "another handle writes to this store, and the system does not say in which process; close it"
            .to_owned(),
        [process] if *process == own => {
            "this process has the store's lock already, by a handle that is open or from the \
                                         writer it was forked from; close it"
                .to_owned()
        }
        [process] => format!(
            "process {process} has the store's lock, as its writer or forked from it; close the store there, or end it"
        ),
        several => {
            let several: Vec<_> = several.iter().map(ToString::to_string).collect();
            let several = several.join(", ");
            format!(
                "the processes {several} have the store's lock, a writer and what was forked from it; end them"
            )
        }
    };
    format!("{who}, or open for reading only")
}

/// Refuses to go on if the lock keeps no other process out any more, or was let go.
pub(crate) fn check_lock(lock: &Weak<dyn FileLock>) -> Result<()> {
    if lock.upgrade().is_some_and(|lock| lock.is_held()) {
        return Ok(());
    }
    let message = "the lock is lost: its file or the store's directory was deleted or replaced, and another may write \
                   by now; open the store again";
    Err(Error::new(ErrorKind::Ended, message).in_file(LOCK, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holders_of_a_lock_are_named() {
        for (holders, said) in [
            (&[][..], "the system does not say"),
            (&[7], "this process"),
            (&[8], "process 8"),
            (&[7, 8], "the processes 7, 8"),
        ] {
            let message = held_by(holders, 7);
            assert!(message.contains(said) && message.ends_with("or open for reading only"), "{message}");
        }
    }
}
