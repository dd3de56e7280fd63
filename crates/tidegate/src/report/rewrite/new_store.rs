//! A directory that a new store is written into, until it is one.
//!
//! Invariants:
//!
//! D1. Until the new store is complete its directory is not a store, says so, and is locked.
//! D2. Nothing that is in a directory is written over.

use std::sync::Arc;

use tidegate_disk::replace::remove_if_there;
use tidegate_disk::{Disk, Env, FileLock, Mode};
use tidegate_format::name::visible;
use tidegate_format::{Error, Micros, Result, StoreFile, StoreId};
use tidegate_segment::write_error;

use crate::backend::{LOCK, STORE, UNFINISHED, io, lock};
use crate::report::inspect;

/// What an unfinished directory says of itself.
const TEXT: &str = "What tidegate writes into this directory is not all here yet. If no salvage, restore or fork is running, \
                    remove it.\n";

/// The right to fill a directory. It is dropped once the store file is there: from then on it is a store, which any caller may
/// open. The mark stays until it is taken away.
#[derive(Debug)]
pub(crate) struct NewStore {
    _lock: Arc<dyn FileLock>,
}

impl NewStore {
    /// Locks an empty directory and says that what is here is not complete. Another may have created a store meanwhile.
    /// Keeps D1 and D2.
    pub(crate) fn begin(disk: &dyn Disk) -> Result<Self> {
        let at = |cause| write_error("the directory cannot be written to", UNFINISHED, cause);
        disk.create_folder("").map_err(at)?;
        let lock = lock(disk)?;
        refuse_filled(disk)?;
        let file = disk.open(UNFINISHED, Mode::CreateNew).map_err(at)?;
        file.write_all_at(TEXT.as_bytes(), 0).map_err(at)?;
        file.sync().map_err(at)?;
        disk.sync_folder("").map_err(at)?;
        Ok(Self { _lock: lock })
    }

    /// Takes the mark away, once the directory is a store.
    pub(crate) fn unmark(disk: &dyn Disk) -> Result<()> {
        let at =
            |cause| write_error("the mark of an unfinished directory cannot be removed", UNFINISHED, cause);
        remove_if_there(disk, UNFINISHED).map_err(at)?;
        disk.sync_folder("").map_err(at)
    }
}

/// Refuses a directory that holds more than the lock file of a writer that was refused there.
pub(crate) fn refuse_filled(disk: &dyn Disk) -> Result<()> {
    let names = inspect::list(disk, "")?.into_iter().filter(|name| name != LOCK);
    let Some(name) = names.chain(inspect::folders(disk, "")?).next() else { return Ok(()) };
    let (place, name) = (disk.place(), visible(&name));
    let message = format!("{place} is not empty (it holds {name}); choose an empty directory");
    Err(Error::invalid(message))
}

/// Returns the file of a new store with these terms' seed, or with one of its own.
pub(crate) fn new_store_file(env: &Env, seed: Option<u64>) -> Result<StoreFile> {
    let mut random = [0; 26];
    env.random.fill(&mut random).map_err(|cause| io("the new store gets no id", STORE, cause))?;
    let (entropy, rest) = random.split_first_chunk::<10>().expect("it is longer");
    let (salt, own_seed) = rest.split_first_chunk::<8>().expect("eight and eight are left");
    let own_seed = own_seed.first_chunk::<8>().expect("eight are left");
    let now = env.clock.now_micros();
    Ok(StoreFile {
        id: StoreId::from_time(now, entropy),
        salt: u64::from_le_bytes(*salt),
        seed: seed.unwrap_or(u64::from_le_bytes(*own_seed)),
        created: Micros(now),
        forks: Vec::new(),
        log: None,
    })
}
