//! Help, and what becomes of calls that make no sense.

use crate::program::{TempFolder, run};

const COMMANDS: [&str; 20] = [
    "import",
    "export",
    "append",
    "read",
    "tail",
    "stats",
    "project",
    "cursors",
    "parked",
    "explain",
    "verify",
    "reindex",
    "erase",
    "key",
    "checkpoint",
    "prove",
    "census",
    "audit",
    "tiles",
    "witness",
];

#[test]
fn every_command_has_an_example() {
    let top = run(&["--help"]).ok();
    for code in ["  0   ", "  1   ", "  2   ", "  64  ", "  74  "] {
        assert!(top.contains(code), "{code} is not explained in\n{top}");
    }
    for command in COMMANDS {
        assert!(top.contains(&format!("\n  {command}")), "{command} is missing in\n{top}");
        let help = run(&[command, "--help"]).ok();
        assert!(help.contains(&format!("tidegate {command} ./store")), "no example in\n{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "a long line in\n{help}");
    }
    for (command, example) in [
        ("import-batpak", "import-batpak ./store ./old"),
        ("doctor", "doctor ./store"),
        ("salvage", "salvage ./store ./saved"),
        ("backup", "backup ./store /mnt"),
        ("ship", "ship ./store /mnt"),
        ("examine", "examine ./backup"),
        ("restore", "restore ./backup ./new"),
        ("fork", "fork ./store ./trial"),
        ("keyring", "keyring ./keys/shop.keyring"),
    ] {
        let help = run(&[command, "--help"]).ok();
        assert!(top.contains(&format!("\n  {command}")), "{command} is missing in\n{top}");
        assert!(help.contains(&format!("tidegate {example}")), "no example in\n{help}");
    }
    let graph = run(&["graph", "--help"]).ok();
    assert!(top.contains("\n  graph") && graph.contains("tidegate graph ancestors ./store"), "{graph}");
    assert!(run(&["--version"]).ok().starts_with("tidegate 0."));
}

#[test]
fn calls_that_make_no_sense_are_misuse() {
    let place = TempFolder::new();
    let store = place.path("store");
    for call in [
        &[][..],
        &["frobnicate"],
        &["read"],
        &["read", &store, "--bogus"],
        &["read", &store, "--position", "x"],
        &["read", &store, "--position", "1", "--kind", "k"],
        &["read", &store, "--id", "x"],
        &["read", &store, "--kind", "order*"],
        &["read", &store, "--stream", "shop"],
        &["read", &store, "--stream", "a/b/c"],
        &["read", &store, "--stream", "a/b", "--scope", "a"],
        &["read", &store, "--cause", "x"],
        &["read", &store, "--versions", "3-2"],
        &["read", &store, "--versions", "0"],
        &["read", &store, "--since", "2026-02-30"],
        &["read", &store, "--since", "yesterday"],
        &["read", &store, "--query", "x"],
        &["read", &store, "--query", "[]"],
        &["read", &store, "--query", "\"all\"", "--kind", "k"],
        &["append", &store, "--scope", "s"],
        &["append", &store, "--scope", "s", "--entity", "e", "--kind", "k", "--meta", "x"],
    ] {
        let error = run(call).refused(64);
        assert!(!error.is_empty(), "{call:?}");
    }
    let error = run(&["read", &store, "--bogus", "--json"]).refused(64);
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!((&error["error"]["kind"], &error["error"]["exit"]), (&"misuse".into(), &64.into()));
}
