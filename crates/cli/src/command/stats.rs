//! `stats`: how much a store holds.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;
use tidegate::format::Micros;
use tidegate::{Coordinate, Error, ErrorKind, Query, Read, Store};

use super::read::{open, refuse_damage};
use crate::failure::Result;
use crate::output::{Output, clock_time, rfc3339};

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
    streams: usize,
    scopes: usize,
    kinds: usize,
    segments: usize,
    /// Of all its files.
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

impl Stats {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory)?;
        let (counted, times) = count(&store)?;
        let bytes = bytes_under(&self.directory).map_err(|cause| {
            Error::new(ErrorKind::Io, "the store's files cannot be counted").because(cause)
        })?;
        let holding = Holding { bytes, ..counted };
        if json {
            output.json(&holding)?;
        } else {
            holding.write(times, output)?;
        }
        output.flush()?;
        refuse_damage(&store)
    }
}

impl Holding {
    fn write(&self, times: Option<(Micros, Micros)>, output: &mut Output) -> Result<()> {
        output.line(format_args!("store     {}", self.store))?;
        output.line(format_args!("events    {}", HumanCount(self.events)))?;
        output.line(format_args!("streams   {}", HumanCount(self.streams as u64)))?;
        output.line(format_args!("scopes    {}", HumanCount(self.scopes as u64)))?;
        output.line(format_args!("kinds     {}", HumanCount(self.kinds as u64)))?;
        output.line(format_args!("segments  {}", HumanCount(self.segments as u64)))?;
        output.line(format_args!("bytes     {} ({})", HumanCount(self.bytes), BinaryBytes(self.bytes)))?;
        if let Some((first, last)) = times {
            output.line(format_args!(
                "recorded  {} to {}",
                clock_time(first, false),
                clock_time(last, false)
            ))?;
        }
        Ok(())
    }
}

/// Counts by going through all events. Returns the times of the first and the last as well.
fn count(store: &Store) -> Result<(Holding, Option<(Micros, Micros)>)> {
    let mut streams: HashSet<Coordinate> = HashSet::new();
    let mut scopes: HashSet<String> = HashSet::new();
    let mut kinds: HashSet<String> = HashSet::new();
    let mut times = None;
    let view = store.view()?;
    for event in view.read(&Query::ALL, Read::all()) {
        let event = event?;
        if !kinds.contains(event.kind()) {
            kinds.insert(event.kind().to_owned());
        }
        if event.version().0 == 1 {
            streams.insert(event.coordinate());
            scopes.insert(event.scope().to_owned());
        }
        let (first, _) = times.unwrap_or((event.time(), event.time()));
        times = Some((first, event.time()));
    }
    let holding = Holding {
        store: store.id().to_string(),
        events: view.head().0,
        streams: streams.len(),
        scopes: scopes.len(),
        kinds: kinds.len(),
        segments: store.report().segments,
        bytes: 0,
        first: times.map(|(first, _)| rfc3339(first)),
        last: times.map(|(_, last)| rfc3339(last)),
    };
    Ok((holding, times))
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
