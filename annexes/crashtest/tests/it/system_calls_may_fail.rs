//! Whichever system call fails, a caller gets an error or nothing is amiss (F1, F12, F13, F15, F28).

use tidegate_crashtest::trace;
use tidegate_crashtest::trial::inject::{Extent, inject};

use super::{done, not_run, program};

#[test]
fn one_at_a_time() {
    if !trace::is_there() {
        not_run("strace is not installed: injected faults are not run");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let done = done(inject(&program(), folder.path(), Extent { every: 29, acts: 16 }, None));
    assert!(done.runs() > 30, "{} runs are too few to mean anything\n{done}", done.runs());
}
