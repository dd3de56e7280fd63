//! What `read` selects, and how much of it.

use crate::program::{TempFolder, positions, run};

const LINES: [&str; 6] = [
    r#"{"scope":"shop","entity":"o1","kind":"order.placed","tags":["a","b"],"key":"1"}"#,
    r#"{"scope":"shop","entity":"o1","kind":"order.paid","tags":["b"],"causes":["1"],"key":"2"}"#,
    r#"{"scope":"shop","entity":"o1","lane":2,"kind":"order.placed","key":"3"}"#,
    r#"{"scope":"shop","entity":"o2","kind":"stock.taken","tags":["b"],"causes":["1","2"],"key":"4"}"#,
    r#"{"scope":"bank","entity":"o1","kind":"account.opened","key":"5"}"#,
    r#"{"scope":"bank","entity":"o1","kind":"orders.closed","causes":["5","0195fdd6-0000-7000-8000-0000000000aa/0195fdd6-0000-7000-8000-0000000000bb"],"key":"6"}"#,
];

#[test]
fn every_filter_narrows() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let events = run(&["read", &store, "--json"]).json();
    let first = events[0]["id"].as_str().unwrap();
    let recorded = events[0]["recorded"].as_str().unwrap();
    for (options, expected) in [
        (&[][..], &[1, 2, 3, 4, 5, 6][..]),
        (&["--stream", "shop/o1"], &[1, 2]),
        (&["--stream", "shop/o1/2"], &[3]),
        (&["--stream", "shop/none"], &[]),
        (&["--scope", "shop"], &[1, 2, 3, 4]),
        (&["--entity", "o1"], &[1, 2, 3, 5, 6]),
        (&["--scope", "shop", "--entity", "o1"], &[1, 2, 3]),
        (&["--lane", "2"], &[3]),
        (&["--kind", "order.*"], &[1, 2, 3]),
        (&["--kind", "order.paid", "--kind", "account.opened"], &[2, 5]),
        (&["--tag", "b"], &[1, 2, 4]),
        (&["--tag", "b", "--tag", "a"], &[1]),
        (&["--versions", "1"], &[1, 3, 4, 5]),
        (&["--stream", "shop/o1", "--versions", "2-"], &[2]),
        (&["--scope", "bank", "--versions", "1-2"], &[5, 6]),
        (&["--query", r#"[{"scope":"bank","versions":[2,null]}]"#], &[6]),
        (&["--correlation", first], &[1, 2, 4]),
        (&["--cause", "2"], &[4]),
        (&["--cause", first], &[2, 4]),
        (&["--cause", "0195fdd6-0000-7000-8000-0000000000aa/0195fdd6-0000-7000-8000-0000000000bb"], &[6]),
        (&["--query", r#"[{"kinds":["order.paid"]},{"scope":"bank"}]"#], &[2, 5, 6]),
        (&["--query", "\"all\"", "--before", "3"], &[1, 2]),
        (&["--after", "2"], &[3, 4, 5, 6]),
        (&["--before", "3"], &[1, 2]),
        (&["--after", "1", "--before", "5", "--limit", "2"], &[2, 3]),
        (&["--after", "1", "--before", "5", "--limit", "2", "--backwards"], &[4, 3]),
        (&["--scope", "shop", "--tag", "b", "--backwards"], &[4, 2, 1]),
        (&["--position", "4"], &[4]),
        (&["--id", first], &[1]),
        (&["--limit", "0"], &[]),
        (&["--since", recorded], &[1, 2, 3, 4, 5, 6]),
        (&["--since", "9999-01-01T00:00:00Z"], &[]),
        (&["--since", "2020-02-29"], &[1, 2, 3, 4, 5, 6]),
        (&["--until", "2020-02-29"], &[]),
        (&["--until", recorded], &[]),
        (&["--until", "9999-01-01T00:00:00Z"], &[1, 2, 3, 4, 5, 6]),
        (&["--since", "2000-01-01T00:00:00Z", "--until", "2000-01-02T00:00:00Z"], &[]),
    ] {
        let read = run(&[&["read", &store, "--json"][..], options].concat()).json();
        assert_eq!(positions(&read), expected, "{options:?}");
        if !options.iter().any(|option| matches!(*option, "--position" | "--id")) {
            let count = run(&[&["read", &store, "--count"][..], options].concat()).ok();
            assert_eq!(count, format!("{}\n", expected.len()), "{options:?}");
        }
        let lines = run(&[&["read", &store][..], options].concat()).ok();
        assert_eq!(lines.lines().count(), expected.len(), "{options:?}");
    }
    assert_eq!(run(&["read", &store, "--count", "--json"]).ok(), "{\"count\":6}\n");
}

#[test]
fn an_event_that_is_not_there_is_missed() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    for call in [["--position", "7"], ["--position", "0"], ["--id", "0195fdd6-0000-7000-8000-000000000001"]] {
        let error = run(&[&["read", &store][..], &call].concat()).refused(1);
        assert!(error.contains("missing") && error.contains("the log ends at position 6"), "{error}");
    }
}

#[test]
fn people_read_aligned_lines() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let lines = run(&["read", &store]).ok();
    let columns: Vec<_> = lines.lines().map(|line| line.find("  order").or(line.find("  stock"))).collect();
    assert!(columns[..4].iter().all(|column| column.is_some() && *column == columns[0]), "{lines}");
    assert!(lines.lines().nth(1).unwrap().ends_with("shop/o1 v2    order.paid      #b"), "{lines}");
}

#[test]
fn nothing_a_terminal_would_obey_is_shown() {
    let place = TempFolder::new();
    let line = r#"{"scope":"s","entity":"e","kind":"k","type":"json","base64":"Ilx1MDAxYhtbMm0i"}"#;
    let store = place.store("store", &[line]);
    let shown = run(&["read", &store]).ok();
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}
