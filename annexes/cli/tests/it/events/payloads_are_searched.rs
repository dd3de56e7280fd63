//! What `--where` and `--grep` find in payloads.

use tidegate::{Draft, Store};

use crate::program::{TempFolder, positions, run};

const LINES: [&str; 5] = [
    r#"{"scope":"shop","entity":"o1","kind":"order.placed","data":{"total":12,"to":{"name":"Ada"}}}"#,
    r#"{"scope":"shop","entity":"o2","kind":"order.placed","data":{"total":9.5,"note":"for Ada"}}"#,
    r#"{"scope":"shop","entity":"o3","kind":"order.placed","data":{"total":120,"note":null}}"#,
    r#"{"scope":"shop","entity":"o3","kind":"order.sent","data":"Ada"}"#,
    r#"{"scope":"shop","entity":"o3","kind":"order.sent"}"#,
];

#[test]
fn payloads_are_compared_and_searched() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    for (options, expected) in [
        (&["--where", "/total>10"][..], &[1, 3][..]),
        (&["--where", "/total<10"], &[2]),
        (&["--where", "/to/name=Ada"], &[1]),
        (&["--where", "/note"], &[2, 3]),
        (&["--where", "/note", "--where", "/total>=100"], &[3]),
        (&["--grep", "Ada"], &[1, 2, 4]),
        (&["--grep", "Ada", "--grep", "for"], &[2]),
        (&["--grep", "Ada", "--kind", "order.sent"], &[4]),
        (&["--grep", "Ada", "--limit", "2"], &[1, 2]),
        (&["--grep", "Ada", "--limit", "2", "--backwards"], &[4, 2]),
        (&["--grep", "Ada", "--after", "1", "--limit", "1"], &[2]),
        (&["--grep", "nobody"], &[]),
    ] {
        let found = run(&[&["read", &store, "--json"][..], options].concat()).json();
        assert_eq!(positions(&found), expected, "{options:?}");
        let count = run(&[&["read", &store, "--count"][..], options].concat()).ok();
        assert_eq!(count, format!("{}\n", expected.len()), "{options:?}");
    }
    let newest = run(&["tail", &store, "--grep", "Ada", "--limit", "2", "--json"]).json();
    assert_eq!(positions(&newest), [2, 4]);
}

#[test]
fn message_pack_is_searched_as_it_is_shown() {
    let place = TempFolder::new();
    let path = place.path("store");
    let store = Store::open(&path).unwrap();
    store
        .append(Draft::new(("s", "e"), "k.made").message_pack(&b"\x82\xa5total\x0d\xa1n\xa3Ada"[..]))
        .unwrap();
    store.close().unwrap();
    for option in [["--where", "/total=13"], ["--where", "/n>Abe"], ["--grep", "\"n\":\"Ada\""]] {
        assert_eq!(run(&[&["read", &path, "--count"][..], &option].concat()).ok(), "1\n", "{option:?}");
    }
}
