//! Decisions hold at their own position, whatever runs beside them and wherever the process or the power ends.
//!
//! Many threads decide about few things; what each of them read is written down and compared afterwards with
//! the log. A canary leaves out the check at the commit, and the same comparison must find it.

mod canary;
mod checker;
mod crashes;
mod workload;

/// Numbers that look random and follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}
