//! A process without file descriptors gets errors, and goes on once there are some (F28).

use std::io::Write;

use tidegate_ordeal::mount::is_installed;
use tidegate_ordeal::trial::descriptors::descriptors;

use super::{done, program};

#[test]
fn at_the_start_and_in_the_middle() {
    if !is_installed("prlimit") {
        // Past the harness, which shows nothing of a test that passes.
        writeln!(std::io::stderr(), "prlimit is not installed: missing descriptors are not run").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let done = done(descriptors(&program(), folder.path(), 8, 23));
    assert!(done.errors > 20, "{done:?} is too little to mean anything");
}
