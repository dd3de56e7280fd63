//! What a store holds, and how that came over time.

use serde_json::{Value, json};
use tidegate::{Micros, Position, Query, ReadOptions, Result, View};
use tidegate_draw::Swatch;
use tidegate_json::rfc3339;

use super::readers;
use super::rows::row;
use super::subject::Question;

/// Events whose kinds and streams are counted for the lists: the last ones.
const WINDOW: u64 = 100_000;
/// Entries of a list.
const TOP: usize = 12;
/// Columns of a plot, without a filter and with one.
const BUCKETS_MAX: [u64; 2] = [400, 120];

/// Answers what stands in the header of every page.
pub(super) fn status(question: &Question<'_>) -> Result<Value> {
    let now = question.subject.store.view()?;
    let view = question.view()?;
    let report = question.subject.store.report();
    Ok(json!({
        "name": question.subject.name,
        "store": question.subject.store.id().to_string(),
        "directory": question.subject.directory.as_ref().map(|directory| directory.display().to_string()),
        "head": now.head().0,
        "floor": now.floor().0,
        "at": view.head().0,
        "time": time_at(&view, view.head())?,
        "first": time_at(&view, view.floor())?,
        "last": time_at(&now, now.head())?,
        "damage": now.damage().map(ToString::to_string),
        "unconfirmed": report.unconfirmed.filter(|some| !some.has_writer).map(|some| some.to_string()),
    }))
}

fn time_at(view: &View, position: Position) -> Result<Option<String>> {
    Ok(view.at(position)?.map(|event| rfc3339(event.time())))
}

/// Answers what the first page shows at once.
pub(super) fn overview(question: &Question<'_>) -> Result<Value> {
    let view = question.view()?;
    let newest = view
        .read_with(&Query::ALL, ReadOptions::new().backwards(true).limit(10).after(view.floor().before()));
    let newest = newest.map(|event| Ok(row(&event?))).collect::<Result<Vec<_>>>()?;
    let events = (view.head().0 + 1).saturating_sub(view.floor().0);
    Ok(json!({
        "events": events,
        "scopes": view.scopes()?,
        "newest": newest,
        "readers": readers::states(question)?,
        "first": time_at(&view, view.floor())?,
        "last": time_at(&view, view.head())?,
    }))
}

/// Answers which kinds, tags and streams the last events have, and how many events each kind has in all.
pub(super) fn kinds(question: &Question<'_>) -> Result<Value> {
    let view = question.view()?;
    let after = Position(view.head().0.saturating_sub(WINDOW)).max(view.floor().before());
    let stats = view.stats(&Query::ALL, ReadOptions::new().after(after), TOP)?;
    let is_whole = after < view.floor();
    let kinds = stats.kinds.iter().take(TOP).map(|(kind, recent)| {
        let count = if is_whole { *recent } else { view.count(&Query::kind(kind.clone()))? };
        Ok(json!({ "kind": kind, "colour": Swatch::of_kind(kind).colour, "count": count }))
    });
    let mut kinds = kinds.collect::<Result<Vec<_>>>()?;
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind["count"].as_u64()));
    let streams = stats.top_streams.iter().map(|(stream, count)| {
        json!({ "scope": stream.scope, "entity": stream.entity, "lane": stream.lane, "count": count })
    });
    let tags = stats.top_tags.iter().map(|(tag, count)| json!({ "tag": tag, "count": count }));
    Ok(json!({
        "counted": stats.events,
        "is_whole": is_whole,
        "kinds": kinds,
        "kinds_in_all": stats.kinds.len(),
        "streams_in_all": stats.streams,
        "streams": streams.collect::<Vec<_>>(),
        "tags": tags.collect::<Vec<_>>(),
    }))
}

/// Answers how many events came in each of several equal spans of time. Times never decrease, so the border of each is found
/// by a binary search.
pub(super) fn rate(question: &Question<'_>) -> Result<Value> {
    let (view, query) = (question.view()?, question.query()?);
    let is_all = query == Query::ALL;
    let most = BUCKETS_MAX[usize::from(!is_all)];
    let buckets = question.number("buckets")?.unwrap_or(most).clamp(1, most);
    let (Some(first), Some(last)) = (view.at(view.floor())?, view.at(view.head())?) else {
        return Ok(json!({ "times": [], "counts": [] }));
    };
    let from = question.time("since")?.unwrap_or(first.time()).max(first.time()).0;
    let to = question.time("until")?.map_or(last.time().0.saturating_add(1), |time| time.0).max(from + 1);
    let width = (to - from).div_ceil(buckets).max(1);
    let (mut times, mut counts) = (Vec::new(), Vec::new());
    let before = |time: u64| {
        if time <= first.time().0 { Ok(view.floor().before()) } else { view.position_before(Micros(time)) }
    };
    let mut after = before(from)?;
    for start in (0..buckets).map(|n| from.saturating_add(n * width)).take_while(|start| *start < to) {
        let end = before(start.saturating_add(width).min(to))?;
        let count = if is_all {
            end.0 - after.0
        } else {
            view.count_with(&query, ReadOptions::new().after(after).before(end.next()))?
        };
        times.push(start as f64 / 1e6);
        counts.push(count);
        after = end;
    }
    Ok(json!({ "times": times, "counts": counts, "seconds": width as f64 / 1e6 }))
}

/// Answers which position was the last one before a time.
pub(super) fn position(question: &Question<'_>) -> Result<Value> {
    let view = question.subject.store.view()?;
    let view = view.as_of(view.head());
    let time = question.time("time")?.ok_or_else(|| tidegate::Error::invalid("say which `time`"))?;
    let first = view.at(view.floor())?.map(|event| event.time());
    let position = match first {
        Some(first) if time > first => view.position_before(time)?,
        _ => view.floor().before(),
    };
    Ok(json!({ "position": position.0, "time": time_at(&view, position)? }))
}
