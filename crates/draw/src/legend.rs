//! The legend: which colour means what.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::folded::{FoldedGraph, Node};
use crate::style::Colour;
use crate::subgraph::{Subgraph, SubgraphEvent};
use crate::text::{count, visible};

/// Colours that most kinds of colour blindness tell apart (after Okabe and Ito), and a light tint of each, on
/// which black text reads well. The last one is for all others.
const COLOURS: [(&str, &str); 8] = [
    ("#0072b2", "#e3eff7"),
    ("#e69f00", "#fdf3dd"),
    ("#009e73", "#e0f3ed"),
    ("#cc79a7", "#f9eef4"),
    ("#d55e00", "#fae8dc"),
    ("#56b4e9", "#e7f4fc"),
    ("#b8a900", "#fbf8d9"),
    ("#6e7781", "#eef0f2"),
];
const OTHER: usize = COLOURS.len() - 1;

/// One colour of the legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// How many drawn events have it.
    pub(crate) count: u64,
    /// For lines and borders.
    pub(crate) strong: &'static str,
    /// For what text stands on.
    pub(crate) light: &'static str,
}

/// The colours of a picture.
#[derive(Debug)]
pub(crate) struct Legend {
    pub(crate) entries: Vec<Entry>,
    /// The entry of each node.
    pub(crate) of: Vec<usize>,
}

impl Legend {
    /// Gives the most frequent kinds or streams of the drawn events their own colours, or the families of kinds if
    /// there are more kinds than colours.
    pub(crate) fn of(folded: &FoldedGraph, subgraph: &Subgraph, colour: Colour) -> Self {
        let drawn = |node: &Node| node.events.iter().map(|at| &subgraph.events[*at as usize]).collect();
        let drawn: Vec<Vec<&SubgraphEvent>> = folded.nodes.iter().map(drawn).collect();
        let (group_of, names) = match colour {
            Colour::Kind => groups(drawn.iter().flatten().map(|event| event.kind), &subgraph.kinds),
            Colour::Stream => {
                let names = subgraph.streams.iter().map(|stream| visible(&stream.to_string()));
                ((0..subgraph.streams.len()).collect(), names.collect())
            }
        };
        let group = |event: &SubgraphEvent| match colour {
            Colour::Kind => group_of[event.kind as usize],
            Colour::Stream => group_of[event.stream as usize],
        };
        let mut counts = vec![0_u64; names.len()];
        drawn.iter().flatten().for_each(|event| counts[group(event)] += 1);
        let mut ranked: Vec<usize> = (0..names.len()).filter(|group| counts[*group] > 0).collect();
        ranked.sort_by_key(|group| Reverse(counts[*group]));
        let own = if ranked.len() <= OTHER { ranked.len() } else { OTHER };
        let mut entry_of = vec![OTHER; names.len()];
        let mut entries = Vec::new();
        for (at, group) in ranked[..own].iter().enumerate() {
            entry_of[*group] = at;
            entries.push(entry(names[*group].clone(), counts[*group], at));
        }
        let others = &ranked[own..];
        if !others.is_empty() {
            let what = if colour == Colour::Kind { "other kind" } else { "other stream" };
            let events = others.iter().map(|group| counts[*group]).sum();
            entries.push(entry(count(others.len() as u64, what), events, OTHER));
        }
        let of = drawn.iter().map(|events| most_frequent(events.iter().map(|event| entry_of[group(event)])));
        Self { of: of.collect(), entries }
    }

    /// Returns the colour of a node.
    pub(crate) fn entry(&self, node: usize) -> &Entry {
        &self.entries[self.of[node]]
    }
}

/// Returns kinds, each by itself or with its family, and what these are called: the group of each kind, and the names of
/// the groups.
fn groups(drawn: impl Iterator<Item = u32>, kinds: &[String]) -> (Vec<usize>, Vec<String>) {
    let drawn: BTreeSet<u32> = drawn.collect();
    if drawn.len() <= OTHER {
        return ((0..kinds.len()).collect(), kinds.iter().map(|kind| visible(kind)).collect());
    }
    let family = |kind: &str| kind.split('.').next().unwrap_or_default().to_owned();
    let mut families: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for kind in drawn {
        families.entry(family(&kinds[kind as usize])).or_default().push(kind);
    }
    let mut group_of = vec![0; kinds.len()];
    let mut names = Vec::new();
    for (family, members) in families {
        for kind in &members {
            group_of[*kind as usize] = names.len();
        }
        names.push(match &members[..] {
            [kind] => visible(&kinds[*kind as usize]),
            _ => visible(&format!("{family}.*")),
        });
    }
    (group_of, names)
}

fn entry(name: String, count: u64, colour: usize) -> Entry {
    let (strong, light) = COLOURS[colour];
    Entry { name, count, strong, light }
}

/// Returns the entry that comes most often; of equal ones the first.
fn most_frequent(entries: impl Iterator<Item = usize>) -> usize {
    let mut counts = [0_u32; COLOURS.len()];
    entries.for_each(|entry| counts[entry] += 1);
    (0..counts.len()).max_by_key(|entry| (counts[*entry], Reverse(*entry))).unwrap_or(OTHER)
}
