//! The doctor: reads everything in a store's directory and tells of everything that is wrong.

use tidegate_disk::replace::LEFTOVER;
use tidegate_disk::{Disk, World};
use tidegate_format::{Frame, Position, Result, StoreId, parse_segment_name};
use tidegate_segment::{INDEX, SEGMENTS, parse_index_name, parse_roster_name};

use super::derived::Derived;
use super::fault::{Fault, Lost, Remark};
use super::files;
use super::readers::Readers;
use super::survey::{Segment, Visit, survey};
use crate::edge::{LOCK, STORE, UNFINISHED, WATERMARK, refuse_unfinished};
use crate::project::PROJECTIONS;
use crate::read::Verified;
use crate::subscription::cursor::{CURSORS, check_name};

/// What was read of a store, and everything that was found wrong with it.
#[derive(Debug, Default)]
pub struct Examined {
    /// The store, where anything says which it is.
    pub store: Option<StoreId>,
    /// The last whole event.
    pub head: Position,
    /// What is whole.
    pub verified: Verified,
    /// Segments.
    pub segments: u64,
    /// Index files and rosters.
    pub index_files: u64,
    /// Cursors and saved states.
    pub reader_files: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// What is not wrong and yet worth knowing.
    pub remarks: Vec<Remark>,
    /// Positions of which nothing is whole.
    pub lost: Vec<Lost>,
}

/// Reads everything in the directory of a store and checks it: that each file is what was written, that the segments
/// follow each other, every event with its checksum, leaf, link, version and causes, and that index files, cursors
/// and saved states agree with the log. It goes on after a fault, writes nothing, and needs no store that can be
/// opened. It may run beside a writer. `progress` is called now and then.
///
/// ```
/// use tidegate::disk::World;
/// use tidegate::{Append, Draft, Options, Store, report};
///
/// let world = World::memory();
/// let store = Store::open_in(world.clone(), Options::default())?;
/// store.append(Draft::new(("shop", "order-7"), "order.placed"), Append::default())?;
/// store.close()?;
/// let examined = report::examine(&world, |_| ())?;
/// assert_eq!((examined.verified.events, examined.faults.len()), (1, 0));
/// # Ok::<(), tidegate::Error>(())
/// ```
///
/// # Errors
///
/// [`Missing`](tidegate_format::ErrorKind::Missing) where there is no store,
/// [`Newer`](tidegate_format::ErrorKind::Newer) where it is of a newer format, and those of listing a directory.
pub fn examine(world: &World, mut progress: impl FnMut(Verified)) -> Result<Examined> {
    let disk = &*world.disk;
    refuse_unfinished_store(disk)?;
    let (mut faults, mut remarks) = (Vec::new(), Vec::new());
    let readers = Readers::read(disk, &mut faults, &mut remarks)?;
    let reader_files = readers.files;
    let mut visit = Doctor { derived: Derived::new(disk)?, readers };
    let mut found = survey(disk, &mut visit, &mut progress)?;
    let Doctor { mut derived, readers } = visit;
    derived.end(&mut found.faults, &mut found.remarks)?;
    readers.end(found.store, found.head, &found.lost, &mut found.faults, &mut found.remarks);
    found.faults.append(&mut faults);
    found.remarks.append(&mut remarks);
    strange_names(disk, &mut found.remarks)?;
    Ok(Examined {
        store: found.store,
        head: found.head,
        verified: found.verified,
        segments: found.segments,
        index_files: derived.files,
        reader_files,
        faults: found.faults,
        remarks: found.remarks,
        lost: found.lost,
    })
}

struct Doctor<'a> {
    derived: Derived<'a>,
    readers: Readers,
}

impl Visit for Doctor<'_> {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<()> {
        self.readers.frame(frame);
        self.derived.frame(frame)
    }

    fn segment(
        &mut self,
        segment: &Segment<'_>,
        faults: &mut Vec<Fault>,
        remarks: &mut Vec<Remark>,
    ) -> Result<()> {
        self.derived.segment(segment, faults, remarks)
    }
}

fn refuse_unfinished_store(disk: &dyn Disk) -> Result<()> {
    if files::list(disk, "")?.iter().any(|name| name == STORE) { Ok(()) } else { refuse_unfinished(disk) }
}

/// Tells of files that are none of the store's, and of those that an interrupted step left.
fn strange_names(disk: &dyn Disk, remarks: &mut Vec<Remark>) -> Result<()> {
    for folder in ["", SEGMENTS, INDEX, CURSORS] {
        let is_known = |name: &str| match folder {
            SEGMENTS => parse_segment_name(name).is_some(),
            INDEX => parse_index_name(name).is_some() || parse_roster_name(name).is_some(),
            CURSORS => check_name(name).is_ok(),
            _ => [STORE, LOCK, WATERMARK, UNFINISHED].contains(&name),
        };
        for name in files::list(disk, folder)? {
            let left = name.strip_suffix(LEFTOVER).is_some_and(is_known);
            if is_known(&name) && name != UNFINISHED {
                continue;
            }
            let text = if left || name == UNFINISHED {
                "an interrupted step left it, or a writer is at it; without a writer it can be deleted"
            } else {
                "it is none of the store's files; it is passed over"
            };
            let file = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            remarks.push(Remark { file, text: text.to_owned() });
        }
    }
    let folders = files::folders(disk, "")?;
    for file in
        folders.into_iter().filter(|name| ![SEGMENTS, INDEX, CURSORS, PROJECTIONS].contains(&name.as_str()))
    {
        let text = "it is none of the store's folders; it is passed over".to_owned();
        remarks.push(Remark { file, text });
    }
    Ok(())
}
