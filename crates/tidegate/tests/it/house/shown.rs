//! What the page on reliability says of each fault: every row is there, and names tests that exist.

/// How many rows the table has, `F1` and on.
const FAULTS: usize = 37;

/// Complaints about the table; `is_there` says whether a file of this name has this function.
pub(crate) fn complaints(page: &str, is_there: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for number in 1..=FAULTS {
        let Some(row) = page.lines().find(|line| line.starts_with(&format!("| F{number} |"))) else {
            found.push(format!("docs/reliability.md: F{number} has no row"));
            continue;
        };
        let names: Vec<_> =
            row.split('`').skip(1).step_by(2).filter_map(|name| name.rsplit_once("::")).collect();
        if names.is_empty() {
            found.push(format!("docs/reliability.md: F{number} names no test"));
        }
        let missing = names.into_iter().filter(|(file, test)| !is_there(file, test));
        found.extend(missing.map(|(file, test)| {
            format!("docs/reliability.md: F{number} names `{file}::{test}`, which does not exist")
        }));
    }
    found
}

#[test]
fn a_row_without_a_test_is_reported() {
    let page = |odd: &str| {
        let rows = (2..=FAULTS).map(|number| format!("| F{number} | fault | whole | `file::test` |\n"));
        format!("{odd}{}", rows.collect::<String>())
    };
    let is_there = |file: &str, test: &str| (file, test) == ("file", "test");
    assert_eq!(
        complaints(&page("| F1 | fault | whole | sim `file::test` |\n"), is_there),
        Vec::<String>::new()
    );
    for (odd, complaint) in [
        ("", "F1 has no row"),
        ("| F1 | fault | whole | by reading |\n", "F1 names no test"),
        ("| F1 | fault | `Locked` | `just x` |\n", "F1 names no test"),
        (
            "| F1 | fault | whole | `file::test`, `file::gone` |\n",
            "F1 names `file::gone`, which does not exist",
        ),
    ] {
        assert_eq!(complaints(&page(odd), is_there), [format!("docs/reliability.md: {complaint}")]);
    }
}
