//! Pictures of what is around some events.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tidegate::Query;
use tidegate::graph::Selection;
use tidegate_draw::{Axis, Colour, EventClock, Picture, Style, Template};

use super::args::GraphArgs;
use crate::clock::Clock;
use crate::event_ref::{EventRef, find_all};
use crate::failure::Result;
use crate::filter::Filter;
use crate::output::Output;
use crate::target::Target;

const EXAMPLES: &str = "\
With --json the answer says how many events there are, how many of them were folded or left out, and holds the \
picture, or the name of the file it went to.

Examples:
  tidegate graph draw ./store order-7-shipped --up 10 --down 0 --output order-7.svg
  tidegate graph draw ./store order-7-shipped --label '{/total} {tag:area}' > order-7.svg
  tidegate graph draw ./store 81966 --format dot | dot -Tpdf > history.pdf
  tidegate graph draw ./store --correlation 01999b7c-7a3e-7f21-8000-0242ac120002 --axis time";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DrawArgs {
    #[command(flatten)]
    place: GraphArgs,
    /// Around which events; without EVENT: what the query selects
    #[arg(value_name = "EVENT")]
    events: Vec<EventRef>,
    #[command(flatten)]
    filter: Filter,
    /// Number of steps to follow causes back from the events
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = HOW)]
    up: u32,
    /// Number of steps to follow effects on from the events
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = HOW)]
    down: u32,
    /// What to write
    #[arg(long, value_enum, default_value_t = PictureFormat::Svg, help_heading = HOW)]
    format: PictureFormat,
    /// What the rows of an SVG mean; with `level` each event says how long after the earliest one it came
    #[arg(long, value_enum, default_value_t = RowsArg::Level, help_heading = HOW)]
    axis: RowsArg,
    /// What the colours mean
    #[arg(long, value_enum, default_value_t = ColourArg::Kind, help_heading = HOW)]
    colour: ColourArg,
    /// One more line in each node: `{/total}` is a value of the payload, `{tag:area}` what follows `area:` in a tag, `{key}` the
    /// import key; also `{meta:NAME}`, `{id}`, `{kind}`, `{scope}`, `{entity}`, `{version}`
    #[arg(long, value_name = "TEMPLATE", help_heading = HOW)]
    label: Option<Template>,
    /// What the picture is called, instead of what was asked for
    #[arg(long, value_name = "TEXT", help_heading = HOW)]
    title: Option<String>,
    /// Fold neither runs of events, each with one cause and one effect, nor siblings of one kind
    #[arg(long, help_heading = HOW)]
    no_fold: bool,
    /// Write the picture to this file, which is replaced as a whole
    #[arg(long, value_name = "FILE", help_heading = HOW)]
    output: Option<PathBuf>,
}

const HOW: &str = "How to draw";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PictureFormat {
    Svg,
    Dot,
    Mermaid,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RowsArg {
    /// An event stands below its causes
    Level,
    /// Events stand in the order in which they were recorded, with the times
    Time,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ColourArg {
    Kind,
    Stream,
}

/// What was drawn, as JSON.
#[derive(Serialize)]
struct PictureJson {
    events: u64,
    folded: u64,
    left_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
}

impl DrawArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        self.place.ask(json, |graph| {
            let focus = find_all(&self.events, graph.view(), self.filter.scope_name())?;
            let around = if focus.is_empty() {
                Selection::from(Query::ALL)
            } else {
                Selection::around(&focus, self.up, self.down)
            };
            let selection = match self.filter.restriction() {
                Some(query) => around.only(query),
                None => around,
            };
            let picture = Picture::of(graph, &selection, &self.style(focus))?;
            let text = match self.format {
                PictureFormat::Svg => picture.svg(),
                PictureFormat::Dot => picture.dot(),
                PictureFormat::Mermaid => picture.mermaid(),
            };
            self.write(&picture, text, output, json)
        })
    }

    fn style(&self, focus: Vec<tidegate::Position>) -> Style {
        let axis = match self.axis {
            RowsArg::Level => Axis::Level,
            RowsArg::Time => Axis::Time,
        };
        let colour = match self.colour {
            ColourArg::Kind => Colour::Kind,
            ColourArg::Stream => Colour::Stream,
        };
        let (fold_from, fan_from) = match (self.no_fold, Style::default()) {
            (true, _) => (usize::MAX, usize::MAX),
            (false, style) => (style.fold_from, style.fan_from),
        };
        let clock = match self.place.clock() {
            Clock::Recorded => EventClock::Recorded,
            Clock::Source => EventClock::Source,
        };
        let (title, label) = (self.title.clone(), self.label.clone());
        let source = Some(format!("store {}", self.place.directory().display()));
        let style = Style { title, source, label, axis, colour, clock, ..Style::default() };
        Style { fold_from, fan_from, focus, ..style }
    }

    fn write(&self, picture: &Picture, text: String, output: &mut Output, json: bool) -> Result<()> {
        if let Some(file) = &self.output {
            let mut file = Target::open(file, self.place.directory())?;
            file.line(text.trim_end())?;
            file.finish()?;
        }
        let (events, folded, left_out) = (picture.events(), picture.folded(), picture.left_out());
        let file = self.output.as_ref().map(|file| file.display().to_string());
        if json {
            let picture = file.is_none().then_some(text);
            return output.json(&PictureJson { events, folded, left_out, file, picture });
        }
        match file {
            Some(file) => output.line(format_args!("{file}: {}", picture.summary())),
            None => output.line(text.trim_end()),
        }
    }
}
