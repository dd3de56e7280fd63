//! Kinds that were met lately, with their numbers, so that they need no hash that an attacker cannot foresee.
//!
//! The caller that chooses terms that displace each other here only makes its own appends as slow as without it.

/// Places, as a power of two.
const PLACES_BITS: u32 = 6;

/// The numbers of terms met lately.
#[derive(Debug)]
pub(crate) struct Recent {
    places: Vec<(Vec<u8>, u32)>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { places: vec![(Vec::new(), 0); 1 << PLACES_BITS] }
    }
}

impl Recent {
    /// The number of a term, which `find` finds if it was not met lately. A term has at least a byte.
    pub(crate) fn find(&mut self, term: &[u8], find: impl FnOnce() -> u32) -> u32 {
        debug_assert!(!term.is_empty(), "an empty place stands for no term");
        let (bytes, number) = &mut self.places[place(term)];
        if bytes != term {
            *number = find();
            bytes.clear();
            bytes.extend_from_slice(term);
        }
        *number
    }
}

/// A cheap hash of the first bytes, the last ones, and the length.
fn place(term: &[u8]) -> usize {
    let mut first = [0; 8];
    let mut last = [0; 8];
    let count = term.len().min(8);
    first[..count].copy_from_slice(&term[..count]);
    last[..count].copy_from_slice(&term[term.len() - count..]);
    let mixed = u64::from_le_bytes(first)
        .wrapping_add(u64::from_le_bytes(last).rotate_left(29))
        .wrapping_add(term.len() as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - PLACES_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_keep_their_own_numbers() {
        let mut recent = Recent::default();
        for round in 0..3 {
            for number in 0..500 {
                let term = format!("k{number}");
                assert_eq!(recent.find(term.as_bytes(), || number), number, "round {round}");
            }
        }
        assert_eq!(recent.find(b"k499", || 0), 499, "it was met a moment ago");
    }
}
