//! One life of a store crashed at each of its calls, and looked at after the process or the power ended.

use tidegate::Result;
use tidegate::testing::FaultPlan;

use crate::faults::Stage;

/// Choices that follow from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    /// Whether a chance of one in `sides` came.
    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// Lives one life up to each of its calls, ends it there, and hands the next process to `check` with what was
/// noted: once with all that was written, and some times with what a power cut leaves. Says how many times.
pub(crate) fn every_crash<N: Default>(
    seed: u64,
    live: impl Fn(&Stage, &mut N, &mut Dice) -> Result<()>,
    mut check: impl FnMut(&Stage, &N, &str),
) -> usize {
    let whole = Stage::seeded(seed);
    live(&whole, &mut N::default(), &mut Dice::new(seed)).unwrap();
    let calls = whole.disk.calls();
    let mut checked = 0;
    for nth in 1..=calls {
        let stage = Stage::seeded(seed);
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let mut notes = N::default();
        let _ = live(&stage, &mut notes, &mut Dice::new(seed));
        assert!(stage.disk.ended(), "seed {seed}: call {nth} of {calls} was not reached");
        for cut in 0..4 {
            let disk = stage.disk.fork();
            match cut {
                0 => disk.kill(),
                1 => disk.lose_unsynced(),
                _ => disk.power_cut(seed * 1000 + nth * 10 + cut),
            }
            let next = Stage { disk: disk.reopen(), ..stage.clone() };
            check(&next, &notes, &format!("seed {seed}, call {nth}, cut {cut}"));
            checked += 1;
        }
    }
    checked
}
