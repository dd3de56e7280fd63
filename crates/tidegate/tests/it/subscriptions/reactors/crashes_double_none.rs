//! Whatever ends the process or the machine, every event is reacted to, and none twice. Keeps F1, F2 and F7 for
//! reactors.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use tidegate::subscription::cursor::{Change, CursorOptions};
use tidegate::subscription::reactor::{Reaction, Reactor};
use tidegate::{AppendOptions, Cause, Draft, Position, RecordedEvent, Result, Store, decide::DecisionView};

use super::{answer, run};
use crate::faults::Stage;
use crate::subscriptions::crashes::{Dice, every_crash};
use crate::subscriptions::kind;

/// Events of this entity lead to nothing.
const QUIET: &str = "e2";

fn settings(commit_interval: Duration) -> CursorOptions {
    CursorOptions::new().commit_interval(commit_interval).max_attempts(2).retry_after(Duration::ZERO)
}

fn durability(dice: &mut Dice) -> AppendOptions {
    if dice.one_in(2) { AppendOptions::new().buffered() } else { AppendOptions::new().synced() }
}

fn put(store: &Store, dice: &mut Dice) -> Result<()> {
    let draft = Draft::new(("s", format!("e{}", dice.roll(3))), "a.one");
    store.append_with(draft, durability(dice))?;
    Ok(())
}

/// Never says the same twice, and fails now and then.
fn handler(event: &RecordedEvent, said: &Cell<u64>, fails: u64) -> Reaction {
    said.set(said.get() + 1);
    if event.entity() == QUIET {
        return Ok(None);
    }
    if fails > 0 && said.get().is_multiple_of(fails) {
        return Err("by chance".into());
    }
    Ok(Some(answer(event).json_text(said.get().to_string()).into()))
}

fn open<'a>(
    store: &'a Store,
    said: &'a Cell<u64>,
    fails: u64,
    commit_interval: Duration,
) -> Result<Reactor<impl Fn(&DecisionView, &RecordedEvent) -> Reaction>> {
    store.reactor_with(
        "answers",
        kind("a.one"),
        settings(commit_interval),
        move |_: &DecisionView, event: &RecordedEvent| handler(event, said, fails),
    )
}

/// A life: events come, and something reacts to them.
fn live(stage: &Stage, dice: &mut Dice, react: impl Fn(&Store, &mut Dice) -> Result<()>) -> Result<()> {
    for _ in 0..2 {
        let store = stage.try_write()?;
        for _ in 0..3 {
            for _ in 0..dice.roll(4) {
                put(&store, dice)?;
            }
            react(&store, dice)?;
        }
        store.close()?;
    }
    Ok(())
}

/// The reactor that is promised.
fn promised(said: &Cell<u64>) -> impl Fn(&Store, &mut Dice) -> Result<()> {
    |store, dice| {
        let commit_interval = if dice.one_in(2) { Duration::ZERO } else { Duration::from_secs(1) };
        let reactor = open(store, said, 5, commit_interval)?.appending(durability(dice));
        for _ in 0..dice.roll(5) {
            let _ = reactor.step()?;
        }
        match (dice.roll(4), reactor.cursor().parked().first()) {
            (0, _) => {
                let back = Position(dice.roll(reactor.cursor().position().0 + 1));
                reactor.cursor().change(Change::Rewind(back)).map(drop)
            }
            (1, Some(_)) => reactor.cursor().change(Change::RetryAll).map(drop),
            _ => Ok(()),
        }
    }
}

/// What is wrong with the answers in a log, once everything was reacted to.
fn wrong(store: &Store) -> Vec<String> {
    let mut answers: BTreeMap<Position, usize> = BTreeMap::new();
    for event in store.read(&kind("b.one")).unwrap() {
        let Some(Cause::At(position)) = event.unwrap().causes().next() else {
            panic!("an answer without cause")
        };
        *answers.entry(position).or_default() += 1;
    }
    let mut found = Vec::new();
    for event in store.read(&kind("a.one")).unwrap() {
        let event = event.unwrap();
        let expected = usize::from(event.entity() != QUIET);
        let count = answers.remove(&event.position()).unwrap_or_default();
        if count != expected {
            found.push(format!("{} of {expected} answers to position {}", count, event.position()));
        }
    }
    found.extend(answers.keys().map(|position| format!("an answer to position {position}, which never was")));
    found
}

/// Reacts to the rest, to what is parked too.
fn finish(store: &Store) {
    let said = Cell::new(1000);
    let reactor = open(store, &said, 0, Duration::ZERO).unwrap();
    run(&reactor);
    for parked in reactor.cursor().parked() {
        reactor.cursor().change(Change::Retry(parked.position)).unwrap();
    }
    run(&reactor);
    assert_eq!((reactor.cursor().parked(), reactor.cursor().lag().unwrap()), (vec![], 0));
}

#[test]
fn every_event_is_reacted_to_once() {
    let life = |stage: &Stage, (): &mut (), dice: &mut Dice| live(stage, dice, promised(&Cell::new(0)));
    let check = |stage: &Stage, (): &(), place: &str| {
        let store = stage.open();
        finish(&store);
        assert_eq!(wrong(&store), Vec::<String>::new(), "{place}");
    };
    let checked: usize = (1..=12).map(|seed| every_crash(seed, life, check)).sum();
    println!("{checked} crashes");
    assert!(checked > 3000, "{checked}");
}

/// How many times the check finds something wrong with another way to react.
fn caught(react: fn(&Store, &mut Dice) -> Result<()>) -> (usize, usize) {
    let (mut lost, mut doubled) = (0, 0);
    let life = |stage: &Stage, (): &mut (), dice: &mut Dice| live(stage, dice, react);
    for seed in 1..=3 {
        every_crash(seed, life, |stage: &Stage, (): &(), _: &str| {
            let store = stage.open();
            while !matches!(by_cursor(&store, react), Ok(true)) {}
            let found = wrong(&store);
            lost += usize::from(found.iter().any(|wrong| wrong.starts_with('0')));
            doubled += usize::from(found.iter().any(|wrong| wrong.starts_with('2')));
        });
    }
    (lost, doubled)
}

/// Goes on with another way to react; says whether nothing is left.
fn by_cursor(store: &Store, react: fn(&Store, &mut Dice) -> Result<()>) -> Result<bool> {
    react(store, &mut Dice::new(7))?;
    let cursor = store.cursor_with("answers", kind("a.one"), settings(Duration::ZERO))?;
    Ok(cursor.lag()? == 0)
}

/// A reactor that is none: it keeps its progress first or last, and its reaction has no key.
fn by_hand(store: &Store, progress_first: bool) -> Result<()> {
    let cursor = store.cursor_with("answers", kind("a.one"), settings(Duration::ZERO))?;
    while let Some(delivery) = cursor.next_now()? {
        let event = delivery.event().clone();
        let draft = answer(&event).cause(event.position());
        let react = || {
            if event.entity() == QUIET {
                Ok(())
            } else {
                store.append_with(draft, AppendOptions::new().synced()).map(drop)
            }
        };
        if progress_first {
            delivery.ack()?;
            react()?;
        } else {
            react()?;
            delivery.ack()?;
        }
    }
    Ok(())
}

#[test]
fn progress_kept_before_the_reaction_is_caught() {
    let (lost, doubled) = caught(|store, _| by_hand(store, true));
    assert!(lost > 10 && doubled == 0, "{lost} lost, {doubled} doubled");
}

#[test]
fn progress_kept_after_the_reaction_is_caught() {
    let (lost, doubled) = caught(|store, _| by_hand(store, false));
    assert!(lost == 0 && doubled > 10, "{lost} lost, {doubled} doubled");
}
