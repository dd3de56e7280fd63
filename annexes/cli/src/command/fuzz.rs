//! Hostile bytes for everything the command line reads: arguments, lines of JSON, and payloads it shows.
//!
//! The tests below replay what a fuzzer found to be of interest; the fuzzer, `fuzz/fuzz_targets/cli.rs`, builds the
//! program's files with this one.

use clap::Parser;
use tidegate::batch::Import;
use tidegate::{Batch, Cause, Draft, EventId, Position, Result, Store, StoreOptions, View};
use tidegate_format::PayloadType;
use tidegate_format::name;

use super::Cli;
use tidegate_json::{
    EventLine, ExportHeader, LineRules, LineShape, differences, event_to_export, event_to_json,
    message_pack_to_json,
};

/// The first byte says what the rest is.
pub(crate) fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 5 {
        0 => line(rest),
        1 => arguments(rest),
        2 => payload(rest, PayloadType::Bytes),
        3 => payload(rest, PayloadType::MessagePack),
        _ => payload(rest, PayloadType::Json),
    }
}

/// A word a line, as arguments.
fn arguments(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = Cli::try_parse_from(std::iter::once("tidegate").chain(text.lines())) {
        drop(error.to_string());
    }
}

/// A line that is taken in comes out as a line that says the same; one of an export names its batch too.
fn line(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(ExportHeader::parse(text));
    let store = store();
    let view = store.view().expect("memory is read");
    let lenient = LineRules::new().any_times(true).outside_causes(true).other_scopes(vec!["s".to_owned()]);
    for rules in [lenient.clone(), lenient.shape(LineShape::CloudEvents)] {
        let Ok(line) = EventLine::parse_with(text, &rules) else { continue };
        let draft = line.draft_with(&rules, |id| known(&view, id), Draft::check_unreserved);
        // A payload that was erased comes with a whole export alone.
        if let Ok(draft) = draft {
            comes_back(&self::store(), draft.into());
        }
    }
    let Ok(line) = EventLine::parse(text) else { return };
    let (place, recorded) = (line.source_place(), line.recorded());
    let Ok(draft) = line.draft(|id| known(&view, id), Draft::check_imported) else { return };
    let place = place.ok();
    let payloads = place.as_ref().and_then(|place| place.payload).into_iter().collect();
    let key = place.and_then(|place| place.key).and_then(|(key, content)| Some((key.into(), content?)));
    let batch = Batch::from(draft).imported(Import { idempotency: key, recorded: recorded.ok(), payloads });
    comes_back(&store, batch);
}

fn payload(bytes: &[u8], payload_type: PayloadType) {
    if payload_type == PayloadType::MessagePack
        && let Some(json) = message_pack_to_json(bytes)
    {
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok(), "it is JSON");
    }
    let mut draft = Draft::new(("scope", "entity"), "hostile.payload").bytes(bytes.to_vec());
    draft.payload_type = payload_type;
    comes_back(&store(), draft.into());
}

fn comes_back(store: &Store, batch: Batch) {
    let Ok(receipt) = store.append(batch) else { return };
    let view = store.view().expect("memory is read");
    let event = view.at(receipt.first()).ok().flatten().expect("what was acknowledged is there");
    for write in [event_to_json, event_to_export] {
        let written = write(&event, &view).expect("what is there can be written");
        assert!(!written.replace('\t', " ").contains(name::is_hidden), "a terminal obeys it: {written}");
        let line = EventLine::parse(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
        let (place, recorded) =
            (line.source_place().expect("it says where"), line.recorded().expect("it says when"));
        assert_eq!(
            (place.ends_batch, place.position, recorded),
            (Some(true), Some(2), event.time()),
            "{written}"
        );
        let again = line.draft(|id| known(&view, id), Draft::check_imported);
        let again = again.unwrap_or_else(|error| panic!("{error}: {written}"));
        let different = differences(&again, &place, &event);
        assert!(different.is_empty(), "{different:?} changed: {written}");
    }
}

fn known(view: &View, id: EventId) -> Result<Option<Cause>> {
    Ok(view.find(id)?.map(|event| Cause::At(event.position())))
}

/// Returns a store with one event that lines can name as a cause.
fn store() -> Store {
    let store = StoreOptions::new().thread(false).in_memory();
    let store = store.expect("memory opens");
    let cause = Draft::new(("s", "e"), "k").id(EventId::from_key("s", "a"));
    let receipt = store.append(cause).expect("memory has room");
    assert_eq!(receipt.first(), Position(1));
    store
}

#[cfg(test)]
mod tests {
    use std::fs;

    /// Random changes of the corpus that are tried.
    const CHANGES: usize = 4000;

    /// What the fuzzer kept, and changes of it: bits, cuts and pieces of one in another.
    #[test]
    fn what_the_fuzzer_kept() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/cli");
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut inputs: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        inputs.sort();
        assert!(inputs.len() > 3, "{folder} holds what the fuzzer starts from");
        for (path, bytes) in &inputs {
            let done = std::panic::catch_unwind(|| super::one(bytes));
            assert!(done.is_ok(), "{} fails", path.display());
        }
        let mut word = 1_u64;
        let mut below = |end: usize| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (word >> 33) as usize % end.max(1)
        };
        for number in 0..CHANGES {
            let mut bytes = inputs[below(inputs.len())].1.clone();
            let other = &inputs[below(inputs.len())].1;
            let at = below(bytes.len());
            match below(3) {
                0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << below(8)),
                1 => drop(bytes.drain(at..)),
                _ => drop(bytes.splice(at.., other[below(other.len())..].iter().copied())),
            }
            let done = std::panic::catch_unwind(|| super::one(&bytes));
            assert!(done.is_ok(), "change {number} fails: {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
