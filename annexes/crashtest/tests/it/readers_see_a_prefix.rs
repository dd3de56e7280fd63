//! A reader process beside writers that roll, seal, close and are killed sees a prefix, without gaps, and the caller that comes
//! to look meanwhile finds nothing wrong (F1, F31).

use tidegate_crashtest::trial::reader::reader;

use super::{done, program};

#[test]
fn while_writers_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let done = done(reader(&program(), folder.path(), 1, 4));
    assert!(done.seen > 100 && done.looks > 20, "{done:?} is too little to mean anything");
}
