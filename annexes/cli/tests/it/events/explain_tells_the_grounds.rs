//! What `explain` says about an event.

use tidegate::{AppendOptions, Batch, Draft, Query, QueryItem, Store};

use crate::program::{TempFolder, run};

fn decided(place: &TempFolder) -> String {
    let path = place.path("store");
    let store = Store::open(&path).unwrap();
    let seat = |student: &'static str| Draft::new(("school", student), "seat.taken").tag("course:c1");
    for student in ["ada", "bob"] {
        store.append(seat(student)).unwrap();
    }
    let keep = AppendOptions::new().keep_footprint(true);
    let decided = store.decide_with(keep, |view| -> tidegate::Result<tidegate::decide::Decision> {
        let read: Query = QueryItem::new().tag("course:c1").into();
        assert_eq!(view.count(&read)?, 2);
        let sent = Draft::new(("school", "cyd"), "invoice.sent").cause(tidegate::Cause::Draft(0));
        Ok(Batch::from(seat("cyd").cause(tidegate::Position(2))).and(sent).into())
    });
    assert!(decided.unwrap().receipt().is_some());
    store.append(seat("dee")).unwrap();
    store.close().unwrap();
    path
}

#[test]
fn what_was_read_and_what_it_answered() {
    let place = TempFolder::new();
    let store = decided(&place);
    for position in ["3", "4"] {
        let told = run(&["explain", &store, position, "--json"]).json().remove(0);
        assert_eq!(told["event"]["position"].to_string(), position);
        assert_eq!((&told["batch"], &told["judged_at"]), (&serde_json::json!([3, 4]), &2.into()));
        let read = serde_json::json!([{"query": [{"tags": ["course:c1"]}], "count": 2, "last": [1, 2]}]);
        assert_eq!((&told["read"], &told["gates"]), (&read, &serde_json::json!([])));
    }
    let limited = run(&["explain", &store, "3", "--limit", "1", "--json"]).json().remove(0);
    assert_eq!(
        (&limited["read"][0]["last"], &limited["causes"]),
        (&serde_json::json!([2]), &serde_json::json!([2]))
    );
    let lines = run(&["explain", &store, "3"]).ok();
    for said in [
        "appended  as one with 3 to 4",
        "gates     none passed",
        "judged at 2",
        "read      [{\"tags\":[\"course:c1\"]}]: 2 events",
        "school/ada v1",
        "causes",
    ] {
        assert!(lines.contains(said), "{said:?} is missing in\n{lines}");
    }
    assert!(!lines.contains("dee"), "that came later\n{lines}");
}

#[test]
fn an_event_without_grounds_says_so() {
    let place = TempFolder::new();
    let store = decided(&place);
    let lines = run(&["explain", &store, "5"]).ok();
    assert!(lines.contains("read      no footprint was kept") && lines.contains("causes    none"), "{lines}");
    let told = run(&["explain", &store, "5", "--json"]).json().remove(0);
    assert!(told.get("read").is_none() && told.get("judged_at").is_none(), "{told}");
    assert!(run(&["explain", &store, "9"]).refused(1).contains("no event at position 9"));
}
