//! An order saga: one order, its payment, its stock and two shipments, one of which fails and is sent again on
//! another way. It prints what the customer waited for, and draws the picture.
//!
//! `cargo run --release -p tidegate-draw --example order_saga -- saga.svg`

use std::sync::Arc;

use tidegate::graph::Selection;
use tidegate::{Draft, Position, Result, Store, StoreOptions, StreamId};
use tidegate_disk::{Env, MemoryDisk, SeededRandom, SimulatedClock};
use tidegate_draw::{Picture, Style};

const MINUTE: u64 = 60_000_000;
const HOUR: u64 = 60 * MINUTE;

/// A store in memory whose time is moved by hand, so that the saga is the same each time.
struct Shop {
    store: Store,
    clock: SimulatedClock,
}

impl Shop {
    fn open() -> Result<Self> {
        // 2026-03-02 at 09:00 UTC.
        let clock = SimulatedClock::new(1_772_442_000_000_000);
        let world = Env {
            disk: Arc::new(MemoryDisk::new()),
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(7)),
        };
        Ok(Self { store: StoreOptions::new().open_in(world)?, clock })
    }

    /// Some time later something happens, because of what happened before.
    fn later(
        &self,
        micros: u64,
        what: impl Into<StreamId>,
        kind: &'static str,
        causes: &[Position],
    ) -> Result<Position> {
        self.clock.advance(micros);
        let draft = causes.iter().fold(Draft::new(what, kind), |draft, cause| draft.cause(*cause));
        Ok(self.store.append(draft)?.first())
    }
}

/// A shop with the saga in it, and the event that ends the saga.
pub(crate) struct Saga {
    shop: Shop,
    end: Position,
}

/// Lets it all happen, and gives the last event.
fn saga(shop: &Shop) -> Result<Position> {
    let order = || StreamId::new("shop", "order-7");
    // Each shipment is a branch of the order of its own.
    let (books, lamp) = (|| order().lane(1), || order().lane(2));
    let payment = ("shop", "payment-7");

    let placed = shop.later(0, order(), "order.placed", &[])?;
    let asked = shop.later(MINUTE, payment, "payment.requested", &[placed])?;
    let reserved = shop.later(2 * MINUTE, ("shop", "stock-books"), "stock.reserved", &[placed])?;
    let missing = shop.later(MINUTE, ("shop", "stock-lamps"), "stock.missing", &[placed])?;
    let taken = shop.later(9 * MINUTE, payment, "payment.taken", &[asked])?;
    let ready = shop.later(MINUTE, order(), "order.accepted", &[taken, reserved])?;

    let first = shop.later(3 * HOUR, books(), "shipment.sent", &[ready])?;
    let refilled = shop.later(20 * HOUR, ("shop", "stock-lamps"), "stock.refilled", &[missing])?;
    let second = shop.later(2 * HOUR, lamp(), "shipment.sent", &[ready, refilled])?;
    let arrived = shop.later(4 * HOUR, books(), "shipment.delivered", &[first])?;
    let lost = shop.later(26 * HOUR, lamp(), "shipment.failed", &[second])?;
    let again = shop.later(5 * HOUR, lamp(), "shipment.sent", &[lost])?;
    let sorry = shop.later(MINUTE, payment, "payment.refunded", &[lost, taken])?;
    let there = shop.later(22 * HOUR, lamp(), "shipment.delivered", &[again])?;
    shop.later(2 * MINUTE, order(), "order.completed", &[arrived, there, sorry])
}

/// Tells the saga, and draws everything that led to its end.
pub(crate) fn draw() -> Result<(Saga, Picture)> {
    let shop = Shop::open()?;
    let end = saga(&shop)?;
    let style = Style { focus: vec![end], ..Style::default() };
    let picture = Picture::of(&shop.store.view()?.graph(), &Selection::history(&[end]), &style)?;
    Ok((Saga { shop, end }, picture))
}

/// Prints the way to an event that took the longest: what was waited for.
fn print_critical_path(saga: &Saga) -> Result<()> {
    let view = saga.shop.store.view()?;
    println!("What the customer waited for:\n");
    let hops = view.graph().critical_path(saga.end)?;
    for hop in &hops {
        let event = view.at(hop.event)?.expect("the graph knows only events of its view");
        println!("  {:>9}  {:<19} {}", waited(hop.waited), event.kind(), event.stream());
    }
    let all = hops.iter().map(|hop| hop.waited).sum();
    println!("  ---------\n  {:>9}  in all\n", waited(all));
    Ok(())
}

fn waited(micros: u64) -> String {
    let (hours, minutes) = (micros / HOUR, micros % HOUR / MINUTE);
    if hours > 0 { format!("{hours} h {minutes:>2} m") } else { format!("{minutes} m") }
}

#[expect(clippy::disallowed_methods, reason = "an example is a caller, and callers have files")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (saga, picture) = draw()?;
    print_critical_path(&saga)?;
    println!("What led to what, for a page that shows Mermaid:\n\n{}", picture.mermaid());
    let file =
        std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("order_saga.svg"), Into::into);
    std::fs::write(&file, picture.svg())?;
    println!("The same as SVG: {}", file.display());
    Ok(())
}
