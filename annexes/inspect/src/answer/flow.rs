//! Flows, and pictures of what led to what.

use serde_json::{Value, json};
use tidegate::graph::{CorrelationId, Hop, Selection};
use tidegate::{Error, Position, Query, QueryItem, ReadOptions, Result, View};
use tidegate_draw::{Axis, LayoutEdge, LayoutNode, LegendEntry, Picture, Style, TextRole};
use tidegate_json::rfc3339;

use super::rows::row;
use super::subject::Question;

/// Events of a flow that are listed and drawn: the first ones.
const FLOW_MAX: usize = 500;
/// Steps of a picture around an event.
const STEPS_MAX: u64 = 20;
/// Nodes of a picture.
const NODES_MAX: usize = 200;
/// Positions of a node that folds several events.
const FOLD_MAX: usize = 50;

/// Answers the picture around an event, or of a flow, as data: the page makes elements of it.
pub(super) fn picture(question: &Question<'_>) -> Result<Value> {
    let picture = drawn(question)?;
    let layout = picture.layout();
    Ok(json!({
        "title": layout.title,
        "subtitle": layout.subtitle,
        "summary": picture.summary(),
        "left_out": picture.left_out(),
        "width": layout.width,
        "height": layout.height,
        "rows": layout.rows.iter().map(|row| json!({ "y": row.y, "height": row.height, "texts": row.texts })).collect::<Vec<_>>(),
        "nodes": layout.nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": layout.edges.iter().map(edge).collect::<Vec<_>>(),
        "legend": layout.legend.iter().map(entry).collect::<Vec<_>>(),
    }))
}

fn node(node: &LayoutNode) -> Value {
    let role = |role| match role {
        TextRole::Head => "head",
        TextRole::Side => "side",
        TextRole::Small => "small",
        TextRole::Plain => "",
    };
    let texts = node.texts.iter().map(|text| json!([text.x, text.y, role(text.role), text.text]));
    json!({
        "x": node.x,
        "y": node.y,
        "width": node.width,
        "height": node.height,
        "positions": node.positions.iter().take(FOLD_MAX).map(|position| position.0).collect::<Vec<_>>(),
        "events": node.positions.len(),
        "colour": node.swatch.colour,
        "mark": node.swatch.mark,
        "is_focus": node.is_focus,
        "more_causes": node.has_more_causes,
        "more_effects": node.has_more_effects,
        "texts": texts.collect::<Vec<_>>(),
        "details": node.details,
    })
}

fn edge(edge: &LayoutEdge) -> Value {
    json!({ "path": edge.path, "is_cause": edge.is_cause, "from": edge.from, "to": edge.to })
}

fn entry(entry: &LegendEntry) -> Value {
    json!({ "name": entry.name, "count": entry.count, "colour": entry.swatch.colour })
}

/// Answers that picture.
pub(super) fn svg(question: &Question<'_>) -> Result<String> {
    Ok(drawn(question)?.svg())
}

fn drawn(question: &Question<'_>) -> Result<Picture> {
    let view = question.view()?;
    let steps =
        |name| -> tidegate::Result<u32> { Ok(question.number(name)?.unwrap_or(2).min(STEPS_MAX) as u32) };
    let (selection, focus) = match (question.number("event")?, question.text("correlation")) {
        (Some(event), _) => {
            let event = Position(event);
            (Selection::around(&[event], steps("up")?, steps("down")?), vec![event])
        }
        (None, Some(flow)) => {
            let events: Vec<Position> =
                flow_events(flow, &view)?.iter().map(tidegate::RecordedEvent::position).collect();
            (Selection::around(&events, 0, 0), Vec::new())
        }
        (None, None) => return Err(Error::invalid("say which `event` or which `correlation`")),
    };
    let axis = if question.text("axis") == Some("time") { Axis::Time } else { Axis::Level };
    let source = Some(question.subject.name.clone());
    let style = Style { axis, focus, source, nodes_max: NODES_MAX, ..Style::default() };
    Picture::of(&view.graph(), &selection, &style)
}

fn flow_events(flow: &str, view: &View) -> Result<Vec<tidegate::RecordedEvent>> {
    let query = flow_query(flow)?;
    view.read_with(&query, ReadOptions::new().after(view.floor().before()).limit(FLOW_MAX)).collect()
}

fn flow_query(flow: &str) -> Result<Query> {
    Ok(QueryItem::new().correlation(flow.parse::<CorrelationId>()?).into())
}

/// Answers a flow: its first events, how many there are, and the way to its last event that took the longest.
pub(super) fn flow(question: &Question<'_>, name: &str) -> Result<Value> {
    let view = question.view()?;
    let (query, range) = (flow_query(name)?, ReadOptions::new().after(view.floor().before()));
    let events = flow_events(name, &view)?;
    let Some(first) = events.first() else {
        let message = format!("there is no flow {name} up to position {}", view.head());
        return Err(Error::new(tidegate::ErrorKind::Missing, message));
    };
    let last = view.read_with(&query, range.backwards(true).limit(1)).next().transpose()?;
    let end = last.as_ref().map_or(first.position(), tidegate::RecordedEvent::position);
    let critical = view.graph().critical_path(end)?;
    let hop = |hop: &Hop| json!({ "position": hop.event.0, "time": rfc3339(hop.time), "waited": hop.waited });
    Ok(json!({
        "count": view.count_with(&query, range)?,
        "first": row(first),
        "last": last.as_ref().map(row),
        "events": events.iter().map(row).collect::<Vec<_>>(),
        "critical": critical.iter().map(hop).collect::<Vec<_>>(),
    }))
}
