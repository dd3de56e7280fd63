//! A process that erases, stages, backs up and ships is killed outright: whatever it answered holds.

use tidegate_crashtest::trial::upkeep::upkeep;

use super::{done, program};

#[test]
fn over_and_over() {
    let folder = tempfile::tempdir().unwrap();
    let done = done(upkeep(&program(), folder.path(), 1, 10));
    assert_eq!(done.kills, 10);
    assert!(
        done.letters > 100 && done.erasures > 5 && done.committed > 10 && done.copies > 10,
        "{done:?} is too little"
    );
}
