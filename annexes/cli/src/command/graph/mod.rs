//! `graph`: what led to what.

mod args;
mod walk;
mod pair;
mod ends;
mod critical;
mod fans;
mod draw;

use clap::{Args, Subcommand};

use crate::failure::Result;
use crate::output::Output;

const EXAMPLES: &str = "\
An EVENT is named by its position, its id, or its import key (`import-key:1234` if that is a \
number). `tidegate graph COMMAND --help` shows how answers are restricted to a query, counted, or given as positions \
(the quickest), ids or keys alone, and whether the events that were named are among them.

Examples:
  tidegate graph ancestors ./store 81966 --kind 'order.*' --count
  tidegate graph descendants ./store order-7-placed --positions
  tidegate graph path ./store order-7-placed order-7-shipped
  tidegate graph is-ancestor ./store 12 81966
  tidegate graph roots ./store --tag customer:c1
  tidegate graph critical ./store 81966
  tidegate graph draw ./store 81966 --up 6 --output why.svg";

/// Say what led to what
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct GraphCommand {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand, Debug)]
enum Question {
    /// What these events name as their causes
    Causes(walk::TraversalArgs),
    /// The events that name these as a cause
    Effects(walk::TraversalArgs),
    /// Everything that led to these events, without them, the last one first
    ///
    /// One of these events is listed if it led to another one of them.
    Ancestors(walk::TraversalArgs),
    /// Everything that these events led to, without them, the first one first
    ///
    /// One of these events is listed if another one of them led to it.
    Descendants(walk::TraversalArgs),
    /// The best common causes of events: what led to all of them, and to no other such event
    ///
    /// An event counts as a cause of itself here: of two events of which one led to the other, it is that one.
    Common(walk::TraversalArgs),
    /// One of the shortest ways from an event to another one, with both ends
    Path(pair::BetweenArgs),
    /// All events on any way from an event to another one, without both ends
    Between(pair::BetweenArgs),
    /// Whether event A led to event B: prints `yes` or `no`; no event led to itself
    IsAncestor(pair::PairArgs),
    /// Whether neither of two events led to the other one: prints `yes` or `no`; an event and itself: `no`
    Concurrent(pair::PairArgs),
    /// Where the history of these events began; without EVENT: what in the query has no cause in it
    ///
    /// An event that has no cause is where its own history began, and is listed.
    Roots(ends::EndsArgs),
    /// Where the effects of these events end; without EVENT: what in the query has no effect in it
    ///
    /// An event that has no effect is where its own effects end, and is listed.
    Leaves(ends::EndsArgs),
    /// The way to an event that took the longest, with both ends and the time of each hop
    Critical(critical::CriticalArgs),
    /// The events with the most causes or effects; with EVENT: among these and what led to them
    Fans(fans::FansArgs),
    /// A picture of what is around events: SVG, DOT or Mermaid
    Draw(draw::DrawArgs),
}

impl GraphCommand {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        use walk::Traversal;
        match &self.question {
            Question::Causes(walk) => walk.run(Traversal::Causes, output, json),
            Question::Effects(walk) => walk.run(Traversal::Effects, output, json),
            Question::Ancestors(walk) => walk.run(Traversal::Ancestors, output, json),
            Question::Descendants(walk) => walk.run(Traversal::Descendants, output, json),
            Question::Common(walk) => walk.run(Traversal::Common, output, json),
            Question::Path(between) => between.run(true, output, json),
            Question::Between(between) => between.run(false, output, json),
            Question::IsAncestor(pair) => pair.is_ancestor(output, json),
            Question::Concurrent(pair) => pair.are_concurrent(output, json),
            Question::Roots(ends) => ends.run(true, output, json),
            Question::Leaves(ends) => ends.run(false, output, json),
            Question::Critical(critical) => critical.run(output, json),
            Question::Fans(fans) => fans.run(output, json),
            Question::Draw(draw) => draw.run(output, json),
        }
    }
}
