//! What a page could do that fetched a store's files: read them, and draw what led to what.

use std::sync::Arc;

use tidegate::graph::Selection;
use tidegate::testing::{Disk, Env, MemoryDisk, Mode, SeededRandom, SimulatedClock};
use tidegate::{Draft, Query, Result, StoreOptions, StoreReader};

/// Returns the files of a store that some other program wrote.
fn files() -> Result<Vec<(String, Vec<u8>)>> {
    let disk = MemoryDisk::new();
    let env = Env {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(SimulatedClock::new(1_700_000_000_000_000)),
        random: Arc::new(SeededRandom::new(1)),
    };
    let store = StoreOptions::new().thread(false).open_in(env)?;
    let placed = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    store.append(Draft::new(("shop", "order-7"), "order.paid").cause(placed.first()))?;
    store.close()?;
    let read = |name: &str| {
        let file = disk.open(name, Mode::Read).expect("it is there");
        let bytes = file.map(file.length().expect("it has a length")).expect("it is read");
        (name.to_owned(), bytes.to_vec())
    };
    let segments = disk.list("segments").expect("it is there");
    let segments = segments.iter().map(|name| read(&format!("segments/{name}")));
    Ok(segments.chain(["STORE", "WATERMARK"].map(read)).collect())
}

fn main() -> Result<()> {
    let reader = StoreReader::from_files(files()?)?;
    assert_eq!(reader.count(&Query::stream(("shop", "order-7")))?, 2);
    let view = reader.view()?;
    let picture = tidegate_draw::Picture::of(
        &view.graph(),
        &Selection::history(&[view.head()]),
        &tidegate_draw::Style::default(),
    )?;
    assert!(picture.svg().starts_with("<svg"));
    println!("read {} events and drew {}", reader.verify(|_| ())?.events, picture.events());
    Ok(())
}
