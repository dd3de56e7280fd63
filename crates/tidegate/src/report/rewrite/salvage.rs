//! Salvage: a new store of everything that is whole of another one.
//!
//! Invariants:
//!
//! G1. The old store is not written to.
//! G2. Every event of a whole frame is in the new store, in the old order, and says what it said.
//! G3. Until the new store is complete its directory is not a store, says so, and is locked.

use std::path::Path;
use std::sync::Arc;

use tidegate_disk::replace::remove_if_there;
use tidegate_disk::{Disk, Env, FileLock, Mode};
use tidegate_format::name::visible;
use tidegate_format::{Error, ErrorKind, Frame, Micros, Position, Result, StoreFile, StoreId};
use tidegate_segment::{SEGMENTS, write_error};

use super::rebuilt_log::{MovedRun, RebuiltLog};
use crate::backend::{Floor, LOCK, STORE, UNFINISHED, io, lock};
use crate::read::VerifyReport;
use crate::report::fault::{Fault, LostRange, Remark};
use crate::report::inspect::LeftCursor;
use crate::report::inspect::{self, FrameVisitor, LogScan, left_cursors, scan_log};
use crate::report::verdict::StoreVerdict;
use crate::settings::StoreOptions;

/// Report of a salvage: what was saved, and what is lost.
#[derive(Debug)]
#[must_use = "it says what was lost"]
pub struct SalvageReport {
    /// The old store.
    pub from: StoreId,
    /// The new one: the same id if no event changed its position, otherwise a new one.
    pub store: StoreId,
    /// What is in the new store.
    pub saved: VerifyReport,
    /// The old and new positions of the saved events, as runs in order.
    pub runs: Vec<MovedRun>,
    /// Ranges of positions of the old log with no intact event.
    pub lost: Vec<LostRange>,
    /// The cursors of the old store, in the order of their names. None is taken over: each begins anew.
    pub cursors: Vec<LeftCursor>,
    /// What is damaged in the old store.
    pub faults: Vec<Fault>,
    /// Findings in the old store that cost nothing.
    pub remarks: Vec<Remark>,
}

impl SalvageReport {
    /// Returns the state of the old store: the verdict that the [doctor](crate::report::examine) gives too, except that
    /// salvage does not look at index files.
    pub fn verdict(&self) -> StoreVerdict {
        StoreVerdict::of_findings(&self.faults, &self.remarks)
    }
}

/// Writes everything that is whole of the log of `from` into an empty directory `to`, as a new store. The frame, the
/// events of one write, is the unit: one that is not whole is lost as a whole.
///
/// Up to the first lost event nothing changes: positions, versions, times and leaves are the old ones. If nothing
/// is lost but an end, the store keeps its id, and is as an older copy of itself. If whole events follow a loss,
/// the store gets a new id, and those events new positions and versions, without gaps. They keep their ids, times,
/// correlations, keys and contents, and their causes as far as those are saved; a lost one becomes a foreign cause in
/// the old store. Cursors and saved states are not taken over; [`SalvageReport::cursors`] names the cursors.
///
/// ```
/// use tidegate::{Draft, Store, report};
///
/// # let folder = tempfile::tempdir()?;
/// # let (old, new) = (folder.path().join("shop"), folder.path().join("salvaged"));
/// let store = Store::open(&old)?;
/// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
/// store.close()?;
/// let salvaged = report::salvage(&old, &new, |_| ())?;
/// assert_eq!((salvaged.saved.events, salvaged.store), (1, store.id()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Missing`](ErrorKind::Missing) if there is no store, [`Invalid`](ErrorKind::Invalid) if `to` is not empty,
/// [`Damaged`](ErrorKind::Damaged) if nothing says which store the files are of, and those of the disk.
pub fn salvage(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    progress: impl FnMut(VerifyReport),
) -> Result<SalvageReport> {
    salvage_in(&Env::native(from.as_ref()), &Env::native(to.as_ref()), progress)
}

/// Salvages as [`salvage`] does, between environments: disks that the caller brings.
///
/// # Errors
///
/// Those of [`salvage`].
pub fn salvage_in(from: &Env, to: &Env, mut progress: impl FnMut(VerifyReport)) -> Result<SalvageReport> {
    refuse_filled(&*to.disk)?;
    let (found, _) = inspect::inspect(&*from.disk, &[], None, &mut progress)?;
    let (Some(id), Some(_)) = (found.store, found.salt) else {
        let message =
            "neither the store file nor any segment says which store this is, and so nothing can be checked";
        return Err(Error::damaged(message, "one of them", "none"));
    };
    let store = new_identity(&found, id, to)?;
    let cursors = left_cursors(&*from.disk, id)?;
    let lock = take(&*to.disk)?;
    to.disk.create_folder(SEGMENTS).map_err(|cause| write_error("it cannot be created", SEGMENTS, cause))?;
    let mut taker = SalvageVisitor(RebuiltLog::begin(to, store.clone(), id)?);
    let again = scan_log(&*from.disk, &mut taker, &mut progress)?;
    if (again.head, &again.lost) != (found.head, &found.lost) {
        let message = "the store changed while it was salvaged; stop the program that writes to it, and salvage it again";
        return Err(Error::new(ErrorKind::Refused, message));
    }
    let runs = taker.0.end()?;
    // From here on it is a store, which any caller may open.
    drop(lock);
    let saved = check(to, found.verified.events)?;
    unmark(&*to.disk)?;
    let LogScan { lost, faults, remarks, .. } = found;
    Ok(SalvageReport { from: id, store: store.id, saved, runs, lost, cursors, faults, remarks })
}

/// Returns the same store if every event keeps its position, and another one if not. A node becomes another one too:
/// its id stands for what its shared log decided.
fn new_identity(found: &LogScan, id: StoreId, to: &Env) -> Result<StoreFile> {
    let mut random = [0; 26];
    to.random.fill(&mut random).map_err(|cause| io("the new store gets no id", STORE, cause))?;
    let (entropy, rest) = random.split_first_chunk::<10>().expect("it is longer");
    let (salt, seed) = rest.split_first_chunk::<8>().expect("eight and eight are left");
    let seed = seed.first_chunk::<8>().expect("eight are left");
    let (salt, seed) = (u64::from_le_bytes(*salt), u64::from_le_bytes(*seed));
    let file = |id, created, forks| StoreFile { id, salt, seed, created, forks, log: None };
    let keeps_positions =
        found.floor == Floor::default() && found.lost.iter().all(|lost| lost.first > found.head);
    if keeps_positions && !found.is_node {
        return Ok(file(id, found.created, found.forks.clone()));
    }
    let now = to.clock.now_micros();
    Ok(file(StoreId::from_time(now, entropy), Micros(now), Vec::new()))
}

/// Reads the new store once more, as any caller will.
fn check(to: &Env, events: u64) -> Result<VerifyReport> {
    let options = StoreOptions::new().create(false).thread(false).expected_head(Position(events));
    let store = options.open_in(to.clone())?;
    store.upkeep().step()?;
    let verified = store.verify(|_| ())?;
    store.close()?;
    if verified.events >= events {
        return Ok(verified);
    }
    Err(Error::damaged("the new store does not hold what was saved", events, verified.events))
}

/// Refuses a directory that holds more than the lock file of a writer that was refused there.
fn refuse_filled(disk: &dyn Disk) -> Result<()> {
    let names = inspect::list(disk, "")?.into_iter().filter(|name| name != LOCK);
    let Some(name) = names.chain(inspect::folders(disk, "")?).next() else { return Ok(()) };
    let (place, name) = (disk.place(), visible(&name));
    let message = format!("{place} is not empty (it holds {name}); choose an empty directory");
    Err(Error::invalid(message))
}

/// Locks the directory and says that what is here is not complete. Another may have created a store meanwhile. Keeps
/// G3.
fn take(disk: &dyn Disk) -> Result<Arc<dyn FileLock>> {
    let at = |cause| write_error("the directory cannot be written to", UNFINISHED, cause);
    disk.create_folder("").map_err(at)?;
    let lock = lock(disk)?;
    refuse_filled(disk)?;
    let file = disk.open(UNFINISHED, Mode::CreateNew).map_err(at)?;
    let text = "What tidegate salvages into this directory is not all here yet. If no salvage is running, remove it.\n";
    file.write_all_at(text.as_bytes(), 0).map_err(at)?;
    file.sync().map_err(at)?;
    disk.sync_folder("").map_err(at)?;
    Ok(lock)
}

fn unmark(disk: &dyn Disk) -> Result<()> {
    let at = |cause| write_error("the mark of an unfinished salvage cannot be removed", UNFINISHED, cause);
    remove_if_there(disk, UNFINISHED).map_err(at)?;
    disk.sync_folder("").map_err(at)
}

/// Takes what is whole into the new log.
struct SalvageVisitor<'a>(RebuiltLog<'a>);

impl FrameVisitor for SalvageVisitor<'_> {
    fn frame(&mut self, _: u64, frame: &Frame<'_>) -> Result<()> {
        self.0.add(frame)
    }
}
