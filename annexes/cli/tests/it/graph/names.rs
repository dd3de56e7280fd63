//! Answers as one name an event.

use crate::program::{TempFolder, run};

const LINES: [&str; 4] = [
    r#"{"scope":"shop","entity":"o1","kind":"order.placed","import_key":"placed"}"#,
    r#"{"scope":"shop","entity":"p1","kind":"payment.taken","causes":["placed"],"import_key":"paid"}"#,
    r#"{"scope":"shop","entity":"s1","kind":"stock.taken","causes":["placed"]}"#,
    r#"{"scope":"shop","entity":"o1","kind":"order.shipped","causes":["paid"],"import_key":"shipped"}"#,
];

#[test]
fn positions_ids_and_keys_stand_alone() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let ask = |question: &[&str]| run(&[&["graph", question[0], &store], &question[1..]].concat()).ok();
    assert_eq!(ask(&["ancestors", "shipped", "--positions"]), "2\n1\n");
    assert_eq!(ask(&["ancestors", "shipped", "--keys"]), "paid\nplaced\n");
    assert_eq!(ask(&["descendants", "placed", "--positions", "--limit", "2"]), "2\n3\n");
    assert_eq!(ask(&["path", "placed", "shipped", "--positions"]), "1\n2\n4\n");
    assert_eq!(ask(&["roots", "--positions"]), "1\n");
    assert_eq!(ask(&["leaves", "--positions", "--kind", "order.*"]), "4\n1\n");
    let ids = ask(&["effects", "placed", "--ids"]);
    let third = run(&["read", &store, "--position", "3", "--json"]).json().remove(0);
    assert_eq!(ids.lines().last().unwrap(), third["id"].as_str().unwrap());
    // What came without a key goes by its id.
    assert_eq!(ask(&["effects", "placed", "--keys"]).lines().last(), ids.lines().last());
    assert_eq!(
        ask(&["ancestors", "shipped", "--positions", "--json"]),
        "{\"position\":2}\n{\"position\":1}\n"
    );
    assert_eq!(ask(&["causes", "paid", "--keys", "--json"]), "{\"import_key\":\"placed\"}\n");
}

/// All lists begin with the position, and their columns are aligned.
#[test]
fn fans_begin_with_positions() {
    let place = TempFolder::new();
    let line = |at: u32| match at {
        0 => r#"{"scope":"s","entity":"e","kind":"a.made","import_key":"0"}"#.to_owned(),
        at => {
            let cause = if at < 11 { 0 } else { 10 };
            let kind = if at == 10 { "longer.made" } else { "b.made" };
            format!(
                r#"{{"scope":"s","entity":"e","kind":"{kind}","import_key":"{at}","causes":["{cause}"]}}"#
            )
        }
    };
    let lines: Vec<String> = (0..13).map(line).collect();
    let store = place.store("store", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let told = run(&["graph", "fans", &store, "--limit", "2"]).ok();
    assert_eq!(told, " 1  10 effects  a.made       s/e\n11   2 effects  longer.made  s/e\n");
}
