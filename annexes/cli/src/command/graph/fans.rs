//! Where much comes together, and where much begins.

use clap::{Args, ValueEnum};
use console::{Alignment, measure_text_width, pad_str, style};
use indicatif::HumanCount;
use serde::Serialize;
use tidegate::graph::{Degree, Graph, Selection};
use tidegate::{Position, Query};

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
            output.note_none(fans.len() as u64, "event", json);
            if json { write_json(&fans, graph, output) } else { write_lines(&fans, self.of, graph, output) }
        })
    }
}

fn write_json(fans: &[(Position, u64)], graph: &Graph, output: &mut Output) -> Result<()> {
    for (position, count) in fans {
        let event = record(graph, *position)?;
        output.json(&FanJson {
            count: *count,
            position: position.0,
            id: event.id().to_string(),
            scope: event.scope(),
            entity: event.entity(),
            lane: event.lane(),
            kind: event.kind(),
        })?;
    }
    Ok(())
}

/// Writes a line for each event, which begins with its position as in all lists.
fn write_lines(fans: &[(Position, u64)], of: FanOf, graph: &Graph, output: &mut Output) -> Result<()> {
    let of = if matches!(of, FanOf::Causes) { "causes" } else { "effects" };
    let mut lines = Vec::new();
    for (position, count) in fans {
        let event = record(graph, *position)?;
        let count = format!("{} {of}", HumanCount(*count));
        lines.push([position.to_string(), count, escape(event.kind()), escape(event.stream())]);
    }
    let widths: Vec<usize> = (0..3)
        .map(|column| lines.iter().map(|line| measure_text_width(&line[column])).max().unwrap_or(0))
        .collect();
    for [position, count, kind, stream] in &lines {
        let (position, count) = (right(position, widths[0]), right(count, widths[1]));
        let kind = pad_str(kind, widths[2], Alignment::Left, None);
        output.styled(format_args!(
            "{}  {count}  {}  {stream}",
            style(position).bold(),
            style(kind).cyan()
        ))?;
    }
    Ok(())
}

fn right(text: &str, width: usize) -> String {
    pad_str(text, width, Alignment::Right, None).into_owned()
}
