//! A reader process beside writers that roll, seal, close and are killed sees a prefix, without gaps (F1, F31).

use tidegate_ordeal::trial::reader::reader;

use super::{done, program};

#[test]
fn while_writers_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let done = done(reader(&program(), folder.path(), 1, 4));
    assert!(done.seen > 100, "{done:?} is too little to mean anything");
}
