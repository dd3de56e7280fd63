//! What took the longest.

use clap::Args;
use console::{Alignment, measure_text_width, pad_str, style};
use serde::Serialize;
use tidegate::graph::{Graph, Hop};
use tidegate::{Micros, RecordedEvent};
use tidegate_json::rfc3339;

use super::args::{GraphArgs, record};
use crate::clock::Clock;
use crate::escape::escape;
use crate::event_ref::EventRef;
use crate::failure::Result;
use crate::output::{Output, clock_time, counted, passed};

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
    /// By the clock that is asked for. Below zero if the source says that an effect came before its cause.
    waited_micros: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
}

/// An event of the path, with its time by the clock that is asked for.
struct Step {
    event: RecordedEvent,
    time: Micros,
    waited: i64,
}

impl CriticalArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        self.place.ask(json, |graph| {
            let event = self.event.find(graph.view(), self.scope.as_deref())?;
            let hops = graph.critical_path(event)?;
            output.page();
            match (self.count, json) {
                (true, true) => output.json(&serde_json::json!({ "count": hops.len() })),
                (true, false) => output.line(hops.len()),
                (false, true) => {
                    let steps = steps(&hops, self.place.clock(), graph)?;
                    steps.iter().try_for_each(|step| write_json(step, output))
                }
                (false, false) => write_lines(&steps(&hops, self.place.clock(), graph)?, output),
            }
        })
    }
}

/// Returns the events of a path. The path itself goes by recorded times, which never fall.
fn steps(hops: &[Hop], clock: Clock, graph: &Graph) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::with_capacity(hops.len());
    for hop in hops {
        let event = record(graph, hop.event)?;
        let time = clock.time(&event);
        let micros = |time: Micros| i64::try_from(time.0).unwrap_or(i64::MAX);
        let waited = steps.last().map_or(0, |before| micros(time).saturating_sub(micros(before.time)));
        steps.push(Step { event, time, waited });
    }
    Ok(steps)
}

fn write_json(step: &Step, output: &mut Output) -> Result<()> {
    let Step { event, time, waited } = step;
    output.json(&HopJson {
        position: event.position().0,
        id: event.id().to_string(),
        scope: event.scope(),
        entity: event.entity(),
        lane: event.lane(),
        kind: event.kind(),
        recorded: rfc3339(event.time()),
        waited_micros: *waited,
        time: (*time != event.time()).then(|| rfc3339(*time)),
    })
}

fn write_lines(steps: &[Step], output: &mut Output) -> Result<()> {
    let wait = |step: &Step| {
        let sign = if step.waited < 0 { '-' } else { '+' };
        format!("{sign}{}", passed(step.waited.unsigned_abs()))
    };
    let waits: Vec<String> = steps.iter().map(wait).collect();
    let wide = waits.iter().map(|wait| wait.chars().count()).max().unwrap_or(0);
    let kinds: Vec<String> = steps.iter().map(|step| escape(step.event.kind())).collect();
    let kind_wide = kinds.iter().map(|kind| measure_text_width(kind)).max().unwrap_or(0);
    let places = steps.last().map_or(0, |step| step.event.position().to_string().len());
    for ((step, wait), kind) in steps.iter().zip(&waits).zip(&kinds) {
        output.styled(format_args!(
            "{}  {}  {}  {}  {}",
            style(format_args!("{:>places$}", step.event.position().0)).bold(),
            style(clock_time(step.time, true)).dim(),
            format_args!("{wait:>wide$}"),
            style(pad_str(kind, kind_wide, Alignment::Left, None)).cyan(),
            escape(step.event.stream()),
        ))?;
    }
    if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
        let all = passed(last.time.0.saturating_sub(first.time.0));
        output.line(format_args!("{} in {all}", counted(steps.len() as u64, "event")))?;
    }
    Ok(())
}
