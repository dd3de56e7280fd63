//! Sealing and indexing end anywhere, in any way: what was acknowledged is found by every query afterwards.

use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{ErrorKind, StoreReader};

use super::scan::{Fixture, Known, Question, Sketch, append, batches, compare, questions, scan};
use crate::stored::access::Access;

/// Ends the process and, but for one of the three, the page cache.
fn blows(ground: &Fixture, seed: u64) -> [Fixture; 3] {
    let [killed, cut, emptied] = [ground.fork(), ground.fork(), ground.fork()];
    cut.disk.power_cut(seed);
    emptied.disk.lose_unsynced();
    [killed.restarted(), cut.restarted(), emptied.restarted()]
}

/// Appends everything, and indexes, rebuilds, closes and opens again on the way; ends if the disk does.
fn live(ground: &Fixture, batches: &[Vec<Sketch>], log: &mut Vec<Known>) -> tidegate::Result<()> {
    let mut store = ground.write(true)?;
    for (at, batch) in batches.iter().enumerate() {
        append(&store, log, batch)?;
        match at {
            6 | 13 | 22 => store.upkeep().step()?,
            10 => {
                store.close()?;
                store = ground.write(false)?;
            }
            18 => drop(store.upkeep().reindex()?),
            _ => {}
        }
    }
    store.close()
}

fn check(store: &StoreReader, log: &[Known], questions: &[Question], place: &str) {
    let view = store.view().unwrap_or_else(|error| panic!("{place}: {error}"));
    if let Err(what) = compare(&view, log, questions) {
        panic!("{place}: {what}");
    }
}

/// What a crash left: all of what was acknowledged, and the batch that was under way or nothing of it.
fn survivors(
    store: &StoreReader,
    acknowledged: &[Known],
    batches: &[Vec<Sketch>],
    place: &str,
) -> Vec<Known> {
    let view = store.view().expect("a view");
    let found = scan(&view).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(found.get(..acknowledged.len()), Some(acknowledged), "{place}: the acknowledged events");
    let (mut left, mut next) = (acknowledged.len(), 0);
    for batch in batches {
        next = batch.len();
        match left.checked_sub(next) {
            Some(rest) if left > 0 => left = rest,
            _ => break,
        }
    }
    let more = found.len() - acknowledged.len();
    assert!(more == 0 || more == next, "{place}: {more} events more, the batch under way has {next}");
    found
}

#[test]
fn at_every_call_of_a_run() {
    let (batches, questions) = (batches(28), questions(4));
    let ground = Fixture::new(3);
    let mut whole = Vec::new();
    live(&ground, &batches, &mut whole).expect("nothing goes wrong");
    let (calls, sealed) = (ground.disk.calls(), ground.indexes().len());
    assert!(sealed >= 10, "{sealed} segments are sealed");
    for nth in 1..=calls {
        let (ground, mut log) = (Fixture::new(3), Vec::new());
        ground.disk.set_plan(FaultPlan::default().crash_at(nth));
        // A death while an index is kept shows in the next call that cannot do without the disk.
        let lived = live(&ground, &batches, &mut log);
        assert!(ground.disk.ended(), "the process died at call {nth}");
        assert!(lived.is_err() || log == whole, "a life that ends well did all it had to");
        for (blow, ground) in blows(&ground, nth).iter().enumerate() {
            let place = format!("crash at call {nth}, blow {blow}");
            let mut log = reopened(ground, &log, &batches, &questions, &place);
            // Life goes on, and the next opening finds everything indexed.
            let store = ground.restarted();
            let store = store.write(blow == 0).expect("it opens");
            append(&store, &mut log, &batches[0]).expect("the writer goes on");
            store.upkeep().step().expect("nothing goes wrong");
            check(&store, &log, &questions[..1], &place);
        }
    }
}

/// Opens what a crash left, for reading and for writing, and compares.
fn reopened(
    ground: &Fixture,
    log: &[Known],
    batches: &[Vec<Sketch>],
    questions: &[Question],
    place: &str,
) -> Vec<Known> {
    match ground.open(Access::Read, true) {
        Ok(reader) => {
            let shown = reader.view().expect("a view").head().0 as usize;
            let survived = survivors(&reader, &log[..shown.min(log.len())], batches, place);
            check(&reader, &survived, &questions[..1], &format!("{place}, read only"));
        }
        Err(error) => {
            assert!(log.is_empty() && error.kind() == ErrorKind::Missing, "{place}: {error}");
        }
    }
    let store = ground.open(Access::Create, false).unwrap_or_else(|error| panic!("{place}: {error}"));
    let survived = survivors(&store, log, batches, place);
    check(&store, &survived, questions, place);
    survived
}

#[test]
fn at_every_call_of_an_opening_that_rebuilds() {
    let (base, log) = Fixture::filled(4, 24);
    let questions = questions(4);
    let names = base.indexes();
    for (at, name) in names.iter().enumerate().filter(|(at, _)| at % 3 != 2) {
        let harm = base.disk.at_rest();
        // Half a file without its head, or none at all.
        if at % 3 == 0 { harm.remove(name) } else { harm.zero(name, 0..200) }.expect("it is there");
    }
    let (missing, harmed) = (names.len().div_ceil(3), names.len() - names.len() / 3);
    let counted = base.fork();
    let store = counted.open(Access::Write, true).expect("it opens");
    let rebuilt = store.report().rebuilt_indexes;
    assert!((missing..=harmed).contains(&rebuilt), "{rebuilt} rebuilt of {missing} missing ones");
    drop(store);
    let calls = counted.disk.calls();
    assert!(calls as usize > rebuilt * 5, "each rebuilding makes several calls");
    for nth in 1..=calls {
        let ground = base.fork();
        ground.disk.set_plan(FaultPlan::default().crash_at(nth));
        // Either the opening dies, or the closing of what it opened.
        drop(ground.open(Access::Write, true));
        assert!(ground.disk.ended(), "the process died at call {nth}");
        for (blow, ground) in blows(&ground, nth).iter().enumerate() {
            let place = format!("crash at call {nth} of an opening, blow {blow}");
            let store =
                ground.open(Access::Write, blow == 1).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(store.report().rebuilt_indexes <= rebuilt, "{place}: sound index files stay");
            check(&store, &log, &questions, &place);
        }
    }
}

/// A disk that has no room for an index, or fails otherwise, costs the file and nothing else.
#[test]
fn at_a_disk_that_fails_while_an_index_is_kept() {
    let (all, questions) = (batches(20), questions(4));
    let calls = [
        Call::CreateFolder,
        Call::Create,
        Call::Write,
        Call::Sync,
        Call::Rename,
        Call::SyncFolder,
        Call::Read,
    ];
    let mut unkept = 0;
    for (call, nth, errno) in calls.into_iter().flat_map(|call| {
        [Errno::NOSPC, Errno::IO].into_iter().flat_map(move |errno| (1..4).map(move |nth| (call, nth, errno)))
    }) {
        let place = format!("{call:?} {nth} fails with {errno}");
        let (ground, mut log) = (Fixture::new(5), Vec::new());
        let store = ground.write(true).expect("an empty disk opens");
        for batch in &all[..12] {
            append(&store, &mut log, batch).expect("nothing fails yet");
        }
        ground.disk.set_plan(FaultPlan::default().fail(call, nth, errno));
        store.upkeep().step().unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(ground.disk.count(call) >= nth, "{place}: the failure came");
        check(&store, &log, &questions, &place);
        for batch in &all[12..] {
            append(&store, &mut log, batch).unwrap_or_else(|error| panic!("{place}: {error}"));
        }
        check(&store, &log, &questions, &place);
        store.close().expect("it closes");
        let ground = ground.restarted();
        let store = ground.write(true).unwrap_or_else(|error| panic!("{place}: {error}"));
        let report = store.report();
        assert!(report.clean && report.removed.is_empty(), "{place}: {report}");
        assert!(report.rebuilt_indexes <= 1, "{place}: {report}");
        unkept += report.rebuilt_indexes;
        check(&store, &log, &questions, &place);
    }
    assert!(unkept > 0, "some files were not kept");
}

/// An index file that cannot be read is one that is missing; a segment that cannot be read is an error.
#[test]
fn at_a_disk_that_fails_while_it_is_read() {
    let (base, log) = Fixture::filled(6, 16);
    let questions = questions(2);
    let mut opened = 0;
    for (call, map) in [(Call::Open, true), (Call::Read, true), (Call::Open, false), (Call::Read, false)] {
        let whole = base.fork();
        let store = whole.open(Access::Read, map).expect("nothing fails");
        check(&store, &log, &questions, "nothing fails");
        let count = whole.disk.count(call);
        for nth in (1..=count).step_by(1 + count as usize / 200) {
            let ground = base.fork();
            ground.disk.set_plan(FaultPlan::default().fail(call, nth, Errno::IO));
            match ground.open(if nth % 2 == 0 { Access::Read } else { Access::Write }, map) {
                Ok(store) => {
                    opened += 1;
                    let place = format!("{call:?} {nth} fails");
                    let view = store.view().map_err(|error| error.to_string());
                    if let Err(what) = view.and_then(|view| compare(&view, &log, &questions)) {
                        assert!(what.contains("input/output"), "{place}: {what}");
                    }
                    ground.disk.set_plan(FaultPlan::default());
                    check(&store, &log, &questions, &place);
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Io, "{call:?} {nth} fails: {error}"),
            }
        }
    }
    assert!(opened >= base.indexes().len(), "{opened} openings went on without an index file");
}
