//! A process that is killed outright keeps everything it acknowledged (F1, F6, F22).

use tidegate_crashtest::trial::kill::kill;

use super::{done, program};

#[test]
fn over_and_over() {
    let folder = tempfile::tempdir().unwrap();
    let done = done(kill(&program(), folder.path(), 1, 12));
    assert_eq!(done.kills, 12);
    assert!(done.acknowledged > 500, "{done:?} is too little to mean anything");
}
