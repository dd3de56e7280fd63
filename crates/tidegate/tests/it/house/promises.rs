//! Promises that were made and do not hold: they stay away from what people read.

use super::source::Source;

/// What is not to be said, and what holds instead.
const BROKEN: [(&str, &str); 5] = [
    (
        "exactly once",
        "a cursor delivers at least once, and a handler may run more than once; say what is once",
    ),
    ("importing twice changes nothing", "lines without a key or id are new every time"),
    ("checkpoint outside", "there are no checkpoints yet"),
    ("offline proofs", "there are no proofs yet"),
    ("the proofs", "there are no proofs yet"),
];

/// Complaints about a text that people read.
pub(crate) fn in_text(place: &str, text: &str) -> Vec<String> {
    // A phrase may run over the end of a line.
    let words: Vec<(usize, String)> = (1..)
        .zip(text.lines())
        .flat_map(|(number, line)| line.split_whitespace().map(move |word| (number, word.to_lowercase())))
        .filter(|(_, word)| !word.chars().all(|char| matches!(char, '/' | '!' | '*')))
        .collect();
    let mut found = Vec::new();
    for (phrase, why) in BROKEN {
        let parts: Vec<&str> = phrase.split(' ').collect();
        let starts = words.windows(parts.len()).filter(|window| {
            let plain = |word: &str| word.trim_matches(|char: char| !char.is_alphanumeric()).to_owned();
            window.iter().zip(&parts).all(|((_, word), part)| plain(word) == *part)
        });
        found.extend(starts.map(|window| format!("{place}:{}: \"{phrase}\": {why}", window[0].0)));
    }
    found
}

/// Complaints about the comments of a Rust file.
pub(crate) fn in_comments(place: &str, source: &Source) -> Vec<String> {
    let last = source.comments.last().map_or(0, |(line, _)| *line);
    let mut lines = vec![""; last];
    for (line, text) in &source.comments {
        lines[line - 1] = text;
    }
    in_text(place, &lines.join("\n"))
}

#[test]
fn a_broken_promise_is_reported() {
    let found = in_text("a.md", "It holds.\n* **Exactly\n/// once**, and\nthe proofs.");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("a.md:2: \"exactly once\": a cursor"), "{found:?}");
    assert!(found[1].starts_with("a.md:4: \"the proofs\""), "{found:?}");
    assert_eq!(in_text("a.md", "the proofs_kept; once exactly; proofs"), Vec::<String>::new());
    let source = Source::read("fn f() {}\n/// The\n/// proofs.\nconst S: &str = \"exactly once\";");
    assert_eq!(in_comments("a.rs", &source).len(), 1);
}
