//! A process that brings the read model up to date is killed at the steps of the database's own machine, and
//! at any moment while the log is written. The tables are the fold of the log up to the bookmark each time.
//!
//! The process is this test program itself, started again with a directory in its environment.
#![allow(
    clippy::disallowed_methods,
    reason = "a program outside the store, with threads and folders of its own"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use rusqlite::Connection;
use tidegate::project::Updater;
use tidegate::{AppendOptions, StoreOptions};
use tidegate_enrolment::{Catalogue, School};

use crate::fold;

const DIRECTORY: &str = "ENROLMENT_DIRECTORY";
const STEPS: &str = "ENROLMENT_STEPS";

fn options() -> StoreOptions {
    StoreOptions::new().segment_bytes(4000)
}

/// Enrols and leaves, so that every table changes in every way.
fn fill(school: &School<'_>, rounds: std::ops::Range<u32>) {
    let students = ["ada", "bob", "cyd", "dan", "eve"];
    for round in rounds {
        let course = format!("course-{}", round / 20);
        let student = students[round as usize % students.len()];
        // Denials are answers here too, of a course that is full.
        drop(school.open(&course, "About it", 1 + round / 20 % 4).unwrap());
        drop(school.enrol(student, &course).unwrap());
        if round % 3 == 0 {
            drop(school.leave(student, &course).unwrap());
        }
    }
}

/// This program again, running one test as the process to be killed.
fn child(test: &str, directory: &Path, steps: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&format!("killed_anywhere::{test}"), "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(STEPS, steps.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The tables are the fold up to the bookmark, and can be brought to the head.
fn check(directory: &Path, what: &str) -> u64 {
    let store = options().open(directory.join("events")).unwrap();
    let catalogue = Catalogue::open(&directory.join("catalogue.sqlite")).unwrap();
    let mut updater = Updater::open(&store, catalogue).unwrap();
    let reached = updater.position();
    assert_eq!(updater.model().courses().unwrap(), fold::courses(&store, reached), "{what}, at {reached}");
    reached.0
}

#[test]
fn at_the_steps_of_the_database() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        update_until_killed(Path::new(&directory));
    }
    let folder = tempfile::tempdir().unwrap();
    let store = options().open(folder.path().join("events")).unwrap();
    fill(&School::new(&store, AppendOptions::new().buffered()), 0..40);
    let head = store.view().unwrap().head().0;
    store.close().unwrap();
    drop(store);
    let (mut kills, mut between) = (0, 0);
    // Each process dies a few steps later than the one before; those that get further leave more to look at.
    for steps in (1..).step_by(29) {
        let status = child("at_the_steps_of_the_database", folder.path(), steps).status().unwrap();
        let reached = check(folder.path(), &format!("after {steps} steps"));
        between += u64::from(0 < reached && reached < head);
        if status.success() {
            assert_eq!(reached, head, "it ended by itself");
            break;
        }
        kills += 1;
        if reached > head / 2 {
            std::fs::remove_file(folder.path().join("catalogue.sqlite")).unwrap();
        }
    }
    assert!(kills > 40 && between > 10, "{kills} kills, {between} in the middle, are too few");
}

/// Dies in the middle of what the database does: after this many instructions of its virtual machine.
fn update_until_killed(directory: &Path) -> ! {
    let mut steps: u64 = std::env::var(STEPS).unwrap().parse().unwrap();
    let mut database = Connection::open(directory.join("catalogue.sqlite")).unwrap();
    let die_in_time = move || {
        steps -= 1;
        if steps == 0 {
            std::process::abort();
        }
        false
    };
    database.progress_handler(1, Some(die_in_time)).unwrap();
    let store = options().open(directory.join("events")).unwrap();
    let mut updater = Updater::open(&store, Catalogue::over(database).unwrap()).unwrap().at_most(7);
    updater.update().unwrap();
    std::process::exit(0);
}

#[test]
fn at_any_moment_while_the_log_is_written() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        write_and_update_until_killed(Path::new(&directory));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for cycle in 0..12 {
        let status = kill_after(1 + cycle * 5 % 17, folder.path(), cycle);
        assert!(!status.success(), "cycle {cycle}: it was killed");
        let reached = check(folder.path(), &format!("cycle {cycle}"));
        assert!(reached > last, "cycle {cycle}: nothing was done after {last}");
        last = reached;
    }
}

/// Starts a process, and kills it once it has printed this many lines.
fn kill_after(words: u64, directory: &Path, cycle: u64) -> ExitStatus {
    let mut process = child("at_any_moment_while_the_log_is_written", directory, cycle).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let said =
        lines.map_while(Result::ok).filter(|line| line.contains("reached")).take(words as usize).count();
    process.kill().unwrap();
    let status = process.wait().unwrap();
    assert_eq!(said as u64, words, "it ended by itself");
    status
}

fn write_and_update_until_killed(directory: &Path) -> ! {
    let cycle: u32 = std::env::var(STEPS).unwrap().parse().unwrap();
    let store = options().open(directory.join("events")).unwrap();
    let catalogue = Catalogue::open(&directory.join("catalogue.sqlite")).unwrap();
    let mut updater = Updater::open(&store, catalogue).unwrap().at_most(3);
    std::thread::scope(|scope| {
        let append = if cycle.is_multiple_of(2) {
            AppendOptions::new().buffered()
        } else {
            AppendOptions::new().synced()
        };
        let school = School::new(&store, append);
        scope.spawn(move || fill(&school, cycle * 10_000..u32::MAX));
        loop {
            let reached = updater.update_within(std::time::Duration::MAX).unwrap();
            // The first line of a test goes on a line that the harness began.
            std::io::stdout().write_all(format!("reached {reached:?}\n").as_bytes()).unwrap();
        }
    })
}
