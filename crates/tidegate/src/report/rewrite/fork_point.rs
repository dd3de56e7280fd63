//! Where a new store leaves the history of the one that it is made of: the root of the tree up to there, and the lines that
//! say so.

use tidegate_format::limit::FORKS_MAX;
use tidegate_format::{ForkPoint, Hash, Position, StoreId, hash};

/// The root of the Merkle tree over the leaves so far, as RFC 6962 has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogRoot {
    size: u64,
    /// The roots of the complete subtrees that the tree consists of, the largest first.
    subtrees: Vec<Hash>,
}

impl LogRoot {
    /// Adds the leaf of the next event.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut subtree = leaf;
        // Each one in the size that ends it is a subtree as large as the one that is added.
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("there is one for each bit of the size");
            subtree = node(left, subtree);
        }
        self.subtrees.push(subtree);
        self.size += 1;
    }

    /// Returns how many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root.
    pub(crate) fn root(&self) -> Hash {
        let joined = self.subtrees.iter().rev().copied().reduce(|right, left| node(left, right));
        joined.unwrap_or_else(|| hash::sha256(b""))
    }
}

fn node(left: Hash, right: Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    hash::sha256(&bytes)
}

/// A store that another one is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    pub(crate) id: StoreId,
    pub(crate) salt: u64,
    /// The stores that it was forked from itself.
    pub(crate) forks: Vec<ForkPoint>,
}

impl Parent {
    /// Returns the fork points of a store that has everything of this one up to a position, under this root. One that
    /// has nothing of it has none. `None` if there are more than a store file can say.
    pub(crate) fn fork_points(&self, until: Position, root: Hash) -> Option<Vec<ForkPoint>> {
        if until == Position::START {
            return Some(Vec::new());
        }
        let own = ForkPoint { store: self.id, salt: self.salt, until, root };
        // What it shares with an older one that goes further than this ends here too.
        let clip =
            |fork: &ForkPoint| if fork.until > until { ForkPoint { until, root, ..*fork } } else { *fork };
        let points: Vec<_> = self.forks.iter().map(clip).chain([own]).collect();
        (points.len() <= FORKS_MAX).then_some(points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "proofs")]
    fn roots_are_those_of_proofs() {
        let (mut root, mut frontier) = (LogRoot::default(), tidegate_proof::tree::Frontier::new());
        for size in 0..300_u64 {
            assert_eq!((root.size(), root.root()), (size, frontier.root()));
            let leaf = hash::sha256(&size.to_le_bytes());
            root.push(leaf);
            frontier.push(leaf);
        }
    }

    #[test]
    fn what_an_older_store_shares_ends_with_the_fork() {
        let point = |store, until, root| ForkPoint {
            store: StoreId([store; 16]),
            salt: u64::from(store),
            until: Position(until),
            root: Hash([root; 32]),
        };
        let parent = Parent { id: StoreId([3; 16]), salt: 3, forks: vec![point(1, 5, 5), point(2, 9, 9)] };
        let points = |until, root| parent.fork_points(Position(until), Hash([root; 32])).unwrap();
        assert_eq!(points(20, 7), [point(1, 5, 5), point(2, 9, 9), point(3, 20, 7)]);
        assert_eq!(points(7, 7), [point(1, 5, 5), point(2, 7, 7), point(3, 7, 7)]);
        assert_eq!(points(0, 7), []);
        let many = Parent { forks: vec![point(1, 5, 5); FORKS_MAX], ..parent };
        assert_eq!(many.fork_points(Position(7), Hash([7; 32])), None);
    }
}
