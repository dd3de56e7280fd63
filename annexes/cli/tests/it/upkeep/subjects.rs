//! `keyring`, `append --encrypt-for`, `read --keyring` and `erase --subject`: encrypted, read with the key, erased by destroying it.

use crate::program::{TempFolder, run};

#[test]
fn a_subject_is_encrypted_shown_and_erased() {
    let place = TempFolder::new();
    let (store, ring, copy) = (place.path("store"), place.path("keys/shop.keyring"), place.path("copy"));
    let append = |subject: &str| {
        let line = ["append", &store, "--scope", "shop", "--entity", subject, "--kind", "address.changed"];
        let rest = ["--data", r#"{"city":"Bonn"}"#, "--encrypt-for", subject, "--keyring", &ring];
        run(&[&line[..], &rest].concat())
    };
    assert!(append("customer-7").refused(1).contains("no such keyring"));
    run(&["keyring", &ring]).ok();
    run(&["keyring", &ring]).refused(1);
    append("customer-7").ok();
    append("customer-8").ok();

    let shown = run(&["read", &store, "--keyring", &ring]).ok();
    assert_eq!(shown.matches("Bonn").count(), 2, "{shown}");
    let hidden = run(&["read", &store]).ok();
    assert!(hidden.matches("encrypted").count() == 2 && !hidden.contains("Bonn"), "{hidden}");
    let line = &run(&["read", &store, "--json"]).json()[0];
    assert_eq!(line["type"], "encrypted");
    let line = &run(&["read", &store, "--json", "--keyring", &ring]).json()[0];
    assert_eq!((line.get("type"), &line["data"]["city"]), (None, &"Bonn".into()));

    // A copy takes the ciphertext along, and opens with the same keyring.
    let export = place.path("export.jsonl");
    run(&["export", &store, "--output", &export]).ok();
    assert!(!std::fs::read_to_string(&export).unwrap().contains("Bonn"));
    run(&["import", &copy, &export]).ok();
    let copied = run(&["read", &copy, "--keyring", &ring]).ok();
    assert_eq!(copied.matches("Bonn").count(), 2, "{copied}");

    let subject = ["--subject", "customer-7", "--keyring", &ring];
    run(&["erase", &store, "--subject", "customer-7"]).refused(64);
    let dry = run(&[&["erase", &store], &subject[..]].concat()).ok();
    assert!(dry.contains("would erase 1 payload") && dry.contains("nothing was erased"), "{dry}");
    let words = ["--reason", "request 17", "--by", "desk 2", "--yes"];
    run(&[&["erase", &store, "--kind", "x"], &subject[..], &words].concat()).refused(1);
    let done = run(&[&["erase", &store], &subject[..], &words].concat()).ok();
    assert!(done.contains("keys destroyed: 1") && done.contains("nothing opens any more"), "{done}");
    for (folder, erased) in [(&store, 1), (&copy, 1)] {
        let shown = run(&["read", folder, "--keyring", &ring, "--kind", "address.changed"]).ok();
        assert!(shown.matches("Bonn").count() == 1 && shown.matches("erased").count() == erased, "{shown}");
    }
    run(&["doctor", &store]).ok();
    let again = &run(&[&["erase", &store, "--json"], &subject[..], &words].concat()).json()[0];
    assert_eq!((&again["events"], &again["keys"]), (&0.into(), &0.into()));
}
