//! Conditions and keys on the command line: what must hold for an append, and what is said when it does not.

use serde_json::json;

use crate::program::{TempFolder, run};

/// Appends a claim of a name by a user.
fn claim<'a>(store: &'a str, user: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let claim = ["append", store, "--scope", "users", "--entity", user, "--kind", "name.claimed"];
    [&claim[..], &["--tag", "name:ada"], more].concat()
}

#[test]
fn a_version_is_expected() {
    let place = TempFolder::new();
    let store = place.path("store");
    run(&claim(&store, "u1", &["--expect-version", "0"])).ok();
    let said = run(&claim(&store, "u1", &["--expect-version", "0"])).refused(1);
    assert!(said.contains("version 0, it has 1") && said.contains("conflict with position 1"), "{said}");
    run(&claim(&store, "u1", &["--expect-version", "1"])).ok();
    assert_eq!(run(&["read", &store, "--count"]).ok(), "2\n");
}

#[test]
fn a_query_must_not_match() {
    let place = TempFolder::new();
    let store = place.path("store");
    run(&claim(&store, "u1", &["--fail-if-tag", "name:ada"])).ok();
    let said = run(&claim(&store, "u2", &["--fail-if-tag", "name:ada"])).refused(1);
    assert!(said.contains("boundary conflict with position 1"), "{said}");
    let both = ["--fail-if-tag", "name:ada", "--fail-if-kind", "name.*"];
    run(&claim(&store, "u2", &both)).refused(1);
    run(&claim(&store, "u2", &["--fail-if-kind", "name.released", "--fail-if-tag", "name:ada"])).ok();
    run(&claim(&store, "u3", &[&both[..], &["--after", "1"]].concat())).refused(1);
    run(&claim(&store, "u3", &[&both[..], &["--after", "2"]].concat())).ok();
    assert_eq!(run(&["read", &store, "--count"]).ok(), "3\n");
}

#[test]
fn a_key_is_used_once() {
    let place = TempFolder::new();
    let store = place.path("store");
    let keyed = ["--idempotency-key", "claim-1", "--expect-version", "0", "--json"];
    let first = run(&claim(&store, "u1", &keyed)).json();
    assert_eq!(run(&claim(&store, "u1", &keyed)).json(), first, "the same again is the same");
    let said = run(&claim(&store, "u2", &keyed)).refused(1);
    assert!(said.contains("key was used before"), "{said}");
    assert_eq!(run(&["read", &store, "--count"]).ok(), "1\n");
}

#[test]
fn statistics_and_new_indexes_take_a_store_as_it_is() {
    let place = TempFolder::new();
    let store = place.path("store");
    for user in ["u1", "u2", "u2", "v1"] {
        run(&claim(&store, user, &["--tag", user])).ok();
    }
    let stats = run(&["stats", &store, "--entity-prefix", "u", "--limit", "1", "--json"]).json();
    assert_eq!((&stats[0]["events"], &stats[0]["streams"]), (&json!(3), &json!(2)));
    assert_eq!(
        (&stats[0]["top_tags"], &stats[0]["top_streams"]),
        (&json!({"name:ada": 3}), &json!({"users/u2": 2}))
    );
    assert_eq!(run(&["stats", &store, "--tag", "u2", "--after", "2", "--count"]).ok(), "1\n");
    assert_eq!(run(&["reindex", &store, "--json"]).json()[0], json!({"segments": 0}));
    assert_eq!(run(&["read", &store, "--tag", "v1", "--count"]).ok(), "1\n");
}
