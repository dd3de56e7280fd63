//! Statistics: counts of what a query selects, from the indexes alone.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tidegate_format::{Result, StreamId};
use tidegate_segment::{Field, Ordinal, Postings, Segment};

use super::query::Query;
use super::range::ReadOptions;
use super::set::Set;
use super::view::View;

/// Counts of what a query selects. Each list has the most frequent first, and equals by name.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many events.
    pub events: u64,
    /// How many streams they are in.
    pub streams: u64,
    /// Their kinds, with how many events each has.
    pub kinds: Vec<(String, u64)>,
    /// Their scopes, likewise.
    pub scopes: Vec<(String, u64)>,
    /// Their most frequent tags.
    pub top_tags: Vec<(String, u64)>,
    /// The streams with the most of them.
    pub top_streams: Vec<(StreamId, u64)>,
    /// How many segments the view has.
    pub segments: u64,
    /// Bytes of these segments, up to their last frame.
    pub segment_bytes: u64,
    /// Bytes of memory that the indexes of segments without an index file take.
    pub index_memory: u64,
}

impl View {
    /// Returns the names of all scopes, in order. No event is read.
    ///
    /// ```
    /// # use tidegate::{Draft, Store};
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.view()?.scopes()?, ["shop"]);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn scopes(&self) -> Result<Vec<String>> {
        self.check_end()?;
        let mut scopes = BTreeSet::new();
        for (segment, count) in self.segments() {
            for (scope, postings) in segment.texts(Field::Scope)? {
                if Set::List(postings).count(Ordinal::FIRST, Ordinal(count)) > 0 {
                    scopes.insert(scope);
                }
            }
        }
        Ok(scopes.into_iter().collect())
    }

    /// Counts what a query selects, with the `top` most frequent tags and streams. No event is read; the cost
    /// follows the number of different names. The options' limit and direction change nothing.
    ///
    /// ```
    /// # use tidegate::{Draft, Query, ReadOptions, Store};
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let stats = store.view()?.stats(&Query::ALL, ReadOptions::new(), 10)?;
    /// assert_eq!((stats.events, stats.streams), (3, 1));
    /// assert_eq!(stats.kinds[0], ("order.paid".to_owned(), 2));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn stats(&self, query: &Query, read: ReadOptions, top: usize) -> Result<Stats> {
        let span = self.span(&read)?;
        self.check_span(&span)?;
        let mut stats = Stats::default();
        let (mut kinds, mut scopes, mut tags) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut streams = HashMap::new();
        let plan = self.plan(query)?;
        for (segment, count) in self.segments() {
            stats.segments += 1;
            stats.segment_bytes += segment.tail().0;
            stats.index_memory += segment.lookup()?.memory() as u64;
            let (from, to) = span.within(segment.first(), count);
            if from >= to {
                continue;
            }
            let mut part = CountedRange { set: plan.set(segment)?, from, to };
            stats.events += part.set.count(from, to);
            part.add_texts(segment, Field::Kind, &mut kinds)?;
            part.add_texts(segment, Field::Scope, &mut scopes)?;
            part.add_texts(segment, Field::Tag, &mut tags)?;
            for (stream, postings) in segment.streams()? {
                part.add(stream, postings, &mut streams);
            }
        }
        stats.streams = streams.len() as u64;
        stats.kinds = most_frequent(kinds, usize::MAX);
        stats.scopes = most_frequent(scopes, usize::MAX);
        stats.top_tags = most_frequent(tags, top);
        stats.top_streams = most_frequent(streams, top);
        Ok(stats)
    }
}

/// The part of a segment that is counted.
struct CountedRange {
    set: Set,
    from: Ordinal,
    to: Ordinal,
}

impl CountedRange {
    fn add_texts(&self, segment: &Segment, field: Field, counts: &mut HashMap<String, u64>) -> Result<()> {
        for (text, postings) in segment.texts(field)? {
            self.add(text, postings, counts);
        }
        Ok(())
    }

    fn add<N: Eq + Hash>(&self, name: N, postings: Postings, counts: &mut HashMap<N, u64>) {
        let mut both = Set::every(vec![Set::List(postings), self.set.clone()]);
        match both.count(self.from, self.to) {
            0 => {}
            count => *counts.entry(name).or_default() += count,
        }
    }
}

fn most_frequent<N: Ord>(counts: HashMap<N, u64>, top: usize) -> Vec<(N, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(name, count), (other, others)| others.cmp(count).then(name.cmp(other)));
    counts.truncate(top);
    counts
}
