//! Lists the cursors of a store without opening them.

use tidegate_disk::Disk;
use tidegate_format::{Error, ErrorKind, Position, Result};

use super::state::{CURSORS, CursorRole, CursorState, ParkedEvent, check_name};
use crate::backend::{BYTES_MAX, list, list_others, read};
use crate::read::Query;
use crate::store::StoreReader;
use crate::subscription::state_dir::StateDir;

/// State of a cursor as its file has it, and how far behind it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CursorStatus {
    /// Its name.
    pub name: String,
    /// Which kind of reader moves it.
    pub role: CursorRole,
    /// The query it is bound to.
    pub query: Query,
    /// Every event of the query up to here is done or parked.
    pub position: Position,
    /// How many events of the query are neither done nor parked.
    pub lag: u64,
    /// The events that were set aside, in order.
    pub parked: Vec<ParkedEvent>,
}

/// Returns the names of a store's cursors, in order. The store may be open for reading only.
///
/// ```
/// use tidegate::subscription::cursor;
/// use tidegate::{Query, Store};
///
/// let store = Store::in_memory()?;
/// let _mailer = store.cursor("mailer", Query::ALL)?;
/// assert_eq!(cursor::names(&store)?, ["mailer"]);
/// assert_eq!(cursor::status(&store, "mailer")?.lag, 0);
/// # Ok::<(), tidegate::Error>(())
/// ```
///
/// # Errors
///
/// Those of the disk.
pub fn names(store: &StoreReader) -> Result<Vec<String>> {
    names_on(&*store.env().disk)
}

fn names_on(disk: &dyn Disk) -> Result<Vec<String>> {
    let mut names = list(disk, CURSORS)?;
    // If something else is in the place of a cursor's file, the cursor is there and its place is not.
    names.extend(list_others(disk, CURSORS)?);
    names.retain(|name| check_name(name).is_ok());
    names.sort_unstable();
    Ok(names)
}

/// Returns the committed state of a cursor. The store may be open for reading only.
///
/// # Errors
///
/// [`Missing`](ErrorKind::Missing) if there is no such cursor, [`Damaged`](ErrorKind::Damaged) if its file
/// is.
pub fn status(store: &StoreReader, name: &str) -> Result<CursorStatus> {
    status_on(&*store.env().disk, store, name)
}

impl StateDir {
    /// Returns the names of the cursors in this directory, in order.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn cursor_names(&self) -> Result<Vec<String>> {
        names_on(&**self.disk())
    }

    /// Returns the committed state of a cursor in this directory, as [`status`] does for one in the store.
    ///
    /// # Errors
    ///
    /// Those of [`status`].
    pub fn cursor_status(&self, store: &StoreReader, name: &str) -> Result<CursorStatus> {
        status_on(&**self.disk(), store, name)
    }
}

fn status_on(disk: &dyn Disk, store: &StoreReader, name: &str) -> Result<CursorStatus> {
    check_name(name)?;
    let file = format!("{CURSORS}/{name}");
    let bytes = read(disk, &file, BYTES_MAX)?;
    let missing = || {
        Error::new(ErrorKind::Missing, format!("there is no cursor {name:?}; `tidegate cursors` lists them"))
    };
    let state =
        CursorState::decode(&bytes.ok_or_else(missing)?).map_err(|error| error.in_file(&file, None))?;
    let view = store.view()?;
    // A reader may not see yet what the writer has made durable.
    let behind = state.position > view.head() && !store.has_writer();
    let checked = if behind { state.check_store(store.id()) } else { state.check(store.id(), &view) };
    checked.map_err(|error| error.in_file(&file, None))?;
    let lag = state.lag(&view)?;
    let CursorState { role, query, position, parked, .. } = state;
    Ok(CursorStatus {
        name: name.to_owned(),
        role,
        query,
        position,
        lag,
        parked: parked.into_values().collect(),
    })
}
