//! Opening: a cursor begins, or continues from its file.

use std::sync::{Arc, Weak};

use tidegate_format::{Error, ErrorKind, Position, Result, StoreId};

use super::file::CursorFile;
use super::options::CursorOptions;
use super::queue::DeliveryQueue;
use super::state::{CursorRole, CursorState};
use super::{Cursor, Inner, Shared};
use crate::backend::Flush;
use crate::read::{Query, View};
use crate::store::{Opening, StoreReader};
use crate::subscription::Subscription;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64};

impl Cursor {
    /// Opens the cursor of this name, and commits it.
    pub(in crate::subscription) fn open(
        store: &StoreReader,
        name: &str,
        query: Query,
        options: CursorOptions,
        role: CursorRole,
    ) -> Result<Self> {
        query.check()?;
        let file = CursorFile::claim(store, name, options.state_dir.as_ref())?;
        let opening = store.opening();
        let view = opening.view()?;
        let state = match file.read()? {
            Some(bytes) => {
                let state = CursorState::decode(&bytes).map_err(|error| error.in_file(file.name(), None))?;
                state
                    .check_in(store.id(), &opening, &view)
                    .map_err(|error| error.in_file(file.name(), None))?;
                bind(name, &state, &query, role)?;
                state
            }
            None => begin(store.id(), query, options.start, role, &view)?,
        };
        Self::resume(store, &opening, file, state, options, &view)
    }

    /// Continues from a state that was checked against this log, and commits it.
    pub(super) fn resume(
        store: &StoreReader,
        opening: &Arc<Opening>,
        file: CursorFile,
        state: CursorState,
        options: CursorOptions,
        view: &View,
    ) -> Result<Self> {
        let (role, query, opened_at) = (state.role, state.query.clone(), (state.position, state.leaf));
        let clock = Arc::clone(&store.env().clock);
        let subscription = Subscription::new(store, Arc::clone(opening), query.clone(), state.position);
        let inner = Inner {
            // Committed once more even if it was read from the file: that shows at once whether it can be written.
            needed: state.position,
            saved: state.clone(),
            queue: resumed(state, view)?,
            subscription,
            committed: 0,
            committed_at: clock.steady_micros(),
        };
        let shared = Shared {
            name: file.name().rsplit('/').next().unwrap_or_default().to_owned(),
            role,
            query,
            options,
            store: store.clone(),
            clock,
            file,
            opened_at,
            inner: Mutex::new(inner),
            committing: Mutex::new(()),
            stopped: AtomicBool::new(false),
            wakes: AtomicU64::new(0),
        };
        let shared = Arc::new(shared);
        shared.commit()?;
        let progress: Weak<dyn Flush> = Arc::<Shared>::downgrade(&shared);
        shared.file.attach(progress);
        Ok(Self(shared))
    }
}

/// Refuses a name that belongs to another role or query.
fn bind(name: &str, state: &CursorState, query: &Query, role: CursorRole) -> Result<()> {
    let refused = |message| Err(Error::new(ErrorKind::Refused, message));
    if state.role != role {
        let word = |role| if role == CursorRole::Reactor { "a reactor" } else { "a cursor" };
        return refused(format!("{name:?} is {}, not {}", word(state.role), word(role)));
    }
    if state.query != *query {
        let bound = &state.query;
        let remedy = "open it with its own query, or a cursor of another name";
        return refused(format!(
            "the cursor {name:?} is bound to the query {bound}, not to {query}; {remedy}"
        ));
    }
    Ok(())
}

/// Returns the state of a new cursor.
fn begin(
    store: StoreId,
    query: Query,
    start: Position,
    role: CursorRole,
    view: &View,
) -> Result<CursorState> {
    let position = start.min(view.head());
    if position < start {
        let message = format!("the log ends at position {position}, before the cursor's start {start}");
        return Err(Error::invalid(message));
    }
    let leaf = view.leaf(position)?.unwrap_or_default();
    let (acked, parked) = Default::default();
    Ok(CursorState { store, role, query, position, leaf, acked, parked })
}

/// Builds the queue of a process that takes a cursor over: parked events that were to be retried still are.
pub(super) fn resumed(state: CursorState, view: &View) -> Result<DeliveryQueue> {
    let retried: Vec<_> =
        state.parked.values().filter(|parked| parked.retried).map(|at| at.position).collect();
    let mut queue = DeliveryQueue::new(state);
    for position in retried {
        if let Some(event) = view.at(position)? {
            queue.retry(position, &event.stream())?;
        }
    }
    queue.changes = 1;
    Ok(queue)
}
