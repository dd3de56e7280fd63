//! Rows of the causal graph: over the history of the git project if that is at hand, beside git itself if
//! a repository is, and over made-up graphs of three shapes.

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde::Deserialize;
use tidegate::graph::{Graph, Positions};
use tidegate::{AppendOptions, Draft, Position, Store, StoreOptions};

use crate::Failure;
use crate::row::{Aim, Row, quantile, seconds};
use crate::sample::mix;
use crate::settings::Settings;

/// Events appended at once.
const BATCH: usize = 1000;

/// Returns all rows of the graph that are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    if settings.wants("graph of git") {
        rows.extend(git_rows(settings, place)?);
    }
    for (name, causes) in SHAPES {
        if settings.wants(&format!("graph of {name}")) {
            rows.extend(shape_rows(settings, place, name, causes, 16, settings.graph)?);
        }
    }
    // The same graph with small and with large payloads.
    for payload in [16, 1024] {
        let name = format!("merges, payload of {payload}");
        if settings.wants(&format!("graph of {name}")) {
            rows.extend(shape_rows(settings, place, &name, merges, payload, settings.graph / 10)?);
        }
    }
    Ok(rows)
}

/// The causes of the event with a number, counted from 1.
type Causes = fn(u64) -> Vec<u64>;

const SHAPES: [(&str, Causes); 3] = [("chains", chains), ("fans", fans), ("merges", merges)];

/// A hundred chains beside each other.
fn chains(number: u64) -> Vec<u64> {
    number.checked_sub(100).filter(|cause| *cause > 0).into_iter().collect()
}

/// A tree in which every event has sixty-four effects.
fn fans(number: u64) -> Vec<u64> {
    Some((number + 62) / 64).filter(|cause| (1..number).contains(cause)).into_iter().collect()
}

/// Three causes among the hundred events before.
fn merges(number: u64) -> Vec<u64> {
    let cause = |salt: u64| number.checked_sub(1 + mix(number * 3 + salt) % 100).filter(|cause| *cause > 0);
    (0..3).filter_map(cause).collect()
}

fn shape_rows(
    settings: &Settings,
    place: &Path,
    name: &str,
    causes: Causes,
    payload: usize,
    events: u64,
) -> Result<Vec<Row>, Failure> {
    eprintln!("graph of {name}, {events} events");
    let directory = tempfile::tempdir_in(place)?;
    let payload = vec![b'x'; payload];
    let draft = |number: u64| {
        let draft = Draft::new(("graph", format!("e{}", number % 1000)), "step.taken").bytes(payload.clone());
        causes(number).into_iter().fold(draft, |draft, cause| draft.cause(Position(cause)))
    };
    let store = Store::open(directory.path())?;
    let mut number = 1;
    while number <= events {
        // A cause lies outside the batch or is given by its place in it.
        let end = (number + BATCH as u64).min(events + 1);
        let first = number;
        let drafts: Vec<_> = (first..end).map(|number| within(draft(number), first)).collect();
        store.append_with(drafts, AppendOptions::new().buffered())?;
        number = end;
    }
    store.close()?;
    drop(store);
    let store = Store::open(directory.path())?;
    let graph = store.view()?.graph();
    let picks = |number: u64| Position(1 + mix(number) % events);
    let pairs: Vec<_> =
        (0..settings.reads as u64 / 10).map(|pair| (picks(pair * 2), picks(pair * 2 + 1))).collect();
    let of = format!("graph of {name}");
    let mut rows = relation_rows(&of, &graph, &pairs, &mut Vec::new())?;
    rows.extend(count_rows(&of, &graph, Position(1), Position(events), Aim::None)?);
    Ok(rows)
}

/// Returns the draft with causes of its own batch named by their places.
fn within(mut draft: Draft, first: u64) -> Draft {
    for cause in &mut draft.causes {
        if let tidegate::Cause::At(position) = *cause
            && let Some(place) = position.0.checked_sub(first)
        {
            *cause = tidegate::Cause::Draft(place as u32);
        }
    }
    draft
}

/// Whether one is an ancestor of the other, and what they have in common, for many pairs.
fn relation_rows(
    of: &str,
    graph: &Graph,
    pairs: &[(Position, Position)],
    floors: &mut Vec<f64>,
) -> Result<Vec<Row>, Failure> {
    let mut ancestor = Vec::with_capacity(pairs.len());
    let mut common = Vec::with_capacity(pairs.len().min(2000));
    for (left, right) in pairs {
        let start = Instant::now();
        black_box(graph.is_ancestor(*left.min(right), *left.max(right))?);
        ancestor.push(start.elapsed().as_secs_f64() * 1e6);
    }
    for (left, right) in pairs.iter().take(2000) {
        let start = Instant::now();
        black_box(graph.common_causes(&[*left, *right])?);
        common.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let mut rows = Vec::new();
    for (what, times, aim) in
        [("is ancestor", &mut ancestor, Aim::Below(100.0)), ("common causes", &mut common, Aim::None)]
    {
        let (median, tail) = (quantile(times, 0.5), quantile(times, 0.99));
        let name = format!("{of}: {what}, median");
        rows.push(match floors.pop() {
            Some(floor) => Row::of_times(&name, "us", floor * 1e6, median, aim),
            None => Row::alone(&name, "us", median, aim),
        });
        rows.push(Row::alone(&format!("{of}: {what}, 99 of 100"), "us", tail, Aim::None));
    }
    Ok(rows)
}

/// Returns how long it takes to count the ancestors of one event and the descendants of another one.
fn count_rows(
    of: &str,
    graph: &Graph,
    first: Position,
    last: Position,
    aim: Aim,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut one = |what: &str, count: &dyn Fn() -> Result<usize, Failure>, aim| -> Result<(), Failure> {
        let mut times = Vec::new();
        for _ in 0..5 {
            let (time, found) = seconds(count);
            black_box(found?);
            times.push(time * 1e3);
        }
        rows.push(Row::alone(&format!("{of}: {what}"), "ms", quantile(&mut times, 0.5), aim));
        Ok(())
    };
    one("count ancestors of the last", &|| counted(graph.ancestors(&[last])?), aim)?;
    one("count descendants of the first", &|| counted(graph.descendants(&[first])?), Aim::None)?;
    Ok(rows)
}

/// Counts the positions; an error is not one.
fn counted(positions: Positions) -> Result<usize, Failure> {
    Ok(positions.map(|position| position.map(|_| 1)).sum::<tidegate::Result<usize>>()?)
}

/// What a line of the history says, as far as it is needed.
#[derive(Deserialize)]
struct Line {
    key: String,
    scope: String,
    entity: String,
    kind: String,
    causes: Vec<String>,
    data: serde_json::Value,
}

fn git_rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let Ok(file) = File::open(&settings.git_history) else {
        eprintln!("graph of git: skipped, {} is not there", settings.git_history.display());
        return Ok(Vec::new());
    };
    eprintln!("graph of git");
    let directory = tempfile::tempdir_in(place)?;
    let store = StoreOptions::new().segment_bytes(8 << 20).open(directory.path())?;
    let keys = fill(&store, file)?;
    store.close()?;
    drop(store);
    let store = Store::open(directory.path())?;
    let graph = store.view()?.graph();
    let events = keys.len() as u64;
    let picks = |number: u64| Position(1 + mix(number) % events);
    let pairs: Vec<_> =
        (0..settings.reads as u64 / 10).map(|pair| (picks(pair * 2), picks(pair * 2 + 1))).collect();
    let mut floors = match &settings.git_repository {
        Some(repository) => git_floors(repository, &keys, &pairs)?,
        None => {
            eprintln!("graph of git: no git beside it, --git-repository names none");
            Vec::new()
        }
    };
    let mut rows = relation_rows("graph of git", &graph, &pairs, &mut floors)?;
    rows.extend(count_rows("graph of git", &graph, Position(1), Position(events), Aim::Below(20.0))?);
    Ok(rows)
}

/// Appends the history, and returns its keys in order.
fn fill(store: &Store, file: File) -> Result<Vec<String>, Failure> {
    let (mut positions, mut keys, mut batch) = (HashMap::new(), Vec::new(), Vec::new());
    let mut first = 1;
    let mut lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines().peekable();
    while let Some(line) = lines.next() {
        let Line { key, scope, entity, kind, causes, data } = serde_json::from_str(&line?)?;
        let mut draft = Draft::new((scope, entity), kind).json_text(data.to_string());
        for cause in &causes {
            draft = draft.cause(*positions.get(cause).ok_or("a cause comes before its effect")?);
        }
        keys.push(key.clone());
        positions.insert(key, Position(keys.len() as u64));
        batch.push(within(draft, first));
        if batch.len() == BATCH || lines.peek().is_none() {
            store.append_with(std::mem::take(&mut batch), AppendOptions::new().buffered())?;
            first = keys.len() as u64 + 1;
        }
    }
    Ok(keys)
}

/// Returns the median seconds that git takes for the same questions, the last question first. Starting its process is
/// measured on its own and taken off.
fn git_floors(
    repository: &Path,
    keys: &[String],
    pairs: &[(Position, Position)],
) -> Result<Vec<f64>, Failure> {
    let git = |arguments: &[&str]| -> Result<f64, Failure> {
        let mut command = Command::new("git");
        command.arg("-C").arg(repository).args(arguments);
        let (time, output) = seconds(|| command.output());
        output?;
        Ok(time)
    };
    git(&["commit-graph", "write", "--reachable"])?;
    let key = |position: &Position| keys[position.0 as usize - 1].as_str();
    let (mut ancestor, mut common, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    for (left, right) in pairs.iter().take(200) {
        let (left, right) = (left.min(right), left.max(right));
        nothing.push(git(&["rev-parse", "HEAD"])?);
        ancestor.push(git(&["merge-base", "--is-ancestor", key(left), key(right)])?);
        common.push(git(&["merge-base", "--all", key(left), key(right)])?);
    }
    let start = quantile(&mut nothing, 0.5);
    let net = |times: &mut Vec<f64>| (quantile(times, 0.5) - start).max(0.0);
    Ok(vec![net(&mut common), net(&mut ancestor)])
}
