//! What goes wrong in the life of one process, and when.

use std::fmt;
use std::io;

use crate::os::Errno;

/// The kinds of calls that are counted and can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Opening a file that exists.
    Open,
    /// Reading or mapping a part of a file.
    Read,
    /// Listing a folder.
    List,
    /// Creating a file.
    Create,
    /// Writing a part of a file.
    Write,
    /// Syncing a file.
    Sync,
    /// Cutting or growing a file.
    SetLength,
    /// Creating folders.
    CreateFolder,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Syncing a folder.
    SyncFolder,
    /// Taking a lock.
    Lock,
}

impl Call {
    /// Every kind of call.
    pub const ALL: [Self; 12] = [
        Self::Open,
        Self::Read,
        Self::List,
        Self::Create,
        Self::Write,
        Self::Sync,
        Self::SetLength,
        Self::CreateFolder,
        Self::Rename,
        Self::Remove,
        Self::SyncFolder,
        Self::Lock,
    ];

    /// Returns whether such a call may change the disk.
    pub const fn changes(self) -> bool {
        !matches!(self, Self::Open | Self::Read | Self::List)
    }
}

/// What goes wrong, by count of calls since the plan was set. The default is that nothing does.
///
/// ```
/// use tidegate_disk::{Call, Errno, FaultPlan};
///
/// let plan = FaultPlan::default().fail(Call::Sync, 3, Errno::IO).crash_at(40);
/// # let _ = plan;
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    crash_at: Option<u64>,
    faults: Vec<Fault>,
    short_reads: bool,
}

#[derive(Clone, Debug)]
struct Fault {
    call: Call,
    first: u64,
    last: u64,
    errno: Errno,
}

impl FaultPlan {
    /// Kills the process in the `nth` changing call, counted from 1: the call is done in part, not at all, or
    /// wholly without an answer, and every later call is an error.
    #[must_use]
    pub fn crash_at(mut self, nth: u64) -> Self {
        self.crash_at = Some(nth);
        self
    }

    /// Makes the `nth` call of a kind fail, counted from 1. A failed write may be done in part; a failed sync loses
    /// what it should have made durable, and the next one does not tell.
    #[must_use]
    pub fn fail(mut self, call: Call, nth: u64, errno: Errno) -> Self {
        self.faults.push(Fault { call, first: nth, last: nth, errno });
        self
    }

    /// Makes every call of a kind fail from the `nth` on, counted from 1.
    #[must_use]
    pub fn fail_from(mut self, call: Call, nth: u64, errno: Errno) -> Self {
        self.faults.push(Fault { call, first: nth, last: u64::MAX, errno });
        self
    }

    /// Reads return any number of the bytes asked for, but at least one.
    #[must_use]
    pub fn short_reads(mut self) -> Self {
        self.short_reads = true;
        self
    }
}

/// The error of every call in and after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crashed;

impl Crashed {
    /// Returns whether `error` comes from a crash and not from the disk.
    pub fn caused(error: &io::Error) -> bool {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).is_some()
    }
}

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated process has ended")
    }
}

impl std::error::Error for Crashed {}

impl From<Crashed> for io::Error {
    fn from(crashed: Crashed) -> Self {
        Self::other(crashed)
    }
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Go,
    Fail(Errno),
    Crash,
}

/// A plan, and how far it got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    plan: FaultPlan,
    counts: [u64; Call::ALL.len()],
    changes: u64,
}

impl Tally {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        Self { plan, ..Self::default() }
    }

    /// Counts one call and says what becomes of it.
    pub(crate) fn turn(&mut self, call: Call) -> Turn {
        let count = &mut self.counts[call as usize];
        *count += 1;
        let count = *count;
        if call.changes() {
            self.changes += 1;
            if self.plan.crash_at == Some(self.changes) {
                return Turn::Crash;
            }
        }
        let due = |fault: &&Fault| fault.call == call && (fault.first..=fault.last).contains(&count);
        self.plan.faults.iter().find(due).map_or(Turn::Go, |fault| Turn::Fail(fault.errno))
    }

    pub(crate) fn short_reads(&self) -> bool {
        self.plan.short_reads
    }

    pub(crate) fn count(&self, call: Call) -> u64 {
        self.counts[call as usize]
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn reads(&self) -> u64 {
        self.counts.iter().sum::<u64>() - self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_when_planned() {
        let plan = FaultPlan::default()
            .fail(Call::Read, 2, Errno::IO)
            .fail_from(Call::Sync, 2, Errno::NOSPC)
            .crash_at(4);
        let mut tally = Tally::new(plan);
        let reads = [(); 3].map(|()| tally.turn(Call::Read));
        assert_eq!(reads, [Turn::Go, Turn::Fail(Errno::IO), Turn::Go]);
        let syncs = [(); 5].map(|()| tally.turn(Call::Sync));
        let failed = Turn::Fail(Errno::NOSPC);
        assert_eq!(syncs, [Turn::Go, failed, failed, Turn::Crash, failed]);
        assert_eq!((tally.reads(), tally.changes(), tally.count(Call::Sync)), (3, 5, 5));
    }

    #[test]
    fn kinds_stand_at_their_own_index() {
        assert!(Call::ALL.iter().enumerate().all(|(index, call)| *call as usize == index));
    }

    #[test]
    fn a_crash_is_told_from_a_disk_error() {
        assert!(Crashed::caused(&Crashed.into()));
        assert!(!Crashed::caused(&Errno::IO.into()));
        assert!(!Crashed::caused(&io::Error::other("else")));
    }
}
