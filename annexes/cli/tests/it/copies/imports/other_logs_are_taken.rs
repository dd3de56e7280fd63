//! Logs of other programs, which say less than an export, are taken if the caller says so.

use std::path::Path;

use serde_json::Value;

use crate::program::{TempFolder, field, run, run_with};

fn line(key: &str, entity: &str, rest: &str) -> String {
    format!(r#"{{"import_key":"{key}","scope":"s","entity":"{entity}","kind":"k"{rest}}}"#)
}

fn keys(store: &str) -> Vec<String> {
    let events = run(&["read", store, "--json"]).json();
    field(&events, "import_key").iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_time_may_lack_its_zone_or_be_a_date() {
    let place = TempFolder::new();
    let store = place.path("store");
    let lines = [
        line("1", "e", r#","time":"2024-05-01""#),
        line("2", "e", r#","time":"2024-05-01 12:30:05.5""#),
        line("3", "e", r#","time":"2024-05-01T12:30:05+02:00""#),
    ];
    let error = run_with(&lines.join("\n"), &["import", &store, "-"]).refused(1);
    assert!(error.contains("invalid time \"2024-05-01\": use RFC 3339"), "{error}");
    run_with(&lines.join("\n"), &["import", &store, "-", "--accept", "times"]).ok();
    let events = run(&["read", &store, "--json"]).json();
    let times = ["2024-05-01T00:00:00Z", "2024-05-01T12:30:05.5Z", "2024-05-01T12:30:05+02:00"];
    assert_eq!(field(&events, "time"), times);
    let error =
        run_with(&line("4", "e", r#","time":"today""#), &["import", &store, "-", "--accept", "times"]);
    assert!(error.refused(1).contains("invalid time \"today\""));
}

#[test]
fn a_line_waits_for_causes_that_come_later_and_its_stream_with_it() {
    let place = TempFolder::new();
    let store = place.path("store");
    let lines = [
        line("1", "a", ""),
        line("2", "a", r#","causes":["5"]"#),
        line("3", "a", ""),
        line("4", "b", r#","causes":["2","1"]"#),
        line("5", "c", r#","causes":["6"]"#),
        line("6", "d", ""),
        line("7", "a", ""),
    ];
    let file = place.file("log.jsonl", lines.join("\n"));
    let error = run(&["import", &place.path("strict"), &file]).refused(1);
    assert!(error.contains("log.jsonl:2: refused: unknown cause \"5\""), "{error}");
    run(&["import", &store, &file, "--accept", "later-causes"]).ok();
    let order = keys(&store);
    let at = |key: &str| order.iter().position(|other| other == key).unwrap();
    assert_eq!(order.len(), 7);
    for (cause, effect) in [("5", "2"), ("2", "4"), ("1", "4"), ("6", "5")] {
        assert!(at(cause) < at(effect), "{order:?}");
    }
    let stream: Vec<_> = order.iter().filter(|key| ["1", "2", "3", "7"].contains(&&***key)).collect();
    assert_eq!(stream, ["1", "2", "3", "7"], "a stream keeps its order");
    let effects = run(&["read", &store, "--entity", "b", "--json"]).json();
    assert_eq!(effects[0]["causes"].as_array().unwrap().len(), 2);

    let again = &run(&["import", &store, &file, "--accept", "later-causes", "--json"]).json()[0];
    assert_eq!((again["imported"].as_u64(), again["skipped"].as_u64()), (Some(0), Some(7)), "{again}");
    let error = run_with(&lines.join("\n"), &["import", &store, "-", "--accept", "later-causes"]).refused(1);
    assert!(error.contains("standard input cannot be"), "{error}");
    let nameless = place.file("nameless.jsonl", r#"{"scope":"s","entity":"e","kind":"k"}"#);
    let error = run(&["import", &store, &nameless, "--accept", "later-causes"]).refused(1);
    assert!(error.contains("each line needs an import key or an id"), "{error}");
}

/// However far an import came, another one ends as if there had been one.
#[test]
fn an_import_with_waiting_lines_can_be_cut_off_anywhere() {
    let place = TempFolder::new();
    // Each line waits for one that comes some lines later, in one of five streams.
    let log: Vec<String> = (0..60_u32)
        .map(|number| {
            let later = number + 1 + number * 7 % 5;
            let cause = if number % 3 == 0 && later < 60 {
                format!(r#","causes":["{later}"]"#)
            } else {
                String::new()
            };
            line(&number.to_string(), &format!("e{number}"), &cause)
        })
        .collect();
    let whole = place.file("whole.jsonl", log.join("\n"));
    let straight = place.path("straight");
    run(&["import", &straight, &whole, "--accept", "later-causes"]).ok();
    let mut expected = keys(&straight);
    expected.sort();
    for cut in (0..60).step_by(7) {
        let store = place.path(&format!("cut-{cut}"));
        let mut broken = log.clone();
        broken[cut] = "{".to_owned();
        let file = place.file("broken.jsonl", broken.join("\n"));
        run(&["import", &store, &file, "--accept", "later-causes"]).refused(1);
        run(&["import", &store, &whole, "--accept", "later-causes"]).ok();
        let mut found = keys(&store);
        found.sort();
        assert_eq!(found, expected, "{cut}");
        run(&["verify", &store]).ok();
    }
}

#[test]
fn a_circle_of_causes_is_refused_or_noted() {
    let place = TempFolder::new();
    let (store, noted) = (place.path("store"), place.path("noted"));
    let lines =
        [line("1", "a", r#","causes":["2"]"#), line("2", "b", r#","causes":["1"]"#), line("3", "c", "")];
    let file = place.file("log.jsonl", lines.join("\n"));
    let error = run(&["import", &store, &file, "--accept", "later-causes"]).refused(1);
    assert!(error.contains("log.jsonl:1: ") && error.contains("waits for it, among 2 lines"), "{error}");
    assert_eq!(keys(&store), ["3"]);
    run(&["import", &noted, &file, "--accept", "later-causes,outside-causes"]).ok();
    assert_eq!(keys(&noted), ["3", "1", "2"]);
    let events = run(&["read", &noted, "--json"]).json();
    assert_eq!(events[1]["meta"]["import.causes"], r#"["2"]"#);
    assert_eq!(events[2]["causes"], serde_json::json!(["1"]));
}

#[test]
fn causes_from_outside_are_kept_as_metadata() {
    let place = TempFolder::new();
    let store = place.path("store");
    let text = [
        line("1", "a", r#","causes":["elsewhere:9","x"],"correlation":"far away""#),
        line("2", "a", r#","causes":["1","y"]"#),
    ]
    .join("\n");
    let import = ["import", &store, "-", "--accept", "outside-causes"];
    run_with(&text, &import).ok();
    let events = run(&["read", &store, "--json"]).json();
    assert_eq!(events[0]["meta"]["import.causes"], r#"["elsewhere:9","x"]"#);
    assert_eq!(events[0]["meta"]["import.correlation"], "far away");
    assert_eq!(events[1]["causes"], serde_json::json!(["1"]));
    assert_eq!(events[1]["meta"]["import.causes"], r#"["y"]"#);
    // What was outside comes, and the first import is run again.
    run_with(&line("x", "b", ""), &["import", &store, "-"]).ok();
    run_with(&text, &import).ok();
    assert_eq!(keys(&store), ["1", "2", "x"]);
    // An export of it is whole, and strict.
    let (export, copy) = (run(&["export", &store]).ok(), place.path("copy"));
    run_with(&export, &["import", &copy, "-"]).ok();
    assert_eq!(run(&["read", &copy, "--json"]).ok(), run(&["read", &store, "--json"]).ok());
    let error = run_with(&export, &["import", &place.path("other"), "-", "--accept", "times"]).refused(1);
    assert!(error.contains("this is an export"), "{error}");
}

#[test]
fn a_cause_may_be_a_key_of_another_scope() {
    let place = TempFolder::new();
    let store = place.path("store");
    let of = |scope: &str, key: &str, rest: &str| {
        format!(r#"{{"import_key":"{key}","scope":"{scope}","entity":"e","kind":"k"{rest}}}"#)
    };
    let lines = [
        of("orders", "1", ""),
        of("bills", "7", r#","causes":["1"],"correlation":"1""#),
        of("bills", "1", ""),
        of("bills", "8", r#","causes":["1"]"#),
    ];
    let error = run_with(&lines.join("\n"), &["import", &place.path("strict"), "-"]).refused(1);
    assert!(error.contains(":2: refused: unknown cause \"1\""), "{error}");
    run_with(&lines.join("\n"), &["import", &store, "-", "--accept", "other-scopes"]).ok();
    let events = run(&["read", &store, "--json"]).json();
    assert_eq!(events[1]["causes"], serde_json::json!([events[0]["id"]]));
    assert_eq!(events[1]["correlation"], events[0]["id"]);
    assert_eq!(events[3]["causes"], serde_json::json!(["1"]), "its own scope goes first");
    let text = [lines.join("\n"), of("mail", "9", r#","causes":["1"]"#)].join("\n");
    let error = run_with(&text, &["import", &store, "-", "--accept", "other-scopes"]).refused(1);
    assert!(error.contains(r#"is in the scopes "orders" and "bills": name the event by its id"#), "{error}");
}

const CLOUD_EVENTS: &str = r#"
{"specversion":"1.0","id":"A1","source":"/shop","type":"com.example.order.placed","subject":"order-7","time":"2024-05-01T12:00:00Z","data":{"total":12}}
{"specversion":"1.0","id":"A2","source":"/shop","type":"com.example.note","datacontenttype":"text/plain","data":"hello","causationid":"A1","correlationid":"A1","traceparent":"00-1-2-01","sampled":true}
{"specversion":"1.0","id":"A3","source":"//tidegate/0195fdd6-0000-7000-8000-000000000001/shop","type":"k","subject":"x","datacontenttype":"application/octet-stream","data_base64":"AP8=","dataschema":"https://example.com/s"}
"#;

#[test]
fn cloud_events_are_events() {
    let place = TempFolder::new();
    let store = place.path("store");
    run_with(CLOUD_EVENTS, &["import", &store, "-", "--shape", "cloudevents"]).ok();
    let events = run(&["read", &store, "--json"]).json();
    assert_eq!(field(&events, "scope"), ["/shop", "/shop", "shop"]);
    assert_eq!(field(&events, "entity"), ["order-7", "/shop", "x"]);
    assert_eq!(field(&events, "kind"), ["com.example.order.placed", "com.example.note", "k"]);
    assert_eq!(
        (&events[0]["data"], &events[0]["time"]),
        (&serde_json::json!({"total":12}), &"2024-05-01T12:00:00Z".into())
    );
    assert_eq!(events[1]["base64"], "aGVsbG8=");
    assert_eq!(events[1]["causes"], serde_json::json!(["A1"]));
    assert_eq!(events[1]["correlation"], events[0]["id"]);
    let meta = serde_json::json!({"content-type":"text/plain","sampled":"true","traceparent":"00-1-2-01"});
    assert_eq!(events[1]["meta"], meta);
    assert_eq!(
        (&events[2]["base64"], &events[2]["meta"]["dataschema"]),
        (&"AP8=".into(), &"https://example.com/s".into())
    );
    run_with(CLOUD_EVENTS, &["import", &store, "-", "--shape", "cloudevents"]).ok();
    assert_eq!(keys(&store), ["A1", "A2", "A3"]);
    for (bad, why) in [
        (r#"{"id":"1","source":"s","type":"t"}"#, "has no `specversion`"),
        (r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#, "is of version \"0.3\""),
        (r#"{"specversion":"1.0","source":"s","type":"t"}"#, "has no `id`"),
        (r#"{"specversion":"1.0","id":1,"source":"s","type":"t"}"#, "`id` of the CloudEvent is not a text"),
        (r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":""}"#, "has both"),
    ] {
        let error = run_with(bad, &["import", &store, "-", "--shape", "cloudevents"]).refused(1);
        assert!(error.contains(why), "{bad}: {error}");
    }
}

#[test]
fn a_plan_says_what_an_import_does_and_writes_nothing() {
    let place = TempFolder::new();
    let store = place.path("store");
    let lines = [line("1", "a", r#","causes":["2"]"#), line("2", "b", ""), line("2", "b", "")];
    let file = place.file("log.jsonl", lines.join("\n"));
    let plan = ["import", &store, &file, "--accept", "later-causes", "--plan"];
    let planned = &run(&[&plan[..], &["--json"]].concat()).json()[0];
    assert!(!Path::new(&store).exists());
    let done = &run(&[&plan[..5], &["--json"]].concat()).json()[0];
    assert_eq!((planned, &done["imported"], &done["skipped"]), (done, &Value::from(2), &Value::from(1)));
    assert!(run(&plan).ok().starts_with("would import 0 events from "));
    let strict = run(&["import", &place.path("new"), &file, "--plan"]).refused(1);
    assert!(strict.contains("log.jsonl:1: refused: unknown cause"), "{strict}");
    // The plan of an export says whether its times can stay.
    let export = place.file("export.jsonl", run(&["export", &store]).ok());
    assert!(!run(&["import", &place.path("new"), &export, "--plan"]).ok().contains("recorded now"));
    let other = place.store("other", &[&line("0", "z", "")]);
    assert!(run(&["import", &other, &export, "--plan"]).ok().contains("recorded now"));
}
