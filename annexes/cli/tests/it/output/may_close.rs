//! The reader of the output may close it at any time.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::program::{TempFolder, program, run, run_with};

fn big_store(place: &TempFolder) -> String {
    let store = place.path("store");
    let line =
        |n: usize| format!("{{\"scope\":\"s\",\"entity\":\"e{n}\",\"kind\":\"k\",\"data\":\"{n:0>200}\"}}\n");
    run_with(&(0..2000).map(line).collect::<String>(), &["import", &store, "-"]).ok();
    store
}

#[test]
fn a_closed_pipe_ends_the_program_in_silence() {
    let place = TempFolder::new();
    let store = big_store(&place);
    for options in [&["read", &store][..], &["read", &store, "--json"], &["tail", &store, "--limit", "2000"]]
    {
        let mut child = program(options).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{options:?}");
    }
}

#[test]
fn following_ends_when_nobody_reads_on() {
    let place = TempFolder::new();
    let store = big_store(&place);
    let mut child = program(&["tail", &store, "--follow"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_full_device_is_no_closed_pipe() {
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let place = TempFolder::new();
    let store = big_store(&place);
    for command in ["read", "stats"] {
        let full = Stdio::from(full.try_clone().unwrap());
        let output = program(&[command, &store]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(74), "{output:?}");
    }
    assert_eq!(run(&["read", &store, "--count"]).ok(), "2000\n");
}
