//! Bitmaps: a list of events as one bit for each event between the first and the last.

use tidegate_disk::Block;
use tidegate_format::Result;

use crate::index::blocks::Part;
use crate::index::number::{u32_at, u64_at};

/// Bytes of a bitmap before its counts: the first event, and how many words there are.
const HEAD: usize = 8;
/// Words of 64 bits for which there is one count.
const LINE_WORDS: usize = 8;

/// Returns the length in bytes of the bitmap of these events.
pub(super) fn length(events: &[u32]) -> usize {
    let words = words(events);
    HEAD + words.div_ceil(LINE_WORDS) * 4 + words * 8
}

fn words(events: &[u32]) -> usize {
    ((events[events.len() - 1] - events[0]) as usize + 1).div_ceil(64)
}

/// Appends the bitmap of these events.
pub(super) fn write(events: &[u32], out: &mut Vec<u8>) {
    let words = words(events);
    let mut bits = vec![0u64; words];
    for event in events {
        let bit = (event - events[0]) as usize;
        bits[bit / 64] |= 1 << (bit % 64);
    }
    out.extend_from_slice(&events[0].to_le_bytes());
    out.extend_from_slice(&(words as u32).to_le_bytes());
    let mut before = 0u32;
    for line in bits.chunks(LINE_WORDS) {
        out.extend_from_slice(&before.to_le_bytes());
        before += line.iter().map(|word| word.count_ones()).sum::<u32>();
    }
    for word in bits {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// A bitmap read in place.
#[derive(Clone, Debug)]
pub(super) struct Bitmap {
    block: Block,
    base: u32,
    words: usize,
    /// Where the counts start.
    counts: usize,
    /// Where the words start.
    start: usize,
}

impl Bitmap {
    /// Returns the bitmap that `list` starts with. Other lists may follow it.
    pub(super) fn read(list: Part<'_>) -> Result<Self> {
        let (base, words) = (list.u32_at(0)?, list.u32_at(4)? as usize);
        let counts_length = words.div_ceil(LINE_WORDS) * 4;
        let place = 0..HEAD + counts_length + words * 8;
        list.bytes(place.clone())?;
        let (block, counts) = (list.blocks().file().clone(), list.place(&place)?.start + HEAD);
        Ok(Self { block, base, words, counts, start: counts + counts_length })
    }

    #[inline]
    fn word(&self, word: usize) -> u64 {
        if word < self.words { u64_at(&self.block, self.start + word * 8).unwrap_or(0) } else { 0 }
    }

    /// Returns how many bits are set before a line of words, the caller knowing that there is one.
    fn count_before(&self, line: usize) -> u32 {
        u32_at(&self.block, self.counts + line * 4).unwrap_or(u32::MAX)
    }

    /// Returns how many events come before `event`; more than there are for one past the last.
    pub(super) fn rank(&self, event: u32) -> u32 {
        let bit = event.saturating_sub(self.base) as usize;
        let word = bit / 64;
        if word >= self.words {
            return u32::MAX;
        }
        let line = word / LINE_WORDS;
        let whole: u32 = (line * LINE_WORDS..word).map(|word| self.word(word).count_ones()).sum();
        let part = self.word(word) & ((1 << (bit % 64)) - 1);
        self.count_before(line).saturating_add(whole).saturating_add(part.count_ones())
    }

    /// Returns the events from the `n`-th on, the caller knowing that there is one.
    pub(super) fn select(&self, n: u32) -> Option<SetBits<'_>> {
        let (mut low, mut high) = (0, self.words.div_ceil(LINE_WORDS));
        while low < high {
            let middle = low.midpoint(high);
            if self.count_before(middle) <= n {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let line = low.checked_sub(1)?;
        let mut left = n.checked_sub(self.count_before(line))?;
        let mut at = line * LINE_WORDS;
        while at < self.words && left >= self.word(at).count_ones() {
            left -= self.word(at).count_ones();
            at += 1;
        }
        let mut word = self.word(at);
        for _ in 0..left {
            word &= word.saturating_sub(1);
        }
        Some(SetBits { bits: self, at, word })
    }
}

/// Words that are looked through for a set bit that is near, before the counts are asked.
const NEAR_WORDS: usize = 16;

/// What a look nearby for an event finds.
pub(super) enum Near {
    Event(u32),
    /// There is none on this side.
    None,
    /// There is none nearby.
    Far,
}

impl Bitmap {
    /// Returns the first event from `event` on.
    pub(super) fn next_from(&self, event: u32) -> Near {
        let bit = event.saturating_sub(self.base) as usize;
        let first = bit / 64;
        let mut mask = u64::MAX << (bit % 64);
        for at in first..(first + NEAR_WORDS).min(self.words) {
            let word = self.word(at) & mask;
            if word != 0 {
                return self.near(at * 64 + word.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        if first + NEAR_WORDS >= self.words { Near::None } else { Near::Far }
    }

    /// Returns the last event before `event`.
    pub(super) fn last_before(&self, event: u32) -> Near {
        let Some(bit) = event.checked_sub(self.base).filter(|bit| *bit > 0) else { return Near::None };
        let last = (bit as usize - 1) / 64;
        if last >= self.words {
            return Near::Far;
        }
        let mut mask = u64::MAX >> (63 - (bit - 1) % 64);
        for at in (last.saturating_sub(NEAR_WORDS - 1)..=last).rev() {
            let word = self.word(at) & mask;
            if word != 0 {
                return self.near(at * 64 + 63 - word.leading_zeros() as usize);
            }
            mask = u64::MAX;
        }
        if last < NEAR_WORDS { Near::None } else { Near::Far }
    }

    fn near(&self, bit: usize) -> Near {
        let event = u32::try_from(bit).ok().and_then(|bit| self.base.checked_add(bit));
        event.map_or(Near::None, Near::Event)
    }
}

/// A walk over set bits.
pub(super) struct SetBits<'a> {
    bits: &'a Bitmap,
    at: usize,
    word: u64,
}

impl Iterator for SetBits<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        while self.word == 0 {
            self.at += 1;
            if self.at >= self.bits.words {
                return None;
            }
            self.word = self.bits.word(self.at);
        }
        let bit = self.at * 64 + self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        self.bits.base.checked_add(u32::try_from(bit).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::blocks::Blocks;

    /// Returns the bitmap of these events, with other lists before and behind it.
    fn looked_at(events: &[u32]) -> Bitmap {
        let mut bytes = vec![0xff; 24];
        write(events, &mut bytes);
        let list = 24..bytes.len();
        let read = |bytes: &[u8]| Bitmap::read(Blocks::of(bytes).section().split_at(24)?.1);
        assert_eq!(list.len(), length(events));
        for cut in 0..list.len() {
            assert!(read(&bytes[..24 + cut]).is_err(), "cut to {cut} bytes");
        }
        bytes.extend([0xff; 40]);
        read(&bytes).expect("it was just written")
    }

    fn assert_agrees(events: &[u32]) {
        let bits = looked_at(events);
        let (first, last) = (events[0], events[events.len() - 1]);
        for (n, event) in events.iter().enumerate() {
            let rest: Vec<_> = bits.select(n as u32).into_iter().flatten().collect();
            assert_eq!(rest, events[n..]);
            assert_eq!(bits.rank(*event) as usize, n);
        }
        for event in first.saturating_sub(70)..last + 200 {
            let rank = events.partition_point(|found| *found < event);
            assert_eq!(bits.rank(event).min(events.len() as u32), rank as u32, "before {event}");
            match bits.next_from(event) {
                Near::Event(found) => assert_eq!(Some(&found), events.get(rank)),
                Near::None => assert_eq!(rank, events.len()),
                Near::Far => assert!(events.get(rank).is_none_or(|next| next - event > 64 * 14)),
            }
            match bits.last_before(event) {
                Near::Event(found) => assert_eq!(Some(found), rank.checked_sub(1).map(|rank| events[rank])),
                Near::None => assert_eq!(rank, 0),
                Near::Far => assert!(event > last || event - events[rank - 1] > 64 * 14),
            }
        }
    }

    #[test]
    fn it_is_as_long_as_from_the_first_event_to_the_last() {
        for (events, lines, words) in [
            (&[5][..], 1, 1),
            (&[5, 68], 1, 1),
            (&[5, 69], 1, 2),
            (&[1000, 1511], 1, 8),
            (&[1000, 1512], 2, 9),
        ] {
            assert_eq!(length(events), 8 + 4 * lines + 8 * words, "{events:?}");
        }
    }

    #[test]
    fn of_one_word_and_of_many_lines() {
        assert_agrees(&[5]);
        assert_agrees(&[0, 63, 64, 127]);
        assert_agrees(&[70, 71, 70 + 64 * 8, 70 + 64 * 40, 71 + 64 * 40]);
        assert_agrees(&(3..3000).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_list(gaps in proptest::collection::vec(prop_oneof![9 => 1u32..40, 1 => 1u32..2500], 1..80)) {
            let events: Vec<u32> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            assert_agrees(&events);
        }
    }
}
