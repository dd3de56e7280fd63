//! Directories that cannot be written to: reading works and writes nothing, opening for writing is an error.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tidegate::{ErrorKind, Store};

use crate::check::{check, look_only};
use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::mount::{Mount, is_installed};
use crate::report::{ReportLine, WorkerReport};
use crate::worker::WorkerOptions;

/// Tries a store that was closed and one whose writer was killed, in every way this user can.
pub fn readonly(program: &Program, folder: &Path) -> Outcome<Vec<&'static str>> {
    let mut done = Vec::new();
    for acts in [96, u64::MAX] {
        let orders = WorkerOptions { acts, ..WorkerOptions::new(folder.join(format!("readonly-{acts}"))) };
        let mut report = write(program, &orders)?;
        let before = state(&orders.directory)?;
        if rustix::process::geteuid().is_root() {
            // Root without the right to mount, as in some containers, has no way to be refused.
            if let Ok(mount) = Mount::read_only(&orders.directory, &folder.join("readonly.mount")) {
                try_it(&mount.point, &report, "read-only file system")?;
                done.push("read-only file system");
            }
            if is_installed("setpriv") {
                as_somebody_else(program, &orders.directory, &report)?;
                done.push("another user's directory");
            }
        } else {
            let permissions = |mode| set_permissions(&orders.directory, mode);
            permissions(0o555)?;
            let tried = try_it(&orders.directory, &report, "directory without write permission");
            permissions(0o755)?;
            tried?;
            done.push("directory without write permission");
        }
        ensure(state(&orders.directory)? == before, || "reading changed a file".into())?;
        check(&orders.directory, &mut report)?;
    }
    Ok(done)
}

/// Returns a store, closed in good order or not.
fn write(program: &Program, orders: &WorkerOptions) -> Outcome<WorkerReport> {
    let mut report = WorkerReport::default();
    if orders.acts < u64::MAX {
        program.run(orders, &mut report)?;
        return Ok(report);
    }
    let mut running = program.start(&orders.words())?;
    for _ in 0..150 {
        let Some(line) = running.hear()? else { break };
        report.note(line);
    }
    running.kill_and_hear(&mut report)?;
    Ok(report)
}

fn try_it(directory: &Path, report: &WorkerReport, what: &str) -> Outcome {
    let at = |failure: Failure| failure.at(what);
    let seen = look_only(directory, report).map_err(at)?;
    let durable = report.events.values().filter(|(_, durable)| *durable).count();
    ensure(seen.len() >= durable, || format!("{} of {durable} events are seen", seen.len())).map_err(at)?;
    match Store::open(directory) {
        Err(error) if error.kind() == ErrorKind::Io => Ok(()),
        Err(error) => Err(at(Failure(format!("opening for writing says {error}")))),
        Ok(_) => Err(at(Failure("opening for writing works".into()))),
    }
}

/// Another user may read everything and write nothing.
fn as_somebody_else(program: &Program, directory: &Path, report: &WorkerReport) -> Outcome {
    let other = program.under(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    let path = directory.display().to_string();
    let mut seen = WorkerReport::default();
    let mut running = other.start(&["look".to_owned(), path.clone(), "true".to_owned()])?;
    while let Some(line) = running.hear()? {
        seen.note(line);
    }
    ensure(running.end()? == End::Done, || format!("another user cannot read: {:?}", seen.failed))?;
    let missing = report.events.iter().find(|(position, (leaf, durable))| {
        *durable && seen.events.get(position).is_none_or(|(seen, _)| seen != leaf)
    });
    ensure(missing.is_none(), || format!("another user does not see {missing:?}"))?;
    let mut running = other.start(&["want".to_owned(), path])?;
    match running.hear()? {
        Some(ReportLine::Failed(error)) if error.contains("input/output: ") => {}
        said => return Err(Failure(format!("another user who wants to write says {said:?}"))),
    }
    ensure(running.end()? == End::GaveUp, || "another user may write".into())
}

fn set_permissions(directory: &Path, mode: u32) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    for path in [directory.join("segments"), directory.join("index"), directory.to_path_buf()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Returns every file with its length and when it was changed.
fn state(directory: &Path) -> Outcome<Vec<(PathBuf, u64, SystemTime)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(state(&path)?);
        } else {
            let metadata = std::fs::metadata(&path)?;
            found.push((path, metadata.len(), metadata.modified()?));
        }
    }
    found.sort();
    Ok(found)
}
