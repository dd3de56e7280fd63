//! Rows of projections: folding the history, and reading on after it has grown a little.

use std::hint::black_box;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tidegate::project::{Projection, ProjectorOptions};
use tidegate::{AppendOptions, Event, Query, RecordedEvent, Result, Store};

use crate::Failure;
use crate::history::History;
use crate::log::draft;
use crate::row::{Aim, Row, in_rounds, quantile, seconds};
use crate::sample::Sample;
use crate::settings::Settings;

/// Counts events and bytes, without a look into payloads.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Bytes {
    events: u64,
    bytes: u64,
}

impl Projection for Bytes {
    const NAME: &'static str = "bench.bytes";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::ALL
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.events += 1;
        self.bytes += event.payload()?.len() as u64;
        Ok(())
    }
}

/// What the fold of values looks at; a payload says more.
#[derive(Serialize, Deserialize)]
struct Amount {
    amount_cents: i64,
}

#[derive(Event)]
enum Posted {
    #[event(kind = "account.credited")]
    Credited(Amount),
    #[event(kind = "account.debited")]
    Debited(Amount),
    #[event(kind = "account.frozen")]
    Frozen(Amount),
    #[event(kind = "account.opened")]
    Opened(Amount),
    #[event(kind = "card.charged")]
    Charged(Amount),
    #[event(kind = "card.refunded")]
    Refunded(Amount),
    #[event(kind = "loan.drawn")]
    Drawn(Amount),
    #[event(kind = "loan.repaid")]
    Repaid(Amount),
}

/// A total of all amounts, each decoded.
#[derive(Clone, Default, Serialize, Deserialize, Projection)]
#[projection(name = "bench.total", version = 1, on(Posted => posted))]
struct Total {
    cents: i64,
}

impl Total {
    fn posted(&mut self, posted: Posted) {
        let (Posted::Credited(amount)
        | Posted::Debited(amount)
        | Posted::Frozen(amount)
        | Posted::Opened(amount)
        | Posted::Charged(amount)
        | Posted::Refunded(amount)
        | Posted::Drawn(amount)
        | Posted::Repaid(amount)) = posted;
        self.cents += amount.amount_cents;
    }
}

/// Returns all rows of projections that are asked for. They come after those of reading, for the log grows here.
pub(crate) fn rows(
    settings: &Settings,
    history: &History,
    place: &Path,
) -> std::result::Result<Vec<Row>, Failure> {
    const NAMES: [&str; 4] = [
        "fold, of events",
        "fold, of typed values",
        "fold, of one stream of 100000",
        "fold, second read after 10 more events, median",
    ];
    let mut rows = Vec::new();
    if !NAMES.iter().any(|name| settings.wants(name)) {
        return Ok(rows);
    }
    eprintln!("folds");
    let scan = || scan(&history.store, &Query::ALL);
    let pairs = in_rounds(settings.rounds, scan, || fold::<Bytes>(&history.store, unsaved()))?;
    rows.push(Row::of_speeds(NAMES[0], "events/s", &pairs, Aim::Ratio(0.5)));
    let pairs = in_rounds(settings.rounds, scan, || fold::<Total>(&history.store, unsaved()))?;
    rows.push(Row::of_speeds(NAMES[1], "events/s", &pairs, Aim::None));
    if settings.wants(NAMES[2]) {
        rows.push(one_stream(NAMES[2], settings, place)?);
    }
    let second = second_reads(settings, history)? * 1e6;
    rows.push(Row::alone(NAMES[3], "us", second, Aim::Below(50.0)));
    rows.retain(|row| settings.wants(&row.name));
    Ok(rows)
}

/// Half of the events of a store are in one stream; the others are in streams of their own.
fn one_stream(name: &str, settings: &Settings, place: &Path) -> std::result::Result<Row, Failure> {
    const EVENTS: u64 = 100_000;
    const STREAM: (&str, &str) = ("bank", "the long one");
    let directory = tempfile::tempdir_in(place)?;
    let store = Store::open(directory.path())?;
    for first in (0..EVENTS).step_by(500) {
        let pairs = (first..first + 500).flat_map(|number| {
            let mut long = draft(Sample::new(number, settings.entities));
            long.stream = STREAM.into();
            [long, draft(Sample::new(EVENTS + number, settings.entities))]
        });
        store.append_with(pairs.collect::<Vec<_>>(), AppendOptions::new().buffered())?;
    }
    store.close()?;
    drop(store);
    let store = Store::open(directory.path())?;
    let project = || unsaved().stream(STREAM);
    let scan = || scan(&store, &Query::stream(STREAM));
    let pairs = in_rounds(settings.rounds, scan, || fold::<Bytes>(&store, project()))?;
    Ok(Row::of_speeds(name, "events/s", &pairs, Aim::Ratio(0.5)))
}

/// Returns the speed of a plain scan.
fn scan(store: &Store, query: &Query) -> std::result::Result<f64, Failure> {
    let view = store.view()?;
    let (time, counted) = seconds(|| {
        view.read(query).try_fold((0, 0), |(events, bytes), event| {
            Ok::<_, Failure>((events + 1, bytes + event?.payload()?.len()))
        })
    });
    let (events, bytes) = counted?;
    black_box(bytes);
    Ok(f64::from(events) / time)
}

/// Returns the speed of one fold of all that the projection is about.
fn fold<P: Projection>(store: &Store, options: ProjectorOptions) -> std::result::Result<f64, Failure> {
    let projector = store.projector_with::<P>(options.clone())?;
    let (time, reading) = seconds(|| projector.read());
    let head = store.view()?.head();
    if reading?.position() != head {
        return Err(format!("the fold does not end at position {head}").into());
    }
    let events = store.view()?.count(&options.stream.map_or(Query::ALL, Query::stream))?;
    Ok(events as f64 / time)
}

/// Returns the median time of a read after ten more events.
fn second_reads(settings: &Settings, history: &History) -> std::result::Result<f64, Failure> {
    let projector = history.store.projector_with::<Total>(unsaved())?;
    projector.read()?;
    let mut times = Vec::new();
    for round in 0..settings.reads.clamp(1, 2000) as u64 {
        let ten = (10 * round..10 * (round + 1)).map(|number| draft(Sample::new(number, settings.entities)));
        history.store.append_with(ten.collect::<Vec<_>>(), AppendOptions::new().buffered())?;
        let (time, reading) = seconds(|| projector.read());
        black_box(reading?.cents);
        times.push(time);
    }
    Ok(quantile(&mut times, 0.5))
}

fn unsaved() -> ProjectorOptions {
    ProjectorOptions::new().save_after(None)
}
