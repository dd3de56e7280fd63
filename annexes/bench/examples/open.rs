//! Opens a history written once, and the same history written twenty times over, in turn.
//!
//! Opening must not follow the length of the log. It does follow the active segment, which is read to see how
//! it ended, so that is told beside each time, and the comparison is made twice: as the histories were written,
//! and with one event in each active segment.
//!
//! ```text
//! cargo run --release -p tidegate-bench --example open -- --history git-history.jsonl.gz
//! ```
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use flate2::read::GzDecoder;
use serde::Deserialize;
use tidegate::{AppendOptions, Batch, Cause, Draft, EventId, Store, StoreOptions};

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Settings {
    /// Events as JSON Lines, packed with gzip, as `tidegate import` reads them; made up if it is missing.
    #[arg(long, default_value = "../shared/data/git-history.jsonl.gz")]
    history: PathBuf,
    /// Where the stores go, in a directory of their own that is removed afterwards.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// How many times over the longer store holds the history.
    #[arg(long, default_value_t = 20)]
    times: usize,
    /// Bytes of a segment.
    #[arg(long, default_value_t = StoreOptions::new().segment_bytes)]
    segment_bytes: u64,
    /// How many times each store is opened.
    #[arg(long, default_value_t = 41)]
    rounds: usize,
}

#[derive(Debug, Deserialize)]
struct Line {
    key: String,
    scope: String,
    entity: String,
    kind: String,
    tags: Vec<String>,
    causes: Vec<String>,
    data: serde_json::Value,
}

impl Line {
    /// Returns the event of one copy of the history.
    fn draft(&self, copy: usize) -> Draft {
        let id = |key: &str| EventId::from_key(&self.scope, &format!("{key}#{copy}"));
        let draft = Draft::new((self.scope.clone(), self.entity.clone()), self.kind.clone());
        let mut draft = draft.json_text(self.data.to_string()).id(id(&self.key));
        draft.tags.extend(self.tags.iter().cloned().map(Into::into));
        draft.causes.extend(self.causes.iter().map(|key| Cause::Id(id(key))));
        draft
    }
}

fn history(file: &Path) -> Result<Vec<Line>, Failure> {
    let Ok(file) = File::open(file) else {
        eprintln!("{} is not there; the events are made up", file.display());
        return Ok((0..80_000).map(made_up).collect());
    };
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

fn made_up(number: u64) -> Line {
    Line {
        key: number.to_string(),
        scope: "made".to_owned(),
        entity: format!("author-{:04}", number.wrapping_mul(6_700_417) % 2000),
        kind: "commit.authored".to_owned(),
        tags: vec![format!("year:{}", 2005 + number / 4000)],
        causes: number.checked_sub(1).map(|before| before.to_string()).into_iter().collect(),
        data: serde_json::json!({ "subject": "a change of some kind, told in a line", "number": number }),
    }
}

fn write(directory: &Path, lines: &[Line], times: usize, segment_bytes: u64) -> Result<(), Failure> {
    let store = StoreOptions::new().segment_bytes(segment_bytes).open(directory)?;
    for copy in 0..times {
        for part in lines.chunks(1000) {
            store.append_with(
                part.iter().map(|line| line.draft(copy)).collect::<Batch>(),
                AppendOptions::new().buffered(),
            )?;
        }
    }
    Ok(store.close()?)
}

/// Puts a new segment behind the active one, with one event in it.
fn roll(directory: &Path) -> Result<(), Failure> {
    let store = StoreOptions::new().segment_bytes(1000).open(directory)?;
    store.append(Draft::new(("bench", "roll"), "segment.rolled"))?;
    Ok(store.close()?)
}

/// Returns the milliseconds of opening a store once.
fn open(directory: &Path) -> Result<f64, Failure> {
    let start = Instant::now();
    let store = Store::open(directory)?;
    let time = start.elapsed();
    if !store.report().clean || store.report().rebuilt_indexes > 0 {
        return Err(format!("the store was not closed in good order: {}", store.report()).into());
    }
    store.close()?;
    Ok(time.as_secs_f64() * 1e3)
}

fn active_bytes(directory: &Path) -> Result<u64, Failure> {
    let mut names: Vec<_> = std::fs::read_dir(directory.join("segments"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, Failure>>()?;
    names.sort_unstable();
    Ok(names.last().ok_or("no segment")?.metadata()?.len())
}

/// Opens both in turn, each round beginning with the other one, and prints medians and their ratio.
fn compare(what: &str, short: &Path, long: &Path, rounds: usize) -> Result<(), Failure> {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        let mut pair = [(0, short), (1, long)];
        if round % 2 == 1 {
            pair.reverse();
        }
        for (at, directory) in pair {
            let time = open(directory)?;
            // The first round warms up.
            if round > 0 {
                times[at].push(time);
            }
        }
    }
    println!("{what}");
    let mut medians = [0.0; 2];
    for (at, directory) in [short, long].into_iter().enumerate() {
        times[at].sort_unstable_by(f64::total_cmp);
        let (least, most) = (times[at][0], times[at][rounds - 1]);
        medians[at] = times[at][rounds / 2];
        let store = Store::open(directory)?;
        let (events, segments) = (store.report().head, store.report().segments);
        println!(
            "  {events:>9} events in {segments:>3} segments, active {:>7.3} MB: {:>8.3} ms ({least:.3} to {most:.3})",
            active_bytes(directory)? as f64 / 1e6,
            medians[at],
        );
    }
    println!("  long to short: {:.2}", medians[1] / medians[0]);
    Ok(())
}

fn main() -> Result<(), Failure> {
    let settings = Settings::parse();
    let lines = history(&settings.history)?;
    let place = tempfile::Builder::new().prefix("tidegate-open-").tempdir_in(&settings.dir)?;
    let (short, long) = (place.path().join("short"), place.path().join("long"));
    write(&short, &lines, 1, settings.segment_bytes)?;
    write(&long, &lines, settings.times, settings.segment_bytes)?;
    let rounds = settings.rounds.max(1);
    compare("as written", &short, &long, rounds)?;
    roll(&short)?;
    roll(&long)?;
    compare("with one event in the active segment", &short, &long, rounds)
}
