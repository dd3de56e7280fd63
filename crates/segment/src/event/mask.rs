//! Masks: what is erased of a segment while its file still holds it.

use crate::ordinal::Ordinal;

/// What readers of a segment are not shown, since an event says that it is erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// Events whose payloads are erased: the first and the last of each run, in order, with gaps between them.
    payloads: Vec<(Ordinal, Ordinal)>,
    /// First events of batches of which any other event is erased: the content hashes of their keys go. In order.
    contents: Vec<Ordinal>,
}

/// What becomes of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasing {
    /// Its payload goes, and the content hash of its key if it has one.
    Payload,
    /// The content hash of its key goes.
    Content,
}

impl Mask {
    /// Returns the mask over the payloads of these runs, which may be in any order and overlap, and over the content hashes of
    /// these events.
    pub fn new(mut runs: Vec<(Ordinal, Ordinal)>, mut contents: Vec<Ordinal>) -> Self {
        runs.sort_unstable();
        let mut payloads: Vec<(Ordinal, Ordinal)> = Vec::with_capacity(runs.len());
        for (first, last) in runs {
            match payloads.last_mut() {
                Some((_, end)) if first <= end.next() => *end = (*end).max(last),
                _ => payloads.push((first, last)),
            }
        }
        contents.sort_unstable();
        contents.dedup();
        Self { payloads, contents }
    }

    /// Returns the mask over what either one covers.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new([&*self.payloads, &*other.payloads].concat(), [&*self.contents, &*other.contents].concat())
    }

    /// Returns what becomes of an event, or `None` if it stays.
    pub fn of(&self, event: Ordinal) -> Option<Erasing> {
        let run = self.payloads.partition_point(|(first, _)| *first <= event).checked_sub(1);
        if run.is_some_and(|run| event <= self.payloads[run].1) {
            return Some(Erasing::Payload);
        }
        self.contents.binary_search(&event).is_ok().then_some(Erasing::Content)
    }

    /// Returns the events that it covers, in no order.
    pub(crate) fn events(&self) -> impl Iterator<Item = Ordinal> {
        let payloads = self.payloads.iter().flat_map(|(first, last)| (first.0..=last.0).map(Ordinal));
        payloads.chain(self.contents.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_covers_what_it_is_made_of() {
        let run = |first, last| (Ordinal(first), Ordinal(last));
        let one = Mask::new(
            vec![run(7, 9), run(2, 3), run(4, 4), run(8, 8)],
            vec![Ordinal(1), Ordinal(6), Ordinal(1)],
        );
        assert_eq!(one.payloads, [run(2, 4), run(7, 9)]);
        let both = one.union(&Mask::new(vec![run(0, 0), run(5, 5)], vec![Ordinal(11)]));
        let of = |mask: &Mask| (0..13).map(|event| mask.of(Ordinal(event))).collect::<Vec<_>>();
        let (payload, content) = (Some(Erasing::Payload), Some(Erasing::Content));
        let none = None;
        assert_eq!(
            of(&one),
            [
                none, content, payload, payload, payload, none, content, payload, payload, payload, none,
                none, none
            ]
        );
        assert_eq!(of(&both)[..6], [payload, content, payload, payload, payload, payload]);
        assert_eq!((both.of(Ordinal(11)), both.of(Ordinal(12))), (content, none));
        let mut covered: Vec<_> = one.events().map(|event| event.0).collect();
        covered.sort_unstable();
        assert_eq!(covered, [1, 2, 3, 4, 6, 7, 8, 9]);
    }
}
