//! `strace`: which system calls a run makes on its store, and the same run with one of them failing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child::{End, Program};
use crate::failure::{Outcome, ensure};
use crate::report::WorkerReport;
use crate::worker::WorkerOptions;

/// Returns whether `strace` is installed and may trace here.
pub fn is_there() -> bool {
    let mut command = Command::new("strace");
    command.args(["-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Returns which of the calls of each name are about the store's directory: counted from 1 over the whole process, as
/// injections are counted too.
pub fn calls_of(
    program: &Program,
    orders: &WorkerOptions,
    names: &[&str],
    report: &mut WorkerReport,
    log: &Path,
) -> Outcome<BTreeMap<String, Vec<u64>>> {
    let filter = format!("trace={}", names.join(","));
    let log_name = log.display().to_string();
    let end = program
        .under(["strace", "-f", "-y", "-s", "200", "-o", &log_name, "-e", &filter])
        .run(orders, report)?;
    ensure(end == End::Done, || format!("the run that is traced fails: {:?}", report.failed))?;
    let directory = orders.directory.display().to_string();
    let mut counts = BTreeMap::<String, u64>::new();
    let mut found = BTreeMap::<String, Vec<u64>>::new();
    for line in std::fs::read_to_string(log)?.lines() {
        let Some((call, rest)) = line.split_once(' ').and_then(|(_, call)| call.trim().split_once('('))
        else {
            continue;
        };
        let count = counts.entry(call.to_owned()).or_default();
        *count += 1;
        if rest.contains(&directory) {
            found.entry(call.to_owned()).or_default().push(*count);
        }
    }
    Ok(found)
}

/// One thing to happen at system calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Injection {
    /// The call.
    pub call: String,
    /// What happens: `error=EIO` or `signal=KILL`.
    pub what: String,
    /// At which of them, counted from 1.
    pub at: u64,
    /// Whether it happens at all later ones too.
    pub from_then_on: bool,
    /// What else happens, at every call of another name.
    pub beside: Option<String>,
}

impl Injection {
    /// Returns the words that start a program with this injection, which is noted in a log.
    pub fn words(&self, log: &Path) -> Vec<String> {
        let Self { call, what, at, from_then_on, beside } = self;
        let more = if *from_then_on { "+" } else { "" };
        let mut words: Vec<String> = ["strace", "-f", "-y", "-o"].map(String::from).into();
        words.push(log.display().to_string());
        words.extend(["-e".into(), format!("trace={call}"), "-e".into()]);
        words.push(format!("inject={call}:{what}:when={at}{more}"));
        words.extend(beside.iter().flat_map(|beside| ["-e".to_owned(), format!("inject={beside}")]));
        words
    }
}

/// Returns what an injection hit in this directory: the call as the log has it.
pub fn hit(log: &Path, directory: &Path) -> Outcome<Option<String>> {
    let directory = directory.display().to_string();
    let text = std::fs::read_to_string(log)?;
    let line = text.lines().find(|line| line.contains("(INJECTED)") && line.contains(&directory));
    Ok(line.map(str::to_owned))
}
