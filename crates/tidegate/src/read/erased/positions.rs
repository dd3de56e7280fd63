//! Sets of positions, as runs.

use std::fmt;

use tidegate_format::Position;

/// A set of positions, kept as runs: the first and the last position of each, in order, with gaps between them.
///
/// ```
/// use tidegate::Position;
/// use tidegate::report::ErasedPositions;
///
/// let positions: ErasedPositions = [3, 4, 9, 5].into_iter().map(Position).collect();
/// assert_eq!(positions.runs(), [(Position(3), Position(5)), (Position(9), Position(9))]);
/// assert_eq!((positions.count(), positions.contains(Position(6))), (4, false));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedPositions(Vec<(Position, Position)>);

impl ErasedPositions {
    /// Returns the set of what is in any of these runs, which may be in any order and overlap.
    pub(crate) fn of_runs(mut runs: Vec<(Position, Position)>) -> Self {
        runs.sort_unstable();
        let mut joined: Vec<(Position, Position)> = Vec::with_capacity(runs.len());
        for (first, last) in runs {
            match joined.last_mut() {
                Some((_, end)) if first <= end.next() => *end = (*end).max(last),
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    /// Adds a position. It is quick if the position comes after all others.
    pub(crate) fn insert(&mut self, position: Position) {
        match self.0.last_mut() {
            Some((first, last)) if *first <= position && position <= *last => {}
            Some((_, last)) if last.next() == position => *last = position,
            Some((_, last)) if *last >= position => {
                self.0.push((position, position));
                *self = Self::of_runs(std::mem::take(&mut self.0));
            }
            _ => self.0.push((position, position)),
        }
    }

    /// Adds all positions of another set.
    pub(crate) fn add(&mut self, other: &Self) {
        if !other.is_empty() {
            *self = Self::of_runs([&*self.0, &*other.0].concat());
        }
    }

    /// Returns its runs.
    pub fn runs(&self) -> &[(Position, Position)] {
        &self.0
    }

    /// Returns the part of its runs that lies from one position to another, both included.
    pub(crate) fn within(
        &self,
        first: Position,
        last: Position,
    ) -> impl Iterator<Item = (Position, Position)> {
        let from = self.0.partition_point(|(_, end)| *end < first);
        let runs = self.0[from..].iter().take_while(move |(start, _)| *start <= last);
        runs.map(move |(start, end)| ((*start).max(first), (*end).min(last)))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last.0 - first.0 + 1).sum()
    }

    /// Returns whether a position is among them.
    pub fn contains(&self, position: Position) -> bool {
        self.within(position, position).next().is_some()
    }

    /// Returns the first one.
    pub(crate) fn first(&self) -> Option<Position> {
        self.0.first().map(|(first, _)| *first)
    }
}

impl FromIterator<Position> for ErasedPositions {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> Self {
        Self::of_runs(positions.into_iter().map(|position| (position, position)).collect())
    }
}

impl fmt::Display for ErasedPositions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for (index, (first, last)) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first} to {last}")? }
        }
        if self.0.len() > SHOWN {
            write!(
                f,
                " and {} more",
                self.0[SHOWN..].iter().map(|(first, last)| last.0 - first.0 + 1).sum::<u64>()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_in_any_order() {
        let mut one = ErasedPositions::default();
        for position in [5, 6, 2, 6, 1, 9] {
            one.insert(Position(position));
        }
        let run = |first, last| (Position(first), Position(last));
        assert_eq!(one.runs(), [run(1, 2), run(5, 6), run(9, 9)]);
        one.add(&ErasedPositions::of_runs(vec![run(7, 8), run(3, 3)]));
        assert_eq!(one.runs(), [run(1, 3), run(5, 9)]);
        assert_eq!(one.within(Position(3), Position(6)).collect::<Vec<_>>(), [run(3, 3), run(5, 6)]);
        assert_eq!((one.count(), one.to_string()), (8, "1 to 3, 5 to 9".to_owned()));
        assert!(one.contains(Position(9)) && !one.contains(Position(4)) && !one.contains(Position(10)));
    }
}
