//! Reads: single events, streams, pages of queries, everything.

use std::hint::black_box;

use super::{Found, Given, Session, check, figure};
use crate::engine::{Durability, Engine, Query, Result, Seen, Skill};
use crate::measure::{Memory, Times, warm};
use crate::sample::{self, Id, KINDS, REGIONS, STREAM_EVENTS, Samples, mix};

/// What is measured.
pub(super) const STROKES: [(&str, Option<Skill>); 8] = [
    ("read.id", None),
    ("read.position", None),
    ("read.stream", None),
    ("read.kind.100", None),
    ("read.kind.10000", None),
    ("read.tag.100", Some(Skill::Tags)),
    ("read.tag.10000", Some(Skill::Tags)),
    ("read.scan", None),
];

/// How many single events are read in one slice.
const LOOKUPS: usize = 5000;

/// Maximum number of other reads in one slice.
const READS_MAX: usize = 300;

/// Reads one store in every way.
pub(super) struct Reads<'a> {
    engine: Box<dyn Engine>,
    given: Given<'a>,
    numbers: Vec<u64>,
    ids: Vec<Id>,
    /// Grows from slice to slice, so that each looks elsewhere.
    turn: u64,
    /// What the files were last read in advance for.
    warm: String,
}

impl<'a> Reads<'a> {
    pub(super) fn new(given: Given<'a>) -> Result<Self> {
        warm(given.directory)?;
        let engine = given.open(Durability::Synced)?;
        check::run(&*engine, given.events, given.entry.about.has(Skill::Tags))?;
        let numbers: Vec<_> = (0..LOOKUPS as u64).map(|n| mix(n) % given.events + 1).collect();
        let ids = engine.ids(&numbers)?;
        Ok(Self { engine, given, numbers, ids, turn: 0, warm: String::new() })
    }

    fn times(&self, most: usize) -> Times {
        Times { time: self.given.time, least: 1, most }
    }

    /// Reads a page and looks at all of it; fewer events than asked for are an error.
    fn page(&self, query: Query<'_>, after: u64, limit: usize, expected: usize) -> Result {
        let mut count = 0;
        self.engine.read(query, after, limit, &mut |seen| count += look(seen))?;
        if count == expected {
            return Ok(());
        }
        Err(format!("{query:?} after {after} gives {count} events, {expected} were expected").into())
    }

    /// Single events, by id or by position.
    fn single(&self, stroke: &str, found: Found<'_>) -> Result {
        let times = self.times(LOOKUPS).measure(|n| {
            let mut count = 0;
            let visit = &mut |seen: Seen<'_>| count += look(seen);
            if stroke == "read.id" {
                self.engine.find(self.ids[n], visit)?;
            } else {
                self.engine.at(self.numbers[n], visit)?;
            }
            if count == 1 { Ok(()) } else { Err(format!("{count} events are {}", self.numbers[n]).into()) }
        })?;
        found(figure(&format!("{stroke}.half"), times.median(), times.count()));
        found(figure(&format!("{stroke}.most"), times.percentile(99), times.count()));
        Ok(())
    }

    fn streams(&self, found: Found<'_>) -> Result {
        let streams = Samples::new(self.given.events).streams();
        let random = |n: usize| mix(self.turn + n as u64) % streams;
        let names: Vec<_> =
            (0..READS_MAX).map(random).map(|n| (sample::scope(n), sample::entity(n))).collect();
        let times = self.times(READS_MAX).measure(|n| {
            let (scope, entity) = &names[n];
            self.page(Query::Stream(scope, entity), 0, usize::MAX, STREAM_EVENTS as usize)
        })?;
        found(figure("read.stream", times.median(), times.count()));
        Ok(())
    }

    /// Pages of a query that selects one event in a fixed number, after random positions that leave enough.
    fn pages(
        &self,
        stroke: &str,
        rarity: u64,
        name: impl Fn(u64) -> String,
        query: impl Fn(&str) -> Query<'_>,
        found: Found<'_>,
    ) -> Result {
        let page: usize = stroke.rsplit('.').next().unwrap_or_default().parse()?;
        // Six times the deviation: what is random must not fall short by chance.
        let needed = (page as u64 + 6 * page.isqrt() as u64) * rarity;
        let room = self.given.events.saturating_sub(needed).max(1);
        let names: Vec<_> = (0..READS_MAX).map(|n| name(mix(self.turn + n as u64))).collect();
        let times = self.times(READS_MAX).measure(|n| {
            let after = mix(!(self.turn + n as u64)) % room;
            self.page(query(&names[n]), after, page, page)
        })?;
        found(figure(stroke, times.median(), times.count()));
        Ok(())
    }

    fn scan(&self, found: Found<'_>) -> Result {
        let events = self.given.events;
        let times = self.times(1).measure(|_| self.page(Query::All, 0, usize::MAX, events as usize))?;
        found(figure("read.scan", events as f64 / times.median(), times.count()));
        Ok(())
    }
}

impl Session for Reads<'_> {
    fn measure(&mut self, stroke: &str, found: Found<'_>) -> Result {
        self.turn += READS_MAX as u64;
        if self.warm != stroke {
            warm(self.given.directory)?;
            stroke.clone_into(&mut self.warm);
        }
        match stroke {
            "read.stream" => self.streams(found),
            "read.scan" => self.scan(found),
            "read.kind.100" | "read.kind.10000" => {
                let kinds = KINDS.len() as u64;
                let name = |random: u64| KINDS[(random % kinds) as usize].to_owned();
                self.pages(stroke, kinds, name, |kind| Query::Kind(kind), found)
            }
            "read.tag.100" => {
                let customers = Samples::new(self.given.events).customers();
                let name = |random: u64| sample::customer(random % customers);
                self.pages(stroke, customers, name, |tag| Query::Tag(tag), found)
            }
            "read.tag.10000" => {
                let name = |random: u64| sample::region(random % REGIONS);
                self.pages(stroke, REGIONS, name, |tag| Query::Tag(tag), found)
            }
            _ => self.single(stroke, found),
        }
    }

    fn end(self: Box<Self>, found: Found<'_>) -> Result {
        let memory = Memory::now()?;
        found(figure("memory.read", memory.peak, 1));
        found(figure("memory.read.own", memory.own, 1));
        self.engine.close()
    }
}

/// Touches what was read, so that it has to be there; counts one.
fn look(seen: Seen<'_>) -> usize {
    let ends = seen.payload.first().zip(seen.payload.last());
    black_box((seen.position, seen.kind.as_bytes().first(), ends));
    1
}
