//! Room: which errors say that something has run out, what the process has open through the native disk, and how much of
//! that a process may have.
//!
//! Descriptors and maps belong to the process, not to one store: several stores, and the program around them, share
//! them. The counts here are of real files only; the disks in memory need neither.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::os::{self, Errno};

/// Returns whether a call that writes failed for want of room: on the medium, in a quota, under a limit of the file's size, in
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

/// Returns whether the process or the machine has no file descriptor left. To close a file helps.
pub fn lacks_descriptors(cause: &io::Error) -> bool {
    matches!(Errno::from_io_error(cause), Some(Errno::MFILE | Errno::NFILE))
}

/// Maps of all stores of the process beyond which each of them keeps few. Linux lets a process have 65,530 maps
/// (`vm.max_map_count`), and one that reaches this cannot even allocate memory any more.
pub const MAPS_SHARED: usize = 32_768;
/// Maps beyond which none is made: files are read instead. The rest of the 65,530 is the program's.
pub(crate) const MAPS_MAX: usize = 49_152;

static MAPS: AtomicUsize = AtomicUsize::new(0);
static FILES: AtomicUsize = AtomicUsize::new(0);

/// Returns how many files are mapped now, by all stores of the process.
pub fn maps() -> usize {
    MAPS.load(Ordering::Relaxed)
}

/// Returns how many files are open now, by all stores of the process.
pub fn files() -> usize {
    FILES.load(Ordering::Relaxed)
}

/// Returns how many descriptors the process may have (`RLIMIT_NOFILE`), or handles on Windows.
pub fn files_max() -> usize {
    os::files_max()
}

/// One of those counted, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted(&'static AtomicUsize);

impl Counted {
    pub(crate) fn map() -> Self {
        Self::of(&MAPS)
    }

    pub(crate) fn file() -> Self {
        Self::of(&FILES)
    }

    fn of(count: &'static AtomicUsize) -> Self {
        // The count guides eviction and orders nothing else.
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
