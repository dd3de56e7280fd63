//! One event: all of its fields, its neighbours, and on what grounds it is in the log.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tidegate::decide::{Explanation, Footprint};
use tidegate::{Error, Position, Query, QueryItem, ReadOptions, RecordedEvent, Result, View};
use tidegate_json::event_to_json;

use super::rows::{foreign, payload_text, row, rows};
use super::subject::{Question, find};

/// Causes and effects that are listed.
const NEIGHBOURS_MAX: usize = 50;
/// Characters of a payload that are shown.
const PAYLOAD_MAX: usize = 256 * 1024;
/// Events of a query that a decision read, the last ones.
const READ_MAX: usize = 5;

/// Answers everything that is known of an event.
pub(super) fn event(question: &Question<'_>, name: &str) -> Result<Value> {
    let view = question.view()?;
    let position = find(name, &view)?;
    let missing = || Error::damaged("an event of the log is not in it", position, "none");
    let event = view.at(position)?.ok_or_else(missing)?;
    let (text, state) = payload_text(&event, PAYLOAD_MAX);
    let line: Box<RawValue> = RawValue::from_string(event_to_json(&event, &view)?)
        .map_err(|cause| Error::invalid("an event is not JSON").because(cause))?;
    let graph = view.graph();
    let mut effects = rows(&view, graph.effects(position)?.take(NEIGHBOURS_MAX + 1))?;
    let has_more_effects = effects.len() > NEIGHBOURS_MAX;
    effects.truncate(NEIGHBOURS_MAX);
    let causes: Vec<_> = graph.causes(position)?.collect();
    let causes_in_all = causes.len();
    Ok(json!({
        "row": row(&event),
        "line": line.get(),
        "payload": text,
        "state": state,
        "bytes": event.record().payload_bytes(),
        "leaf": event.leaf().to_string(),
        "epoch": view.epoch(position)?,
        "causes": rows(&view, causes.into_iter().take(NEIGHBOURS_MAX))?,
        "causes_in_all": causes_in_all,
        "foreign": foreign(&event),
        "effects": effects,
        "has_more_effects": has_more_effects,
        "stream": neighbours(&event, &view)?,
        "grounds": grounds(&view.explain(position)?)?,
    }))
}

/// Returns the positions of the events before and after it in its stream.
fn neighbours(event: &RecordedEvent, view: &View) -> Result<Value> {
    let version = event.version().0;
    let at = |version: u64| -> Result<Option<u64>> {
        if version == 0 {
            return Ok(None);
        }
        let query = Query::from(QueryItem::new().stream(event.stream()).versions(version..=version));
        let range = ReadOptions::new().after(view.floor().before()).limit(1);
        Ok(view.read_with(&query, range).next().transpose()?.map(|event| event.position().0))
    };
    Ok(json!({ "before": at(version - 1)?, "after": at(version + 1)? }))
}

fn grounds(explanation: &Explanation) -> Result<Value> {
    let Explanation { batch, gates, bypass, judged_at, footprint, .. } = explanation;
    let read = match (footprint, judged_at) {
        (Some(footprint), Some(then)) => {
            Some(footprint.queries().iter().map(|query| read(query, then)).collect::<Result<Vec<_>>>()?)
        }
        _ => None,
    };
    let ids = footprint.iter().flat_map(Footprint::absent_ids).map(ToString::to_string);
    let keys = footprint.iter().flat_map(Footprint::absent_keys).map(ToString::to_string);
    Ok(json!({
        "batch": [batch.start().0, batch.end().0],
        "gates": gates.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "bypass": bypass.as_ref().map(|bypass| json!({
            "reason": bypass.reason.to_string(),
            "justification": bypass.justification,
            "approver": bypass.approver,
        })),
        "judged_at": judged_at.as_ref().map(|then| then.head().0),
        "read": read,
        "absent_ids": ids.collect::<Vec<_>>(),
        "absent_keys": keys.collect::<Vec<_>>(),
    }))
}

/// Returns what a query selected when the decision was made.
fn read(query: &Query, then: &View) -> Result<Value> {
    let range = ReadOptions::new().backwards(true).after(then.floor().before()).limit(READ_MAX);
    let last = then.read_with(query, range).map(|event| Ok(row(&event?))).collect::<Result<Vec<_>>>()?;
    let after: Position = then.floor().before();
    let count = then.count_with(query, ReadOptions::new().after(after))?;
    Ok(json!({ "query": query.to_string(), "count": count, "last": last }))
}
