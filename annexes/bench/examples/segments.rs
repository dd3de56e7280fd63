//! Measures lookups in a store of many sealed segments: appends to streams that were written lately, long ago
//! and never, ids that are there and not, rare tags and frequent kinds.
//!
//! `cargo run --release -p tidegate-bench --example segments -- DIR [SEGMENTS] [SEGMENT_BYTES]`
//!
//! The store is written to `DIR` if there is none, and measured if there is one; measuring appends a few
//! thousand events, so measure copies. Every line is the median of many single calls.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use tidegate::{
    AppendOptions, Batch, Draft, Durability, EventId, Position, Query, QueryItem, ReadOptions, Store,
    StoreOptions,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Streams and tags that occur in the oldest events and never again.
const OLD: u64 = 400;
const BATCH: u64 = 20;
const KINDS: [&str; 4] = ["account.credited", "account.debited", "card.charged", "card.refunded"];

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(place) = arguments.next() else {
        println!("name a directory for the store");
        return Ok(());
    };
    let segments: usize = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let segment_bytes: u64 = arguments.next().map_or(Ok(64 << 10), |text| text.parse())?;
    let options = StoreOptions::new().segment_bytes(segment_bytes).durability(Durability::Buffered);
    if !Path::new(&place).exists() {
        let start = Instant::now();
        let store = options.open(&place)?;
        write(&store, segments)?;
        store.close()?;
        println!("wrote it in {:.1} s; run again to measure", start.elapsed().as_secs_f64());
        return Ok(());
    }
    let start = Instant::now();
    let store = options.open(&place)?;
    println!("opened in {:.1} ms: {}", start.elapsed().as_secs_f64() * 1e3, store.report());
    reads(&store)?;
    appends(&store)?;
    store.close()?;
    Ok(())
}

fn write(store: &Store, segments: usize) -> Outcome<()> {
    let (mut number, mut sealed) = (0, 0);
    while sealed < segments {
        let batch: Batch = (number..number + BATCH).map(draft).collect();
        store.append_with(batch, AppendOptions::new().buffered())?;
        number += BATCH;
        if number % 2000 == 0 {
            sealed = store
                .view()?
                .stats(&Query::from(QueryItem::new().tag("none")), ReadOptions::new(), 0)?
                .segments as usize
                - 1;
        }
    }
    Ok(())
}

fn draft(number: u64) -> Draft {
    let mixed = mix(number);
    let old = number < OLD;
    let entity = if old { format!("old-{number}") } else { format!("account-{:06}", mixed % 10_000) };
    let draft = Draft::new(("bank", entity), KINDS[(mixed >> 20) as usize % KINDS.len()])
        .json_text(format!(r#"{{"amount":{},"note":"monthly payment, contract 2219-A"}}"#, mixed % 1_000_000))
        .tag(format!("customer:c{:05}", (mixed >> 32) % 50_000));
    if old { draft.tag(format!("rare:{number}")) } else { draft }
}

fn reads(store: &Store) -> Outcome<()> {
    let view = store.view()?;
    let head = view.head().0;
    let positions: Vec<_> = (0..2000).map(|number| Position(1 + mix(number) % head)).collect();
    let ids = positions.iter().map(|position| Ok(view.at(*position)?.ok_or("no event")?.id()));
    let ids: Vec<EventId> = ids.collect::<Outcome<_>>()?;
    report("find an id that is there", &ids, |id| Ok(usize::from(view.find(*id)?.is_some())))?;
    let strangers: Vec<_> =
        (0..2000).map(|number| EventId::from_key("a stranger", &format!("{number}"))).collect();
    report("find an id that is not there", &strangers, |id| Ok(usize::from(view.find(*id)?.is_some())))?;
    let rare: Vec<_> =
        (0..OLD).map(|number| Query::from(QueryItem::new().tag(format!("rare:{number}")))).collect();
    report("page by a tag in one old segment", &rare, |tag| page(store, tag, ReadOptions::new()))?;
    report("  the same backwards", &rare, |tag| page(store, tag, ReadOptions::new().backwards(true)))?;
    let none: Vec<_> =
        (0..OLD).map(|number| Query::from(QueryItem::new().tag(format!("none:{number}")))).collect();
    report("page by a tag that is nowhere", &none, |tag| page(store, tag, ReadOptions::new()))?;
    let kind = Query::from(QueryItem::new().kind(KINDS[1]));
    report("page of 100 by a frequent kind", &positions, |position| {
        page(store, &kind, ReadOptions::new().after(Position(position.0 / 2)))
    })?;
    let streams: Vec<_> =
        (0..OLD).map(|number| tidegate::StreamId::new("bank", format!("old-{number}"))).collect();
    report("version of an old stream", &streams, |stream| Ok(view.version(stream)?.0 as usize))?;
    Ok(())
}

fn page(store: &Store, query: &Query, read: ReadOptions) -> Outcome<usize> {
    let mut count = 0;
    for event in store.read_with(query, read.limit(100))? {
        event?;
        count += 1;
    }
    Ok(count)
}

fn appends(store: &Store) -> Outcome<()> {
    let append = |entity: String| -> Outcome<usize> {
        let draft = Draft::new(("bank", entity), KINDS[0]).json_text(r#"{"amount":1}"#);
        Ok(store.append_with(draft, AppendOptions::new().buffered())?.first().0 as usize & 1)
    };
    let numbers: Vec<u64> = (0..OLD).collect();
    let hot: Vec<u64> = (0..4000).collect();
    report("append to a hot stream", &hot, |_| append("hot".to_owned()))?;
    report("append to a new stream", &numbers, |number| append(format!("new-{number}")))?;
    report("append to an old stream", &numbers, |number| append(format!("old-{number}")))?;
    report("  the same streams again", &numbers, |number| append(format!("old-{number}")))?;
    report("append with a new key to a hot stream", &numbers, |number| {
        let draft = Draft::new(("bank", "hot"), KINDS[0]).json_text(r#"{"amount":1}"#);
        let batch: Batch = Batch::new().and(draft).key(format!("key {number} {}", std::process::id()));
        store.append_with(batch, AppendOptions::new().buffered())?;
        Ok(0)
    })?;
    Ok(())
}

/// Times each call on its own.
fn report<T>(name: &str, things: &[T], mut call: impl FnMut(&T) -> Outcome<usize>) -> Outcome<()> {
    let (mut times, mut found) = (Vec::with_capacity(things.len()), 0);
    for thing in things {
        let start = Instant::now();
        found += call(thing)?;
        times.push(start.elapsed().as_nanos() as f64 / 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{name:<40} {:>9.2} us   9 of 10 below {:>9.2} us   ({found} found)", at(0.5), at(0.9));
    Ok(())
}

/// Returns a number that looks random and is not.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
