//! What a process may use is limited: the length of its files, at which writes become short (F12, F14), and its memory,
//! at which the process ends (F29).

use tidegate_crashtest::mount::is_installed;
use tidegate_crashtest::trial::full::limited;
use tidegate_crashtest::trial::memory::memory;

use super::{done, not_run, program};

fn can_limit() -> bool {
    let can = is_installed("prlimit");
    if !can {
        not_run("prlimit is not installed: limits are not run");
    }
    can
}

#[test]
fn files_may_not_grow() {
    if can_limit() {
        let folder = tempfile::tempdir().unwrap();
        let done = done(limited(&program(), folder.path(), 6_000, 911));
        assert!(done.got_full > 4 && done.acknowledged > 100, "{done:?} is too little to mean anything");
    }
}

#[test]
fn memory_runs_out() {
    if can_limit() {
        let folder = tempfile::tempdir().unwrap();
        let done = done(memory(&program(), folder.path(), 1_000, 96));
        assert!(done.ended > 0, "{done:?} is too little to mean anything");
    }
}
