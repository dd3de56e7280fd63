//! `explain`: on what grounds an event is in the log.

use std::path::PathBuf;

use clap::Args;
use console::style;
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate::decide::{Explanation, Footprint};
use tidegate::{Cause, Error, Position, Query, ReadOptions, RecordedEvent, View};
use tidegate_json::event_to_json;

use crate::escape::escape;
use crate::event_ref::EventRef;
use crate::failure::Result;
use crate::listing::Listing;
use crate::output::{Output, counted};
use crate::reader::{open, warn_of_damage};

const EXAMPLES: &str = "\
What a decision read is known if it was appended with `keep_footprint`. An EVENT is named by its position, its id, \
or its import key.

Examples:
  tidegate explain ./store 17
  tidegate explain ./store 17 --limit 100 --json";

/// Say on what grounds an event is in the log: what was read, which gates passed, what caused it
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct ExplainArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Which event
    #[arg(value_name = "EVENT")]
    event: EventRef,
    /// The scope in which import keys are looked up
    #[arg(long)]
    scope: Option<String>,
    /// How many of the events that a query read are shown, the last ones
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
}

/// What is known, as JSON.
#[derive(Serialize)]
struct ExplanationJson {
    event: Box<RawValue>,
    batch: [u64; 2],
    gates: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    judged_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass: Option<BypassJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Vec<QueryJson>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    absent_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    absent_keys: Vec<String>,
    causes: Vec<u64>,
}

#[derive(Serialize)]
struct BypassJson {
    reason: String,
    justification: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approver: Option<String>,
}

#[derive(Serialize)]
struct QueryJson {
    query: Box<RawValue>,
    count: u64,
    last: Vec<u64>,
}

impl ExplainArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        let view = store.view()?;
        let position = self.event.find(&view, self.scope.as_deref())?;
        let missing = || Error::damaged("an event of the log is not in it", position, "none");
        let event = view.at(position)?.ok_or_else(missing)?;
        let explanation = view.explain(position)?;
        if json {
            output.json(&self.explanation_json(&event, &view, &explanation)?)?;
        } else {
            output.page();
            self.write(&event, &view, &explanation, output)?;
        }
        warn_of_damage(&store, json)
    }

    fn explanation_json(
        &self,
        event: &RecordedEvent,
        view: &View,
        explanation: &Explanation,
    ) -> Result<ExplanationJson> {
        let Explanation { batch, gates, bypass, judged_at, footprint, .. } = explanation;
        let read = match (footprint, judged_at) {
            (Some(footprint), Some(then)) => {
                let queries = footprint.queries().iter();
                Some(queries.map(|query| self.query_json(query, then)).collect::<Result<_>>()?)
            }
            _ => None,
        };
        let absent = footprint.iter().flat_map(Footprint::absent_ids);
        let absent_keys = footprint.iter().flat_map(Footprint::absent_keys);
        let causes = view.graph().causes(event.position())?;
        Ok(ExplanationJson {
            event: RawValue::from_string(event_to_json(event, view)?)?,
            batch: [batch.start().0, batch.end().0],
            gates: gates.iter().map(ToString::to_string).collect(),
            judged_at: judged_at.as_ref().map(|then| then.head().0),
            bypass: bypass.as_ref().map(|bypass| BypassJson {
                reason: bypass.reason.to_string(),
                justification: bypass.justification.clone(),
                approver: bypass.approver.clone(),
            }),
            read,
            absent_ids: absent.map(ToString::to_string).collect(),
            absent_keys: absent_keys.map(ToString::to_string).collect(),
            causes: causes.map(|cause| Ok(cause?.0)).collect::<tidegate::Result<_>>()?,
        })
    }

    fn query_json(&self, query: &Query, then: &View) -> Result<QueryJson> {
        Ok(QueryJson {
            query: RawValue::from_string(query.to_string())?,
            count: then.count(query)?,
            last: self.last(query, then)?.iter().map(|event| event.position().0).collect(),
        })
    }

    /// Returns the last events that a query selected then, in order.
    fn last(&self, query: &Query, then: &View) -> Result<Vec<RecordedEvent>> {
        let read = ReadOptions::new().backwards(true).limit(self.limit);
        let mut last = then.read_with(query, read).collect::<tidegate::Result<Vec<_>>>()?;
        last.reverse();
        Ok(last)
    }

    fn write(
        &self,
        event: &RecordedEvent,
        view: &View,
        explanation: &Explanation,
        output: &mut Output,
    ) -> Result<()> {
        let Explanation { batch, gates, bypass, judged_at, footprint, .. } = explanation;
        list(std::slice::from_ref(event), view, output)?;
        let count = batch.end().0 - batch.start().0 + 1;
        if count > 1 {
            title(output, "appended", format_args!("as one with {} to {}", batch.start(), batch.end()))?;
        }
        match gates.as_slice() {
            [] => title(output, "gates", "none passed")?,
            gates => title(output, "gates", format_args!("passed {}", gates.join(", ")))?,
        }
        if let Some(bypass) = bypass {
            title(output, "bypass", format_args!("{}: {}", bypass.reason, bypass.justification))?;
            if let Some(approver) = &bypass.approver {
                title(output, "", format_args!("approved by {approver}"))?;
            }
        }
        if let Some(then) = judged_at {
            title(output, "judged at", then.head())?;
        }
        match (footprint, judged_at) {
            (Some(footprint), Some(then)) => {
                for query in footprint.queries() {
                    let count = then.count(query)?;
                    title(output, "read", format_args!("{query}: {}", counted(count, "event")))?;
                    list(&self.last(query, then)?, then, output)?;
                }
                for id in footprint.absent_ids() {
                    title(output, "read", format_args!("no event with the id {id}"))?;
                }
                for key in footprint.absent_keys() {
                    title(output, "read", format_args!("no batch with the key {key}"))?;
                }
            }
            _ => title(output, "read", "no footprint was kept")?,
        }
        let causes = view.graph().causes(event.position())?.collect::<tidegate::Result<Vec<Position>>>()?;
        title(output, "causes", if event.causes().next().is_none() { "none" } else { "" })?;
        for cause in event.causes() {
            if let Cause::Foreign(store, id) = cause {
                output.line(format_args!("{id} in the store {store}"))?;
            }
        }
        let causes = causes.iter().filter_map(|cause| view.at(*cause).transpose());
        list(&causes.collect::<tidegate::Result<Vec<_>>>()?, view, output)
    }
}

pub(super) fn title(output: &mut Output, title: &str, said: impl std::fmt::Display) -> Result<()> {
    output.styled(format!("{} {}", style(format!("{title:<9}")).bold(), escape(said)).trim_end())
}

pub(super) fn list(events: &[RecordedEvent], view: &View, output: &mut Output) -> Result<()> {
    let mut listing = Listing::new(output, false);
    for event in events {
        listing.event(event, view)?;
    }
    listing.flush()
}
