//! The life of the process on the simulated disk, and the plan against it.
//!
//! L1: a handle works only in the life it was opened in; every later call on it is an error.
//! L2: a lock ends with the life it was taken in.

use std::collections::BTreeSet;
use std::io;

use crate::dice::Dice;
use crate::env::Mode;
use crate::faulty::contents::Contents;
use crate::faulty::inode::Inode;
use crate::faulty::model::Model;
use crate::faulty::plan::{Call, Crashed, Tally, Turn};
use crate::name::check_folder;
use crate::os::Errno;

/// Files longer than this are a bug of the caller, not something to spend memory on.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Which life of the process a handle belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life(pub(crate) u64);

/// Everything behind the lock of a simulated disk.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) model: Model,
    pub(crate) tally: Tally,
    pub(crate) contents: Contents,
    pub(crate) running: bool,
    life: Life,
    dice: Dice,
    locks: BTreeSet<u64>,
}

/// The process ends and begins.
impl State {
    pub(crate) fn new(seed: u64, model: Model) -> Self {
        Self {
            model,
            tally: Tally::default(),
            contents: Contents::default(),
            running: true,
            life: Life(0),
            dice: Dice::new(seed),
            locks: BTreeSet::new(),
        }
    }

    /// Ends the process; what it wrote stays as it is, synced or not.
    pub(crate) fn kill(&mut self) {
        self.running = false;
        self.locks.clear();
        self.contents.release();
    }

    /// Ends the process and the page cache.
    pub(crate) fn cut_power(&mut self, seed: u64) {
        self.contents.cut_power(&mut Dice::new(seed), &self.model);
        self.kill();
    }

    /// Ends the process and the page cache, with nothing unsynced left.
    pub(crate) fn lose_unsynced(&mut self) {
        self.contents.lose_unsynced();
        self.kill();
    }

    /// Begins the next life, with nothing planned against it.
    pub(crate) fn reopen(&mut self) -> Life {
        self.kill();
        self.running = true;
        self.tally = Tally::default();
        self.life.0 += 1;
        self.life
    }

    pub(crate) fn check_alive(&self, life: Life) -> io::Result<()> {
        if self.running && self.life == life { Ok(()) } else { Err(Crashed.into()) }
    }

    fn turn(&mut self, life: Life, call: Call) -> io::Result<Turn> {
        self.check_alive(life)?;
        let turn = self.tally.turn(call);
        if turn == Turn::Crash {
            self.running = false;
        }
        Ok(turn)
    }

    /// Makes a call that is done or not; in a crash it may be either, and no process is told.
    fn whole<T>(
        &mut self,
        life: Life,
        call: Call,
        act: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        match self.turn(life, call)? {
            Turn::Go => act(self),
            Turn::Fail(errno) => Err(errno.into()),
            Turn::Crash => {
                if self.dice.chance(1, 2) {
                    let _ = act(self);
                }
                Err(Crashed.into())
            }
        }
    }
}

/// Calls on names.
impl State {
    pub(crate) fn open(&mut self, life: Life, name: &str, mode: Mode) -> io::Result<u64> {
        if mode == Mode::CreateNew {
            self.whole(life, Call::Create, |state| state.contents.create(name, state.model.capacity_bytes))
        } else {
            self.whole(life, Call::Open, |state| state.contents.find(name))
        }
    }

    pub(crate) fn list(&mut self, life: Life, folder: &str) -> io::Result<Vec<String>> {
        self.whole(life, Call::List, |state| state.contents.list(folder))
    }

    pub(crate) fn folders(&mut self, life: Life, folder: &str) -> io::Result<Vec<String>> {
        self.whole(life, Call::List, |state| state.contents.folders(folder))
    }

    pub(crate) fn create_folder(&mut self, life: Life, folder: &str) -> io::Result<()> {
        check_folder(folder)?;
        self.whole(life, Call::CreateFolder, |state| state.contents.create_folder(folder))
    }

    pub(crate) fn rename(&mut self, life: Life, from: &str, to: &str) -> io::Result<()> {
        self.whole(life, Call::Rename, |state| state.contents.rename(from, to))
    }

    /// Returns a copy of a file, as it is seen and as it is durable.
    pub(crate) fn inode(&mut self, life: Life, name: &str) -> io::Result<Inode> {
        self.whole(life, Call::Open, |state| {
            let inode = state.contents.find(name)?;
            let mut copy = state.contents.inode(inode).clone();
            copy.unmap();
            Ok(copy)
        })
    }

    /// Gives a file a name.
    pub(crate) fn link(&mut self, life: Life, name: &str, inode: Inode) -> io::Result<()> {
        self.whole(life, Call::Create, |state| state.contents.link(name, inode))
    }

    pub(crate) fn remove(&mut self, life: Life, name: &str) -> io::Result<()> {
        self.whole(life, Call::Remove, |state| state.contents.remove(name))
    }

    pub(crate) fn sync_folder(&mut self, life: Life, folder: &str) -> io::Result<()> {
        let turn = self.turn(life, Call::SyncFolder)?;
        self.contents.check_folder(folder)?;
        let directories = self.model.directories;
        if let Turn::Fail(errno) = turn {
            self.contents.names.fail_sync(folder, directories);
            return Err(errno.into());
        }
        if self.syncs(turn) {
            self.contents.names.sync(folder, directories);
        }
        self.check_alive(life)
    }

    /// Returns whether a sync that did not fail does its work: a lie never does, a crash may come before it or after.
    fn syncs(&mut self, turn: Turn) -> bool {
        !self.model.sync_lies && (turn != Turn::Crash || self.dice.chance(1, 2))
    }

    pub(crate) fn lock(&mut self, life: Life, name: &str) -> io::Result<u64> {
        self.whole(life, Call::Lock, |state| {
            let inode = match state.contents.find(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    state.contents.create(name, state.model.capacity_bytes)?
                }
                found => found?,
            };
            if state.locks.insert(inode) { Ok(inode) } else { Err(Errno::WOULDBLOCK.into()) }
        })
    }

    /// Returns who holds a lock. No call is counted for it: nothing is read of the disk.
    pub(crate) fn lock_holders(&self, name: &str) -> Vec<u32> {
        let is_locked = self.contents.find(name).is_ok_and(|inode| self.locks.contains(&inode));
        is_locked.then(std::process::id).into_iter().collect()
    }

    /// Lets a lock go, unless it ended with its life (L2).
    pub(crate) fn unlock(&mut self, life: Life, inode: u64) {
        if self.life == life {
            self.locks.remove(&inode);
        }
    }
}

/// Calls on open files.
impl State {
    pub(crate) fn read(
        &mut self,
        life: Life,
        inode: u64,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        self.whole(life, Call::Read, |state| {
            let bytes = state.contents.inode(inode).bytes();
            let start = offset.min(bytes.len() as u64) as usize;
            let mut count = buffer.len().min(bytes.len() - start);
            if count > 1 && state.tally.short_reads() {
                count = 1 + state.dice.below(count);
            }
            buffer[..count].copy_from_slice(&bytes[start..start + count]);
            Ok(count)
        })
    }

    /// Returns the first `length` bytes, or `None` if the file is shorter.
    pub(crate) fn map(&mut self, life: Life, inode: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
        self.whole(life, Call::Read, |state| {
            let length = usize::try_from(length).ok();
            Ok(length.and_then(|length| state.contents.inode_mut(inode).map(length)))
        })
    }

    pub(crate) fn write(&mut self, life: Life, inode: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let turn = self.turn(life, Call::Write)?;
        if offset > FILE_BYTES_MAX || bytes.len() as u64 > FILE_BYTES_MAX - offset {
            return Err(Errno::FBIG.into());
        }
        let offset = offset as usize;
        let room = self.contents.room(inode, bytes.len(), offset, self.model.capacity_bytes);
        let (count, result) = match turn {
            Turn::Go if room < bytes.len() => (room, Err(Errno::NOSPC.into())),
            Turn::Go => (room, Ok(())),
            Turn::Fail(errno) => (self.dice.part(bytes.len()).min(room), Err(errno.into())),
            Turn::Crash => (self.dice.part(bytes.len()).min(room), Err(Crashed.into())),
        };
        self.contents.inode_mut(inode).write(&bytes[..count], offset);
        result
    }

    pub(crate) fn sync(&mut self, life: Life, inode: u64) -> io::Result<()> {
        let turn = self.turn(life, Call::Sync)?;
        if let Turn::Fail(errno) = turn {
            self.contents.inode_mut(inode).fail_sync(&mut self.dice, &self.model);
            return Err(errno.into());
        }
        if self.syncs(turn) {
            self.contents.inode_mut(inode).sync();
        }
        self.check_alive(life)
    }

    pub(crate) fn set_length(&mut self, life: Life, inode: u64, length: u64) -> io::Result<()> {
        self.whole(life, Call::SetLength, |state| {
            if length > FILE_BYTES_MAX {
                return Err(Errno::FBIG.into());
            }
            let length = length as usize;
            let held = state.contents.inode(inode).bytes().len();
            let growth = length.saturating_sub(held);
            if state.contents.room(inode, growth, held, state.model.capacity_bytes) < growth {
                return Err(Errno::NOSPC.into());
            }
            state.contents.inode_mut(inode).set_length(length);
            Ok(())
        })
    }

    pub(crate) fn length(&self, life: Life, inode: u64) -> io::Result<u64> {
        self.check_alive(life)?;
        Ok(self.contents.inode(inode).bytes().len() as u64)
    }
}
