//! Reading gives results, and an error is no event: no file counts the items of a read without looking at them.

use super::source::{Source, Word, group_length, starts_with};

/// What gives a sequence of results when it is called with arguments.
const READS: [&str; 11] = [
    "read",
    "read_with",
    "ancestors",
    "descendants",
    "causes",
    "effects",
    "between",
    "select",
    "roots",
    "leaves",
    "events",
];

/// What takes a result for an event, or passes over it in silence, right behind such a call.
const BLIND: [&[&str]; 4] = [
    &[".", "count", "(", ")"],
    &[".", "flatten", "(", ")"],
    &[".", "filter_map", "(", "Result", "::", "ok", ")"],
    &[".", "flat_map", "(", "Result", "::", "ok", ")"],
];

/// Complaints about the code of a file and the examples in its documentation.
pub(crate) fn complaints(place: &str, source: &Source) -> Vec<String> {
    let mut lines = blind(&source.words);
    lines.extend(blind(&Source::read(&documented(source)).words));
    lines.sort_unstable();
    let complaint = |line| {
        format!(
            "{place}:{line}: an error would be counted as an event, or passed over; use `View::count`, or `?`"
        )
    };
    lines.into_iter().map(complaint).collect()
}

/// The code blocks of the documentation, each line where it stands in the file.
fn documented(source: &Source) -> String {
    let (mut text, mut at, mut inside) = (String::new(), 1, false);
    for (line, comment) in &source.comments {
        let Some(said) = ["///", "//!"].iter().find_map(|mark| comment.strip_prefix(mark)) else { continue };
        if said.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            text.push_str(&"\n".repeat(line.saturating_sub(at)));
            text.push_str(said);
            at = *line;
        }
    }
    text
}

fn blind(words: &[Word]) -> Vec<usize> {
    let mut found = Vec::new();
    for at in 0..words.len() {
        let rest = &words[at..];
        let is_read = READS.iter().any(|name| starts_with(rest, &[".", name, "("]));
        // Without arguments it is another method of that name.
        if !is_read || rest[3..].first().is_none_or(|word| word.text == ")") {
            continue;
        }
        let mut after = &rest[2 + group_length(&rest[2..])..];
        if let Some(next) =
            [&["?"][..], &[".", "unwrap", "(", ")"]].iter().find(|next| starts_with(after, next))
        {
            after = &after[next.len()..];
        }
        if BLIND.iter().any(|blind| starts_with(after, blind)) {
            found.push(rest[0].line);
        }
    }
    found
}

#[test]
fn a_count_of_results_is_reported() {
    let found = |text: &str| complaints("a.rs", &Source::read(text)).len();
    for bad in [
        "fn f() { view.read(&query).count() }",
        "fn f() { store.read(&query)?\n.flatten() }",
        "fn f() { store.read_with(&q, r).unwrap().filter_map(Result::ok) }",
        "//! ```\n//! assert_eq!(graph.ancestors(&[shipped])?.count(), 3);\n//! ```",
        "/// ```\n/// let n = view.read_with(&q,\n///     r).count();\n/// ```",
    ] {
        assert_eq!(found(bad), 1, "{bad}");
    }
    for good in [
        "fn f() { view.count(&query) }",
        "fn f() { event.causes().count() }",
        "fn f() { view.read(&query).map(Result::unwrap).count() }",
        "// view.read(&query).count()",
    ] {
        assert_eq!(found(good), 0, "{good}");
    }
    let place = complaints("a.rs", &Source::read("\n//! ```\n//! x\n//! v.read(a).count()\n//! ```"));
    assert!(place[0].starts_with("a.rs:4: "), "{place:?}");
}
