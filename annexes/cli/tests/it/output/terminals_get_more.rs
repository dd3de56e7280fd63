//! What is different on a terminal: colours, a pager, and words for an empty list. `script` of util-linux makes one; where
//! it is missing, nothing is tried.

use std::process::{Command, Stdio};

use crate::program::{TempFolder, run};

const LINES: [&str; 3] = [
    r#"{"scope":"shop","entity":"o1","kind":"order.placed","import_key":"1"}"#,
    r#"{"scope":"shop","entity":"o1","kind":"order.paid","causes":["1"],"import_key":"2"}"#,
    r#"{"scope":"shop","entity":"o1","kind":"order.sent","causes":["2"],"import_key":"3"}"#,
];

/// What a terminal is shown by the program, called with these words and these variables.
fn on_terminal(words: &[&str], variables: &[(&str, &str)]) -> Option<String> {
    let quoted = |word: &&str| format!("'{}'", word.replace('\'', r"'\''"));
    let line: Vec<String> = [env!("CARGO_BIN_EXE_tidegate")].iter().chain(words).map(quoted).collect();
    let mut command = Command::new("script");
    command.args(["-qec", &line.join(" "), "/dev/null"]).stdin(Stdio::null());
    command.env("TERM", "xterm").env_remove("NO_COLOR").env_remove("LESS");
    command.env("PAGER", "cat").env_remove("TIDEGATE_PAGER");
    command.envs(variables.iter().copied());
    // Other systems have another `script`, or none.
    let output = command.output().ok().filter(|_| cfg!(target_os = "linux"));
    let Some(output) = output else {
        eprintln!("skipped: there is no `script` to make a terminal with");
        return None;
    };
    Some(String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"))
}

/// Whether a style is set; bars move about without one.
fn is_coloured(text: &str) -> bool {
    let mut commands = text.split("\u{1b}[").skip(1);
    commands.any(|command| {
        command.find(|c: char| c.is_ascii_alphabetic()).is_some_and(|end| command[end..].starts_with('m'))
    })
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    for call in
        [&["read", &store][..], &["doctor", &store], &["graph", "fans", &store], &["show", &store, "2"]]
    {
        let Some(shown) = on_terminal(call, &[]) else { return };
        assert!(is_coloured(&shown), "{call:?}: {shown:?}");
        let plain = on_terminal(call, &[("NO_COLOR", "1")]).unwrap();
        assert!(!is_coloured(&plain), "{call:?}: {plain:?}");
        let never = on_terminal(&[call, &["--color", "never"]].concat(), &[]).unwrap();
        assert!(!is_coloured(&never), "{call:?}: {never:?}");
        assert!(!run(call).ok().contains('\u{1b}'), "{call:?}");
        let always = run(&[call, &["--color", "always"]].concat()).ok();
        assert!(always.contains("\u{1b}["), "{call:?}: {always}");
    }
}

#[test]
fn long_lists_go_through_the_pager() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let pager = [("PAGER", "sed s/^/page:/")];
    for call in [
        &["read", &store][..],
        &["read", &store, "--json"],
        &["graph", "ancestors", &store, "3"],
        &["graph", "ancestors", &store, "3", "--positions"],
        &["explain", &store, "2"],
        &["show", &store, "2"],
    ] {
        let Some(shown) = on_terminal(call, &pager) else { return };
        assert!(shown.lines().count() > 1 && shown.lines().all(|line| line.starts_with("page:")), "{shown}");
        let whole = on_terminal(&[call, &["--no-pager"]].concat(), &pager).unwrap();
        assert!(!whole.contains("page:") && whole.lines().count() == shown.lines().count(), "{whole}");
        assert!(!run(call).ok().contains("page:"));
    }
    for call in [&["read", &store, "--count"][..], &["tail", &store], &["doctor", &store]] {
        assert!(!on_terminal(call, &pager).unwrap().contains("page:"), "{call:?}");
    }
    let own = [("PAGER", "false"), ("TIDEGATE_PAGER", "sed s/^/own:/")];
    assert!(on_terminal(&["read", &store], &own).unwrap().starts_with("own:"));
    // One that cannot be started, and one that stops reading.
    let missing = on_terminal(&["read", &store], &[("PAGER", "no-such-pager")]).unwrap();
    assert_eq!(missing.lines().count(), 3, "{missing}");
    let first = on_terminal(&["read", &store], &[("PAGER", "head -n 1")]).unwrap();
    assert_eq!(first.lines().count(), 1, "{first}");
}

#[test]
fn an_empty_list_is_told() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    for (command, said) in [("cursors", "tidegate: no cursors\n"), ("parked", "tidegate: no parked events\n")]
    {
        let ran = run(&[command, &store]);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", said));
        assert_eq!(run(&[command, &store, "--json"]).ok(), "");
    }
    for call in [&["read", &store, "--kind", "none.*"][..], &["graph", "ancestors", &store, "1"]] {
        assert_eq!(run(call).ok(), "");
        let Some(shown) = on_terminal(call, &[]) else { return };
        assert_eq!(shown, "tidegate: no events\n", "{call:?}");
    }
}
