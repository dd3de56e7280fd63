//! The files of sealed segments that are kept open, within a budget.
//!
//! Invariants:
//!
//! K1. What the cache holds open never exceeds the budget by more than the files that are being opened right now.
//! K2. What was handed out stays usable: the cache drops its own share of it only.
//! K3. A hit takes no lock and writes nothing that other threads read often: one flag, set once between two sweeps.
//! K4. No lock of a segment is taken under the cache's lock.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::{ArcSwapOption, Guard};
use parking_lot::Mutex;
use tidegate_disk::Disk;
use tidegate_disk::room::{self, lacks_descriptors};
use tidegate_format::{Error, Result};

/// How many files of sealed segments a store keeps open at once: segments and index files that were asked lately. Those
/// asked longest ago are closed first, and opened again by the next question. What a caller holds (an event, a view's
/// iterator, postings) keeps its file on its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// Files mapped into memory: 8,192, filter groups included. Linux lets a process have 65,530 maps.
    pub maps: usize,
    /// Files held open, and index files held in memory, if they are not mapped: 256, and never more than a quarter
    /// of the descriptors that the process may have.
    pub descriptors: usize,
}

impl Default for OpenFiles {
    fn default() -> Self {
        Self { maps: 8192, descriptors: 256 }
    }
}

/// Maps that a store keeps at least, however many other stores have.
const MAPS_LEAST: usize = 64;
/// The share of the process's descriptors that one store keeps at most, and all stores together twice that.
const DESCRIPTORS_SHARE: usize = 4;

/// The sealed segments' files of one store: how they are opened, and those that are open.
#[derive(Debug)]
pub struct FileCache {
    disk: Arc<dyn Disk>,
    map: bool,
    budget: OpenFiles,
    /// Maps of the budget that are held outside the cache: those of filter groups.
    reserved: AtomicUsize,
    maps: Mutex<Ring>,
    files: Mutex<Ring>,
}

/// Slots that hold something, those that are looked at first by the next sweep in front (the CLOCK algorithm).
type Ring = VecDeque<Weak<dyn Evict>>;

/// What an open file takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Map,
    Descriptor,
}

trait Evict: Send + Sync + fmt::Debug {
    /// Returns whether it was asked since this was called last.
    fn was_used(&self) -> bool;

    fn evict(&self);
}

impl FileCache {
    /// Creates an empty cache of files of this disk, which are mapped if `map` says so.
    pub fn new(disk: Arc<dyn Disk>, map: bool, budget: OpenFiles) -> Arc<Self> {
        let (reserved, maps, files) = (AtomicUsize::new(0), Mutex::default(), Mutex::default());
        Arc::new(Self { disk, map, budget, reserved, maps, files })
    }

    /// Returns the disk.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Returns whether files are mapped.
    pub(crate) fn maps_files(&self) -> bool {
        self.map
    }

    /// Takes note of how many maps of the budget are held outside the cache.
    pub fn reserve(&self, maps: usize) {
        self.reserved.store(if self.map { maps } else { 0 }, Ordering::Relaxed);
    }

    /// Returns how many maps and how many descriptors it holds.
    pub fn held(&self) -> OpenFiles {
        OpenFiles { maps: self.maps.lock().len(), descriptors: self.files.lock().len() }
    }

    /// Makes a call, and makes it again with half of the cache closed each time that the process has run out of
    /// descriptors or memory, until nothing is left to close.
    pub fn retry<T>(&self, call: impl Fn() -> Result<T>) -> Result<T> {
        loop {
            match call() {
                Err(error) if ran_out(&error) && self.make_room() => {}
                other => return other,
            }
        }
    }

    /// Returns whether it holds anything that it could close.
    pub(crate) fn holds_any(&self) -> bool {
        let held = self.held();
        held.maps + held.descriptors > 0
    }

    /// Closes half of what it holds; returns false if it holds nothing.
    pub(crate) fn make_room(&self) -> bool {
        let half = |ring: &Mutex<Ring>| {
            let mut ring = ring.lock();
            let room = ring.len() / 2;
            let taken = take_out(&mut ring, room);
            drop(ring);
            evict_all(&taken);
            !taken.is_empty()
        };
        half(&self.maps) | half(&self.files)
    }

    /// Puts an open file into its slot, and closes others as far as the budget asks for that.
    pub(crate) fn hold<T: Send + Sync + fmt::Debug + 'static>(
        &self,
        slot: &Arc<Slot<T>>,
        file: Arc<T>,
        takes: Takes,
    ) {
        slot.held.store(Some(file));
        if slot.is_listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let slot: Arc<dyn Evict> = Arc::<Slot<T>>::clone(slot);
        let ring = if takes == Takes::Map { &self.maps } else { &self.files };
        let mut ring = ring.lock();
        ring.push_back(Arc::downgrade(&slot));
        let room = self.room(takes, ring.len());
        let taken = take_out(&mut ring, room);
        // Unmapping takes a while; others need not wait for that.
        drop(ring);
        evict_all(&taken);
    }

    /// Returns how many of the `held` files it may keep.
    fn room(&self, takes: Takes, held: usize) -> usize {
        match takes {
            Takes::Map => {
                let room = self.budget.maps.saturating_sub(self.reserved.load(Ordering::Relaxed)).max(1);
                let is_crowded = room::maps() > room::MAPS_SHARED;
                // Two go for one that comes, until few are left.
                if is_crowded { room.min(held.saturating_sub(2).max(MAPS_LEAST)) } else { room }
            }
            Takes::Descriptor => {
                let share = room::files_max() / DESCRIPTORS_SHARE;
                let room = self.budget.descriptors.min(share).max(1);
                let is_crowded = room::files() > share.saturating_mul(2);
                if is_crowded { room.min(held.saturating_sub(2).max(1)) } else { room }
            }
        }
    }
}

/// Takes out of a ring what was not used for the longest time, until it holds no more than `room`.
fn take_out(ring: &mut Ring, room: usize) -> Vec<Arc<dyn Evict>> {
    let (mut taken, mut spared) = (Vec::new(), ring.len());
    while ring.len() > room {
        let Some(oldest) = ring.pop_front() else { break };
        // Its segment may be gone.
        let Some(slot) = oldest.upgrade() else { continue };
        if spared > 0 && slot.was_used() {
            spared -= 1;
            ring.push_back(oldest);
        } else {
            taken.push(slot);
        }
    }
    taken
}

/// Closes what was taken out.
fn evict_all(taken: &[Arc<dyn Evict>]) {
    for slot in taken {
        slot.evict();
    }
}

fn ran_out(error: &Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(lacks_any)
}

/// Returns whether the process has run out of what open files take.
pub(crate) fn lacks_any(cause: &std::io::Error) -> bool {
    lacks_descriptors(cause) || cause.kind() == std::io::ErrorKind::OutOfMemory
}

/// Returns whether an opening failed because the process has run out of what open files take, which says nothing of the file.
pub(crate) fn is_shortage(error: &Error) -> bool {
    ran_out(error)
}

/// A place for a file that may be open. The cache empties it when it needs room.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    held: ArcSwapOption<T>,
    was_used: AtomicBool,
    /// Whether a ring of the cache knows that something is held. Taken back before the slot is emptied, so that who
    /// fills it meanwhile puts it into a ring again.
    is_listed: AtomicBool,
}

impl<T> Slot<T> {
    pub(crate) fn empty() -> Arc<Self> {
        let (was_used, is_listed) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { held: ArcSwapOption::empty(), was_used, is_listed })
    }

    /// Returns the file, if it is open.
    #[inline]
    pub(crate) fn get(&self) -> Guard<Option<Arc<T>>> {
        let held = self.held.load();
        // Relaxed: the flag is a hint. Read first, so that threads that read the same segment share its cache line
        // (K3).
        if held.is_some() && !self.was_used.load(Ordering::Relaxed) {
            self.was_used.store(true, Ordering::Relaxed);
        }
        held
    }

    /// Closes the file, if it is open.
    pub(crate) fn clear(&self) {
        self.held.store(None);
    }
}

impl<T: Send + Sync + fmt::Debug> Evict for Slot<T> {
    fn was_used(&self) -> bool {
        self.was_used.swap(false, Ordering::Relaxed)
    }

    fn evict(&self) {
        self.is_listed.store(false, Ordering::Release);
        self.held.store(None);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tidegate_disk::{Env, Errno};
    use tidegate_format::ErrorKind;

    use super::*;

    fn cache(maps: usize, descriptors: usize) -> Arc<FileCache> {
        FileCache::new(Env::memory().disk, true, OpenFiles { maps, descriptors })
    }

    fn slots<const N: usize>(cache: &FileCache, takes: Takes) -> [Arc<Slot<u32>>; N] {
        let slots = std::array::from_fn(|_| Slot::empty());
        for (n, slot) in slots.iter().enumerate() {
            cache.hold(slot, Arc::new(n as u32), takes);
        }
        slots
    }

    fn open<const N: usize>(slots: &[Arc<Slot<u32>>; N]) -> [bool; N] {
        std::array::from_fn(|n| slots[n].held.load().is_some())
    }

    /// keeps K1 and K2
    #[test]
    fn the_budget_is_kept_and_what_was_handed_out_stays() {
        let cache = cache(3, 2);
        let first: [_; 1] = slots(&cache, Takes::Map);
        let held = first[0].get().as_ref().map(Arc::clone);
        let maps: [_; 10] = slots(&cache, Takes::Map);
        let files: [_; 10] = slots(&cache, Takes::Descriptor);
        assert_eq!(cache.held(), OpenFiles { maps: 3, descriptors: 2 });
        assert_eq!(open(&maps).into_iter().filter(|open| *open).count(), 3);
        assert_eq!(open(&files), [false, false, false, false, false, false, false, false, true, true]);
        assert_eq!((open(&first), held.as_deref()), ([false], Some(&0)));
        cache.reserve(2);
        let more: [_; 1] = slots(&cache, Takes::Map);
        assert_eq!((cache.held().maps, open(&more)), (1, [true]), "filter groups have two of three");
    }

    #[test]
    fn what_is_asked_stays_and_what_is_not_goes_first() {
        let cache = cache(3, 1);
        let kept: [_; 3] = slots(&cache, Takes::Map);
        for _ in 0..20 {
            assert!(kept[1].get().is_some());
            let _passing: [_; 1] = slots(&cache, Takes::Map);
        }
        assert_eq!(open(&kept), [false, true, false]);
    }

    #[test]
    fn a_closed_file_is_counted_again_once_it_is_opened_again() {
        let cache = cache(1, 1);
        let pair: [_; 2] = slots(&cache, Takes::Map);
        for turn in 0..10_usize {
            cache.hold(&pair[turn % 2], Arc::new(7), Takes::Map);
            assert_eq!(open(&pair), [turn % 2 == 0, turn % 2 == 1]);
            assert_eq!(cache.held().maps, 1);
        }
    }

    #[test]
    fn a_process_without_descriptors_or_memory_closes_before_it_gives_up() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            let cache = cache(8, 8);
            let (maps, files): ([_; 8], [_; 8]) =
                (slots(&cache, Takes::Map), slots(&cache, Takes::Descriptor));
            let calls = AtomicU32::new(0);
            let call = |succeeds_at: u32| {
                let number = calls.fetch_add(1, Ordering::Relaxed) + 1;
                let cause = std::io::Error::from(errno);
                if number == succeeds_at {
                    Ok(())
                } else {
                    Err(Error::new(ErrorKind::Io, "no").because(cause))
                }
            };
            assert!(cache.retry(|| call(2)).is_ok());
            assert_eq!(cache.held(), OpenFiles { maps: 4, descriptors: 4 }, "half of it is enough");
            assert!(cache.retry(|| call(0)).is_err());
            assert_eq!((open(&maps), open(&files)), ([false; 8], [false; 8]));
        }
        let cache = cache(8, 8);
        let maps: [_; 8] = slots(&cache, Takes::Map);
        let broken =
            || Err::<(), _>(Error::new(ErrorKind::Io, "no").because(std::io::Error::from(Errno::IO)));
        assert!(cache.retry(broken).is_err() && open(&maps) == [true; 8], "closing files mends nothing else");
    }
}
