//! Filters: which events a command is about, as said on the command line.

mod contents;
mod range;

use clap::Args;
use tidegate::graph::CorrelationId;
use tidegate::{Cause, Draft, EventId, Micros, Position, Query, QueryItem};
use tidegate_json::foreign_cause;

pub(crate) use contents::Contents;
pub(crate) use range::Range;

/// Which events; all that is said must hold.
#[derive(Args, Debug)]
#[command(next_help_heading = "Which events")]
pub(crate) struct Filter {
    /// Of one stream; if a name holds a `/`, use --scope, --entity and --lane
    #[arg(long, value_name = "SCOPE/ENTITY[/LANE]", value_parser = stream, conflicts_with_all = ["scope", "entity", "lane"])]
    stream: Option<Stream>,
    /// In this scope
    #[arg(long)]
    scope: Option<String>,
    /// About this entity
    #[arg(long)]
    entity: Option<String>,
    /// About an entity whose name starts so
    #[arg(long, value_name = "PREFIX", conflicts_with_all = ["entity", "stream"])]
    entity_prefix: Option<String>,
    /// On this lane
    #[arg(long, value_name = "N")]
    lane: Option<u32>,
    /// Of this kind, or a family such as `order.*`; several times: any of them
    #[arg(long, value_parser = kind)]
    kind: Vec<String>,
    /// With this tag; several times: all of them
    #[arg(long)]
    tag: Vec<String>,
    /// With these versions in their stream: `5`, `3-7`, or `3-` from the third on
    #[arg(long, value_name = "FIRST[-LAST]", value_parser = versions)]
    versions: Option<(u64, u64)>,
    /// In the flow that the event with this id began
    #[arg(long, value_name = "ID")]
    correlation: Option<CorrelationId>,
    /// Led to by this event
    #[arg(long, value_name = "POSITION|ID|STORE/ID", value_parser = cause)]
    cause: Option<Cause>,
    /// Any of several items, in JSON: `[{"kinds":["order.*"],"tags":["vip"]},{"scope":"bank"}]`
    #[arg(long, value_name = "JSON", conflicts_with_all = ["stream", "scope", "entity", "entity_prefix", "lane", "kind", "tag", "versions", "correlation", "cause"])]
    query: Option<Query>,
}

#[derive(Clone, Debug)]
struct Stream {
    scope: String,
    entity: String,
    lane: u32,
}

impl Filter {
    /// Returns the query it stands for.
    pub(crate) fn query(&self) -> Query {
        if let Some(query) = &self.query {
            return query.clone();
        }
        let mut item = QueryItem::new();
        if let Some(Stream { scope, entity, lane }) = self.stream.clone() {
            item = item.scope(scope).entity(entity).lane(lane);
        }
        if let Some(scope) = self.scope.clone() {
            item = item.scope(scope);
        }
        if let Some(entity) = self.entity.clone() {
            item = item.entity(entity);
        }
        if let Some(prefix) = self.entity_prefix.clone() {
            item = item.entity_prefix(prefix);
        }
        if let Some(lane) = self.lane {
            item = item.lane(lane);
        }
        item = self.kind.iter().cloned().fold(item, QueryItem::kind);
        item = self.tag.iter().cloned().fold(item, QueryItem::tag);
        if let Some((first, last)) = self.versions {
            item = item.versions(first..=last);
        }
        if let Some(flow) = self.correlation {
            item = item.correlation(flow);
        }
        if let Some(cause) = self.cause {
            item = item.cause(cause);
        }
        item.into()
    }

    /// Returns the query, if it leaves any event out.
    pub(crate) fn restriction(&self) -> Option<Query> {
        Some(self.query()).filter(|query| *query != QueryItem::new().into() && *query != Query::ALL)
    }

    /// Returns the scope it is about, if it names one.
    pub(crate) fn scope_name(&self) -> Option<&str> {
        self.stream.as_ref().map(|stream| &*stream.scope).or(self.scope.as_deref())
    }
}

/// Returns a position, from 0.
pub(crate) fn position(text: &str) -> Result<Position, String> {
    text.parse().map(Position).map_err(|_| "a position is a whole number".to_owned())
}

/// Returns a time in RFC 3339, the beginning of a day in UTC, or microseconds since 1970.
pub(crate) fn time(text: &str) -> Result<Micros, String> {
    let is_date = text.len() == "2026-04-07".len() && text.contains('-');
    let whole = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
    tidegate_json::parse_time(&whole).ok_or_else(|| {
        "a time is RFC 3339, such as 2026-04-07T22:13:13Z, or a day such as 2026-04-07, which begins at 00:00 UTC"
            .to_owned()
    })
}

fn versions(text: &str) -> Result<(u64, u64), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let last = if last.is_empty() { Ok(u64::MAX) } else { last.parse() };
    let wrong = || "versions are one whole number, FIRST-LAST, or FIRST-".to_owned();
    match first.parse().ok().zip(last.ok()).ok_or_else(wrong)? {
        (0, _) => Err("versions count from 1".to_owned()),
        (first, last) if first > last => {
            Err(format!("the last version comes before the first: say {last}-{first}"))
        }
        versions => Ok(versions),
    }
}

/// Returns an event by its position, by its id, or in another store.
pub(crate) fn cause(text: &str) -> Result<Cause, String> {
    if let Ok(position) = position(text) {
        return Ok(Cause::At(position));
    }
    let local = text.parse::<EventId>().ok().map(Cause::Id);
    local
        .or_else(|| foreign_cause(text))
        .ok_or_else(|| "a cause is a position, an event's id, or STORE/ID for another store".to_owned())
}

fn stream(text: &str) -> Result<Stream, String> {
    let (scope, entity, lane) = match *text.split('/').collect::<Vec<_>>() {
        [scope, entity] => (scope, entity, Ok(0)),
        [scope, entity, lane] => (scope, entity, lane.parse()),
        _ => ("", "", Ok(0)),
    };
    match lane {
        Ok(lane) if !scope.is_empty() && !entity.is_empty() => {
            Ok(Stream { scope: scope.to_owned(), entity: entity.to_owned(), lane })
        }
        _ => Err("a stream is SCOPE/ENTITY or SCOPE/ENTITY/LANE".to_owned()),
    }
}

/// Returns a kind or a family of kinds.
pub(crate) fn kind(text: &str) -> Result<String, String> {
    let family = text.strip_suffix(".*").unwrap_or(text).to_owned();
    match Draft::new(("scope", "entity"), family).check() {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => {
            Err("a kind is a name such as order.placed without `*`, or a family such as order.*".to_owned())
        }
    }
}
