//! Every system call that a standard run makes on its store fails once, in every way that it may; and the process
//! is killed at each of them.
//!
//! A short count that `strace` reports for a call it does not make would be a lie of the kernel, which no store
//! can survive. True short writes are made by full disks and file size limits: see [`full`](super::full).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::check::check;
use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::report::WorkerReport;
use crate::trace::{self, Injection};
use crate::worker::WorkerOptions;

/// Calls, the errors that each may give, and the one that is also given from some call on for good.
const CALLS: [(&str, &[&str], &str); 14] = [
    ("pwrite64", &["EIO", "ENOSPC", "EINTR", "EAGAIN"], "ENOSPC"),
    ("fdatasync", &["EIO", "ENOSPC", "EINTR"], "EIO"),
    ("fsync", &["EIO", "ENOSPC", "EINTR"], "EIO"),
    ("open", &["EIO", "ENOSPC", "EMFILE", "EINTR"], "EMFILE"),
    ("openat", &["EIO", "ENOSPC", "EMFILE", "EINTR"], "EMFILE"),
    ("pread64", &["EIO", "EINTR", "EAGAIN"], "EIO"),
    ("rename", &["EIO", "ENOSPC"], "ENOSPC"),
    ("unlink", &["EIO"], "EIO"),
    ("mkdir", &["EIO", "ENOSPC"], "ENOSPC"),
    // Not for good: the allocator maps too.
    ("mmap", &["ENOMEM", "ENODEV"], ""),
    ("statx", &["EIO"], "EIO"),
    ("newfstatat", &["EIO"], "EIO"),
    ("getdents64", &["EIO", "EINTR"], "EIO"),
    ("flock", &["EINTR", "ENOLCK"], "ENOLCK"),
];

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Of how many calls of a name one is made to fail; 1 for all of them.
    pub every: u64,
    /// Acts of the run.
    pub acts: u64,
}

/// What came of the injections of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Runs.
    pub runs: u64,
    /// Runs in which a call of the store answered with an error.
    pub reported: u64,
    /// Runs that were given up, after one error upon another.
    pub given_up: u64,
    /// Runs that the injection did not reach, as another run before.
    pub missed: u64,
}

/// What came of all injections: by call, and by what happened to it.
#[derive(Debug, Default)]
pub struct InjectReport(BTreeMap<(String, String), Count>);

impl InjectReport {
    /// Returns how many runs there were that an injection reached.
    pub fn runs(&self) -> u64 {
        self.0.values().map(|count| count.runs - count.missed).sum()
    }
}

impl fmt::Display for InjectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| call | what happens | runs | errors reported | given up |")?;
        writeln!(f, "|---|---|---:|---:|---:|")?;
        for ((call, what), count) in &self.0 {
            let Count { runs, reported, given_up, missed } = count;
            writeln!(f, "| {call} | {what} | {} | {reported} | {given_up} |", runs - missed)?;
        }
        Ok(())
    }
}

/// A run to inject into: over nothing, or over what an earlier process left.
struct InjectSetup {
    orders: WorkerOptions,
    base: Option<(PathBuf, WorkerReport)>,
}

/// Injects into a run over a new store, and into one over a store whose writer was killed.
pub fn inject(program: &Program, folder: &Path, extent: Extent, only: Option<&str>) -> Outcome<InjectReport> {
    ensure(trace::is_there(), || {
        "strace is not installed, or may not trace here: apt-get install strace".into()
    })?;
    let mut done = InjectReport::default();
    let fresh = InjectSetup {
        orders: WorkerOptions { acts: extent.acts, ..WorkerOptions::new(folder.join("fresh")) },
        base: None,
    };
    fresh.sweep(program, folder, extent, only, &mut done)?;
    let base = killed_store(program, folder)?;
    let orders =
        WorkerOptions { life: 1, acts: extent.acts.min(16), ..WorkerOptions::new(folder.join("again")) };
    InjectSetup { orders, base: Some(base) }.sweep(program, folder, extent, only, &mut done)?;
    Ok(done)
}

/// Returns a store whose writer was killed in the middle of a write.
fn killed_store(program: &Program, folder: &Path) -> Outcome<(PathBuf, WorkerReport)> {
    let orders = WorkerOptions::new(folder.join("killed"));
    let log = folder.join("killed.log");
    let kill = Injection {
        call: "pwrite64".into(),
        what: "signal=KILL".into(),
        at: 150,
        from_then_on: false,
        beside: None,
    };
    let mut report = WorkerReport::default();
    let end = program.under(kill.words(&log)).run(&orders, &mut report)?;
    ensure(end == End::Killed && !report.events.is_empty(), || {
        format!("the writer was not killed: {end:?}")
    })?;
    Ok((orders.directory, report))
}

impl InjectSetup {
    fn sweep(
        &self,
        program: &Program,
        folder: &Path,
        extent: Extent,
        only: Option<&str>,
        done: &mut InjectReport,
    ) -> Outcome {
        let names: Vec<_> = CALLS.iter().map(|(call, ..)| *call).collect();
        let log = folder.join("trace.log");
        let mut report = self.prepare()?;
        let calls = trace::calls_of(program, &self.orders, &names, &mut report, &log)?;
        check(&self.orders.directory, &mut report)?;
        for (call, errors, for_good) in CALLS {
            if only.is_some_and(|only| only != call) {
                continue;
            }
            for &at in calls.get(call).map_or(&[][..], Vec::as_slice) {
                if !at.is_multiple_of(extent.every) {
                    continue;
                }
                let one = Injection {
                    call: call.into(),
                    what: String::new(),
                    at,
                    from_then_on: false,
                    beside: None,
                };
                for error in errors {
                    let what = format!("error={error}");
                    self.run(program, folder, Injection { what, ..one.clone() }, done)?;
                }
                if !for_good.is_empty() {
                    let what = format!("error={for_good}");
                    self.run(program, folder, Injection { what, from_then_on: true, ..one.clone() }, done)?;
                }
                if call == "pwrite64" {
                    let (what, beside) = ("error=ENOSPC".into(), Some("ftruncate:error=EIO".into()));
                    self.run(program, folder, Injection { what, beside, ..one.clone() }, done)?;
                }
                self.run(program, folder, Injection { what: "signal=KILL".into(), ..one }, done)?;
            }
        }
        Ok(())
    }

    /// Puts the directory as it was before the run, and says what was reported of it.
    fn prepare(&self) -> Outcome<WorkerReport> {
        let directory = &self.orders.directory;
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        let Some((base, report)) = &self.base else { return Ok(WorkerReport::default()) };
        copy(base, directory)?;
        Ok(report.clone())
    }

    fn run(
        &self,
        program: &Program,
        folder: &Path,
        injection: Injection,
        done: &mut InjectReport,
    ) -> Outcome {
        let log = folder.join("inject.log");
        let mut report = self.prepare()?;
        let words = injection.words(&log);
        let at = |failure: Failure| failure.at(format!("{} {:?}", words.join(" "), self.orders.words()));
        let end = program.under(words.clone()).run(&self.orders, &mut report).map_err(at)?;
        let line = trace::hit(&log, &self.orders.directory)?;
        let hit = line.is_some() || end == End::Killed;
        let errors = report.failed.clone();
        check(&self.orders.directory, &mut report)
            .map_err(|failure| at(Failure(format!("{failure}; reported before: {errors:?}"))))?;
        let kills = injection.what.starts_with("signal");
        let wanted = match end {
            End::Killed => kills,
            End::Done => !kills || !hit,
            End::GaveUp => injection.from_then_on,
        };
        ensure(wanted, || format!("it ended as {end:?} after {errors:?}")).map_err(at)?;
        ensure(errors.iter().all(|error| is_of_the_system(error)), || {
            format!("errors of a wrong kind: {errors:?}")
        })
        .map_err(at)?;
        let interrupted = injection.what.ends_with("EINTR") && !injection.call.contains("sync");
        ensure(!interrupted || errors.is_empty(), || format!("not tried again: {errors:?}")).map_err(at)?;
        let silent = errors.is_empty() && line.is_some_and(|line| must_be_told(&line));
        ensure(!silent, || "no error was reported".to_owned()).map_err(at)?;
        let Injection { call, what, from_then_on, beside, .. } = injection;
        let what = what.split('=').nth(1).unwrap_or_default();
        let more = if from_then_on { ", and ever after" } else { "" };
        let beside = beside.map_or(String::new(), |beside| format!(", with {beside}"));
        let count = done.0.entry((call, format!("{what}{more}{beside}"))).or_default();
        count.runs += 1;
        count.missed += u64::from(!hit);
        count.reported += u64::from(!errors.is_empty());
        count.given_up += u64::from(end == End::GaveUp);
        Ok(())
    }
}

/// Returns whether an error says that the system refused, and not that bytes or a call are wrong.
fn is_of_the_system(error: &str) -> bool {
    ["input/output: ", "full: ", "writer ended: "].iter().any(|kind| error.contains(kind))
}

/// Returns whether a failed call of the log is one whose failure a caller has to learn of: a write of a segment that is not
/// tried again, or any sync of one. Zeros are written to prepare space, which may fail in silence; a frame begins with
/// its magic.
fn must_be_told(line: &str) -> bool {
    let prepares = line.contains(r#">, "\0\0\0\0"#);
    let write = line.contains("pwrite64(") && !line.contains("EINTR") && !prepares;
    (write || line.contains("fdatasync(")) && line.contains("/segments/")
}

fn copy(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
