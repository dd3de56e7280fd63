//! Salvage: a new store of everything that is whole of another one.
//!
//! Invariants:
//!
//! G1. The old store is not written to.
//! G2. Every event of a whole frame is in the new store, in the old order, and says what it said.

use std::path::Path;

use tidegate_disk::Env;
use tidegate_format::{ErasingFile, Error, ErrorKind, Frame, Position, Result, StoreFile, StoreId};
use tidegate_segment::{SEGMENTS, write_error};

use super::fork_point::Parent;
use super::new_store::{NewStore, new_store_file, refuse_filled};
use super::rebuilt_log::{MovedRun, RebuiltLog};
use crate::backend::{Floor, as_store, keep_erasing};
use crate::read::VerifyReport;
use crate::report::fault::{Fault, LostRange, Remark};
use crate::report::inspect::LeftCursor;
use crate::report::inspect::{self, FrameVisitor, LogScan, left_cursors, scan_log};
use crate::report::verdict::StoreVerdict;
use crate::settings::StoreOptions;
use crate::store::Erase;

/// Report of a salvage: what was saved, and what is lost.
#[derive(Debug)]
#[must_use = "it says what was lost"]
pub struct SalvageReport {
    /// The old store.
    pub from: StoreId,
    /// The new one: the same id if nothing was lost or the caller wanted it so, otherwise a new one.
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
/// is lost, the store keeps its id. If anything is, or nothing says where the log ended, the new store is a fork of the old
/// one at the last position before the loss: it has a new id, its store file names that position and the root of the tree
/// up to there, and receipts of the old store agree up to there. Events that follow a loss get new positions and versions,
/// without gaps. They keep their ids, times, correlations, keys and contents, and their causes as far as those are saved; a
/// lost one becomes a foreign cause in the old store. Cursors and saved states are not taken over;
/// [`SalvageReport::cursors`] names the cursors.
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
    salvage_with(from, to, SalvageOptions::new(), progress)
}

/// Salvages as [`salvage`] does, with options.
///
/// ```
/// use tidegate::report::{SalvageOptions, salvage_with};
/// use tidegate::{Draft, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let (old, new) = (folder.path().join("shop"), folder.path().join("salvaged"));
/// let store = Store::open(&old)?;
/// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
/// store.close()?;
/// std::fs::remove_file(old.join("WATERMARK"))?; // nothing says any more where the log ended
/// let salvaged = salvage_with(&old, &new, SalvageOptions::new().keep_id(true), |_| ())?;
/// assert_eq!(salvaged.store, store.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of [`salvage`]; [`Refused`](ErrorKind::Refused) if the id is to be kept and cannot be, since events follow a loss.
pub fn salvage_with(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    options: SalvageOptions,
    progress: impl FnMut(VerifyReport),
) -> Result<SalvageReport> {
    run(&Env::native(from.as_ref()), &Env::native(to.as_ref()), options, progress)
}

/// Salvages as [`salvage`] does, between environments: disks that the caller brings.
///
/// # Errors
///
/// Those of [`salvage`].
pub fn salvage_in(from: &Env, to: &Env, progress: impl FnMut(VerifyReport)) -> Result<SalvageReport> {
    run(from, to, SalvageOptions::new(), progress)
}

/// Options of a salvage.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SalvageOptions {
    /// Whether a store that lost an end keeps its id.
    keep_id: bool,
}

impl SalvageOptions {
    /// Returns the options that [`salvage`] has.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether a store that lost an end keeps its id; it does not by default. Then what was lost is gone from a store
    /// that goes on under the same name: what it appends stands at positions that receipts and signed checkpoints may speak
    /// of already, and a signer refuses it. For a store of which no caller has seen the end.
    #[must_use]
    pub fn keep_id(mut self, keep_id: bool) -> Self {
        self.keep_id = keep_id;
        self
    }
}

fn run(
    from: &Env,
    to: &Env,
    options: SalvageOptions,
    mut progress: impl FnMut(VerifyReport),
) -> Result<SalvageReport> {
    refuse_filled(&*to.disk)?;
    // A backup file that does not hold says nothing of the others, which are read as they are.
    let from = &as_store(from.clone()).unwrap_or_else(|_| from.clone());
    let (found, _) = inspect::inspect(&*from.disk, &[], None, &mut progress)?;
    let (Some(id), Some(salt)) = (found.store, found.salt) else {
        let message =
            "neither the store file nor any segment says which store this is, and so nothing can be checked";
        return Err(Error::damaged(message, "one of them", "none"));
    };
    let (store, parent) = new_identity(&found, (id, salt), options, to)?;
    let cursors = left_cursors(&*from.disk, id)?;
    let new = NewStore::begin(&*to.disk)?;
    to.disk.create_folder(SEGMENTS).map_err(|cause| write_error("it cannot be created", SEGMENTS, cause))?;
    let mut taker = SalvageVisitor(RebuiltLog::begin(to, store.clone(), id)?);
    let again = scan_log(&*from.disk, &mut taker, &mut progress)?;
    if (again.head, &again.lost) != (found.head, &found.lost) {
        let message = "the store changed while it was salvaged; stop the program that writes to it, and salvage it again";
        return Err(Error::new(ErrorKind::Refused, message));
    }
    if again.names_erased() {
        // Some of that may not be carried out yet. The opening that checks the new store goes on with it.
        keep_erasing(&*to.disk, &ErasingFile { store: store.id, done: Position::START, open: true })?;
    }
    let runs = taker.0.end(parent.as_ref())?;
    drop(new);
    let saved = check(to, found.verified.events)?;
    NewStore::unmark(&*to.disk)?;
    let LogScan { lost, faults, remarks, .. } = found;
    Ok(SalvageReport { from: id, store: store.id, saved, runs, lost, cursors, faults, remarks })
}

/// Returns the same store if nothing is lost, and otherwise a fork with the store that it is of. A node becomes another one
/// too: its id stands for what its shared log decided.
fn new_identity(
    found: &LogScan,
    (id, salt): (StoreId, u64),
    options: SalvageOptions,
    to: &Env,
) -> Result<(StoreFile, Option<Parent>)> {
    // Its index files are made anew, and those of a fork of it can be shared.
    let fork = new_store_file(to, found.seed)?;
    let is_from_start = found.floor == Floor::default();
    let keeps_positions = is_from_start && found.lost.iter().all(|lost| lost.first > found.head);
    let may_keep = keeps_positions && !found.is_node;
    if may_keep && (found.lost.is_empty() || options.keep_id) {
        let same = StoreFile { id, created: found.created, forks: found.forks.clone(), ..fork };
        return Ok((same, None));
    }
    if options.keep_id {
        let message = "the id cannot be kept: events would stand at other positions under it, or it is that of a shared log; \
                       salvage it into a store with an id of its own";
        return Err(Error::new(ErrorKind::Refused, message));
    }
    let parent = Parent { id, salt, forks: found.forks.clone() };
    Ok((fork, is_from_start.then_some(parent)))
}

/// Reads the new store once more, as any caller will.
fn check(to: &Env, events: u64) -> Result<VerifyReport> {
    let options = StoreOptions::new().create(false).thread(false).expected_head(Position(events));
    let store = options.open_in(to.clone())?;
    store.upkeep().step()?;
    let words = Erase::new("payloads were erased, and the event that said so was lost", "tidegate salvage");
    store.upkeep().name_unnamed(&words)?;
    let verified = store.verify(|_| ())?;
    store.close()?;
    if verified.events >= events {
        return Ok(verified);
    }
    Err(Error::damaged("the new store does not hold what was saved", events, verified.events))
}

/// Takes what is whole into the new log.
struct SalvageVisitor<'a>(RebuiltLog<'a>);

impl FrameVisitor for SalvageVisitor<'_> {
    fn frame(&mut self, _: u64, frame: &Frame<'_>) -> Result<()> {
        self.0.add(frame)
    }
}
