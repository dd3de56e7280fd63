//! Erasures that another store of the same history knows of: a backup has the payloads that were erased after it was made.
//!
//! They are carried out before the restored directory is a store. Until then its store file has another name, and a disk that
//! shows it under its own is opened for writing here alone.

use std::io;
use std::sync::Arc;

use tidegate_disk::replace::LEFTOVER;
use tidegate_disk::{Disk, Env, File, FileLock, Mode};
use tidegate_format::{Error, Position, Result, StoreFile, StoreId};

use super::placing::unplaced;
use crate::backend::{STORE, UNFINISHED, keep_store};
use crate::read::{ERASED, ErasedEvent, ErasedPositions, Query, View};
use crate::settings::StoreOptions;
use crate::store::StoreReader;

/// What the store file is called until the directory may be opened.
const UNOPENED: &str = "STORE.unopened";

/// What a store says is erased, and which history it has.
#[derive(Clone, Debug)]
pub(super) struct KnownErasures {
    store: StoreFile,
    events: Vec<ErasedEvent>,
}

impl KnownErasures {
    /// Reads what a store says.
    pub(super) fn of(reader: &StoreReader) -> Result<Self> {
        let view = reader.view()?;
        let events = view.read(&Query::kind(ERASED)).map(|event| ErasedEvent::of(&event?));
        Ok(Self { store: reader.file().clone(), events: events.collect::<Result<_>>()? })
    }

    /// Returns what of it concerns a store's events up to a position.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the two have no event in common.
    pub(super) fn within(&self, store: &StoreFile, until: Position) -> Result<Vec<ErasedEvent>> {
        let Some(shared) = shared(&self.store, store) else {
            let (one, other) = (self.store.id, store.id);
            let message = format!(
                "the erasures are those of the store {one}, which has no event in common with the store {other}"
            );
            let advice = "bring those of the store that was backed up, or of a fork of it";
            return Err(Error::invalid(message).advise(advice));
        };
        let last = until.min(shared);
        let clip = |event: &ErasedEvent| {
            let runs = event.positions.within(Position(1), last).collect();
            ErasedEvent { positions: ErasedPositions::of_runs(runs), ..event.clone() }
        };
        let concerns = |event: &ErasedEvent| !event.positions.is_empty() || !event.keys.is_empty();
        Ok(self.events.iter().map(clip).filter(concerns).collect())
    }
}

/// Counts the payloads that a view shows and erasures name.
pub(super) fn standing(view: &View, known: &[ErasedEvent]) -> Result<u64> {
    let mut positions = ErasedPositions::default();
    for event in known {
        positions.add(&event.positions);
    }
    let mut count = 0;
    for (first, last) in positions.runs() {
        let (mut at, last) = (*first, (*last).min(view.head()));
        while at <= last {
            count += u64::from(view.at(at)?.is_some_and(|event| !event.record().is_erased()));
            at = at.next();
        }
    }
    Ok(count)
}

/// Makes a store of a directory that lacks nothing but the store file, without what is erased. Returns how many payloads that
/// were, and its last position.
pub(super) fn finish(
    to: &Env,
    store: &StoreFile,
    until: Position,
    known: &[ErasedEvent],
) -> Result<(u64, Position)> {
    let env = Env { disk: Arc::new(UnopenedDisk(Arc::clone(&to.disk))), ..to.clone() };
    keep_store(&*env.disk, store)?;
    let options = StoreOptions::new().create(false).thread(false).expected_head(until);
    let opened = options.open_in(env)?;
    let erasure = opened.upkeep().erase_known(known)?;
    let head = opened.view()?.head();
    opened.close()?;
    drop(opened);
    let placed = to.disk.rename(UNOPENED, STORE).and_then(|()| to.disk.sync_folder(""));
    placed.map_err(|cause| unplaced(STORE, cause))?;
    Ok((erasure.events, head))
}

/// Returns up to where two stores have the same events; `None` if neither is the other, nor a fork of it or of what it was forked
/// from.
fn shared(one: &StoreFile, other: &StoreFile) -> Option<Position> {
    let ends = |store: &StoreFile| -> Vec<(StoreId, Position)> {
        let forks = store.forks.iter().map(|fork| (fork.store, fork.until));
        forks.chain([(store.id, Position::MAX)]).collect()
    };
    let others = ends(other);
    let common = ends(one).into_iter().filter_map(|(id, until)| {
        let there = others.iter().filter(|(other, _)| *other == id).map(|(_, other)| until.min(*other));
        there.max()
    });
    common.max()
}

/// A directory that is not a store yet, as the one that it will be.
#[derive(Debug)]
struct UnopenedDisk(Arc<dyn Disk>);

impl UnopenedDisk {
    fn name(name: &str) -> String {
        match name.strip_prefix(STORE) {
            Some(rest) if rest.is_empty() || rest == LEFTOVER => format!("{UNOPENED}{rest}"),
            _ => name.to_owned(),
        }
    }
}

impl Disk for UnopenedDisk {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        self.0.open(&Self::name(name), mode)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = self.0.list(folder)?;
        if folder.is_empty() {
            // The mark stays.
            names.retain(|name| name != UNFINISHED);
            names.iter_mut().filter(|name| *name == UNOPENED).for_each(|name| STORE.clone_into(name));
        }
        Ok(names)
    }

    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.folders(folder)
    }

    fn others(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.others(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.0.create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(&Self::name(from), &Self::name(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(&Self::name(name))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.0.sync_folder(folder)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        self.0.lock(name)
    }

    fn lock_holders(&self, name: &str) -> Vec<u32> {
        self.0.lock_holders(name)
    }

    fn place(&self) -> String {
        self.0.place()
    }
}

#[cfg(test)]
mod tests {
    use tidegate_format::{ForkPoint, Hash, Micros};

    use super::*;

    fn store(id: u8, forks: &[(u8, u64)]) -> StoreFile {
        let fork = |(id, until): &(u8, u64)| ForkPoint {
            store: StoreId([*id; 16]),
            salt: 1,
            until: Position(*until),
            root: Hash::ZERO,
        };
        let forks = forks.iter().map(fork).collect();
        StoreFile { id: StoreId([id; 16]), salt: 1, seed: 1, created: Micros(0), forks, log: None }
    }

    #[test]
    fn stores_share_what_came_before_they_parted() {
        let (a, b) = (store(1, &[]), store(2, &[(1, 10)]));
        let (c, d) = (store(3, &[(1, 10), (2, 20)]), store(4, &[(1, 10), (2, 15)]));
        assert_eq!(shared(&a, &a), Some(Position::MAX));
        assert_eq!((shared(&a, &b), shared(&b, &a)), (Some(Position(10)), Some(Position(10))));
        assert_eq!((shared(&c, &d), shared(&c, &b)), (Some(Position(15)), Some(Position(20))));
        assert_eq!((shared(&a, &c), shared(&a, &store(9, &[]))), (Some(Position(10)), None));
    }
}
