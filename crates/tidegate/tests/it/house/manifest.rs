//! Which of our crates a `Cargo.toml` depends on, and whether it may.

/// The floors, lowest first, each with the floors it may stand on.
pub(crate) const FLOORS: [(&str, &[&str]); 7] = [
    ("tidegate-format", &[]),
    // Macros, which every floor above could use; they hold their rules to those of the ground.
    ("tidegate-derive", &["tidegate-format"]),
    ("tidegate-proof", &["tidegate-format"]),
    // What a cluster stands on; `tidegate` does so by a feature alone.
    ("tidegate-shared-log", &["tidegate-format"]),
    ("tidegate-disk", &[]),
    ("tidegate-segment", &["tidegate-format", "tidegate-disk"]),
    (
        "tidegate",
        &[
            "tidegate-format",
            "tidegate-proof",
            "tidegate-shared-log",
            "tidegate-disk",
            "tidegate-segment",
            "tidegate-derive",
        ],
    ),
];

/// The annexes. They stand on any floor, and nothing stands on them but programs on libraries.
pub(crate) const ANNEXES: [&str; 14] = [
    "tidegate-batpak",
    "tidegate-bench",
    "tidegate-cli",
    "tidegate-cluster",
    "tidegate-compare",
    "tidegate-draw",
    "tidegate-enrolment",
    "tidegate-fuzz-cases",
    "tidegate-inspect",
    "tidegate-json",
    "tidegate-nats",
    "tidegate-crashtest",
    "tidegate-s3",
    "tidegate-sim",
];

/// Annexes that are libraries for programs among the annexes. They stand on floors alone.
pub(crate) const LIBRARIES: [&str; 5] =
    ["tidegate-batpak", "tidegate-draw", "tidegate-json", "tidegate-nats", "tidegate-s3"];

/// The annex that both is a library and stands on libraries: programs may serve it.
const INSPECTOR: &str = "tidegate-inspect";

/// What one `Cargo.toml` says about the house.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    /// The crate's name.
    pub(crate) name: String,
    /// Crates of this house it depends on, for any purpose, with the line that says so.
    pub(crate) arrows: Vec<(usize, String)>,
    /// Whether it takes the workspace's lints.
    pub(crate) lints: bool,
}

impl Manifest {
    pub(crate) fn read(text: &str) -> Self {
        let mut manifest = Self::default();
        let mut section = String::new();
        for (index, raw) in text.lines().enumerate() {
            let line = raw.split('#').next().unwrap_or_default().trim();
            if let Some(header) = line.strip_prefix('[') {
                header.trim_end_matches(']').clone_into(&mut section);
                if let Some((table, name)) = section.rsplit_once('.')
                    && is_dependencies(table)
                {
                    manifest.arrow(index + 1, name);
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            if section == "package" && key == "name" {
                value.trim_matches('"').clone_into(&mut manifest.name);
            } else if section == "lints" && key == "workspace" {
                manifest.lints = value == "true";
            } else if is_dependencies(&section) {
                manifest.arrow(index + 1, key.split('.').next().unwrap_or_default());
                manifest.renamed(index + 1, value);
            } else if key == "package"
                && section.rsplit_once('.').is_some_and(|(table, _)| is_dependencies(table))
            {
                manifest.arrow(index + 1, value);
            }
        }
        manifest
    }

    /// Arrows that break the order of the floors, as lines to show.
    pub(crate) fn complaints(&self, place: &str) -> Vec<String> {
        let floor = FLOORS.iter().find(|(name, _)| *name == self.name);
        let below: Vec<&str> = match floor {
            Some((_, below)) => below.to_vec(),
            None if ANNEXES.contains(&self.name.as_str()) => {
                let is_library = LIBRARIES.contains(&self.name.as_str());
                let libraries = if is_library { &[][..] } else { &LIBRARIES[..] };
                let inspector = (!is_library && self.name != INSPECTOR).then_some(INSPECTOR);
                let floors = FLOORS.iter().map(|(name, _)| *name);
                floors.chain(libraries.iter().copied()).chain(inspector).collect()
            }
            None => return vec![format!("{place}: `{}` is neither a floor nor an annex", self.name)],
        };
        // To itself, with other features, for its tests; Cargo refuses every other arrow to itself.
        let above = |target: &str| target != self.name && !below.contains(&target);
        let refused = self.arrows.iter().filter(|(_, target)| above(target));
        refused
            .map(|(line, target)| {
                let allowed = if below.is_empty() {
                    "no other crate of the house".to_owned()
                } else {
                    below.join(", ")
                };
                format!("{place}:{line}: `{}` may depend on {allowed}; not on `{target}`", self.name)
            })
            .collect()
    }

    fn arrow(&mut self, line: usize, name: &str) {
        let name = name.trim_matches('"');
        if name == "tidegate" || name.starts_with("tidegate-") {
            self.arrows.push((line, name.to_owned()));
        }
    }

    /// `store = { package = "tidegate" }` is an arrow to `tidegate`.
    fn renamed(&mut self, line: usize, value: &str) {
        if let Some((_, rest)) = value.split_once("package")
            && let Some(name) = rest.split('"').nth(1)
        {
            self.arrow(line, name);
        }
    }
}

/// `dependencies`, `dev-dependencies`, `build-dependencies`, and each of them for one target.
fn is_dependencies(section: &str) -> bool {
    let last = section.rsplit('.').next().unwrap_or_default();
    matches!(last, "dependencies" | "dev-dependencies" | "build-dependencies")
}

fn complaints(text: &str) -> Vec<String> {
    Manifest::read(text).complaints("Cargo.toml")
}

#[test]
fn arrows_that_point_down_are_fine() {
    let segment = "[package]\nname = \"tidegate-segment\"\n[lints]\nworkspace = true\n\
                   [dependencies]\ntidegate-format.workspace = true\nmemchr = \"2\" # tidegate\n";
    assert_eq!(complaints(segment), Vec::<String>::new());
    assert!(Manifest::read(segment).lints);
    assert_eq!(Manifest::read(segment).arrows, [(6, "tidegate-format".to_owned())]);
    let sim = "[package]\nname = \"tidegate-sim\"\n[dependencies]\ntidegate = { path = \"../tidegate\" }\n";
    assert_eq!(complaints(sim), Vec::<String>::new());
    assert!(!Manifest::read(sim).lints);
    let itself = "[package]\nname = \"tidegate\"\n[dev-dependencies]\ntidegate = { path = \".\" }\n";
    assert_eq!(complaints(itself), Vec::<String>::new());
    let cli = "[package]\nname = \"tidegate-cli\"\n[dependencies]\ntidegate-draw = \"0.1\"\n";
    assert_eq!(complaints(cli), Vec::<String>::new());
}

#[test]
fn an_arrow_that_points_up_is_reported() {
    for (name, arrow, line) in [
        ("tidegate-format", "[dependencies]\ntidegate-disk.workspace = true", 4),
        ("tidegate-disk", "[dependencies]\ntidegate-format = { workspace = true }", 4),
        ("tidegate-proof", "[dependencies]\ntidegate-disk.workspace = true", 4),
        ("tidegate-segment", "[dependencies]\n\ntidegate = \"0.1\"", 5),
        ("tidegate", "[dev-dependencies]\ntidegate-sim.workspace = true", 4),
        ("tidegate", "[build-dependencies.tidegate-cli]\nworkspace = true", 3),
        ("tidegate", "[target.'cfg(unix)'.dependencies]\nworld = { package = \"tidegate-sim\" }", 4),
        ("tidegate", "[dependencies.world]\npackage = \"tidegate-sim\"", 4),
        ("tidegate-sim", "[dependencies]\n\"tidegate-bench\" = \"1\"", 4),
        ("tidegate-draw", "[dependencies]\ntidegate-cli = \"1\"", 4),
        ("tidegate-json", "[dependencies]\ntidegate-draw = \"1\"", 4),
    ] {
        let found = complaints(&format!("[package]\nname = \"{name}\"\n{arrow}\n"));
        assert_eq!(found.len(), 1, "{name} {arrow}: {found:?}");
        assert!(found[0].starts_with(&format!("Cargo.toml:{line}: `{name}` may depend on ")), "{found:?}");
    }
}

#[test]
fn a_crate_without_a_place_is_reported() {
    let found = complaints("[package]\nname = \"tidegate-extra\"\n");
    assert_eq!(found, ["Cargo.toml: `tidegate-extra` is neither a floor nor an annex"]);
}
