//! What stays of retired segments: nothing else tells what it says, so it has to be there and whole.

use std::sync::Arc;

use tidegate_disk::{Disk, Mode};
use tidegate_format::{Position, SegmentHeader};
use tidegate_segment::cache::FileCache;
use tidegate_segment::indexing::{list_remainders, remainder_path};
use tidegate_segment::{HashKey, Segment, files};

use super::log_scan::LogScan;
use crate::backend::seed;
use crate::report::fault::{Fault, RESTORE, Remark};
use crate::settings::OpenFiles;

/// Checks what stays of the segments below the floor of a log.
pub(super) fn check_remainders(disk: &Arc<dyn Disk>, found: &mut LogScan) {
    let floor = found.floor.first;
    // If the folder cannot be listed, that is told already.
    let names = list_remainders(&**disk).unwrap_or_default();
    for first in names.into_iter().filter(|first| *first >= floor) {
        let text = "a retirement did not come to its end; the next opening for writing removes it";
        found.remarks.push(Remark::new(remainder_path(first), text));
    }
    let Some(key) = found.seed.map(seed).filter(|_| floor > Position(1)) else { return };
    // If nothing begins at the floor, that is told already.
    let Some(mut next) = head_at(&**disk, floor, key) else { return };
    let cache = FileCache::new(Arc::clone(disk), false, OpenFiles::default());
    while next.before_first != Position::START {
        let segment = match Segment::find_retired(&cache, next.before_first, &next, key) {
            Ok(segment) => segment,
            Err(error) => {
                found.faults.push(Fault::new(error, RESTORE));
                break;
            }
        };
        if let Err(error) = segment.verify_remainder(&cache) {
            found.faults.push(Fault::new(error, RESTORE));
        }
        next = *segment.head();
    }
}

/// Returns the head of the segment that begins at a position, if it can be read.
fn head_at(disk: &dyn Disk, first: Position, key: HashKey) -> Option<SegmentHeader> {
    let name = files::find(disk, first).ok()??;
    Segment::open(disk, name, Mode::Read, key).ok().map(|segment| *segment.head())
}
