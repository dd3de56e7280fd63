//! A bit that flips at rest, in any file, is caught or changes no answer (F16).

use tidegate_crashtest::trial::flips::flips;

use super::done;

#[test]
fn in_every_kind_of_file() {
    let done = done(flips(1, 400));
    assert_eq!(done.flips(), 400, "{done}");
}
