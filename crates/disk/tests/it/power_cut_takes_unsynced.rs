//! A power cut keeps what was synced and any part of the rest.

use std::collections::BTreeSet;
use std::io;

use tidegate_disk::{Disk, FaultyDisk, File, Grain, Mode, Model, Random, SeededRandom};

/// A disk with one durable file.
fn disk_with(name: &str, bytes: &[u8], model: Model) -> io::Result<(FaultyDisk, std::sync::Arc<dyn File>)> {
    let disk = FaultyDisk::new(1, model);
    disk.at_rest().write(name, bytes)?;
    let file = disk.open(name, Mode::Write)?;
    Ok((disk, file))
}

/// The states one file is found in after many cuts of the same disk.
fn found(disk: &FaultyDisk, name: &str) -> io::Result<BTreeSet<Vec<u8>>> {
    let cut = |seed| {
        let fork = disk.fork();
        fork.power_cut(seed);
        fork.at_rest().read(name)
    };
    (0..400).map(cut).collect()
}

#[test]
fn synced_stays_and_unsynced_may_go() -> io::Result<()> {
    let (disk, file) = disk_with("a", &[], Model::default())?;
    file.write_all_at(&[1; 600], 0)?;
    file.sync()?;
    file.write_all_at(&[2; 600], 600)?;
    let found = found(&disk, "a")?;
    assert!(found.iter().all(|bytes| bytes[..600] == [1; 600]), "synced bytes were lost");
    assert!(found.contains(&vec![1; 600]), "unsynced bytes always survived");
    assert!(found.contains(&[[1; 600], [2; 600]].concat()), "unsynced bytes never survived");
    Ok(())
}

#[test]
fn nothing_unsynced_is_left_when_all_of_it_is_lost() -> io::Result<()> {
    let (disk, file) = disk_with("a", b"old", Model::default())?;
    file.write_all_at(b"new and longer", 0)?;
    disk.open("b", Mode::CreateNew)?;
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().read("a")?, b"old");
    assert_eq!(disk.at_rest().names(), ["a"]);
    Ok(())
}

#[test]
fn a_later_sector_may_survive_an_earlier_one() -> io::Result<()> {
    let (disk, file) = disk_with("a", &[0; 1024], Model { torn: false, ..Model::default() })?;
    file.write_all_at(&[1; 512], 0)?;
    file.write_all_at(&[2; 512], 512)?;
    let states = found(&disk, "a")?;
    for state in [[0, 0], [1, 0], [0, 2], [1, 2]] {
        assert!(states.contains(&[[state[0]; 512], [state[1]; 512]].concat()), "{state:?}");
    }
    assert_eq!(states.len(), 4);
    Ok(())
}

#[test]
fn the_length_may_grow_without_the_bytes() -> io::Result<()> {
    let (disk, file) = disk_with("a", &[], Model { torn: false, ..Model::default() })?;
    file.write_all_at(&[1; 1024], 0)?;
    let states = found(&disk, "a")?;
    for state in [vec![], vec![0; 1024], vec![1; 1024], [[0; 512], [1; 512]].concat()] {
        assert!(states.contains(&state), "{} bytes, first {:?}", state.len(), state.first());
    }
    Ok(())
}

#[test]
fn a_sector_tears_only_where_the_model_says_so() -> io::Result<()> {
    let torn = |bytes: &Vec<u8>| bytes.contains(&1) && bytes.contains(&2);
    let (disk, file) = disk_with("a", &[1; 512], Model::default())?;
    file.write_all_at(&[2; 512], 0)?;
    assert!(found(&disk, "a")?.iter().any(torn));
    disk.set_model(Model { torn: false, ..Model::default() });
    assert!(!found(&disk, "a")?.iter().any(torn));
    Ok(())
}

#[test]
fn a_lying_sync_makes_nothing_durable() -> io::Result<()> {
    let (disk, file) = disk_with("a", b"old", Model { sync_lies: true, ..Model::default() })?;
    file.write_all_at(b"new", 0)?;
    file.sync()?;
    disk.open("b", Mode::CreateNew)?;
    disk.sync_folder("")?;
    let states = found(&disk, "a")?;
    assert!(states.contains(b"old".as_slice()) && states.contains(b"new".as_slice()));
    disk.lose_unsynced();
    assert_eq!(disk.at_rest().names(), ["a"]);
    Ok(())
}

/// Every value each byte, and every value the length, had since it was last synced.
struct Allowed {
    lengths: BTreeSet<usize>,
    /// A bit for each value, all of which are below 64.
    bytes: Vec<u64>,
    now: Vec<u8>,
}

impl Allowed {
    const BYTES_MAX: usize = 12_000;

    fn new(now: Vec<u8>) -> Self {
        let mut allowed = Self { lengths: BTreeSet::new(), bytes: vec![0; Self::BYTES_MAX], now: Vec::new() };
        allowed.become_now(now);
        allowed
    }

    fn become_now(&mut self, now: Vec<u8>) {
        self.lengths.insert(now.len());
        for (at, seen) in self.bytes.iter_mut().enumerate() {
            *seen |= 1 << now.get(at).copied().unwrap_or(0);
        }
        self.now = now;
    }

    #[track_caller]
    fn check(&self, found: &[u8], seed: u64) {
        assert!(self.lengths.contains(&found.len()), "seed {seed}: length {}", found.len());
        for (at, byte) in found.iter().enumerate() {
            assert_ne!(self.bytes[at] & (1 << byte), 0, "seed {seed}: byte {at} was never {byte}");
        }
    }
}

/// A random life of one file: writes, cuts, syncs, kills and power cuts. Whatever is found was there at some
/// moment since the last sync, byte for byte.
fn live(seed: u64) -> io::Result<()> {
    let random = SeededRandom::new(seed);
    let below = |bound: usize| {
        let mut bytes = [0; 8];
        random.fill(&mut bytes).expect("a seed never runs out");
        (u64::from_le_bytes(bytes) % bound as u64) as usize
    };
    let grain = if below(2) == 0 { Grain::Sector } else { Grain::Page };
    let (mut disk, mut file) = disk_with("a", &[], Model { grain, ..Model::default() })?;
    let mut allowed = Allowed::new(Vec::new());
    for step in 0..60_u8 {
        match below(12) {
            0..6 => {
                let (offset, count) = (below(10_000), 1 + below(1 + below(2000)));
                let mut now = allowed.now.clone();
                now.resize(now.len().max(offset + count), 0);
                now[offset..offset + count].fill(step + 1);
                file.write_all_at(&now[offset..offset + count], offset as u64)?;
                allowed.become_now(now);
            }
            6 => {
                let mut now = allowed.now.clone();
                now.resize(below(Allowed::BYTES_MAX), 0);
                file.set_len(now.len() as u64)?;
                allowed.become_now(now);
            }
            7..10 => {
                file.sync()?;
                allowed = Allowed::new(allowed.now);
            }
            10 => {
                disk.kill();
                disk = disk.reopen();
                file = disk.open("a", Mode::Write)?;
                assert_eq!(disk.at_rest().read("a")?, allowed.now, "seed {seed}");
            }
            _ => {
                disk.power_cut(seed ^ u64::from(step));
                disk = disk.reopen();
                file = disk.open("a", Mode::Write)?;
                let found = disk.at_rest().read("a")?;
                allowed.check(&found, seed);
                allowed = Allowed::new(found);
            }
        }
    }
    Ok(())
}

#[test]
fn whatever_is_found_was_there_since_the_last_sync() -> io::Result<()> {
    (0..300).try_for_each(live)
}
