//! Where histories begin and end.

use clap::Args;
use tidegate::Query;
use tidegate::graph::Selection;

use super::args::{AnswerArgs, GraphArgs};
use crate::event_ref::{EventRef, find_all};
use crate::failure::Result;
use crate::output::Output;

#[derive(Args, Debug)]
pub(super) struct EndsArgs {
    #[command(flatten)]
    place: GraphArgs,
    /// Of what led to these events, or of what they led to
    #[arg(value_name = "EVENT")]
    events: Vec<EventRef>,
    #[command(flatten)]
    answer: AnswerArgs,
}

impl EndsArgs {
    /// Lists the beginnings, or the ends.
    pub(super) fn run(&self, roots: bool, output: &mut Output, json: bool) -> Result<()> {
        let filter = &self.answer.filter;
        self.place.ask(json, |graph| {
            let events = find_all(&self.events, graph.view(), filter.scope_name())?;
            let selection = match (events.is_empty(), roots) {
                (true, _) => Selection::from(Query::ALL),
                (false, true) => Selection::history(&events),
                (false, false) => Selection::future(&events),
            };
            let selection = match filter.restriction() {
                Some(query) => selection.only(query),
                None => selection,
            };
            let found = if roots { graph.roots(&selection)? } else { graph.leaves(&selection)? };
            self.answer.list(found, graph, self.place.clock(), output, json)
        })
    }
}
