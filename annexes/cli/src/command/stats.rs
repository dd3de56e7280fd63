//! `stats`: how much a store holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use console::{Alignment, measure_text_width, pad_str};
use indicatif::{BinaryBytes, HumanCount};
use serde::{Serialize, Serializer};
use serde_json::json;
use tidegate::{Error, ErrorKind, ReadOptions, StoreReader};
use tidegate_json::rfc3339;

use crate::escape::escape;
use crate::failure::Result;
use crate::filter::{Filter, Range};
use crate::output::Output;
use crate::reader::{above_floor, open, unconfirmed, warn_of_damage};

const EXAMPLES: &str = "\
Examples:
  tidegate stats ./store
  tidegate stats ./store --kind 'order.*' --after 1000 --limit 20
  tidegate stats ./store --since 2026-04-07 --until 2026-04-08
  tidegate stats ./store --json";

/// Say how much a store holds
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatsArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    range: Range,
    /// How many kinds, tags and streams are listed
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Say only how many events there are
    #[arg(long)]
    count: bool,
}

/// What a store holds.
#[derive(Serialize)]
struct StatsJson {
    store: String,
    events: u64,
    /// Events behind them that are not known to be durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed: Option<u64>,
    streams: u64,
    scopes: u64,
    kinds: u64,
    segments: u64,
    /// Of all its files.
    bytes: u64,
    /// When the first and the last event were recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    /// Events of each kind, in each scope, with the most frequent tags and in the largest streams; each list
    /// has the most frequent first.
    #[serde(serialize_with = "write_counts")]
    by_kind: Counts,
    #[serde(serialize_with = "write_counts")]
    by_scope: Counts,
    #[serde(serialize_with = "write_counts")]
    top_tags: Counts,
    #[serde(serialize_with = "write_counts")]
    top_streams: Counts,
}

type Counts = Vec<(String, u64)>;

impl StatsArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        if self.count {
            let view = store.view()?;
            let count = view.count_with(&self.filter.query(), self.range.options());
            let count = count.map_err(|error| above_floor(error.into(), &view))?;
            match (json, unconfirmed(&store)) {
                (true, None) => output.json(&json!({ "events": count }))?,
                (true, Some(more)) => output.json(&json!({ "events": count, "unconfirmed": more }))?,
                (false, _) => output.line(count)?,
            }
        } else {
            let bytes = bytes_under(&self.directory).map_err(|cause| {
                Error::new(ErrorKind::Io, "the store's files cannot be counted").because(cause)
            })?;
            let holding = self.holding(&store, bytes)?;
            if json { output.json(&holding)? } else { holding.write(self.limit, output)? }
        }
        output.flush()?;
        warn_of_damage(&store, json)
    }

    fn holding(&self, store: &StoreReader, bytes: u64) -> Result<StatsJson> {
        let (view, query, range) = (store.view()?, self.filter.query(), self.range.options());
        let stats = view.stats(&query, range, self.limit);
        let stats = stats.map_err(|error| above_floor(error.into(), &view))?;
        let recorded = |read: ReadOptions| -> Result<_> {
            let first = view.read_with(&query, read.limit(1)).next().transpose()?;
            Ok(first.map(|event| rfc3339(event.time())))
        };
        let streams = stats.top_streams.iter().map(|(stream, count)| (stream.to_string(), *count));
        Ok(StatsJson {
            store: store.id().to_string(),
            events: stats.events,
            unconfirmed: unconfirmed(store),
            streams: stats.streams,
            scopes: stats.scopes.len() as u64,
            kinds: stats.kinds.len() as u64,
            segments: stats.segments,
            bytes,
            first: recorded(range)?,
            last: recorded(range.backwards(true))?,
            by_kind: stats.kinds,
            by_scope: stats.scopes,
            top_tags: stats.top_tags,
            top_streams: streams.collect(),
        })
    }
}

impl StatsJson {
    fn write(&self, limit: usize, output: &mut Output) -> Result<()> {
        let store = ("store", self.store.clone());
        let counts = [
            ("events", self.events),
            ("streams", self.streams),
            ("scopes", self.scopes),
            ("kinds", self.kinds),
            ("segments", self.segments),
        ];
        let counts = counts.map(|(name, count)| (name, HumanCount(count).to_string()));
        let bytes = ("bytes", format!("{} ({})", HumanCount(self.bytes), BinaryBytes(self.bytes)));
        let times = [("first", self.first.clone()), ("last", self.last.clone())].into_iter();
        let times = times.filter_map(|(name, time)| Some((name, time?)));
        for (name, value) in [store].into_iter().chain(counts).chain([bytes]).chain(times) {
            output.line(format_args!("{name:<10}{value}"))?;
        }
        let lists = [
            ("kinds", &self.by_kind),
            ("scopes", &self.by_scope),
            ("tags", &self.top_tags),
            ("streams", &self.top_streams),
        ];
        for (name, counts) in lists {
            if !counts.is_empty() {
                output.line(format_args!("\n{name}"))?;
                write_list(&counts[..counts.len().min(limit)], output)?;
            }
        }
        Ok(())
    }
}

fn write_list(counts: &[(String, u64)], output: &mut Output) -> Result<()> {
    let names: Vec<String> = counts.iter().map(|(name, _)| escape(name)).collect();
    let width = names.iter().map(|name| measure_text_width(name)).max().unwrap_or_default();
    for (name, (_, count)) in names.iter().zip(counts) {
        let name = pad_str(name, width, Alignment::Left, None);
        output.line(format_args!("  {name}  {:>11}", HumanCount(*count).to_string()))?;
    }
    Ok(())
}

fn write_counts<S: Serializer>(counts: &[(String, u64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(counts.iter().map(|(name, count)| (name, count)))
}

/// Returns bytes of all files in a directory and those below it.
fn bytes_under(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // A writer may remove a file between the list and the look.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        bytes += match metadata.is_dir() {
            true => bytes_under(&entry.path())?,
            false if metadata.is_file() => metadata.len(),
            false => 0,
        };
    }
    Ok(bytes)
}
