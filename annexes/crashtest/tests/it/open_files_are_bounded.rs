//! A store may have more segments than a process may have maps or descriptors.

use tidegate_crashtest::trial::open_files::open_files;

use super::{done, program};

/// A process may have 65,530 maps, and a segment and its index file are two.
#[test]
fn over_forty_thousand_segments() {
    let folder = in_memory();
    assert_eq!(done(open_files(&program(), folder.path(), 40_000, None, false)), 80_000);
}

#[test]
fn with_sixty_four_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(done(open_files(&program(), folder.path(), 400, Some(64), true)), 880);
}

/// A folder in memory if the system has one: a disk takes long to create that number of files.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}
