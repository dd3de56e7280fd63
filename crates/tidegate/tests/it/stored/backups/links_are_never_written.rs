//! On one file system a store, its backups and its forks share files. What is written to one of them changes no other.
#![cfg(unix)]

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tidegate::report::backup::{RestoreOptions, RestoreUntil, back_up, examine, fork, restore};
use tidegate::{AppendOptions, Query, Store, StoreOptions};

use crate::faults::stage::{History, batch, history};

fn open(directory: &Path) -> Store {
    StoreOptions::new().thread(false).segment_bytes(1400).open(directory).unwrap()
}

fn append(store: &Store, count: usize) -> History {
    for number in 0..count {
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
    }
    store.upkeep().step().unwrap();
    history(store).unwrap()
}

/// How many names the files in a folder have.
fn links(folder: &Path) -> Vec<u64> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|path| path.metadata().unwrap().nlink()).collect()
}

/// K3, for writers that append, roll, close, open after a kill and build their index files anew.
#[test]
fn by_any_of_those_who_share_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = open(&path("shop"));
    let intact = append(&store, 20);
    let made = back_up(path("shop"), path("backup"), |_| ()).unwrap();
    assert!(made.linked > 4 && made.until.0 == intact.len() as u64, "{made:?}");
    let _ = fork(path("shop"), path("fork"), RestoreUntil::All, |_| ()).unwrap();
    let same = RestoreOptions::new().keep_id(true);
    let _ = restore(path("backup"), path("same"), &same, |_| ()).unwrap();
    for directory in ["shop", "backup", "fork", "same"] {
        let links = links(&path(directory).join("segments"));
        let (newest, sealed) = links.split_last().unwrap();
        assert!(*newest == 1 && sealed.iter().all(|count| *count == 4), "{directory}: {links:?}");
    }
    let digests = |directory: &str| examine(path(directory), |_| ()).unwrap().faults.len();
    let after = append(&store, 9);
    drop(store);
    let mut others = Vec::new();
    for directory in ["fork", "same"] {
        let own = open(&path(directory));
        assert_eq!(history(&own).unwrap(), intact);
        others.push(append(&own, 13));
        own.upkeep().reindex().unwrap();
        // Ended without closing it, and opened again.
        std::mem::forget(own.clone());
        drop(own);
        assert_eq!(digests("backup"), 0, "{directory} wrote into the backup");
    }
    let store = open(&path("shop"));
    store.upkeep().reindex().unwrap();
    assert_eq!(history(&store).unwrap(), after);
    assert_eq!(digests("backup"), 0);
    assert!(others.iter().all(|other| other.starts_with(&intact) && other.len() > intact.len()));
    // The next backup takes what is new, and the links stay what they are.
    let made = back_up(path("shop"), path("backup"), |_| ()).unwrap();
    assert!(made.kept > 4 && digests("backup") == 0, "{made:?}");
    assert_eq!(store.count(&Query::ALL).unwrap(), made.until.0);
}
