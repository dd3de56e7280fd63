//! A payment that is sent again after its answer was lost: it is there once.
//!
//! `cargo run --release -p tidegate --example idempotent_retry`

use tidegate::{Append, Batch, Condition, Coordinate, Draft, Options, Result, Store, Version, batch};

fn main() -> Result<()> {
    let store = Store::in_memory(Options::default())?;
    let account = Coordinate::new("bank", "alice");
    let key = batch::key("payment", &["alice", "invoice-17"])?;
    let payment = |amount: &'static str| {
        Batch::from(Draft::new(account.clone(), "money.paid_out").json(amount))
            .only_if(Condition::Version(account.clone(), Version(0)))
            .key(key.clone())
    };

    let first = store.append(payment("70"), Append::default())?;
    println!("sent:        position {}", first.first());
    // The account has moved on, so the condition would fail now. The key is looked at first.
    let again = store.append(payment("70"), Append::default())?;
    println!("sent again:  position {}, the same receipt: {}", again.first(), again == first);
    let other = store.append(payment("90"), Append::default());
    match &other {
        Err(error) if error.conflict().is_some() => println!("other sum:   {error}"),
        Err(_) | Ok(_) => println!("other sum:   {other:?}"),
    }
    println!("events in the log: {}", store.view()?.head());
    Ok(())
}
