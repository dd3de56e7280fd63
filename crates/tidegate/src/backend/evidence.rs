//! Evidence of durability: what stands beside the log and proves how far it once went.
//!
//! The watermark says so itself. An index file is made of a segment only once another one follows it, and a cursor is
//! kept only once what it stands on is durable. Opening for writing, opening for reading, the doctor and salvage all
//! judge the end of a log here, so that one state has one verdict.
//!
//! Invariants:
//!
//! P1. It is gathered before the log is looked at, so that a writer at work makes the log only longer than it says.
//! P2. What is missing, damaged, unreadable or of another store proves nothing.

use tidegate_disk::{Disk, Mode};
use tidegate_format::{
    Error, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentName, StoreId, Watermark, hash,
};
use tidegate_segment::indexing::list_indexes;
use tidegate_segment::{Segment, index_path, path};

use super::identity::{CURSORS, io, seed};
use super::state_files;

/// What a cursor's file begins with, in the format of this program.
const CURSOR_LINES: &str = "tidegate cursor\nformat 1\n";

/// What other files than the watermark say, before it is known to which store they should belong.
#[derive(Debug, Default)]
pub(crate) struct EvidenceFiles {
    /// The names of index files, in order.
    indexes: Vec<SegmentName>,
    cursors: Vec<CursorMark>,
}

/// How far a cursor got.
#[derive(Debug)]
struct CursorMark {
    file: String,
    store: StoreId,
    position: Position,
}

/// What proves how far the log of a store once went.
#[derive(Debug)]
pub(crate) struct DurabilityEvidence {
    pub(crate) watermark: Option<Watermark>,
    files: EvidenceFiles,
    /// Id and salt of the store.
    store: (StoreId, u64),
    /// What its index files are hashed with, if its store file says it.
    seed: Option<u64>,
}

impl EvidenceFiles {
    /// Looks at what is there. Keeps P1.
    pub(crate) fn read(disk: &dyn Disk) -> Self {
        let mut cursors = Vec::new();
        for name in state_files::list(disk, CURSORS).unwrap_or_default() {
            let file = format!("{CURSORS}/{name}");
            // Keeps P2.
            let Ok(Some(bytes)) = state_files::read(disk, &file, state_files::BYTES_MAX) else { continue };
            if let Some((store, position)) = std::str::from_utf8(&bytes).ok().and_then(read_cursor) {
                cursors.push(CursorMark { file, store, position });
            }
        }
        Self { indexes: list_indexes(disk), cursors }
    }
}

impl DurabilityEvidence {
    pub(crate) fn new(
        watermark: Option<Watermark>,
        files: EvidenceFiles,
        store: (StoreId, u64),
        seed: Option<u64>,
    ) -> Self {
        Self { watermark, files, store, seed }
    }

    /// The last position that something here says was durable.
    pub(crate) fn durable(&self) -> Position {
        let watermark = self.watermark.map_or(Position::START, |mark| mark.durable);
        self.cursor().map_or(watermark, |cursor| cursor.position.max(watermark))
    }

    /// The cursor that got furthest.
    fn cursor(&self) -> Option<&CursorMark> {
        let own = self.files.cursors.iter().filter(|cursor| cursor.store == self.store.0);
        own.max_by_key(|cursor| cursor.position)
    }

    /// The last sealed segment from `newest` on that an index file knows of: the file, and where the one behind it began.
    fn sealed_from(&self, disk: &dyn Disk, newest: Position) -> Option<(String, Position)> {
        let names = self.files.indexes.iter().rev().take_while(|name| name.first >= newest);
        let proofs = names.filter_map(|name| {
            let (head, behind) = Segment::of_index(disk, *name, seed(self.seed?))?;
            let is_own = (head.store, head.salt) == self.store && head.first >= newest;
            is_own.then(|| (index_path(*name), behind))
        });
        proofs.max_by_key(|(_, behind)| *behind)
    }

    /// Whether the newest of these segments never got its head, and nothing says that it ever held an event: opening
    /// for writing takes it away, and all others pass over it.
    pub(crate) fn lacks_header(&self, disk: &dyn Disk, names: &[SegmentName]) -> Result<bool> {
        let [.., before, newest] = *names else { return Ok(false) };
        // One of a later generation was whole before it had its name, as was the one that it took the place of.
        if newest.generation > 0 {
            return Ok(false);
        }
        let name = path(newest);
        let file = match disk.open(&name, Mode::Read) {
            // A writer that opens the store has just taken it away.
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(|cause| io("it cannot be opened", &name, cause))?,
        };
        let length = file.length().map_err(|cause| io("its length is unknown", &name, cause))?;
        let is_known = self.durable() >= newest.first || self.sealed_from(disk, before.first).is_some();
        Ok(length < SEGMENT_HEADER_BYTES as u64 && !is_known)
    }

    /// Returns the damage, if the log ends before `next` although something says that it went on. The frames of the
    /// newest segment end at the byte `tail`, and `why` says why they end there.
    pub(crate) fn beyond(
        &self,
        disk: &dyn Disk,
        newest: SegmentName,
        tail: Offset,
        next: Position,
        why: Option<&Error>,
    ) -> Option<Error> {
        let last = next.before();
        let found = || why.map_or_else(|| "the end of the file".to_owned(), |why| why.message().to_owned());
        let here = |error: Error| Some(error.in_file(&path(newest), Some(tail)));
        if let Some(mark) = self.watermark.filter(|mark| mark.durable >= next) {
            if mark.segment > newest.first && mark.segment >= next {
                let expected = format!("positions {next} to {}", mark.durable);
                let error = Error::damaged("a segment is missing", expected, "no such file");
                return Some(error.in_file(&path(mark.segment), None));
            }
            let message =
                format!("the log ends at position {last}, and the watermark says that more was durable");
            return here(Error::damaged(message, format!("position {}", mark.durable), found()));
        }
        if let Some((file, behind)) = self.sealed_from(disk, newest.first) {
            let message = format!("a segment is missing: {file} was made when another segment followed");
            let error =
                Error::damaged(message, format!("positions from {} on", behind.max(next)), "no such file");
            let error = error.in_file(&path(behind.max(next)), None);
            return Some(error.advise(&meant_to_end(&file)));
        }
        let cursor = self.cursor().filter(|cursor| cursor.position >= next)?;
        let message = format!("the log ends at position {last}, and {} has read further", cursor.file);
        let error = Error::damaged(message, format!("position {} at least", cursor.position), found());
        here(error.advise(&meant_to_end(&cursor.file)))
    }
}

fn meant_to_end(file: &str) -> String {
    format!("if the log is meant to end there, move {file} away")
}

/// The store and the position in the text of a cursor, if its checksum holds.
fn read_cursor(text: &str) -> Option<(StoreId, Position)> {
    let (body, last) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let stated = last.strip_prefix("checksum ")?;
    let found = hash::crc(hash::crc(0, body.as_bytes()), b"\n");
    let body = body.strip_prefix(CURSOR_LINES).filter(|_| stated == format!("{found:08x}"))?;
    let field = |name: &str| body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Some((field("store")?.parse().ok()?, Position(field("position")?.parse().ok()?)))
}
