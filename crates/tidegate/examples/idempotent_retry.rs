//! Requests that are sent again after their answer was lost: each is done once.
//!
//! `cargo run --release -p tidegate --example idempotent_retry`

use tidegate::decide::{Decision, Outcome};
use tidegate::{AppendOptions, Batch, Draft, Query, QueryItem, Result, Store, StreamId, batch};

/// Appends a payment as it is, so its key stands for its content.
fn pay(store: &Store, invoice: &str, amount: u32) -> Result<tidegate::Receipt> {
    let account = StreamId::new("bank", "alice");
    let payment = Batch::from(Draft::new(account, "money.paid_out").json(&amount)?);
    store.append(payment.key(batch::key_of_parts("payment", &["alice", invoice])?))
}

/// Decides about the last seat by what it reads, so the key is given with the call: it stands for the request, and
/// is looked at before the decision is asked.
fn reserve(store: &Store, request: &str) -> Result<Outcome> {
    store.decide_with(
        AppendOptions::new().key(batch::key_of_parts("reservation", &[request])?),
        |view| -> tidegate::Result<Decision> {
            if view.exists(&Query::from(QueryItem::new().tag("show:7")))? {
                return Ok(Decision::deny("SOLD_OUT", "the only seat is taken"));
            }
            Ok(Draft::new(("shows", "7"), "seat.reserved").tag("show:7").into())
        },
    )
}

fn show(what: &str, decided: &Outcome) {
    match decided {
        Outcome::Committed(receipt) => println!("{what}: a seat, at position {}", receipt.first()),
        Outcome::Denied(denied) => println!("{what}: {denied}"),
    }
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;

    let first = pay(&store, "invoice-17", 70)?;
    println!("paid:              position {}", first.first());
    let again = pay(&store, "invoice-17", 70)?;
    println!("paid again:        position {}, the same receipt: {}", again.first(), again == first);
    match pay(&store, "invoice-17", 90) {
        Err(error) if error.conflict().is_some() => println!("another sum:       {error}"),
        other => println!("another sum:       {:?}", other?),
    }

    let first = reserve(&store, "request-1")?;
    show("reserved          ", &first);
    // Asked again it would see its own seat and say SOLD_OUT.
    let again = reserve(&store, "request-1")?;
    show("reserved again    ", &again);
    println!("the same answer:   {}", again == first);
    show("another request   ", &reserve(&store, "request-2")?);

    println!("events in the log: {}", store.view()?.head());
    Ok(())
}
