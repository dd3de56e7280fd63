//! Decisions beside plain appends, in one run: a decision reads the newest event with a tag and appends one more.
//!
//! `cargo run --release -p tidegate-bench --example decisions -- [EVENTS] [DIR]` fills a store with EVENTS events
//! (1 million if left out) in a directory of its own, and alternates the rows it compares.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidegate::{AppendOptions, Draft, Query, QueryItem, ReadOptions, Result, Store};

/// How long each slice of a row runs, and how many there are of each.
const SLICE: Duration = Duration::from_millis(400);
const SLICES: usize = 7;
/// How many callers decide at once.
const CALLERS: [u64; 5] = [1, 4, 16, 64, 256];

/// What callers do, again and again.
#[derive(Clone, Copy)]
enum Work {
    /// Append an event without a condition.
    Append,
    /// Decide over a tag of the caller's own.
    Own,
    /// All callers decide over one tag.
    Shared,
}

/// Appends a second, and calls of the closure for each that was committed.
#[derive(Clone, Copy, Default)]
struct Rate {
    appends: f64,
    calls: f64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let events = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let place = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let directory = place.join(format!("tidegate-decisions-{}", std::process::id()));
    let measured = fill(&directory, events).and_then(|store| measure(&store, events));
    if let Err(cause) = std::fs::remove_dir_all(&directory) {
        eprintln!("{} stays behind: {cause}", directory.display());
    }
    measured
}

fn draft(entity: u64, tag: String) -> Draft {
    Draft::new(("bench", format!("entity-{}", entity % 10_000)), "thing.done").bytes(vec![7; 150]).tag(tag)
}

fn fill(directory: &std::path::Path, events: u64) -> Result<Store> {
    let store = Store::open(directory)?;
    for first in (0..events).step_by(1000) {
        let batch: Vec<_> =
            (first..(first + 1000).min(events)).map(|n| draft(n, format!("old:{}", n / 10))).collect();
        store.append_with(batch, AppendOptions::new().buffered())?;
    }
    store.wait_durable(store.frontier().written, Duration::from_secs(60))?;
    Ok(store)
}

fn measure(store: &Store, events: u64) -> Result<()> {
    println!("{events} events; medians of {SLICES} slices of {SLICE:?}, synced");
    println!("{:<34} {:>10} {:>9} {:>9} {:>16}", "row", "appends/s", "of plain", "of own", "calls a commit");
    for callers in CALLERS {
        let rows = [
            ("plain append", Work::Append),
            ("decision, own tags", Work::Own),
            ("decision, one tag", Work::Shared),
        ];
        let mut rates = [const { Vec::new() }; 3];
        for slice in 0..SLICES {
            for (row, (_, work)) in rows.iter().enumerate() {
                rates[row].push(run(store, callers, *work, slice as u64)?);
            }
        }
        let [plain, own, _] = &rates;
        for ((name, _), rates) in rows.iter().zip(&rates) {
            let appends = median(rates.iter().map(|rate| rate.appends));
            let beside = |floor: &[Rate]| {
                median(rates.iter().zip(floor).map(|(rate, floor)| rate.appends / floor.appends))
            };
            let (of_plain, of_own) = (beside(plain), beside(own));
            let calls = median(rates.iter().map(|rate| rate.calls));
            println!(
                "{:<34} {appends:>10.0} {of_plain:>9.2} {of_own:>9.2} {calls:>16.3}",
                format!("{callers} callers, {name}")
            );
        }
    }
    Ok(())
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn run(store: &Store, callers: u64, work: Work, slice: u64) -> Result<Rate> {
    let (committed, judged) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    let one = |caller: u64| -> Result<()> {
        let boundary = match work {
            Work::Append | Work::Own => format!("new:{callers}:{slice}:{caller}"),
            Work::Shared => format!("all:{callers}:{slice}"),
        };
        while start.elapsed() < SLICE {
            if matches!(work, Work::Append) {
                store.append_with(draft(caller, boundary.clone()), AppendOptions::new().synced())?;
            } else {
                decide(store, caller, &boundary, &judged)?;
            }
            committed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let one = &one;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|caller| scope.spawn(move || one(caller))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no caller panics"))
    })?;
    let committed = committed.into_inner() as f64;
    let calls = judged.into_inner() as f64 / committed;
    Ok(Rate { appends: committed / start.elapsed().as_secs_f64(), calls })
}

fn decide(store: &Store, caller: u64, boundary: &str, judged: &AtomicU64) -> Result<()> {
    let query = Query::from(QueryItem::new().tag(boundary.to_owned()));
    let decided = store.decide_with(
        AppendOptions::new().synced(),
        |view| -> tidegate::Result<tidegate::decide::Decision> {
            judged.fetch_add(1, Ordering::Relaxed);
            let newest =
                view.read_with(&query, ReadOptions::new().backwards(true).limit(1)).next().transpose()?;
            let seen = newest.map_or(0, |event| event.version().0);
            Ok(draft(caller + seen, boundary.to_owned()).into())
        },
    )?;
    assert!(decided.receipt().is_some(), "nothing denies here");
    Ok(())
}
