//! Whether the page on errors has a row for every kind, conflict and verdict, and none for what does not exist.

use super::source::{Source, lines_of, starts_with};

/// Each section of the page with the enum that it explains, and the file that declares it.
pub(crate) const SECTIONS: [(&str, &str, &str); 5] = [
    ("## Kinds", "ErrorKind", "crates/format/src/error.rs"),
    ("## Conflicts", "ConflictKind", "crates/format/src/refusal.rs"),
    ("## Denials and gate verdicts", "Verdict", "crates/format/src/refusal.rs"),
    ("## The state of a store", "StoreVerdict", "crates/tidegate/src/report/verdict.rs"),
    ("## Receipts", "ReceiptStatus", "crates/tidegate/src/batch/receipt.rs"),
];

/// Complaints about one section of the page.
pub(crate) fn complaints(page: &str, heading: &str, name: &str, code: &Source) -> Vec<String> {
    let at = |text: &str| format!("docs/errors.md: {text}");
    let variants = variants(code, name);
    if variants.is_empty() {
        return vec![at(&format!("the enum `{name}` of \"{heading}\" is not found"))];
    }
    let rows = rows(page, heading);
    let missing = variants.iter().filter(|variant| !rows.contains(variant));
    let missing = missing.map(|variant| at(&format!("\"{heading}\" has no row for `{name}::{variant}`")));
    let unknown = rows.iter().filter(|row| !variants.contains(row));
    let unknown =
        unknown.map(|row| at(&format!("\"{heading}\" has a row for `{row}`, which `{name}` is not")));
    missing.chain(unknown).collect()
}

/// The names in backticks that begin the rows of a section's table.
fn rows(page: &str, heading: &str) -> Vec<String> {
    let section = page.lines().skip_while(|line| *line != heading).skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    section.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

/// The variants of an enum.
fn variants(code: &Source, name: &str) -> Vec<String> {
    let words = &code.words;
    let Some(start) = (0..words.len()).find(|at| starts_with(&words[*at..], &["enum", name, "{"])) else {
        return Vec::new();
    };
    let (mut found, mut depth, mut expected) = (Vec::new(), 1, true);
    for word in &words[start + 3..] {
        match word.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            "," if depth == 1 => expected = true,
            text if depth == 1 && expected && text != "#" => {
                found.push(text.to_owned());
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

#[test]
fn a_kind_without_a_row_is_reported() {
    let code = "/// Kinds.\npub enum Kind {\n    /// One.\n    One,\n    #[default]\n    Two(Position, u8),\n    Three { a: u8 },\n}\nenum Other { Four }";
    let code = Source::read(code);
    assert_eq!(variants(&code, "Kind"), ["One", "Two", "Three"]);
    assert_eq!(lines_of(&code.words, &["enum", "Other"]), [9]);
    let page = "# Page\n\n## Kinds\n\n| kind |\n|---|\n| `One` | x |\n| `Two` |\n| `Three` |\n\n## Rest\n\n| `Four` |\n";
    assert_eq!(complaints(page, "## Kinds", "Kind", &code), Vec::<String>::new());
    let found = complaints(&page.replace("`Two`", "`Too`"), "## Kinds", "Kind", &code);
    assert_eq!(
        found,
        [
            "docs/errors.md: \"## Kinds\" has no row for `Kind::Two`",
            "docs/errors.md: \"## Kinds\" has a row for `Too`, which `Kind` is not"
        ]
    );
    assert_eq!(complaints(page, "## Kinds", "Gone", &code).len(), 1);
}
