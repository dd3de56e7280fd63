//! Retiring: the records of the first segments go; what stays of them answers everything that needs no record.
//!
//! Invariants:
//!
//! T1. What stays of a segment is durable, and was read back, before the floor file says that its records are retired; only
//!     then they go. The renaming of that file is the moment.
//! T2. An event says why, and is durable before.

use std::sync::Arc;

use serde_json::json;
use tidegate_format::{Draft, Error, FloorFile, Micros, Position, Result, StreamId, name};
use tidegate_segment::Segment;

use super::Upkeep;
use crate::backend::{Floor, remove_retired};
use crate::batch::{Batch, Footprint, ValidBatch};
use crate::read::{RETIRED, View};
use crate::settings::{AppendOptions, Durability};
use crate::store::Store;

/// The scope and the entity of the events that say what was retired.
const STREAM: (&str, &str) = ("tidegate", "tidegate.retirements");

/// What a retirement did to the files.
#[derive(Debug, Default)]
pub(crate) struct RetiredFiles {
    pub(crate) recorded: Position,
    pub(crate) bytes_kept: u64,
    pub(crate) bytes_freed: u64,
    pub(crate) left: Vec<String>,
}

impl Upkeep {
    /// Retires the records of all segments before the one that begins at `floor`, which is sealed or active.
    pub(crate) fn retire_below(&self, floor: Position, reason: &str, by: &str) -> Result<RetiredFiles> {
        name::check("reason", reason)?;
        name::check("name of who retires", by)?;
        let store = self.store();
        let writer = &**store.writer()?;
        // An erasure writes segments anew.
        let _one = writer.erasing.lock();
        let log = writer.published.log();
        let place = log.segments.iter().position(|segment| segment.first() == floor);
        let place = place.filter(|place| *place > log.retired()).ok_or_else(|| {
            Error::invalid(format!("no segment that can be the first one begins at position {floor}"))
        })?;
        let (going, behind) = (&log.segments[log.retired()..place], *log.segments[place].head());
        let mut done = RetiredFiles::default();
        // keeps T1
        for segment in going {
            done.bytes_kept += writer.indexer.write_remainder(&writer.published, segment)?;
            done.bytes_freed += segment.tail().0;
        }
        let mut next = behind;
        let mut kept = Vec::with_capacity(going.len());
        for segment in going.iter().rev() {
            let found = Segment::find_retired(&writer.cache, segment.first(), &next, segment.hash_key())?;
            next = *found.head();
            kept.push(Arc::new(found));
        }
        done.recorded = self.record_retirement(floor, reason, by)?;
        let disk = &*store.env().disk;
        let file = FloorFile {
            store: store.id(),
            first: floor,
            before_first: behind.before_first,
            before_length: behind.before_length,
            time: Micros(store.env().clock.now_micros()),
            reason: reason.to_owned(),
        };
        Floor::keep(disk, &file)?;
        writer.published.change_log(|log| {
            for kept in &kept {
                if let Some(place) = log.segments.iter_mut().find(|place| place.first() == kept.first()) {
                    *place = Arc::clone(kept);
                }
            }
        });
        for segment in going {
            segment.close_file();
        }
        done.left = remove_retired(disk, floor)?.left;
        Ok(done)
    }

    /// keeps T2
    fn record_retirement(&self, floor: Position, reason: &str, by: &str) -> Result<Position> {
        let store = self.store();
        let writer = &**store.writer()?;
        let said = json!({ "before": floor.0, "reason": reason, "by": by }).to_string();
        let draft = Draft::new(StreamId::new(STREAM.0, STREAM.1), RETIRED).json_text(said);
        let view = View::written(&writer.published);
        let own = ValidBatch::new(Batch::own(vec![draft]), &writer.published)?;
        let append = AppendOptions::new().durability(Durability::Synced);
        let prepared = store.prepare(writer, &view, &own, Vec::new(), Footprint::default(), &append)?;
        let receipt = writer.journal.append(prepared, Store::queue_options(writer, &append))?;
        Ok(receipt.last())
    }
}
