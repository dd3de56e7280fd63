//! Lists of events.

use serde_json::{Value, json};
use tidegate::{Query, ReadOptions, Result, StreamId};
use tidegate_json::event_to_json;

use super::rows::row;
use super::subject::Question;

/// Rows of an answer.
const ROWS_MAX: usize = 200;
/// Lines of an export.
const EXPORT_MAX: usize = 10_000;

/// Answers one page of the events that the filters select.
pub(super) fn events(question: &Question<'_>) -> Result<Value> {
    let (view, query) = (question.view()?, question.query()?);
    let (range, limit) = (question.range(&view)?, question.limit(ROWS_MAX)?);
    let found = view.read_with(&query, range.limit(limit + 1)).collect::<Result<Vec<_>>>()?;
    let has_more = found.len() > limit;
    let mut rows: Vec<Value> = found.iter().take(limit).map(row).collect();
    if !range.backwards {
        rows.reverse();
    }
    Ok(json!({ "events": rows, "has_more": has_more, "query": query.to_string(), "head": view.head().0 }))
}

/// Answers how many events the filters select. No event is read.
pub(super) fn count(question: &Question<'_>) -> Result<Value> {
    let (view, query) = (question.view()?, question.query()?);
    Ok(json!({ "count": view.count_with(&query, question.range(&view)?)? }))
}

/// Answers the events that the filters select as lines of JSON, up to a limit.
pub(super) fn export(question: &Question<'_>) -> Result<String> {
    let (view, query) = (question.view()?, question.query()?);
    let range = question.range(&view)?.backwards(false).limit(EXPORT_MAX);
    let mut lines = String::new();
    for event in view.read_with(&query, range) {
        lines.push_str(&event_to_json(&event?, &view)?);
        lines.push('\n');
    }
    Ok(lines)
}

/// Answers one page of a stream, with how far it goes.
pub(super) fn stream(question: &Question<'_>) -> Result<Value> {
    let view = question.view()?;
    let wanted =
        |name| question.text(name).ok_or_else(|| tidegate::Error::invalid(format!("say which `{name}`")));
    let lane = u32::try_from(question.number("lane")?.unwrap_or(0)).unwrap_or(u32::MAX);
    let stream = StreamId::new(wanted("scope")?.to_owned(), wanted("entity")?.to_owned()).lane(lane);
    let query = Query::stream(stream.clone());
    let limit = question.limit(ROWS_MAX)?;
    let found =
        view.read_with(&query, question.range(&view)?.limit(limit + 1)).collect::<Result<Vec<_>>>()?;
    let has_more = found.len() > limit;
    let rows: Vec<Value> = found.iter().take(limit).map(row).collect();
    let first = view
        .read_with(&query, ReadOptions::new().after(view.floor().before()).limit(1))
        .next()
        .transpose()?;
    Ok(json!({
        "version": view.version(&stream)?.0,
        "first": first.as_ref().map(row),
        "events": rows,
        "has_more": has_more,
    }))
}
