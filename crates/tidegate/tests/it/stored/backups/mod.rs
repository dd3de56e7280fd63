//! Backups, what is restored from them, forks, and what comes over into another store: nothing that was there is missing or
//! wrong, and nothing is written to what they are made of.

mod are_examined;
mod crashes;
mod erasures;
mod forks;
mod increments;
mod links_are_never_written;
mod merges;
mod restores;
mod shipping;

use tidegate::report::backup::{BackupReport, back_up_in};
use tidegate::testing::{Disk, FaultyDisk};
use tidegate::{AppendOptions, Query, Store};
use tidegate_format::StoreFile;
use tidegate_format::store::BackupFile;

use crate::faults::stage::{History, Stage, batch, history};

/// A store of several segments with index files and a cursor in it, that was closed, and what is in it.
pub(crate) fn sample() -> (Stage, History) {
    let mut stage = Stage::new();
    let store = stage.open();
    grow(&stage, &store, 0..12);
    let history = history(&store).unwrap();
    store.close().unwrap();
    stage.restart();
    (stage, history)
}

/// Appends these batches, one a second, and has a cursor follow.
pub(crate) fn grow(stage: &Stage, store: &Store, numbers: std::ops::Range<usize>) {
    for number in numbers {
        stage.clock.advance(1_000_000);
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
    }
    let cursor = store.cursor("mailer", Query::ALL).unwrap();
    while let Some(delivery) = cursor.next_now().unwrap() {
        delivery.ack().unwrap();
    }
    cursor.commit().unwrap();
    drop(cursor);
    store.upkeep().step().unwrap();
}

/// Opens the store, appends to it and closes it.
pub(crate) fn go_on(stage: &mut Stage, numbers: std::ops::Range<usize>) -> History {
    let store = stage.open();
    grow(stage, &store, numbers);
    let history = history(&store).unwrap();
    store.close().unwrap();
    stage.restart();
    history
}

/// A machine to back up into, or to restore on.
pub(crate) fn other() -> Stage {
    Stage::seeded(5)
}

pub(crate) fn backed_up(stage: &Stage, to: &Stage) -> BackupReport {
    back_up_in(&stage.world(), &to.world(), |_| ()).unwrap()
}

pub(crate) fn backup_file(disk: &FaultyDisk) -> BackupFile {
    BackupFile::read(&disk.at_rest().read("BACKUP").unwrap()).unwrap()
}

pub(crate) fn store_file(stage: &Stage) -> StoreFile {
    StoreFile::read(&stage.bytes("STORE")).unwrap()
}

/// The names of all files, sorted.
pub(crate) fn names(disk: &FaultyDisk) -> Vec<String> {
    let mut names: Vec<_> = disk.at_rest().names().into_iter().filter(|name| name != "LOCK").collect();
    names.sort();
    assert!(disk.list("").is_ok());
    names
}
