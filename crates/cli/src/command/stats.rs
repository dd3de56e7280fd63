//! `stats`: how much a store holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde::{Serialize, Serializer};
use tidegate::{Error, ErrorKind, Position, Query, Read, Store};

use super::read::{open, refuse_damage};
use crate::failure::Result;
use crate::output::{Output, rfc3339};

/// Kinds that are named one by one to people.
const KINDS_SHOWN: usize = 12;

const EXAMPLES: &str = "\
Examples:
  tidegate stats ./store
  tidegate stats ./store --json";

/// Say how much a store holds
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Stats {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// What a store holds.
#[derive(Serialize)]
struct Holding {
    store: String,
    events: u64,
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
    /// Events of each kind, the most frequent first.
    #[serde(serialize_with = "write_counts")]
    by_kind: Vec<(String, u64)>,
}

impl Stats {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory)?;
        let bytes = bytes_under(&self.directory).map_err(|cause| {
            Error::new(ErrorKind::Io, "the store's files cannot be counted").because(cause)
        })?;
        let holding = Holding::of(&store, bytes)?;
        if json {
            output.json(&holding)?;
        } else {
            holding.write(output)?;
        }
        output.flush()?;
        refuse_damage(&store)
    }
}

impl Holding {
    fn of(store: &Store, bytes: u64) -> Result<Self> {
        let view = store.view()?;
        let stats = view.stats(&Query::ALL, Read::all(), 0)?;
        let recorded = |at| -> Result<_> { Ok(view.at(at)?.map(|event| rfc3339(event.time()))) };
        Ok(Self {
            store: store.id().to_string(),
            events: stats.events,
            streams: stats.streams,
            scopes: stats.scopes.len() as u64,
            kinds: stats.kinds.len() as u64,
            segments: stats.segments,
            bytes,
            first: recorded(Position(1))?,
            last: recorded(view.head())?,
            by_kind: stats.kinds,
        })
    }

    fn write(&self, output: &mut Output) -> Result<()> {
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
        let shown = &self.by_kind[..self.by_kind.len().min(KINDS_SHOWN)];
        let width = shown.iter().map(|(kind, _)| kind.len()).max().unwrap_or_default();
        for (kind, count) in shown {
            output.line(format_args!("  {kind:<width$}  {:>11}", HumanCount(*count).to_string()))?;
        }
        match self.by_kind.len() - shown.len() {
            0 => Ok(()),
            more => output.line(format_args!("  and {} more", HumanCount(more as u64))),
        }
    }
}

fn write_counts<S: Serializer>(counts: &[(String, u64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(counts.iter().map(|(name, count)| (name, count)))
}

/// Bytes of all files in a directory and those below it.
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
