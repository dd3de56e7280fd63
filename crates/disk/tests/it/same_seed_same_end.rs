//! A simulated run follows from its seeds and from nothing else.

use std::io;

use tidegate_disk::{
    Call, Disk, Env, Errno, FaultPlan, FaultyDisk, Mode, Model, SeededRandom, SimulatedClock,
};

/// Everything left after a run that fails, crashes and loses power.
fn end(disk_seed: u64, cut_seed: u64) -> io::Result<Vec<(String, Vec<u8>)>> {
    let disk = FaultyDisk::new(disk_seed, Model::default());
    let world = Env::simulated(&disk, &SimulatedClock::new(0), &SeededRandom::new(5));
    disk.set_plan(FaultPlan::default().fail(Call::Write, 3, Errno::NOSPC).crash_at(12).short_reads());
    let mut bytes = vec![0; 3000];
    for name in ["a", "b", "c", "d"] {
        let Ok(file) = world.disk.open(name, Mode::CreateNew) else { break };
        for part in 0..3 {
            world.random.fill(&mut bytes).expect("a seed never runs out");
            // Failing is part of the plan; the run goes on as far as it can.
            let _ = file.write_all_at(&bytes, part * 3000);
        }
    }
    assert!(disk.ended());
    disk.power_cut(cut_seed);
    let rest = disk.at_rest();
    rest.names().into_iter().map(|name| Ok((name.clone(), rest.read(&name)?))).collect()
}

#[test]
fn runs_repeat() -> io::Result<()> {
    for seed in 0..20 {
        assert_eq!(end(seed, seed)?, end(seed, seed)?);
    }
    Ok(())
}

#[test]
fn seeds_matter() -> io::Result<()> {
    let ends = |by_cut: bool| {
        let run = |seed| if by_cut { end(1, seed) } else { end(seed, 7) };
        let mut ends = (0..20).map(run).collect::<io::Result<Vec<_>>>()?;
        ends.sort();
        ends.dedup();
        Ok::<_, io::Error>(ends.len())
    };
    assert!(ends(true)? > 5, "the seed of the cut changes little");
    assert!(ends(false)? > 1, "the seed of the disk changes nothing");
    Ok(())
}

#[test]
fn the_parts_of_a_world_stay_in_hand() -> io::Result<()> {
    let (disk, clock) = (FaultyDisk::new(1, Model::default()), SimulatedClock::new(50));
    let world = Env::simulated(&disk, &clock, &SeededRandom::new(1));
    world.disk.create_folder("f")?;
    clock.advance(1);
    assert_eq!((disk.calls(), world.clock.now_micros(), world.clock.steady_micros()), (1, 51, 1));
    disk.kill();
    assert!(world.disk.list("").is_err());
    Ok(())
}

#[test]
fn short_reads_come_to_the_end_all_the_same() -> io::Result<()> {
    let disk = FaultyDisk::new(1, Model::default());
    disk.at_rest().write("a", &[7; 5000])?;
    disk.set_plan(FaultPlan::default().short_reads());
    let file = disk.open("a", Mode::Read)?;
    let (mut buffer, mut done, mut calls) = ([0; 5000], 0, 0);
    while done < buffer.len() {
        let count = file.read_at(&mut buffer[done..], done as u64)?;
        assert_ne!(count, 0);
        (done, calls) = (done + count, calls + 1);
    }
    assert_eq!(buffer, [7; 5000]);
    assert!(calls > 2, "no read was short");
    Ok(())
}
