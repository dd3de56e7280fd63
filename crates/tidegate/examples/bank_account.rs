//! A bank account: balances folded from what happened, now and as they were, and a new version beside the old.
//!
//! `cargo run --release -p tidegate --example bank_account`

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate::project::{Poison, Projection, ProjectorOptions, Staleness, catch_up_all};
use tidegate::{Draft, Event, Result, Store};

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "money.deposited")]
struct Deposited {
    cents: i64,
}

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "money.withdrawn")]
struct Withdrawn {
    cents: i64,
}

/// What an account holds.
#[derive(Clone, Default, Serialize, Deserialize, Projection)]
#[projection(name = "account.balance", version = 1, on(Deposited => deposited, Withdrawn => withdrawn))]
struct Balance {
    cents: i64,
}

impl Balance {
    fn deposited(&mut self, Deposited { cents }: Deposited) {
        self.cents += cents;
    }

    fn withdrawn(&mut self, Withdrawn { cents }: Withdrawn) {
        self.cents -= cents;
    }
}

/// A later version, which also knows the lowest balance there ever was, and refuses debts.
#[derive(Clone, Default, Serialize, Deserialize, Projection)]
#[projection(name = "account.balance", version = 2, on(Deposited => deposited, Withdrawn => withdrawn))]
struct Statement {
    cents: i64,
    lowest: Option<i64>,
}

impl Statement {
    fn deposited(&mut self, Deposited { cents }: Deposited) {
        self.cents += cents;
    }

    fn withdrawn(&mut self, Withdrawn { cents }: Withdrawn) -> std::result::Result<(), String> {
        self.cents -= cents;
        self.lowest = Some(self.lowest.map_or(self.cents, |lowest| lowest.min(self.cents)));
        if self.cents < 0 { Err(format!("{} are missing", money(-self.cents))) } else { Ok(()) }
    }
}

impl From<Balance> for Statement {
    fn from(earlier: Balance) -> Self {
        Self { cents: earlier.cents, lowest: None }
    }
}

/// How much moved in the whole bank.
#[derive(Clone, Default, Serialize, Deserialize, Projection)]
#[projection(name = "bank.turnover", version = 1, on(Deposited => deposited, Withdrawn => withdrawn))]
struct Turnover {
    cents: i64,
}

impl Turnover {
    fn deposited(&mut self, Deposited { cents }: Deposited) {
        self.cents += cents;
    }

    fn withdrawn(&mut self, Withdrawn { cents }: Withdrawn) {
        self.cents += cents;
    }
}

fn money(cents: i64) -> String {
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

fn deposit(account: &'static str, cents: i64) -> Result<Draft> {
    Deposited { cents }.draft(("bank", account))
}

fn withdraw(account: &'static str, cents: i64) -> Result<Draft> {
    Withdrawn { cents }.draft(("bank", account))
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let opening = store.append(vec![deposit("alice", 50_00)?, deposit("bob", 20_00)?])?;
    let transfer = vec![withdraw("alice", 30_00)?, deposit("bob", 30_00)?];
    let transfer = store.append(transfer)?;

    // One account, the other, and the whole bank, in one pass over the log.
    let alice = store.projector_with::<Balance>(ProjectorOptions::new().stream(("bank", "alice")))?;
    let bob = store.projector_with::<Balance>(ProjectorOptions::new().stream(("bank", "bob")))?;
    let turnover = store.projector::<Turnover>()?;
    let head = catch_up_all(&[&alice, &bob, &turnover])?;
    println!(
        "at position {head}: alice {}, bob {}, turnover {}",
        money(alice.read_with(Staleness::ANY)?.cents),
        money(bob.read_with(Staleness::ANY)?.cents),
        money(turnover.read_with(Staleness::ANY)?.cents)
    );
    println!(
        "before the transfer, at position {}: alice {}",
        opening.last(),
        money(alice.at(opening.last())?.cents)
    );

    // The writer reads its own write; a reader that can do with an older state says so.
    let paid = store.append(withdraw("alice", 25_00)?)?;
    let lagging = alice.read_with(Staleness::positions(1))?;
    println!("{} behind: alice {}", lagging.behind(), money(lagging.cents));
    println!(
        "read her own write: alice {}",
        money(alice.wait_for(paid.last(), Duration::from_secs(1))?.cents)
    );

    // The new version refuses the debt. It stops there, or puts the event aside for a person to look at.
    let strict = store.projector_with::<Statement>(ProjectorOptions::new().stream(("bank", "alice")))?;
    if let Err(stopped) = strict.read() {
        println!("v2 as a strict one: {stopped}");
    }
    let project = ProjectorOptions::new().stream(("bank", "alice")).poison(Poison::Park(10));
    let statement = store.projector_with::<Statement>(project)?.with_previous(alice)?;
    let answer = |when: &str| -> Result<()> {
        let reading = statement.read()?;
        let (version, parked) = (reading.version(), reading.parked());
        let lowest = reading.lowest.map_or_else(|| "unknown".to_owned(), money);
        println!("{when}: v{version} says {}, lowest {lowest}, {parked} put aside", money(reading.cents));
        Ok(())
    };
    answer("v2 not built yet")?;
    while !statement.catch_up(1)? {
        answer("v2 being built")?;
    }
    answer("v2 built")?;
    for parked in statement.parked() {
        println!("put aside: position {}, {}", parked.position, parked.reason);
    }
    println!("the transfer was at positions {} and {}", transfer.first(), transfer.last());
    Ok(())
}
