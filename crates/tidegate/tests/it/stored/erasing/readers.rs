//! Readers in other processes, and everything else that follows the log, learn of an erasure.

use tidegate::report::{ERASED, ErasedEvent};
use tidegate::testing::FaultPlan;
use tidegate::{ErrorKind, Position, Query, RecordedEvent};

use super::{erase, fail_copies, files_with, fill, of_subject, secret, shown, subject};
use crate::faults::stage::Stage;

/// A reader masks what an event that it sees says is erased, and lets go of the old files once the writer is done.
#[test]
fn a_reader_process_shows_none_of_it_and_takes_up_the_new_files() {
    for map in [true, false] {
        let mut stage = Stage::new();
        stage.options = stage.options.map(map);
        let store = stage.open();
        fill(&store, 9);
        let reader = stage.read_only();
        let held: RecordedEvent = reader.read(&subject(1)).unwrap().next().unwrap().unwrap();
        let (old_view, count) = (reader.view().unwrap(), store.count(&subject(1)).unwrap());
        erase(&store, &subject(1)).unwrap();
        // What was read stays with its owner.
        assert_eq!(held.payload().unwrap(), secret(1).as_bytes());
        assert_eq!(shown(&reader).1.len() as u64, count);
        let event = old_view.at(held.position()).unwrap().unwrap();
        assert_eq!(event.payload().unwrap_err().kind(), ErrorKind::Erased);
        store.append(of_subject(2)).unwrap();
        assert_eq!(shown(&reader).1.len() as u64, count);
        assert_eq!(reader.verify(|_| ()).unwrap().erased, count);
        let late = stage.read_only();
        assert_eq!((shown(&late), late.verify(|_| ()).unwrap().erased), (shown(&store), count));
        // A second one, while the first reader goes on.
        erase(&store, &subject(2)).unwrap();
        assert_eq!(shown(&reader), shown(&store));
        assert_eq!(reader.verify(|_| ()).unwrap(), store.verify(|_| ()).unwrap());
        assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0]);
    }
}

/// A reader that looks between the event and the files.
#[test]
fn a_reader_that_opens_meanwhile_masks_it() {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, 9);
    let early = stage.read_only();
    fail_copies(&stage);
    erase(&store, &subject(1)).unwrap_err();
    let late = stage.read_only();
    assert!(!files_with(&stage, secret(1).as_bytes()).is_empty());
    for reader in [&early, &late] {
        assert_eq!(shown(reader), shown(&store));
        reader.verify(|_| ()).unwrap();
    }
    // Done by the same writer, once the disk does as it is told; what was decided is not decided twice.
    stage.disk.set_plan(FaultPlan::default());
    let head = store.view().unwrap().head();
    let erasure = erase(&store, &subject(1)).unwrap();
    assert!(erasure.recorded.is_none() && erasure.segments > 0, "{erasure:?}");
    assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0]);
    assert_eq!(store.view().unwrap().head(), head);
    for reader in [&early, &late] {
        assert_eq!(shown(reader), shown(&store));
    }
}

#[test]
fn cursors_and_reactors_select_the_event() {
    let store = tidegate::Store::in_memory().unwrap();
    let cursor = store.cursor("forgets", Query::kind(ERASED)).unwrap();
    fill(&store, 6);
    let erasure = erase(&store, &subject(1)).unwrap();
    let delivery = cursor.next_now().unwrap().expect("the event");
    let said = ErasedEvent::of(delivery.event()).unwrap();
    assert_eq!(
        (said.positions.count(), Some(delivery.event().position())),
        (erasure.events, erasure.recorded)
    );
    delivery.ack().unwrap();
    assert_eq!(
        store.subscribe(Query::kind(ERASED), Position::START).filter_map(Result::ok).take(1).count(),
        1
    );
    let other = store.view().unwrap().at(Position(1)).unwrap().unwrap();
    assert_eq!(ErasedEvent::of(&other).unwrap_err().kind(), ErrorKind::Invalid);
}
