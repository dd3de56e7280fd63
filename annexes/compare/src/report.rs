//! The tables: ours in the first column, every other engine beside it with the ratio.

use std::fmt::Write as _;

use crate::rows::{Better, Row, TABLES, Table, Unit};
use crate::run::Finding;

/// What stands behind a ratio if ours is the worse one.
const LOST: &str = " ✗";

/// Returns all tables as Markdown, the engine that others are compared with first.
pub fn markdown(findings: &[Finding]) -> String {
    let mut text = String::new();
    let Some((ours, others)) = findings.split_first() else { return text };
    let mut lost = Vec::new();
    for table in &TABLES {
        write_table(&mut text, table, ours, others, &mut lost);
    }
    if !others.is_empty() {
        let name = &ours.about.name;
        line(
            &mut text,
            &format!(
                "In brackets: how many times better {name} is than this engine; below 1 it is worse, marked{LOST}."
            ),
        );
        if lost.is_empty() {
            line(&mut text, "\nNo row is lost.");
        } else {
            line(&mut text, &format!("\nLost rows:\n\n{}", lost.join("\n")));
        }
    }
    write_notes(&mut text, findings);
    text
}

fn line(text: &mut String, what: &str) {
    writeln!(text, "{what}").expect("a string accepts every write");
}

fn write_table(text: &mut String, table: &Table, ours: &Finding, others: &[Finding], lost: &mut Vec<String>) {
    let all = || std::iter::once(ours).chain(others);
    let filled = |row: &&Row| all().any(|finding| finding.value(row.key).is_some());
    let rows: Vec<_> = table.rows.iter().filter(filled).collect();
    if rows.is_empty() {
        return;
    }
    line(text, &format!("### {}\n", table.title));
    let names: Vec<_> = all().map(|finding| finding.about.name.as_str()).collect();
    line(text, &format!("| | {} |", names.join(" | ")));
    line(text, &format!("|---|{}", "---:|".repeat(names.len())));
    for row in rows {
        let mut cells = vec![ours.value(row.key).map_or("–".to_owned(), |value| show(value, row.unit))];
        for other in others {
            let (cell, is_lost) = cell(row, ours, other);
            if is_lost {
                let (title, name) = (table.title, &other.about.name);
                let own = ours.value(row.against.unwrap_or(row.key)).unwrap_or_default();
                lost.push(format!(
                    "- {title}: {}: {} against {cell} of {name}",
                    row.title,
                    show(own, row.unit)
                ));
            }
            cells.push(cell);
        }
        line(text, &format!("| {} | {} |", row.title, cells.join(" | ")));
    }
    line(text, "");
}

/// Returns what stands in the column of another engine, and whether ours is the worse one.
fn cell(row: &Row, ours: &Finding, other: &Finding) -> (String, bool) {
    let Some(theirs) = other.value(row.key) else { return ("–".to_owned(), false) };
    let shown = show(theirs, row.unit);
    let Some(ratio) = ratio(row, ours, other) else { return (shown, false) };
    // What rounds to equal is not lost.
    let is_lost = ratio < 0.995;
    let mark = if is_lost { LOST } else { "" };
    (format!("{shown} ({}{mark})", significant(ratio)), is_lost)
}

/// Returns how many times better ours is.
fn ratio(row: &Row, ours: &Finding, other: &Finding) -> Option<f64> {
    let (ours, theirs) = (ours.value(row.against.unwrap_or(row.key))?, other.value(row.key)?);
    let ratio = match row.better {
        Better::More => ours / theirs,
        Better::Less => theirs / ours,
        Better::Neither => return None,
    };
    ratio.is_finite().then_some(ratio)
}

fn write_notes(text: &mut String, findings: &[Finding]) {
    line(text, "\nSettings:\n");
    for finding in findings {
        line(text, &format!("- {}: {}", finding.about.name, finding.about.settings));
    }
    let few = |finding: &Finding| {
        let rows = TABLES[1].rows.iter().filter(|row| (1..20).contains(&finding.times(row.key)));
        let rows: Vec<_> = rows.filter(|row| row.key != "read.scan").collect();
        let listed: Vec<_> =
            rows.iter().map(|row| format!("{} {}×", row.title, finding.times(row.key))).collect();
        (!listed.is_empty()).then(|| format!("- {}: measured only {}", finding.about.name, listed.join(", ")))
    };
    let few: Vec<_> = findings.iter().filter_map(few).collect();
    if !few.is_empty() {
        line(text, &format!("\nToo slow to measure often:\n\n{}", few.join("\n")));
    }
    let failed = |finding: &Finding| {
        let name = finding.about.name.clone();
        finding.failures.iter().map(move |failure| format!("- {name}: {failure}")).collect::<Vec<_>>()
    };
    let failures: Vec<_> = findings.iter().flat_map(failed).collect();
    if !failures.is_empty() {
        line(text, &format!("\nFailed:\n\n{}", failures.join("\n")));
    }
}

fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Plain => significant(value),
        Unit::Memory => format!("{} MiB", significant(value / f64::from(1 << 20))),
        Unit::Time if value < 1e-3 => format!("{} µs", significant(value * 1e6)),
        Unit::Time if value < 1.0 => format!("{} ms", significant(value * 1e3)),
        Unit::Time => format!("{} s", significant(value)),
    }
}

/// Returns a number as far as it can be trusted: three digits, with separators.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (2 - value.abs().log10().floor() as i32).clamp(-2, 3);
    if digits > 0 {
        return format!("{value:.*}", digits as usize);
    }
    let step = 10f64.powi(-digits);
    let whole = ((value / step).round() * step) as u64;
    let mut text = whole.to_string();
    let mut place = text.len();
    while place > 3 {
        place -= 3;
        text.insert(place, ',');
    }
    text
}
