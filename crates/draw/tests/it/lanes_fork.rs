//! Lanes of an entity are branches that show where they forked.

use tidegate::StreamId;
use tidegate_draw::Style;

use crate::story::{EventSpec, graph, nodes, picture, ways};

fn on(lane: u32, causes: &[u32]) -> EventSpec {
    (StreamId::new("shop", "order-7").lane(lane), "order.moved".to_owned(), causes.to_vec())
}

/// The lines of a Mermaid picture, without what they look like.
fn lines(events: &[EventSpec]) -> Vec<String> {
    let mermaid = picture(&graph(events), &Style::default()).mermaid();
    mermaid.lines().map(str::trim).filter(|line| line.contains("->")).map(str::to_owned).collect()
}

#[test]
fn a_lane_forks_from_the_last_event_of_lane_0_then() {
    let story = [on(0, &[]), on(0, &[]), on(1, &[]), on(0, &[]), on(1, &[])];
    assert_eq!(lines(&story), ["n1 -.-> n2", "n2 -.->|fork| n3", "n2 -.-> n4", "n3 -.-> n5"]);
    let svg = picture(&graph(&story), &Style::default()).svg();
    assert_eq!(ways(&svg).iter().filter(|way| !way.is_cause).count(), 4);
    // One in the picture, and one that explains it.
    assert_eq!(svg.matches("<circle").count(), 2);
    assert!(svg.contains(">a lane forks<") && svg.contains(">next on a lane<"));
    assert!(nodes(&svg).iter().all(|node| node.texts[2].contains(" · lane ")));
}

#[test]
fn a_lane_forks_from_its_own_cause() {
    let story = [on(0, &[]), on(0, &[0]), on(1, &[0]), on(2, &[2])];
    assert_eq!(lines(&story), ["n1 --> n2", "n1 -->|fork| n3", "n3 -->|fork| n4"]);
}

#[test]
fn causes_along_a_lane_need_no_second_line() {
    let other = (StreamId::new("shop", "payment-7"), "payment.taken".to_owned(), vec![0]);
    let story = [on(0, &[]), other, on(0, &[1]), on(1, &[2]), on(0, &[])];
    assert_eq!(lines(&story), ["n1 --> n2", "n2 --> n3", "n3 -->|fork| n4", "n3 -.-> n5"]);
}

#[test]
fn an_entity_with_one_lane_has_no_lines_but_causes() {
    assert_eq!(lines(&[on(3, &[]), on(3, &[]), on(3, &[0])]), ["n1 --> n3"]);
}
