//! Whatever ends the process or the machine, every event is delivered until it is acknowledged, and what was
//! kept is not delivered again. Keeps F1, F2, F7 and F13 for cursors.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate::subscription::cursor::{self, Change, Cursor, CursorOptions, ParkedEvent};
use tidegate::{AppendOptions, Draft, EventId, Position, Query, ReadOptions, Result, Store};

use crate::faults::Stage;
use crate::subscriptions::crashes::{Dice, every_crash};
use crate::subscriptions::kind;

/// What happened to events, by their ids: a position may go to another event after a crash.
#[derive(Default)]
struct Notes {
    /// Acknowledged or given up, whether that was kept or not.
    done: BTreeSet<EventId>,
    /// Known to be kept.
    kept: BTreeSet<EventId>,
}

fn settings(commit_interval: Duration) -> CursorOptions {
    CursorOptions::new().commit_interval(commit_interval).max_attempts(2).retry_after(Duration::ZERO)
}

fn open(store: &Store, dice: &mut Dice) -> Result<Cursor> {
    let commit_interval = if dice.one_in(2) { Duration::ZERO } else { Duration::from_secs(1) };
    store.cursor_with("mailer", kind("a.*"), settings(commit_interval))
}

fn append(store: &Store, dice: &mut Dice) -> Result<()> {
    let kind = if dice.one_in(4) { "b.one" } else { "a.one" };
    let draft = Draft::new(("s", format!("e{}", dice.roll(3))), kind);
    store.append_with(
        draft,
        if dice.one_in(2) { AppendOptions::new().buffered() } else { AppendOptions::new().synced() },
    )?;
    Ok(())
}

fn deliver(cursor: &Cursor, notes: &mut Notes, dice: &mut Dice) -> Result<()> {
    let Some(delivery) = cursor.next_now()? else { return Ok(()) };
    match dice.roll(6) {
        0 => delivery.fail("by chance").map(drop),
        1 => Ok(()),
        _ => {
            notes.done.insert(delivery.event().id());
            delivery.ack()
        }
    }
}

/// Something that is done now and then.
fn interfere(store: &Store, cursor: &Cursor, notes: &mut Notes, dice: &mut Dice) -> Result<()> {
    let parked = cursor.parked().first().map(|parked| parked.position);
    let change = match (dice.roll(8), parked) {
        (0, Some(position)) => Change::Retry(position),
        (1, Some(position)) => Change::Discard(position),
        (2, _) => Change::RetryAll,
        (3, _) => Change::DiscardAll,
        (4, _) => Change::Rewind(Position(dice.roll(cursor.position().0 + 1))),
        (5, _) => Change::Skip(Position(dice.roll(store.view()?.head().0 + 1))),
        _ => {
            cursor.commit()?;
            notes.kept.clone_from(&notes.done);
            return Ok(());
        }
    };
    let back = notes.before(store, change, cursor.position(), &cursor.parked())?;
    cursor.change(change)?;
    notes.after(store, back)
}

/// The same to a cursor that no caller has open.
fn interfere_from_outside(store: &Store, notes: &mut Notes, dice: &mut Dice) -> Result<()> {
    let state = cursor::status(store, "mailer")?;
    let change = match dice.roll(4) {
        0 => Change::RetryAll,
        1 => Change::DiscardAll,
        2 => Change::Rewind(Position(dice.roll(state.position.0 + 1))),
        _ => Change::Skip(Position(dice.roll(store.view()?.head().0 + 1))),
    };
    let back = notes.before(store, change, state.position, &state.parked)?;
    cursor::change(store, "mailer", change)?;
    notes.after(store, back)
}

impl Notes {
    /// Takes note of what a change may do, whether it succeeds or not. Returns the position it goes back to.
    fn before(
        &mut self,
        store: &Store,
        change: Change,
        at: Position,
        parked: &[ParkedEvent],
    ) -> Result<Option<Position>> {
        let view = store.view()?;
        match change {
            Change::Discard(position) => self.done.extend(view.at(position)?.map(|event| event.id())),
            Change::DiscardAll => {
                for parked in parked {
                    self.done.extend(view.at(parked.position)?.map(|event| event.id()));
                }
            }
            Change::Skip(to) if to > at => {
                for event in view.as_of(to).read_with(&kind("a.*"), ReadOptions::new().after(at)) {
                    let event = event?;
                    if !parked.iter().any(|parked| parked.position == event.position()) {
                        self.done.insert(event.id());
                    }
                }
            }
            Change::Rewind(to) | Change::Skip(to) => {
                self.kept.clear();
                return Ok(Some(to));
            }
            _ => {}
        }
        Ok(None)
    }

    /// What is after the position it went back to is to be done again.
    fn after(&mut self, store: &Store, back: Option<Position>) -> Result<()> {
        let Some(to) = back else { return Ok(()) };
        for event in store.read_with(&Query::ALL, ReadOptions::new().after(to))? {
            self.done.remove(&event?.id());
        }
        Ok(())
    }
}

fn live(stage: &Stage, notes: &mut Notes, dice: &mut Dice) -> Result<()> {
    for _ in 0..2 {
        let store = stage.try_write()?;
        let mut cursor = open(&store, dice)?;
        for _ in 0..12 {
            match dice.roll(9) {
                0..3 => append(&store, dice)?,
                3..7 => deliver(&cursor, notes, dice)?,
                7 => interfere(&store, &cursor, notes, dice)?,
                _ => {
                    drop(cursor);
                    interfere_from_outside(&store, notes, dice)?;
                    cursor = open(&store, dice)?;
                }
            }
            stage.clock.advance(400_000);
        }
        drop(cursor);
        store.close()?;
    }
    Ok(())
}

/// Delivers the rest, and compares.
fn check(stage: &Stage, notes: &Notes, place: &str) {
    let store = stage.open();
    let cursor = store.cursor_with("mailer", kind("a.*"), settings(Duration::ZERO)).unwrap();
    let set_aside: BTreeSet<_> = cursor.parked().iter().map(|parked| parked.position).collect();
    let mut delivered = BTreeSet::new();
    while let Some(delivery) = cursor.next_now().unwrap() {
        delivered.insert(delivery.event().id());
        delivery.ack().unwrap();
    }
    for event in store.read(&kind("a.*")).unwrap() {
        let event = event.unwrap();
        let (id, position) = (event.id(), event.position());
        let known = notes.done.contains(&id) || delivered.contains(&id) || set_aside.contains(&position);
        assert!(known, "{place}: position {position} was lost");
        assert!(
            !(notes.kept.contains(&id) && delivered.contains(&id)),
            "{place}: position {position} came again"
        );
    }
    assert_eq!(cursor.lag().unwrap(), 0, "{place}");
}

#[test]
fn cursors_lose_none() {
    let checked: usize = (1..=10).map(|seed| every_crash(seed, live, check)).sum();
    println!("{checked} crashes");
    assert!(checked > 3000, "{checked}");
}
