//! What one Rust file may not contain.

use super::source::{Source, lines_of, starts_with};

/// Files named for nothing in particular collect everything.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "misc", "types"];

/// Lines of a product file, outside its test items.
const PRODUCT_LINES_MAX: usize = 600;

const REEXPORTS_MAX: usize = 30;

/// The only file with `unsafe` in it.
const UNSAFE_PLACE: &str = "crates/disk/src/map.rs";

/// What no Rust file may contain, tests included.
pub(crate) fn anywhere(place: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut refuse = |lines: Vec<usize>, why: &str| {
        found.extend(lines.into_iter().map(|line| format!("{place}:{line}: {why}")));
    };
    if place != UNSAFE_PLACE {
        refuse(lines_of(&source.words, &["unsafe"]), &format!("`unsafe` belongs to {UNSAFE_PLACE} alone"));
    }
    refuse(lines_of(&source.words, &["#", "[", "ignore"]), "an ignored test tests nothing; fix or remove it");
    for mark in ["todo", "unimplemented"] {
        refuse(lines_of(&source.words, &[mark, "!"]), "finish it");
    }
    for mark in ["TODO", "FIXME"] {
        let marked = source.comments.iter().filter(|(_, text)| text.contains(mark));
        refuse(marked.map(|(line, _)| *line).collect(), "do it now, or write down what is absent and why");
    }
    for name in EMPTY_NAMES {
        refuse(
            lines_of(&source.words, &["mod", name]),
            &format!("`{name}` names nothing; say what is in it"),
        );
    }
    found
}

/// What no product file may contain.
pub(crate) fn in_product(place: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let lines = source.product_lines;
    if lines > PRODUCT_LINES_MAX {
        found.push(format!(
            "{place}:1: {lines} lines outside tests, at most {PRODUCT_LINES_MAX}; look for the seam"
        ));
    }
    let mut refuse = |words: &[&str], why: &str| {
        let lines = lines_of(&source.product, words);
        found.extend(lines.into_iter().map(|line| format!("{place}:{line}: {why}")));
    };
    refuse(&[".", "unwrap", "(", ")"], "say why it cannot fail: `expect(\"why\")`");
    refuse(&["clippy", "::", "unwrap_used"], "the house allows no bare `unwrap` in product code");
    refuse(&["clippy", "::", "too_many_lines"], "a function has at most seventy lines");
    if is_floor(place) && !is_seam(place) {
        let why = "files, clocks and threads are touched in the native files and `os` of crates/disk and in threads.rs alone";
        refuse(&["clippy", "::", "disallowed_methods"], why);
        refuse(&["clippy", "::", "disallowed_types"], why);
    }
    found
}

/// What the names `lib.rs` gives away add up to.
pub(crate) fn reexports(place: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut count = 0;
    for start in 0..source.product.len() {
        let rest = &source.product[start..];
        if !starts_with(rest, &["pub", "use"]) {
            continue;
        }
        if let [_, _, whole, next, ..] = rest
            && matches!(next.text.as_str(), "as" | ";")
        {
            found.push(format!(
                "{place}:{}: `{}` is shown whole; name what callers use",
                whole.line, whole.text
            ));
        }
        let tree = rest.iter().take_while(|word| word.text != ";");
        for (at, word) in tree.enumerate() {
            let ends = matches!(rest.get(at + 1).map(|next| next.text.as_str()), Some("," | "}" | ";"));
            if word.text == "*" {
                found.push(format!("{place}:{}: a re-export names what it shows", word.line));
            } else if ends && !matches!(word.text.as_str(), "," | "{" | "}") {
                count += 1;
            }
        }
    }
    if count > REEXPORTS_MAX {
        found.push(format!("{place}:1: {count} re-exports, at most {REEXPORTS_MAX}"));
    }
    found
}

/// Whether a file or folder is named for nothing in particular.
pub(crate) fn is_empty_name(name: &str) -> bool {
    EMPTY_NAMES.contains(&name.strip_suffix(".rs").unwrap_or(name))
}

fn is_floor(place: &str) -> bool {
    ["format", "proof", "disk", "segment", "tidegate"]
        .iter()
        .any(|floor| place.starts_with(&format!("crates/{floor}/")))
}

/// The files that are the seam to the world themselves.
fn is_seam(place: &str) -> bool {
    let disk =
        ["native/", "os/", "system"].iter().any(|file| place.starts_with(&format!("crates/disk/src/{file}")));
    disk || place == UNSAFE_PLACE || place == "crates/tidegate/src/journal/threads.rs"
}

#[test]
fn what_no_file_may_contain_is_reported() {
    for (code, line) in [
        ("\nunsafe fn f() {}", 2),
        ("#[cfg(test)]\nmod tests {\n    fn f() { unsafe { g() } }\n}", 3),
        ("#[test]\n#[ignore = \"slow\"]\nfn f() {}", 2),
        ("fn f() { todo!() }", 1),
        ("fn f() { unimplemented!() }", 1),
        ("fn f() {}\n/* one\n   TODO two */", 3),
        ("/// FIXME", 1),
        ("mod util;", 1),
        ("#[cfg(test)]\nmod helpers {}", 2),
    ] {
        let found = anywhere("a.rs", &Source::read(code));
        assert_eq!(found.len(), 1, "{code}: {found:?}");
        assert!(found[0].starts_with(&format!("a.rs:{line}: ")), "{code}: {found:?}");
    }
    let fine = "#![deny(unsafe_code)] // unsafe\nconst TODO: &str = \"todo!() #[ignore]\"; mod utility;";
    assert_eq!(anywhere("a.rs", &Source::read(fine)), Vec::<String>::new());
    assert_eq!(anywhere(UNSAFE_PLACE, &Source::read("unsafe fn f() {}")), Vec::<String>::new());
}

#[test]
fn what_no_product_may_contain_is_reported() {
    let seam = "#[expect(clippy::disallowed_methods)]\nfn f() {}";
    for (place, code) in [
        ("annexes/sim/src/lib.rs", "fn f() { g()\n.unwrap() }"),
        ("annexes/sim/src/lib.rs", "\n#![allow(clippy::unwrap_used)]"),
        ("annexes/cli/src/main.rs", "\n#[expect(clippy::too_many_lines)]"),
        ("crates/tidegate/src/lib.rs", &format!("\n{seam}")),
        ("crates/disk/src/memory.rs", &format!("\n{seam}")),
        ("crates/format/src/native.rs", "\n#[allow(clippy::disallowed_types)]"),
    ] {
        let found = in_product(place, &Source::read(code));
        assert_eq!(found.len(), 1, "{place} {code}: {found:?}");
        assert!(found[0].starts_with(&format!("{place}:2: ")), "{found:?}");
    }
    let test = format!(
        "fn f() {{ g().unwrap_or(1) }}\n#[cfg(test)]\nmod tests {{\n{seam}\nfn g() {{ h().unwrap() }}\n}}"
    );
    for (place, code) in [
        ("crates/tidegate/src/lib.rs", test.as_str()),
        ("crates/tidegate/src/journal/threads.rs", seam),
        ("crates/disk/src/system.rs", seam),
        ("crates/disk/src/native/mod.rs", seam),
        ("crates/disk/src/os/unix.rs", seam),
        ("annexes/cli/src/main.rs", seam),
    ] {
        assert_eq!(in_product(place, &Source::read(code)), Vec::<String>::new(), "{place}");
    }
}

#[test]
fn a_long_file_is_reported() {
    let long = |lines: usize| Source::read(&"// x\n".repeat(lines));
    assert_eq!(in_product("a.rs", &long(PRODUCT_LINES_MAX)), Vec::<String>::new());
    let found = in_product("a.rs", &long(PRODUCT_LINES_MAX + 1));
    assert_eq!(found, ["a.rs:1: 601 lines outside tests, at most 600; look for the seam"]);
}

#[test]
fn reexports_are_counted_by_name() {
    let names = |count: usize| {
        let names: Vec<String> = (3..=count).map(|name| format!("N{name}")).collect();
        let text = format!(
            "pub use a::B as C;\npub use {{d::E}};\npub use f::{{{},}};\npub(crate) use g::H;",
            names.join(", ")
        );
        reexports("lib.rs", &Source::read(&text))
    };
    assert_eq!(names(REEXPORTS_MAX), Vec::<String>::new());
    assert_eq!(names(REEXPORTS_MAX + 1), ["lib.rs:1: 31 re-exports, at most 30"]);
    let all = reexports("lib.rs", &Source::read("mod a;\npub use a::{B, c::*};"));
    assert_eq!(all, ["lib.rs:2: a re-export names what it shows"]);
    let whole = reexports("lib.rs", &Source::read("pub use a as b;\npub use c;\npub use d::E as F;"));
    let expected = [(1, "a"), (2, "c")]
        .map(|(line, name)| format!("lib.rs:{line}: `{name}` is shown whole; name what callers use"));
    assert_eq!(whole, expected);
}

#[test]
fn empty_names_are_known() {
    assert!(["util", "types.rs", "common", "misc.rs", "helpers"].iter().all(|name| is_empty_name(name)));
    assert!(!["kinds.rs", "lib.rs", "utility"].iter().any(|name| is_empty_name(name)));
}
