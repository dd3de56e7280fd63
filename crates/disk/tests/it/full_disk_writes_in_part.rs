//! A disk that is full writes what fits and says so.

use std::io;

use tidegate_disk::{Call, Disk, Errno, FaultPlan, FaultyDisk, Mode, Model};

#[track_caller]
fn fails_with<T>(result: io::Result<T>, errno: Errno) {
    let code = result.err().and_then(|error| error.raw_os_error());
    assert_eq!(code, Some(errno.raw_os_error()));
}

fn disk(capacity_bytes: u64) -> FaultyDisk {
    FaultyDisk::new(1, Model { capacity_bytes: Some(capacity_bytes), ..Model::default() })
}

#[test]
fn what_fits_is_written() -> io::Result<()> {
    let disk = disk(1000);
    let (first, second) = (disk.open("a", Mode::CreateNew)?, disk.open("b", Mode::CreateNew)?);
    first.write_all_at(&[1; 700], 0)?;
    fails_with(second.write_all_at(&[2; 400], 0), Errno::NOSPC);
    assert_eq!(disk.at_rest().read("b")?, [2; 300]);
    // What is there already can be written over.
    first.write_all_at(&[3; 700], 0)?;
    fails_with(first.write_all_at(&[4; 10], 695), Errno::NOSPC);
    assert_eq!(disk.at_rest().read("a")?[690..], [3, 3, 3, 3, 3, 4, 4, 4, 4, 4]);
    fails_with(first.set_len(701), Errno::NOSPC);
    fails_with(disk.open("c", Mode::CreateNew), Errno::NOSPC);
    Ok(())
}

#[test]
fn room_comes_back() -> io::Result<()> {
    let disk = disk(100);
    let file = disk.open("a", Mode::CreateNew)?;
    fails_with(file.write_all_at(&[1; 101], 0), Errno::NOSPC);
    file.set_len(40)?;
    file.write_all_at(&[2; 60], 40)?;
    disk.remove("a")?;
    disk.open("b", Mode::CreateNew)?.write_all_at(&[1; 100], 0)?;
    disk.set_model(Model { capacity_bytes: None, ..disk.model() });
    disk.open("c", Mode::CreateNew)?.write_all_at(&[1; 100], 0)
}

#[test]
fn a_planned_failure_leaves_any_first_part() -> io::Result<()> {
    let left = |seed| {
        let disk = FaultyDisk::new(seed, Model::default());
        disk.set_plan(FaultPlan::default().fail(Call::Write, 2, Errno::IO));
        let file = disk.open("a", Mode::CreateNew)?;
        file.write_all_at(&[1; 10], 0)?;
        fails_with(file.write_all_at(&[2; 10], 10), Errno::IO);
        let bytes = disk.at_rest().read("a")?;
        assert_eq!(bytes, [[1; 10], [2; 10]].concat()[..bytes.len()]);
        file.write_all_at(&[3; 10], 10)?;
        assert_eq!(disk.at_rest().read("a")?, [[1; 10], [3; 10]].concat());
        Ok(bytes.len())
    };
    let lengths = (0..100).map(left).collect::<io::Result<Vec<_>>>()?;
    for length in [10, 15, 20] {
        assert!(lengths.contains(&length), "{length}");
    }
    assert!(lengths.iter().all(|length| (10..=20).contains(length)));
    Ok(())
}

#[test]
fn a_wild_offset_is_an_error() -> io::Result<()> {
    let disk = FaultyDisk::new(1, Model::default());
    let file = disk.open("a", Mode::CreateNew)?;
    for offset in [1 << 40, u64::MAX] {
        fails_with(file.write_all_at(b"x", offset), Errno::FBIG);
        fails_with(file.set_len(offset), Errno::FBIG);
    }
    assert_eq!(file.length()?, 0);
    Ok(())
}
