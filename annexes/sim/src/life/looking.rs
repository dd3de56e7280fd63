//! Those who read: queries, walks of the graph, and another process beside the writer.

use tidegate::{Position, ReadOptions};

use super::Life;
use crate::defect::Defect;
use crate::failure::{Failure, ensure, failed, same};
use crate::model::{Payload, compare, compare_as};
use crate::query::ModelQuery;

impl Life<'_> {
    /// Asks for some part of some query, and counts it.
    pub(super) fn ask(&mut self) -> Result<(), Failure> {
        let (dice, count) = (&mut self.others, self.model.count());
        let wanted = ModelQuery::some(dice, count);
        let mut read =
            if dice.chance(1, 2) { ReadOptions::new() } else { ReadOptions::new().backwards(true) };
        if dice.chance(1, 2) {
            read.after = Position(dice.below(count + 2));
        }
        if dice.chance(1, 3) {
            read.before = Position(dice.below(count + 2));
        }
        read.limit = dice.chance(1, 3).then(|| dice.below(8) as usize);
        let until = if dice.chance(1, 4) { dice.below(count + 1) } else { count };
        let mut expected: Vec<u64> = self.model.selected(&wanted).collect();
        expected.retain(|at| (read.after.0 + 1..read.before.0).contains(at) && *at <= until);
        if read.backwards {
            expected.reverse();
        }
        expected.truncate(read.limit.unwrap_or(usize::MAX));
        let view = self.store.view().map_err(failed("viewing"))?.as_of(Position(until));
        let query = wanted.query();
        let mut found: Vec<_> =
            view.read_with(&query, read).collect::<Result<_, _>>().map_err(failed("asking a query"))?;
        if self.script.defect == Defect::IndexBehind {
            found.retain(|event| event.position().0 < count);
        }
        let positions: Vec<u64> = found.iter().map(|event| event.position().0).collect();
        same(format_args!("the answer to {query}"), &expected, &positions)?;
        found.iter().try_for_each(|event| compare(self.model.at(event.position().0), event))?;
        let counted = view.count_with(&query, read).map_err(failed("counting"))?;
        self.machine.trace.note(&positions);
        same(format_args!("the count of {query}"), &(expected.len() as u64), &counted)
    }

    /// Walks from some event to what led to it and what it led to.
    pub(super) fn walk(&mut self) -> Result<(), Failure> {
        let count = self.model.count();
        if count == 0 {
            return Ok(());
        }
        let (one, other) = (self.somewhere(), 1 + self.others.below(count));
        let graph = self.store.view().map_err(failed("viewing"))?.graph();
        let walked = |walk: tidegate::Result<tidegate::graph::Positions>| -> tidegate::Result<Vec<u64>> {
            walk?.map(|position| Ok(position?.0)).collect()
        };
        let ancestors = walked(graph.ancestors(&[Position(one)])).map_err(failed("walking up"))?;
        let expected = self.model.ancestors(one);
        same(format_args!("the ancestors of {one}"), &expected.iter().rev().copied().collect(), &ancestors)?;
        let descendants = walked(graph.descendants(&[Position(one)])).map_err(failed("walking down"))?;
        let led_to = self.model.descendants(one);
        same(format_args!("the descendants of {one}"), &led_to.into_iter().collect(), &descendants)?;
        let effects = walked(graph.effects(Position(one))).map_err(failed("looking for effects"))?;
        let later = one + 1..=count;
        let named = later.filter(|at| self.model.causes(*at).contains(&one)).collect();
        same(format_args!("the effects of {one}"), &named, &effects)?;
        let mut causes = walked(graph.causes(Position(one))).map_err(failed("looking for causes"))?;
        causes.sort_unstable();
        same(format_args!("the causes of {one}"), &self.model.causes(one).into_iter().collect(), &causes)?;
        let led = graph.is_ancestor(Position(other), Position(one)).map_err(failed("comparing"))?;
        self.machine.trace.note(&(ancestors, descendants, led));
        same(format_args!("whether {other} led to {one}"), &expected.contains(&other), &led)
    }

    /// A position, often at the border of a segment or one that led to an event there.
    fn somewhere(&mut self) -> u64 {
        let count = self.model.count();
        let borders = self.machine.segments().into_keys().filter(|first| (2..=count).contains(first));
        let borders: Vec<u64> = borders.collect();
        if borders.is_empty() || self.others.chance(1, 4) {
            return 1 + self.others.below(count);
        }
        let border = *self.others.pick(&borders) - self.others.below(2);
        let causes: Vec<u64> = self.model.causes(border).into_iter().collect();
        if causes.is_empty() || self.others.chance(1, 3) { border } else { *self.others.pick(&causes) }
    }

    /// What another process sees, which reads beside the writer: what is durable, and never less than before.
    pub(super) fn peer(&mut self) -> Result<(), Failure> {
        if self.others.chance(1, 4) {
            self.peer = None;
        }
        if self.peer.is_none() {
            let opened = self.machine.open_reader();
            self.peer = self.take(opened)?.map(|store| (store, 0));
        }
        let Some((store, seen)) = &mut self.peer else { return Ok(()) };
        let view = store.view().map_err(failed("viewing beside the writer"))?;
        let head = view.head().0;
        ensure(head >= *seen, || format!("a reader saw {seen} events and now sees {head}"))?;
        *seen = head;
        let durable = self.store.frontier().durable.0;
        ensure(head <= durable && head <= self.model.count(), || {
            format!("a reader sees {head} events, {durable} are durable")
        })?;
        ensure(head == 0 || self.model.at(head).ends, || format!("a reader sees a part of a batch: {head}"))?;
        let wanted = ModelQuery::some(&mut self.others, head);
        let expected: Vec<u64> = self.model.selected(&wanted).filter(|at| *at <= head).collect();
        let read = view.read(&wanted.query());
        let found: Vec<_> = read.collect::<Result<_, _>>().map_err(failed("reading beside the writer"))?;
        let positions: Vec<u64> = found.iter().map(|event| event.position().0).collect();
        same("what a reader sees", &expected, &positions)?;
        self.machine.trace.note(&(head, positions));
        let payload = Payload::AsOf(head);
        found.iter().try_for_each(|event| compare_as(self.model.at(event.position().0), event, payload))
    }
}
