//! The page on operating a store can be followed: its commands are run as they stand there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::TempFolder;

/// What the lines of the page with sqlite3 write.
const ROWS: &str = r#"{"import_key":"order:7","scope":"shop","entity":"order-7","kind":"order.placed","time":"2024-05-01 12:00:00","tags":["customer:c1"],"data":{"total":12}}
{"import_key":"payment:1","scope":"shop","entity":"order-7","kind":"order.paid","time":"2024-05-01 12:30:00","causes":["order:7"],"data":{"amount":12}}
{"import_key":"order:8","scope":"shop","entity":"order-8","kind":"order.placed","time":"2024-05-02","tags":["customer:c2"],"data":{"total":5}}
"#;

#[test]
fn the_page_on_operating_can_be_followed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let Ok(page) = fs::read_to_string(page) else { return };
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 6 && page.matches("\ntidegate backup ").count() > 2, "{} blocks", blocks.len());
    let folder = TempFolder::new();
    let has_sqlite =
        Command::new("sqlite3").arg("-version").output().is_ok_and(|output| output.status.success());
    if !has_sqlite {
        eprintln!(
            "sqlite3 is not installed: its lines of the page are skipped, and what they write is given"
        );
        folder.file("rows.jsonl", ROWS);
    }
    // The store of another program that the page moves from.
    let (from, to) = (
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/batpak/fixtures/closed"),
        folder.path("old-batpak"),
    );
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), Path::new(&to).join(entry.file_name())).unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for block in blocks {
        let is_run = |line: &&str| has_sqlite || !line.starts_with("sqlite3 ");
        let block = &block.lines().filter(is_run).fold(String::new(), |block, line| block + line + "\n");
        let mut command = Command::new("sh");
        command
            .args(["-eux", "-c", block])
            .current_dir(folder.path(""))
            .env("PATH", &path)
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{block}{out}{err}");
        // Each line that is not the shell's own is a warning.
        assert!(err.lines().all(|line| line.starts_with('+')), "{block}{out}{err}");
    }
    assert_eq!(fs::read_to_string(folder.path("rows.jsonl")).unwrap(), ROWS);
}
