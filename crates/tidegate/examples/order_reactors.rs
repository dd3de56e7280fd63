//! An order saga: one reactor takes payments, another ships while there is stock, and nothing is done twice.
//!
//! `cargo run --release -p tidegate --example order_reactors`

use std::time::Duration;

use tidegate::decide::DecisionView;
use tidegate::subscription::cursor::{Change, CursorOptions};
use tidegate::subscription::reactor::{Reaction, Reactor, Step};
use tidegate::{Batch, Cause, Draft, Position, Query, QueryItem, RecordedEvent, Result, Store};

const STOCK: u64 = 2;

/// Payments are taken up to a limit. The bank's line is down for one customer.
fn take_payment(_: &DecisionView, order: &RecordedEvent) -> Reaction {
    let total: u64 = std::str::from_utf8(order.payload()?)?.parse()?;
    if order.tags().any(|tag| tag == "customer:dan") {
        return Err("the bank does not answer".into());
    }
    let kind = if total <= 100 { "payment.taken" } else { "payment.refused" };
    Ok(Some(
        Draft::new(("payments", order.entity().to_owned()), kind).bytes(order.payload()?.to_vec()).into(),
    ))
}

/// Ships a paid order while there is stock. What is read here still holds when the batch is committed, so
/// two workers never ship the last one twice.
fn ship(view: &DecisionView, payment: &RecordedEvent) -> Reaction {
    let order = payment.entity().to_owned();
    let shipped = view.count(&QueryItem::new().kind("stock.taken").into())?;
    if shipped >= STOCK {
        return Ok(Some(Draft::new(("payments", order), "payment.returned").into()));
    }
    let taken = Draft::new(("stock", "lamp"), "stock.taken");
    let sent = Draft::new(("parcels", order), "parcel.sent").cause(Cause::Draft(0));
    Ok(Some(Batch::new().and(taken).and(sent)))
}

/// Runs one reactor until it has nothing to do, and tells what it did.
fn run(name: &str, reactor: &Reactor<impl Fn(&DecisionView, &RecordedEvent) -> Reaction>) -> Result<usize> {
    let mut reactions = 0;
    loop {
        match reactor.step()? {
            Step::Reacted(receipt) => {
                reactions += 1;
                println!(
                    "{name:>9}: wrote {} event(s) at position {}",
                    receipt.events.len(),
                    receipt.first()
                );
            }
            Step::Known(at, first) => println!("{name:>9}: position {at} led to {first} already"),
            Step::Failed(failure) => println!("{name:>9}: {failure}"),
            Step::Passed(_) => {}
            Step::Idle | Step::Ended => return Ok(reactions),
        }
    }
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let orders = [("ada", 40), ("bob", 400), ("cyd", 30), ("dan", 20), ("eve", 10)];
    for (number, (customer, total)) in orders.iter().enumerate() {
        let order = Draft::new(("shop", format!("order-{}", number + 1)), "order.placed");
        store.append(order.bytes(total.to_string().into_bytes()).tag(format!("customer:{customer}")))?;
    }

    let twice = CursorOptions::new().max_attempts(2).retry_after(Duration::ZERO);
    let payments =
        store.reactor_with("payments", QueryItem::new().kind("order.placed"), twice.clone(), take_payment)?;
    let shipping = store.reactor_with("shipping", QueryItem::new().kind("payment.taken"), twice, ship)?;
    while run("payments", &payments)? + run("shipping", &shipping)? > 0 {}

    for parked in payments.cursor().parked() {
        println!("\nparked: position {} after {} tries: {}", parked.position, parked.attempts, parked.reason);
    }
    println!("\nBoth are sent back to the start, as if all their progress had been lost:");
    payments.cursor().change(Change::Rewind(Position::START))?;
    shipping.cursor().change(Change::Rewind(Position::START))?;
    run("payments", &payments)?;
    run("shipping", &shipping)?;

    println!("\nThe log, each event with the events that led to it:");
    for event in store.read(&Query::ALL)? {
        let event = event?;
        let causes: Vec<_> =
            event.causes().map(|cause| if let Cause::At(at) = cause { at.0 } else { 0 }).collect();
        println!(
            "{:>3}  {:<17} {:<18} {causes:?}",
            event.position(),
            event.kind(),
            event.stream().to_string()
        );
    }
    Ok(())
}
