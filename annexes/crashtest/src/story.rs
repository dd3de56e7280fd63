//! The standard run: what a worker hands in, and how it is recognized in the log afterwards.
//!
//! Every event says which life of the store and which batch of it wrote it, which event of how many it is, and all
//! that it holds follows from these numbers. So the log alone shows whether a batch is whole and unchanged.

use serde::{Deserialize, Serialize};
use tidegate::project::Projection;
use tidegate::{Batch, Condition, Draft, Query, QueryItem, RecordedEvent, Result};

use crate::dice::Dice;
use crate::failure::{Outcome, ensure};

/// The kind of events that a cursor hands out and a projection folds.
pub const NOTE: &str = "entry.note";
/// The kind of events that a reactor answers.
pub const ORDER: &str = "entry.order";
/// The kind of the answers.
pub const BILL: &str = "bill.sent";
/// The kind of what decisions write.
pub const SEAT: &str = "seat.taken";
/// Seats of a course.
pub const SEATS: u64 = 3;
/// Courses that decisions are about.
pub const COURSES: u64 = 4;
/// The cursor's and the reactor's name.
pub const CURSOR: &str = "reader";
/// The reactor's name.
pub const REACTOR: &str = "billing";

/// Which batch an event is of, and which of its events it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Which run of a worker over this store, from 0.
    pub life: u64,
    /// Which batch of that run.
    pub number: u64,
    /// Which event of the batch, from 0.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

impl Mark {
    /// Returns the mark of an event that a worker handed in; nothing for one that a reactor or a decision wrote.
    pub fn of(event: &RecordedEvent) -> Option<Self> {
        if event.kind() != NOTE && event.kind() != ORDER {
            return None;
        }
        let text = std::str::from_utf8(event.payload().ok()?).ok()?;
        let mut numbers = text.split(' ').map(|part| part.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { life: next()?, number: next()?, index: next()?, count: next()? })
    }

    /// Returns what is handed in.
    pub fn draft(self) -> Draft {
        let Self { life, number, index, count } = self;
        let mut dice = Dice::new(life ^ (number << 20) ^ (index << 50));
        let filler = 20 + dice.below(if number.is_multiple_of(8) { 900 } else { 200 }) as usize;
        let letter = char::from(b'a' + dice.below(26) as u8);
        let text = format!("{life} {number} {index} {count} {}", letter.to_string().repeat(filler));
        let kind = if number % 16 == 1 || number % 16 == 6 { ORDER } else { NOTE };
        let entity = format!("entity-{}", dice.below(5));
        Draft::new(("run", entity), kind).bytes(text.into_bytes()).tag(format!("life:{life}"))
    }

    /// Fails unless the event is what was handed in.
    pub fn agrees(self, event: &RecordedEvent) -> Outcome {
        let draft = self.draft();
        let tags: Vec<_> = event.tags().collect();
        let same = event.payload()? == &*draft.payload
            && event.kind() == draft.kind
            && event.stream() == draft.stream
            && draft.tags.iter().all(|tag| tags.contains(&&**tag));
        ensure(same, || format!("the event at {} is not what was handed in: {self:?}", event.position()))
    }
}

/// Returns how many events this batch of a run has.
pub fn count(number: u64) -> u64 {
    match number % 16 {
        8 => 4,
        2 | 9 => 3,
        1 | 6 | 12 => 1,
        other => 1 + other % 2,
    }
}

/// Returns a batch of a run.
pub fn batch(life: u64, number: u64) -> Batch {
    let count = count(number);
    let drafts = (0..count).map(|index| Mark { life, number, index, count }.draft());
    let batch: Batch = drafts.collect();
    match number % 16 {
        3 => batch.key(key(life, number)),
        12 => batch.only_if(Condition::fail_if(QueryItem::new().kind("entry.forbidden"))),
        _ => batch,
    }
}

/// Returns the key of a batch that is handed in twice.
pub fn key(life: u64, number: u64) -> String {
    format!("once:{life}:{number}")
}

/// Returns the events that a cursor hands out.
pub fn notes() -> Query {
    QueryItem::new().kind(NOTE).into()
}

/// Returns the orders that a reactor answers.
pub fn orders() -> Query {
    QueryItem::new().kind(ORDER).into()
}

/// Returns the taken seats of a course.
pub fn seats(course: u64) -> Query {
    QueryItem::new().kind(SEAT).tag(format!("course:{course}")).into()
}

/// A state that depends on every note and on their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many there are.
    pub count: u64,
    /// What their places come to.
    pub trail: u64,
}

impl Projection for Tally {
    const NAME: &'static str = "crashtest.tally";
    const VERSION: u16 = 1;

    fn query() -> Query {
        notes()
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.count += 1;
        let bytes = event.payload()?.iter().fold(0_u64, |sum, byte| sum * 3 % 65_521 + u64::from(*byte));
        self.trail = self.trail.wrapping_mul(31).wrapping_add(event.position().0 ^ (bytes << 32));
        Ok(())
    }
}
