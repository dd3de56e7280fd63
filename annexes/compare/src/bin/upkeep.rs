//! What upkeep costs: erasing, backups and restores of a large store, the bytes they write, and what appends beside them lose; with
//! the online backup of `SQLite` over as many rows in the same run.
#![allow(clippy::disallowed_methods, reason = "a program outside the store measures time")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rusqlite::{Connection, backup::Backup};
use tidegate::report::Erase;
use tidegate::report::backup::{FolderTarget, RestoreOptions, RestoreUntil, Shipper, back_up, restore};
use tidegate::{AppendOptions, Batch, Draft, Position, Query, Store, StoreReader};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Events of a batch while the store is filled.
const BATCH: u64 = 1000;
/// Payloads that are erased at once, spread over the whole store.
const ERASED: u64 = 1000;
/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 120;
/// How long appends are measured that nothing runs beside.
const ALONE: Duration = Duration::from_secs(5);

/// Measures erasing, backups and restores of a store of many events, and SQLite's online backup
#[derive(Parser, Debug)]
struct Settings {
    /// Events of the store, and rows of the table
    #[arg(default_value_t = 1_000_000)]
    events: u64,
    /// Where the stores are made; it is removed afterwards
    #[arg(long, default_value = "target/upkeep-figures")]
    directory: PathBuf,
    /// A directory on another file system, for backups that are copies and not links
    #[arg(long)]
    other: Option<PathBuf>,
}

/// Appends that ran beside something.
#[derive(Clone, Copy, Debug, Default)]
struct Beside {
    appends: u64,
    seconds: f64,
    longest: Duration,
}

impl Beside {
    fn rate(self) -> f64 {
        if self.seconds > 0.0 { self.appends as f64 / self.seconds } else { 0.0 }
    }
}

/// What a row says.
#[derive(Debug)]
struct Row {
    what: String,
    seconds: f64,
    written: u64,
    beside: Option<Beside>,
}

/// The rows, and what appends do alone.
#[derive(Debug, Default)]
struct Table {
    alone: f64,
    rows: Vec<Row>,
}

impl Table {
    /// Measures something.
    fn row<T>(&mut self, what: &str, act: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let (before, begun) = (written(), Instant::now());
        let done = act()?;
        self.add(Row {
            what: what.to_owned(),
            seconds: begun.elapsed().as_secs_f64(),
            written: written().saturating_sub(before),
            beside: None,
        });
        Ok(done)
    }

    /// Measures something while `append` is called again and again.
    fn beside<T: Send>(
        &mut self,
        what: &str,
        mut append: impl FnMut() -> Outcome,
        act: impl FnOnce() -> Result<T, String> + Send,
    ) -> Outcome<T> {
        let (before, is_over) = (written(), AtomicBool::new(false));
        let (done, seconds, beside) = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let begun = Instant::now();
                let done = act();
                let seconds = begun.elapsed().as_secs_f64();
                is_over.store(true, Ordering::Release);
                (done, seconds)
            });
            let beside = appends(&mut append, || is_over.load(Ordering::Acquire));
            let (done, seconds) = worker.join().map_err(|_| "it panicked")?;
            Outcome::Ok((done?, seconds, beside?))
        })?;
        let written = written().saturating_sub(before);
        self.add(Row { what: what.to_owned(), seconds, written, beside: Some(beside) });
        Ok(done)
    }

    fn add(&mut self, row: Row) {
        let Row { what, seconds, written, beside } = &row;
        let megabytes = *written as f64 / 1e6;
        print!("| {what} | {seconds:.3} s | {megabytes:.1} MB |");
        match beside {
            None => println!(" | |"),
            Some(beside) => {
                let (rate, longest) = (beside.rate(), beside.longest.as_secs_f64() * 1000.0);
                let lost = if self.alone > 0.0 { (1.0 - rate / self.alone) * 100.0 } else { 0.0 };
                println!(" {rate:.0}/s, {lost:.0} % less | {longest:.1} ms |");
            }
        }
        self.rows.push(row);
    }
}

/// Appends until it is over.
fn appends(append: &mut impl FnMut() -> Outcome, is_over: impl Fn() -> bool) -> Outcome<Beside> {
    let (begun, mut beside) = (Instant::now(), Beside::default());
    while !is_over() {
        let one = Instant::now();
        append()?;
        beside.longest = beside.longest.max(one.elapsed());
        beside.appends += 1;
    }
    beside.seconds = begun.elapsed().as_secs_f64();
    Ok(beside)
}

/// Bytes that this process handed to the system to be written, as far as it says.
fn written() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_default()
}

fn payload(number: u64) -> Vec<u8> {
    let mut payload = format!("{{\"number\":{number},\"text\":\"").into_bytes();
    payload.resize(PAYLOAD_BYTES - 2, b'a' + (number % 26) as u8);
    payload.extend_from_slice(b"\"}");
    payload
}

/// Returns an event. A few have one of the tags by which payloads are erased.
fn event(number: u64, events: u64) -> Draft {
    let stream = ("shop", format!("order-{}", number % 10_000));
    let draft =
        Draft::new(stream, "order.changed").bytes(payload(number)).tag(format!("day:{}", number / 10_000));
    let every = (events / ERASED).max(4);
    match number % every {
        0 => draft.tag("erased:alone"),
        2 => draft.tag("erased:beside"),
        _ => draft,
    }
}

fn fill(store: &Store, numbers: std::ops::Range<u64>, events: u64) -> Outcome {
    for first in numbers.clone().step_by(BATCH as usize) {
        let drafts: Vec<_> =
            (first..numbers.end.min(first + BATCH)).map(|number| event(number, events)).collect();
        store.append_with(Batch::from(drafts), AppendOptions::new().buffered())?;
    }
    store.wait_durable(store.frontier().accepted, Duration::from_secs(600))?;
    Ok(())
}

fn append_one(store: &Store) -> impl FnMut() -> Outcome {
    let (store, mut number) = (store.clone(), 0);
    move || {
        number += 1;
        let draft = Draft::new(("shop", "till"), "item.sold").bytes(payload(number));
        store.append_with(draft, AppendOptions::new().buffered())?;
        Ok(())
    }
}

fn erase(store: &Store, tag: &str) -> Result<u64, String> {
    let erased = store.upkeep().erase(&Query::tag(tag.to_owned()), Erase::new("figures", "upkeep"));
    erased.map(|erasure| erasure.events).map_err(|error| error.to_string())
}

fn tidegate(settings: &Settings, table: &mut Table) -> Outcome {
    let path = |name: &str| settings.directory.join(name);
    let (shop, events) = (path("shop"), settings.events);
    let store = Store::open(&shop)?;
    table.row("tidegate: filling", || fill(&store, 0..events, events))?;
    store.upkeep().step()?;
    let begun = Instant::now();
    let alone = appends(&mut append_one(&store), || begun.elapsed() > ALONE)?;
    (table.alone, _) = (alone.rate(), alone.longest);
    table.add(Row {
        what: "tidegate: appends alone".to_owned(),
        seconds: alone.seconds,
        written: 0,
        beside: Some(alone),
    });

    let copy = |to: PathBuf| {
        let shop = shop.clone();
        move || back_up(&shop, to, |_| ()).map(drop).map_err(|error| error.to_string())
    };
    table.row("tidegate: backup, full, links", || Ok(copy(path("backup"))()?))?;
    fill(&store, events..events + events / 100, events)?;
    table.row("tidegate: backup again after 1 % more, links", || Ok(copy(path("backup"))()?))?;
    table.beside(
        "tidegate: backup, full, links, beside appends",
        append_one(&store),
        copy(path("backup-beside")),
    )?;
    if let Some(other) = &settings.other {
        let to = |name: &str| other.join(name);
        table.row("tidegate: backup, full, copies", || Ok(copy(to("backup"))()?))?;
        fill(&store, events..events + events / 100, events)?;
        table.row("tidegate: backup again after 1 % more, copies", || Ok(copy(to("backup"))()?))?;
        table.beside(
            "tidegate: backup, full, copies, beside appends",
            append_one(&store),
            copy(to("backup-beside")),
        )?;
    }
    let target = std::sync::Arc::new(FolderTarget::new(path("shipped")));
    let mut shipper = Shipper::new(&shop, target);
    table.row("tidegate: shipment, full", || Ok(shipper.ship().map(drop)?))?;
    fill(&store, events..events + events / 100, events)?;
    table.beside("tidegate: shipment of 1 % more, beside appends", append_one(&store), move || {
        shipper.ship().map(drop).map_err(|error| error.to_string())
    })?;

    let middle =
        StoreReader::open(&shop)?.view()?.at(Position(events / 2))?.ok_or("the middle is missing")?.time();
    let until = RestoreOptions::new().until(RestoreUntil::Time(middle));
    table.row("tidegate: restore to a time, half", || {
        Ok(restore(path("backup"), path("restored"), &until, |_| ()).map(drop)?)
    })?;

    table.row(&format!("tidegate: erase {ERASED}, spread"), || Ok(erase(&store, "erased:alone")?))?;
    let what = format!("tidegate: erase {ERASED}, spread, beside appends");
    let erased = table.beside(&what, append_one(&store), || erase(&store, "erased:beside"))?;
    if erased == 0 {
        return Err("nothing was erased".into());
    }
    store.close()?;
    Ok(())
}

fn open_table(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;
         CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, stream TEXT, kind TEXT, tag TEXT, payload BLOB);
         CREATE INDEX IF NOT EXISTS tags ON events (tag);",
    )?;
    connection.busy_timeout(Duration::from_secs(60))?;
    Ok(connection)
}

fn insert_one(connection: Connection) -> impl FnMut() -> Outcome {
    let mut number = 0;
    move || {
        number += 1;
        let mut insert = connection.prepare_cached(
            "INSERT INTO events (stream, kind, tag, payload) VALUES ('till', 'item.sold', 'till', ?1)",
        )?;
        insert.execute([payload(number)])?;
        Ok(())
    }
}

fn fill_table(connection: &mut Connection, events: u64) -> Outcome {
    let every = (events / ERASED).max(4);
    for first in (0..events).step_by(BATCH as usize) {
        let batch = connection.transaction()?;
        {
            let mut insert = batch.prepare_cached(
                "INSERT INTO events (stream, kind, tag, payload) VALUES (?1, 'order.changed', ?2, ?3)",
            )?;
            for number in first..events.min(first + BATCH) {
                let tag = match number % every {
                    0 => "erased:alone".to_owned(),
                    2 => "erased:beside".to_owned(),
                    _ => format!("day:{}", number / 10_000),
                };
                insert.execute((format!("order-{}", number % 10_000), tag, payload(number)))?;
            }
        }
        batch.commit()?;
    }
    Ok(())
}

fn copy_table(from: &Path, to: &Path) -> Result<(), String> {
    let copy = || -> Outcome {
        let (from, mut to) = (Connection::open(from)?, Connection::open(to)?);
        // In one step: a writer beside it would have it begin again after each of several.
        Backup::new(&from, &mut to)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
        Ok(())
    };
    copy().map_err(|error| error.to_string())
}

fn blank_rows(path: &Path, tag: &str) -> Result<u64, String> {
    let blank = || -> Outcome<u64> {
        let connection = open_table(path)?;
        let count = connection.execute("UPDATE events SET payload = NULL WHERE tag = ?1", [tag])?;
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(count as u64)
    };
    blank().map_err(|error| error.to_string())
}

fn sqlite(settings: &Settings, table: &mut Table) -> Outcome {
    let path = |name: &str| settings.directory.join(name);
    let (from, mut connection) = (path("shop.db"), open_table(&path("shop.db"))?);
    table.row("SQLite: filling", || fill_table(&mut connection, settings.events))?;
    let begun = Instant::now();
    let mut insert = insert_one(connection);
    let alone = appends(&mut insert, || begun.elapsed() > ALONE)?;
    table.alone = alone.rate();
    table.add(Row {
        what: "SQLite: inserts alone".to_owned(),
        seconds: alone.seconds,
        written: 0,
        beside: Some(alone),
    });
    table.row("SQLite: online backup, full", || Ok(copy_table(&from, &path("backup.db"))?))?;
    table.row("SQLite: online backup again", || Ok(copy_table(&from, &path("backup.db"))?))?;
    let beside = path("backup-beside.db");
    table
        .beside("SQLite: online backup, full, beside inserts", &mut insert, || copy_table(&from, &beside))?;
    table.row(&format!("SQLite: blank {ERASED} rows, spread"), || Ok(blank_rows(&from, "erased:alone")?))?;
    let what = format!("SQLite: blank {ERASED} rows, spread, beside inserts");
    table.beside(&what, &mut insert, || blank_rows(&from, "erased:beside"))?;
    Ok(())
}

fn main() -> Outcome {
    let settings = Settings::parse();
    for directory in [Some(&settings.directory), settings.other.as_ref()].into_iter().flatten() {
        if directory.exists() {
            return Err(format!("{} is there already; remove it", directory.display()).into());
        }
        fs::create_dir_all(directory)?;
    }
    println!("{} events, payloads of {PAYLOAD_BYTES} bytes, segments of the default size\n", settings.events);
    println!("| what | time | written | appends beside it | longest append |\n|---|---|---|---|---|");
    let mut table = Table::default();
    let done = tidegate(&settings, &mut table).and_then(|()| {
        table.alone = 0.0;
        sqlite(&settings, &mut table)
    });
    for directory in [Some(&settings.directory), settings.other.as_ref()].into_iter().flatten() {
        fs::remove_dir_all(directory)?;
    }
    done
}
