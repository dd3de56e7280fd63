//! What took the longest.

use clap::Args;
use console::style;
use serde::Serialize;
use tidegate::graph::{Graph, Hop};
use tidegate_json::rfc3339;

use super::args::{GraphArgs, record};
use crate::escape::escape;
use crate::event_ref::EventRef;
use crate::failure::Result;
use crate::output::{Output, clock_time, passed};

#[derive(Args, Debug)]
pub(super) struct CriticalArgs {
    #[command(flatten)]
    place: GraphArgs,
    /// The event to end with
    #[arg(value_name = "EVENT")]
    event: EventRef,
    /// The scope in which import keys are looked up
    #[arg(long)]
    scope: Option<String>,
    /// Only say how many events are on it
    #[arg(long)]
    count: bool,
}

/// A hop as JSON.
#[derive(Serialize)]
struct HopJson<'a> {
    position: u64,
    id: String,
    scope: &'a str,
    entity: &'a str,
    lane: u32,
    kind: &'a str,
    recorded: String,
    waited_micros: u64,
}

impl CriticalArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        self.place.ask(json, |graph| {
            let event = self.event.find(graph.view(), self.scope.as_deref())?;
            let hops = graph.critical_path(event)?;
            match (self.count, json) {
                (true, true) => output.json(&serde_json::json!({ "count": hops.len() })),
                (true, false) => output.line(hops.len()),
                (false, true) => hops.iter().try_for_each(|hop| write_json(hop, graph, output)),
                (false, false) => write_lines(&hops, graph, output),
            }
        })
    }
}

fn write_json(hop: &Hop, graph: &Graph, output: &mut Output) -> Result<()> {
    let event = record(graph, hop.event)?;
    output.json(&HopJson {
        position: hop.event.0,
        id: event.id().to_string(),
        scope: event.scope(),
        entity: event.entity(),
        lane: event.lane(),
        kind: event.kind(),
        recorded: rfc3339(hop.time),
        waited_micros: hop.waited,
    })
}

fn write_lines(hops: &[Hop], graph: &Graph, output: &mut Output) -> Result<()> {
    let waits: Vec<String> = hops.iter().map(|hop| format!("+{}", passed(hop.waited))).collect();
    let wide = waits.iter().map(|wait| wait.chars().count()).max().unwrap_or(0);
    let places = hops.last().map_or(0, |hop| hop.event.to_string().len());
    for (hop, wait) in hops.iter().zip(&waits) {
        let event = record(graph, hop.event)?;
        output.styled(format_args!(
            "{}  {}  {}  {}  {}",
            style(format_args!("{:>places$}", hop.event.0)).bold(),
            style(clock_time(hop.time, true)).dim(),
            format_args!("{wait:>wide$}"),
            style(escape(event.kind())).cyan(),
            escape(event.stream()),
        ))?;
    }
    if let (Some(first), Some(last)) = (hops.first(), hops.last()) {
        let all = passed(last.time.0.saturating_sub(first.time.0));
        output.line(format_args!("{} events in {all}", hops.len()))?;
    }
    Ok(())
}
