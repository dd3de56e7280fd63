//! A process forks while it has a store open, and the child makes every call there is.

use std::path::Path;

use crate::child::{End, Program};
use crate::failure::{Outcome, ensure};
use crate::forked::names;

/// Tries every call in a fork, of a store with and without its own thread. Returns how many forks that were.
pub fn fork(program: &Program, folder: &Path) -> Outcome<usize> {
    let mut forks = 0;
    for name in names() {
        for thread in [true, false] {
            let directory = folder.join(format!("fork-{forks}"));
            let words =
                ["forked".to_owned(), directory.display().to_string(), thread.to_string(), name.to_owned()];
            let at = |words: &str| format!("{name} in a fork, thread {thread}: {words}");
            let mut running = program.start(&words)?;
            let said = running.hear();
            ensure(matches!(said, Ok(None)), || at(&format!("{said:?}")))?;
            let end = running.end().map_err(|failure| failure.at(at("it ends")))?;
            ensure(end == End::Done, || at(&format!("it ends as {end:?}")))?;
            forks += 1;
        }
    }
    Ok(forks)
}
