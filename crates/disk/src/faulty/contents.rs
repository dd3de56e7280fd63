//! What one simulated disk holds: folders, names and files, each as seen and as durable. Knows no process.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::dice::Dice;
use crate::faulty::inode::Inode;
use crate::faulty::model::Model;
use crate::faulty::names::Names;
use crate::name::{check_file, check_folder, folder_of, folders_down_to, last_part};
use crate::os::Errno;

/// All files of a disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) names: Names,
    folders: BTreeSet<String>,
    inodes: BTreeMap<u64, Inode>,
    created: u64,
}

/// What power cuts and dying processes leave.
impl Contents {
    /// Lets go what only an ended process could reach: its maps, and files no name can lead to again.
    pub(crate) fn release(&mut self) {
        let names = &self.names;
        self.inodes.retain(|inode, _| names.may_reach(*inode));
        self.inodes.values_mut().for_each(Inode::unmap);
    }

    pub(crate) fn cut_power(&mut self, dice: &mut Dice, model: &Model) {
        self.names.cut_power(dice, model.directories);
        self.inodes.values_mut().for_each(|inode| inode.cut_power(dice, model));
    }

    pub(crate) fn lose_unsynced(&mut self) {
        self.names.lose_unsynced();
        self.inodes.values_mut().for_each(Inode::lose_unsynced);
    }
}

/// What a process sees and does.
impl Contents {
    pub(crate) fn check_folder(&self, folder: &str) -> io::Result<()> {
        check_folder(folder)?;
        let there = folder.is_empty() || self.folders.contains(folder);
        if there { Ok(()) } else { Err(Errno::NOENT.into()) }
    }

    fn check_parent(&self, name: &str) -> io::Result<()> {
        check_file(name)?;
        self.check_folder(folder_of(name))
    }

    pub(crate) fn find(&self, name: &str) -> io::Result<u64> {
        self.check_parent(name)?;
        self.names.get(name).ok_or_else(|| Errno::NOENT.into())
    }

    pub(crate) fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.check_folder(folder)?;
        let inside = self.names.iter().filter(|(name, _)| folder_of(name) == folder);
        Ok(inside.map(|(name, _)| last_part(name).to_owned()).collect())
    }

    pub(crate) fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        self.check_folder(folder)?;
        let inside = self.folders.iter().filter(|name| folder_of(name) == folder);
        Ok(inside.map(|name| last_part(name).to_owned()).collect())
    }

    pub(crate) fn create(&mut self, name: &str, capacity_bytes: Option<u64>) -> io::Result<u64> {
        self.check_parent(name)?;
        if self.names.get(name).is_some() || self.folders.contains(name) {
            return Err(Errno::EXIST.into());
        }
        if self.free_bytes(capacity_bytes) == 0 {
            return Err(Errno::NOSPC.into());
        }
        let inode = self.add(Inode::default());
        self.names.create(name, inode);
        Ok(inode)
    }

    /// Puts a file of another disk under a name.
    pub(crate) fn link(&mut self, name: &str, inode: Inode) -> io::Result<()> {
        self.check_parent(name)?;
        if self.names.get(name).is_some() || self.folders.contains(name) {
            return Err(Errno::EXIST.into());
        }
        let inode = self.add(inode);
        self.names.create(name, inode);
        Ok(())
    }

    pub(crate) fn create_folder(&mut self, folder: &str) -> io::Result<()> {
        for part in folders_down_to(folder) {
            if self.names.get(part).is_some() {
                return Err(Errno::EXIST.into());
            }
            self.folders.insert(part.to_owned());
        }
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let inode = self.find(from)?;
        self.check_parent(to)?;
        if self.folders.contains(to) {
            return Err(Errno::ISDIR.into());
        }
        self.names.rename(from, to, inode);
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> io::Result<()> {
        let inode = self.find(name)?;
        self.names.remove(name, inode);
        Ok(())
    }

    /// Returns an open file. Files that lost their name are let go only when the process ends, and its handles with it.
    pub(crate) fn inode(&self, inode: u64) -> &Inode {
        self.inodes.get(&inode).expect("an open file is kept")
    }

    pub(crate) fn inode_mut(&mut self, inode: u64) -> &mut Inode {
        self.inodes.get_mut(&inode).expect("an open file is kept")
    }

    /// Returns how many of `count` bytes at `offset` of a file the disk has room for.
    pub(crate) fn room(&self, inode: u64, count: usize, offset: usize, capacity_bytes: Option<u64>) -> usize {
        let held = self.inode(inode).bytes().len();
        if offset + count <= held {
            return count;
        }
        held.saturating_add(self.free_bytes(capacity_bytes)).saturating_sub(offset).min(count)
    }

    fn free_bytes(&self, capacity_bytes: Option<u64>) -> usize {
        let Some(capacity) = capacity_bytes else { return usize::MAX };
        let used: usize = self.names.iter().map(|(_, inode)| self.inode(inode).bytes().len()).sum();
        capacity.saturating_sub(used as u64) as usize
    }

    fn add(&mut self, inode: Inode) -> u64 {
        self.created += 1;
        self.inodes.insert(self.created, inode);
        self.created
    }
}

/// What is done from behind the process: seen and durable at once.
impl Contents {
    pub(crate) fn bytes(&self, name: &str) -> io::Result<&[u8]> {
        let inode = self.names.get(name).ok_or(Errno::NOENT)?;
        Ok(self.inode(inode).bytes())
    }

    /// Returns the bytes of a file, by a name that the disk holds, as they were last synced.
    pub(crate) fn synced_bytes(&self, name: &str) -> io::Result<&[u8]> {
        let inode = self.names.synced().get(name).ok_or(Errno::NOENT)?;
        Ok(self.inode(*inode).synced_bytes())
    }

    /// Gives a file other bytes; handles see them.
    pub(crate) fn replace(&mut self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        let inode = self.names.get(name).ok_or(Errno::NOENT)?;
        *self.inode_mut(inode) = Inode::durable(bytes);
        // The name may be as unsynced as the bytes were.
        self.names.put(name, inode);
        Ok(())
    }

    /// Puts a new file under a name, with its folders. What stood there loses its name.
    pub(crate) fn put(&mut self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        check_file(name)?;
        if self.folders.contains(name) {
            return Err(Errno::ISDIR.into());
        }
        self.create_folder(folder_of(name))?;
        let inode = self.add(Inode::durable(bytes));
        self.names.put(name, inode);
        Ok(())
    }

    pub(crate) fn forget(&mut self, name: &str) -> io::Result<()> {
        self.names.get(name).ok_or(Errno::NOENT)?;
        self.names.forget(name);
        Ok(())
    }
}
