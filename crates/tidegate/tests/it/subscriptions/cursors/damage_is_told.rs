//! A file that is not what was written is an error that names it, and never a cursor at the start. Keeps F16,
//! F18 and F21 for cursors.

use tidegate::subscription::cursor::status;
use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{AppendOptions, Draft, ErrorKind, Query, QueryItem};

use super::{drain, next, put, stage, strict};
use crate::faults::Stage;
use crate::stored::access::Access;
use crate::subscriptions::kind;

const FILE: &str = "cursors/mailer";

fn refused(stage: &Stage) -> String {
    let store = stage.fork().open();
    let error = store.cursor_with("mailer", kind("a.*"), strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(error.place().unwrap().to_string(), FILE);
    assert_eq!(status(&store, "mailer").unwrap_err().kind(), ErrorKind::Damaged);
    error.to_string()
}

fn sample() -> Stage {
    let (mut stage, store) = stage(4);
    let cursor = store.cursor_with("mailer", kind("a.*"), strict().max_attempts(1)).unwrap();
    next(&cursor).fail("no such mailbox").unwrap();
    next(&cursor).ack().unwrap();
    let _out = next(&cursor);
    next(&cursor).ack().unwrap();
    cursor.stop();
    drop((cursor, store));
    stage.restart();
    stage
}

#[test]
fn no_bit_of_it_can_flip_unnoticed() {
    let stage = sample();
    let bits = stage.bytes(FILE).len() as u64 * 8;
    for bit in (0..bits).step_by(13) {
        let damaged = stage.fork();
        damaged.disk.at_rest().flip_bit(FILE, bit).unwrap();
        refused(&damaged);
    }
}

#[test]
fn no_part_of_it_can_go_unnoticed() {
    let stage = sample();
    for length in (0..stage.bytes(FILE).len() as u64).step_by(17) {
        let damaged = stage.fork();
        damaged.disk.at_rest().truncate(FILE, length).unwrap();
        assert!(refused(&damaged).contains("remove it to read from the start"));
    }
}

#[test]
fn a_log_from_before_is_noticed() {
    let (mut stage, store) = stage(2);
    store.close().unwrap();
    let older = Stage { disk: stage.disk.fork().reopen(), ..stage.clone() };
    stage.restart();
    let store = stage.open();
    put(&store, "later");
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    assert_eq!(drain(&cursor), [1, 2, 3]);
    drop((cursor, store));
    // The cursor proves that more was durable: no writer goes on as if that had never been.
    older.disk.at_rest().write(FILE, &stage.bytes(FILE)).unwrap();
    let error = older.try_open(Access::Write).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("cursors/mailer has read further"), "{error}");
    // Without it the older log grows again, and has another event where the cursor was.
    older.disk.at_rest().remove(FILE).unwrap();
    let store = older.open();
    put(&store, "another");
    drop(store);
    older.disk.at_rest().write(FILE, &stage.bytes(FILE)).unwrap();
    assert!(refused(&older).contains("another event"));
}

#[test]
fn another_store_is_noticed() {
    let (stage, other) = (sample(), Stage::seeded(2));
    drop(other.open());
    other.disk.at_rest().write(FILE, &stage.bytes(FILE)).unwrap();
    assert!(refused(&other).contains("another store"));
}

#[test]
fn a_full_disk_costs_nothing_but_a_repetition() {
    let (stage, store) = stage(3);
    let cursor = store.cursor_with("mailer", Query::ALL, strict()).unwrap();
    next(&cursor).ack().unwrap();
    let model = stage.disk.model();
    stage.disk.set_model(tidegate::testing::Model { capacity_bytes: Some(0), ..model });
    assert_eq!(next(&cursor).ack().unwrap_err().kind(), ErrorKind::Full);
    stage.disk.set_model(model);
    next(&cursor).ack().unwrap();
    assert_eq!(status(&store, "mailer").unwrap().position.0, 3);
    let files = stage.disk.at_rest().names_in("cursors");
    assert_eq!(files, [FILE]);
}

/// One rule says of every file that is written what lack of room is.
#[test]
fn any_lack_of_room_is_told_as_such_and_costs_nothing() {
    for errno in [Errno::DQUOT, Errno::FBIG, Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE] {
        let (stage, store) = stage(60);
        let cursor = store.cursor_with("mailer", Query::ALL, strict()).unwrap();
        let call = if matches!(errno, Errno::MFILE | Errno::NFILE) { Call::Create } else { Call::Write };
        stage.disk.set_plan(FaultPlan::default().fail_from(call, 1, errno));
        assert_eq!(next(&cursor).ack().unwrap_err().kind(), ErrorKind::Full, "{errno:?}, of a cursor");
        assert_eq!(
            store.upkeep().reindex().unwrap_err().kind(),
            ErrorKind::Full,
            "{errno:?}, of an index file"
        );
        stage.disk.set_plan(FaultPlan::default());
        next(&cursor).ack().unwrap();
        store.upkeep().reindex().unwrap();
    }
}

#[test]
fn a_reader_sees_the_cursors_of_the_writer() {
    let (stage, store) = stage(2);
    let cursor = store.cursor_with("mailer", QueryItem::new(), strict()).unwrap();
    next(&cursor).ack().unwrap();
    let reader = stage.read_only();
    assert_eq!(status(&reader, "mailer").unwrap().position.0, 1);
}

/// A cursor may stand within a batch, and is then kept over a batch that is durable as a whole. After a power cut the
/// watermark is older than both; a reader left the batch out, because it ends behind the cursor, and called that damage.
#[test]
fn a_cursor_within_a_batch_is_no_damage() {
    let (mut stage, store) = stage(1);
    let batch: Vec<_> = (0..4).map(|entity| Draft::new(("s", format!("b{entity}")), "a.one")).collect();
    store.append_with(batch, AppendOptions::new().synced()).unwrap();
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    for _ in 0..3 {
        next(&cursor).ack().unwrap();
    }
    stage.disk.lose_unsynced();
    drop((cursor, store));
    stage.restart();
    let reader = stage.read_only();
    assert!(reader.report().damage.is_none(), "{}", reader.report());
    assert_eq!(reader.view().unwrap().head().0, 5);
}
