//! Changes of a cursor that its owner decides on: retrying and discarding parked events, and moving its position.

use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, Position, Result, StreamId};
use tidegate_segment::RecordedEvent;

use super::file::CursorFile;
use super::open::resumed;
use super::options::CursorOptions;
use super::state::CursorState;
use super::{Cursor, Inner, Shared};
use crate::read::{ReadOptions, View};
use crate::store::StoreReader;
use crate::subscription::Subscription;
use crate::subscription::state_dir::StateDir;

/// A change of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The parked event at this position is delivered once more. It counts as parked until it is acknowledged.
    Retry(Position),
    /// Every parked event is delivered once more.
    RetryAll,
    /// The parked event at this position is given up: it is not delivered again.
    Discard(Position),
    /// Every parked event is given up.
    DiscardAll,
    /// The cursor goes back: every event of its query after this position is delivered again, parked ones too.
    /// Position 0 is before the first event.
    Rewind(Position),
    /// The cursor goes on after this position, back or forward. It is refused if events of its query would be passed
    /// over that are neither done nor parked.
    Set(Position),
    /// The cursor goes on after this position, and gives up the events that are passed over. [`ChangeReport::given_up`] and a warning in the program's
    /// log count them.
    Skip(Position),
}

/// Number, first and last position of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// How many events of the query these are.
    pub count: u64,
    /// Position of the first one; 0 if there is none.
    pub first: Position,
    /// Position of the last one; 0 if there is none.
    pub last: Position,
}

/// Report of a change of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeReport {
    /// Its position before the change.
    pub before: Position,
    /// Its position now.
    pub position: Position,
    /// Events that were done or parked, and are delivered again. Unacknowledged deliveries come again as well and are
    /// not counted here.
    pub redelivered: Span,
    /// Events that were not done, and are not delivered any more.
    pub given_up: Span,
}

/// Changes a cursor or reactor that this process does not have open, durably. After a crash it has
/// the old position or the new one. An event that a reactor reacted to before is recognised by its key, and no reaction
/// is committed twice.
///
/// This also mends a cursor that read another log: one that was put back from an older copy, and grew again. After a
/// [`Change::Rewind`] to a position that both logs have in common it opens, and goes on.
///
/// ```
/// use tidegate::subscription::cursor::{self, Change, CursorOptions};
/// use tidegate::{Draft, Position, Query, Store};
///
/// let store = Store::in_memory()?;
/// for order in ["order-1", "order-2", "order-3"] {
///     store.append(Draft::new(("shop", order), "order.placed"))?;
/// }
/// let mailer = store.cursor("mailer", Query::ALL)?;
/// while let Some(delivery) = mailer.next_now()? {
///     delivery.ack()?;
/// }
/// drop(mailer);
/// let changed = cursor::change(&store, "mailer", Change::Rewind(Position(1)))?;
/// assert_eq!((changed.redelivered.count, changed.redelivered.first), (2, Position(2)));
/// # Ok::<(), tidegate::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`Cursor::change`]; [`Missing`](ErrorKind::Missing) if there is no such cursor,
/// [`Locked`](ErrorKind::Locked) if a handle of this process has it open: change it by that one,
/// [`Damaged`](ErrorKind::Damaged) if its file is, or the event at its position: nothing has changed then.
pub fn change(store: &StoreReader, name: &str, change: Change) -> Result<ChangeReport> {
    change_with(store, name, change, CursorOptions::default())
}

fn change_with(
    store: &StoreReader,
    name: &str,
    change: Change,
    options: CursorOptions,
) -> Result<ChangeReport> {
    match Cursor::reopen(store, name, change, options)? {
        (cursor, None) => cursor.change(change),
        (_, Some(changed)) => Ok(changed),
    }
}

impl StateDir {
    /// Changes a cursor whose state is in this directory, as [`change`] does for one in the store.
    ///
    /// # Errors
    ///
    /// Those of [`change`].
    pub fn change_cursor(&self, store: &StoreReader, name: &str, change: Change) -> Result<ChangeReport> {
        change_with(store, name, change, CursorOptions::default().state_dir(self))
    }
}

impl Cursor {
    /// Changes the cursor durably: parked events are retried or discarded, or its position moves back or on. The report
    /// says which events are delivered again and which are given up.
    ///
    /// ```
    /// use tidegate::subscription::cursor::{Change, CursorOptions};
    /// use tidegate::{Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let once = CursorOptions::new().max_attempts(1);
    /// let mailer = store.cursor_with("mailer", Query::ALL, once)?;
    /// mailer.next_now()?.expect("an order").fail("no such mailbox")?;
    /// assert_eq!(mailer.change(Change::RetryAll)?.redelivered.count, 1);
    /// mailer.next_now()?.expect("it comes again").ack()?;
    /// assert!(mailer.parked().is_empty());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Missing`](ErrorKind::Missing) if the event is not parked, [`Invalid`](ErrorKind::Invalid) for a rewind to a
    /// position that the cursor has not reached and for a position that the log has not,
    /// [`Refused`](ErrorKind::Refused) if [`Change::Set`] would give up events; nothing has changed then, nor after an
    /// error of reading. Those of [`commit`](Self::commit): the change is made, and is committed with the next one.
    pub fn change(&self, change: Change) -> Result<ChangeReport> {
        let shared = &*self.0;
        let mut inner = shared.lock()?;
        let view = inner.subscription.opening().view()?;
        let changed = inner.change(shared, &view, change)?;
        drop(inner);
        if changed.given_up.count > 0 {
            let Span { count, first, last } = changed.given_up;
            let cursor = &*shared.name;
            tracing::warn!(cursor, count, %first, %last, "events were given up and are not delivered");
        }
        shared.wake_waiting();
        shared.commit()?;
        Ok(changed)
    }

    /// Opens a cursor as its file has it, to change it. If the file names an event that the log does not have, a change
    /// that moves the position is made here already.
    fn reopen(
        store: &StoreReader,
        name: &str,
        change: Change,
        options: CursorOptions,
    ) -> Result<(Self, Option<ChangeReport>)> {
        let file = CursorFile::claim(store, name, options.state_dir.as_ref())?;
        let opening = store.opening();
        let view = opening.view()?;
        let in_file = |error: Error| error.in_file(file.name(), None);
        let missing = || {
            Error::new(
                ErrorKind::Missing,
                format!("there is no cursor {name:?}; `tidegate cursors` lists them"),
            )
        };
        let mut state = CursorState::decode(&file.read()?.ok_or_else(missing)?).map_err(in_file)?;
        state.check_store(store.id()).map_err(in_file)?;
        let mut changed = None;
        // A log that cannot be read at the position is not evidence that it has another event there.
        if let Some(error) = state.mismatch_in(&opening, &view).map_err(in_file)? {
            let (Change::Rewind(to) | Change::Set(to) | Change::Skip(to)) = change else {
                return Err(in_file(error));
            };
            check_in_log(to, &view)?;
            let redelivered = selected(&state, &view, to)?;
            let before = std::mem::replace(&mut state.position, to);
            state.leaf = view.leaf(to)?.unwrap_or_default();
            state.acked.clear();
            state.parked.retain(|position, _| *position <= to);
            changed = Some(ChangeReport { before, position: to, redelivered, given_up: Span::default() });
        }
        // Opening commits it.
        Ok((Self::resume(store, &opening, file, state, options, &view)?, changed))
    }
}

impl Inner {
    fn change(&mut self, shared: &Shared, view: &View, change: Change) -> Result<ChangeReport> {
        let before = self.queue.state.position;
        let (mut redelivered, mut given_up) = (Span::default(), Span::default());
        match change {
            Change::Retry(position) => {
                self.queue.check_parked(position)?;
                redelivered = self.retry(view, &[position])?;
            }
            Change::RetryAll => {
                let all: Vec<_> = self.queue.state.parked.keys().copied().collect();
                redelivered = self.retry(view, &all)?;
            }
            Change::Discard(position) => {
                self.queue.discard(position)?;
                given_up = Span::of(&[position]);
            }
            Change::DiscardAll => {
                let all: Vec<_> = self.queue.state.parked.keys().copied().collect();
                for position in &all {
                    self.queue.discard(*position)?;
                }
                given_up = Span::of(&all);
            }
            Change::Rewind(to) if to > before => {
                let message =
                    format!("the cursor is at position {before}, so position {to} is not behind it");
                return Err(Error::invalid(message).advise("set it there instead"));
            }
            Change::Set(to) | Change::Skip(to) if to > before => {
                check_in_log(to, view)?;
                given_up = open_until(&self.queue.state, view, to)?;
                if given_up.count > 0 && change == Change::Set(to) {
                    let Span { count, first, last } = given_up;
                    let message = format!(
                        "the cursor is at position {before}, and setting it to {to} would give up {count} events \
                         that are not done, from position {first} to {last}"
                    );
                    return Err(Error::new(ErrorKind::Refused, message).advise("skip them if that is meant"));
                }
                self.go_to(shared, view, to)?;
            }
            Change::Rewind(to) | Change::Set(to) | Change::Skip(to) => {
                redelivered = settled_after(&self.queue.state, view, to)?;
                self.go_to(shared, view, to)?;
            }
        }
        Ok(ChangeReport { before, position: self.queue.state.position, redelivered, given_up })
    }

    fn retry(&mut self, view: &View, positions: &[Position]) -> Result<Span> {
        // All are read before any is changed.
        let streams: Vec<StreamId> = (positions.iter())
            .map(|position| {
                let missing = || Error::new(ErrorKind::Missing, format!("the log has no event {position}"));
                Ok(view.at(*position)?.ok_or_else(missing)?.stream())
            })
            .collect::<Result<_>>()?;
        for (position, stream) in positions.iter().zip(&streams) {
            self.queue.retry(*position, stream)?;
        }
        Ok(Span::of(positions))
    }

    /// Moves to a position. Unacknowledged deliveries can no longer be acknowledged; parked events that were to be
    /// retried still are.
    fn go_to(&mut self, shared: &Shared, view: &View, to: Position) -> Result<()> {
        let mut state = self.queue.state.clone();
        if to <= state.position {
            state.acked.clear();
            state.parked.retain(|position, _| *position <= to);
        } else {
            state.acked = state.acked.split_off(&to.next());
        }
        state.position = to;
        let queue = resumed(state, view)?;
        self.queue.go_on_as(queue);
        let opening = Arc::clone(self.subscription.opening());
        self.subscription = Subscription::new(&shared.store, opening, shared.query.clone(), to);
        Ok(())
    }
}

impl Span {
    /// Returns these positions, in order.
    fn of(positions: &[Position]) -> Self {
        let end = |position: Option<&Position>| position.copied().unwrap_or_default();
        Self { count: positions.len() as u64, first: end(positions.first()), last: end(positions.last()) }
    }
}

/// Returns the events of the query after a position.
fn selected(state: &CursorState, view: &View, after: Position) -> Result<Span> {
    let count = view.count_with(&state.query, ReadOptions::new().after(after))?;
    let end = |read: ReadOptions| -> Result<Position> {
        let event = view.read_with(&state.query, read.after(after).limit(1)).next().transpose()?;
        Ok(event.map_or(Position::START, |event| event.position()))
    };
    Ok(Span { count, first: end(ReadOptions::new())?, last: end(ReadOptions::new().backwards(true))? })
}

/// Returns the events of the query after a position that are done or parked.
fn settled_after(state: &CursorState, view: &View, after: Position) -> Result<Span> {
    let passed = selected(state, &view.as_of(state.position), after)?;
    // Everything in `acked` is of the query.
    let beyond = Span::of(&state.acked.iter().copied().collect::<Vec<_>>());
    Ok(Span {
        count: passed.count + beyond.count,
        first: if passed.count > 0 { passed.first } else { beyond.first },
        last: if beyond.count > 0 { beyond.last } else { passed.last },
    })
}

/// Returns the events of the query up to a position that are neither done nor parked.
fn open_until(state: &CursorState, view: &View, to: Position) -> Result<Span> {
    let passed = view.as_of(to);
    let all = passed.count_with(&state.query, ReadOptions::new().after(state.position))?;
    let count = all.saturating_sub(state.acked.range(..=to).count() as u64);
    let is_open = |event: &Result<RecordedEvent>| !matches!(event, Ok(event) if state.acked.contains(&event.position()));
    let end = |read: ReadOptions| -> Result<Position> {
        let mut events = passed.read_with(&state.query, read.after(state.position));
        let event = events.find(is_open).transpose()?;
        Ok(event.map_or(Position::START, |event| event.position()))
    };
    Ok(Span { count, first: end(ReadOptions::new())?, last: end(ReadOptions::new().backwards(true))? })
}

fn check_in_log(position: Position, view: &View) -> Result<()> {
    if position <= view.head() {
        return Ok(());
    }
    let message = format!("the log ends at position {}, before position {position}", view.head());
    Err(Error::invalid(message))
}
