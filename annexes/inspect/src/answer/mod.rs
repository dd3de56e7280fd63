//! Answers: what each address of the inspector says, in JSON. They are for its own page and may change.

mod subject;
mod rows;
mod readers;
mod overview;
mod events;
mod event;
mod flow;
mod proofs;
mod upkeep;

use tidegate::Result;

use crate::http::{Request, Response};

pub(crate) use rows::row;
pub(crate) use subject::{Question, Subject, failure};

/// Answers a request under `/api/`.
pub(crate) fn respond(subject: &Subject, request: &Request) -> Response {
    let question = Question::new(subject, request);
    let unknown = || Response::failure(404, "missing", "there is no such page");
    let Some(path) = request.path.strip_prefix("/api/") else { return unknown() };
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    if name == "export" {
        return events::export(&question).map_or_else(|error| failure(&error), Response::lines);
    }
    if name == "picture.svg" {
        return flow::svg(&question).map_or_else(|error| failure(&error), Response::svg);
    }
    let answer: Result<_> = match name {
        "status" => overview::status(&question),
        "overview" => overview::overview(&question),
        "kinds" => overview::kinds(&question),
        "rate" => overview::rate(&question),
        "position" => overview::position(&question),
        "events" => events::events(&question),
        "count" => events::count(&question),
        "event" => event::event(&question, rest),
        "stream" => events::stream(&question),
        "picture" => flow::picture(&question),
        "flow" => flow::flow(&question, rest),
        "readers" => readers::readers(&question),
        "proofs" => proofs::proofs(&question),
        "proof" => proofs::proof(&question, rest),
        "upkeep" => upkeep::upkeep(&question),
        _ => return unknown(),
    };
    answer.map_or_else(|error| failure(&error), |value| Response::json(&value))
}
