//! What was prepared in one opening is never committed in another, and other logs are refused.

use std::sync::Arc;

use tidegate::{AppendOptions, Batch, Draft, ErrorKind, Position, Query, Result, Store, StoreOptions};

use super::{fail_a_sync, order};
use crate::faults::Stage;
use crate::faults::stage::fill;

/// The closure reopens the store itself: what it read is of the earlier opening.
#[test]
fn a_decision_that_was_under_way_is_refused() {
    let store = Arc::new(Store::in_memory().unwrap());
    store.append(order("one")).unwrap();
    let mut asked = 0;
    let decided = store.decide(|view| -> Result<Draft> {
        asked += 1;
        assert_eq!(view.count(&Query::ALL)?, 1);
        store.close()?;
        store.reopen()?;
        Ok(order("two"))
    });
    assert_eq!(decided.unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!((asked, store.count(&Query::ALL).unwrap()), (1, 1));
    assert!(store.decide(|_| -> Result<Draft> { Ok(order("two")) }).unwrap().receipt().is_some());
}

/// Tickets of the earlier opening are answered, whether any caller waits or not, and none of them is committed later.
#[test]
fn tickets_of_a_failed_opening_are_answered() {
    for thread in [false, true] {
        let stage = Stage::new();
        let store = stage.options.thread(thread).open_in(stage.world()).unwrap();
        fill(&store, 2);
        let keyed = |key: &'static str| Batch::from(order("keyed")).key(key);
        let mut before = vec![store.submit_with(keyed("a"), AppendOptions::new().buffered()).unwrap()];
        before.push(store.submit_with(keyed("b"), AppendOptions::new().buffered()).unwrap());
        fail_a_sync(&stage, &store);
        let ended = store.submit(keyed("c")).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::Ended);
        store.reopen().unwrap();
        let head = store.view().unwrap().head();
        for ticket in before {
            // It was written and answered before the sync failed, or not at all.
            if let Err(error) = ticket.wait() {
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
            }
        }
        assert_eq!(store.view().unwrap().head(), head, "nothing of the earlier opening comes later");
        let again = store.append(keyed("a")).unwrap();
        assert!(again.last() <= head, "the key tells what became of it");
        assert!(store.append(keyed("c")).unwrap().first() > head);
        store.verify(|_| ()).unwrap();
    }
}

/// The lock goes to the first who asks: as long as another has it, the handle stays as it is.
#[test]
fn a_store_that_another_handle_writes_to_is_not_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.append(order("one")).unwrap();
    store.close().unwrap();
    let other = Store::open(folder.path()).unwrap();
    other.append(order("two")).unwrap();
    assert_eq!(store.reopen().unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(store.append(order("refused")).unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!(store.view().unwrap().head(), Position(1), "the moment of its end");
    other.close().unwrap();
    store.reopen().unwrap();
    assert_eq!(store.append(order("three")).unwrap().first(), Position(3));
}

#[test]
fn another_store_and_a_missing_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (here, aside) = (folder.path().join("shop"), folder.path().join("aside"));
    let store = Store::open(&here).unwrap();
    store.append(order("one")).unwrap();
    store.close().unwrap();
    std::fs::rename(&here, &aside).unwrap();
    assert_eq!(store.reopen().unwrap_err().kind(), ErrorKind::Missing, "and none is created");
    let other = Store::open(&here).unwrap();
    other.append(order("of another")).unwrap();
    other.close().unwrap();
    let error = store.reopen().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Diverged, "{error}");
    drop(other);
    assert_eq!(Store::open(&here).unwrap().count(&Query::ALL).unwrap(), 1, "it is left as it was");
    std::fs::remove_dir_all(&here).unwrap();
    std::fs::rename(&aside, &here).unwrap();
    store.reopen().unwrap();
    store.append(order("two")).unwrap();
}

/// An older copy of the store was put in its place while it was closed, and another one that went on differently.
#[test]
fn an_older_copy_is_refused() {
    let mut stage = Stage::new();
    stage.options = StoreOptions::new().thread(false);
    let store = stage.open();
    store.append(order("one")).unwrap();
    let active = stage.active();
    let old = (stage.bytes(&active), stage.bytes("WATERMARK"));
    store.append(order("two")).unwrap();
    store.close().unwrap();
    let new = (stage.bytes(&active), stage.bytes("WATERMARK"));
    let put = |files: &(Vec<u8>, Vec<u8>)| {
        let newest = stage.active();
        stage.disk.at_rest().write(&newest, &files.0).unwrap();
        stage.disk.at_rest().write("WATERMARK", &files.1).unwrap();
    };
    put(&old);
    let error = store.reopen().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    put(&new);
    store.reopen().unwrap();
    assert_eq!(store.append(order("three")).unwrap().first(), Position(3));
}
