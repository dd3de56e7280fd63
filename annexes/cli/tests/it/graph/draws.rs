//! What `graph draw` writes, and where to.

use crate::program::{TempFolder, run};

/// An order: 2 and 3 follow from 1, 4 from both; then a run of five events, and one that stands alone.
const LINES: [&str; 10] = [
    r#"{"scope":"shop","entity":"o1","kind":"order.placed","key":"placed"}"#,
    r#"{"scope":"shop","entity":"p1","kind":"payment.taken","causes":["placed"],"key":"paid"}"#,
    r#"{"scope":"shop","entity":"s1","kind":"stock.taken","causes":["placed"],"key":"taken"}"#,
    r#"{"scope":"shop","entity":"o1","kind":"order.shipped","causes":["paid","taken"],"key":"a"}"#,
    r#"{"scope":"shop","entity":"p\"1","kind":"parcel.moved","causes":["a"],"key":"b"}"#,
    r#"{"scope":"shop","entity":"p\"1","kind":"parcel.moved","causes":["b"],"key":"c"}"#,
    r#"{"scope":"shop","entity":"p\"1","kind":"parcel.moved","causes":["c"],"key":"d"}"#,
    r#"{"scope":"shop","entity":"p\"1","kind":"parcel.moved","causes":["d"],"key":"e"}"#,
    r#"{"scope":"shop","entity":"o1","kind":"order.arrived","causes":["e"],"key":"f"}"#,
    r#"{"scope":"bank","entity":"a1","kind":"account.opened"}"#,
];

#[test]
fn around_events_and_by_query() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let draw = |more: &[&str]| run(&[&["graph", "draw", store.as_str()], more].concat()).ok();
    let near = draw(&["a", "--up", "1", "--down", "0", "--format", "mermaid"]);
    assert!(near.starts_with("flowchart TD\n  %% What led to 4, up to 1 cause back\n"), "{near}");
    assert!(near.contains("as of position 10 (20") && near.contains("· 3 events"), "{near}");
    assert!(near.contains("n2 --> n4\n  n3 --> n4\n") && near.contains("style n4 stroke-width"), "{near}");
    let bank = draw(&["--scope", "bank", "--format", "dot"]);
    assert!(
        bank.starts_with("digraph tidegate {") && bank.contains("n10 [") && !bank.contains("n9"),
        "{bank}"
    );
    let orders = draw(&["placed", "--down", "9", "--kind", "order.*", "--format", "mermaid"]);
    assert!(orders.contains("· 3 events"), "{orders}");
    let then = draw(&["placed", "--at", "3", "--format", "mermaid"]);
    assert!(
        then.contains("as of position 3 (") && then.contains("· 3 events") && then.contains("n1 --> n3"),
        "{then}"
    );
    let svg = draw(&["4", "--axis", "time", "--colour", "stream"]);
    assert!(svg.starts_with("<svg ") && svg.contains("shop/o1 (2)") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg, draw(&["4", "--axis", "time", "--colour", "stream"]));
}

#[test]
fn files_and_json_say_what_was_drawn() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let file = place.path("picture.svg");
    let told = run(&["graph", "draw", &store, "placed", "--output", &file]).ok();
    assert_eq!(told, format!("{file}: 6 events\n"));
    let svg = std::fs::read_to_string(&file).unwrap();
    assert_eq!(svg, run(&["graph", "draw", &store, "placed"]).ok());
    let json = run(&["graph", "draw", &store, "placed", "--json"]).json().remove(0);
    assert_eq!((&json["events"], &json["folded"], &json["left_out"]), (&6.into(), &0.into(), &0.into()));
    assert_eq!(json["picture"], svg);
    let nowhere = place.path("no/such/folder/picture.svg");
    let refused = run(&["graph", "draw", &store, "placed", "--output", &nowhere]).refused(74);
    assert!(refused.contains("cannot write"), "{refused}");
    let unknown = run(&["graph", "draw", &store, "nobody"]).refused(1);
    assert!(unknown.contains("nobody"), "{unknown}");
}

#[test]
fn labels_and_titles_are_what_was_asked_for() {
    let place = TempFolder::new();
    let lines = [
        r#"{"scope":"shop","entity":"o1","kind":"order.placed","import_key":"a","tags":["area:north"],"data":{"total":12}}"#,
        r#"{"scope":"shop","entity":"o1","kind":"order.sent","import_key":"b","causes":["a"]}"#,
    ];
    let store = place.store("store", &lines);
    let svg = run(&["graph", "draw", &store, "b", "--label", "{key}: {/total} {tag:area}"]).ok();
    assert!(svg.contains(">a: 12 north<") && svg.contains(">b:<"), "{svg}");
    assert!(svg.contains(">Around 2, up to 4 causes back and 4 effects on<"), "{svg}");
    assert!(svg.contains(&format!("store {store}, as of position 2")), "{svg}");
    let titled = run(&["graph", "draw", &store, "b", "--title", "Why <it> was sent"]).ok();
    assert!(titled.contains(">Why &lt;it&gt; was sent<"), "{titled}");
    let siblings: Vec<String> = (0..9)
        .map(|at| format!(r#"{{"scope":"shop","entity":"e{at}","kind":"spoke.made","causes":["a"]}}"#))
        .collect();
    let file = place.file("more.jsonl", siblings.join("\n"));
    run(&["import", &store, &file]).ok();
    let folded = run(&["graph", "draw", &store, "a", "--json"]).json().remove(0);
    assert_eq!((&folded["events"], &folded["folded"]), (&11.into(), &9.into()));
    let whole = run(&["graph", "draw", &store, "a", "--no-fold", "--json"]).json().remove(0);
    assert_eq!(whole["folded"], 0);
}

#[test]
fn runs_are_folded_in_large_pictures_only_where_that_is_wanted() {
    let place = TempFolder::new();
    let line = |at: u32| {
        let causes = if at == 0 { String::new() } else { format!(r#","causes":["k{}"]"#, at - 1) };
        format!(r#"{{"scope":"s","entity":"e","kind":"step.made","key":"k{at}"{causes}}}"#)
    };
    let lines: Vec<String> = (0..120).map(line).collect();
    let store = place.store("store", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let folded = run(&["graph", "draw", &store, "--json"]).json().remove(0);
    assert_eq!((&folded["events"], &folded["folded"]), (&120.into(), &118.into()));
    let whole = run(&["graph", "draw", &store, "--no-fold", "--json"]).json().remove(0);
    assert_eq!((&whole["folded"], &whole["left_out"]), (&0.into(), &0.into()));
}
