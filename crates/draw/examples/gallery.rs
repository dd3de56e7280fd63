//! Pictures of fans, chains and merges at 10, 200 and 5,000 events, folded and not, to be looked at.
//!
//! `cargo run --release -p tidegate-draw --example gallery -- FOLDER`

use std::path::Path;

use tidegate::graph::Selection;
use tidegate::{Batch, Cause, Draft, Position, Query, Store};
use tidegate_draw::{Axis, Colour, Picture, Style};

/// An event by its entity, its kind and the numbers of its causes.
type Step = (String, &'static str, Vec<u32>);

/// An order with a number of parcels, each packed and sent, and one end.
fn fan(count: u32) -> Vec<Step> {
    let parcels = count.saturating_sub(2) / 2;
    let mut steps = vec![("order-7".to_owned(), "order.placed", vec![])];
    steps.extend((0..parcels).map(|at| (format!("parcel-{at}"), "parcel.packed", vec![0])));
    steps.extend((0..parcels).map(|at| (format!("parcel-{at}"), "parcel.sent", vec![at + 1])));
    steps.push(("order-7".to_owned(), "order.completed", (parcels + 1..=2 * parcels).collect()));
    steps
}

fn chain(count: u32) -> Vec<Step> {
    let kinds = ["step.begun", "step.checked", "step.done"];
    let causes = |at: u32| if at == 0 { vec![] } else { vec![at - 1] };
    (0..count).map(|at| ("machine-1".to_owned(), kinds[at as usize % 3], causes(at))).collect()
}

/// Mostly one cause, often two, among the events just before.
fn merges(count: u32) -> Vec<Step> {
    let mut state = 7_u64;
    let mut roll = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % below
    };
    let mut steps = vec![("author-0".to_owned(), "commit.authored", vec![])];
    for at in 1..count {
        let mut causes = vec![at - 1 - roll(at.min(4))];
        if roll(100) < 25 {
            causes.push(at - 1 - roll(at.min(20)));
        }
        let kind = if causes.len() > 1 { "commit.merged" } else { "commit.authored" };
        steps.push((format!("author-{}", roll(5)), kind, causes));
    }
    steps
}

/// One event with causes of different kinds.
fn hub(count: u32) -> Vec<Step> {
    let kinds =
        ["order.placed", "payment.taken", "stock.reserved", "parcel.sent", "mail.sent", "invoice.sent"];
    let mut steps: Vec<Step> =
        (0..count).map(|at| (format!("stream-{at}"), kinds[at as usize % 6], vec![])).collect();
    steps.push(("day-1".to_owned(), "day.closed", (0..count).collect()));
    steps
}

fn draw(steps: &[Step], style: &Style) -> tidegate::Result<Picture> {
    let store = Store::in_memory()?;
    for (at, (entity, kind, causes)) in steps.iter().enumerate() {
        let draft = Draft::new(("shop", entity.clone()), *kind).json_text(format!("{{\"number\":{at}}}"));
        let causes = causes.iter().map(|cause| Cause::At(Position(u64::from(*cause) + 1)));
        store.append(Batch::from(causes.fold(draft, Draft::cause)))?;
    }
    Picture::of(&store.view()?.graph(), &Selection::from(Query::ALL), style)
}

#[expect(clippy::disallowed_methods, reason = "an example is a caller, and callers have files")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("say a folder for the pictures")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let plain = Style::default;
    let whole = || Style { fold_from: usize::MAX, fan_from: usize::MAX, ..Style::default() };
    let labelled = Style { label: Some("number {/number} of {entity}".parse()?), ..plain() };
    for (name, steps, style) in [
        ("fan-10", fan(10), plain()),
        ("fan-200", fan(200), plain()),
        ("fan-5000", fan(5_000), plain()),
        ("fan-42-whole", fan(42), whole()),
        ("chain-10", chain(10), plain()),
        ("chain-200", chain(200), plain()),
        ("chain-5000", chain(5_000), plain()),
        ("chain-10-time", chain(10), Style { axis: Axis::Time, ..plain() }),
        ("merges-10", merges(10), labelled),
        ("merges-60", merges(60), plain()),
        ("merges-200", merges(200), plain()),
        ("merges-5000", merges(5_000), Style { focus: vec![Position(4_000)], ..plain() }),
        ("merges-40-streams", merges(40), Style { colour: Colour::Stream, ..plain() }),
        ("hub-30", hub(30), plain()),
        ("hub-110", hub(110), plain()),
        ("hub-110-whole", hub(110), whole()),
    ] {
        let picture = draw(&steps, &style)?;
        let layout = picture.layout();
        println!("{name}: {} in {} x {}", picture.summary(), layout.width, layout.height);
        std::fs::write(folder.join(format!("{name}.svg")), picture.svg())?;
    }
    Ok(())
}
