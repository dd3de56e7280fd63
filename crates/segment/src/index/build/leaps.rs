//! Leaps: for each event an ancestor far before it in the segment, so that a way back over many causes takes few steps.
//!
//! Events with one local cause, which lies in the segment, form *lines*; any other event is a *knot*, and begins the lines
//! behind it. Lines hang together as trees under their knots, and knots as trees by the line of their earliest cause here. In
//! a tree an event leaps to its parent, or twice as far as two leaps of equal length before it: so the way from an event to
//! any ancestor in its tree takes about as many leaps as the number of steps has binary digits (Myers, 1983).

/// The leaps of the events so far.
#[derive(Debug, Default)]
pub(super) struct Leaps {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The event it leaps to, or itself if it is the root of its tree.
    to: u32,
    /// How many parents it has in its tree.
    depth: u32,
    /// The knot of its line, itself if it is one.
    knot: u32,
}

impl Leaps {
    /// Adds the next event, by how far before it each of its local causes lies.
    pub(super) fn add(&mut self, distances: &[u64]) {
        let event = self.nodes.len() as u32;
        let here = distances.iter().filter_map(|distance| event.checked_sub(u32::try_from(*distance).ok()?));
        let earliest = here.min();
        let is_alone = distances.iter().all(|distance| *distance == distances[0]);
        let root = Node { to: event, depth: 0, knot: event };
        let node = match earliest {
            None => root,
            Some(cause) if is_alone => {
                let Node { knot, .. } = self.nodes[cause as usize];
                let (to, depth) = leap(cause, |event| self.on_line(event));
                Node { to, depth, knot }
            }
            Some(cause) => {
                let (to, depth) = leap(self.nodes[cause as usize].knot, |event| self.nodes[event as usize]);
                Node { to, depth, ..root }
            }
        };
        self.nodes.push(node);
    }

    /// Returns an event as a part of lines, whose roots are the knots.
    fn on_line(&self, event: u32) -> Node {
        let node = self.nodes[event as usize];
        if node.knot == event { Node { to: event, depth: 0, ..node } } else { node }
    }

    /// Returns for each event how far before it the one lies that it leaps to; 0 if there is none.
    pub(super) fn distances(self) -> Vec<u32> {
        (0..).zip(self.nodes).map(|(event, node)| event - node.to).collect()
    }
}

/// Returns where the child of an event leaps to, and how deep in the tree it is.
fn leap(parent: u32, node: impl Fn(u32) -> Node) -> (u32, u32) {
    let one = node(parent);
    let two = node(one.to);
    let is_even = one.depth - two.depth == two.depth - node(two.to).depth;
    (if is_even { two.to } else { parent }, one.depth + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distances(causes: impl Iterator<Item = Vec<u64>>) -> Vec<u32> {
        let mut leaps = Leaps::default();
        causes.for_each(|causes| leaps.add(&causes));
        leaps.distances()
    }

    /// Returns how many leaps lead from an event of a line to an earlier one, where each leaps no further than it may.
    fn steps(leaps: &[u32], from: usize, to: usize) -> usize {
        let step = |at: &usize| {
            let leap = at - leaps[*at] as usize;
            (*at > to).then(|| if leap >= to { leap } else { at - 1 })
        };
        std::iter::successors(Some(from), step).count() - 1
    }

    #[test]
    fn a_line_is_walked_in_few_leaps() {
        let line = distances((0..100_000).map(|event| if event == 0 { vec![] } else { vec![1] }));
        assert_eq!(line[..8], [0, 1, 1, 3, 1, 1, 3, 7]);
        // Three for each of the 17 binary digits, at most.
        for (from, to) in [(99_999, 0), (99_999, 1), (99_999, 50_001), (65_536, 65_500), (70_000, 3)] {
            assert!(steps(&line, from, to) <= 51, "{from} to {to}: {}", steps(&line, from, to));
        }
    }

    #[test]
    fn no_leap_of_a_line_passes_a_knot() {
        // A line; at 50 an event with two causes; a line behind it, another cause named twice in it.
        let causes = |event: u64| match event {
            0 => vec![],
            50 => vec![1, 20],
            70 => vec![1, 1],
            _ => vec![1],
        };
        let leaps = distances((0..100).map(causes));
        for event in 51..100u32 {
            assert!(event - leaps[event as usize] >= 50, "{event} leaps over the knot");
        }
        assert_eq!(leaps[50], 50, "a knot leaps to the knot of its earliest cause");
    }

    #[test]
    fn causes_of_earlier_segments_are_no_leaps() {
        assert_eq!(distances([vec![7], vec![1], vec![9], vec![1, 9]].into_iter()), [0, 1, 0, 1]);
    }
}
