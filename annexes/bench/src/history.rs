//! The history that is read: written once, closed, and opened again as after a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tidegate::{AppendOptions, Draft, EventId, Position, Query, Store, StoreOptions};
use tidegate_disk::{Block, Disk, Mode, NativeDisk};
use tidegate_format::SegmentName;

use crate::Failure;
use crate::log::draft;
use crate::row::{median, seconds};
use crate::sample::{SCOPE, Sample, mix};
use crate::settings::Settings;

/// Tags of the history; every event has one of them.
const TAGS: u64 = 100;

/// A store with a long history, open.
pub(crate) struct History {
    pub(crate) store: Store,
    pub(crate) events: u64,
    /// Positions up to this one are in sealed segments.
    pub(crate) sealed: u64,
    pub(crate) ids: Vec<EventId>,
    /// The files of the sealed segments, mapped.
    pub(crate) blocks: Vec<Block>,
    /// Median seconds of opening the store.
    pub(crate) open: f64,
    /// Bytes of all files beyond names and payloads, for each event.
    pub(crate) overhead: f64,
    /// Where the files of the segments are.
    pub(crate) segments: PathBuf,
    _place: TempDir,
}

impl History {
    /// Writes the history, or `None` if no row of reading is asked for.
    pub(crate) fn write(settings: &Settings, place: &Path) -> Result<Option<Self>, Failure> {
        if settings.only.as_ref().is_some_and(|only| {
            ["append", "graph", "delivery", "processor", "kill", "close", "cold"]
                .iter()
                .any(|rows| only.contains(rows))
        }) {
            return Ok(None);
        }
        eprintln!("a history of {} events", settings.history);
        let place = tempfile::tempdir_in(place)?;
        let directory = place.path().join("store");
        // Segments are small enough for a short history to have sealed ones too.
        let segment_bytes = if settings.quick { 8 << 20 } else { 64 << 20 };
        let options = StoreOptions::new().segment_bytes(segment_bytes);
        let asked = fill(&options.open(&directory)?, settings)?;
        let opened: Vec<f64> = (0..3)
            .map(|_| {
                let (time, store) = seconds(|| options.open(&directory));
                store?.close()?;
                Ok(time)
            })
            .collect::<Result<_, Failure>>()?;
        let open = median(opened.into_iter());
        let kept = directory_bytes(&directory)?;
        let events = settings.history;
        let overhead = (kept as f64 - asked as f64) / events as f64;
        let store = options.open(&directory)?;
        let ids = store.read(&Query::ALL)?.map(|event| Ok(event?.id()));
        let ids = ids.collect::<Result<_, Failure>>()?;
        let (blocks, sealed) = map_sealed(&directory)?;
        let segments = directory.join("segments");
        Ok(Some(Self { store, events, sealed, ids, blocks, open, overhead, segments, _place: place }))
    }
}

/// Fills the store and returns the bytes of names and payloads that it was asked to keep.
fn fill(store: &Store, settings: &Settings) -> Result<u64, Failure> {
    let mut asked = 0;
    let mut next = 0;
    while next < settings.history {
        let end = settings.history.min(next + 1000);
        let drafts: Vec<Draft> = (next..end)
            .map(|number| draft(Sample::new(number, settings.entities)).tag(tag(mix(number))))
            .collect();
        for draft in &drafts {
            let names = draft.stream.scope.len() + draft.stream.entity.len() + draft.kind.len();
            let tags: usize = draft.tags.iter().map(|tag| tag.len()).sum();
            asked += (names + tags + draft.payload.len()) as u64;
        }
        store.append_with(drafts, AppendOptions::new().buffered())?;
        next = end;
    }
    store.close()?;
    Ok(asked)
}

/// Returns one of the tags.
pub(crate) fn tag(number: u64) -> String {
    format!("branch:{:03}", number % TAGS)
}

fn directory_bytes(directory: &Path) -> Result<u64, Failure> {
    let mut total = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() { directory_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(total)
}

/// Maps all segments but the last, and says which position is the last in them.
fn map_sealed(directory: &Path) -> Result<(Vec<Block>, u64), Failure> {
    let disk: Arc<dyn Disk> = Arc::new(NativeDisk::new(directory));
    let mut firsts: Vec<Position> = disk
        .list("segments")?
        .iter()
        .filter_map(|name| Some(SegmentName::parse(name.strip_suffix(".seg")?)?.first))
        .collect();
    firsts.sort_unstable();
    let active = firsts.pop().ok_or("the store has no segment")?;
    let mut blocks = Vec::new();
    for first in firsts {
        let file = disk.open(&format!("segments/{}.seg", SegmentName::new(first)), Mode::Read)?;
        blocks.push(file.map(file.length()?)?);
    }
    if blocks.is_empty() {
        return Err("the history is too short to have a sealed segment".into());
    }
    Ok((blocks, active.before().0))
}

impl History {
    /// Returns a position in a sealed segment that looks random.
    pub(crate) fn sealed_position(&self, number: u64) -> Position {
        Position(1 + mix(number) % self.sealed)
    }

    /// Returns the stream id of an entity.
    pub(crate) fn stream(entity: String) -> Query {
        Query::stream((SCOPE, entity))
    }
}
