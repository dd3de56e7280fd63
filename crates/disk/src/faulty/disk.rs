//! The handles of the simulated disk: what a store holds, and what a simulator turns.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::block::Block;
use crate::env::{Disk, Env, File, FileLock, Identity, Mode};
use crate::faulty::at_rest::AtRest;
use crate::faulty::model::Model;
use crate::faulty::plan::{Call, FaultPlan, Tally};
use crate::faulty::state::{Life, State};
use crate::map;
use crate::os::Errno;
use crate::simulated::{SeededRandom, SimulatedClock};
use crate::uses;

/// A simulated disk, as one process holds it. Clones are the same disk in the same process.
///
/// When the process ends, by plan or by hand, every handle from before stays dead, this one included; what
/// the disk still holds goes on in the one that [`reopen`](Self::reopen) returns. The store's directory
/// exists from the start, and folders are durable once created.
///
/// ```
/// use tidegate_disk::{Crashed, Disk, FaultPlan, FaultyDisk, Mode, Model};
///
/// # fn main() -> std::io::Result<()> {
/// let work = |disk: &FaultyDisk| -> std::io::Result<()> {
///     disk.open("a", Mode::CreateNew)?.write_all_at(&[1; 4096], 0)?;
///     disk.sync_folder("")
/// };
/// let whole = FaultyDisk::new(1, Model::default());
/// work(&whole)?;
/// for nth in 1..=whole.calls() {
///     let disk = FaultyDisk::new(1, Model::default());
///     disk.set_plan(FaultPlan::default().crash_at(nth));
///     assert!(Crashed::caused(&work(&disk).unwrap_err()));
///     for seed in 0..10 {
///         let cut = disk.fork();
///         cut.power_cut(seed);
///         let survived = cut.reopen();
///         assert!(survived.list("")?.len() <= 1);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
    life: Life,
}

impl FaultyDisk {
    /// Creates an empty disk. The seed decides what happens inside calls: how much of a failing write is done.
    pub fn new(seed: u64, model: Model) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed, model))), life: Life(0) }
    }

    /// Plans what goes wrong; counts begin anew. Lasts until the process ends.
    pub fn set_plan(&self, plan: FaultPlan) {
        self.state.lock().tally = Tally::new(plan);
    }

    /// Returns what kind of disk this is.
    pub fn model(&self) -> Model {
        self.state.lock().model
    }

    /// Makes it another kind of disk, from the next call on: frees room, begins to lie.
    pub fn set_model(&self, model: Model) {
        self.state.lock().model = model;
    }

    /// Returns how many changing calls were made since the plan was set or the disk reopened; also those that failed.
    pub fn calls(&self) -> u64 {
        self.state.lock().tally.changes()
    }

    /// Returns how many opens, reads and lists were made since the plan was set or the disk reopened.
    pub fn reads(&self) -> u64 {
        self.state.lock().tally.reads()
    }

    /// Returns how many calls of one kind were made since the plan was set or the disk reopened.
    pub fn count(&self, call: Call) -> u64 {
        self.state.lock().tally.count(call)
    }

    /// Returns whether the process has ended and the disk waits to be cut or reopened.
    pub fn ended(&self) -> bool {
        !self.state.lock().running
    }

    /// Kills the process; the machine runs on. Everything written stays visible, and unsynced as it was, so
    /// that a later power cut may still take it.
    pub fn kill(&self) {
        self.state.lock().kill();
    }

    /// Cuts the power. Synced bytes and names stay; the seed decides about the others.
    pub fn power_cut(&self, seed: u64) {
        self.state.lock().cut_power(seed);
    }

    /// Cuts the power so that only synced bytes and names stay.
    pub fn lose_unsynced(&self) {
        self.state.lock().lose_unsynced();
    }

    /// Starts the next process on the files that the last one left, and kills that one if it still runs. No fault is
    /// planned for the new one.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let life = self.state.lock().reopen();
        Self { state: Arc::clone(&self.state), life }
    }

    /// Copies the disk as it is now, unsynced parts included, with its process killed. The two are independent
    /// of each other.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut state = self.state.lock().clone();
        state.kill();
        Self { state: Arc::new(Mutex::new(state)), life: self.life }
    }

    /// Returns what lies on the disk, to look at and to damage.
    pub fn at_rest(&self) -> AtRest {
        AtRest::new(Arc::clone(&self.state))
    }
}

impl Disk for FaultyDisk {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let inode = self.state.lock().open(self.life, name, mode)?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), inode, writable: mode != Mode::Read }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.state.lock().list(self.life, folder)
    }

    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        self.state.lock().folders(self.life, folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.state.lock().create_folder(self.life, folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state.lock().rename(self.life, from, to)
    }

    /// Links a file of another simulated disk. There it is a file of its own with the same bytes, as durable as they are.
    fn link(&self, name: &str, source: &dyn Disk, source_name: &str) -> io::Result<()> {
        let Some(source) = (source as &dyn Any).downcast_ref::<Self>() else {
            return Err(Errno::XDEV.into());
        };
        // Not both at once: they may be one disk.
        let inode = source.state.lock().inode(source.life, source_name)?;
        self.state.lock().link(self.life, name, inode)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state.lock().remove(self.life, name)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.state.lock().sync_folder(self.life, folder)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        let inode = self.state.lock().lock(self.life, name)?;
        Ok(Box::new(FaultyLock { disk: self.clone(), inode }))
    }

    fn lock_holders(&self, name: &str) -> Vec<u32> {
        self.state.lock().lock_holders(name)
    }

    fn place(&self) -> String {
        "simulated disk".to_owned()
    }
}

impl fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyDisk").field("life", &self.life.0).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    inode: u64,
    writable: bool,
}

impl FaultyFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(Errno::BADF.into()) }
    }
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.state.lock().read(self.disk.life, self.inode, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.state.lock().write(self.disk.life, self.inode, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state.lock().sync(self.disk.life, self.inode)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.state.lock().set_length(self.disk.life, self.inode, length)
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.state.lock().length(self.disk.life, self.inode)
    }

    fn identity(&self) -> io::Result<Identity> {
        self.disk.state.lock().check_alive(self.disk.life)?;
        Ok(Identity(0, self.inode))
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        if self.writable {
            self.disk.state.lock().check_alive(self.disk.life)?;
            return Err(uses::is_written());
        }
        let bytes = self.disk.state.lock().map(self.disk.life, self.inode, length)?;
        bytes.map(Block::from).ok_or_else(|| map::shorter_than(length))
    }
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    inode: u64,
}

impl FileLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.disk.state.lock().unlock(self.disk.life, self.inode);
    }
}

impl Env {
    /// Returns a simulated disk, clock and randomness. The parts stay in the caller's hands, to be turned while a
    /// store runs on them.
    pub fn simulated(disk: &FaultyDisk, clock: &SimulatedClock, random: &SeededRandom) -> Self {
        Self {
            disk: Arc::new(disk.clone()),
            clock: Arc::new(clock.clone()),
            random: Arc::new(random.clone()),
        }
    }
}
