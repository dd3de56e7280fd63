//! What is decided: names that are unique, seats that are limited, balances that stay above zero, invoices
//! without a gap.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate::decide::{Decision, DecisionView, Outcome};
use tidegate::{
    AppendOptions, Batch, Condition, Draft, ErrorKind, EventId, Position, Query, QueryItem, Receipt,
    RecordedEvent, Result, Store,
};
use tidegate_format::Hash;

use super::Dice;

pub(super) const SEATS: u64 = 25;

/// Something that is decided, and all that its rule is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    ClaimName(u64),
    GiveUpName(u64),
    TakeSeat(u64),
    LeaveSeat(u64),
    PayIn(u64, i64),
    Transfer(u64, u64, i64),
    Invoice,
}

/// A part of the log that a decision rests on: events with a tag, or of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    Tag(String),
    Kind(&'static str),
}

impl Boundary {
    pub(super) fn query(&self) -> Query {
        match self {
            Self::Tag(tag) => QueryItem::new().tag(tag.clone()).into(),
            Self::Kind(kind) => QueryItem::new().kind(*kind).into(),
        }
    }

    pub(super) fn holds(&self, event: &RecordedEvent) -> bool {
        match self {
            Self::Tag(tag) => event.tags().any(|found| found == tag),
            Self::Kind(kind) => event.kind() == *kind,
        }
    }
}

/// What a decision rested on when its event was drafted.
#[derive(Clone, Debug)]
pub(super) struct Fixture {
    pub(super) boundaries: Vec<Boundary>,
    pub(super) head: Position,
}

/// All that was drafted and answered, over all lives of a store.
#[derive(Debug, Default)]
pub(super) struct Notes {
    ids: AtomicU64,
    /// By the id of the event that was drafted, whether it came into the log or not.
    pub(super) grounds: Mutex<HashMap<EventId, Fixture>>,
    /// Receipts, and whether they were for a synced append.
    pub(super) receipts: Mutex<Vec<(Receipt, bool)>>,
    /// What denials rested on: the last event that was seen, its leaf, and whether it was to be synced before the answer.
    pub(super) rested: Mutex<Vec<(Position, Hash, bool)>>,
    pub(super) denied: AtomicU64,
    pub(super) conflicts: AtomicU64,
}

impl Task {
    pub(super) fn roll(dice: &mut Dice) -> Self {
        match dice.roll(10) {
            0 => Self::ClaimName(dice.roll(4)),
            1 => Self::GiveUpName(dice.roll(4)),
            2 | 3 => Self::TakeSeat(dice.roll(2)),
            4 => Self::LeaveSeat(dice.roll(2)),
            5 => Self::PayIn(dice.roll(3), 1 + dice.roll(20).cast_signed()),
            6..=8 => Self::Transfer(dice.roll(3), dice.roll(3), 1 + dice.roll(30).cast_signed()),
            _ => Self::Invoice,
        }
    }

    /// What its rule is about.
    pub(super) fn boundaries(self) -> Vec<Boundary> {
        let tag = |what: &str, number: u64| Boundary::Tag(format!("{what}:{number}"));
        match self {
            Self::ClaimName(name) | Self::GiveUpName(name) => vec![tag("name", name)],
            Self::TakeSeat(course) | Self::LeaveSeat(course) => vec![tag("course", course)],
            Self::PayIn(..) => vec![],
            Self::Transfer(from, ..) => vec![tag("account", from)],
            Self::Invoice => vec![Boundary::Kind("invoice.created")],
        }
    }

    /// Decides by what the view shows.
    fn decide(self, view: &DecisionView) -> Result<Option<Draft>> {
        let mut events = Vec::new();
        for boundary in self.boundaries() {
            events.extend(view.read(&boundary.query()).collect::<Result<Vec<_>>>()?);
        }
        let count = |kind: &str| events.iter().filter(|event| event.kind() == kind).count() as u64;
        let draft = |what: &str, number: u64, kind: &'static str| {
            let tag = format!("{what}:{number}");
            Draft::new(("rules", tag.clone()), kind).tag(tag)
        };
        Ok(match self {
            Self::ClaimName(name) => {
                (count("name.claimed") == count("name.given_up")).then(|| draft("name", name, "name.claimed"))
            }
            Self::GiveUpName(name) => {
                (count("name.claimed") > count("name.given_up")).then(|| draft("name", name, "name.given_up"))
            }
            Self::TakeSeat(course) => (count("seat.taken") < count("seat.left") + SEATS)
                .then(|| draft("course", course, "seat.taken")),
            Self::LeaveSeat(course) => {
                (count("seat.taken") > count("seat.left")).then(|| draft("course", course, "seat.left"))
            }
            Self::PayIn(account, amount) => Some(
                draft("account", account, "money.paid_in")
                    .json_text(format!("[{account},{account},{amount}]")),
            ),
            Self::Transfer(from, to, amount) => {
                let balance: i64 = events.iter().map(|event| moved(event, from)).sum();
                let transfer = draft("account", from, "money.transferred").tag(format!("account:{to}"));
                (from != to && balance >= amount)
                    .then(|| transfer.json_text(format!("[{from},{to},{amount}]")))
            }
            Self::Invoice => {
                let number = events.len() as u64 + 1;
                Some(draft("invoice", number, "invoice.created").json_text(number.to_string()))
            }
        })
    }
}

/// By how much an event changes the balance of an account.
pub(super) fn moved(event: &RecordedEvent, account: u64) -> i64 {
    let (from, to, amount): (u64, u64, i64) = serde_json::from_slice(event.payload().unwrap()).unwrap();
    match event.kind() {
        "money.paid_in" if to == account => amount,
        "money.transferred" => amount * (i64::from(to == account) - i64::from(from == account)),
        _ => 0,
    }
}

/// How the check at the commit comes about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// By the store: what the view remembers.
    Decide,
    /// By the caller: a condition on what was read, after the head it was read at.
    Condition,
    /// The same, queued.
    Submit,
}

impl Notes {
    /// Drafts the event of a task and notes what it rests on.
    pub(super) fn draft(&self, task: Task, view: &DecisionView) -> Result<Option<(Draft, Fixture)>> {
        let Some(draft) = task.decide(view)? else { return Ok(None) };
        let boundaries = task.boundaries();
        let read: Vec<_> = boundaries.iter().map(Boundary::query).collect();
        assert_eq!(view.footprint().queries(), read, "a view remembers what was read, and nothing else");
        let id = EventId((1 + u128::from(self.ids.fetch_add(1, Ordering::Relaxed))).to_be_bytes());
        let ground = Fixture { boundaries, head: view.head() };
        self.grounds.lock().unwrap().insert(id, ground.clone());
        Ok(Some((draft.id(id), ground)))
    }

    /// The event that a task comes to now, without committing it.
    pub(super) fn only_draft(&self, store: &Store, task: Task) -> Option<(Draft, Fixture)> {
        let mut drafted = None;
        let decided = store.decide(|view| -> tidegate::Result<Decision> {
            drafted = self.draft(task, view)?;
            Ok(Decision::deny("LATER", "it is committed elsewhere"))
        });
        assert!(matches!(decided, Ok(Outcome::Denied(_))), "{decided:?}");
        drafted
    }

    /// Decides a task and commits it; says whether the store lives on.
    pub(super) fn run(&self, store: &Store, task: Task, way: Way, append: &AppendOptions) -> bool {
        let mut seen = None;
        let answer = match way {
            Way::Decide => store.decide_with(append.clone(), |view| -> tidegate::Result<Decision> {
                seen = view.at(view.head())?.map(|event| (event.position(), event.leaf()));
                Ok(match self.draft(task, view)? {
                    Some((draft, _)) => draft.into(),
                    None => Decision::deny("NO", "the rule says no"),
                })
            }),
            Way::Condition | Way::Submit => self.commit_by_condition(store, task, way, append),
        };
        match answer {
            Ok(Outcome::Committed(receipt)) => {
                let synced = append.durability.is_none();
                self.receipts.lock().unwrap().push((receipt, synced));
                true
            }
            Ok(Outcome::Denied(_)) => {
                self.denied.fetch_add(1, Ordering::Relaxed);
                let seen = seen.map(|(position, leaf)| (position, leaf, append.durability.is_none()));
                self.rested.lock().unwrap().extend(seen);
                true
            }
            Err(error) if error.conflict().is_some() => {
                self.conflicts.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::Ended | ErrorKind::OutcomeUnknown | ErrorKind::Io),
                    "{error}"
                );
                false
            }
        }
    }

    fn commit_by_condition(
        &self,
        store: &Store,
        task: Task,
        way: Way,
        append: &AppendOptions,
    ) -> Result<Outcome> {
        let mut drafted = None;
        let denied = store.decide_with(append.clone(), |view| -> tidegate::Result<Decision> {
            drafted = self.draft(task, view)?;
            Ok(Decision::deny("LATER", "it is committed below"))
        })?;
        let Some((draft, ground)) = drafted else { return Ok(denied) };
        let unmoved = |boundary: &Boundary| Condition::fail_if(boundary.query()).after(ground.head);
        let batch = ground
            .boundaries
            .iter()
            .fold(Batch::from(draft), |batch, boundary| batch.only_if(unmoved(boundary)));
        let receipt = match way {
            Way::Submit => store.submit_with(batch, append.clone())?.wait()?,
            _ => store.append_with(batch, append.clone())?,
        };
        Ok(Outcome::Committed(receipt))
    }
}
