//! A folder of tiles: the tree of a log as static files ([tlog-tiles](https://c2sp.org/tlog-tiles)), which any web server can
//! hand out and any client of that format reads.
//!
//! Invariants:
//!
//! X1. The folder's checkpoint covers only what is durable beside it: it is written last.
//! X2. Every hash that is written was computed from records of the log, or belongs to the root of the folder's checkpoint,
//!     which is that of the log.
//! X3. What a client with the folder's checkpoint reads never changes. A partial tile goes only once its full form is there.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use tidegate_disk::replace::{remove_if_there, replace};
use tidegate_disk::{Disk, Env, Mode};
use tidegate_format::record::ENTRY_BYTES;
use tidegate_format::{Error, ErrorKind, Hash, Position, Result};
use tidegate_proof::limit::NOTE_BYTES_MAX;
use tidegate_proof::tree::{TILE_WIDTH, Tile, TileEdge, TileSource, bundle, leaf_hash};
use tidegate_proof::{Checkpoint, SignedCheckpoint};
use tidegate_segment::write_error;

use super::prover::Proofs;
use crate::read::{Query, ReadOptions, View};

/// The file that says what the folder holds.
const CHECKPOINT: &str = "checkpoint";
/// Keeps two exports apart.
const LOCK: &str = ".lock";
/// Leaves under a full tile of level 0.
const TILE_LEAVES: u64 = TILE_WIDTH as u64;

/// How tiles are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TilesOptions {
    entries: bool,
    verify: bool,
}

impl TilesOptions {
    /// Returns the usual ones: hashes alone, and only what the folder lacks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the entries of events are written too, 136 bytes each, which tell positions, versions, times, ids and
    /// lengths, and neither names nor payloads.
    #[must_use]
    pub fn entries(self, entries: bool) -> Self {
        Self { entries, ..self }
    }

    /// Sets whether every tile is computed again from the log, from the first event on, and what is wrong or missing in the
    /// folder written anew. Otherwise a tile that is full and left of the edge is believed to be what an earlier export
    /// wrote: a client would notice a wrong one, and the export does not.
    #[must_use]
    pub fn verify(self, verify: bool) -> Self {
        Self { verify, ..self }
    }
}

/// What an export of tiles wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TilesReport {
    /// How many events the folder had.
    pub old: u64,
    /// How many events it has now.
    pub new: u64,
    /// The number of files that were written, without the checkpoint.
    pub files: u64,
    /// Whether the folder lacked tiles, or had wrong ones, and all were written anew.
    pub mended: bool,
}

impl Proofs {
    /// Writes the tree under a checkpoint into a folder as [tlog-tiles](https://c2sp.org/tlog-tiles) has it: the file
    /// `checkpoint`, the tiles, and the entries of events if they are asked for. Any web server can hand out the folder.
    ///
    /// A folder with an older checkpoint of the log is continued. Every hash is computed from records. The checkpoint is
    /// written last, so an export that is interrupted leaves the folder as it was for its readers, and another one goes on.
    /// Of what an earlier export wrote, the tiles at the edge are compared with the checkpoint in the folder, and the others
    /// if [`verify`](TilesOptions::verify) says so.
    ///
    /// ```
    /// use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, KeyFile, TilesOptions};
    /// use tidegate::{Draft, Store};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let (key, tiles) = (folder.path().join("keys/shop.key"), folder.path().join("tiles"));
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
    /// let checkpoint = store.proofs().checkpoint(&signer)?;
    /// let report = store.proofs().export_tiles(&checkpoint, &tiles, TilesOptions::new())?;
    /// assert_eq!((report.old, report.new), (0, 1));
    /// assert_eq!(std::fs::read(tiles.join("tile/0/000.p/1"))?, store.proofs().root(1)?.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// * [`Invalid`](ErrorKind::Invalid) if the checkpoint is of another store, or the folder of another origin; if the folder
    ///   has entries and none are asked for, or a file `checkpoint` that is not one;
    /// * [`Older`](ErrorKind::Older) if the log has fewer events than the checkpoint, or the folder has more;
    /// * [`Diverged`](ErrorKind::Diverged) if the log has another root than the checkpoint, or than that in the folder;
    /// * [`Retired`](ErrorKind::Retired) if events are needed that were retired;
    /// * [`Locked`](ErrorKind::Locked) if another export writes to the folder, and those of reading and of the disk.
    pub fn export_tiles(
        &self,
        checkpoint: &SignedCheckpoint,
        to: impl AsRef<Path>,
        options: TilesOptions,
    ) -> Result<TilesReport> {
        self.export_tiles_in(checkpoint, &Env::native(to.as_ref()), options)
    }

    /// Exports tiles as [`export_tiles`](Self::export_tiles) does, to a disk that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`export_tiles`](Self::export_tiles).
    pub fn export_tiles_in(
        &self,
        checkpoint: &SignedCheckpoint,
        to: &Env,
        options: TilesOptions,
    ) -> Result<TilesReport> {
        let head = checkpoint.checkpoint();
        // Nothing is written under a checkpoint that the log does not have.
        self.check(head)?;
        let (view, disk) = (self.store().view()?, &*to.disk);
        let export = || {
            disk.create_folder("").map_err(|cause| failed("", cause))?;
            let _lock = disk.lock(LOCK).map_err(|cause| match cause.kind() {
                io::ErrorKind::WouldBlock => {
                    let message = "another export writes to this folder; try again when it is done";
                    Error::new(ErrorKind::Locked, message)
                }
                _ => failed(LOCK, cause),
            })?;
            let folder = TileFolder { verify: options.verify, ..TileFolder::new(disk) };
            Export { view: &view, folder, head, options, mended: false }.run(checkpoint)
        };
        export().map_err(|error| error.in_directory(&disk.place()))
    }
}

/// One export.
struct Export<'a> {
    view: &'a View,
    folder: TileFolder<'a>,
    head: &'a Checkpoint,
    options: TilesOptions,
    /// Whether the folder lacked tiles of its checkpoint, or had wrong ones.
    mended: bool,
}

impl Export<'_> {
    fn run(&mut self, checkpoint: &SignedCheckpoint) -> Result<TilesReport> {
        let known = self.folder.checkpoint()?;
        let old = known.as_ref().map(SignedCheckpoint::checkpoint);
        if let Some(old) = old {
            self.check_folder(old)?;
        }
        let (old_size, new) = (old.map_or(0, Checkpoint::size), self.head.size());
        let edge = match old {
            Some(_) if self.options.verify => None,
            Some(old) => self.edge_of(old)?,
            None => Some(TileEdge::new()),
        };
        if let Some(old) = old.filter(|_| edge.is_none()) {
            // What the folder says is not used, so the log alone must lead to its root before anything is replaced.
            self.check_root(old)?;
        }
        self.mended = edge.is_none() && !self.options.verify;
        self.write(edge.unwrap_or_default(), old_size)?;
        self.folder.finish(&checkpoint.to_string())?;
        if old_size < new {
            self.folder.remove_outgrown(old_size, new)?;
        }
        Ok(TilesReport { old: old_size, new, files: self.folder.files, mended: self.mended })
    }

    /// Refuses a folder that this export cannot continue.
    fn check_folder(&self, old: &Checkpoint) -> Result<()> {
        let head = self.head;
        if old.origin() != head.origin() {
            let message = format!(
                "the folder is of {}, and the checkpoint of {}; export to another folder",
                old.origin(),
                head.origin()
            );
            return Err(Error::invalid(message));
        }
        if old.size() > head.size() {
            let message = format!("the folder has {} events, and the checkpoint {}", old.size(), head.size());
            return Err(Error::new(ErrorKind::Older, message).advise("export a newer checkpoint"));
        }
        if !self.options.entries && self.folder.has_entries(old.size())? {
            let message = "the folder has entries: ask for them again, or export to another folder";
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    /// Returns the edge to go on from: that of the last full tile of level 0, if all that the folder has there leads to its
    /// root.
    fn edge_of(&self, old: &Checkpoint) -> Result<Option<TileEdge>> {
        if self.options.entries && old.size() > 0 && !self.folder.has_entries(old.size())? {
            return Ok(None);
        }
        let Some(edge) = self.folder.edge(old.size() / TILE_LEAVES * TILE_LEAVES)? else { return Ok(None) };
        let mut grown = edge.clone();
        each_entry(self.view, edge.size(), old.size(), |_, leaf| grown.push(leaf, |_, _| Ok(())))?;
        Ok((grown.root() == old.root()).then_some(edge))
    }

    /// Refuses a log that does not lead to the root of a checkpoint.
    fn check_root(&self, of: &Checkpoint) -> Result<()> {
        let mut edge = TileEdge::new();
        each_entry(self.view, 0, of.size(), |_, leaf| edge.push(leaf, |_, _| Ok(())))?;
        if edge.root() == of.root() { Ok(()) } else { Err(diverged("the folder's", of, edge.root())) }
    }

    /// Writes the tiles from this edge on. The folder has those over `old` events.
    fn write(&mut self, mut edge: TileEdge, old: u64) -> Result<()> {
        let (folder, head) = (&mut self.folder, self.head);
        let (mut bundled, mut mended) = (Vec::new(), self.mended);
        let mut write = |tile: Tile, hashes: &[Hash], bundled: &mut Vec<[u8; ENTRY_BYTES]>| -> Result<()> {
            let mut is_written = false;
            if tile.level() == 0 && self.options.entries {
                is_written = folder.write(&tile.entries_path(), &bundle(bundled))?;
            }
            if tile.level() == 0 {
                bundled.clear();
            }
            is_written |= folder.write(&tile.to_string(), &tile.encode(hashes)?)?;
            let was_there = Tile::at(tile.level(), tile.index(), old) == Some(tile);
            mended |= self.options.verify && is_written && was_there;
            Ok(())
        };
        each_entry(self.view, edge.size(), head.size(), |entry, leaf| {
            bundled.push(entry);
            edge.push(leaf, |tile, hashes| write(tile, hashes, &mut bundled))
        })?;
        if edge.root() != head.root() {
            return Err(diverged("the", head, edge.root()));
        }
        edge.partial().into_iter().try_for_each(|(tile, hashes)| write(tile, hashes, &mut bundled))?;
        self.mended = mended;
        Ok(())
    }
}

/// Reads the log from behind a number of events up to another one.
fn each_entry(
    view: &View,
    after: u64,
    until: u64,
    mut each: impl FnMut([u8; ENTRY_BYTES], Hash) -> Result<()>,
) -> Result<()> {
    let range = ReadOptions::new().after(Position(after)).before(Position(until).next());
    let mut last = Position(after);
    for event in view.read_with(&Query::ALL, range) {
        let event = event?;
        if event.position() != last.next() {
            return Err(Error::damaged("the log has a gap", last.next(), event.position()));
        }
        last = event.position();
        let entry = event.record().entry();
        each(entry, leaf_hash(&entry))?;
    }
    if last == Position(until) { Ok(()) } else { Err(Error::damaged("the log ends early", until, last)) }
}

/// The files of a folder of tiles.
struct TileFolder<'a> {
    disk: &'a dyn Disk,
    /// The folders in which names are not durable yet.
    touched: BTreeSet<String>,
    files: u64,
    /// Whether files that are right already are left as they are.
    verify: bool,
}

impl<'a> TileFolder<'a> {
    fn new(disk: &'a dyn Disk) -> Self {
        Self { disk, touched: BTreeSet::new(), files: 0, verify: false }
    }

    /// Returns a file's bytes, at most this many and one more, or `None` if it is missing.
    fn read(&self, name: &str, bytes_max: usize) -> Result<Option<Vec<u8>>> {
        let file = match self.disk.open(name, Mode::Read) {
            Ok(file) => file,
            Err(cause) if is_missing(&cause) => return Ok(None),
            Err(cause) => return Err(failed(name, cause)),
        };
        let mut bytes = vec![0; bytes_max + 1];
        let read = file.read_full_at(&mut bytes, 0);
        let read = read.map_err(|cause| failed(name, cause))?;
        bytes.truncate(read);
        Ok(Some(bytes))
    }

    fn checkpoint(&self) -> Result<Option<SignedCheckpoint>> {
        let Some(bytes) = self.read(CHECKPOINT, NOTE_BYTES_MAX)? else { return Ok(None) };
        let wrong =
            || Error::invalid("the folder has a file `checkpoint` that is not one: export to another folder");
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        text.parse().map(Some).map_err(|error| wrong().because(error))
    }

    /// Returns whether the entries of the last of `size` events are there.
    fn has_entries(&self, size: u64) -> Result<bool> {
        let Some(last) = size.checked_sub(1) else { return Ok(false) };
        let tile = Tile::at(0, last / TILE_LEAVES, size).expect("the tree has its last leaf");
        Ok(self.read(&tile.entries_path(), 0)?.is_some())
    }

    /// Returns the edge of the tree of `size` leaves, or `None` if a tile is missing or not whole.
    fn edge(&self, size: u64) -> Result<Option<TileEdge>> {
        match TileEdge::read(self, size) {
            Ok(edge) => Ok(Some(edge)),
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a file these contents, and returns whether it had others. Its name is durable after [`finish`](Self::finish).
    fn write(&mut self, name: &str, contents: &[u8]) -> Result<bool> {
        if self.verify && self.read(name, contents.len())?.as_deref() == Some(contents) {
            return Ok(false);
        }
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let beside = format!("{name}.tmp");
        let written = || {
            if !self.touched.contains(folder) {
                self.disk.create_folder(folder)?;
            }
            remove_if_there(self.disk, &beside)?;
            let file = self.disk.open(&beside, Mode::CreateNew)?;
            file.write_all_at(contents, 0)?;
            file.sync()?;
            self.disk.rename(&beside, name)
        };
        written().map_err(|cause| failed(name, cause))?;
        self.touched.insert(folder.to_owned());
        self.files += 1;
        Ok(true)
    }

    /// Makes everything durable, and only then the checkpoint (keeps X1).
    fn finish(&mut self, checkpoint: &str) -> Result<()> {
        for folder in std::mem::take(&mut self.touched) {
            self.disk.sync_folder(&folder).map_err(|cause| failed(&folder, cause))?;
        }
        let written = replace(self.disk, CHECKPOINT, checkpoint.as_bytes());
        written.map_err(|cause| failed(CHECKPOINT, cause))
    }

    /// Removes the partial forms of tiles that are full now (keeps X3).
    fn remove_outgrown(&self, old: u64, new: u64) -> Result<()> {
        for partial in Tile::partial(old) {
            let now = Tile::at(partial.level(), partial.index(), new).expect("a tree keeps its tiles");
            if !now.is_full() {
                continue;
            }
            let entries = (partial.level() == 0).then(|| now.entries_path());
            for full in [Some(now.to_string()), entries].into_iter().flatten() {
                let outgrown = format!("{full}.p");
                self.remove_folder(&outgrown).map_err(|cause| failed(&outgrown, cause))?;
            }
        }
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        let names = match self.disk.list(folder) {
            Err(cause) if is_missing(&cause) => return Ok(()),
            names => names?,
        };
        names.iter().try_for_each(|name| remove_if_there(self.disk, &format!("{folder}/{name}")))
    }
}

impl TileSource for TileFolder<'_> {
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>> {
        let bytes = self.read(&tile.to_string(), 32 * TILE_LEAVES as usize)?;
        let missing = || Error::new(ErrorKind::Missing, format!("{tile} is missing"));
        tile.decode(&bytes.ok_or_else(missing)?)
    }
}

fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn failed(name: &str, cause: io::Error) -> Error {
    write_error("the tiles cannot be exported", name, cause)
}

fn diverged(whose: &str, checkpoint: &Checkpoint, found: Hash) -> Error {
    let (size, root) = (checkpoint.size(), checkpoint.root());
    let message =
        format!("{whose} checkpoint has the root {root} for {size} events, and the log has {found}");
    Error::new(ErrorKind::Diverged, message)
}
