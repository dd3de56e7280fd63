//! Questions about what is around some events.

use std::collections::BTreeSet;

use clap::Args;
use tidegate::graph::{Graph, Positions};
use tidegate::{Position, Query};

use super::args::{AnswerArgs, GraphArgs};
use crate::event_ref::{EventRef, find_all};
use crate::failure::Result;
use crate::output::Output;

/// Which way to go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Traversal {
    Causes,
    Effects,
    Ancestors,
    Descendants,
    Common,
}

#[derive(Args, Debug)]
pub(super) struct TraversalArgs {
    #[command(flatten)]
    place: GraphArgs,
    /// From which events
    #[arg(value_name = "EVENT", required = true)]
    events: Vec<EventRef>,
    #[command(flatten)]
    answer: AnswerArgs,
}

impl TraversalArgs {
    pub(super) fn run(&self, way: Traversal, output: &mut Output, json: bool) -> Result<()> {
        let only = self.answer.filter.restriction();
        let limited = |found: Positions| match &only {
            Some(query) => found.only(query.clone()),
            None => found,
        };
        self.place.ask(json, |graph| {
            let events = find_all(&self.events, graph.view(), self.answer.filter.scope_name())?;
            let list = |found: Positions, output| {
                self.answer.list(limited(found), graph, self.place.clock(), output, json)
            };
            match way {
                Traversal::Ancestors => list(graph.ancestors(&events)?, output),
                Traversal::Descendants => list(graph.descendants(&events)?, output),
                Traversal::Causes | Traversal::Effects => {
                    let found = beside(graph, way, &events, only.as_ref())?;
                    self.answer.list(found.into_iter().map(Ok), graph, self.place.clock(), output, json)
                }
                Traversal::Common => {
                    let found = graph.common_causes(&events)?.into_iter().map(Ok);
                    self.answer.list(found, graph, self.place.clock(), output, json)
                }
            }
        })
    }
}

/// Returns the causes or effects of several events, each once.
fn beside(
    graph: &Graph,
    way: Traversal,
    events: &[Position],
    only: Option<&Query>,
) -> Result<BTreeSet<Position>> {
    let mut all = BTreeSet::new();
    for event in events {
        let found =
            if matches!(way, Traversal::Causes) { graph.causes(*event)? } else { graph.effects(*event)? };
        let found = match only {
            Some(query) => found.only(query.clone()),
            None => found,
        };
        for event in found {
            all.insert(event?);
        }
    }
    Ok(all)
}
