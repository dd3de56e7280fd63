//! Saved states that came of erased events: they may tell what the payloads said.

use tidegate_disk::Disk;
use tidegate_disk::replace::{LEFTOVER, remove_if_there};
use tidegate_format::{Position, Result, StoreId};
use tidegate_segment::write_error;

use crate::backend::{PROJECTIONS, STATE_BYTES_MAX, SnapshotHeader, list, read, state_folders};
use crate::read::ErasedPositions;
use crate::read::{View, is_selected};

/// Returns the saved states that came of events which these events, by their positions, say are erased, and those of which
/// that cannot be told.
pub(super) fn touched(
    view: &View,
    disk: &dyn Disk,
    store: StoreId,
    events: &[(Position, ErasedPositions)],
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in state_folders(disk)? {
        for name in list(disk, &folder)? {
            let name = format!("{folder}/{name}");
            let Some(bytes) = read(disk, &name, STATE_BYTES_MAX)? else { continue };
            if bytes.is_empty() {
                // The lock of a state.
                continue;
            }
            if is_touched(view, &bytes, store, events)? {
                found.push(name);
            }
        }
    }
    Ok(found)
}

/// Removes saved states; how many were there.
pub(super) fn remove(disk: &dyn Disk, names: &[String]) -> Result<u64> {
    for name in names {
        let at = |cause| write_error("the state of a projection cannot be removed", name, cause);
        remove_if_there(disk, name).map_err(at)?;
        let folder = name.rsplit_once('/').map_or(PROJECTIONS, |(folder, _)| folder);
        disk.sync_folder(folder).map_err(at)?;
    }
    Ok(names.len() as u64)
}

/// Removes what interrupted saving left. At an opening no state is being saved.
pub(super) fn remove_leftovers(disk: &dyn Disk) -> Result<()> {
    for folder in state_folders(disk)? {
        let at = |cause| write_error("a leftover cannot be removed", &folder, cause);
        let names = disk.list(&folder).map_err(at)?;
        let left: Vec<_> = names.iter().filter(|name| name.ends_with(LEFTOVER)).collect();
        for name in &left {
            remove_if_there(disk, &format!("{folder}/{name}")).map_err(at)?;
        }
        if !left.is_empty() {
            disk.sync_folder(&folder).map_err(at)?;
        }
    }
    Ok(())
}

fn is_touched(
    view: &View,
    bytes: &[u8],
    store: StoreId,
    events: &[(Position, ErasedPositions)],
) -> Result<bool> {
    let Ok((header, _)) = SnapshotHeader::read(bytes) else { return Ok(true) };
    if header.store != store {
        return Ok(false);
    }
    let Ok(query) = header.query.parse() else { return Ok(true) };
    for (_, positions) in events.iter().filter(|(at, _)| *at > header.erased) {
        if is_selected(view, &query, positions, header.position)? {
            return Ok(true);
        }
    }
    Ok(false)
}
