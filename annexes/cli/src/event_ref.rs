//! Events as they are named on the command line: by position, by id, or by their import key.

use std::str::FromStr;

use tidegate::{Error, ErrorKind, EventId, Position, Result, View};

/// An event's name. A number is a position; with `import-key:` before it, it is an import key like any other text.
#[derive(Clone, Debug)]
pub(crate) enum EventRef {
    At(Position),
    /// What reads as an id may be an import key too.
    Id(EventId, String),
    Key(String),
}

impl FromStr for EventRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an event is named by its position, its id, or its import key".to_owned());
        }
        if let Some(key) = text.strip_prefix("import-key:") {
            return Ok(Self::Key(key.to_owned()));
        }
        if let Ok(position) = text.parse() {
            return Ok(Self::At(Position(position)));
        }
        Ok(match text.parse() {
            Ok(id) => Self::Id(id, text.to_owned()),
            Err(_) => Self::Key(text.to_owned()),
        })
    }
}

impl EventRef {
    /// Returns where the event is. Import keys are looked up in one scope, or in all of them if none is said.
    ///
    /// # Errors
    ///
    /// [`Missing`](ErrorKind::Missing) if there is none, [`Refused`](ErrorKind::Refused) if several
    /// scopes have one under that import key.
    pub(crate) fn find(&self, view: &View, scope: Option<&str>) -> Result<Position> {
        match self {
            Self::At(position) => match view.at(*position)? {
                Some(event) => Ok(event.position()),
                None => Err(missing(&format!("at position {position}"), view)),
            },
            Self::Id(id, text) => match view.find(*id)? {
                Some(event) => Ok(event.position()),
                None => {
                    find_key(text, view, scope)?.ok_or_else(|| missing(&format!("with the id {id}"), view))
                }
            },
            Self::Key(key) => {
                let found = find_key(key, view, scope)?;
                found.ok_or_else(|| missing(&format!("with the import key {key:?}"), view))
            }
        }
    }
}

/// Returns the events of several names.
pub(crate) fn find_all(names: &[EventRef], view: &View, scope: Option<&str>) -> Result<Vec<Position>> {
    names.iter().map(|name| name.find(view, scope)).collect()
}

fn find_key(key: &str, view: &View, scope: Option<&str>) -> Result<Option<Position>> {
    let scopes = match scope {
        Some(scope) => vec![scope.to_owned()],
        None => view.scopes()?,
    };
    let mut found: Option<(String, Position)> = None;
    for scope in scopes {
        let Some(event) = view.find(EventId::from_key(&scope, key))? else { continue };
        if let Some((other, _)) = found {
            let message = format!("the import key {key:?} names events in {other:?} and in {scope:?}");
            return Err(
                Error::new(ErrorKind::Refused, message).advise("say which with --scope, or give an id")
            );
        }
        found = Some((scope, event.position()));
    }
    Ok(found.map(|(_, position)| position))
}

fn missing(what: &str, view: &View) -> Error {
    let message = format!("there is no event {what}; the log ends at position {}", view.head());
    Error::new(ErrorKind::Missing, message)
}
