//! The doctor: reads everything in a store's directory and reports everything that is wrong.

use std::path::Path;

use tidegate_disk::replace::LEFTOVER;
use tidegate_disk::{Disk, Env};
use tidegate_format::{Frame, Position, Result, StoreId};
use tidegate_segment::files::parse_segment_name;
use tidegate_segment::indexing::parse_remainder_name;
use tidegate_segment::{INDEX, SEGMENTS, filter_groups, parse_index_name};

use super::files;
use super::index_check::IndexCheck;
use super::log_scan::{FrameVisitor, LogScan, ScannedSegment, scan_log};
use super::reader_check::ReaderCheck;
use super::remainder_check::check_remainders;
use crate::backend::{
    ERASING, FLOOR, LOCK, NODE, PROJECTIONS, STORE, TREE, UNFINISHED, WATERMARK, as_store, check_lock_file,
    refuse_unfinished,
};
use crate::read::VerifyReport;
use crate::report::fault::{Fault, LostRange, MOVE, Remark};
use crate::report::verdict::StoreVerdict;
use crate::store::{STAGES, read_stage};
use crate::subscription::StateDir;
use crate::subscription::cursor::{CURSORS, check_name};

/// Report of an examination: what was read of a store, and everything that was found wrong.
#[derive(Debug, Default)]
#[must_use = "it says what is wrong with the store"]
pub struct DoctorReport {
    /// The store, if anything says which it is.
    pub store: Option<StoreId>,
    /// The last whole event.
    pub head: Position,
    /// The last event that the next opening for writing keeps, if nothing is damaged: what stands behind it is the torn
    /// end that a crash left, and a remark reports it.
    pub kept: Position,
    /// Counts of what is whole.
    pub verified: VerifyReport,
    /// Number of segments.
    pub segments: u64,
    /// Number of index files and filter groups.
    pub index_files: u64,
    /// Number of cursors and saved states.
    pub reader_files: u64,
    /// What is damaged: durable events, the store file, or a reader's place.
    pub faults: Vec<Fault>,
    /// Findings that cost nothing: the next opening for writing repairs them, the store builds them anew when they are
    /// needed, or ignores them.
    pub remarks: Vec<Remark>,
    /// Ranges of positions with no intact event.
    pub lost: Vec<LostRange>,
}

impl DoctorReport {
    /// Returns the state of the store.
    pub fn verdict(&self) -> StoreVerdict {
        StoreVerdict::of_findings(&self.faults, &self.remarks)
    }
}

/// Reads everything in the directory of a store and checks it: that each file is what was written, that the segments
/// follow each other, every event with its checksum, leaf, link, version and causes, and that index files, cursors
/// and saved states agree with the log. It goes on after a fault, writes nothing, and needs no store that can be
/// opened. It may run beside a writer. `progress` is called now and then. A segment is read through a window, and takes
/// no more memory than its largest frame and its index.
///
/// ```
/// use tidegate::{Draft, Store, report};
///
/// # let folder = tempfile::tempdir()?;
/// # let directory = folder.path().join("shop");
/// let store = Store::open(&directory)?;
/// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
/// store.close()?;
/// let examined = report::examine(&directory, |_| ())?;
/// assert_eq!((examined.verified.events, examined.faults.len()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Missing`](tidegate_format::ErrorKind::Missing) if there is no store,
/// [`Newer`](tidegate_format::ErrorKind::Newer) if it is of a newer format, and those of listing a directory.
pub fn examine(directory: impl AsRef<Path>, progress: impl FnMut(VerifyReport)) -> Result<DoctorReport> {
    examine_in(&Env::native(directory.as_ref()), progress)
}

/// Examines as [`examine`] does, and checks the cursors and saved states in these directories of reader processes too. Their
/// files are named with the directory in front.
///
/// # Errors
///
/// Those of [`examine`].
pub fn examine_with(
    directory: impl AsRef<Path>,
    state_dirs: &[StateDir],
    progress: impl FnMut(VerifyReport),
) -> Result<DoctorReport> {
    examine_all(&Env::native(directory.as_ref()), state_dirs, progress)
}

/// Examines as [`examine`] does, in an environment: a disk that the caller brings.
///
/// # Errors
///
/// Those of [`examine`].
pub fn examine_in(world: &Env, progress: impl FnMut(VerifyReport)) -> Result<DoctorReport> {
    examine_all(world, &[], progress)
}

fn examine_all(
    world: &Env,
    state_dirs: &[StateDir],
    mut progress: impl FnMut(VerifyReport),
) -> Result<DoctorReport> {
    let as_store = as_store(world.clone())?;
    let disk = &*as_store.disk;
    let mut indexes = IndexCheck::new(disk)?;
    let (mut found, reader_files) = inspect(disk, state_dirs, Some(&mut indexes), &mut progress)?;
    indexes.finish(&mut found.remarks)?;
    check_remainders(&as_store.disk, &mut found);
    strange_names(disk, &mut found.remarks)?;
    stages(disk, found.store, &mut found.faults)?;
    Ok(DoctorReport {
        store: found.store,
        head: found.head,
        kept: found.kept,
        verified: found.verified,
        segments: found.segments,
        index_files: indexes.files,
        reader_files,
        faults: found.faults,
        remarks: found.remarks,
        lost: found.lost,
    })
}

/// Goes through the log and the files of its readers, and says how many of those there are: what the doctor and salvage
/// judge by.
pub(crate) fn inspect(
    disk: &dyn Disk,
    state_dirs: &[StateDir],
    indexes: Option<&mut IndexCheck<'_>>,
    progress: &mut dyn FnMut(VerifyReport),
) -> Result<(LogScan, u64)> {
    refuse_unfinished_store(disk)?;
    let (mut faults, mut remarks) = (Vec::new(), Vec::new());
    let mut readers = ReaderCheck::default();
    readers.read(disk, "", &mut faults, &mut remarks)?;
    for directory in state_dirs {
        let disk = directory.disk();
        readers.read(&**disk, &format!("{}/", disk.place()), &mut faults, &mut remarks)?;
    }
    let reader_files = readers.files;
    let mut visit = DoctorVisitor { indexes, readers };
    let mut found = scan_log(disk, &mut visit, progress)?;
    visit.readers.end(found.store, found.head, &found.lost, &mut found.faults, &mut found.remarks);
    found.faults.append(&mut faults);
    if let Err(error) = check_lock_file(disk) {
        found.faults.push(Fault::new(error, MOVE));
    }
    found.remarks.append(&mut remarks);
    Ok((found, reader_files))
}

struct DoctorVisitor<'a, 'b> {
    indexes: Option<&'a mut IndexCheck<'b>>,
    readers: ReaderCheck,
}

impl FrameVisitor for DoctorVisitor<'_, '_> {
    fn begin(&mut self, segment: &ScannedSegment) {
        if let Some(indexes) = &mut self.indexes {
            indexes.begin(segment);
        }
    }

    fn frame(&mut self, at: u64, frame: &Frame<'_>) -> Result<()> {
        self.readers.frame(frame);
        self.indexes.as_mut().map_or(Ok(()), |indexes| indexes.frame(at, frame))
    }

    fn end(&mut self, segment: &ScannedSegment, remarks: &mut Vec<Remark>) -> Result<()> {
        self.indexes.as_mut().map_or(Ok(()), |indexes| indexes.end(segment, remarks))
    }
}

fn refuse_unfinished_store(disk: &dyn Disk) -> Result<()> {
    if files::list(disk, "")?.iter().any(|name| name == STORE) { Ok(()) } else { refuse_unfinished(disk) }
}

/// Reports the drafts of stages that are not what was written.
fn stages(disk: &dyn Disk, store: Option<StoreId>, faults: &mut Vec<Fault>) -> Result<()> {
    let Some(store) = store else { return Ok(()) };
    for name in files::list(disk, STAGES)?.iter().filter(|name| !name.ends_with(LEFTOVER)) {
        if let Err(error) = read_stage(disk, name, store) {
            faults.push(Fault::new(error, "cancel the stage, or put its file back"));
        }
    }
    Ok(())
}

/// Reports files that are not the store's, and those that an interrupted step left.
fn strange_names(disk: &dyn Disk, remarks: &mut Vec<Remark>) -> Result<()> {
    for folder in ["", SEGMENTS, INDEX, CURSORS] {
        let is_known = |name: &str| match folder {
            SEGMENTS => parse_segment_name(name).is_some() || parse_remainder_name(name).is_some(),
            INDEX => parse_index_name(name).is_some() || filter_groups::parse_name(name).is_some(),
            CURSORS => check_name(name).is_ok(),
            _ => [STORE, FLOOR, ERASING, NODE, LOCK, WATERMARK, UNFINISHED].contains(&name),
        };
        for name in files::list(disk, folder)? {
            let left = name.strip_suffix(LEFTOVER).is_some_and(is_known);
            if is_known(&name) && name != UNFINISHED {
                continue;
            }
            let text = if left || name == UNFINISHED {
                "an interrupted step left it, or a writer is at it; without a writer it can be deleted"
            } else {
                "not a file of the store; ignored"
            };
            let file = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            remarks.push(Remark::new(file, text));
        }
    }
    strangers(disk, remarks)
}

/// Reports what is neither a file nor a folder of the store. Something else in the place of the store file, the floor, the
/// watermark, the lock or a cursor is a fault.
fn strangers(disk: &dyn Disk, remarks: &mut Vec<Remark>) -> Result<()> {
    let folders = files::folders(disk, "")?;
    let known = [SEGMENTS, INDEX, CURSORS, PROJECTIONS, TREE, STAGES];
    for file in files::strangers(disk, "")? {
        let is_told = [STORE, FLOOR, ERASING, NODE, LOCK, WATERMARK].contains(&file.as_str());
        let is_known = known.contains(&file.as_str()) && folders.contains(&file);
        if !(is_told || is_known) {
            remarks.push(Remark::new(file, "not a folder of the store; ignored"));
        }
    }
    for folder in [SEGMENTS, INDEX, CURSORS] {
        for name in files::strangers(disk, folder)? {
            if folder != CURSORS || check_name(&name).is_err() {
                remarks.push(Remark::new(
                    format!("{folder}/{name}"),
                    "not a plain file; passed over as if it were not there",
                ));
            }
        }
    }
    Ok(())
}
