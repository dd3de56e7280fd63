//! The rules of kinds. They are the store's; said here once more so that a macro needs nothing of it, and held
//! to the store's by a test.

/// Returns what is wrong with a kind, or `None` if a caller may append it.
pub(crate) fn complaint(kind: &str) -> Option<String> {
    let part = |part: &str| {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        part.bytes().next().is_some_and(word) && part.bytes().all(|b| word(b) || matches!(b, b'_' | b'-'))
    };
    if kind.is_empty() {
        Some("empty kind: use dotted lower-case words such as order.placed".to_owned())
    } else if kind.len() > 1024 {
        Some(format!("kind of {} bytes: use at most 1024", kind.len()))
    } else if !kind.split('.').all(part) {
        Some(format!("invalid kind {kind:?}: use dotted lower-case words such as order.placed"))
    } else if kind == "tidegate" || kind.starts_with("tidegate.") {
        Some(format!("reserved kind {kind:?}: names under tidegate. belong to the store"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derive asks for dotted lower-case words; a store takes any kind that keeps the rules of names.
    #[test]
    fn the_store_takes_what_is_accepted_here() {
        let (long, longest) = ("k".repeat(1025), "k".repeat(1024));
        let kinds = [
            "order.placed",
            "a",
            "0",
            "a.b.c",
            "a-b_c.d9",
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "A",
            "a b",
            "ä",
            "-a",
            "a.-b",
            "_a",
            "order.*",
            "*",
            "a\n",
            "tidegate",
            "tidegate.denied",
            "tidegates",
            "tidegate-x",
            &long,
            &longest,
        ];
        for kind in kinds {
            let refused =
                tidegate_format::name::check_kind(kind).is_err() || tidegate_format::name::is_reserved(kind);
            assert!(complaint(kind).is_some() || !refused, "{kind:?}");
            let dotted = kind.split('.').all(|part| {
                part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
                    && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
            });
            assert_eq!(complaint(kind).is_none(), dotted && !refused, "{kind:?}");
        }
    }
}
