//! A gate attached to the store: no append takes an account below zero.
//!
//! `cargo run --release -p tidegate --example gate`

use tidegate::decide::{Denial, GateSet, Verdict, gate};
use tidegate::{Draft, Error, Query, QueryItem, RecordedEvent, Result, Store};

/// Returns the sum that a payload says. One that cannot be read is an error that refuses the batch,
/// and not a sum of nothing.
fn sum(payload: &[u8]) -> Result<i64> {
    let text = String::from_utf8_lossy(payload);
    text.parse().map_err(|cause| Error::invalid(format!("{text:?} is not a sum")).because(cause))
}

/// Returns what an event does to a balance.
fn amount(event: &RecordedEvent) -> Result<i64> {
    let sum = sum(event.payload()?)?;
    Ok(if event.kind() == "money.paid_in" { sum } else { -sum })
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let solvent = gate("solvent", |proposal, view| {
        for draft in proposal.drafts.iter().filter(|draft| draft.kind == "money.paid_out") {
            let account = Query::stream(draft.stream.clone());
            let balance = view.fold(&account, 0, |balance, event| Ok(balance + amount(event)?))?;
            let wanted = sum(&draft.payload)?;
            if balance < wanted {
                let denial = Denial::new("TOO_LITTLE", "the account does not hold that much");
                return Ok(Verdict::Deny(denial.field("balance", balance).field("wanted", wanted)));
            }
        }
        Ok(Verdict::Allow)
    });
    store.guard(QueryItem::new().kind("money.*"), GateSet::new().and(solvent))?;

    let pay = |kind: &'static str, amount: i64| -> Result<_> {
        store.append(Draft::new(("bank", "alice"), kind).json(&amount)?)
    };
    for (kind, amount) in [("money.paid_in", 100), ("money.paid_out", 70), ("money.paid_out", 70)] {
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
