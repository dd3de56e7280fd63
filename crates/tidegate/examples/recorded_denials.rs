//! A set of gates with a context of the caller's, judged all, whose denials are recorded as events.
//!
//! `cargo run --release -p tidegate --example recorded_denials`

use tidegate::decide::{Denial, GateSet, Outcome, Verdict, gate};
use tidegate::{Draft, QueryItem, Result, Store};

/// Who asks.
struct Clerk {
    name: &'static str,
    limit: usize,
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let known = gate("known clerk", |proposal: &tidegate::decide::Proposal<'_, Clerk>, _| {
        let known = ["ada", "bob"].contains(&proposal.context.name);
        Ok(if known { Verdict::Allow } else { Verdict::Deny(Denial::new("UNKNOWN", "unknown clerk")) })
    });
    let within = gate("within limit", |proposal: &tidegate::decide::Proposal<'_, Clerk>, _| {
        let (asked, limit) = (proposal.drafts.len(), proposal.context.limit);
        let denial = Denial::new("OVER_LIMIT", "too many orders at once").field("asked", asked);
        Ok(if asked <= limit { Verdict::Allow } else { Verdict::Deny(denial.field("limit", limit)) })
    });
    let gates = GateSet::new().and(known).and(within).judging_all().recording_denials();

    for clerk in [Clerk { name: "ada", limit: 2 }, Clerk { name: "eve", limit: 1 }] {
        let orders: Vec<_> =
            (1..=2).map(|n| Draft::new(("shop", format!("{}-{n}", clerk.name)), "order.placed")).collect();
        match store.propose(&clerk, orders, &gates)? {
            Outcome::Committed(receipt) => {
                println!("{}: positions {} to {}", clerk.name, receipt.first(), receipt.last());
            }
            Outcome::Denied(denied) => println!("{}: {denied}", clerk.name),
        }
    }
    println!("\nwhat the log says of it:");
    for event in store.read(&QueryItem::new().kind("tidegate.denied").into())? {
        let event = event?;
        println!("{} {}: {}", event.position(), event.kind(), String::from_utf8_lossy(event.payload()?));
    }
    Ok(())
}
