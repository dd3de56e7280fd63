//! A store as it is durable at one moment, to be copied from.

use std::sync::Arc;

use tidegate_disk::{Disk, Env, File, Mode};
use tidegate_format::limit::FLOOR_FILE_BYTES_MAX;
use tidegate_format::{
    Error, ErrorKind, FloorFile, Hash, Position, Result, SegmentHeader, SegmentName, StoreFile,
};
use tidegate_segment::indexing::remainder_path;
use tidegate_segment::{Segment, path};

use super::placing::unread;
use crate::backend::{BYTES_MAX, FLOOR, as_store, list, read, read_backup, read_store};
use crate::read::View;
use crate::settings::StoreOptions;
use crate::store::StoreReader;
use crate::subscription::cursor::{CURSORS, CursorState, check_name};

/// A store, or a backup of one, and what of it is durable.
#[derive(Debug)]
pub(super) struct Source {
    /// The directory whose files are linked or copied.
    pub(super) directory: Arc<dyn Disk>,
    /// The store file.
    pub(super) store: StoreFile,
    pub(super) reader: StoreReader,
    pub(super) view: View,
    /// Its segments, in order; the last one may grow.
    pub(super) segments: Vec<SourceSegment>,
    /// Where it begins, if its first segments were retired.
    pub(super) floor: Option<FloorFile>,
    /// The files that stay of those.
    pub(super) remainders: Vec<String>,
    /// What its cursors were before the log was read, so that none is ahead of it.
    pub(super) cursors: Vec<SourceCursor>,
}

#[derive(Debug)]
pub(super) struct SourceSegment {
    pub(super) segment: Arc<Segment>,
    /// Where its frames end.
    pub(super) length: u64,
    /// Its last position.
    pub(super) last: Position,
}

#[derive(Debug)]
pub(super) struct SourceCursor {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// How far it is, and the last position that it knows anything of; `None` if its file does not say so.
    pub(super) place: Option<(Position, Position)>,
}

impl SourceSegment {
    pub(super) fn file_name(&self) -> SegmentName {
        self.segment.file_name()
    }

    pub(super) fn name(&self) -> String {
        path(self.file_name())
    }

    /// Returns its file: the one that the reader has open if it may grow, since another one may stand under its name by now.
    pub(super) fn file(&self, directory: &dyn Disk) -> Result<Arc<dyn File>> {
        let name = self.name();
        let by_name = |_| directory.open(&name, Mode::Read).map_err(|cause| unread(&name, cause));
        self.segment.file().or_else(by_name)
    }

    pub(super) fn header(&self) -> &SegmentHeader {
        self.segment.head()
    }
}

impl Source {
    /// Looks at a directory. Nothing is written to it.
    pub(super) fn open(env: &Env) -> Result<Self> {
        let as_store = as_store(env.clone())?;
        let cursors = cursors(&*as_store.disk)?;
        let reader = StoreOptions::new().thread(false).open_reader_in(as_store.clone())?;
        let store = read_store(&*as_store.disk)?;
        let store = store.ok_or_else(|| Error::new(ErrorKind::Missing, "the store file is gone"))?;
        let view = whole_view(&reader)?;
        let segments = segments(&view);
        let (floor, remainders) = retired(&*as_store.disk, &view)?;
        Ok(Self {
            directory: Arc::clone(&env.disk),
            store,
            reader,
            view,
            segments,
            floor,
            remainders,
            cursors,
        })
    }

    /// Looks at the directory again, with the same reader. Returns whether it holds the same store.
    pub(super) fn look_again(&mut self) -> Result<bool> {
        let disk = Arc::clone(&self.reader.env().disk);
        let Some(store) = read_store(&*disk)? else { return Ok(false) };
        if (store.id, store.salt) != (self.store.id, self.store.salt) {
            return Ok(false);
        }
        // Before the log is read, as when it was opened.
        self.cursors = cursors(&*disk)?;
        let mut view = whole_view(&self.reader)?;
        if view.log().segments.iter().any(|segment| segment.mask().is_some()) {
            // What is erased may be gone from the files by now.
            view = whole_view(&self.reader)?;
        }
        (self.floor, self.remainders) = retired(&*disk, &view)?;
        (self.store, self.segments) = (store, segments(&view));
        self.view = view;
        Ok(true)
    }

    /// Returns its last durable position.
    pub(super) fn until(&self) -> Position {
        self.segments.last().map_or(Position::START, |segment| segment.last)
    }

    /// Returns the length of one of its files.
    pub(super) fn length(&self, name: &str) -> Result<u64> {
        let file = self.directory.open(name, Mode::Read);
        file.and_then(|file| file.length()).map_err(|cause| unread(name, cause))
    }

    /// Returns the root of the tree over the events up to a position.
    pub(super) fn root(&self, until: Position) -> Result<Hash> {
        root_of(&self.reader, until)
    }
}

/// Returns a view of all that is durable, if it is whole.
fn whole_view(reader: &StoreReader) -> Result<View> {
    let view = reader.view()?;
    if let Some(damage) = view.damage() {
        let error = damage.clone();
        return Err(error.advise("only a whole store is copied; save what is whole of it first"));
    }
    Ok(view)
}

/// Returns the floor of a log and the files that stay of what is below it.
fn retired(disk: &dyn Disk, view: &View) -> Result<(Option<FloorFile>, Vec<String>)> {
    let floor = read(disk, FLOOR, FLOOR_FILE_BYTES_MAX as u64)?;
    let floor = floor.map(|bytes| FloorFile::read(&bytes)).transpose()?;
    if floor.as_ref().map_or(Position(1), |floor| floor.first) != view.floor() {
        let message = "the beginning of the store was retired just now; try again";
        return Err(Error::new(ErrorKind::Io, message));
    }
    let retired = view.log().segments.iter().take_while(|segment| segment.is_retired());
    Ok((floor, retired.map(|segment| remainder_path(segment.first())).collect()))
}

/// Returns whether a directory is a backup.
pub(super) fn is_backup(env: &Env) -> Result<bool> {
    read_backup(&*env.disk).map(|backup| backup.is_some())
}

/// Returns the root of the tree over the events of a store up to a position.
#[cfg(feature = "proofs")]
pub(super) fn root_of(reader: &StoreReader, until: Position) -> Result<Hash> {
    reader.proofs().root(until.0)
}

/// Returns the root of the tree over the events of a store up to a position.
#[cfg(not(feature = "proofs"))]
pub(super) fn root_of(reader: &StoreReader, until: Position) -> Result<Hash> {
    let mut root = crate::report::rewrite::LogRoot::default();
    let view = reader.view()?;
    for position in (1..=until.0).map(Position) {
        root.push(view.leaf(position)?.unwrap_or(Hash::ZERO));
    }
    Ok(root.root())
}

fn segments(view: &View) -> Vec<SourceSegment> {
    let segments = view.log().recorded();
    let behind = segments.iter().skip(1).map(Some).chain([None]);
    let one = |(segment, behind): (&Arc<Segment>, Option<&Arc<Segment>>)| {
        let length = behind.map_or(segment.tail(), |behind| behind.head().before_length).0;
        let last = behind.map_or(segment.next(), |behind| behind.first()).before();
        SourceSegment { segment: Arc::clone(segment), length, last }
    };
    segments.iter().zip(behind).map(one).collect()
}

fn cursors(disk: &dyn Disk) -> Result<Vec<SourceCursor>> {
    let mut found = Vec::new();
    for name in list(disk, CURSORS)? {
        if check_name(&name).is_err() {
            continue;
        }
        // One that is removed meanwhile is gone.
        let Some(bytes) = read(disk, &format!("{CURSORS}/{name}"), BYTES_MAX)? else { continue };
        let state = CursorState::read(&bytes).ok();
        let place = state.map(|state| {
            let known = [state.acked.last().copied(), state.parked.keys().next_back().copied()];
            (state.position, known.into_iter().flatten().fold(state.position, Position::max))
        });
        found.push(SourceCursor { name, bytes, place });
    }
    Ok(found)
}
