//! Clocks that run backwards (F24), whole directories that do (F21), and a world without randomness.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tidegate::batch::Import;
use tidegate::testing::{Env, Random};
use tidegate::{AppendOptions, Batch, Condition, Draft, ErrorKind, Position, Query};
use tidegate_format::{Micros, SegmentName, StoreFile, Watermark};

use crate::stored::access::Access;
use crate::subscriptions::logged::warnings;

use super::stage::{Stage, fill, history, one};

/// F24: forwards, backwards, before 1970, and as late as a clock can say, also over a reopening.
#[test]
fn times_never_decrease() {
    let stage = Stage::new();
    for micros in [5_000_000, 4_000_000, 0, u64::MAX / 2, 7] {
        let store = stage.open();
        stage.clock.set(micros);
        fill(&store, 2);
        stage.clock.jump_back(3_000_000);
        fill(&store, 1);
        store.verify(|_| ()).unwrap();
        store.close().unwrap();
    }
    let store = stage.read_only();
    let times: Vec<_> = store.read(&Query::ALL).unwrap().map(|event| event.unwrap().time()).collect();
    assert!(times.is_sorted() && times[0] < times[times.len() - 1]);
}

/// One wild clock pins all later times. It is reported at the next append and at the next opening, and an option keeps
/// it out.
#[test]
fn a_wild_clock_is_told_of_and_can_be_kept_out() {
    const DAY: u64 = 24 * 3600 * 1_000_000;
    let mut stage = Stage::new();
    stage.options.time_step_max = Some(Duration::from_secs(3600));
    let store = stage.open();
    stage.clock.advance(10 * DAY);
    store.append(one("first")).expect("the first event has nothing to be compared with");
    stage.clock.advance(2 * DAY);
    let refused = store.append(one("late")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().contains("time_step_max"), "{refused}");
    stage.clock.jump_back(2 * DAY);
    store.append(one("second")).expect("a refused append leaves no time behind");
    stage.clock.jump_back(DAY + 1);
    let told = warnings(|| {
        for _ in 0..3 {
            store.append(one("third")).unwrap();
        }
    });
    assert!(told.len() == 1 && told[0].contains("behind the log"), "{told:?}");
    store.close().unwrap();
    stage.restart();
    let behind = stage.open().report().clock_behind;
    assert_eq!(behind, Some(Duration::from_micros(DAY + 1)));
    stage.restart();
    stage.clock.advance(1);
    assert_eq!(stage.open().report().clock_behind, None, "a day is not a wild clock");
}

/// A batch that is refused has no time: neither a wild clock nor a late one leaves a trace in what follows, however the
/// batches of a group came to be refused.
#[test]
fn a_refused_group_leaves_no_time() {
    const DAY: u64 = 24 * 3600 * 1_000_000;
    let stage = Stage::new();
    let store = stage.open();
    let refused = || {
        let absent = Condition::Absent(("s", "e").into());
        let ahead = Import { recorded: Some(Micros(u64::MAX / 4)), ..Import::default() };
        let draft = || Batch::from(Draft::new(("s", "e"), "k.x"));
        for batch in [draft().only_if(absent.clone()), draft().imported(ahead).only_if(absent.clone())] {
            let error = store.append(batch).unwrap_err();
            assert!(error.conflict().is_some(), "{error}");
        }
    };
    let first = store.append(Draft::new(("s", "e"), "k.x")).unwrap().time;
    stage.clock.advance(365 * DAY);
    refused();
    stage.clock.set(first.0 + 5);
    let second = store.append(one("second")).unwrap().time;
    assert_eq!(second, Micros(first.0 + 5));
    stage.clock.advance(2 * DAY);
    store.append(one("third")).unwrap();
    stage.clock.jump_back(2 * DAY);
    assert_eq!(warnings(refused), [""; 0], "nothing was recorded that the clock could be behind of");
    let told = warnings(|| _ = store.append(one("fourth")).unwrap());
    assert!(told.len() == 1 && told[0].contains("behind the log"), "{told:?}");
}

/// F21: an older copy of the whole directory looks like any store; a caller who knows how far it was is warned,
/// before anything is changed.
#[test]
fn an_older_copy_is_noticed_by_those_who_know_the_head() {
    let (stage, intact) = Stage::closed();
    let head = Position(intact.len() as u64);
    let expect = |stage: &Stage, expected_head, access: Access| {
        access.open(stage.world(), stage.options.expected_head(expected_head))
    };
    assert_eq!(history(&expect(&stage.fork(), head, Access::Write).unwrap()).unwrap(), intact);
    for access in [Access::Write, Access::Read] {
        let copy = stage.fork();
        let error = expect(&copy, head.next(), access).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert_eq!(error.evidence().unwrap().1, format!("position {head}"));
        assert!(copy.disk.calls() <= 1, "the lock at most");
    }
}

/// After each sync the watermark says how far the log is durable, and where in which segment that is.
#[test]
fn the_watermark_says_where_the_log_ends() {
    let stage = Stage::new();
    let store = stage.open();
    for _ in 0..12 {
        let last =
            store.append_with(one("a").bytes(vec![7; 150]), AppendOptions::new().synced()).unwrap().last();
        let salt = StoreFile::read(&stage.bytes("STORE")).unwrap().salt;
        let mark = Watermark::read(&stage.bytes("WATERMARK"), salt).unwrap();
        let active = stage.active();
        assert_eq!((mark.durable, mark.tail.0, mark.clean), (last, stage.bytes(&active).len() as u64, false));
        assert!(active.ends_with(&format!("{}.seg", SegmentName::new(mark.segment))), "{active}");
    }
    assert!(stage.segments().len() > 1);
}

/// A source that has no random bytes to give, like a sandbox without the call and without the device.
#[derive(Debug)]
struct NoRandom;

impl Random for NoRandom {
    fn fill(&self, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Ids and salts were once made of weaker bytes in silence. Now a writer does not open, and leaves no trace; readers
/// need no randomness.
#[test]
fn without_randomness_no_writer_opens() {
    let (stage, intact) = Stage::closed();
    let world = |stage: &Stage| Env { random: Arc::new(NoRandom), ..stage.world() };
    for stage in [&stage, &Stage::new()] {
        let before = stage.disk.calls();
        let error = stage.options.open_in(world(stage)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert_eq!(stage.disk.calls(), before, "nothing is touched");
    }
    let reader = stage.options.open_reader_in(world(&stage)).unwrap();
    assert_eq!(history(&reader).unwrap(), intact);
}
