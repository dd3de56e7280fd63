//! What readers of the log keep beside it: cursors and saved states, each tied to an event by its leaf.

use std::collections::BTreeMap;

use tidegate_disk::Disk;
use tidegate_disk::replace::LEFTOVER;
use tidegate_format::{Error, ErrorKind, Frame, Hash, Position, Result, StoreId};

use super::files;
use crate::backend::{BYTES_MAX, PROJECTIONS, STATE_BYTES_MAX, SnapshotHeader, list};
use crate::read::Query;
use crate::report::fault::{Fault, LostRange, MOVE, Remark};
use crate::subscription::LOCK_SUFFIX;
use crate::subscription::cursor::{
    CURSORS, CursorRole, CursorState, ELSEWHERE, REMEDY as CURSOR, check_name,
};

const STATE: &str = "it is rejected, and the state is folded anew";

/// A cursor of a salvaged store. It is not taken over: its reader begins anew in the new store.
#[derive(Clone, Debug)]
pub struct LeftCursor {
    /// Its name.
    pub name: String,
    /// What its file says; `None` if the file is damaged, cannot be read, or is of another store.
    pub place: Option<LeftPlace>,
}

/// How far a cursor of a salvaged store was.
#[derive(Clone, Debug)]
pub struct LeftPlace {
    /// Which kind of reader moves it.
    pub role: CursorRole,
    /// The query it is bound to.
    pub query: Query,
    /// Every event of the query up to here, a position of the old store, is done or parked.
    pub position: Position,
}

/// Returns the cursors of a store, in the order of their names, also if the store does not open.
pub(crate) fn left_cursors(disk: &dyn Disk, store: StoreId) -> Result<Vec<LeftCursor>> {
    let mut names = files::list(disk, CURSORS)?;
    names.retain(|name| check_name(name).is_ok());
    let place = |name: &str| {
        let contents = files::read(disk, &format!("{CURSORS}/{name}"), BYTES_MAX).ok()??;
        let reached = CursorState::read(&contents.bytes).ok().filter(|reached| reached.store == store)?;
        Some(LeftPlace { role: reached.role, query: reached.query, position: reached.position })
    };
    Ok(names.into_iter().map(|name| LeftCursor { place: place(&name), name }).collect())
}

/// Files that say how far their readers got.
#[derive(Debug, Default)]
pub(crate) struct ReaderCheck {
    ties: Vec<LogTie>,
    /// The leaves of the events they are tied to, if those are whole.
    leaves: BTreeMap<Position, Option<Hash>>,
    pub(crate) files: u64,
}

/// What ties a file to the log.
#[derive(Debug)]
struct LogTie {
    file: String,
    store: StoreId,
    position: Position,
    leaf: Hash,
    remedy: &'static str,
}

/// The findings in the files of one directory.
struct Findings<'a> {
    place: &'a str,
    faults: &'a mut Vec<Fault>,
    remarks: &'a mut Vec<Remark>,
}

impl ReaderCheck {
    /// Reads all of them in a directory. `place` comes before their names in what is reported.
    pub(crate) fn read(
        &mut self,
        disk: &dyn Disk,
        place: &str,
        faults: &mut Vec<Fault>,
        remarks: &mut Vec<Remark>,
    ) -> Result<()> {
        // Something else in the place of a cursor's file, or of them all: the place is gone.
        if let Err(error) = list(disk, CURSORS) {
            faults.push(Fault::new(error, MOVE));
        }
        let mut found = Findings { place, faults, remarks };
        let mut names = files::list(disk, CURSORS)?;
        names.extend(files::strangers(disk, CURSORS)?);
        for name in names {
            if check_name(&name).is_err() {
                continue;
            }
            let tie =
                |bytes: &[u8]| CursorState::read(bytes).map(|read| (read.store, read.position, read.leaf));
            self.one(disk, &format!("{CURSORS}/{name}"), BYTES_MAX, (CURSOR, tie), &mut found)?;
        }
        for folder in files::folders(disk, PROJECTIONS)? {
            let folder = format!("{PROJECTIONS}/{folder}");
            for name in files::strangers(disk, &folder)? {
                found.remarks.push(Remark::new(
                    format!("{place}{folder}/{name}"),
                    "not a plain file; passed over as if it were not there",
                ));
            }
            for name in files::list(disk, &folder)? {
                if name.ends_with(LEFTOVER) || name.ends_with(LOCK_SUFFIX) {
                    continue;
                }
                let tie = |bytes: &[u8]| {
                    SnapshotHeader::read(bytes).map(|(stamp, _)| (stamp.store, stamp.position, stamp.leaf))
                };
                self.one(disk, &format!("{folder}/{name}"), STATE_BYTES_MAX, (STATE, tie), &mut found)?;
            }
        }
        Ok(())
    }

    fn one(
        &mut self,
        disk: &dyn Disk,
        name: &str,
        bytes_max: u64,
        (remedy, tie): (&'static str, impl Fn(&[u8]) -> Result<(StoreId, Position, Hash)>),
        found: &mut Findings<'_>,
    ) -> Result<()> {
        let Some(contents) = files::read(disk, name, bytes_max)? else { return Ok(()) };
        let file = format!("{}{name}", found.place);
        self.files += 1;
        if let Some(error) = contents.faults.into_iter().next() {
            tell(error, &file, remedy, found.faults, found.remarks);
            return Ok(());
        }
        match tie(&contents.bytes) {
            Ok((store, position, leaf)) => {
                self.leaves.insert(position, None);
                self.ties.push(LogTie { file, store, position, leaf, remedy });
            }
            Err(error) if error.kind() == ErrorKind::Newer => {
                found.remarks.push(Remark::new(file, error.message()));
            }
            Err(error) => tell(error, &file, remedy, found.faults, found.remarks),
        }
        Ok(())
    }

    /// Takes note of the leaves that are asked for.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>) {
        if self.leaves.range(frame.head.first..=frame.head.last()).next().is_none() {
            return;
        }
        for (_, record) in frame.records() {
            if let Some(leaf) = self.leaves.get_mut(&record.position()) {
                *leaf = Some(record.leaf());
            }
        }
    }

    /// Compares what the files say with a log that ends at `head`.
    pub(crate) fn end(
        self,
        store: Option<StoreId>,
        head: Position,
        lost: &[LostRange],
        faults: &mut Vec<Fault>,
        remarks: &mut Vec<Remark>,
    ) {
        for LogTie { file, store: own, position, leaf, remedy } in self.ties {
            let is_lost =
                |lost: &LostRange| position >= lost.first && lost.last.is_none_or(|last| position <= last);
            let found = match self.leaves.get(&position).copied().flatten() {
                None if position == Position::START => Some(Hash::ZERO),
                found => found,
            };
            let is_foreign = store.is_some_and(|store| store != own);
            let error = match found {
                _ if is_foreign => {
                    let expected = store.map_or_else(String::new, |store| store.to_string());
                    Error::damaged("it is of another store", expected, own)
                }
                Some(found) if found != leaf => {
                    Error::damaged(format!("position {position} has another event than it saw"), leaf, found)
                }
                None if !lost.iter().any(is_lost) => {
                    let expected = format!("position {position} at least");
                    Error::damaged("the log is older than it", expected, format!("position {head}"))
                }
                _ => continue,
            };
            // A cursor of this store can be set to a place that the log has.
            let remedy = if remedy == STATE || is_foreign { remedy } else { ELSEWHERE };
            tell(error, &file, remedy, faults, remarks);
        }
    }
}

/// Adds a fault for a cursor, which is then refused to its reader, and a remark for a saved state. A wrong saved state
/// costs only time, and is lawful after a power cut: the log may have lost an end that was never synced, and a state saw it.
fn tell(error: Error, file: &str, remedy: &'static str, faults: &mut Vec<Fault>, remarks: &mut Vec<Remark>) {
    if remedy == STATE {
        remarks.push(Remark::at(file, 0, &error, STATE));
    } else {
        faults.push(Fault::of(error, file, 0, remedy));
    }
}
