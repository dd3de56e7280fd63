//! A file is cut short under a live reader: misuse, which can end that process, and never the data.

use std::path::{Path, PathBuf};

use tidegate::{ErrorKind, Query, StoreOptions};

use crate::check::check;
use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::report::{ReportLine, WorkerReport};
use crate::worker::WorkerOptions;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct TruncateReport {
    /// Readers without maps that got an error for the damage.
    pub reported: u64,
    /// Readers without maps whose answers were all right: they had read what they needed.
    pub harmless: u64,
    /// Readers with maps that were ended by the system.
    pub ended: u64,
    /// Readers with maps that went on, or got the error.
    pub alive: u64,
}

/// Cuts each sealed segment and its index file at several lengths under readers.
pub fn truncate(program: &Program, folder: &Path) -> Outcome<TruncateReport> {
    let orders = WorkerOptions::new(folder.join("truncate"));
    let mut report = WorkerReport::default();
    let end = program.run(&orders, &mut report)?;
    ensure(end == End::Done, || format!("the run fails: {:?}", report.failed))?;
    check(&orders.directory, &mut report)?;
    let leaves: Vec<String> = report.events.values().map(|(leaf, _)| leaf.clone()).collect();
    let mut done = TruncateReport::default();
    let files =
        [files(&orders.directory.join("segments"))?, files(&orders.directory.join("index"))?].concat();
    for file in &files {
        let bytes = std::fs::read(file)?;
        for part in [0, 1, 2, 3] {
            let length = bytes.len() * part / 4;
            let at = |failure: Failure| failure.at(format!("{} cut at {length}", file.display()));
            without_map(&orders.directory, file, length, &leaves, &mut done).map_err(at)?;
            std::fs::write(file, &bytes)?;
            with_map(program, &orders.directory, file, length, &leaves, &mut done).map_err(at)?;
            std::fs::write(file, &bytes)?;
        }
    }
    check(&orders.directory, &mut report)?;
    Ok(done)
}

fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// A reader that has begun gets an error or the right answer.
fn without_map(
    directory: &Path,
    file: &Path,
    length: usize,
    leaves: &[String],
    done: &mut TruncateReport,
) -> Outcome {
    let options = StoreOptions::new().map(false);
    let store = options.open_reader(directory)?;
    let mut events = store.read(&Query::ALL)?;
    let first = events.next().transpose()?.map(|event| event.leaf().to_string());
    ensure(first.as_ref() == leaves.first(), || "the first event is another one".into())?;
    std::fs::File::options().write(true).open(file)?.set_len(length as u64)?;
    let mut seen = 1;
    for event in events {
        match event {
            Ok(event) => {
                let same = leaves.get(seen).is_some_and(|leaf| *leaf == event.leaf().to_string());
                ensure(same, || format!("the event at {} is another one", event.position()))?;
                seen += 1;
            }
            Err(error) => {
                ensure(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Io), || error.to_string())?;
                done.reported += 1;
                return Ok(());
            }
        }
    }
    ensure(seen == leaves.len(), || format!("{seen} events without an error, of {}", leaves.len()))?;
    done.harmless += 1;
    Ok(())
}

/// A process that follows with maps may end by a signal; nothing that it says before is wrong.
fn with_map(
    program: &Program,
    directory: &Path,
    file: &Path,
    length: usize,
    leaves: &[String],
    done: &mut TruncateReport,
) -> Outcome {
    let words = ["look".to_owned(), directory.display().to_string(), "true".to_owned()];
    // Held, so that no event is between its check and the look at its bytes when the file is cut.
    let mut running = program.start_held(&words)?;
    let mut seen = 0;
    while let Some(line) = running.hear()? {
        if seen == 0 {
            std::fs::File::options().write(true).open(file)?.set_len(length as u64)?;
            running.let_go();
        }
        match line {
            ReportLine::Kept(position, leaf) => {
                let same = leaves.get(position as usize - 1) == Some(&leaf);
                ensure(same, || format!("the event at {position} is another one"))?;
                seen += 1;
            }
            ReportLine::Failed(error) => {
                let typed = error.contains("damaged: ") || error.contains("input/output: ");
                ensure(typed, || format!("reported: {error}"))?;
            }
            other => return Err(Failure(format!("a reader says {other}"))),
        }
    }
    match running.end() {
        Ok(_) => done.alive += 1,
        Err(failure) if failure.0.contains("SIGBUS") => done.ended += 1,
        Err(failure) => return Err(failure),
    }
    Ok(())
}
