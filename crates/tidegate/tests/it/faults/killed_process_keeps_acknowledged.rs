//! A process that is killed outright, many times over, keeps everything it acknowledged (F1, F6, F22, F23).
//!
//! The writer is this test program itself, started again with a directory in its environment. It says on its
//! standard output what was acknowledged, and is killed in the middle of whatever it does.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tidegate::{Append, Batch, Draft, ErrorKind, Options, Position, Store};

use super::stage::history;

const DIRECTORY: &str = "TIDEGATE_KILLED_DIRECTORY";
/// How often a process is killed; more where this says so.
const CYCLES: &str = "TIDEGATE_KILL_CYCLES";
const NAME: &str = "faults::killed_process_keeps_acknowledged::over_and_over";

fn options() -> Options {
    Options { segment_bytes: 20_000, ..Options::default() }
}

#[test]
fn over_and_over() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        write_until_killed(Path::new(&directory));
    }
    let folder = tempfile::tempdir().unwrap();
    let cycles = std::env::var(CYCLES).ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let mut told = Vec::new();
    for cycle in 0..cycles {
        kill_once(folder.path(), cycle, &mut told);
        let store = Store::open(folder.path(), options()).unwrap();
        store.verify(|_| ()).unwrap();
        let found = history(&store).unwrap();
        assert!(
            found.len() >= told.len(),
            "cycle {cycle}: {} acknowledged, {} there",
            told.len(),
            found.len()
        );
        for (told, found) in told.iter().zip(&found) {
            assert_eq!(*told, format!("{} {}", found.0, found.1), "cycle {cycle}");
        }
        // What was written and never told may be there; from now on it is there for good.
        told = found.iter().map(|(position, leaf)| format!("{position} {leaf}")).collect();
        if cycle % 3 == 0 {
            store.close().unwrap();
        } else {
            std::mem::forget(store.view());
        }
    }
    assert!(told.len() > cycles, "{} events in {cycles} cycles are too few", told.len());
}

/// Starts a writer, kills it after some acknowledgements, and notes all it told before it died.
fn kill_once(directory: &Path, cycle: usize, told: &mut Vec<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let before = told.len();
    let enough = before + 1 + cycle * 7 % 23;
    let mut killed = false;
    while let Some(Ok(line)) = lines.next() {
        // The harness writes lines of its own, and the last line may be torn.
        if let Some(line) = line.split("told ").nth(1).and_then(|line| line.strip_suffix('.')) {
            told.push(line.to_owned());
        }
        if told.len() >= enough && !killed {
            let locked = Store::open(directory, options()).unwrap_err();
            assert_eq!(locked.kind(), ErrorKind::Locked, "the writer lives: {locked}");
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the writer ended by itself after {} acknowledgements", told.len() - before);
}

fn write_until_killed(directory: &Path) -> ! {
    let store = Store::open(directory, options()).unwrap();
    let mut out = std::io::stdout();
    let mut number = 0;
    let mut untold: Vec<String> = Vec::new();
    loop {
        number += 1;
        let draft = Draft::new(("scope", format!("entity-{}", number % 5)), "thing.done").bytes(vec![1; 50]);
        let batch: Batch = std::iter::repeat_n(draft, 1 + number % 3).collect();
        // The end of a process costs nothing that was written, synced or not.
        let append = if number % 4 == 0 { Append::synced() } else { Append::buffered() };
        let receipt = store.append(batch, append).unwrap();
        untold
            .extend(receipt.events.iter().map(|event| format!("told {} {}.\n", event.position, event.leaf)));
        out.write_all(untold.concat().as_bytes()).unwrap();
        untold.clear();
        out.flush().unwrap();
        if number % 50 == 0 {
            store.wait_durable(Position(1), std::time::Duration::from_secs(1)).unwrap();
        }
    }
}
