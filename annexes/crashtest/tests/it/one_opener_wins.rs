//! Of several processes that open a store for writing at once one gets it, and the others are told (F23).

use tidegate_crashtest::trial::openers::openers;

use super::{done, program};

#[test]
fn however_often() {
    let folder = tempfile::tempdir().unwrap();
    let done = done(openers(&program(), folder.path(), 16));
    assert_eq!((done.won, done.locked), (16, 32));
}
