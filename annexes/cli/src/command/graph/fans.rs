//! Where much comes together, and where much begins.

use clap::{Args, ValueEnum};
use console::style;
use serde::Serialize;
use tidegate::Query;
use tidegate::graph::{Degree, Selection};

use super::args::{GraphArgs, record};
use crate::escape::escape;
use crate::event_ref::{EventRef, find_all};
use crate::failure::Result;
use crate::filter::Filter;
use crate::output::Output;

#[derive(Args, Debug)]
pub(super) struct FansArgs {
    #[command(flatten)]
    place: GraphArgs,
    /// Among these events and what led to them; without EVENT, among all
    #[arg(value_name = "EVENT")]
    events: Vec<EventRef>,
    /// What is counted
    #[arg(long, value_enum, default_value_t = FanOf::Effects)]
    of: FanOf,
    /// Maximum number of events
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FanOf {
    Causes,
    Effects,
}

#[derive(Serialize)]
struct FanJson<'a> {
    count: u64,
    position: u64,
    id: String,
    scope: &'a str,
    entity: &'a str,
    lane: u32,
    kind: &'a str,
}

impl FansArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let fan = match self.of {
            FanOf::Causes => Degree::In,
            FanOf::Effects => Degree::Out,
        };
        self.place.ask(json, |graph| {
            let events = find_all(&self.events, graph.view(), self.filter.scope_name())?;
            let all = events.is_empty();
            let mut selection = if all { Selection::from(Query::ALL) } else { Selection::history(&events) };
            if let Some(query) = self.filter.restriction() {
                selection = selection.only(query);
            }
            let fans = graph.largest_degrees(&selection, fan, self.limit)?;
            let wide = fans.first().map_or(0, |(_, count)| count.to_string().len());
            let places = fans.iter().map(|(event, _)| event.to_string().len()).max().unwrap_or(0);
            for (position, count) in fans {
                let event = record(graph, position)?;
                if !json {
                    let position = style(format!("{:>places$}", position.0)).bold();
                    let (kind, stream) = (style(escape(event.kind())).cyan(), escape(event.stream()));
                    output.styled(format_args!("{count:>wide$}  {position}  {kind}  {stream}"))?;
                    continue;
                }
                output.json(&FanJson {
                    count,
                    position: position.0,
                    id: event.id().to_string(),
                    scope: event.scope(),
                    entity: event.entity(),
                    lane: event.lane(),
                    kind: event.kind(),
                })?;
            }
            Ok(())
        })
    }
}
