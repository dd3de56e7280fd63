//! Canaries: stores that break a promise on purpose. Each must be caught within the number of seeds that stands
//! beside it; checks that let one of them pass are worth nothing.
//!
//! Some are made by a [disk](super::broken_disk) that gets something wrong, some by callers that drive a sound
//! store as a broken one would behave. A lost wake-up is a matter of threads, and is caught by the model checker
//! of `tidegate`.

use tidegate_sim::{Defect, Soak, Sweep, Wrap, soak, sweep};

use super::broken_disk::{DiskDefect, broken};

/// What is broken, how, and within how many seeds that is caught.
const CANARIES: [(&str, How, u64); 28] = [
    ("acknowledging before the sync", How::Disk(|disk| broken(disk, DiskDefect::NoSync)), 10),
    ("leaving out the sync of a folder", How::Disk(|disk| broken(disk, DiskDefect::NoFolderSync)), 20),
    ("ignoring the error of a sync", How::Disk(|disk| broken(disk, DiskDefect::SwallowedError)), 100),
    ("leaving the rest of a failed write", How::Disk(|disk| broken(disk, DiskDefect::NoCut)), 1000),
    ("cutting too much", How::Disk(|disk| broken(disk, DiskDefect::CutTooMuch)), 10),
    ("renaming before the sync", How::Disk(|disk| broken(disk, DiskDefect::NoSyncBeforeRename)), 40),
    ("forgetting places of readers", How::Disk(|disk| broken(disk, DiskDefect::PlacesForgotten)), 20),
    ("ignoring the error of a read", How::Disk(|disk| broken(disk, DiskDefect::SwallowedReadError)), 200),
    ("not looking at the watermark", How::Disk(|disk| broken(disk, DiskDefect::NoWatermark)), 100),
    (
        "believing an index without its checksum",
        How::Disk(|disk| broken(disk, DiskDefect::IndexBelieved)),
        40,
    ),
    ("believing a stale saved state", How::Disk(|disk| broken(disk, DiskDefect::StaleState)), 1000),
    ("believing zeros", How::Disk(|disk| broken(disk, DiskDefect::ZerosBelieved)), 200),
    ("preparing space over a frame", How::Disk(|disk| broken(disk, DiskDefect::ZerosOverFrame)), 20),
    ("ending a segment a frame early", How::Disk(|disk| broken(disk, DiskDefect::EndedEarly)), 20),
    ("not checking a condition at the commit", How::Caller(Defect::ConditionsIgnored), 40),
    ("ignoring a key", How::Caller(Defect::KeysIgnored), 300),
    ("not holding what a decision read", How::Caller(Defect::FootprintsIgnored), 100),
    ("not asking a gate", How::Caller(Defect::GatesIgnored), 100),
    ("indexing an event after it is visible", How::Caller(Defect::IndexBehind), 20),
    ("losing an event of a subscription", How::Caller(Defect::EventsSkipped), 20),
    ("keeping progress before the reaction", How::Caller(Defect::ProgressBeforeReaction), 200),
    ("reacting without a key", How::Caller(Defect::ReactionsWithoutKey), 200),
    ("telling progress as kept that is not", How::Caller(Defect::ProgressNotKept), 1000),
    ("keeping what was erased", How::UpkeepDisk(|disk| broken(disk, DiskDefect::SegmentsKept)), 40),
    ("staging before the sync", How::UpkeepDisk(|disk| broken(disk, DiskDefect::StagesUnsynced)), 100),
    ("committing a stage without its key", How::Keeper(Defect::StageWithoutKey), 40),
    ("not bringing a backup up to date", How::Keeper(Defect::BackupNotUpdated), 40),
    ("restoring what was erased since", How::Keeper(Defect::ErasuresForgotten), 100),
];

/// How a store is made to look broken.
#[derive(Clone, Copy, Debug)]
enum How {
    /// By a disk in between.
    Disk(Wrap),
    /// By a caller that leaves something out.
    Caller(Defect),
    /// The same, in histories with upkeep.
    UpkeepDisk(Wrap),
    Keeper(Defect),
}

impl How {
    fn settings(self, seed: u64) -> Soak {
        match self {
            Self::Disk(wrap) => Soak { wrap, ..Soak::of(seed) },
            Self::Caller(defect) => Soak { defect, ..Soak::of(seed) },
            Self::UpkeepDisk(wrap) => Soak { wrap, ..Soak::upkeep(seed) },
            Self::Keeper(defect) => Soak { defect, ..Soak::upkeep(seed) },
        }
    }

    /// How many seeds it takes.
    fn caught_after(self, most: u64) -> Option<u64> {
        (1..=most).find(|seed| soak(&self.settings(*seed)).is_err())
    }
}

#[test]
fn each_within_its_number_of_seeds() {
    let missed: Vec<_> = CANARIES
        .iter()
        .filter(|(what, how, most)| {
            let after = how.caught_after(*most);
            println!("{what}: {after:?} of {most}");
            after.is_none()
        })
        .map(|(what, _, most)| format!("{what} is not caught within {most} seeds"))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// A crash at every call finds those that need one.
#[test]
fn by_a_crash_at_every_call() {
    for wrong in [
        (|disk| broken(disk, DiskDefect::NoSync)) as Wrap,
        |disk| broken(disk, DiskDefect::NoFolderSync),
        |disk| broken(disk, DiskDefect::NoSyncBeforeRename),
    ] {
        let settings = |seed| Sweep { acts: 10, repair_every: 1000, wrap: wrong, ..Sweep::of(seed) };
        assert!((0..20).any(|seed| sweep(&settings(seed)).is_err()));
    }
}

#[test]
fn and_a_store_that_keeps_its_promises_is_not_caught() {
    let sweeps =
        (0..2).map(|seed| sweep(&Sweep { acts: 10, repair_every: 1000, ..Sweep::of(seed) }).map(|_| ()));
    let soaks =
        (0..100).map(|seed| soak(&Soak::of(seed)).and_then(|_| soak(&Soak::upkeep(seed))).map(|_| ()));
    let failures: Vec<_> = sweeps.chain(soaks).filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{failures:?}");
}
