//! A doctor that reads a store while a writer appends, rolls, indexes, keeps cursors and saves states: there is
//! nothing wrong, and so nothing is found.

use std::sync::Arc;

use tidegate::report::{DoctorReport, examine_in};
use tidegate::testing::Disk;
use tidegate::{AppendOptions, ErrorKind, Query, Result};

use super::super::mending::sample::{Things, closed};
use super::super::stage::{Stage, batch, one};
use super::readers::torn;
use super::{Met, meet};

/// Opens and goes on over some twenty segments, so that a filter group is made anew.
fn write(stage: &Stage, disk: Arc<dyn Disk>) {
    let store = stage.options.open_in(stage.world_with(disk)).unwrap();
    let cursor = store.cursor("reader", Query::ALL).unwrap();
    let things = store.projector::<Things>().unwrap();
    for number in 0..24 {
        store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap();
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
        cursor.next_now().unwrap().unwrap().ack().unwrap();
        if number % 6 == 5 {
            cursor.commit().unwrap();
            things.read().unwrap();
            things.save().unwrap();
            store.upkeep().step().unwrap();
        }
    }
    drop((cursor, things));
    store.close().unwrap();
}

fn check(examined: &DoctorReport, place: &str) {
    let faults: Vec<String> = examined.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, [""; 0], "{place}");
    // Of a store that was not closed it is unknown whether more was there.
    let lost = examined.lost.iter().filter(|lost| lost.last.is_some()).count();
    assert_eq!(lost, 0, "{place}");
}

fn sample() -> Stage {
    let (mut stage, _) = closed(60);
    stage.options = stage.options.segment_bytes(500);
    stage
}

#[test]
fn find_nothing_wrong_wherever_they_are() {
    let sample = sample();
    for at in 1.. {
        let stage = sample.fork();
        let (writing, examining) = (stage.clone(), stage.clone());
        let writer = (usize::MAX, move |disk| write(&writing, disk));
        let examiner = (at, move |disk| examine_in(&examining.world_with(disk), |_| ()).unwrap());
        let Some(Met { second: examined, .. }) = meet(&stage.disk, writer, examiner) else {
            assert!(at > 100, "{at} calls");
            break;
        };
        check(&examined, &format!("stopped at call {at}"));
    }
}

#[test]
fn find_nothing_wrong_wherever_the_writer_is() {
    let sample = sample();
    for at in 1.. {
        let stage = sample.fork();
        let (writing, examining) = (stage.clone(), stage.clone());
        let examiner = (usize::MAX, move |disk| examine_in(&examining.world_with(disk), |_| ()).unwrap());
        let writer = (at, move |disk| write(&writing, disk));
        let Some(Met { first: examined, .. }) = meet(&stage.disk, examiner, writer) else {
            assert!(at > 500, "{at} calls");
            break;
        };
        check(&examined, &format!("the writer stopped at call {at}"));
    }
}

/// Of a store that recovers, or comes to be: it is none yet, or whole.
#[test]
fn find_nothing_wrong_with_a_store_that_begins() {
    for mut sample in [torn().0, Stage::new()] {
        sample.options = sample.options.segment_bytes(500);
        let (mut none_yet, mut found) = (0, 0);
        let mut check = |examined: Result<DoctorReport>, place: &str| match examined {
            Ok(examined) => {
                found += 1;
                check(&examined, place);
            }
            Err(error) => {
                none_yet += 1;
                assert_eq!(error.kind(), ErrorKind::Missing, "{place}: {error}");
            }
        };
        for at in 1.. {
            let stage = sample.fork();
            let (writing, examining) = (stage.clone(), stage.clone());
            let writer = (usize::MAX, move |disk| write(&writing, disk));
            let examiner = (at, move |disk| examine_in(&examining.world_with(disk), |_| ()));
            let Some(met) = meet(&stage.disk, writer, examiner) else { break };
            check(met.second, &format!("stopped at call {at}"));
        }
        for at in 1.. {
            let stage = sample.fork();
            let (writing, examining) = (stage.clone(), stage.clone());
            let examiner = (usize::MAX, move |disk| examine_in(&examining.world_with(disk), |_| ()));
            let writer = (at, move |disk| write(&writing, disk));
            let Some(met) = meet(&stage.disk, examiner, writer) else { break };
            check(met.first, &format!("the writer stopped at call {at}"));
        }
        assert!(found > 500, "{found} found, {none_yet} times none yet");
    }
}
