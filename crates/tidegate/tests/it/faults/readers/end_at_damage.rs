//! A log that was damaged is shown up to there, and never as if it ended there (F16 to F20).
//!
//! A reader opened over one flipped bit in event 3 of 14: its head was 2, reads ended cleanly, a subscription waited,
//! folds and verifying answered for two events. Only the open report told.

use std::sync::Arc;

use tidegate::{AppendOptions, ErrorKind, Position, Query, Receipt, StoreReader};

use super::questions::Ends;
use crate::faults::stage::{History, LONG, Stage, batch, history, one};

/// A store closed in good order, its history and receipts.
fn sample(segment_bytes: u64) -> (Stage, History, Vec<Receipt>) {
    let mut stage = Stage::new();
    stage.options.segment_bytes = segment_bytes;
    let store = stage.open();
    let append = |number| {
        let caused = (number > 3).then(|| one("caused").cause(Position(number as u64 - 1)));
        let appended = caused.map_or_else(|| batch(number), Into::into);
        store.append_with(appended, AppendOptions::new().synced()).unwrap()
    };
    let receipts = (0..12).map(append).collect();
    let history = history(&store).unwrap();
    store.close().unwrap();
    stage.restart();
    (stage, history, receipts)
}

/// Flips a bit in a frame of a segment, counted from 0. Says how many events of the segment precede it.
fn flip(stage: &Stage, name: &str, frame: usize) -> u64 {
    let (bytes, frames) = (stage.bytes(name), stage.frames(name));
    let first = |at: usize| tidegate_format::FrameHeader::read(&bytes[frames[at]..]).unwrap().first.0;
    stage.disk.at_rest().flip_bit(name, (frames[frame] as u64 + 50) * 8).unwrap();
    first(frame) - first(0)
}

fn shown(reader: &StoreReader) -> usize {
    reader.view().unwrap().head().0 as usize
}

/// A reader over damage, asked everything; returns how many events it shows.
fn ask(stage: &Stage, intact: &History, receipts: &[Receipt], file: &str) -> usize {
    let reader = stage.read_only();
    let shown = shown(&reader);
    let Some(damage) = &reader.report().damage else { panic!("{file}: {}", reader.report()) };
    assert!(
        damage.to_string().contains(file) && reader.report().unconfirmed.is_none(),
        "{}",
        reader.report()
    );
    assert!(!reader.report().clean && shown < intact.len());
    Ends { file, shown: &intact[..shown] }.ask(&reader, receipts);
    let expect = |expected_head| {
        let options = stage.options.expected_head(expected_head);
        options.open_reader_in(stage.world())
    };
    expect(Position(shown as u64)).unwrap();
    let error = expect(Position(shown as u64 + 1)).unwrap_err();
    assert_eq!(error.to_string(), damage.to_string(), "not that the log is older");
    shown
}

#[test]
fn of_the_active_segment() {
    let (stage, intact, receipts) = sample(1 << 20);
    let name = stage.active();
    for frame in 1..12 {
        let copy = stage.fork();
        let before = flip(&copy, &name, frame);
        assert_eq!(ask(&copy, &intact, &receipts, &name) as u64, before, "frame {frame}");
    }
    let cut = stage.fork();
    let length = cut.frames(&name)[5] as u64;
    cut.disk.at_rest().truncate(&name, length).unwrap();
    assert!(ask(&cut, &intact, &receipts, &name) >= 5);
}

/// What precedes the first frame is nothing, and it is damage that follows it.
#[test]
fn of_the_very_first_frame() {
    let (stage, _, receipts) = sample(1 << 20);
    let name = stage.active();
    flip(&stage, &name, 0);
    Ends { file: &name, shown: &[] }.ask(&stage.read_only(), &receipts);
}

#[test]
fn of_sealed_segments() {
    let (stage, intact, receipts) = sample(1400);
    let files = stage.disk.at_rest();
    files.names_in("index").iter().for_each(|name| files.remove(name).unwrap());
    let segments = stage.segments();
    assert!(segments.len() > 2);
    for (number, name) in segments.iter().enumerate() {
        let copy = stage.fork();
        flip(&copy, name, 2);
        ask(&copy, &intact, &receipts, name);
        if number > 0 {
            let copy = stage.fork();
            copy.disk.at_rest().remove(name).unwrap();
            ask(&copy, &intact, &receipts, name);
        }
        let copy = stage.fork();
        copy.disk.at_rest().truncate(name, copy.bytes(name).len() as u64 - 1).unwrap();
        ask(&copy, &intact, &receipts, name);
    }
    let copy = stage.fork();
    let doubled = "segments/00000000000000000009.seg";
    copy.disk.at_rest().copy(&segments[1], doubled).unwrap();
    ask(&copy, &intact, &receipts, doubled);
}

/// A reader that follows meets damage in what was written since: it reports it like one that opens now, and so does one
/// that waits.
#[test]
fn that_is_met_later() {
    let flipped = |stage: &Stage, name: &str| _ = flip(stage, name, 3);
    let cut = |stage: &Stage, name: &str| {
        let length = stage.frames(name)[3] as u64;
        stage.disk.at_rest().truncate(name, length).unwrap();
    };
    met_later("a flipped bit", 1 << 20, 0, flipped);
    met_later("a cut", 1 << 20, 0, cut);
    met_later("a flipped bit in a segment behind", 1400, 1, |stage, name| _ = flip(stage, name, 1));
    met_later("a cut of a segment that was sealed meanwhile", 1400, 0, cut);
    met_later("a segment that is gone", 1400, 1, |stage, name| stage.disk.at_rest().remove(name).unwrap());
}

fn met_later(what: &str, segment_bytes: u64, segment: usize, damage: impl Fn(&Stage, &str)) {
    let mut stage = Stage::new();
    stage.options.segment_bytes = segment_bytes;
    let store = stage.open();
    let append = |number| store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
    let mut receipts: Vec<_> = (0..2).map(append).collect();
    let reader = Arc::new(stage.read_only());
    let seen = shown(&reader);
    assert!(reader.view().unwrap().damage().is_none() && segment_bytes > 0, "{what}");
    let mut coming = reader.subscribe(Query::ALL, Position(seen as u64));
    receipts.extend((2..16).map(append));
    let intact = history(&store).unwrap();
    let name = stage.segments().swap_remove(segment);
    damage(&stage, &name);
    let waiting = std::thread::spawn(move || {
        let mut found = 0;
        loop {
            match coming.next_within(LONG) {
                Ok(Some(_)) => found += 1,
                other => return (found, other),
            }
        }
    });
    let (found, ended) = waiting.join().unwrap();
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Damaged, "{what}");
    let shown = shown(&reader);
    assert!(seen <= shown && shown < intact.len() && found == shown - seen, "{what}: {shown}");
    Ends { file: &name, shown: &intact[..shown] }.ask(&reader, &receipts);
    let said = |store: &StoreReader| store.view().unwrap().damage().unwrap().to_string();
    assert_eq!(said(&stage.read_only()), said(&reader), "{what}: the caller that opens now says the same");
}
