//! Readers: how far each got, and what it waits for.

use serde_json::{Value, json};
use tidegate::subscription::cursor::{self, CursorRole, CursorStatus};
use tidegate::{Query, ReadOptions, Result, View};
use tidegate_json::rfc3339;

use super::rows::row;
use super::subject::Question;

/// Answers what is kept of each reader. Their places are those of now, also if the page is as of an earlier position.
pub(super) fn readers(question: &Question<'_>) -> Result<Value> {
    Ok(json!({ "readers": states(question)?, "projections": projections(question) }))
}

/// Returns the states of all cursors and reactors.
pub(super) fn states(question: &Question<'_>) -> Result<Vec<Value>> {
    let store = &question.subject.store;
    let view = store.view()?;
    let view = view.as_of(view.head());
    let states = cursor::names(store)?.into_iter().map(|name| match cursor::status(store, &name) {
        Ok(status) => state(&status, &view),
        Err(error) => Ok(json!({ "name": name, "error": error.to_string() })),
    });
    states.collect()
}

fn state(status: &CursorStatus, view: &View) -> Result<Value> {
    let rest = ReadOptions::new().after(status.position.max(view.floor().before()));
    let first = |query: &Query, range: ReadOptions| view.read_with(query, range.limit(1)).next().transpose();
    let oldest = first(&status.query, rest)?;
    let newest = first(&status.query, rest.backwards(true))?;
    let age = oldest.as_ref().zip(newest.as_ref()).map(|(oldest, newest)| newest.time().0 - oldest.time().0);
    let parked = status.parked.iter().map(|event| {
        Ok(json!({
            "event": view.at(event.position)?.as_ref().map(row),
            "position": event.position.0,
            "attempts": event.attempts,
            "reason": event.reason,
            "time": rfc3339(event.time),
            "retried": event.retried,
        }))
    });
    Ok(json!({
        "name": status.name,
        "role": if status.role == CursorRole::Reactor { "reactor" } else { "cursor" },
        "query": status.query.to_string(),
        "position": status.position.0,
        "lag": status.lag,
        "oldest": oldest.as_ref().map(row),
        "behind_micros": age,
        "parked": parked.collect::<Result<Vec<_>>>()?,
    }))
}

/// Returns the saved states of projections, by the names of their files. How far each is stands in a file that only its
/// program can read.
fn projections(question: &Question<'_>) -> Vec<Value> {
    let Some(directory) = &question.subject.directory else { return Vec::new() };
    let Ok(folders) = std::fs::read_dir(directory.join("projections")) else { return Vec::new() };
    let mut found = Vec::new();
    for folder in folders.flatten().take(200) {
        let (mut states, mut bytes) = (0, 0);
        for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten().take(10_000) {
            states += 1;
            bytes += file.metadata().map_or(0, |metadata| metadata.len());
        }
        found.push(json!({ "name": folder.file_name().to_string_lossy(), "states": states, "bytes": bytes }));
    }
    found.sort_by_key(|projection| projection["name"].to_string());
    found
}
