//! The examples of [dcb.events](https://dcb.events/examples/), each with its success and every refusal.

mod course_subscriptions;
mod dynamic_price;
mod event_sourced_aggregate;
mod invoice_number;
mod opt_in_token;
mod record_duplication;
mod unique_username;

use std::sync::Arc;

use serde_json::Value;
use tidegate::decide::{Decision, DecisionView, Outcome};
use tidegate::testing::{Env, MemoryDisk, SimulatedClock, SystemRandom};
use tidegate::{Draft, Query, QueryItem, ReadOptions, RecordedEvent, Result, Store, StoreOptions};

const MINUTE: u64 = 60_000_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// What became of a decision: the position of its first event, or the code of the denial.
type Answer = Result<u64, String>;

/// A store in memory, with a clock that the test moves.
struct Desk {
    store: Store,
    clock: SimulatedClock,
}

impl Desk {
    fn new() -> Self {
        let clock = SimulatedClock::new(1_700_000_000_000_000);
        let (disk, random) = (Arc::new(MemoryDisk::new()), Arc::new(SystemRandom));
        let world = Env { disk, clock: Arc::new(clock.clone()), random };
        Self { store: StoreOptions::new().open_in(world).unwrap(), clock }
    }

    fn decide(&self, decide: impl Fn(&DecisionView) -> Result<Decision>) -> Answer {
        match self.store.decide(decide).unwrap() {
            Outcome::Committed(receipt) => Ok(receipt.first().0),
            Outcome::Denied(denied) => Err(denied.denials().next().unwrap().code.to_string()),
        }
    }

    /// How many microseconds ago an event was recorded.
    fn age(&self, event: &RecordedEvent) -> u64 {
        use tidegate::testing::Clock;
        self.clock.now_micros() - event.time().0
    }

    /// How many events the log has.
    fn count(&self) -> u64 {
        self.store.frontier().visible.0
    }
}

/// Events of any of the kinds that have the tag.
fn tagged(tag: impl Into<String>, kinds: &[&'static str]) -> Query {
    let item = QueryItem::new().tag(tag.into());
    kinds.iter().fold(item, |item, kind| item.kind(*kind)).into()
}

/// The last event of a query.
fn last(view: &DecisionView, query: &Query) -> Result<Option<RecordedEvent>> {
    view.read_with(query, ReadOptions::new().backwards(true).limit(1)).next().transpose()
}

/// An event with tags and a JSON payload.
fn event(entity: &str, kind: &'static str, tags: &[String], payload: &Value) -> Draft {
    let draft = Draft::new(("app", entity.to_owned()), kind).json_text(payload.to_string());
    tags.iter().fold(draft, |draft, tag| draft.tag(tag.clone()))
}

/// The payload of an event.
fn payload(event: &RecordedEvent) -> Value {
    serde_json::from_slice(event.payload().unwrap()).unwrap()
}
