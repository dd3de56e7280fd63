//! Rows of reading: the whole log, single events, streams and pages.

pub(crate) mod tree;
#[cfg(feature = "proofs")]
pub(crate) mod proofs;

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use tidegate::{Position, Query, QueryItem, ReadOptions, View};

use crate::Failure;
use crate::history::{History, tag};
use crate::row::{Aim, Row, in_rounds, median, quantile, seconds};
use crate::sample::{KINDS, entity, mix};
use crate::settings::Settings;

/// Returns all rows of reading that are asked for.
pub(crate) fn rows(settings: &Settings, history: &History) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    rows.extend(scan(settings, history)?);
    rows.extend(points(settings, history)?);
    rows.extend(pages(settings, history)?);
    let bytes = "bytes/event";
    rows.push(Row::alone("open, after closing in good order", "ms", history.open * 1e3, Aim::None));
    rows.push(Row::alone("disk, beside names and payload", bytes, history.overhead, Aim::Below(200.0)));
    rows.retain(|row| settings.wants(&row.name));
    Ok(rows)
}

/// The whole log, each event checked and its payload looked at, beside the checksum of the same bytes in
/// one piece from a map of the same files.
fn scan(settings: &Settings, history: &History) -> Result<Vec<Row>, Failure> {
    const NAMES: [&str; 2] = ["scan, checksums checked", "scan, beside checksums record by record"];
    if !NAMES.iter().any(|name| settings.wants(name)) {
        return Ok(Vec::new());
    }
    eprintln!("{}", NAMES[0]);
    let events = history.sealed as f64;
    let view = history.store.view()?;
    let read = ReadOptions::new().before(Position(history.sealed + 1));
    let ours = || {
        let (time, bytes) = seconds(|| read_all(&view, &Query::ALL, read));
        black_box(bytes?);
        Ok(events / time)
    };
    let whole = || {
        let (time, sums) = seconds(|| history.blocks.iter().map(|block| crc32c::crc32c(block)).max());
        black_box(sums);
        Ok(events / time)
    };
    let pieces = history.blocks.iter().map(|block| block.len()).sum::<usize>() / history.sealed as usize;
    let by_record = || {
        let crcs = history.blocks.iter().flat_map(|block| block.chunks(pieces)).map(crc32c::crc32c);
        let (time, sums) = seconds(|| crcs.fold(0, |all, crc| all ^ crc));
        black_box(sums);
        Ok(events / time)
    };
    let pairs = in_rounds(settings.rounds, whole, ours)?;
    let by_record_pairs = in_rounds(settings.rounds, by_record, ours)?;
    Ok(vec![
        Row::of_speeds(NAMES[0], "events/s", &pairs, Aim::Ratio(0.5)),
        Row::of_speeds(NAMES[1], "events/s", &by_record_pairs, Aim::Ratio(0.65)),
    ])
}

/// Single events: by position beside a plain read of as many bytes from the page cache, and by id.
fn points(settings: &Settings, history: &History) -> Result<Vec<Row>, Failure> {
    eprintln!("point reads");
    let view = history.store.view()?;
    let mut by_position = times(settings.reads, |number| {
        let event = view.at(history.sealed_position(number))?.ok_or("an event is missing")?;
        Ok(event.payload()?.len())
    })?;
    let mut by_id = times(settings.reads, |number| {
        let id = history.ids[history.sealed_position(number).0 as usize - 1];
        Ok(view.find(id)?.ok_or("an event is missing")?.payload()?.len())
    })?;
    let mut plain = plain_reads(settings, history)?;
    let floor = quantile(&mut plain, 0.5);
    let of = |name: &str, numbers: &mut [f64], part, aim| {
        Row::alone(name, "us", quantile(numbers, part) * 1e6, aim)
    };
    let median_by_position = quantile(&mut by_position, 0.5);
    Ok(vec![
        Row::of_times(
            "read by position, median",
            "us",
            floor * 1e6,
            median_by_position * 1e6,
            Aim::Below(1.0),
        ),
        of("read by position, 99 of 100", &mut by_position, 0.99, Aim::None),
        of("read by id, median", &mut by_id, 0.5, Aim::Below(2.0)),
        of("read by id, 99 of 100", &mut by_id, 0.99, Aim::None),
    ])
}

/// Reads of one event's bytes through the system, with their checksum.
fn plain_reads(settings: &Settings, history: &History) -> Result<Vec<f64>, Failure> {
    let names = std::fs::read_dir(&history.segments)?;
    let mut paths: Vec<_> = names.map(|entry| Ok(entry?.path())).collect::<Result<_, Failure>>()?;
    paths.sort_unstable();
    let file = File::open(&paths[0])?;
    let block = &history.blocks[0];
    let size = history.blocks.iter().map(|block| block.len()).sum::<usize>() / history.sealed as usize;
    let mut buffer = vec![0; size];
    times(settings.reads, |number| {
        file.read_exact_at(&mut buffer, mix(number) % (block.len() - size) as u64)?;
        Ok(crc32c::crc32c(&buffer) as usize)
    })
}

/// A stream among many, and pages after any position.
fn pages(settings: &Settings, history: &History) -> Result<Vec<Row>, Failure> {
    eprintln!("streams and pages");
    let view = history.store.view()?;
    let reads = settings.reads / 10;
    let page = |query: &Query, number: u64| -> Result<usize, Failure> {
        let after = Position(mix(number) % history.events);
        read_all(&view, query, ReadOptions::new().after(after).limit(100))
    };
    let streams = times(reads, |number| {
        read_all(&view, &History::stream(entity(mix(number) % settings.entities)), ReadOptions::new())
    })?;
    let all = times(reads, |number| page(&Query::ALL, number))?;
    let kinds = times(reads, |number| {
        page(&QueryItem::new().kind(KINDS[mix(number) as usize % KINDS.len()]).into(), number)
    })?;
    let tags = times(reads, |number| page(&QueryItem::new().tag(tag(number)).into(), number))?;
    let of = |name: &str, times: Vec<f64>, limit| {
        Row::alone(name, "us", median(times.into_iter()) * 1e6, Aim::Below(limit))
    };
    Ok(vec![
        of("one stream of the history", streams, 50.0),
        of("page of 100 after any position", all, 100.0),
        of("page of 100 of a kind", kinds, 100.0),
        of("page of 100 of a tag", tags, 100.0),
    ])
}

/// Reads every event of a query, and returns the bytes of their payloads.
pub(crate) fn read_all(view: &View, query: &Query, read: ReadOptions) -> Result<usize, Failure> {
    let mut bytes = 0;
    let mut events = view.read_with(query, read);
    while let Some(event) = events.next_borrowed()? {
        bytes += event.payload()?.len();
    }
    Ok(bytes)
}

/// Returns the seconds of each of many reads. A tenth as many go before, to warm up.
fn times(count: usize, mut read: impl FnMut(u64) -> Result<usize, Failure>) -> Result<Vec<f64>, Failure> {
    let mut times = Vec::with_capacity(count);
    for number in 0..count + count / 10 {
        let start = Instant::now();
        let bytes = read(number as u64)?;
        let time = start.elapsed().as_secs_f64();
        black_box(bytes);
        if number >= count / 10 {
            times.push(time);
        }
    }
    Ok(times)
}
