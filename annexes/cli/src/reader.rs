//! A store as it is opened to look at it: what it does not show is told, and never left out in silence.

use std::path::Path;

use tidegate::subscription::StateDir;
use tidegate::{Error, ErrorKind, Position, StoreReader, View};

use crate::failure::{Failure, Result, warn};

/// Opens a store for reading, also while another process writes to it. Warns of events that it does not show because nothing
/// says that they are durable, unless a writer is there, which is about to say so.
pub(crate) fn open(directory: &Path, json: bool) -> Result<StoreReader> {
    let store = StoreReader::open(directory).map_err(|error| match error.kind() {
        // A place says that something is there, and what to do about that.
        ErrorKind::Missing if error.place().is_none() => {
            error.advise("`tidegate append` and `tidegate import` create one")
        }
        _ => error,
    })?;
    if let Some(unconfirmed) = &store.report().unconfirmed
        && !unconfirmed.has_writer
    {
        let directory = directory.display();
        let shown = if unconfirmed.events > 1 { "They are" } else { "It is" };
        let message = format!(
            "{unconfirmed}. {shown} not shown. If no writer has the store open, opening it for writing once keeps what is \
             whole, durably, and cuts off the rest: tidegate reindex {directory}"
        );
        warn("unconfirmed", &message, json);
    }
    Ok(store)
}

/// Returns how many events a store does not show because nothing says that they are durable; `None` if it shows all.
pub(crate) fn unconfirmed(store: &StoreReader) -> Option<u64> {
    store.report().unconfirmed.as_ref().map(|unconfirmed| unconfirmed.events).filter(|events| *events > 0)
}

/// Returns the failure of a command that takes `--after`, with the position to say if retired events are in the way.
pub(crate) fn above_floor(failure: Failure, view: &View) -> Failure {
    match failure {
        Failure::Stopped(error) if error.kind() == ErrorKind::Retired && view.floor() > Position(1) => {
            error.advise(&format!("--after {} does that", view.floor().before())).into()
        }
        other => other,
    }
}

/// Opens a directory in which a program keeps its cursors and saved states outside the store.
pub(crate) fn open_state_dir(directory: &Path) -> Result<StateDir> {
    if !directory.is_dir() {
        let message = format!("there is no directory {}", directory.display());
        return Err(Error::new(ErrorKind::Missing, message).into());
    }
    Ok(StateDir::open(directory)?)
}

/// Warns that damage hides what follows the answer, which lies before it and is right.
pub(crate) fn warn_of_damage(store: &StoreReader, json: bool) -> Result<()> {
    let view = store.view()?;
    if let Some(damage) = view.damage() {
        warn("damaged", &format!("what follows position {} is hidden: {damage}", view.head()), json);
    }
    Ok(())
}
