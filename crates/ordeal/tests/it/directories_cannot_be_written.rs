//! A directory that cannot be written to can be read, and nothing is written for that (F27).

use std::io::Write;

use tidegate_ordeal::trial::readonly::readonly;

use super::{done, program};

#[test]
fn by_this_user() {
    let folder = tempfile::tempdir().unwrap();
    // Another user has to reach what lies in it.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    if done(readonly(&program(), folder.path())).is_empty() {
        // Past the harness, which shows nothing of a test that passes.
        writeln!(std::io::stderr(), "this user can always write: read-only directories are not run").unwrap();
    }
}
