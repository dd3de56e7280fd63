//! A small generator of repeatable choices (splitmix64). Not for secrets.

/// Choices that follow from a seed and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number under `bound`; 0 if there is none.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The bias of a remainder is far below what any simulation could notice.
        (self.roll() % (bound as u64).max(1)) as usize
    }

    /// Returns true `times` in `of` throws.
    pub(crate) fn chance(&mut self, times: usize, of: usize) -> bool {
        self.below(of) < times
    }

    /// Returns how much of `whole` gets done by something cut short: often nothing or all, else any part.
    pub(crate) fn part(&mut self, whole: usize) -> usize {
        match self.below(4) {
            0 => 0,
            1 => whole,
            _ => self.below(whole + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_are_those_of_splitmix64() {
        let mut dice = Dice::new(1_234_567);
        assert_eq!(
            [dice.roll(), dice.roll(), dice.roll()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn choices_reach_their_ends() {
        let mut dice = Dice::new(0);
        let parts: Vec<usize> = (0..200).map(|_| dice.part(3)).collect();
        assert!((0..=3).all(|part| parts.contains(&part)));
        assert!((0..200).all(|_| dice.chance(1, 1) && !dice.chance(0, 1)));
        assert_eq!(dice.below(0), 0);
    }
}
