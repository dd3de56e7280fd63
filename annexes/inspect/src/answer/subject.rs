//! The store that is shown, and what a request asks of it.

use std::path::PathBuf;

use tidegate::graph::CorrelationId;
use tidegate::{
    Error, ErrorKind, EventId, Micros, Position, Query, QueryItem, ReadOptions, Result, StoreReader, View,
};

use crate::http::{Request, Response};

/// The store that is shown.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) store: StoreReader,
    /// What the page calls it.
    pub(crate) name: String,
    /// Where its files are, if that is known.
    pub(crate) directory: Option<PathBuf>,
}

/// What a request asks of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) subject: &'a Subject,
    request: &'a Request,
}

impl<'a> Question<'a> {
    pub(crate) fn new(subject: &'a Subject, request: &'a Request) -> Self {
        Self { subject, request }
    }

    /// Returns a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.request.parameter(name)
    }

    /// Returns all values of a parameter.
    fn texts(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let all = self.request.parameters.iter();
        all.filter(move |(other, value)| other == name && !value.is_empty()).map(|(_, value)| &**value)
    }

    /// Returns a parameter that is a whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>> {
        let wrong = |text: &str| Error::invalid(format!("`{name}` is not a whole number: {text:?}"));
        self.text(name).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    /// Returns a parameter that is a time.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Micros>> {
        let wrong = |text: &str| Error::invalid(format!("`{name}` is not a time in RFC 3339: {text:?}"));
        self.text(name).map(|text| tidegate_json::parse_time(text).ok_or_else(|| wrong(text))).transpose()
    }

    /// Returns how many things are wanted, at most `most`.
    pub(crate) fn limit(&self, most: usize) -> Result<usize> {
        let limit = self.number("limit")?.map_or(most, |limit| usize::try_from(limit).unwrap_or(most));
        Ok(limit.min(most))
    }

    /// Returns the log as of the position that is asked for. What damage hides behind it does not matter to an answer about
    /// what is there; the status tells of it.
    pub(crate) fn view(&self) -> Result<View> {
        let view = self.subject.store.view()?;
        let at = self.number("at")?.map_or(view.head(), Position);
        Ok(view.as_of(at.min(view.head())))
    }

    /// Returns the position behind which events are to come.
    pub(crate) fn resumed_after(&self) -> Option<Position> {
        // A browser that lost the connection says which event it saw last.
        let seen = self.request.headers("last-event-id").next().or_else(|| self.text("after"));
        seen.and_then(|seen| seen.parse().ok()).map(Position)
    }

    /// Returns the query of the filters in the address.
    pub(crate) fn query(&self) -> Result<Query> {
        if let Some(text) = self.text("query") {
            return text.parse();
        }
        let mut item = QueryItem::new();
        for kind in self.texts("kind") {
            item = item.kind(kind.to_owned());
        }
        for tag in self.texts("tag") {
            item = item.tag(tag.to_owned());
        }
        if let Some(scope) = self.text("scope") {
            item = item.scope(scope.to_owned());
        }
        item = match (self.text("entity"), self.text("entity_prefix")) {
            (Some(entity), _) => item.entity(entity.to_owned()),
            (None, Some(prefix)) => item.entity_prefix(prefix.to_owned()),
            (None, None) => item,
        };
        if let Some(lane) = self.number("lane")? {
            let lane = u32::try_from(lane).map_err(|_| Error::invalid("a lane is a number of 32 bits"))?;
            item = item.lane(lane);
        }
        if let Some(flow) = self.text("correlation") {
            item = item.correlation(flow.parse::<CorrelationId>()?);
        }
        if let Some(cause) = self.number("cause")? {
            item = item.cause(Position(cause));
        }
        Ok(if item == QueryItem::new() { Query::ALL } else { item.into() })
    }

    /// Returns which part of the log is asked for, the last events first unless the address says `forwards`.
    pub(crate) fn range(&self, view: &View) -> Result<ReadOptions> {
        let after = self.number("after")?.map_or(Position::START, Position);
        let before = self.number("before")?.map_or(Position::MAX, Position);
        let range = ReadOptions::new().after(after.max(view.floor().before())).before(before);
        let range = range.since(self.time("since")?).until(self.time("until")?);
        Ok(range.backwards(self.text("forwards").is_none()))
    }
}

/// Returns the position of an event that is named by its position, its id or its import key.
pub(crate) fn find(name: &str, view: &View) -> Result<Position> {
    let missing = || {
        let message = format!("there is no event {name} up to position {}", view.head());
        Error::new(ErrorKind::Missing, message)
    };
    if let Ok(position) = name.parse().map(Position) {
        return view.at(position)?.map(|event| event.position()).ok_or_else(missing);
    }
    if let Ok(id) = name.parse::<EventId>()
        && let Some(event) = view.find(id)?
    {
        return Ok(event.position());
    }
    for scope in view.scopes()? {
        if let Some(event) = view.find(EventId::from_key(&scope, name))? {
            return Ok(event.position());
        }
    }
    Err(missing())
}

/// Returns what a failed answer says.
pub(crate) fn failure(error: &Error) -> Response {
    let (status, kind) = match error.kind() {
        ErrorKind::Missing => (404, "missing"),
        ErrorKind::Invalid => (400, "invalid"),
        ErrorKind::Retired => (404, "retired"),
        ErrorKind::Erased => (404, "erased"),
        ErrorKind::Damaged => (500, "damaged"),
        _ => (500, "failed"),
    };
    Response::failure(status, kind, &error.to_string())
}
