//! DOT and Mermaid, as they are written.

use tidegate::{Position, StreamId};
use tidegate_draw::Style;

use crate::story::{EventSpec, event, graph, picture};

fn small() -> Vec<EventSpec> {
    let mut events = vec![
        event("order-7", "order.placed", &[]),
        event("pay \"7\"", "payment.taken", &[0]),
        event("order-7", "order.shipped", &[0, 1]),
    ];
    events[2].0 = StreamId::new("shop", "order-7").lane(1);
    events
}

#[test]
fn mermaid() {
    let style = Style { focus: vec![Position(3)], ..Style::default() };
    let expected = r#"flowchart TD
  %% All events
  %% as of position 3 (2026-03-02 09:00:00 UTC) · 3 events
  n1("order.placed<br/>order-7 · lane 0<br/>1"):::c8
  n2("payment.taken<br/>pay #34;7#34;<br/>2"):::c6
  n3("order.shipped<br/>order-7 · lane 1<br/>3"):::c8
  n1 --> n2
  n1 -->|fork| n3
  n2 --> n3
  classDef c6 fill:#f1efe0,stroke:#8a7d00,color:#1f2328
  classDef c8 fill:#ebeaf8,stroke:#5b4fc4,color:#1f2328
  style n3 stroke-width:4px
"#;
    assert_eq!(picture(&graph(&small()), &style).mermaid(), expected);
}

#[test]
fn dot() {
    let expected = r##"digraph tidegate {
  rankdir=TB;
  bgcolor="#ffffff";
  node [shape=box, style="rounded,filled", fontname="Helvetica,Arial,sans-serif", fontsize=11];
  edge [color="#57606a"];
  label="All events\nas of position 3 (2026-03-02 09:00:00 UTC) · 3 events";
  tooltip="All events\nas of position 3 (2026-03-02 09:00:00 UTC) · 3 events";
  n1 [label="order.placed\norder-7 · lane 0\n1", tooltip="order.placed\nshop/order-7, version 1\nposition 1, 2026-03-02 09:00:00 UTC", color="#5b4fc4", fillcolor="#ebeaf8"];
  n2 [label="payment.taken\npay \"7\"\n2", tooltip="payment.taken\nshop/pay \"7\", version 1\nposition 2, 2026-03-02 09:00:00 UTC", color="#8a7d00", fillcolor="#f1efe0"];
  n3 [label="order.shipped\norder-7 · lane 1\n3", tooltip="order.shipped\nshop/order-7/1, version 1\nposition 3, 2026-03-02 09:00:00 UTC", color="#5b4fc4", fillcolor="#ebeaf8"];
  n1 -> n2;
  n1 -> n3 [dir=both, arrowtail=dot];
  n2 -> n3;
}
"##;
    assert_eq!(picture(&graph(&small()), &Style::default()).dot(), expected);
}
