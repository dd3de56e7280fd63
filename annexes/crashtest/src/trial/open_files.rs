//! More segments than a process may have maps or descriptors.

use std::path::Path;

use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::many;
use crate::report::ReportLine;

/// Has a reader, and a writer if `writes` says so, ask everything of a store with this many segments, under a limit of
/// descriptors if there is one, and returns how many events were seen.
pub fn open_files(
    program: &Program,
    folder: &Path,
    segments: u64,
    descriptors: Option<u64>,
    writes: bool,
) -> Outcome<u64> {
    let mut seen = 0;
    for map in [true, false] {
        let directory = folder.join(format!("{segments}-{map}"));
        many::write(&directory, segments)?;
        let at = |failure: Failure| failure.at(format!("{segments} segments, maps: {map}"));
        let limit = descriptors
            .map(|limit| ["sh", "-c", "ulimit -n $0; exec \"$@\"", &limit.to_string()].map(String::from));
        let program = limit.map_or_else(|| program.clone(), |limit| program.under(limit));
        let words = ["ask", &directory.display().to_string(), &map.to_string(), &writes.to_string()];
        let mut running = program.start(&words.map(String::from)).map_err(at)?.patient();
        let mut last = None;
        while let Some(line) = running.hear().map_err(at)? {
            last = Some(line);
        }
        let end = running.end().map_err(at)?;
        match last {
            Some(ReportLine::Kept(count, _)) if end == End::Done => seen += count,
            other => return Err(at(Failure(format!("the process says {other:?}")))),
        }
        std::fs::remove_dir_all(&directory)?;
    }
    ensure(seen >= 2 * segments, || format!("{seen} events of {segments} segments were seen, twice"))?;
    Ok(seen)
}
