//! The pass over the files: what events say is erased goes from them.

use std::sync::Arc;

use tidegate_disk::{Disk, Env};
use tidegate_format::{ErasingFile, Position, Result, StoreId};
use tidegate_segment::{SEGMENTS, Segment, files, path, write_error};

use super::saved;
use crate::backend::{erasing_or_all, keep_erasing};
use crate::published::SharedState;
use crate::read::View;
use crate::read::{ErasedPositions, events_between, mask};
use crate::store::writer::Writer;

/// What a pass did.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub(super) segments: u64,
    pub(super) bytes_written: u64,
    pub(super) saved_states: u64,
    pub(super) held: u64,
    pub(super) left: Vec<String>,
}

/// Goes on with what an earlier writer began, before anything is shown. Keeps E1 of the folder: what is masked stays so,
/// also if the files cannot be written now.
pub(in crate::store) fn resume(writer: &Writer, world: &Env, store: StoreId) -> Result<()> {
    let Some(file) = erasing_or_all(&*world.disk, store)? else { return Ok(()) };
    let published = &writer.published;
    published.set_erased(file.done);
    if !file.open {
        return Ok(());
    }
    let events = events_between(&published.log(), file.done, published.visible())?;
    let (last, positions) = named(&events, file.done);
    mask(&published.log(), &positions);
    published.set_erased(last);
    let done =
        saved::remove_leftovers(&*world.disk).and_then(|()| carry_out(writer, world, store, file.done));
    match done {
        Ok(pass) => tracing::info!(?pass, until = last.0, "went on with what was to be erased"),
        Err(error) => {
            tracing::warn!(%error, "what is erased is not shown, and some of it is still in the files; the next \
                 opening for writing goes on");
        }
    }
    Ok(())
}

/// Takes everything from the files that events after `done` say is erased. It can be done any number of times.
pub(super) fn carry_out(writer: &Writer, world: &Env, store: StoreId, done: Position) -> Result<Pass> {
    let (disk, published) = (&*world.disk, &writer.published);
    let view = View::of(published);
    let events = events_between(view.log(), done, view.head())?;
    let (last, positions) = named(&events, done);
    // Anything that is not masked yet was named by an event that nothing was known of.
    let touched = mask(view.log(), &positions);
    published.set_erased(last);
    let mut pass = Pass::default();
    if touched.iter().any(|(segment, _)| !segment.is_sealed()) {
        writer.journal.begin_segment()?;
    }
    // Before anything is gone that only these events explain: a reader shows them after a crash too.
    writer.journal.confirm()?;
    for (segment, _) in &touched {
        rewrite(writer, disk, segment, &mut pass)?;
    }
    if !positions.is_empty() {
        // A recovery leaves what it copied from the end of a segment into the next one until the opening after it.
        let log = published.log();
        for segment in log.recorded().iter().filter(|segment| segment.has_rest()) {
            rewrite(writer, disk, segment, &mut pass)?;
        }
    }
    if pass.segments > 0 {
        // A name that comes back after a power cut is that of an older generation, and is removed again.
        disk.sync_folder(SEGMENTS).map_err(|cause| {
            write_error("the removal of a segment's old file cannot be kept", SEGMENTS, cause)
        })?;
    }
    pass.saved_states = saved::remove(disk, &saved::touched(&view, disk, store, &events)?)?;
    // The last step (keeps E2 of the folder).
    keep_erasing(disk, &ErasingFile { store, done: last, open: false })?;
    Ok(pass)
}

/// Returns the last of these events, and all positions that they name.
fn named(events: &[(Position, ErasedPositions)], done: Position) -> (Position, ErasedPositions) {
    let mut all = ErasedPositions::default();
    for (_, positions) in events {
        all.add(positions);
    }
    (events.last().map_or(done, |(position, _)| *position), all)
}

/// Writes a segment anew without what its mask covers and without what is behind its end, and publishes it.
fn rewrite(writer: &Writer, disk: &dyn Disk, segment: &Arc<Segment>, pass: &mut Pass) -> Result<()> {
    let mask = segment.mask().unwrap_or_default();
    let Some(copy) = segment.write_erased(&writer.cache, &mask)? else {
        segment.set_mask(None);
        return Ok(());
    };
    swap(&writer.published, &copy.segment);
    // Older views have the old one still: it keeps its mask, and opens the new file from now on.
    segment.close_file();
    pass.segments += 1;
    pass.bytes_written += copy.bytes;
    // One share is that of the copy.
    pass.held += u64::from(copy.old.owners() > 1);
    drop(copy.old);
    // All that this one took the place of: one of an earlier pass that failed behind the rename may be among them.
    for file in files::list_replaced(disk)?.into_iter().filter(|file| file.first == segment.first()) {
        let name = path(file);
        if let Err(error) = disk.remove(&name) {
            tracing::warn!(%error, name, "the old file of a segment stays for now");
            pass.left.push(name);
        }
    }
    Ok(())
}

/// Puts a segment in the place of the same one in an older file.
fn swap(published: &SharedState, segment: &Arc<Segment>) {
    published.change_log(|log| {
        if let Some(place) = log.segments.iter_mut().find(|place| place.first() == segment.first()) {
            *place = Arc::clone(segment);
        }
    });
}
