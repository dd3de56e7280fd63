//! A reader that opens and reads while a writer creates, recovers, appends, rolls or closes: it sees a part of the
//! log that begins at its beginning and has all that was durable before, no damage, and follows from there on.

use std::sync::Arc;

use tidegate::testing::{Disk, FaultPlan};
use tidegate::{AppendOptions, ErrorKind, Query, QueryItem, RecordedEvent, Result, StoreReader};
use tidegate_format::Hash;

use super::super::stage::{History, Stage, batch, fill, history, one};
use super::{Met, meet};
use crate::stored::access::{Access, Opened};

/// A store that is killed with an unsynced event and a torn frame at its end, and what of it was durable.
pub(super) fn torn() -> (Stage, History) {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 7);
    let durable = history(&store).unwrap();
    store.append_with(one("unsynced"), AppendOptions::new().buffered()).unwrap();
    stage.disk.kill();
    let active = stage.active();
    stage.disk.at_rest().edit(&active, |bytes| bytes.extend([1, 2, 3])).unwrap();
    stage.restart();
    (stage, durable)
}

fn on(stage: &Stage, disk: Arc<dyn Disk>, access: Access) -> Result<Opened> {
    access.open(stage.world_with(disk), stage.options)
}

/// Appends over rolls until the process dies, and says what was acknowledged as durable.
fn write_on(stage: &Stage) -> History {
    let Ok(store) = stage.try_write() else { return History::new() };
    let (mut all, mut last) = (History::new(), 0);
    for number in 0..8 {
        let Ok(receipt) = store.append_with(batch(number), AppendOptions::new().synced()) else { break };
        last = receipt.last().0;
        if let Ok(seen) = history(&store) {
            all = seen;
        }
    }
    let _ = store.close();
    assert!(all.len() as u64 <= last);
    all
}

/// Opens, appends over rolls, keeps house and closes.
pub(super) fn write(stage: &Stage, disk: Arc<dyn Disk>) -> History {
    let store = stage.options.open_in(stage.world_with(disk)).unwrap();
    for number in 0..5 {
        store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap();
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
    }
    store.upkeep().step().unwrap();
    let all = history(&store).unwrap();
    store.close().unwrap();
    all
}

/// All that is to be seen now; the indexes say the same.
fn look(store: &StoreReader) -> History {
    let (view, tag) = (store.view().unwrap(), "tag:1");
    let all: Vec<_> = view.read(&Query::ALL).map(Result::unwrap).collect();
    let tagged = view.read(&QueryItem::new().tag(tag).into()).map(|event| event.unwrap().position());
    let expected = all.iter().filter(|event| event.tags().any(|other| other == tag));
    assert!(tagged.eq(expected.map(RecordedEvent::position)));
    all.iter().map(|event| (event.position().0, event.leaf())).collect()
}

/// Opens and looks twice, or `None` if there is no store yet.
fn read(stage: &Stage, disk: Arc<dyn Disk>) -> Option<(Opened, History)> {
    let store = match on(stage, disk, Access::Read) {
        Err(error) if error.kind() == ErrorKind::Missing => return None,
        opened => opened.unwrap(),
    };
    assert!(store.report().damage.is_none(), "{:?}", store.report().damage);
    let early = look(&store);
    assert!(look(&store).starts_with(&early));
    Some((store, early))
}

/// Whether the reader saw less than everything; no less than was durable before, and in the end as much.
fn saw_less(
    read: Option<(Opened, History)>,
    all: &[(u64, Hash)],
    durable: &[(u64, Hash)],
    place: &str,
) -> bool {
    let Some((reader, early)) = read else {
        assert!(durable.is_empty(), "{place}: no store");
        return true;
    };
    assert!(all.starts_with(&early), "{place}: {} events of another history", early.len());
    assert!(early.starts_with(durable), "{place}: {} events, durable were {}", early.len(), durable.len());
    assert_eq!(look(&reader), all, "{place}: it does not follow");
    early.len() < all.len()
}

/// Lets a writer and a reader meet everywhere, and says how many times a reader saw less than everything.
fn meetings(sample: &Stage, durable: &History) -> usize {
    let mut partly = 0;
    'reader: for at in 1.. {
        for writer_at in 1.. {
            let stage = sample.fork();
            let (writing, reading) = (stage.clone(), stage.clone());
            let met = meet(
                &stage.disk,
                (writer_at, move |disk| write(&writing, disk)),
                (at, move |disk| read(&reading, disk)),
            );
            let Some(Met { first: all, second: read, midway }) = met else { break 'reader };
            let place = format!("reader stopped at call {at}, writer at {writer_at}");
            if let Some((reader, early)) = read {
                assert!(all.starts_with(&early), "{place}: {} events of another history", early.len());
                assert!(
                    early.starts_with(durable),
                    "{place}: {} events, durable were {}",
                    early.len(),
                    durable.len()
                );
                assert_eq!(history(&reader).unwrap(), all, "{place}: it does not follow");
                partly += usize::from(early.len() < all.len());
            } else {
                assert!(durable.is_empty(), "{place}: no store");
            }
            if !midway {
                break;
            }
        }
    }
    partly
}

#[test]
fn of_a_store_that_recovers() {
    let (sample, durable) = torn();
    assert!(meetings(&sample, &durable) > 100);
}

#[test]
fn of_a_store_that_was_closed() {
    let (sample, durable) = Stage::closed();
    assert!(meetings(&sample, &durable) > 100);
}

#[test]
fn of_a_store_that_comes_to_be() {
    assert!(meetings(&Stage::new(), &History::new()) > 20);
}

/// A listing of the segments may show one and not another that was there before it. A reader was told once that such a
/// one is missing, and followed no more.
#[test]
fn of_a_store_that_rolls_while_it_is_listed() {
    let (mut sample, durable) = Stage::closed();
    sample.options.segment_bytes = 200;
    for at in 1.. {
        let stage = sample.fork();
        let (writing, reading) = (stage.clone(), stage.clone());
        let writer = (usize::MAX, move |disk| write(&writing, disk));
        let Some(met) = meet(&stage.disk, writer, (at, move |disk| read(&reading, disk))) else {
            assert!(at > 20, "{at} calls");
            break;
        };
        saw_less(met.second, &met.first, &durable, &format!("reader stopped at call {at}"));
    }
}

/// A process dies at any of its calls. The next writer goes through its whole run at any call of a reader.
#[test]
fn of_whatever_a_crash_left() {
    let mut partly = 0;
    for crash in 1.. {
        let mut stage = Stage::new();
        stage.disk.set_plan(FaultPlan::default().crash_at(crash));
        let durable = write_on(&stage);
        let crashed = stage.disk.ended();
        stage.restart();
        for at in 1.. {
            let stage = stage.fork();
            let (writing, reading) = (stage.clone(), stage.clone());
            let writer = (usize::MAX, move |disk| write(&writing, disk));
            let Some(met) = meet(&stage.disk, writer, (at, move |disk| read(&reading, disk))) else { break };
            let place = format!("crash at {crash}, reader stopped at call {at}");
            partly += usize::from(saw_less(met.second, &met.first, &durable, &place));
        }
        if !crashed {
            break;
        }
    }
    assert!(partly > 200, "{partly} are too few to mean anything");
}
