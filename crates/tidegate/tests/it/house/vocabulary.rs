//! Words that were swept out of the tree: the field's own word stands for each, and this keeps it so.
//!
//! Phrases are looked for in code, comments, strings and documents alike, also over the end of a line; a string that is
//! the word alone is data and may stay. Names are looked for in code.

use super::source::{Source, lines_of};

/// What may not be written, and what to write. Phrases are compared without regard to case.
const PHRASES: [(&str, &str); 20] = [
    ("nobody", "say who: no caller, no process"),
    ("somebody", "say who: a caller, another process"),
    ("whoever", "say who: the caller that"),
    ("everybody", "say who: every caller"),
    ("anybody", "say who: any caller"),
    ("how often", "how many times"),
    ("so many", "this many, or the number's name"),
    ("of no use", "cannot be used"),
    ("nothing where", "`None` if"),
    ("where there is none", "if there is none"),
    ("where there are none", "if there are none"),
    ("where it has none", "if it has none"),
    ("where it is the first", "if it is the first"),
    ("where needed", "if needed"),
    ("voucher", "later durable frame"),
    ("is no truth", "is derived"),
    ("roster", "filter group"),
    ("rosters", "filter groups"),
    ("ordeal", "crash test"),
    ("live index", "memory index"),
];

/// Types, fields and modules that got other names. They are compared as they are written.
const NAMES: [(&str, &str); 25] = [
    ("LocalEdge", "FileBackend"),
    ("SegmentHead", "SegmentHeader"),
    ("FrameHead", "FrameHeader"),
    ("HEAD_BYTES", "HEADER_BYTES"),
    ("LiveIndex", "MemIndex"),
    ("LiveLineage", "CauseColumn"),
    ("Lineage", "CauseReader"),
    ("SoughtId", "HashedId"),
    ("SoughtKey", "HashedKey"),
    ("Sought", "HashedTerm"),
    ("Examined", "DoctorReport"),
    ("Salvaged", "SalvageReport"),
    ("Verified", "VerifyReport"),
    ("Receipted", "ReceiptEvent"),
    ("Decided", "Outcome"),
    ("Sieve", "SegmentFilter"),
    ("Roster", "FilterGroup"),
    ("Told", "the type's noun, such as ErrorJson or Report"),
    ("Asked", "the type's noun"),
    ("Wanted", "the type's noun, such as TermFilter or ModelQuery"),
    ("Ground", "the type's noun, such as GraphReader or Machine"),
    ("Shelf", "SnapshotFile"),
    ("Bell", "Notifier"),
    ("Keeping", "the type's noun, such as StateFiles"),
    ("Typed", "Event"),
];

/// Complaints about the phrases in a file, whichever it is.
pub(crate) fn phrases(place: &str, text: &str) -> Vec<String> {
    let words = words_of(text);
    let mut found = Vec::new();
    for (at, (line, _)) in words.iter().enumerate() {
        for (phrase, instead) in PHRASES {
            let mut parts = phrase.split(' ').enumerate();
            let is_here = parts.all(|(ahead, part)| {
                words.get(at + ahead).is_some_and(|(_, word)| word.eq_ignore_ascii_case(part))
            });
            if is_here {
                found.push(format!("{place}:{line}: \"{phrase}\" was swept: {instead}"));
            }
        }
    }
    found
}

/// Complaints about the names in the code of a file.
pub(crate) fn names(place: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (name, instead) in NAMES {
        let lines = lines_of(&source.words, &[name]).into_iter();
        found.extend(lines.map(|line| format!("{place}:{line}: `{name}` was swept: {instead}")));
    }
    found
}

/// The words of a text with their lines. Marks of comments are left out, and so is a word that is a string alone.
fn words_of(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            // No phrase goes on over an empty line, as from documentation to code.
            found.push((number, ""));
        }
        let mut rest = line;
        while let Some(start) = rest.find(is_word) {
            let end = rest[start..].find(|char| !is_word(char)).map_or(rest.len(), |length| start + length);
            let is_datum = rest[..start].ends_with('"') && rest[end..].starts_with(['"', '\\']);
            if !is_datum {
                found.push((number, &rest[start..end]));
            }
            rest = &rest[end..];
        }
    }
    found
}

fn is_word(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

#[test]
fn a_swept_word_is_reported() {
    let found = |text: &str| phrases("a.rs", text);
    assert_eq!(found("// Nobody waits.\n"), ["a.rs:1: \"nobody\" was swept: say who: no caller, no process"]);
    let split = "let a = 1;\n/// How\n/// often it runs.";
    assert_eq!(found(split), ["a.rs:2: \"how often\" was swept: how many times"]);
    assert_eq!(found("panic!(\"whoever came\")").len(), 1);
    for good in ["stalled_disk_blocks_nobody_else", "StreamId::new(\"nobody\")", "how many, often"] {
        assert_eq!(found(good), Vec::<String>::new(), "{good}");
    }
    let found = |text: &str| names("a.rs", &Source::read(text));
    assert_eq!(found("\nenum E { Sieve(u8) }"), ["a.rs:2: `Sieve` was swept: SegmentFilter"]);
    for good in ["// Sieve", "let a = \"Sieve\";", "struct Sieves;"] {
        assert_eq!(found(good), Vec::<String>::new(), "{good}");
    }
}
