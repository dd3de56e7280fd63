//! The chosen events: what a picture is of, read once, first one first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tidegate::graph::{Graph, Selection};
use tidegate::{
    Cause, Error, ErrorKind, ErrorPlace, Micros, Position, Query, RecordedEvent, Result, StreamId, Version,
};

use crate::style::EventClock;

/// Events a picture takes at most.
const EVENTS_MAX: usize = 1_000_000;
/// Events looked at to see whether causes lead along a lane already.
const LOOK_BACK: usize = 64;

/// The events of a selection, and the lines between them.
#[derive(Debug)]
pub(crate) struct Subgraph {
    pub(crate) events: Vec<SubgraphEvent>,
    /// In the order of the events they lead to.
    pub(crate) links: Vec<Edge>,
    pub(crate) kinds: Vec<String>,
    pub(crate) streams: Vec<StreamId>,
}

/// What a picture knows of one event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubgraphEvent {
    pub(crate) position: Position,
    pub(crate) version: Version,
    pub(crate) time: Micros,
    /// Its place in the kinds.
    pub(crate) kind: u32,
    /// Its place in the streams.
    pub(crate) stream: u32,
    /// Local causes that were not chosen.
    pub(crate) more_causes: u64,
    /// Causes in other stores.
    pub(crate) foreign: u64,
}

/// A line from an earlier thing to a later one, both by their places in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) line: Line,
    /// Whether the later one begins a lane of an entity, and the earlier one is where it forks.
    pub(crate) forks: bool,
    /// How many causes of events it stands for.
    pub(crate) causes: u64,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The one led to the other.
    Cause,
    /// The other comes next on the lane of an entity, without being led to.
    Lane,
}

impl Subgraph {
    pub(crate) fn of(graph: &Graph, selection: &Selection, clock: EventClock) -> Result<Self> {
        let positions: Vec<_> = graph.select(selection)?.take(EVENTS_MAX + 1).collect::<Result<_>>()?;
        if positions.len() > EVENTS_MAX {
            let message = format!("a picture takes at most {EVENTS_MAX} events; choose fewer");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut subgraph =
            Self { events: Vec::new(), links: Vec::new(), kinds: Vec::new(), streams: Vec::new() };
        let (mut kinds, mut streams) = (HashMap::new(), HashMap::new());
        for position in &positions {
            let Some(event) = graph.view().at(*position)? else {
                let message = "there is no event at this position";
                return Err(Error::new(ErrorKind::Missing, message).at(ErrorPlace::Event(*position)));
            };
            let kind = number(&mut kinds, &mut subgraph.kinds, event.kind().to_owned());
            let stream = number(&mut streams, &mut subgraph.streams, event.stream());
            subgraph.add(&event, kind, stream, &positions, time(&event, clock));
        }
        subgraph.add_lanes(graph)?;
        Ok(subgraph)
    }

    fn add(&mut self, event: &RecordedEvent, kind: u32, stream: u32, positions: &[Position], time: Micros) {
        let to = self.events.len() as u32;
        let (mut local, mut foreign) = (Vec::new(), 0);
        for cause in event.causes() {
            match cause {
                Cause::At(cause) => local.push(cause),
                _ => foreign += 1,
            }
        }
        local.sort_unstable();
        local.dedup();
        let all = local.len();
        let inside = local.into_iter().filter_map(|cause| positions.binary_search(&cause).ok());
        let links =
            inside.map(|from| Edge { from: from as u32, to, line: Line::Cause, forks: false, causes: 1 });
        let before = self.links.len();
        self.links.extend(links);
        let more_causes = (all - (self.links.len() - before)) as u64;
        let (position, version) = (event.position(), event.version());
        self.events.push(SubgraphEvent { position, version, time, kind, stream, more_causes, foreign });
    }

    /// Adds lines along the lanes of entities of which several lanes were chosen.
    fn add_lanes(&mut self, graph: &Graph) -> Result<()> {
        let entity = |stream: &StreamId| stream.clone().lane(0);
        let mut lanes: HashMap<StreamId, u32> = HashMap::new();
        for stream in &self.streams {
            *lanes.entry(entity(stream)).or_default() += 1;
        }
        let branched: Vec<bool> = self.streams.iter().map(|stream| lanes[&entity(stream)] > 1).collect();
        if !branched.contains(&true) {
            return Ok(());
        }
        let mut last: Vec<Option<u32>> = vec![None; self.streams.len()];
        let mut ends = Vec::with_capacity(self.events.len() + 1);
        let mut links = Vec::with_capacity(self.links.len());
        let mut causes = self.links.iter().copied().peekable();
        for (to, event) in (0..).zip(&self.events) {
            ends.push(links.len());
            while let Some(link) = causes.next_if(|link| link.to == to) {
                links.push(link);
            }
            if !branched[event.stream as usize] {
                continue;
            }
            if let Some(from) = last[event.stream as usize].replace(to) {
                if !leads(from, to, &links, &ends) {
                    links.push(Edge { from, to, line: Line::Lane, forks: false, causes: 0 });
                }
            } else if let Some(from) = self.fork(graph, event, &links[ends[to as usize]..])? {
                let cause = links[ends[to as usize]..].iter_mut().find(|link| link.from == from);
                match cause {
                    Some(cause) => cause.forks = true,
                    None => links.push(Edge { from, to, line: Line::Lane, forks: true, causes: 0 }),
                }
            }
        }
        self.links = links;
        Ok(())
    }

    /// Returns what a lane forks from with this event: a cause of the same entity, or else what was then the last event
    /// of lane 0. `None` if this is not the lane's first event.
    fn fork(&self, graph: &Graph, event: &SubgraphEvent, causes: &[Edge]) -> Result<Option<u32>> {
        let stream = &self.streams[event.stream as usize];
        if stream.lane == 0 || event.version != Version(1) {
            return Ok(None);
        }
        let is_own = |link: &&Edge| {
            let cause = &self.streams[self.events[link.from as usize].stream as usize];
            (&cause.scope, &cause.entity) == (&stream.scope, &stream.entity)
        };
        if let Some(cause) = causes.iter().rev().find(is_own) {
            return Ok(Some(cause.from));
        }
        let main = Query::stream(stream.clone().lane(0));
        let before = tidegate::ReadOptions::new().before(event.position).backwards(true).limit(1);
        let Some(fork) = graph.view().read_with(&main, before).next().transpose()? else { return Ok(None) };
        let found = self.events.binary_search_by_key(&fork.position(), |event| event.position);
        Ok(found.ok().map(|from| from as u32))
    }
}

/// Returns whether lines are known already on which one event comes after another one of its lane. Looks at a few lines
/// only. `ends` says where the lines to each event begin.
fn leads(from: u32, to: u32, links: &[Edge], ends: &[usize]) -> bool {
    let mut found = vec![to];
    let mut next = 0;
    while next < found.len() && found.len() < LOOK_BACK {
        let at = found[next] as usize;
        let end = ends.get(at + 1).copied().unwrap_or(links.len());
        for link in &links[ends[at]..end] {
            if link.from == from {
                return true;
            }
            if link.from > from && !found.contains(&link.from) {
                found.push(link.from);
            }
        }
        next += 1;
    }
    false
}

/// Returns when an event was recorded, or when it happened as its source says.
fn time(event: &RecordedEvent, clock: EventClock) -> Micros {
    let said = match clock {
        EventClock::Recorded => None,
        EventClock::Source => {
            event.meta_text("import.time").and_then(|text| text.parse::<jiff::Timestamp>().ok())
        }
    };
    let said = said.and_then(|said| u64::try_from(said.as_microsecond()).ok());
    said.map_or(event.time(), Micros)
}

/// Returns the number of a name, which gets the next one if it is new.
fn number<N: Clone + Eq + std::hash::Hash>(known: &mut HashMap<N, u32>, names: &mut Vec<N>, name: N) -> u32 {
    match known.entry(name) {
        Entry::Occupied(number) => *number.get(),
        Entry::Vacant(new) => {
            names.push(new.key().clone());
            *new.insert(names.len() as u32 - 1)
        }
    }
}
