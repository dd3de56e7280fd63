//! One name, one public type: two of them in the published crates would have to be told apart by their paths.

use std::collections::BTreeMap;

use super::source::Source;

/// Names that two public types still have. The list only shrinks: a name that is no longer shared is a complaint. `Errno` is one
/// type, declared for each kind of system.
pub(crate) const SHARED: [&str; 6] = ["Errno", "Events", "Frontier", "Postings", "Start", "Step"];

/// Complaints about public types of one name, among these files.
pub(crate) fn complaints<'a>(
    sources: impl Iterator<Item = (String, &'a Source)>,
    shared: &[&str],
) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (place, source) in sources {
        for (line, name) in declared(source) {
            places.entry(name).or_default().push(format!("{place}:{line}"));
        }
    }
    let mut found = Vec::new();
    for (name, places) in &places {
        if places.len() > 1 && !shared.contains(&name.as_str()) {
            found.push(format!("{}: `{name}` is a public type in {} too", places[0], places[1..].join(", ")));
        }
    }
    let gone = shared.iter().filter(|name| places.get(**name).is_none_or(|places| places.len() < 2));
    found
        .extend(gone.map(|name| format!("house/twins.rs: `{name}` is shared no more; take it off the list")));
    found
}

/// The public types that a file declares outside all braces, with their lines.
fn declared(source: &Source) -> Vec<(usize, String)> {
    const KEYS: [&str; 5] = ["struct", "enum", "trait", "union", "type"];
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for words in source.product.windows(3) {
        match words[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "pub" if depth == 0 && KEYS.contains(&words[1].text.as_str()) => {
                found.push((words[2].line, words[2].text.clone()));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn a_name_of_two_types_is_reported() {
    let one = Source::read("pub struct Plan;\npub(crate) struct Inner;\nmod a { pub struct Other; }\n");
    let two = Source::read("\npub enum Plan { A }\nstruct Inner;\nfn f() { pub struct Other; }\n");
    let found = |shared: &[&str]| {
        complaints([("a.rs".to_owned(), &one), ("b.rs".to_owned(), &two)].into_iter(), shared)
    };
    assert_eq!(found(&[]), ["a.rs:1: `Plan` is a public type in b.rs:2 too"]);
    assert_eq!(found(&["Plan"]), Vec::<String>::new());
    assert_eq!(found(&["Plan", "Gone"]), ["house/twins.rs: `Gone` is shared no more; take it off the list"]);
}
