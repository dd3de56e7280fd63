//! Saved states of projections, in files that can be deleted at any time.
//!
//! They are never truth. A file that is damaged, of another store, of another query or of another history up to its
//! position is rejected, and the state is folded anew.
//!
//! | offset | bytes | field | meaning |
//! |---:|---:|---|---|
//! | 0 | 4 | magic | `f7 54 47 70` |
//! | 4 | 4 | checksum | CRC-32C of everything after it |
//! | 8 | 4 | format | 1 |
//! | 12 | 4 | version | of the projection |
//! | 16 | 16 | store | its id |
//! | 32 | 8 | position | the last position that was looked at |
//! | 40 | 32 | leaf | leaf hash of the event there; zeros for position 0 |
//! | 72 | 32 | query | SHA-256 of the query as text |
//! | 104 | | body | `MessagePack`: the parked events, then the state |
//!
//! All numbers are little-endian. The leaf says that the log is the one the state came of: a log that lost its
//! end in a crash and grew again has another event there.

use std::sync::Arc;

use tidegate_disk::replace::remove_if_there;
use tidegate_disk::{Disk, FileLock};
use tidegate_format::{Error, Hash, Position, Result, StoreId, StreamId, hash};
use tidegate_segment::write_error;

use super::projection::Projection;
use super::reading::PoisonEvent;
use crate::backend::{read, replace};
use crate::read::{Query, View};
use crate::subscription::StateDir;

const MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'p'];
const FORMAT: u32 = 1;
const CRC: usize = 4;
const CHECKED: usize = 8;
const VERSION: usize = 12;
const STORE: usize = 16;
const POSITION: usize = 32;
const LEAF: usize = 40;
const QUERY: usize = 72;
const BODY: usize = 104;

/// The folder of saved states, which holds one for each projection.
pub(crate) use crate::backend::PROJECTIONS;
/// The largest saved state.
pub(crate) const STATE_BYTES_MAX: u64 = 1 << 30;

/// Names of the saved states of a projection, and what they must fit.
#[derive(Debug)]
pub(super) struct SnapshotFile {
    folder: String,
    /// Tells the states of one projection apart: `all`, or the hash of a stream.
    part: String,
    store: StoreId,
    query: Hash,
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
        Self { folder, part, store, query: hash::sha256(query.to_string().as_bytes()) }
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
    pub(super) fn read<P: Projection>(&self, disk: &dyn Disk, view: &View) -> Result<Option<Snapshot<P>>> {
        let name = self.name(P::VERSION);
        let Some(bytes) = read(disk, &name, STATE_BYTES_MAX)? else { return Ok(None) };
        self.decode(&bytes, view).map(Some).map_err(|error| error.in_file(&name, None))
    }

    fn encode<P: Projection>(&self, leaf: Hash, saved: &Snapshot<&P>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; BODY];
        bytes[..CRC].copy_from_slice(&MAGIC);
        bytes[CHECKED..VERSION].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[VERSION..STORE].copy_from_slice(&u32::from(P::VERSION).to_le_bytes());
        bytes[STORE..POSITION].copy_from_slice(&self.store.0);
        bytes[POSITION..LEAF].copy_from_slice(&saved.position.0.to_le_bytes());
        bytes[LEAF..QUERY].copy_from_slice(&leaf.0);
        bytes[QUERY..BODY].copy_from_slice(&self.query.0);
        let parked: Vec<(u64, &str)> =
            saved.parked.iter().map(|parked| (parked.position.0, &*parked.reason)).collect();
        rmp_serde::encode::write_named(&mut bytes, &(parked, saved.state)).map_err(|cause| {
            Error::invalid(format!("the state of {} cannot be written", P::NAME)).because(cause)
        })?;
        if bytes.len() as u64 > STATE_BYTES_MAX {
            let message =
                format!("the state of {} has {} bytes, the limit is {STATE_BYTES_MAX}", P::NAME, bytes.len());
            return Err(Error::invalid(message));
        }
        let crc = hash::crc(0, &bytes[CHECKED..]);
        bytes[CRC..CHECKED].copy_from_slice(&crc.to_le_bytes());
        Ok(bytes)
    }

    fn decode<P: Projection>(&self, bytes: &[u8], view: &View) -> Result<Snapshot<P>> {
        let SnapshotHeader { version, store, position, leaf } = SnapshotHeader::read(bytes)?;
        if version != u32::from(P::VERSION) {
            return rejected("it is of another version", P::VERSION, version);
        }
        if store != self.store {
            return rejected("it is of another store", self.store, store);
        }
        if bytes[QUERY..BODY] != self.query.0 {
            return rejected("it is of another query", self.query, "another hash");
        }
        match view.leaf(position)? {
            None => return rejected("it is ahead of the log", view.head(), position),
            Some(found) if leaf != found => {
                return rejected("the log went another way", found, leaf);
            }
            Some(_) => {}
        }
        let (parked, state): (Vec<(u64, String)>, P) =
            rmp_serde::from_slice(&bytes[BODY..]).map_err(|cause| {
                Error::damaged("the saved state is rejected: it has another type", P::NAME, "another")
                    .because(cause)
            })?;
        let parked =
            parked.into_iter().map(|(position, reason)| PoisonEvent { position: Position(position), reason });
        Ok(Snapshot { state, position, parked: parked.collect() })
    }
}

/// Header of a saved state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotHeader {
    /// The version of its projection.
    pub(crate) version: u32,
    pub(crate) store: StoreId,
    pub(crate) position: Position,
    pub(crate) leaf: Hash,
}

impl SnapshotHeader {
    /// Reads it from all the bytes of a saved state, whose checksum must hold.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() < BODY || bytes[..CRC] != MAGIC {
            return rejected("it is not one", "a saved state", format!("{} other bytes", bytes.len()));
        }
        let (found, crc) = (number(bytes, CRC), hash::crc(0, &bytes[CHECKED..]));
        if found != crc {
            return rejected("its checksum does not hold", format!("{crc:08x}"), format!("{found:08x}"));
        }
        if number(bytes, CHECKED) != FORMAT {
            return rejected("it is of another format", FORMAT, number(bytes, CHECKED));
        }
        let low = u64::from(number(bytes, POSITION));
        let position = Position(low | u64::from(number(bytes, POSITION + 4)) << 32);
        let (mut store, mut leaf) = (StoreId([0; 16]), Hash::ZERO);
        store.0.copy_from_slice(&bytes[STORE..POSITION]);
        leaf.0.copy_from_slice(&bytes[LEAF..QUERY]);
        Ok(Self { version: number(bytes, VERSION), store, position, leaf })
    }
}

fn rejected<T>(what: &str, expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Result<T> {
    Err(Error::damaged(format!("the saved state is rejected: {what}"), expected, found))
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let mut digits = [0; 4];
    digits.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(digits)
}
