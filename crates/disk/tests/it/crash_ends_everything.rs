//! A crash planned for one call leaves that call done in part and everything after it undone.

use std::collections::BTreeSet;
use std::io;

use tidegate_disk::{Call, Crashed, Disk, FaultPlan, FaultyDisk, Mode, Model};

const CALLS: u64 = 9;

/// Nine changing calls, the seventh of them a sync.
fn work(disk: &FaultyDisk) -> io::Result<()> {
    disk.create_folder("f")?;
    let _lock = disk.lock("LOCK")?;
    let file = disk.open("f/a", Mode::CreateNew)?;
    file.write_all_at(&[1; 1000], 0)?;
    file.read_at(&mut [0; 10], 0)?;
    file.set_len(900)?;
    disk.rename("f/a", "f/b")?;
    file.sync()?;
    disk.sync_folder("f")?;
    disk.remove("f/b")
}

fn crashed_at(nth: u64, seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed, Model::default());
    disk.set_plan(FaultPlan::default().crash_at(nth));
    let error = work(&disk).expect_err("the plan ends it");
    assert!(Crashed::caused(&error) && disk.ended(), "{error}");
    assert_eq!(disk.calls(), nth);
    disk
}

/// The states a disk is found in right after the crash, over many seeds.
fn found(nth: u64) -> BTreeSet<Vec<(String, usize)>> {
    let show = |seed| {
        let rest = crashed_at(nth, seed).at_rest();
        let length = |name: String| (name.clone(), rest.read(&name).map_or(0, |bytes| bytes.len()));
        rest.names().into_iter().filter(|name| name != "LOCK").map(length).collect()
    };
    (0..100).map(show).collect()
}

fn one(name: &str, length: usize) -> Vec<(String, usize)> {
    vec![(name.to_owned(), length)]
}

#[test]
fn calls_are_counted() -> io::Result<()> {
    let disk = FaultyDisk::new(1, Model::default());
    work(&disk)?;
    assert_eq!((disk.calls(), disk.reads()), (CALLS, 1));
    assert_eq!((disk.count(Call::Write), disk.count(Call::Open)), (1, 0));
    disk.set_plan(FaultPlan::default());
    assert_eq!((disk.calls(), disk.reads()), (0, 0));
    Ok(())
}

#[test]
fn the_last_call_is_done_or_not() {
    assert_eq!(found(3), [vec![], one("f/a", 0)].into());
    assert_eq!(found(5), [one("f/a", 1000), one("f/a", 900)].into());
    assert_eq!(found(6), [one("f/a", 900), one("f/b", 900)].into());
    assert_eq!(found(9), [one("f/b", 900), vec![]].into());
}

#[test]
fn a_write_is_done_in_any_part() {
    let found = found(4);
    assert!(found.contains(&one("f/a", 0)) && found.contains(&one("f/a", 1000)));
    assert!(found.iter().any(|files| (1..1000).contains(&files[0].1)));
}

#[test]
fn a_sync_is_done_or_not_and_nobody_is_told() {
    let durable = |nth, seed| {
        let disk = crashed_at(nth, seed);
        disk.lose_unsynced();
        disk.at_rest().read("f/b").map_or(0, |bytes| bytes.len())
    };
    let after_file_sync: BTreeSet<usize> = (0..50).map(|seed| durable(7, seed)).collect();
    assert_eq!(after_file_sync, [0].into(), "the name was not synced");
    let after_folder_sync: BTreeSet<usize> = (0..50).map(|seed| durable(8, seed)).collect();
    assert_eq!(after_folder_sync, [0, 900].into());
}

#[test]
fn a_crashed_disk_can_be_reopened_and_crashed_again() -> io::Result<()> {
    let disk = crashed_at(4, 1);
    let disk = disk.reopen();
    assert!(!disk.ended());
    assert_eq!(disk.calls(), 0);
    let _lock = disk.lock("LOCK")?;
    disk.set_plan(FaultPlan::default().crash_at(2));
    disk.sync_folder("f")?;
    assert!(disk.remove("f/a").is_err());
    assert!(disk.ended());
    disk.reopen().lock("LOCK").map(drop)
}

#[test]
fn maps_end_with_the_process() -> io::Result<()> {
    let disk = FaultyDisk::new(1, Model::default());
    disk.at_rest().write("a", b"mapped")?;
    let block = disk.open("a", Mode::Read)?.map(6)?;
    let disk = disk.reopen();
    disk.open("a", Mode::Write)?.write_all_at(b"w", 0)?;
    assert_eq!(&*block, b"mapped");
    assert_eq!(disk.at_rest().read("a")?, b"wapped");
    Ok(())
}

#[test]
#[should_panic(expected = "a mapped part of a file must never change")]
fn writing_where_a_map_lies_is_caught() {
    let disk = FaultyDisk::new(1, Model::default());
    let file = disk.open("a", Mode::CreateNew).expect("an empty disk");
    file.write_all_at(&[1; 100], 0).expect("nothing is planned");
    let reader = disk.open("a", Mode::Read).expect("it is there");
    let _block = reader.map(50).expect("it is that long");
    file.write_all_at(&[1; 50], 50).expect("behind the map");
    let _ = file.write_all_at(&[1], 49);
}
