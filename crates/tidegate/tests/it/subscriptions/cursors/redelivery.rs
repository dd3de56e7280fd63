//! What is not acknowledged comes again.

use tidegate::{ErrorKind, Query};

use super::{at, drain, next, parked, pass, put, stage, strict};

#[test]
fn what_is_out_too_long_is_handed_out_again() {
    let (stage, store) = stage(2);
    let cursor = store.cursor_with("slow", Query::ALL, strict()).unwrap();
    let slow = next(&cursor);
    assert_eq!((at(&slow), slow.attempt()), (1, 1));
    assert_eq!(drain(&cursor), [2], "other streams go on");
    assert_eq!(cursor.position().0, 0, "and the position waits");
    pass(&stage.clock, 29);
    assert!(cursor.next_now().unwrap().is_none());
    pass(&stage.clock, 1);
    let second = next(&cursor);
    assert_eq!((at(&second), second.attempt()), (1, 2));
    assert_eq!(slow.ack().unwrap_err().kind(), ErrorKind::Refused, "it is another worker's now");
    second.ack().unwrap();
    assert_eq!((cursor.position().0, cursor.lag().unwrap()), (2, 0));
}

#[test]
fn what_is_never_acknowledged_is_parked() {
    let (stage, store) = stage(1);
    put(&store, "e0");
    let cursor = store.cursor_with("hangs", Query::ALL, strict()).unwrap();
    let (first, second) = (next(&cursor), {
        pass(&stage.clock, 30);
        next(&cursor)
    });
    pass(&stage.clock, 30);
    assert_eq!(drain(&cursor), [2], "its stream goes on");
    assert_eq!(parked(&cursor), [1]);
    assert!(cursor.parked()[0].reason.contains("30s"), "{:?}", cursor.parked());
    assert_eq!(first.ack().unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(second.fail("late").unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn what_is_dropped_comes_back_at_once() {
    let (_stage, store) = stage(2);
    let cursor = store.cursor_with("drops", Query::ALL, strict()).unwrap();
    for _ in 0..10 {
        let delivery = next(&cursor);
        assert_eq!((at(&delivery), delivery.attempt()), (1, 1));
    }
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = next(&cursor);
        std::panic::resume_unwind(Box::new("the worker"));
    }));
    assert!(panicked.is_err());
    assert_eq!(drain(&cursor), [2], "the first one failed, and rests");
}
