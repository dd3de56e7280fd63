//! The workspace as the rules see it: folders, manifests and sources, read once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::manifest::Manifest;
use super::source::Source;

/// Everything under `crates/`.
pub(crate) struct Workspace {
    root: PathBuf,
    pub(crate) crates: Vec<Crate>,
    /// Each folder under `crates/` with the names of its entries.
    pub(crate) folders: BTreeMap<String, Vec<String>>,
}

/// One crate.
pub(crate) struct Crate {
    /// Its folder from the workspace's root, `crates/disk`.
    pub(crate) folder: String,
    pub(crate) manifest: Manifest,
    /// Its Rust files by their path inside the folder, `src/lib.rs`.
    pub(crate) files: BTreeMap<String, Source>,
}

impl Workspace {
    /// The workspace around this crate, or `None` if the crate stands alone, as a published one does.
    pub(crate) fn get() -> Option<&'static Self> {
        static WORKSPACE: OnceLock<Option<Workspace>> = OnceLock::new();
        WORKSPACE.get_or_init(Self::load).as_ref()
    }

    /// The text of a file at the workspace's root; `None` if it is missing.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.root.join(name)).ok()
    }

    fn load() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let manifest = fs::read_to_string(root.join("Cargo.toml")).ok()?;
        if !manifest.contains("[workspace]") {
            return None;
        }
        let mut workspace = Self { root, crates: Vec::new(), folders: BTreeMap::new() };
        let mut files = Vec::new();
        for folder in ["crates", "annexes"] {
            workspace.walk(folder, &mut files);
        }
        let crates = ["crates", "annexes"]
            .into_iter()
            .flat_map(|folder| workspace.folders[folder].iter().map(move |name| format!("{folder}/{name}")));
        for folder in crates.collect::<Vec<_>>() {
            let Some(manifest) = workspace.text(&format!("{folder}/Cargo.toml")) else { continue };
            let inside = |file: &String| file.strip_prefix(&format!("{folder}/")).map(str::to_owned);
            let sources = files.iter().filter_map(|file| {
                let text = workspace.text(file)?;
                Some((inside(file)?, Source::read(&text)))
            });
            let files = sources.collect();
            workspace.crates.push(Crate { folder, manifest: Manifest::read(&manifest), files });
        }
        Some(workspace)
    }

    /// Notes `folder` and all below it, except what is hidden, built or stored as data.
    fn walk(&mut self, folder: &str, files: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else { return };
        let mut names = Vec::new();
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            let place = format!("{folder}/{name}");
            if entry.path().is_dir() {
                if !matches!(name.as_str(), "fixtures" | "proptest-regressions") {
                    self.walk(&place, files);
                }
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                files.push(place);
            }
            names.push(name);
        }
        names.sort();
        self.folders.insert(folder.to_owned(), names);
    }
}

impl Crate {
    /// Where its manifest stands in the workspace.
    pub(crate) fn manifest_place(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// Every Rust file with its place in the workspace.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (String, &Source)> {
        self.files.iter().map(|(file, source)| (format!("{}/{file}", self.folder), source))
    }

    /// The files under `src` by their path inside it, without those that only tests use.
    pub(crate) fn product(&self) -> BTreeMap<&str, &Source> {
        product(&self.files)
    }
}

fn product(files: &BTreeMap<String, Source>) -> BTreeMap<&str, &Source> {
    let inside = || files.iter().filter_map(|(file, source)| Some((file.strip_prefix("src/")?, source)));
    let mut tests = Vec::new();
    for (file, source) in inside() {
        let module = file.strip_suffix(".rs").unwrap_or(file);
        let (parent, stem) = module.rsplit_once('/').unwrap_or(("", module));
        let folder = if matches!(stem, "lib" | "main" | "mod") { parent } else { module };
        tests.extend(
            source.test_modules.iter().map(|name| format!("{folder}/{name}").trim_matches('/').to_owned()),
        );
    }
    inside()
        .filter(|(file, _)| {
            let is_of = |test: &String| {
                file.strip_prefix(test.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            !tests.iter().any(is_of)
        })
        .collect()
}

#[test]
fn files_of_tests_are_no_product() {
    let files = [
        ("src/lib.rs", "mod reads;\n#[cfg(test)]\nmod proofs;\n"),
        ("src/proofs.rs", ""),
        ("src/proofs/more.rs", ""),
        ("src/proofs_kept.rs", ""),
        ("src/reads.rs", "#[cfg(test)]\nmod tests;\n"),
        ("src/reads/tests.rs", ""),
        ("src/reads/plan.rs", ""),
        ("tests/it/main.rs", ""),
    ];
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Source::read(text))).collect();
    let kept: Vec<&str> = product(&files).into_keys().collect();
    assert_eq!(kept, ["lib.rs", "proofs_kept.rs", "reads.rs", "reads/plan.rs"]);
}
