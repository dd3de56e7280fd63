//! Which cursors a store has, for those who only look.

use tidegate_format::{Error, ErrorKind, Position, Result};

use super::place::{CURSORS, Parked, Reached, Role, check_name};
use crate::backend::{BYTES_MAX, list, read};
use crate::read::Query;
use crate::store::Store;

/// What the file of a cursor says, and how far behind it is.
#[derive(Clone, Debug)]
pub struct State {
    /// Its name.
    pub name: String,
    /// Who moves it.
    pub role: Role,
    /// The query it is bound to.
    pub query: Query,
    /// Every event of the query up to here is done or parked.
    pub position: Position,
    /// How many events of the query are neither done nor parked.
    pub lag: u64,
    /// The events that were set aside, in order.
    pub parked: Vec<Parked>,
}

/// The names of a store's cursors, in order. The store may be open for reading only.
///
/// # Errors
///
/// Those of the disk.
pub fn names(store: &Store) -> Result<Vec<String>> {
    let mut names = list(&*store.world.disk, CURSORS)?;
    names.retain(|name| check_name(name).is_ok());
    Ok(names)
}

/// What is kept of a cursor. The store may be open for reading only.
///
/// # Errors
///
/// [`Missing`](ErrorKind::Missing) where there is no such cursor, [`Damaged`](ErrorKind::Damaged) where its file
/// is.
pub fn state(store: &Store, name: &str) -> Result<State> {
    check_name(name)?;
    let file = format!("{CURSORS}/{name}");
    let bytes = read(&*store.world.disk, &file, BYTES_MAX)?;
    let missing = || Error::new(ErrorKind::Missing, format!("there is no cursor {name:?}"));
    let reached = Reached::decode(&bytes.ok_or_else(missing)?).map_err(|error| error.in_file(&file, None))?;
    let view = store.view()?;
    // A reader may not see yet what the writer has made durable.
    let behind = reached.position > view.head() && store.writer().is_err();
    let checked = if behind { reached.check_store(store.id()) } else { reached.check(store.id(), &view) };
    checked.map_err(|error| error.in_file(&file, None))?;
    let lag = reached.lag(&view)?;
    let Reached { role, query, position, parked, .. } = reached;
    Ok(State { name: name.to_owned(), role, query, position, lag, parked: parked.into_values().collect() })
}
