//! Damage at rest is durable, exact, and refused if there is nothing to damage.

use std::io;

use tidegate_disk::{Disk, FaultyDisk, Mode, Model};

fn disk() -> io::Result<FaultyDisk> {
    let disk = FaultyDisk::new(1, Model::default());
    disk.at_rest().write("a", b"abcdefgh")?;
    Ok(disk)
}

/// What a store reads, before a power cut and after it.
fn seen(disk: &FaultyDisk, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name, Mode::Read)?;
    let before = file.map(file.length()?)?;
    let fork = disk.fork();
    fork.lose_unsynced();
    assert_eq!(fork.at_rest().read(name)?, &*before, "damage is durable");
    Ok(before.to_vec())
}

#[test]
fn bytes_change_where_told() -> io::Result<()> {
    let disk = disk()?;
    let rest = disk.at_rest();
    rest.flip_bit("a", 8 + 1)?;
    assert_eq!(seen(&disk, "a")?, b"a`cdefgh");
    rest.swap("a", 6, 0, 2)?;
    assert_eq!(seen(&disk, "a")?, b"ghcdefa`");
    rest.zero("a", 2..4)?;
    assert_eq!(seen(&disk, "a")?, b"gh\0\0efa`");
    rest.truncate("a", 3)?;
    assert_eq!(seen(&disk, "a")?, b"gh\0");
    rest.edit("a", |bytes| bytes.insert(1, b'!'))?;
    assert_eq!(seen(&disk, "a")?, b"g!h\0");
    rest.write("a", b"")?;
    assert_eq!(seen(&disk, "a")?, b"");
    Ok(())
}

#[test]
fn files_come_and_go() -> io::Result<()> {
    let disk = disk()?;
    let rest = disk.at_rest();
    rest.write("f/g/new", b"1")?;
    rest.copy("a", "f/copy")?;
    rest.rename("a", "f/g/new")?;
    assert_eq!(rest.names(), ["f/copy", "f/g/new"]);
    assert_eq!(rest.names_in("f"), ["f/copy"]);
    assert_eq!(seen(&disk, "f/copy")?, b"abcdefgh");
    assert_eq!(seen(&disk, "f/g/new")?, b"abcdefgh");
    rest.remove("f/copy")?;
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().names(), ["f/g/new"]);
    Ok(())
}

#[test]
fn what_is_not_there_cannot_be_damaged() -> io::Result<()> {
    let disk = disk()?;
    let rest = disk.at_rest();
    let refusals = [
        rest.flip_bit("a", 64),
        rest.truncate("a", 9),
        rest.zero("a", 7..9),
        rest.swap("a", 0, 7, 2),
        rest.swap("a", 0, 1, 2),
        rest.flip_bit("b", 0),
        rest.remove("b"),
        rest.copy("b", "c"),
        rest.rename("b", "b"),
        rest.write("../b", b""),
        rest.read("b").map(drop),
    ];
    for (index, refusal) in refusals.into_iter().enumerate() {
        assert!(refusal.is_err(), "refusal {index}");
    }
    assert_eq!(seen(&disk, "a")?, b"abcdefgh");
    assert_eq!(rest.names(), ["a"]);
    Ok(())
}

#[test]
fn what_is_touched_becomes_durable_and_nothing_else() -> io::Result<()> {
    let disk = disk()?;
    for name in ["b", "c"] {
        disk.open(name, Mode::CreateNew)?.write_all_at(b"unsynced", 0)?;
    }
    disk.at_rest().flip_bit("b", 1)?;
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().names(), ["a", "b"]);
    assert_eq!(disk.at_rest().read("b")?, b"wnsynced");
    Ok(())
}

#[test]
fn an_open_file_rots_too() -> io::Result<()> {
    let disk = disk()?;
    let file = disk.open("a", Mode::Read)?;
    disk.at_rest().flip_bit("a", 0)?;
    let mut byte = [0];
    file.read_at(&mut byte, 0)?;
    assert_eq!(byte, *b"`");
    Ok(())
}
