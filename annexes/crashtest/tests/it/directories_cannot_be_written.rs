//! A directory that cannot be written to can be read, and nothing is written for that (F27).

use tidegate_crashtest::trial::readonly::readonly;

use super::{done, not_run, program};

#[test]
fn by_this_user() {
    let folder = tempfile::tempdir().unwrap();
    // Another user has to reach what lies in it.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    if done(readonly(&program(), folder.path())).is_empty() {
        not_run("this user can always write: read-only directories are not run");
    }
}
