//! The house keeps its order: what `STYLE` asks of every file and a machine can check.
//!
//! Each rule looks at the whole workspace and names file and line of what breaks it. Beside each checker stand
//! tests that break its rule on purpose. A published crate has no workspace around it; there the rules rest.

mod errors;
mod manifest;
mod opening;
mod order;
mod promises;
mod results;
mod shown;
mod source;
mod twins;
mod vocabulary;
mod words;
mod workspace;

use workspace::Workspace;

/// A folder that cannot be taken in at a glance wants another folder.
const ENTRIES_MAX: usize = 16;

/// Documents at the root that must stay short, with the number of lines they stay under.
const DOCUMENTS: [(&str, usize); 2] = [("README.md", 120), ("ARCHITECTURE.md", 400)];

/// Fails with all complaints that `rule` has about the workspace.
fn keep(rule: impl Fn(&Workspace) -> Vec<String>) {
    let Some(workspace) = Workspace::get() else { return };
    let found = rule(workspace);
    assert!(found.is_empty(), "the house is out of order:\n{}\n", found.join("\n"));
}

#[test]
fn crates_stand_on_floors_below() {
    keep(|workspace| {
        let complaints =
            workspace.crates.iter().flat_map(|room| room.manifest.complaints(&room.manifest_place()));
        complaints.collect()
    });
}

#[test]
fn every_floor_is_there() {
    keep(|workspace| {
        let is_there = |floor: &str| workspace.crates.iter().any(|room| room.manifest.name == floor);
        let missing = manifest::FLOORS.iter().filter(|(floor, _)| !is_there(floor));
        missing.map(|(floor, _)| format!("crates: no crate is named `{floor}`")).collect()
    });
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    keep(|workspace| {
        // The comparison stands outside the workspace, for it depends on other engines.
        let inside = workspace.crates.iter().filter(|room| room.folder != "annexes/compare");
        let missing = inside.filter(|room| !room.manifest.lints);
        missing
            .map(|room| format!("{}: `[lints] workspace = true` is missing", room.manifest_place()))
            .collect()
    });
}

#[test]
fn modules_use_only_those_declared_above() {
    keep(|workspace| {
        let mut found = Vec::new();
        for room in &workspace.crates {
            let product = room.product();
            for root in ["lib.rs", "main.rs"] {
                found.extend(order::complaints(&format!("{}/src", room.folder), root, &product));
            }
        }
        found
    });
}

/// The engine can become a crate of its own; see ARCHITECTURE.md.
#[test]
fn the_engine_uses_nothing_above_it() {
    const ENGINE: [&str; 8] =
        ["sync", "settings", "published", "read", "graph", "batch", "backend", "journal"];
    keep(|workspace| {
        let store = workspace.crates.iter().filter(|room| room.folder == "crates/tidegate");
        store
            .flat_map(|room| order::upward("crates/tidegate/src", "lib.rs", &room.product(), &ENGINE))
            .collect()
    });
}

#[test]
fn files_contain_only_what_they_may() {
    keep(|workspace| {
        let mut found = Vec::new();
        for room in &workspace.crates {
            found.extend(room.sources().flat_map(|(place, source)| words::anywhere(&place, source)));
            for (file, source) in room.product() {
                let place = format!("{}/src/{file}", room.folder);
                found.extend(words::in_product(&place, source));
                if file == "lib.rs" {
                    found.extend(words::reexports(&place, source));
                }
            }
        }
        found
    });
}

#[test]
fn folders_stay_small_and_names_mean_something() {
    keep(|workspace| {
        workspace.folders.iter().flat_map(|(folder, names)| folder_complaints(folder, names)).collect()
    });
}

#[test]
fn documents_stay_short() {
    keep(|workspace| {
        let texts = DOCUMENTS.iter().filter_map(|(name, limit)| Some((name, workspace.text(name)?, limit)));
        texts.filter_map(|(name, text, limit)| document_complaint(name, &text, *limit)).collect()
    });
}

#[test]
fn nothing_is_promised_that_does_not_hold() {
    keep(|workspace| {
        let mut found = Vec::new();
        for name in [
            "README.md",
            "ARCHITECTURE.md",
            "docs/reliability.md",
            "docs/errors.md",
            "docs/operating.md",
            "docs/proofs.md",
            "crates/format/FORMAT.md",
        ] {
            found.extend(promises::in_text(name, &workspace.text(name).unwrap_or_default()));
        }
        for name in chapters(workspace) {
            found.extend(promises::in_text(&name, &workspace.text(&name).unwrap_or_default()));
        }
        for room in &workspace.crates {
            let manifest = workspace.text(&room.manifest_place()).unwrap_or_default();
            found.extend(promises::in_text(&room.manifest_place(), &manifest));
            let product = room.product();
            let sources =
                product.iter().map(|(file, source)| (format!("{}/src/{file}", room.folder), source));
            found.extend(sources.flat_map(|(place, source)| promises::in_comments(&place, source)));
        }
        found
    });
}

#[test]
fn release_builds_check_for_overflow() {
    keep(|workspace| {
        let manifest = workspace.text("Cargo.toml").unwrap_or_default();
        let is_set = manifest.lines().any(|line| line == "overflow-checks = true");
        let message = "Cargo.toml: `overflow-checks = true` of `[profile.release]` is missing".to_owned();
        (!is_set).then_some(message).into_iter().collect()
    });
}

#[test]
fn functions_stay_short_by_lint() {
    keep(|workspace| {
        let settings = workspace.text("clippy.toml").unwrap_or_default();
        let is_set = settings.lines().any(|line| line == "too-many-lines-threshold = 70");
        let message = "clippy.toml: `too-many-lines-threshold = 70` is missing".to_owned();
        (!is_set).then_some(message).into_iter().collect()
    });
}

#[test]
fn every_command_has_one_spelling() {
    keep(|workspace| {
        let text = |name: &str| workspace.text(name).unwrap_or_default();
        command_complaints(&text(".ci/run"), &text("justfile"), workspace.text("README.md").as_deref())
    });
}

/// The fuzzer of the command line is built from the program's files, and outside the workspace.
#[test]
fn the_fuzzer_has_all_files_of_the_program() {
    keep(|workspace| {
        let modules = |name: &str| {
            let text = workspace.text(name)?;
            let names = text.lines().filter_map(|line| line.strip_prefix("mod ")).map(str::to_owned);
            Some(names.filter(|name| name != "allocations;").collect::<Vec<_>>())
        };
        let (program, fuzzer) = (modules("annexes/cli/src/main.rs"), modules("fuzz/fuzz_targets/cli.rs"));
        let complaint = || {
            format!("fuzz/fuzz_targets/cli.rs: declare the modules of annexes/cli/src/main.rs, {program:?}")
        };
        fuzzer
            .as_ref()
            .filter(|fuzzer| program.as_ref() != Some(*fuzzer))
            .map(|_| complaint())
            .into_iter()
            .collect()
    });
}

#[test]
fn swept_words_stay_away() {
    const TEXTS: [&str; 11] = [
        "README.md",
        "ARCHITECTURE.md",
        "justfile",
        "docs/errors.md",
        "docs/operating.md",
        "docs/performance.md",
        "docs/proofs.md",
        "docs/reliability.md",
        "crates/format/FORMAT.md",
        "crates/segment/INDEX.md",
        "annexes/compare/README.md",
    ];
    keep(|workspace| {
        // The rules themselves name what they look for, and the adapter of another store has that one's names.
        let is_rule = |place: &String| {
            place.starts_with("crates/tidegate/tests/it/house")
                || place.starts_with("annexes/compare/batpak/")
        };
        let sources = workspace.crates.iter().flat_map(workspace::Crate::sources);
        let sources: Vec<_> = sources.filter(|(place, _)| !is_rule(place)).collect();
        let places = sources
            .iter()
            .map(|(place, _)| place.clone())
            .chain(TEXTS.map(str::to_owned))
            .chain(chapters(workspace));
        let phrases =
            places.flat_map(|place| vocabulary::phrases(&place, &workspace.text(&place).unwrap_or_default()));
        let names = sources.iter().flat_map(|(place, source)| vocabulary::names(place, source));
        phrases.chain(names).collect()
    });
}

#[test]
fn public_functions_are_described_with_a_verb() {
    keep(|workspace| {
        let published = workspace.crates.iter().filter(|room| room.folder.starts_with("crates/"));
        let complaints = published.flat_map(|room| {
            let of = |(file, source)| opening::complaints(&format!("{}/src/{file}", room.folder), source);
            room.product().into_iter().flat_map(of).collect::<Vec<_>>()
        });
        complaints.collect()
    });
}

#[test]
fn public_types_have_names_of_their_own() {
    keep(|workspace| {
        let published = workspace.crates.iter().filter(|room| room.folder.starts_with("crates/"));
        let sources = published.flat_map(|room| {
            let place = |(file, source)| (format!("{}/src/{file}", room.folder), source);
            room.product().into_iter().map(place).collect::<Vec<_>>()
        });
        twins::complaints(sources, &twins::SHARED)
    });
}

#[test]
fn every_error_has_advice() {
    keep(|workspace| {
        let page = workspace.text("docs/errors.md").unwrap_or_default();
        let sections = errors::SECTIONS.iter().flat_map(|(heading, name, file)| {
            let code = source::Source::read(&workspace.text(file).unwrap_or_default());
            errors::complaints(&page, heading, name, &code)
        });
        sections.collect()
    });
}

#[test]
fn errors_are_not_counted_as_events() {
    keep(|workspace| {
        let sources = workspace.crates.iter().flat_map(workspace::Crate::sources);
        sources.flat_map(|(place, source)| results::complaints(&place, source)).collect()
    });
}

#[test]
fn every_fault_is_shown_by_tests() {
    keep(|workspace| {
        let is_there = |file: &str, test: &str| {
            let file = format!("/{file}.rs");
            let mut sources = workspace.crates.iter().flat_map(workspace::Crate::sources);
            sources.any(|(place, source)| {
                place.ends_with(&file) && !source::lines_of(&source.words, &["fn", test]).is_empty()
            })
        };
        let page = workspace.text("docs/reliability.md").unwrap_or_default();
        shown::complaints(&page, is_there)
    });
}

/// The chapters of the guide.
fn chapters(workspace: &Workspace) -> impl Iterator<Item = String> {
    const GUIDE: &str = "crates/tidegate/guide";
    workspace.folders.get(GUIDE).into_iter().flatten().map(|name| format!("{GUIDE}/{name}"))
}

fn folder_complaints(folder: &str, names: &[String]) -> Vec<String> {
    let count = names.len();
    let crowded = (count > ENTRIES_MAX).then(|| format!("{folder}: {count} entries, at most {ENTRIES_MAX}"));
    let empty = names.iter().filter(|name| words::is_empty_name(name));
    let empty = empty.map(|name| format!("{folder}/{name}: the name says nothing of what is in it"));
    crowded.into_iter().chain(empty).collect()
}

fn document_complaint(name: &str, text: &str, limit: usize) -> Option<String> {
    let count = text.lines().count();
    (count >= limit).then(|| format!("{name}:{count}: {count} lines, keep it under {limit}"))
}

/// What the script runs stands in the `justfile` in the same words, and what the README tells a newcomer to
/// type first is run by the script.
fn command_complaints(script: &str, justfile: &str, readme: Option<&str>) -> Vec<String> {
    const SHOWN: [&str; 2] = ["cargo test ", "cargo run "];
    let commands: Vec<&str> = script.lines().map(str::trim).filter(|line| line.contains("cargo ")).collect();
    let mut found = Vec::new();
    if commands.is_empty() {
        found.push(".ci/run: runs no cargo command".to_owned());
    }
    for command in commands {
        if !justfile.lines().any(|line| line.trim() == command) {
            found.push(format!("justfile: `{command}` of .ci/run is missing"));
        }
        let is_shown = SHOWN.iter().any(|start| command.starts_with(start));
        if is_shown && readme.is_some_and(|text| !text.contains(command)) {
            found.push(format!("README.md: `{command}` of .ci/run is missing"));
        }
    }
    found
}

#[test]
fn a_crowded_folder_is_reported() {
    let names = |count: usize| (0..count).map(|name| format!("n{name}.rs")).collect::<Vec<_>>();
    assert_eq!(folder_complaints("crates/x", &names(ENTRIES_MAX)), Vec::<String>::new());
    assert_eq!(folder_complaints("crates/x", &names(ENTRIES_MAX + 1)), ["crates/x: 17 entries, at most 16"]);
    let found = folder_complaints("crates/x", &["util.rs".to_owned()]);
    assert_eq!(found, ["crates/x/util.rs: the name says nothing of what is in it"]);
}

#[test]
fn a_long_document_is_reported() {
    assert_eq!(document_complaint("README.md", &"x\n".repeat(119), 120), None);
    let found = document_complaint("README.md", &"x\n".repeat(120), 120);
    assert_eq!(found.as_deref(), Some("README.md:120: 120 lines, keep it under 120"));
}

#[test]
fn a_command_spelled_twice_is_reported() {
    let script = "set -e\ncargo fmt\ncargo test --locked\n";
    let justfile = "fmt:\n    cargo fmt\n\ntest:\n    cargo test --locked\n";
    assert_eq!(command_complaints(script, justfile, None), Vec::<String>::new());
    assert_eq!(command_complaints(script, justfile, Some("`cargo test --locked`")), Vec::<String>::new());
    let found = command_complaints(script, "test:\n    cargo test --locked\n", Some("cargo test"));
    assert_eq!(
        found,
        [
            "justfile: `cargo fmt` of .ci/run is missing",
            "README.md: `cargo test --locked` of .ci/run is missing"
        ]
    );
    assert_eq!(command_complaints("exit 0\n", justfile, None), [".ci/run: runs no cargo command"]);
}
