//! Measures `tidegate inspect` beside a writer against its budgets: `just inspect-budgets EVENTS`.
//!
//! The program is started as a person starts it, and asked over its socket. Times are those until an answer is whole; a browser
//! then takes a few milliseconds to draw it.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use tidegate::{AppendOptions, Batch, Cause, Draft, Store};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the page asks for before it first shows something.
const FIRST_PAGE: [&str; 8] = [
    "/",
    "/app.css",
    "/app.js",
    "/base.js",
    "/parts.js",
    "/views/overview.js",
    "/api/status",
    "/api/overview",
];
const LIVE_EVENTS: usize = 101;

struct Program {
    child: Child,
    host: String,
    token: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let usage = "budgets PROGRAM EVENTS";
    let (program, events) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?.parse()?);
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("store");
    let store = filled(&directory, events)?;
    let served = start(&program, &directory)?;
    let mut all_hold = true;
    let mut row = |what: &str, found: f64, most: f64, unit: &str| {
        all_hold &= found <= most;
        let verdict = if found <= most { "holds" } else { "DOES NOT HOLD" };
        println!("{what:<34}{found:>10.1} {unit:<4} at most {most:>6.1}  {verdict}");
    };
    println!("{events} events");
    row("program, as it is built", fs::metadata(&program)?.len() as f64 / 1e6, 5.0, "MB");
    row(
        "first page",
        median(5, || FIRST_PAGE.iter().try_for_each(|path| get(&served, path).map(drop)))?,
        100.0,
        "ms",
    );
    let head = store.frontier().visible.0;
    let around = format!("/api/picture?event={}&up=20&down=20", head - 100);
    let nodes = get(&served, &around)?.matches("\"is_focus\"").count();
    row(&format!("picture of {nodes} nodes"), median(5, || get(&served, &around).map(drop))?, 150.0, "ms");
    row("events, one page", median(5, || get(&served, "/api/events?limit=100").map(drop))?, 100.0, "ms");
    row(
        "events of a rare tag",
        median(5, || get(&served, "/api/events?tag=rare&limit=100").map(drop))?,
        100.0,
        "ms",
    );
    row("plot of 240 bars", median(5, || get(&served, "/api/rate?buckets=240").map(drop))?, 100.0, "ms");
    row("kinds, streams and tags", median(3, || get(&served, "/api/kinds").map(drop))?, 1_000.0, "ms");
    row("live event, median", live(&served, &store)?, 50.0, "ms");
    row("memory", memory(served.child.id())?, 60.0, "MB");
    if all_hold { Ok(()) } else { Err("a budget does not hold".into()) }
}

/// Makes a store of orders, each with effects, in chains of 400.
fn filled(directory: &Path, events: u64) -> Result<Store> {
    let store = Store::open(directory)?;
    let buffered = AppendOptions::new().buffered();
    let mut last = None;
    for first in (0..events).step_by(400) {
        let mut batch = Batch::new();
        for n in first..(first + 400).min(events) {
            let kind = ["order.placed", "payment.taken", "order.paid", "parcel.sent"][(n % 4) as usize];
            let mut draft = Draft::new(("shop", format!("order-{}", n / 4)), kind)
                .json_text(format!(r#"{{"total":{n}}}"#));
            draft = match (n == first, last) {
                (true, Some(last)) => draft.cause(last),
                (true, None) => draft,
                (false, _) => draft.cause(Cause::Draft((n - first - 1) as _)),
            };
            if n % 100_000 == 7 {
                draft = draft.tag("rare");
            }
            batch = batch.and(draft);
        }
        last = Some(store.append_with(batch, buffered.clone())?.last());
    }
    store.wait_durable(store.frontier().visible, Duration::from_secs(600))?;
    Ok(store)
}

fn start(program: &str, directory: &Path) -> Result<Program> {
    let mut child = Command::new(program).arg("inspect").arg(directory).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("it has an output")?).read_line(&mut line)?;
    let address = line.trim().strip_prefix("http://").ok_or("it prints an address")?;
    let (host, token) = address.split_once("/#").ok_or("the address holds a token")?;
    Ok(Program { child, host: host.to_owned(), token: token.to_owned() })
}

fn ask(served: &Program, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(&served.host)?;
    stream.set_nodelay(true)?;
    let Program { host, token, .. } = served;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Tidegate-Token: {token}\r\n\r\n")?;
    Ok(stream)
}

fn get(served: &Program, path: &str) -> Result<String> {
    let mut answer = String::new();
    ask(served, path)?.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(answer) } else { Err(format!("{path}: {answer}").into()) }
}

/// Returns the median of some times, in milliseconds.
fn median(rounds: usize, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[rounds / 2])
}

/// Returns the median time from an append's acknowledgement until a page that follows the log has the event.
fn live(served: &Program, store: &Store) -> Result<f64> {
    let mut lines = BufReader::new(ask(served, "/api/live")?).lines();
    // The head comes first: from then on it follows.
    while !lines.next().ok_or("it ended")??.starts_with("event: head") {}
    median(LIVE_EVENTS, || {
        store.append(Draft::new(("shop", "door"), "alarm.raised"))?;
        while !lines.next().ok_or("it ended")??.contains("alarm.raised") {}
        Ok(())
    })
}

/// Returns how much memory of its own a process holds, in megabytes. Files that it maps are the system's to give back.
fn memory(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).ok_or("the system counts memory")?;
    Ok(line.split_whitespace().nth(1).ok_or("it has a number")?.parse::<f64>()? / 1e3)
}
