//! A gate attached to the store: whoever appends, no account goes below zero.
//!
//! `cargo run --release -p tidegate --example gate`

use tidegate::decide::{Denial, GateSet, Verdict, gate};
use tidegate::{Append, Draft, Event, Item, Options, Query, Result, Store};

/// What an event does to a balance.
fn amount(event: &Event) -> i64 {
    let amount = std::str::from_utf8(event.payload()).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if event.kind() == "money.paid_in" { amount } else { -amount }
}

fn main() -> Result<()> {
    let store = Store::in_memory(Options::default())?;
    let solvent = gate("solvent", |proposal, view| {
        for draft in proposal.drafts.iter().filter(|draft| draft.kind == "money.paid_out") {
            let account = Query::stream(draft.coordinate.clone());
            let balance = view.fold(&account, 0, |balance, event| Ok(balance + amount(event)))?;
            let wanted: i64 =
                std::str::from_utf8(&draft.payload).ok().and_then(|t| t.parse().ok()).unwrap_or(0);
            if balance < wanted {
                let denial = Denial::new("TOO_LITTLE", "the account does not hold that much");
                return Ok(Verdict::Deny(denial.field("balance", balance).field("wanted", wanted)));
            }
        }
        Ok(Verdict::Allow)
    });
    store.guard(Item::new().kind("money.*"), GateSet::new().and(solvent))?;

    let pay = |kind: &'static str, amount: &'static str| {
        store.append(Draft::new(("bank", "alice"), kind).json(amount), Append::default())
    };
    for (kind, amount) in [("money.paid_in", "100"), ("money.paid_out", "70"), ("money.paid_out", "70")] {
        match pay(kind, amount) {
            Ok(receipt) => {
                println!("{kind} {amount}: position {}, passed {:?}", receipt.first(), receipt.gates);
            }
            Err(error) => match error.denied() {
                Some(denied) => println!("{kind} {amount}: {denied}"),
                None => return Err(error),
            },
        }
    }
    Ok(())
}
