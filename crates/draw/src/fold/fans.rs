//! Fans: siblings that look the same, and all that they led to if that looks the same too.
//!
//! Two events are of one class if they are of one kind and have causes and effects of the same classes. That is found by
//! going over all events from the last one to the first and back until no class falls apart any more (partition
//! refinement). The last pass goes from the causes to the effects, so all events of a class have causes of the same classes, and a
//! line between two classes goes from the one with the earlier first event to the other: the folded graph has no ring.

use std::collections::{HashMap, HashSet};

use tidegate::Position;

use super::RUN_MIN;
use super::parts::parts_of;
use crate::style::Style;
use crate::subgraph::{Edge, Line, Subgraph};

/// Passes over all events, there and back, at most.
const ROUNDS: usize = 4;

/// Returns the class of each event: the number of its first event. A class of less than enough events is one for each of them.
pub(super) fn classes(subgraph: &Subgraph, style: &Style) -> Vec<u32> {
    let count = subgraph.events.len();
    let alone: Vec<u32> = (0..count as u32).collect();
    if style.fan_from == usize::MAX {
        return alone;
    }
    let is_large = count >= style.fold_from;
    let least = if is_large { RUN_MIN.min(style.fan_from) } else { style.fan_from }.max(2);
    let mut classes = Classes::new(subgraph, style, is_large);
    for _ in 0..ROUNDS {
        let before = classes.count;
        classes.refine(false);
        if classes.largest() < least {
            return alone;
        }
        classes.refine(true);
        if classes.count == before {
            break;
        }
    }
    for _ in 0..ROUNDS {
        let before = classes.count;
        classes.split_small(least);
        classes.refine(true);
        if classes.count == before {
            break;
        }
    }
    classes.firsts()
}

/// A partition of the events.
struct Classes {
    /// Causes and effects of each event, each with what the line says.
    causes: Vec<Vec<(u32, u32)>>,
    effects: Vec<Vec<(u32, u32)>>,
    of: Vec<u32>,
    count: u32,
}

impl Classes {
    /// Begins with the kinds. An event that matters is one by itself. In a small picture what does not hang together is not folded.
    fn new(subgraph: &Subgraph, style: &Style, is_large: bool) -> Self {
        let count = subgraph.events.len();
        let (mut causes, mut effects) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for link in &subgraph.links {
            causes[link.to as usize].push((link.from, sign(link)));
            effects[link.from as usize].push((link.to, sign(link)));
        }
        let parts = if is_large {
            vec![0; count]
        } else {
            parts_of(count, subgraph.links.iter().map(|link| (link.from, link.to)))
        };
        let mut classes = Self { causes, effects, of: Vec::new(), count: 0 };
        let focus: HashSet<Position> = style.focus.iter().copied().collect();
        let mut known = HashMap::new();
        let mut next = 0;
        for (event, part) in subgraph.events.iter().zip(parts) {
            let focus = focus.get(&event.position);
            let class = *known.entry((event.kind, part, focus)).or_insert_with(|| {
                next += 1;
                next - 1
            });
            classes.of.push(class);
        }
        classes.count = next;
        classes
    }

    /// Tells events of one class apart whose causes, or effects, are of different classes, as they are after this pass.
    fn refine(&mut self, by_causes: bool) {
        let count = self.of.len();
        let mut known: HashMap<Vec<u32>, u32> = HashMap::with_capacity(self.count as usize);
        let mut next = vec![0; count];
        for n in 0..count {
            let at = if by_causes { n } else { count - 1 - n };
            let beside = if by_causes { &self.causes[at] } else { &self.effects[at] };
            let mut key: Vec<u32> = beside.iter().map(|(to, sign)| next[*to as usize] * 4 + sign).collect();
            key.sort_unstable();
            key.dedup();
            key.push(self.of[at]);
            let new = known.len() as u32;
            next[at] = *known.entry(key).or_insert(new);
        }
        (self.of, self.count) = (next, known.len() as u32);
    }

    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count as usize];
        self.of.iter().for_each(|class| sizes[*class as usize] += 1);
        sizes
    }

    fn largest(&self) -> usize {
        self.sizes().into_iter().max().unwrap_or(0)
    }

    /// Makes each event of a small class a class by itself.
    fn split_small(&mut self, least: usize) {
        let sizes = self.sizes();
        for class in &mut self.of {
            if sizes[*class as usize] < least && sizes[*class as usize] > 1 {
                *class = self.count;
                self.count += 1;
            }
        }
    }

    fn firsts(&self) -> Vec<u32> {
        let mut firsts = vec![u32::MAX; self.count as usize];
        let first = |(at, class): (u32, &u32)| {
            let first = &mut firsts[*class as usize];
            *first = at.min(*first);
            *first
        };
        (0..).zip(&self.of).map(first).collect()
    }
}

/// Returns what a line says, as a number below 4.
fn sign(link: &Edge) -> u32 {
    u32::from(link.line == Line::Lane) * 2 + u32::from(link.forks)
}
