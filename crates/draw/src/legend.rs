//! The legend: which swatch means what.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::fold::{FoldedGraph, Node};
use crate::palette::Swatch;
use crate::style::Colour;
use crate::subgraph::{Subgraph, SubgraphEvent};
use crate::text::{count, visible};

/// Entries at most; the rest is counted in one more.
const ENTRIES_MAX: usize = 12;

/// One line of a legend.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegendEntry {
    /// A kind, a family of kinds such as `order.*`, or a stream.
    pub name: String,
    /// How many drawn events have it.
    pub count: u64,
    /// How its nodes look.
    pub swatch: Swatch,
}

/// The colours of a picture.
#[derive(Debug)]
pub(crate) struct Legend {
    pub(crate) entries: Vec<LegendEntry>,
    /// The swatch of each node.
    pub(crate) of: Vec<Swatch>,
}

impl Legend {
    /// Returns the swatches of all nodes, and what the most frequent ones mean: kinds, or their families if there are many, or
    /// streams.
    pub(crate) fn of(folded: &FoldedGraph, subgraph: &Subgraph, colour: Colour) -> Self {
        let swatch = |event: &SubgraphEvent| match colour {
            Colour::Kind => Swatch::of_kind(&subgraph.kinds[event.kind as usize]),
            Colour::Stream => Swatch::of_name(&subgraph.streams[event.stream as usize].to_string()),
        };
        let events = |node: &Node| -> Vec<&SubgraphEvent> {
            node.events.iter().map(|event| &subgraph.events[*event as usize]).collect()
        };
        let of = |node: &Node| common(events(node).into_iter().map(swatch));
        let of = folded.nodes.iter().map(of).collect();
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for event in folded.nodes.iter().flat_map(events) {
            let number = if colour == Colour::Kind { event.kind } else { event.stream };
            *counts.entry(number).or_default() += 1;
        }
        let mut entries = match colour {
            Colour::Kind => kinds(&counts, &subgraph.kinds),
            Colour::Stream => {
                let entry = |(stream, count): (&u32, &u64)| {
                    let name = subgraph.streams[*stream as usize].to_string();
                    LegendEntry { name: visible(&name), count: *count, swatch: Swatch::of_name(&name) }
                };
                counts.iter().map(entry).collect()
            }
        };
        entries.sort_by_key(|entry| Reverse(entry.count));
        if entries.len() > ENTRIES_MAX {
            let others = entries.split_off(ENTRIES_MAX - 1);
            let what = if colour == Colour::Kind { "other kind" } else { "other stream" };
            let name = count(others.len() as u64, what);
            let count = others.iter().map(|entry| entry.count).sum();
            entries.push(LegendEntry { name, count, swatch: Swatch::GREY });
        }
        Self { entries, of }
    }
}

/// Returns an entry for each kind, or for each family if there are more kinds than entries.
fn kinds(counts: &BTreeMap<u32, u64>, kinds: &[String]) -> Vec<LegendEntry> {
    let kind = |kind: u32| kinds[kind as usize].as_str();
    let entry = |(number, count): (&u32, &u64)| LegendEntry {
        name: visible(kind(*number)),
        count: *count,
        swatch: Swatch::of_kind(kind(*number)),
    };
    if counts.len() <= ENTRIES_MAX {
        return counts.iter().map(entry).collect();
    }
    let mut families: BTreeMap<&str, Vec<(&u32, &u64)>> = BTreeMap::new();
    for (number, count) in counts {
        let family = kind(*number).split('.').next().unwrap_or_default();
        families.entry(family).or_default().push((number, count));
    }
    let of_family = |(family, members): (&str, Vec<(&u32, &u64)>)| match members[..] {
        [one] => entry(one),
        _ => LegendEntry {
            name: visible(&format!("{family}.*")),
            count: members.iter().map(|(_, count)| **count).sum(),
            swatch: Swatch::of_kind(family).unmarked(),
        },
    };
    families.into_iter().map(of_family).collect()
}

/// Returns the swatch that all have, or the colour of all, or grey.
fn common(swatches: impl Iterator<Item = Swatch>) -> Swatch {
    let join = |one: Swatch, other: Swatch| {
        if one == other {
            one
        } else if one.colour == other.colour {
            one.unmarked()
        } else {
            Swatch::GREY
        }
    };
    swatches.reduce(join).unwrap_or(Swatch::GREY)
}
