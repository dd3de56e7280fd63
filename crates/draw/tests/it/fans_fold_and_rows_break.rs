//! Siblings are folded into one node, and rows that would be too wide are broken.

use tidegate::Position;
use tidegate::graph::Selection;
use tidegate_draw::{Axis, Fold, Picture, PictureLayout, Style};

use crate::story::{EventSpec, event, graph, history, picture, unfolded};

/// An order with a number of parcels, each packed and sent, and one end.
fn parcels(count: u32) -> Vec<EventSpec> {
    let mut story = vec![event("order", "order.placed", &[])];
    story.extend((0..count).map(|at| event(&format!("parcel{at}"), "parcel.packed", &[0])));
    story.extend((0..count).map(|at| event(&format!("parcel{at}"), "parcel.sent", &[at + 1])));
    story.push(event("order", "order.done", &(count + 1..=2 * count).collect::<Vec<_>>()));
    story
}

fn drawn(story: &[EventSpec], style: &Style) -> PictureLayout {
    picture(&graph(story), style).layout().clone()
}

fn heads(layout: &PictureLayout) -> Vec<&str> {
    layout.nodes.iter().map(|node| node.texts[0].text.as_str()).collect()
}

#[test]
fn siblings_and_what_they_led_to_fold_level_by_level() {
    let layout = drawn(&parcels(20), &Style::default());
    assert_eq!(heads(&layout), ["order.placed", "20 × parcel.packed", "20 × parcel.sent", "order.done"]);
    assert_eq!(layout.edges.len(), 3);
    let label = Some("{entity}".parse().unwrap());
    let labelled = drawn(&parcels(20), &Style { label, ..Style::default() });
    assert_eq!(labelled.nodes[1].texts[3].text, "parcel0 …");
    let fan = &layout.nodes[1];
    assert_eq!((fan.fold, fan.positions.len(), fan.positions[0]), (Fold::Fan, 20, Position(2)));
    assert_eq!(fan.texts[2].text, "20 streams");
    assert_eq!(fan.details[..2], ["20 events beside each other", "parcel.packed"]);
    assert!(fan.details[2].starts_with("20 streams: parcel0, parcel1"), "{:?}", fan.details);
    assert!(layout.nodes.iter().all(|node| !node.has_more_effects && !node.has_more_causes));
    assert!(layout.width < 600.0 && layout.height < 500.0, "{} x {}", layout.width, layout.height);
    assert_eq!(drawn(&parcels(7), &Style::default()).nodes.len(), 16);
    assert_eq!(drawn(&parcels(7), &Style { fan_from: 7, ..Style::default() }).nodes.len(), 4);
    assert_eq!(drawn(&parcels(20), &unfolded()).nodes.len(), 42);
}

#[test]
fn what_differs_is_not_folded() {
    let mut story = parcels(20);
    // One of them led to something else too, one matters, and one has a cause of its own.
    story.push(event("lost", "parcel.lost", &[3]));
    let style = Style { focus: vec![Position(6)], ..Style::default() };
    let layout = drawn(&story, &style);
    let single = |kind: &str| {
        let nodes = layout.nodes.iter().filter(|node| node.fold == Fold::None && node.kind == kind);
        nodes.map(|node| node.positions[0].0).collect::<Vec<_>>()
    };
    assert_eq!(single("parcel.packed"), [4, 6]);
    assert_eq!(single("parcel.sent"), [24, 26]);
    assert_eq!(layout.nodes.iter().filter(|node| node.fold == Fold::Fan).count(), 2);
}

/// Events that have nothing to do with each other stay apart in a small picture, and fold in a large one.
#[test]
fn flows_of_one_shape_fold_in_large_pictures() {
    let flows = |count: u32| {
        let flow = |at: u32| {
            let (one, two) = (format!("o{at}"), format!("p{at}"));
            [event(&one, "order.placed", &[]), event(&two, "payment.taken", &[2 * at])]
        };
        (0..count).flat_map(flow).collect::<Vec<_>>()
    };
    assert_eq!(drawn(&flows(20), &Style::default()).nodes.len(), 40);
    assert_eq!(heads(&drawn(&flows(60), &Style::default())), ["60 × order.placed", "60 × payment.taken"]);
}

#[test]
fn folded_causes_and_effects_are_not_said_to_be_outside() {
    let graph = graph(&parcels(20));
    let near = Selection::around(&[Position(1)], 0, 1);
    let picture = Picture::of(&graph, &near, &Style::default()).unwrap();
    let [placed, packed] = &picture.layout().nodes[..] else { panic!("{:?}", picture.layout()) };
    assert!(!placed.has_more_effects && !packed.has_more_causes);
    let far = Selection::around(&[Position(42)], 1, 0);
    let picture = Picture::of(&graph, &far, &Style::default()).unwrap();
    assert!(picture.layout().nodes[0].details.iter().any(|line| line == "20 more causes"));
}

/// A picture with a fan of different kinds, or one that may not fold, was as wide as the fan: 110 causes took 25,000 pixels.
#[test]
fn wide_rows_are_broken() {
    let fan = |count: u32| -> Vec<EventSpec> {
        let spoke = |at: u32| event(&format!("stream-{at}"), &format!("kind{at}.made"), &[]);
        let hub = event("hub", "hub.closed", &(0..count).collect::<Vec<_>>());
        (0..count).map(spoke).chain([hub]).collect()
    };
    for axis in [Axis::Level, Axis::Time] {
        let layout = drawn(&fan(30), &Style { axis, ..Style::default() });
        assert_eq!((layout.nodes.len(), layout.edges.len()), (31, 30));
        assert!(layout.width < 1_900.0 && layout.height < 1_000.0, "{} x {}", layout.width, layout.height);
        let layout = drawn(&fan(110), &Style { axis, ..unfolded() });
        assert_eq!(layout.edges.len(), 110);
        assert!(layout.width < 3_600.0 && layout.height < 3_600.0, "{} x {}", layout.width, layout.height);
        // Unrelated events have room in rows of any picture.
        let alone: Vec<_> = fan(110).into_iter().take(90).collect();
        let layout = drawn(&alone, &Style { axis, ..unfolded() });
        assert!(layout.width < 2_000.0, "{} x {}", layout.width, layout.height);
    }
}

/// How many pairs of lines cross, by the points between which they swing over.
fn crossings(layout: &PictureLayout) -> usize {
    let swings = layout.edges.iter().flat_map(|edge| {
        let pairs = edge.points.windows(2).filter(|pair| pair[0].1 < pair[1].1);
        pairs.map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    });
    let swings: Vec<_> = swings.collect();
    let cross = |one: &((f64, f64), (f64, f64)), other: &((f64, f64), (f64, f64))| {
        let overlap = one.0.1.max(other.0.1) < one.1.1.min(other.1.1);
        overlap && (one.0.0 - other.0.0) * (one.1.0 - other.1.0) < 0.0
    };
    let pairs = swings.iter().enumerate();
    pairs.map(|(at, one)| swings[..at].iter().filter(|other| cross(one, other)).count()).sum()
}

/// The bounds are what these pictures take today, with some room; a worse layout is seen here before it is seen on a page.
#[test]
fn pictures_of_all_sizes_stay_readable() {
    let chain = |count: u32| -> Vec<EventSpec> {
        (0..count).map(|at| event("e", "step.made", &if at == 0 { vec![] } else { vec![at - 1] })).collect()
    };
    for (name, story, nodes, wide, high, crossed) in [
        ("fan of 10", parcels(5), 12, 1_200.0, 600.0, 0),
        ("fan of 200", parcels(100), 4, 600.0, 500.0, 0),
        ("fan of 5,000", parcels(2_500), 4, 600.0, 500.0, 0),
        ("chain of 10", chain(10), 10, 600.0, 1_100.0, 0),
        ("chain of 200", chain(200), 3, 600.0, 500.0, 0),
        ("chain of 5,000", chain(5_000), 3, 600.0, 500.0, 0),
        ("merges of 10", history(10, 30, 1), 10, 1_000.0, 1_200.0, 4),
        ("merges of 200", history(200, 30, 1), 200, 4_000.0, 9_000.0, 3_000),
        ("merges of 5,000", history(5_000, 30, 1), 200, 4_000.0, 9_000.0, 3_000),
    ] {
        let layout = drawn(&story, &Style::default());
        let crossings = crossings(&layout);
        let found = format!(
            "{name}: {} nodes, {} x {}, {crossings} crossings",
            layout.nodes.len(),
            layout.width,
            layout.height
        );
        assert!(layout.nodes.len() <= nodes, "{found}");
        assert!(layout.width <= wide && layout.height <= high, "{found}");
        assert!(crossings <= crossed, "{found}");
    }
}
