//! A program of a stranger: it has nothing but the published crates, and uses something of each that is meant for programs.

use tidegate::graph::Selection;
use tidegate::{Draft, Event, Query, Store};

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event(kind = "order.placed")]
struct Placed {
    total: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("tidegate-packages-{}", std::process::id()));
    let store = Store::open(&directory)?;
    let placed = store.append(Placed { total: 12 }.draft(("shop", "order-7"))?)?;
    let paid = store.append(Draft::new(("shop", "order-7"), "order.paid").cause(placed.first()))?;
    assert_eq!(store.count(&Query::ALL)?, 2);
    assert_eq!(store.proofs().root(0)?, tidegate_proof::tree::empty_root());

    let view = store.view()?;
    let selection = Selection::history(&[paid.last()]);
    let picture = tidegate_draw::Picture::of(&view.graph(), &selection, &tidegate_draw::Style::default())?;
    assert!(picture.svg().starts_with("<svg"));
    let event = view.at(paid.last())?.ok_or("it was appended")?;
    assert!(tidegate_json::event_to_json(&event, &view)?.contains("order.paid"));
    assert_eq!(paid.last(), tidegate_format::Position(2));

    drop((view, event));
    store.close()?;
    drop(store);
    std::fs::remove_dir_all(directory)?;
    Ok(())
}
