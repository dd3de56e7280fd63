//! Upkeep: files, what was erased and retired, and what opening found.

use std::path::Path;

use serde_json::{Value, json};
use tidegate::report::{DESTROYED, ERASED, ErasedEvent};
use tidegate::{Query, QueryItem, ReadOptions, Result};
use tidegate_json::rfc3339;

use super::rows::row;
use super::subject::Question;

/// Erasures that are listed: the last ones.
const ERASURES_MAX: usize = 50;
/// Files that are counted.
const FILES_MAX: usize = 20_000;
/// Segments that are listed: the last ones.
const SEGMENTS_MAX: usize = 200;

/// Answers what stands on the page about the store's files.
pub(super) fn upkeep(question: &Question<'_>) -> Result<Value> {
    let view = question.view()?;
    let query = Query::from(QueryItem::new().kind(ERASED).kind(DESTROYED));
    let range = ReadOptions::new().backwards(true).after(view.floor().before()).limit(ERASURES_MAX);
    let mut erasures = Vec::new();
    for event in view.read_with(&query, range) {
        let event = event?;
        let erased = ErasedEvent::of(&event).ok();
        erasures.push(json!({
            "row": row(&event),
            "time": rfc3339(event.time()),
            "events": erased.as_ref().map(|erased| erased.positions.count()),
            "runs": erased.as_ref().map(|erased| {
                erased.positions.runs().iter().take(20).map(|(first, last)| [first.0, last.0]).collect::<Vec<_>>()
            }),
            "reason": erased.as_ref().map(|erased| &erased.reason),
            "by": erased.as_ref().map(|erased| &erased.by),
        }));
    }
    let report = question.subject.store.report();
    Ok(json!({
        "floor": view.floor().0,
        "report": report.to_string(),
        "erasures": erasures,
        "files": question.subject.directory.as_deref().map(files),
    }))
}

/// A file of the store.
struct StoreFile {
    name: String,
    bytes: u64,
}

/// Returns the sizes of the store's files, a sum for each folder and the last segments one by one.
fn files(directory: &Path) -> Value {
    let mut files = Vec::new();
    collect(directory, "", &mut files);
    let is_cut = files.len() >= FILES_MAX;
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let mut folders: Vec<(String, u64, u64)> = Vec::new();
    for file in &files {
        let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        match folders.iter_mut().find(|(name, ..)| *name == folder) {
            Some((_, count, bytes)) => (*count, *bytes) = (*count + 1, *bytes + file.bytes),
            None => folders.push((folder, 1, file.bytes)),
        }
    }
    let largest =
        folders.iter().max_by_key(|(_, _, bytes)| *bytes).map(|(name, ..)| name.clone()).unwrap_or_default();
    let is_segment =
        |file: &&StoreFile| file.name.rsplit_once('/').map_or("", |(folder, _)| folder) == largest;
    let segments: Vec<&StoreFile> = files.iter().filter(is_segment).collect();
    let last = segments.iter().rev().take(SEGMENTS_MAX);
    json!({
        "bytes": files.iter().map(|file| file.bytes).sum::<u64>(),
        "is_cut": is_cut,
        "folders": folders.iter().map(|(name, count, bytes)| json!({ "name": name, "files": count, "bytes": bytes })).collect::<Vec<_>>(),
        "segments": last.map(|file| json!({ "name": file.name, "bytes": file.bytes })).collect::<Vec<_>>(),
        "segments_in_all": segments.len(),
        "has_backup": files.iter().any(|file| file.name == "BACKUP"),
    })
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<StoreFile>) {
    // A writer may remove files meanwhile; what cannot be looked at is not counted.
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if metadata.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if metadata.is_file() && files.len() < FILES_MAX {
            files.push(StoreFile { name, bytes: metadata.len() });
        }
    }
}
