//! Rows of subscriptions: from the call of an append to its delivery, and what waiting costs.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tidegate::{AppendOptions, Position, Query, Store};

use crate::Failure;
use crate::log::draft;
use crate::row::{Aim, Row, quantile};
use crate::sample::Sample;
use crate::settings::Settings;

/// The pause between two appends, after which all subscribers wait again.
const PAUSE: Duration = Duration::from_micros(500);
/// How long nothing happens while the processor time of waiting is measured.
const IDLE: Duration = Duration::from_secs(1);

/// Returns all rows of subscriptions that are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for subscribers in [1, 100] {
        let name = format!("delivery, {subscribers} subscribed");
        if settings.wants(&name) {
            eprintln!("{name}");
            rows.extend(delivery(settings, place, subscribers, &name)?);
        }
    }
    Ok(rows)
}

fn delivery(settings: &Settings, place: &Path, subscribers: usize, name: &str) -> Result<Vec<Row>, Failure> {
    let directory = tempfile::tempdir_in(place)?;
    let store = Store::open(directory.path())?;
    let appends = settings.reads / 10;
    let start = Instant::now();
    let sent: Vec<AtomicU64> = (0..=appends).map(|_| AtomicU64::new(0)).collect();
    let delays = Mutex::new(Vec::new());
    let mut idle = 0.0;
    std::thread::scope(|scope| -> Result<(), Failure> {
        for _ in 0..subscribers {
            let subscription = store.subscribe(Query::ALL, Position::START);
            let (sent, delays) = (&sent, &delays);
            scope.spawn(move || {
                let mut own = Vec::new();
                for event in subscription.map_while(Result::ok) {
                    let at = sent[event.position().0 as usize].load(Ordering::Acquire);
                    own.push((start.elapsed().as_nanos() as u64 - at) as f64 / 1e3);
                }
                delays.lock().expect("no thread panics while holding the lock").extend(own);
            });
        }
        for (number, sent) in sent.iter().enumerate().skip(1) {
            std::thread::sleep(PAUSE);
            let draft = draft(Sample::new(number as u64, settings.entities));
            sent.store(start.elapsed().as_nanos() as u64, Ordering::Release);
            store.append_with(draft, AppendOptions::new().buffered())?;
        }
        std::thread::sleep(PAUSE);
        let before = processor_time();
        std::thread::sleep(IDLE);
        idle = processor_time() - before;
        store.close()?;
        Ok(())
    })?;
    let mut delays = delays.into_inner().expect("no thread panics while holding the lock");
    let aim = if subscribers == 1 { Aim::Below(50.0) } else { Aim::None };
    Ok(vec![
        Row::alone(&format!("{name}, median"), "us", quantile(&mut delays, 0.5), aim),
        Row::alone(&format!("{name}, 99 of 100"), "us", quantile(&mut delays, 0.99), Aim::None),
        Row::alone(&format!("{name}, processor when idle"), "ms/s", idle * 1e3, Aim::Below(1.0)),
    ])
}

/// Seconds of processor time that the program has used.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
