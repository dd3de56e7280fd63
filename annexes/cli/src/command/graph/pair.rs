//! Questions about two events.

use clap::Args;
use serde::Serialize;
use tidegate::Position;
use tidegate::graph::Graph;

use super::args::{AnswerArgs, GraphArgs};
use crate::event_ref::EventRef;
use crate::failure::Result;
use crate::output::Output;

#[derive(Args, Debug)]
pub(super) struct PairArgs {
    #[command(flatten)]
    place: GraphArgs,
    /// One event
    #[arg(value_name = "A")]
    one: EventRef,
    /// Another one
    #[arg(value_name = "B")]
    other: EventRef,
    /// The scope in which import keys are looked up
    #[arg(long)]
    scope: Option<String>,
}

impl PairArgs {
    pub(super) fn is_ancestor(&self, output: &mut Output, json: bool) -> Result<()> {
        self.tell(Graph::is_ancestor, output, json)
    }

    pub(super) fn are_concurrent(&self, output: &mut Output, json: bool) -> Result<()> {
        self.tell(Graph::are_concurrent, output, json)
    }

    fn tell(
        &self,
        question: impl FnOnce(&Graph, Position, Position) -> tidegate::Result<bool>,
        output: &mut Output,
        json: bool,
    ) -> Result<()> {
        #[derive(Serialize)]
        struct AnswerJson {
            answer: bool,
        }
        self.place.ask(json, |graph| {
            let find = |name: &EventRef| name.find(graph.view(), self.scope.as_deref());
            let answer = question(graph, find(&self.one)?, find(&self.other)?)?;
            if json {
                output.json(&AnswerJson { answer })
            } else {
                output.line(if answer { "yes" } else { "no" })
            }
        })
    }
}

#[derive(Args, Debug)]
pub(super) struct BetweenArgs {
    #[command(flatten)]
    place: GraphArgs,
    /// The event to begin with
    #[arg(value_name = "FROM")]
    from: EventRef,
    /// The event to end with
    #[arg(value_name = "TO")]
    to: EventRef,
    #[command(flatten)]
    answer: AnswerArgs,
}

impl BetweenArgs {
    /// Lists a shortest way, or everything on any.
    pub(super) fn run(&self, shortest: bool, output: &mut Output, json: bool) -> Result<()> {
        self.place.ask(json, |graph| {
            let find = |name: &EventRef| name.find(graph.view(), self.answer.filter.scope_name());
            let (from, to) = (find(&self.from)?, find(&self.to)?);
            if shortest {
                let path = graph.path(from, to)?.into_iter().map(Ok);
                return self.answer.list(path, graph, self.place.clock(), output, json);
            }
            let mut between = graph.between(from, to)?;
            if let Some(query) = self.answer.filter.restriction() {
                between = between.only(query);
            }
            self.answer.list(between, graph, self.place.clock(), output, json)
        })
    }
}
