//! The main job on an embedded store: open, append, read back, and see that all of it survived.
//!
//! `cargo run --release -p tidegate --example quickstart` uses a directory of its own and removes it;
//! with a directory as argument it keeps it, and goes on there the next time.

use serde::Serialize;
use tidegate::{Batch, Cause, Draft, Query, Result, Store};

#[derive(Serialize)]
struct Order {
    item: &'static str,
    price: u32,
}

fn main() -> Result<()> {
    let kept = std::env::args().nth(1);
    let temporary = std::env::temp_dir().join(format!("tidegate-quickstart-{}", std::process::id()));
    let directory = kept.as_ref().map_or(temporary.as_path(), std::path::Path::new);

    let store = Store::open(directory)?;
    println!("opened {}: {}", directory.display(), store.report());

    // One event, synced before `append` returns.
    let order = format!("order-{}", store.frontier().visible.0 + 1);
    let stream = ("shop", order);
    let draft = Draft::new(stream.clone(), "order.placed").json(&Order { item: "tide table", price: 12 })?;
    let placed = store.append(draft.tag("customer:c1"))?;

    // Two events, all or nothing, each naming what led to it.
    let batch = Batch::new()
        .and(Draft::new(stream.clone(), "order.paid").cause(placed.first()))
        .and(Draft::new(stream.clone(), "order.shipped").cause(Cause::Draft(0)));
    let receipt = store.append(batch)?;
    println!("appended positions {} to {}", placed.first(), receipt.last());
    store.close()?;

    // Another handle, as after a restart: what was acknowledged is there.
    let store = Store::open(directory)?;
    for event in store.read(&Query::stream(stream))? {
        let event = event?;
        println!("{:>4}  v{}  {}  {}", event.position(), event.version(), event.kind(), event.leaf());
    }
    let verified = store.verify(|_| ())?;
    println!("verified {} events in {} streams: {}", verified.events, verified.streams, store.report());
    store.close()?;
    // Some systems do not remove what is still mapped.
    drop(store);
    if kept.is_none() {
        #[expect(clippy::disallowed_methods, reason = "the example tidies up after itself")]
        let removed = std::fs::remove_dir_all(&temporary);
        if let Err(cause) = removed {
            eprintln!("{} stays behind: {cause}", temporary.display());
        }
    }
    Ok(())
}
