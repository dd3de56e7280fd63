//! Help, and what becomes of calls that make no sense.

use crate::program::{TempFolder, run};

const COMMANDS: [&str; 21] = [
    "import",
    "export",
    "append",
    "read",
    "show",
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
        ("completions", "completions bash"),
        ("man", "man ~/.local/share/man/man1"),
        ("stage", "stage commit ./store offer-7"),
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
        &["read", &store, "--where", "total>1"],
        &["read", &store, "--position", "1", "--grep", "x"],
        &["show", &store],
        &["completions", "tcl"],
        &["graph", "ancestors", &store, "1", "--ids", "--count"],
        &["graph", "draw", &store, "--label", "{total}"],
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
    let error = &error["error"];
    assert_eq!((&error["kind"], &error["exit"]), (&"misuse".into(), &64.into()));
    assert_eq!(error["message"], "unexpected argument '--bogus' found");
    assert!(error["advice"].as_str().unwrap().contains("Usage: tidegate read"), "{error}");
    assert!(!error.to_string().contains("--help") && !error.to_string().contains("\\n"), "{error}");
}

/// Whether the events that were named are in an answer is a question that help answers.
#[test]
fn help_says_whether_ends_are_included() {
    let graph = run(&["graph", "--help"]).ok();
    for (command, said) in [
        ("ancestors", "without them"),
        ("descendants", "without them"),
        ("path", "with both ends"),
        ("between", "without both ends"),
        ("critical", "with both ends"),
    ] {
        let line = graph.lines().skip_while(|line| !line.trim_start().starts_with(command));
        let text: String = line.take(2).collect();
        assert!(text.contains(said), "{command}: {text}");
    }
    let read = run(&["read", "--help"]).ok();
    assert!(
        read.contains("--after, --before and --until leave out what they name, --since does not"),
        "{read}"
    );
}
