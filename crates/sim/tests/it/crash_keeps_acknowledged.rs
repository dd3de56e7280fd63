//! Whatever happens to a process or to its machine, what was acknowledged is there afterwards.

use tidegate_sim::{Soak, Sweep, soak, sweep};

#[test]
fn a_crash_at_every_call_keeps_what_was_acknowledged() {
    let mut points = 0;
    let start = std::time::Instant::now();
    for seed in 0..4 {
        let swept = sweep(&Sweep { seed, ..Sweep::default() })
            .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        points += swept.crash_points;
        eprintln!("{seed}: {swept:?} {:?}", start.elapsed());
    }
    assert!(points > 1000);
}

#[test]
fn many_lives_keep_what_was_acknowledged() {
    let start = std::time::Instant::now();
    for seed in 0..200 {
        soak(&Soak { seed, ..Soak::default() }).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
    eprintln!("{:?}", start.elapsed());
}
