//! Saved states of projections, in files that can be deleted at any time.
//!
//! They are never truth. A file that is damaged, of another store, of another query or of another history up to its
//! position is rejected, and the state is folded anew.
//!
//! One that came of an event which was erased later is rejected too: it may tell what the payload said. The header's bytes
//! are in `backend/saved_state.rs`.

use std::sync::Arc;

use tidegate_disk::replace::remove_if_there;
use tidegate_disk::{Disk, FileLock};
use tidegate_format::{Error, Hash, Position, Result, StoreId, StreamId, hash};
use tidegate_segment::write_error;

use super::projection::Projection;
use super::reading::PoisonEvent;
use crate::backend::{PROJECTIONS, STATE_BYTES_MAX, SnapshotHeader, read, rejected, replace};
use crate::read::{Query, View, is_touched};
use crate::subscription::StateDir;

/// Names of the saved states of a projection, and what they must fit.
#[derive(Debug)]
pub(super) struct SnapshotFile {
    folder: String,
    /// Tells the states of one projection apart: `all`, or the hash of a stream.
    part: String,
    store: StoreId,
    query: Query,
}

/// Where the states of a projector are saved.
#[derive(Debug)]
pub(super) enum SnapshotPlace {
    /// In the store, by its writer.
    Store(Arc<dyn Disk>),
    /// In a directory outside the store, by any process: the last one that saves wins.
    Directory(StateDir),
    /// They are only read: the store is open for reading only.
    Nowhere(Arc<dyn Disk>),
}

impl SnapshotPlace {
    pub(super) fn disk(&self) -> &dyn Disk {
        match self {
            Self::Store(disk) | Self::Nowhere(disk) => &**disk,
            Self::Directory(dir) => &**dir.disk(),
        }
    }
}

/// A state as a file has it.
pub(super) struct Snapshot<P> {
    pub(super) state: P,
    pub(super) position: Position,
    pub(super) parked: Vec<PoisonEvent>,
    /// The last event that says what is erased which was known before the first event was taken in.
    pub(super) erased: Position,
    /// How many events were left out because they are erased.
    pub(super) left_out: u64,
}

impl SnapshotFile {
    pub(super) fn new<P: Projection>(store: StoreId, stream: Option<&StreamId>, query: &Query) -> Self {
        let part = stream.map_or_else(
            || "all".to_owned(),
            |stream| {
                let parts: [&[u8]; 3] =
                    [stream.scope.as_bytes(), stream.entity.as_bytes(), &stream.lane.to_le_bytes()];
                hash::parts(b"stream", &parts).to_string()[..32].to_owned()
            },
        );
        let folder = format!("{PROJECTIONS}/{}", P::NAME);
        Self { folder, part, store, query: query.clone() }
    }

    fn name(&self, version: u16) -> String {
        format!("{}/{}.{version}", self.folder, self.part)
    }

    /// Writes a state, durable under its name before this returns.
    pub(super) fn write<P: Projection>(
        &self,
        disk: &dyn Disk,
        leaf: Hash,
        saved: &Snapshot<&P>,
    ) -> Result<()> {
        let name = self.name(P::VERSION);
        let bytes = self.encode(leaf, saved)?;
        replace(disk, &self.folder, &name, &bytes)
    }

    /// Locks the states of this part while they are written: two processes would write beside each other's file.
    pub(super) fn lock(&self, dir: &StateDir) -> Result<Box<dyn FileLock>> {
        dir.lock(&self.folder, &format!("{}/{}", self.folder, self.part))
    }

    /// Removes the states of earlier versions.
    pub(super) fn remove_earlier(&self, disk: &dyn Disk, version: u16) -> Result<()> {
        let at =
            |cause| write_error("the state of an earlier version cannot be removed", &self.folder, cause);
        for name in disk.list(&self.folder).map_err(at)? {
            let earlier = name
                .strip_prefix(&self.part)
                .and_then(|rest| rest.strip_prefix('.'))
                .and_then(|digits| digits.parse::<u16>().ok())
                .is_some_and(|found| found < version);
            if earlier {
                remove_if_there(disk, &format!("{}/{name}", self.folder)).map_err(at)?;
            }
        }
        Ok(())
    }

    /// Removes the state of a version.
    pub(super) fn remove(&self, disk: &dyn Disk, version: u16) -> Result<()> {
        let name = self.name(version);
        let at = |cause| write_error("the state of a projection cannot be removed", &name, cause);
        remove_if_there(disk, &name).map_err(at)?;
        match disk.sync_folder(&self.folder) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(at(cause)),
            _ => Ok(()),
        }
    }

    /// Returns the saved state, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// The reason why it is rejected, and those of reading.
    pub(super) fn read<P: Projection>(
        &self,
        disk: &dyn Disk,
        view: &View,
        erased: Position,
    ) -> Result<Option<Snapshot<P>>> {
        let name = self.name(P::VERSION);
        let Some(bytes) = read(disk, &name, STATE_BYTES_MAX)? else { return Ok(None) };
        self.decode(&bytes, view, erased).map(Some).map_err(|error| error.in_file(&name, None))
    }

    fn encode<P: Projection>(&self, leaf: Hash, saved: &Snapshot<&P>) -> Result<Vec<u8>> {
        let (version, store, query) = (u32::from(P::VERSION), self.store, self.query.to_string());
        let (position, erased) = (saved.position, saved.erased);
        let mut bytes = SnapshotHeader { version, store, position, leaf, erased, query: &query }.encode();
        let parked: Vec<(u64, &str)> =
            saved.parked.iter().map(|parked| (parked.position.0, &*parked.reason)).collect();
        rmp_serde::encode::write_named(&mut bytes, &(parked, saved.left_out, saved.state)).map_err(
            |cause| Error::invalid(format!("the state of {} cannot be written", P::NAME)).because(cause),
        )?;
        if bytes.len() as u64 > STATE_BYTES_MAX {
            let message =
                format!("the state of {} has {} bytes, the limit is {STATE_BYTES_MAX}", P::NAME, bytes.len());
            return Err(Error::invalid(message));
        }
        SnapshotHeader::seal(&mut bytes);
        Ok(bytes)
    }

    /// Reads a state. `erased` is the last event that says what is erased.
    fn decode<P: Projection>(&self, bytes: &[u8], view: &View, erased: Position) -> Result<Snapshot<P>> {
        let (header, body) = SnapshotHeader::read(bytes)?;
        let SnapshotHeader { version, store, position, leaf, erased: known, query } = header;
        if version != u32::from(P::VERSION) {
            return rejected("it is of another version", P::VERSION, version);
        }
        if store != self.store {
            return rejected("it is of another store", self.store, store);
        }
        if query != self.query.to_string() {
            return rejected("it is of another query", &self.query, query);
        }
        match view.leaf(position)? {
            None => return rejected("it is ahead of the log", view.head(), position),
            Some(found) if leaf != found => {
                return rejected("the log went another way", found, leaf);
            }
            Some(_) => {}
        }
        if is_touched(view, &self.query, (known, erased), position)? {
            return rejected(
                "an event that it came of was erased since",
                "none",
                format!("up to position {erased}"),
            );
        }
        let (parked, left_out, state): (Vec<(u64, String)>, u64, P) =
            rmp_serde::from_slice(body).map_err(|cause| {
                Error::damaged("the saved state is rejected: it has another type", P::NAME, "another")
                    .because(cause)
            })?;
        let parked =
            parked.into_iter().map(|(position, reason)| PoisonEvent { position: Position(position), reason });
        Ok(Snapshot { state, position, parked: parked.collect(), erased, left_out })
    }
}
