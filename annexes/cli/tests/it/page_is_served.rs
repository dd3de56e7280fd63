//! `inspect` prints an address, and serves the store there to the one who has it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::program::TempFolder;

#[test]
fn the_address_that_is_printed_opens_the_store() {
    let folder = TempFolder::new();
    let store = folder.store("shop", &[r#"{"scope":"shop","entity":"order-7","kind":"order.placed"}"#]);
    let mut program = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let mut program = program.args(["inspect", &store, "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let (host, token) = line["address"].as_str().unwrap()["http://".len()..].split_once("/#").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /api/status HTTP/1.1\r\nHost: {host}\r\nX-Tidegate-Token: {token}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"name\":\"shop\""), "{answer}");
}
