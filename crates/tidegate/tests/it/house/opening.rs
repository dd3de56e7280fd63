//! How the documentation of a published function begins: with a verb, which says what the function does.

use super::source::{Source, Word, group_length, starts_with};

/// Words that begin a name of something and no sentence about what is done.
const NOUNS: [&str; 20] = [
    "a", "all", "an", "as", "bytes", "every", "how", "its", "no", "the", "this", "what", "when", "where",
    "whether", "which", "who", "why", "with", "nothing",
];

/// Complaints about the public functions of a file whose documentation begins with another word.
pub(crate) fn complaints(place: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for at in 0..source.product.len() {
        let rest = &source.product[at..];
        let Some(name) = public_function(rest) else { continue };
        let line = start_of_attributes(&source.product, at);
        let Some((first, word)) = first_word(source, line) else { continue };
        if NOUNS.contains(&word.to_lowercase().as_str()) {
            found.push(format!("{place}:{first}: the documentation of `{name}` begins with \"{word}\": say with a verb what it does"));
        }
    }
    found
}

/// The name of the public function that begins here.
fn public_function(words: &[Word]) -> Option<&str> {
    let skipped = [&["pub", "fn"][..], &["pub", "const", "fn"], &["pub", "async", "fn"]];
    let start = skipped.iter().find(|start| starts_with(words, start))?;
    words.get(start.len()).map(|name| name.text.as_str())
}

/// The line on which the attributes of the item at `at` begin, or the item.
fn start_of_attributes(words: &[Word], at: usize) -> usize {
    let mut start = at;
    for before in (0..at).rev() {
        if starts_with(&words[before..], &["#", "["])
            && before + 1 + group_length(&words[before + 1..]) == start
        {
            start = before;
        }
        if matches!(words[before].text.as_str(), "{" | "}" | ";") {
            break;
        }
    }
    words[start].line
}

/// The first word of the comment that ends right above this line, and its line.
fn first_word(source: &Source, line: usize) -> Option<(usize, String)> {
    let text =
        |line: usize| source.comments.iter().find(|(at, _)| *at == line).map(|(_, text)| text.as_str());
    let mut first = line;
    while first > 1 && text(first - 1).is_some() {
        first -= 1;
    }
    let word = text(first)?.trim_start_matches(['/', ' ']).split_whitespace().next()?;
    Some((first, word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()))
}

#[test]
fn a_function_that_is_named_and_not_described_is_reported() {
    let found = |text: &str| complaints("a.rs", &Source::read(text));
    let bad = "impl S {\n    /// The head.\n    ///\n    /// More.\n    #[must_use]\n    pub fn head(&self) {}\n}\n";
    assert_eq!(
        found(bad),
        ["a.rs:2: the documentation of `head` begins with \"The\": say with a verb what it does"]
    );
    assert_eq!(found("/// Whether it is.\npub const fn is(self) -> bool {}").len(), 1);
    for good in [
        "/// Returns the head.\npub fn head() {}",
        "/// The head.\npub struct Head;",
        "/// The head.\nfn head() {}",
        "/// The head.\npub(crate) fn head() {}",
        "pub fn head() {}",
        "#[cfg(test)]\nmod tests {\n    /// The head.\n    pub fn head() {}\n}",
    ] {
        assert_eq!(found(good), Vec::<String>::new(), "{good}");
    }
}
