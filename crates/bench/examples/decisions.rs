//! Decisions beside plain appends, in one run: a decision reads the events with one tag and appends one.
//!
//! `cargo run --release -p tidegate-bench --example decisions -- [EVENTS] [DIR]` fills a store with so many events
//! (1 million if left out) in a directory of its own, and alternates the rows it compares.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidegate::{Append, Draft, Item, Options, Query, Read, Result, Store};

/// How long each slice of a row runs, and how many there are of each.
const SLICE: Duration = Duration::from_millis(400);
const SLICES: usize = 7;
/// Decisions on one tag before the next one is taken, so that a boundary stays as small as it is.
const EACH: u64 = 10;

/// What callers do, again and again.
#[derive(Clone, Copy)]
enum Work {
    /// Append an event without a condition.
    Append,
    /// Decide over tags of the caller's own.
    Own,
    /// Decide over the same tags as everybody.
    Shared,
}

/// Appends a second, and decisions judged again for each that was committed.
#[derive(Clone, Copy, Default)]
struct Rate {
    appends: f64,
    again: f64,
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
    let store = Store::open(directory, Options::default())?;
    for first in (0..events).step_by(1000) {
        let batch: Vec<_> =
            (first..(first + 1000).min(events)).map(|n| draft(n, format!("old:{}", n / 10))).collect();
        store.append(batch, Append::buffered())?;
    }
    store.wait_durable(store.frontier().written, Duration::from_secs(60))?;
    Ok(store)
}

fn measure(store: &Store, events: u64) -> Result<()> {
    println!("{events} events; medians of {SLICES} slices of {SLICE:?}, synced");
    println!("{:<34} {:>10} {:>9} {:>16}", "row", "appends/s", "of plain", "judged again");
    for callers in [1, 64] {
        let rows = [
            ("plain append", Work::Append),
            ("decision, own tags", Work::Own),
            ("decision, same tags", Work::Shared),
        ];
        let mut rates = [const { Vec::new() }; 3];
        for slice in 0..SLICES {
            for (row, (_, work)) in rows.iter().enumerate() {
                rates[row].push(run(store, callers, *work, slice as u64)?);
            }
        }
        let plain = rates[0].clone();
        for ((name, _), rates) in rows.iter().zip(&rates) {
            let appends = median(rates.iter().map(|rate| rate.appends));
            let ratio = median(rates.iter().zip(&plain).map(|(rate, plain)| rate.appends / plain.appends));
            let again = median(rates.iter().map(|rate| rate.again));
            println!(
                "{:<34} {appends:>10.0} {ratio:>9.2} {again:>16.3}",
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
    let (committed, judged, shared) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    let one = |caller: u64| -> Result<()> {
        for n in 0.. {
            if start.elapsed() > SLICE {
                break;
            }
            let boundary = match work {
                Work::Append | Work::Own => format!("new:{callers}:{slice}:{caller}:{}", n / EACH),
                Work::Shared => {
                    format!("all:{callers}:{slice}:{}", shared.load(Ordering::Relaxed) / EACH)
                }
            };
            if matches!(work, Work::Append) {
                store.append(draft(caller, boundary), Append::synced())?;
            } else {
                decide(store, caller, &boundary, &judged)?;
            }
            shared.fetch_add(1, Ordering::Relaxed);
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
    let again = judged.into_inner() as f64 / committed - 1.0;
    Ok(Rate { appends: committed / start.elapsed().as_secs_f64(), again: again.max(0.0) })
}

fn decide(store: &Store, caller: u64, boundary: &str, judged: &AtomicU64) -> Result<()> {
    let query = Query::from(Item::new().tag(boundary.to_owned()));
    let decided = store.decide(Append::synced(), |view| {
        judged.fetch_add(1, Ordering::Relaxed);
        // Read and not counted from the index: a decision usually looks into what it reads.
        let seen = view.read(&query, Read::all()).try_fold(0, |seen, event| event.map(|_| seen + 1))?;
        Ok(draft(caller + seen, boundary.to_owned()).into())
    })?;
    assert!(decided.receipt().is_some(), "nothing denies here");
    Ok(())
}
