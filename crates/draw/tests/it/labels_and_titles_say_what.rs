//! Labels come from payloads, tags and keys; titles say of what a picture is and as of where; times are those that passed.

use tidegate::graph::{Graph, Selection};
use tidegate::{Cause, Draft, Position, Query};
use tidegate_draw::{Axis, EventClock, Picture, Style};

use crate::story::store;

/// An order that is paid an hour later and sent two days later; its source saw it all in 2020, a year between each.
fn graph() -> Graph {
    let (store, clock) = store();
    let said = |year: u32| format!("{year}-01-01T00:00:00Z");
    let placed = Draft::new(("shop", "order-7"), "order.placed").json_text(r#"{"customer":"Ada <3"}"#);
    store.append(placed.meta("import.key", "k1").meta("import.time", said(2020))).unwrap();
    clock.advance(3_600_000_000);
    let paid = Draft::new(("shop", "pay-7"), "payment.taken").tag("area:north").cause(Cause::At(Position(1)));
    store.append(paid.meta("import.time", said(2021))).unwrap();
    clock.advance(2 * 86_400_000_000);
    let sent = Draft::new(("shop", "order-7"), "order.sent").cause(Cause::At(Position(2)));
    store.append(sent.meta("import.time", said(2022))).unwrap();
    store.view().unwrap().graph()
}

fn drawn(graph: &Graph, style: &Style) -> Picture {
    Picture::of(graph, &Selection::from(Query::ALL), style).unwrap()
}

#[test]
fn a_template_adds_a_line_to_nodes_that_fill_it() {
    let label = Some("{/customer}{tag:area}".parse().unwrap());
    let picture = drawn(&graph(), &Style { label, ..Style::default() });
    let nodes = &picture.layout().nodes;
    let lines: Vec<Vec<&str>> =
        nodes.iter().map(|node| node.texts.iter().map(|text| &*text.text).collect()).collect();
    assert_eq!(lines[0], ["order.placed", "1", "order-7", "+0 ms", "Ada <3"]);
    assert_eq!(lines[1], ["payment.taken", "2", "pay-7", "+1 h", "north"]);
    assert_eq!(lines[2], ["order.sent", "3", "order-7", "+2 d 1 h"]);
    assert!(nodes[0].height > nodes[2].height);
    assert!(nodes[0].details.contains(&"Ada <3".to_owned()));
    assert!(picture.svg().contains(">Ada &lt;3<") && picture.mermaid().contains("Ada #60;3"));
    assert!(picture.dot().contains("Ada <3"));
}

#[test]
fn labels_are_cut_to_the_box() {
    let label = Some(format!("{} {{key}}", "W".repeat(300)).parse().unwrap());
    let picture = drawn(&graph(), &Style { label, ..Style::default() });
    let node = &picture.layout().nodes[0];
    assert!(node.width <= 250.0 && node.texts[4].text.chars().count() < 40, "{node:?}");
}

#[test]
fn titles_say_of_what_and_as_of_where() {
    let graph = graph();
    let history = Selection::history(&[Position(3)]);
    let picture = Picture::of(&graph, &history, &Style::default()).unwrap();
    assert_eq!(picture.layout().title, "What led to 3");
    let last = "2026-03-04 10:00:00 UTC";
    let expected = format!("as of position 3 ({last}) · 3 events · times since 2026-03-02 09:00:00 UTC");
    assert_eq!(picture.layout().subtitle, expected);
    for text in [picture.svg(), picture.dot(), picture.mermaid()] {
        assert!(text.contains("What led to 3") && text.contains("as of position 3"), "{text}");
    }
    let of_kind = Selection::from(Query::ALL).only(Query::kind("order.*"));
    let picture = Picture::of(&graph, &of_kind, &Style::default()).unwrap();
    assert_eq!(picture.layout().title, r#"Events of [{"kinds":["order.*"]}]"#);
    let then = graph.view().as_of(Position(2)).graph();
    let (title, source) = (Some("Why <b>?".to_owned()), Some("./shop".to_owned()));
    let picture = drawn(&then, &Style { title, source, ..Style::default() });
    assert_eq!(picture.layout().title, "Why <b>?");
    assert!(
        picture
            .layout()
            .subtitle
            .starts_with("./shop, as of position 2 (2026-03-02 10:00:00 UTC) · 2 events")
    );
    assert!(picture.svg().contains(">Why &lt;b&gt;?<"));
}

#[test]
fn times_are_those_of_the_clock_that_is_asked() {
    let style = Style { clock: EventClock::Source, ..Style::default() };
    let picture = drawn(&graph(), &style);
    let elapsed: Vec<&str> = picture.layout().nodes.iter().map(|node| &*node.texts[3].text).collect();
    assert_eq!(elapsed, ["+0 ms", "+366 d", "+731 d"]);
    assert!(
        picture.layout().subtitle.ends_with("times since 2020-01-01 00:00:00 UTC by the clock of the source")
    );
    let picture = drawn(&graph(), &Style { axis: Axis::Time, ..style });
    let rows: Vec<_> = picture.layout().rows.iter().map(|row| row.texts.join(" ")).collect();
    assert_eq!(rows, ["2020-01-01 00:00:00", "2021-01-01 00:00:00", "2022-01-01 00:00:00"]);
    assert!(!picture.layout().subtitle.contains("times since"));
    assert!(picture.layout().nodes.iter().all(|node| node.texts.len() == 3));
}

#[test]
fn no_level_is_told() {
    assert!(!drawn(&graph(), &Style::default()).svg().contains("level"));
}
