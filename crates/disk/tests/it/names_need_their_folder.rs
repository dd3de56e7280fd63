//! Names survive a power cut for certain only once their folder was synced.

use std::collections::BTreeSet;
use std::io;

use tidegate_disk::{Directories, Disk, FaultyDisk, Mode, Model};

fn disk(directories: Directories) -> FaultyDisk {
    FaultyDisk::new(1, Model { directories, ..Model::default() })
}

/// The sets of files found after many cuts, as `name=contents`.
fn found(disk: &FaultyDisk) -> io::Result<BTreeSet<Vec<String>>> {
    let cut = |seed| {
        let fork = disk.fork();
        fork.power_cut(seed);
        let rest = fork.at_rest();
        let show = |name: String| Ok(format!("{name}={}", String::from_utf8_lossy(&rest.read(&name)?)));
        rest.names().into_iter().map(show).collect()
    };
    (0..300).map(cut).collect()
}

fn states<const N: usize>(states: [&[&str]; N]) -> BTreeSet<Vec<String>> {
    states.iter().map(|files| files.iter().map(|file| (*file).to_owned()).collect()).collect()
}

/// Creates a file with synced contents; its name is not synced.
fn put(disk: &FaultyDisk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = disk.open(name, Mode::CreateNew)?;
    file.write_all_at(bytes, 0)?;
    file.sync()
}

#[test]
fn a_synced_file_without_a_synced_name_may_vanish() -> io::Result<()> {
    for directories in [Directories::Strict, Directories::Ordered] {
        let disk = disk(directories);
        put(&disk, "a", b"1")?;
        assert_eq!(found(&disk)?, states([&[], &["a=1"]]));
        disk.sync_folder("")?;
        assert_eq!(found(&disk)?, states([&["a=1"]]));
    }
    Ok(())
}

#[test]
fn a_rename_is_lost_or_kept_until_synced() -> io::Result<()> {
    for directories in [Directories::Strict, Directories::Ordered] {
        let disk = disk(directories);
        disk.at_rest().write("a", b"old")?;
        disk.at_rest().write("t", b"new")?;
        disk.rename("t", "a")?;
        assert_eq!(found(&disk)?, states([&["a=old", "t=new"], &["a=new"]]));
        disk.sync_folder("")?;
        assert_eq!(found(&disk)?, states([&["a=new"]]));
    }
    Ok(())
}

#[test]
fn a_removed_file_comes_back_with_its_durable_contents() -> io::Result<()> {
    let disk = disk(Directories::Strict);
    disk.at_rest().write("a", b"1")?;
    disk.remove("a")?;
    assert_eq!(disk.list("")?, Vec::<String>::new());
    // The process may die in between; the removal stays as uncertain as it was.
    disk.kill();
    assert_eq!(found(&disk)?, states([&[], &["a=1"]]));
    disk.reopen().sync_folder("")?;
    assert_eq!(found(&disk)?, states([&[]]));
    Ok(())
}

#[test]
fn strict_loses_each_change_and_ordered_only_the_last_ones() -> io::Result<()> {
    let story = |directories| {
        let disk = disk(directories);
        disk.at_rest().write("old", b"1")?;
        put(&disk, "new", b"2")?;
        disk.remove("old")?;
        found(&disk)
    };
    let strict = states([&["old=1"], &["new=2", "old=1"], &["new=2"], &[]]);
    assert_eq!(story(Directories::Strict)?, strict);
    let ordered = states([&["old=1"], &["new=2", "old=1"], &["new=2"]]);
    assert_eq!(story(Directories::Ordered)?, ordered);
    Ok(())
}

#[test]
fn a_folder_is_not_synced_by_another() -> io::Result<()> {
    let disk = disk(Directories::Strict);
    disk.create_folder("f")?;
    put(&disk, "f/a", b"1")?;
    disk.sync_folder("")?;
    assert_eq!(found(&disk)?, states([&[], &["f/a=1"]]));
    disk.sync_folder("f")?;
    assert_eq!(found(&disk)?, states([&["f/a=1"]]));
    Ok(())
}

#[test]
fn folders_are_durable_once_created() -> io::Result<()> {
    let disk = disk(Directories::Strict);
    disk.create_folder("f/g")?;
    disk.lose_unsynced();
    assert_eq!(disk.reopen().list("f/g")?, Vec::<String>::new());
    Ok(())
}
