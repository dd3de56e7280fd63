//! Bitmaps: sets of positions as bits, in pages that exist only if a position in them is set.

use tidegate_format::Position;

/// Words of a page.
const WORDS: usize = 64;
/// Positions of a page.
const PAGE: u64 = 64 * WORDS as u64;

/// A set of positions up to a head.
#[derive(Clone, Debug)]
pub(super) struct Bitmap {
    pages: Vec<Option<Box<[u64; WORDS]>>>,
}

impl Bitmap {
    /// Returns an empty set for the positions up to `head`.
    pub(super) fn new(head: Position) -> Self {
        Self { pages: vec![None; (head.0 / PAGE + 1) as usize] }
    }

    /// Adds a position, which is not past the head; returns whether it was not in the set before.
    #[inline]
    pub(super) fn insert(&mut self, position: Position) -> bool {
        let (page, word, bit) = place(position);
        let Some(page) = self.pages.get_mut(page) else { return false };
        let word = &mut page.get_or_insert_with(|| Box::new([0; WORDS]))[word];
        let before = *word;
        *word |= bit;
        before & bit == 0
    }

    /// Returns whether a position is in the set.
    #[inline]
    pub(super) fn contains(&self, position: Position) -> bool {
        let (page, word, bit) = place(position);
        matches!(self.pages.get(page), Some(Some(words)) if words[word] & bit != 0)
    }

    /// Returns the first position of the set from this one on.
    #[inline]
    pub(super) fn next_from(&self, position: Position) -> Option<Position> {
        let (page, mut word, bit) = place(position);
        let mut mask = !(bit - 1);
        for (page, words) in self.pages.iter().enumerate().skip(page) {
            if let Some(words) = words {
                while word < WORDS {
                    let found = words[word] & mask;
                    if found != 0 {
                        return Some(position_of(page, word, found.trailing_zeros()));
                    }
                    (word, mask) = (word + 1, u64::MAX);
                }
            }
            (word, mask) = (0, u64::MAX);
        }
        None
    }

    /// Returns the last position of the set up to this one.
    #[inline]
    pub(super) fn last_up_to(&self, position: Position) -> Option<Position> {
        let (page, word, bit) = place(position);
        let (mut words_left, mut mask) = (word + 1, bit | (bit - 1));
        for page in (0..=page.min(self.pages.len().checked_sub(1)?)).rev() {
            if let Some(words) = &self.pages[page] {
                while let Some(word) = words_left.checked_sub(1) {
                    let found = words[word] & mask;
                    if found != 0 {
                        return Some(position_of(page, word, found.ilog2()));
                    }
                    (words_left, mask) = (word, u64::MAX);
                }
            }
            (words_left, mask) = (WORDS, u64::MAX);
        }
        None
    }

    /// Iterates over the positions of the set, the first one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        std::iter::successors(self.next_from(Position::START), |last| self.next_from(last.next()))
    }
}

#[inline]
fn place(position: Position) -> (usize, usize, u64) {
    let within = position.0 % PAGE;
    // A page's number is less than the number of pages, which a vector holds; the rest is less than a page.
    ((position.0 / PAGE) as usize, (within / 64) as usize, 1 << (within % 64))
}

#[inline]
fn position_of(page: usize, word: usize, bit: u32) -> Position {
    Position(page as u64 * PAGE + word as u64 * 64 + u64::from(bit))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_agree_with_a_plain_set(
            marked in proptest::collection::vec(0u64..20_000, 0..60),
            asked in proptest::collection::vec(0u64..20_000, 0..60),
        ) {
            let mut bitmap = Bitmap::new(Position(20_000));
            let mut plain = BTreeSet::new();
            for position in marked {
                prop_assert_eq!(bitmap.insert(Position(position)), plain.insert(position));
            }
            for position in asked.into_iter().chain(plain.clone()) {
                prop_assert_eq!(bitmap.contains(Position(position)), plain.contains(&position));
                let next = plain.range(position..).next().copied().map(Position);
                prop_assert_eq!(bitmap.next_from(Position(position)), next);
                let last = plain.range(..=position).next_back().copied().map(Position);
                prop_assert_eq!(bitmap.last_up_to(Position(position)), last);
            }
            let all: Vec<_> = bitmap.iter().map(|position| position.0).collect();
            prop_assert_eq!(all, plain.into_iter().collect::<Vec<_>>());
        }
    }
}
