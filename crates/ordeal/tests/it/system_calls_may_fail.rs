//! Whichever system call fails, a caller gets an error or nothing is amiss (F1, F12, F13, F15, F28).

use std::io::Write;

use tidegate_ordeal::trace;
use tidegate_ordeal::trial::inject::{Extent, inject};

use super::{done, program};

#[test]
fn one_at_a_time() {
    if !trace::is_there() {
        // Past the harness, which shows nothing of a test that passes.
        writeln!(std::io::stderr(), "strace is not installed: injected faults are not run").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let done = done(inject(&program(), folder.path(), Extent { every: 17, acts: 16 }, None));
    assert!(done.runs() > 50, "{} runs are too few to mean anything\n{done}", done.runs());
}
