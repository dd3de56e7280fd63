//! Completions for shells, and pages of the manual.

use std::fs;

use crate::program::{TempFolder, run};

#[test]
fn shells_get_their_completions() {
    for (shell, said) in [
        ("bash", "complete -F _tidegate"),
        ("zsh", "#compdef tidegate"),
        ("fish", "complete -c tidegate"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = run(&["completions", shell]).ok();
        assert!(script.contains(said), "{said} is missing for {shell}");
        for word in ["graph", "is-ancestor", "no-pager", "completions"] {
            assert!(script.contains(word), "{word} is missing for {shell}");
        }
    }
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let place = TempFolder::new();
    let folder = place.path("man/man1");
    let told = run(&["man", &folder]).ok();
    let pages: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(told, format!("{} pages in {folder}\n", pages.len()));
    for name in
        ["tidegate", "tidegate-read", "tidegate-graph", "tidegate-graph-draw", "tidegate-cursors-rewind"]
    {
        assert!(pages.contains(&format!("{name}.1")), "{name} is missing among {pages:?}");
        let page = fs::read_to_string(format!("{folder}/{name}.1")).unwrap();
        assert!(page.contains(".TH ") && page.contains(".SH NAME"), "{page}");
    }
    let page = fs::read_to_string(format!("{folder}/tidegate-read.1")).unwrap();
    assert!(page.contains("order\\-7") && page.contains("\\-\\-since"), "{page}");
    let json = run(&["man", &folder, "--json"]).json().remove(0);
    assert_eq!(json["pages"], pages.len());
}
