//! Which errors say that something has run out, so that the same call succeeds once there is room again.

use std::io;

use rustix::io::Errno;

/// Whether a call that writes failed for want of room: on the medium, in a quota, under a limit of the file's size, in
/// the tables of descriptors, in memory, or in a device that says "try again". Nothing is broken then, and the call may
/// be made again once there is room. Every other error of writing leaves the outcome unknown.
///
/// ```
/// use std::io;
/// use tidegate_disk::{Errno, room::lacks_room};
///
/// let lacks = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
/// assert!(lacks.into_iter().map(io::Error::from).all(|cause| lacks_room(&cause)));
/// assert!(!lacks_room(&Errno::IO.into()) && !lacks_room(&Errno::ROFS.into()));
/// ```
pub fn lacks_room(cause: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    lacks_descriptors(cause)
        || matches!(
            cause.kind(),
            Kind::StorageFull
                | Kind::QuotaExceeded
                | Kind::FileTooLarge
                | Kind::WouldBlock
                | Kind::OutOfMemory
        )
}

/// Whether the process or the machine has no file descriptor left. To close a file helps.
pub fn lacks_descriptors(cause: &io::Error) -> bool {
    matches!(Errno::from_io_error(cause), Some(Errno::MFILE | Errno::NFILE))
}
