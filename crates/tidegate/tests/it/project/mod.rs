//! Projections: a state is the plain fold of its events, whatever happens to it on the way.

mod equals_a_plain_fold;
mod staleness_by_age;
mod staleness_is_answered;
mod poison_is_never_skipped;
mod read_models_take_in_each_event_once;
mod saved_states_are_checked;
mod handlers_are_called;
mod several_in_one_pass;
mod versions_replace_each_other;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate::project::Projection;
use tidegate::{Draft, Event, Position, Query, ReadOptions, RecordedEvent, Store, StoreOptions, StoreReader};

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "project.added")]
struct Added {
    number: i64,
}

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "project.taken")]
struct Taken {
    number: i64,
}

/// What no handler takes in, after it changed its state.
const POISON: i64 = 13;

/// A sum for each entity, and a trail that depends on every event and on their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Projection)]
#[projection(name = "project.sums", version = 1, on(Added => added, Taken => taken))]
struct Sums {
    sums: BTreeMap<String, i64>,
    trail: u64,
}

impl Sums {
    fn added(&mut self, Added { number }: Added, event: &RecordedEvent) -> Result<(), String> {
        *self.sums.entry(event.entity().to_owned()).or_default() += number;
        self.trail = self.trail.wrapping_mul(31).wrapping_add(event.position().0);
        if number == POISON {
            return Err(format!("{POISON} is not taken in"));
        }
        Ok(())
    }

    fn taken(&mut self, Taken { number }: Taken, event: &RecordedEvent) -> Result<(), String> {
        self.added(Added { number: -number }, event)
    }
}

/// The same with a count, as a later version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counted {
    count: u64,
    inner: Sums,
}

impl Projection for Counted {
    const NAME: &'static str = Sums::NAME;
    const VERSION: u16 = 2;

    fn query() -> Query {
        Sums::query()
    }

    fn apply(&mut self, event: &RecordedEvent) -> tidegate::Result<()> {
        self.count += 1;
        self.inner.apply(event)
    }
}

impl From<Sums> for Counted {
    fn from(inner: Sums) -> Self {
        Self { count: 0, inner }
    }
}

fn store() -> Store {
    StoreOptions::new().thread(false).in_memory().unwrap()
}

fn added(entity: &'static str, number: i64) -> Draft {
    Added { number }.draft(("s", entity)).unwrap()
}

fn append(store: &Store, drafts: impl IntoIterator<Item = Draft>) -> Position {
    let drafts: Vec<Draft> = drafts.into_iter().collect();
    store.append(drafts).unwrap().last()
}

/// The state and what was left out, by going through the whole log.
fn plain<P: Projection>(store: &StoreReader, until: Position, entity: Option<&str>) -> (P, Vec<Position>) {
    try_plain(store, until, entity).unwrap()
}

/// The same over a disk that may end.
fn try_plain<P: Projection>(
    store: &StoreReader,
    until: Position,
    entity: Option<&str>,
) -> tidegate::Result<(P, Vec<Position>)> {
    let (mut state, mut left_out) = (P::default(), Vec::new());
    for event in store.read_with(&Query::ALL, ReadOptions::new().before(until.next()))? {
        let event = event?;
        let wanted = ["project.added", "project.taken"].contains(&event.kind());
        if wanted && entity.is_none_or(|entity| entity == event.entity()) {
            let mut next = state.clone();
            match next.apply(&event) {
                Ok(()) => state = next,
                Err(_) => left_out.push(event.position()),
            }
        }
    }
    Ok((state, left_out))
}
