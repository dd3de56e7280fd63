//! The page on operating a store can be followed: its commands are run as they stand there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::TempFolder;

#[test]
fn the_page_on_operating_can_be_followed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let Ok(page) = fs::read_to_string(page) else { return };
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 6 && page.matches("\ntidegate backup ").count() > 2, "{} blocks", blocks.len());
    let folder = TempFolder::new();
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
}
