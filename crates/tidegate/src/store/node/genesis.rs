//! The identity of a node: that of its directory, or for a new one what the shared log begins with.

use std::time::Duration;

use tidegate_disk::Env;
use tidegate_format::{Error, ErrorKind, Result, StoreFile};
use tidegate_shared_log::{AppendError, SharedLog};

use super::item::{Genesis, Item};
use crate::backend::{new_store, read_store};
use crate::published::Deadline;

/// How many times a shared log is asked that answers with nothing.
const TRIES: u32 = 64;

/// Returns the store file of a node: of its directory if there is one, else of the genesis, which the first node puts into the
/// shared log.
pub(super) fn identify(env: &Env, log: &dyn SharedLog, name: &str, patience: Duration) -> Result<StoreFile> {
    let deadline = Deadline::after(&env.clock, patience);
    let here = read_store(&*env.disk)?;
    let found = match find(log, &deadline) {
        // A node that knows its place needs the log only to go on.
        Err(error) if here.is_some() && error.kind() != ErrorKind::Damaged => {
            tracing::warn!(%error, "the beginning of the shared log was not compared");
            None
        }
        other => other?,
    };
    match (here, found) {
        // Whether it belongs to that log is checked where it is opened.
        (_, Some(genesis)) => Ok(genesis.member(name)),
        (Some(here), None) => Ok(StoreFile { log: Some(name.to_owned()), ..here }),
        (None, None) => create(env, log, name, &deadline),
    }
}

/// Reads the shared log up to the first item that a node wrote; `None` if there is none.
fn find(log: &dyn SharedLog, deadline: &Deadline) -> Result<Option<Genesis>> {
    let (first, end) = (log.first(deadline.left())?, log.end(deadline.left())?);
    let (mut next, mut tries) = (first, 0);
    while next <= end {
        let items = log.read(next, deadline.left())?;
        tries += u32::from(items.is_empty());
        if items.is_empty() && (deadline.is_over() || tries > TRIES) {
            return Err(Error::new(ErrorKind::Unavailable, "the shared log does not show what it holds"));
        }
        for (slot, item) in items {
            match Item::read(&item)? {
                Item::Foreign => next = slot.next(),
                Item::Genesis(genesis) => return Ok(Some(genesis)),
                Item::Proposal(..) => {
                    let message = format!(
                        "the shared log begins with slot {first}, behind its genesis, which was trimmed; open a new node from a \
                         backup of another one"
                    );
                    return Err(Error::new(ErrorKind::Retired, message));
                }
            }
        }
    }
    Ok(None)
}

/// Puts a genesis into an empty log, and returns what stands there first: another node may have done the same.
fn create(env: &Env, log: &dyn SharedLog, name: &str, deadline: &Deadline) -> Result<StoreFile> {
    let genesis = Genesis::of(&new_store(env)?).encode();
    for _ in 0..TRIES {
        let why = match log.append(&genesis, deadline.left()) {
            Ok(_) => None,
            Err(AppendError::Unknown(error) | AppendError::Unavailable(error)) => Some(error),
            Err(other) => return Err(other.into()),
        };
        match find(log, deadline) {
            Ok(Some(found)) => return Ok(found.member(name)),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Unavailable && !deadline.is_over() => {}
            Err(error) => return Err(error),
        }
        if deadline.is_over() {
            return Err(
                why.unwrap_or_else(|| Error::new(ErrorKind::Unavailable, "the shared log has no genesis"))
            );
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "the shared log does not take a genesis"))
}
