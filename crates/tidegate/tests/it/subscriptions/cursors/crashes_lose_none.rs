//! Whatever ends the process or the machine, every event is delivered until it is acknowledged, and what was
//! kept is not delivered again. Keeps F1, F2, F7 and F13 for cursors.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate::subscription::cursor::{Cursor, Settings};
use tidegate::{Append, Draft, EventId, Position, Query, Read, Result, Store};

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

fn settings(keep_every: Duration) -> Settings {
    Settings { keep_every, attempts: 2, retry_after: Duration::ZERO, ..Settings::default() }
}

fn open(store: &Store, dice: &mut Dice) -> Result<Cursor> {
    let keep_every = if dice.one_in(2) { Duration::ZERO } else { Duration::from_secs(1) };
    store.cursor("mailer", kind("a.*"), settings(keep_every))
}

fn append(store: &Store, dice: &mut Dice) -> Result<()> {
    let kind = if dice.one_in(4) { "b.one" } else { "a.one" };
    let draft = Draft::new(("s", format!("e{}", dice.roll(3))), kind);
    store.append(draft, if dice.one_in(2) { Append::buffered() } else { Append::synced() })?;
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
    let parked = cursor.parked();
    match (dice.roll(4), parked.first()) {
        (0, Some(parked)) => cursor.retry(parked.position),
        (1, Some(parked)) => {
            notes.done.extend(store.view()?.at(parked.position)?.map(|event| event.id()));
            cursor.discard(parked.position)
        }
        (2, _) => {
            cursor.keep()?;
            notes.kept.clone_from(&notes.done);
            Ok(())
        }
        (3, _) => {
            let after = Position(dice.roll(cursor.position().0 + 1));
            notes.kept.clear();
            cursor.rewind(after)?;
            for event in store.read(&Query::ALL, Read::after(after))? {
                notes.done.remove(&event?.id());
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn live(stage: &Stage, notes: &mut Notes, dice: &mut Dice) -> Result<()> {
    for _ in 0..2 {
        let store = stage.try_open(tidegate::Access::Create)?;
        let cursor = open(&store, dice)?;
        for _ in 0..12 {
            match dice.roll(8) {
                0..3 => append(&store, dice)?,
                3..7 => deliver(&cursor, notes, dice)?,
                _ => interfere(&store, &cursor, notes, dice)?,
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
    let cursor = store.cursor("mailer", kind("a.*"), settings(Duration::ZERO)).unwrap();
    let set_aside: BTreeSet<_> = cursor.parked().iter().map(|parked| parked.position).collect();
    let mut delivered = BTreeSet::new();
    while let Some(delivery) = cursor.next_now().unwrap() {
        delivered.insert(delivery.event().id());
        delivery.ack().unwrap();
    }
    for event in store.read(&kind("a.*"), Read::all()).unwrap() {
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
