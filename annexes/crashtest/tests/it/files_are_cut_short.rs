//! A file that is cut short under a reader is an error, or ends that process; the data is whole afterwards (F30).

use tidegate_crashtest::trial::truncate::truncate;

use super::{done, program};

#[test]
fn with_maps_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let done = done(truncate(&program(), folder.path()));
    assert!(done.reported > 10 && done.alive + done.ended > 10, "{done:?} is too little to mean anything");
}
