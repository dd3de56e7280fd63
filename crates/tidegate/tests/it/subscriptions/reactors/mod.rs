//! What a reactor promises.

mod commit_once;
mod crashes_double_none;
mod failures_are_visible;
mod share_and_stop;

use std::time::Duration;

use tidegate::subscription::cursor::CursorOptions;
use tidegate::subscription::reactor::{Reaction, Reactor, Step};
use tidegate::{Cause, Draft, Position, RecordedEvent, Store, decide::DecisionView};

use crate::subscriptions::kind;

fn settings() -> CursorOptions {
    CursorOptions::new().commit_interval(Duration::ZERO).max_attempts(2).retry_after(Duration::ZERO)
}

fn put(store: &Store, entity: &str) -> Position {
    store.append(Draft::new(("s", entity.to_owned()), "a.one")).unwrap().first()
}

/// What answers an event.
fn answer(event: &RecordedEvent) -> Draft {
    Draft::new(("answers", event.entity().to_owned()), "b.one")
}

#[expect(clippy::unnecessary_wraps, reason = "it is a handler")]
fn answers(_: &DecisionView, event: &RecordedEvent) -> Reaction {
    Ok(Some(answer(event).into()))
}

/// Reacts to what there is, and says how many steps that took.
fn run<H: Fn(&DecisionView, &RecordedEvent) -> Reaction>(reactor: &Reactor<H>) -> usize {
    let mut steps = 0;
    while !matches!(reactor.step().unwrap(), Step::Idle | Step::Ended) {
        steps += 1;
        assert!(steps < 1000, "it never ends");
    }
    steps
}

/// The answers in the log, each by the positions of its causes.
fn answered(store: &Store) -> Vec<Vec<u64>> {
    let causes = |event: RecordedEvent| {
        let at = |cause| if let Cause::At(position) = cause { position.0 } else { 0 };
        event.causes().map(at).collect()
    };
    store.read(&kind("b.*")).unwrap().map(|event| causes(event.unwrap())).collect()
}
