//! Which name means which file: as callers see it, as the disk holds it, and what lies between.
//!
//! A1: a file has one name at most; nothing here makes a second.
//! A2: a change of a name is kept or lost as a whole, a rename included.

use std::collections::BTreeMap;

use crate::dice::Dice;
use crate::faulty::model::Directories;
use crate::name::folder_of;

/// The names of all files of one disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    seen: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    inode: u64,
    /// The name that goes, if any.
    from: Option<String>,
    /// The name that comes, if any.
    to: Option<String>,
}

impl Change {
    fn names(&self) -> impl Iterator<Item = &String> {
        self.from.iter().chain(&self.to)
    }

    /// Returns whether it is in this folder. A rename between folders counts to the folder of its new name.
    fn is_in(&self, folder: &str) -> bool {
        self.to.as_ref().or(self.from.as_ref()).is_some_and(|name| folder_of(name) == folder)
    }

    /// Returns whether one cannot be made durable without the other.
    fn is_tied_to(&self, other: &Self) -> bool {
        self.inode == other.inode || self.names().any(|name| other.names().any(|others| name == others))
    }

    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        if let Some(to) = &self.to {
            names.retain(|_, inode| *inode != self.inode);
            names.insert(to.clone(), self.inode);
        } else if let Some(from) = &self.from
            && names.get(from) == Some(&self.inode)
        {
            names.remove(from);
        }
    }
}

impl Names {
    /// Returns the file of a name.
    pub(crate) fn get(&self, name: &str) -> Option<u64> {
        self.seen.get(name).copied()
    }

    /// Returns every name with its file, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.seen.iter().map(|(name, inode)| (name.as_str(), *inode))
    }

    /// Returns every name that the disk itself holds with its file, in order. Callers may see others.
    pub(crate) fn synced(&self) -> &BTreeMap<String, u64> {
        &self.durable
    }

    pub(crate) fn create(&mut self, name: &str, inode: u64) {
        self.change(Change { inode, from: None, to: Some(name.to_owned()) });
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str, inode: u64) {
        if from != to {
            self.change(Change { inode, from: Some(from.to_owned()), to: Some(to.to_owned()) });
        }
    }

    pub(crate) fn remove(&mut self, name: &str, inode: u64) {
        self.change(Change { inode, from: Some(name.to_owned()), to: None });
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    /// Makes the pending changes in `folder` durable, and earlier ones they rest on.
    pub(crate) fn sync(&mut self, folder: &str, directories: Directories) {
        for change in self.take(folder, directories) {
            change.apply(&mut self.durable);
        }
    }

    /// Forgets that the changes in `folder` were pending: callers still see them, the disk has none of them.
    pub(crate) fn fail_sync(&mut self, folder: &str, directories: Directories) {
        self.take(folder, directories);
    }

    fn take(&mut self, folder: &str, directories: Directories) -> Vec<Change> {
        if directories == Directories::Ordered {
            let last = self.pending.iter().rposition(|change| change.is_in(folder));
            return self.pending.drain(..last.map_or(0, |last| last + 1)).collect();
        }
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for change in self.pending.drain(..).rev() {
            let goes = change.is_in(folder) || taken.iter().any(|later| change.is_tied_to(later));
            if goes { taken.push(change) } else { left.push(change) }
        }
        taken.reverse();
        left.reverse();
        self.pending = left;
        taken
    }

    /// Leaves what a power cut leaves.
    pub(crate) fn cut_power(&mut self, dice: &mut Dice, directories: Directories) {
        if !self.pending.is_empty() {
            let eighths = [0, 2, 4, 6, 8][dice.below(5)];
            let first = dice.part(self.pending.len());
            for (index, change) in self.pending.iter().enumerate() {
                let kept = match directories {
                    Directories::Strict => dice.chance(eighths, 8),
                    Directories::Ordered => index < first,
                };
                if kept {
                    change.apply(&mut self.durable);
                }
            }
        }
        self.lose_unsynced();
    }

    /// Leaves what is durable.
    pub(crate) fn lose_unsynced(&mut self) {
        self.pending.clear();
        self.seen.clone_from(&self.durable);
    }

    /// Puts a name, seen and durable at once; it is the only one of its file.
    pub(crate) fn put(&mut self, name: &str, inode: u64) {
        self.forget(name);
        self.forget_file(inode);
        self.seen.insert(name.to_owned(), inode);
        self.durable.insert(name.to_owned(), inode);
    }

    /// Takes a name away, seen and durable at once, and with it the file that is seen there.
    pub(crate) fn forget(&mut self, name: &str) {
        if let Some(inode) = self.get(name) {
            self.forget_file(inode);
        }
        self.durable.remove(name);
        self.pending.retain(|change| !change.names().any(|touched| touched == name));
    }

    fn forget_file(&mut self, inode: u64) {
        self.seen.retain(|_, held| *held != inode);
        self.durable.retain(|_, held| *held != inode);
        self.pending.retain(|change| change.inode != inode);
    }

    /// Returns whether a name leads to the file, or may again after a power cut.
    pub(crate) fn may_reach(&self, inode: u64) -> bool {
        let named = |names: &BTreeMap<String, u64>| names.values().any(|held| *held == inode);
        named(&self.seen) || named(&self.durable) || self.pending.iter().any(|change| change.inode == inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_cuts(names: &Names, directories: Directories) -> Vec<Vec<String>> {
        let cut = |seed| {
            let mut names = names.clone();
            names.cut_power(&mut Dice::new(seed), directories);
            names.iter().map(|(name, inode)| format!("{name}{inode}")).collect()
        };
        let mut states: Vec<Vec<String>> = (0..300).map(cut).collect();
        states.sort();
        states.dedup();
        states
    }

    #[test]
    fn strict_changes_are_lost_each_on_its_own() {
        let mut names = Names::default();
        names.create("a", 1);
        names.create("b", 2);
        let states = after_cuts(&names, Directories::Strict);
        assert_eq!(states, [vec![], vec!["a1"], vec!["a1", "b2"], vec!["b2"]]);
        assert_eq!(after_cuts(&names, Directories::Ordered), [vec![], vec!["a1"], vec!["a1", "b2"]]);
    }

    #[test]
    fn a_lost_rename_brings_both_old_files_back() {
        let mut names = Names::default();
        names.create("a", 1);
        names.create("t", 2);
        names.sync("", Directories::Strict);
        names.rename("t", "a", 2);
        let states = after_cuts(&names, Directories::Strict);
        assert_eq!(states, [vec!["a1", "t2"], vec!["a2"]]);
    }

    #[test]
    fn a_removal_takes_only_the_file_it_meant() {
        let mut names = Names::default();
        names.create("a", 1);
        names.create("t", 2);
        names.sync("", Directories::Strict);
        names.rename("t", "a", 2);
        names.remove("a", 2);
        let states = after_cuts(&names, Directories::Strict);
        assert_eq!(states, [vec![], vec!["a1", "t2"], vec!["a2"]]);
    }

    #[test]
    fn ordered_changes_after_the_synced_folder_stay_pending() {
        let mut names = Names::default();
        names.create("g/a", 1);
        names.create("f/a", 2);
        names.create("g/b", 3);
        names.sync("f", Directories::Ordered);
        let states = after_cuts(&names, Directories::Ordered);
        assert_eq!(states, [vec!["f/a2", "g/a1"], vec!["f/a2", "g/a1", "g/b3"]]);
    }

    #[test]
    fn a_file_never_has_two_names() {
        // keeps A1
        let mut names = Names::default();
        names.create("a", 1);
        names.sync("", Directories::Strict);
        names.rename("a", "b", 1);
        names.rename("b", "c", 1);
        let states = after_cuts(&names, Directories::Strict);
        assert_eq!(states, [vec!["a1"], vec!["b1"], vec!["c1"]]);
    }

    #[test]
    fn a_folder_is_synced_with_what_it_rests_on() {
        let mut names = Names::default();
        names.create("f/a", 1);
        names.create("f/b", 2);
        names.rename("f/a", "g/a", 1);
        names.create("f/a", 3);
        names.sync("g", Directories::Strict);
        let states = after_cuts(&names, Directories::Strict);
        assert!(states.iter().all(|state| state.contains(&"g/a1".to_owned())));
        assert!(states.contains(&vec!["g/a1".to_owned()]), "the other folder is not synced");
    }

    #[test]
    fn what_is_put_or_forgotten_does_not_come_back() {
        let mut names = Names::default();
        names.create("a", 1);
        names.create("t", 2);
        names.sync("", Directories::Strict);
        names.rename("t", "a", 2);
        let (mut put, mut forgotten) = (names.clone(), names);
        put.put("a", 2);
        assert_eq!(after_cuts(&put, Directories::Strict), [["a2"]]);
        forgotten.forget("a");
        assert_eq!(after_cuts(&forgotten, Directories::Strict), [Vec::<String>::new()]);
    }

    #[test]
    fn a_removed_name_may_come_back_until_synced() {
        let mut names = Names::default();
        names.create("a", 1);
        names.sync("", Directories::Strict);
        names.remove("a", 1);
        assert!(names.may_reach(1));
        assert_eq!(after_cuts(&names, Directories::Strict), [vec![], vec!["a1"]]);
        names.sync("", Directories::Strict);
        assert_eq!(after_cuts(&names, Directories::Strict), [Vec::<String>::new()]);
        assert!(!names.may_reach(1));
    }

    #[test]
    fn a_failed_folder_sync_is_not_made_good_by_the_next() {
        let mut names = Names::default();
        names.create("a", 1);
        names.fail_sync("", Directories::Strict);
        names.sync("", Directories::Strict);
        assert_eq!(names.get("a"), Some(1));
        assert_eq!(after_cuts(&names, Directories::Strict), [Vec::<String>::new()]);
    }
}
