//! A process without file descriptors gets errors, and goes on once there are some (F28).

use tidegate_crashtest::mount::is_installed;
use tidegate_crashtest::trial::descriptors::descriptors;

use super::{done, not_run, program};

#[test]
fn at_the_start_and_in_the_middle() {
    if !is_installed("prlimit") {
        not_run("prlimit is not installed: missing descriptors are not run");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let done = done(descriptors(&program(), folder.path(), 7, 41));
    assert!(done.errors > 10, "{done:?} is too little to mean anything");
}
