//! Stores that cannot be read or written, and what the exit code says of it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tidegate::Store;

use crate::program::{TempFolder, run};

const LINE: &str = r#"{"scope":"s","entity":"e","kind":"k","data":"payload"}"#;
const READERS: [&str; 4] = ["read", "tail", "stats", "verify"];

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn no_store_is_missing() {
    let place = TempFolder::new();
    fs::create_dir(place.path("empty")).unwrap();
    for command in READERS {
        for name in ["none", "empty"] {
            let error = run(&[command, &place.path(name)]).refused(1);
            assert!(error.starts_with("tidegate: missing: there is no store in "), "{error}");
        }
    }
    let strange = place.file("file", "text");
    let error = run(&["import", &place.path(""), &strange]).refused(1);
    assert!(error.contains("is not a store and not empty"), "{error}");
}

#[test]
fn a_store_in_use_is_locked_for_writers_only() {
    let place = TempFolder::new();
    let path = place.store("store", &[LINE]);
    let store = Store::open(&path).unwrap();
    let error = run(&["append", &path, "--scope", "s", "--entity", "e", "--kind", "k"]).refused(1);
    assert!(error.starts_with("tidegate: locked: "), "{error}");
    assert!(error.contains(&format!("{path}/LOCK")), "{error}");
    if cfg!(target_os = "linux") {
        assert!(error.contains(&format!("process {} has the store's lock", std::process::id())), "{error}");
    }
    for command in READERS {
        run(&[command, &path]).ok();
    }
    store.close().unwrap();
}

#[test]
fn damage_is_told_with_its_place_after_what_can_be_read() {
    let place = TempFolder::new();
    let path = place.store("store", &[LINE]);
    let segment = fs::read_dir(format!("{path}/segments")).unwrap().next().unwrap().unwrap().path();
    let end = fs::metadata(&segment).unwrap().len() as usize;
    run(&["append", &path, "--scope", "s", "--entity", "e", "--kind", "k", "--data", "2"]).ok();
    flip(&segment, end + 60);
    let name = segment.file_name().unwrap().to_str().unwrap();
    for command in READERS {
        let ran = run(&[command, &path]);
        if matches!(command, "read" | "tail") {
            assert!(ran.out.contains("\"payload\""), "{command} does not show what is whole");
        }
        let error = ran.refused(2);
        assert!(error.starts_with("tidegate: damaged: ") && error.contains(name), "{error}");
        let error: Value = serde_json::from_str(&run(&[command, &path, "--json"]).refused(2)).unwrap();
        let error = &error["error"];
        assert_eq!((&error["kind"], &error["exit"]), (&"damaged".into(), &2.into()));
        assert!(error["place"].as_str().unwrap().contains(name), "{error}");
        assert!(error["expected"].is_string() && error["found"].is_string(), "{error}");
    }
    let error = run(&["append", &path, "--scope", "s", "--entity", "e", "--kind", "k"]).refused(2);
    assert!(error.contains(name) && error.contains("tidegate salvage DIR NEW"), "{error}");
}

#[test]
fn a_newer_store_asks_for_an_upgrade() {
    let place = TempFolder::new();
    let path = place.store("store", &[LINE]);
    let text = fs::read_to_string(format!("{path}/STORE")).unwrap().replace("format 1", "format 2");
    let body = &text[..text.rfind("checksum").unwrap()];
    let sum = crc32c::crc32c(body.as_bytes());
    fs::write(format!("{path}/STORE"), format!("{body}checksum {sum:08x}\n")).unwrap();
    for command in READERS {
        let error = run(&[command, &path]).refused(1);
        assert!(error.starts_with("tidegate: newer format: ") && error.contains("upgrade"), "{error}");
    }
}

#[test]
fn a_damaged_store_file_is_damage() {
    let place = TempFolder::new();
    let path = place.store("store", &[LINE]);
    flip(Path::new(&format!("{path}/STORE")), 30);
    for command in READERS {
        let error = run(&[command, &path]).refused(2);
        assert!(error.contains("(STORE"), "{error}");
    }
}

/// A pipe in the place of any file of a store: each command once waited for its other end, for ever.
#[test]
fn a_pipe_in_the_place_of_a_file_is_told_at_once() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let place = TempFolder::new();
    let path = place.store("store", &[LINE]);
    let segment = "segments/00000000000000000001.seg";
    for name in ["STORE", "WATERMARK", "LOCK", segment, "index/00000000000000000001.idx", "cursors/reader"] {
        let (file, kept) = (format!("{path}/{name}"), place.path("kept"));
        let was_there = fs::rename(&file, &kept).is_ok();
        fs::create_dir_all(Path::new(&file).parent().unwrap()).unwrap();
        mknodat(CWD, &file, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let append = ["append", &path, "--scope", "s", "--entity", "e", "--kind", "k"];
        let new = place.path("new");
        let commands = [&["read", &path][..], &["verify", &path], &["doctor", &path], &["cursors", &path]];
        for command in commands.into_iter().chain([&append[..], &["salvage", &path, &new]]) {
            // That it ends is what is shown. What can be done without is passed over, and salvage needs no store file.
            let ran = run(command);
            let refuses = name == "STORE" && command[0] != "salvage";
            assert!(ran.code != Some(0) || !refuses, "{name}, {command:?}: {}", ran.out);
            if ran.code != Some(0) && ran.err.contains("a pipe") {
                assert!(ran.err.contains(name), "{name}, {command:?}: {}", ran.err);
            }
        }
        let _ = fs::remove_dir_all(&new);
        fs::remove_file(&file).unwrap();
        if was_there {
            fs::rename(&kept, &file).unwrap();
        }
    }
}
