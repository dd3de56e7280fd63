//! No two nodes overlap, no line runs through a node it has nothing to do with, and no text leaves its node.

use tidegate_draw::{Axis, Style};

use crate::story::{EventSpec, event, graph, history, nodes, picture, ways};

/// The shapes that layouts find hard.
fn shapes() -> Vec<Vec<EventSpec>> {
    let fan = |count: u32| {
        let mut events = vec![event("hub", "hub.opened", &[])];
        events.extend((0..count).map(|n| event(&format!("e{n}"), "spoke.made", &[0])));
        events.push(event("hub", "hub.closed", &(1..=count).collect::<Vec<_>>()));
        events
    };
    let ladder =
        (0..60_u32).map(|at| event("e", "rung.made", &if at < 2 { vec![] } else { vec![at - 1, at - 2] }));
    let alone = (0..40).map(|at| event(&format!("a{at}"), "one.made", &[]));
    let mut shapes = vec![fan(60), fan(3), ladder.collect(), alone.collect()];
    shapes
        .extend((0..12).map(|seed| history(60 + 10 * seed, [0, 10, 35][seed as usize % 3], u64::from(seed))));
    shapes
}

#[test]
fn nodes_stand_apart_and_lines_run_between_them() {
    for shape in shapes() {
        let graph = graph(&shape);
        for axis in [Axis::Level, Axis::Time] {
            for (fold_from, fan_from) in [(0, 8), (usize::MAX, usize::MAX)] {
                let svg = picture(&graph, &Style { axis, fold_from, fan_from, ..Style::default() }).svg();
                let nodes = nodes(&svg);
                for (at, node) in nodes.iter().enumerate() {
                    for other in &nodes[at + 1..] {
                        let [left, top, right, bottom] = node.bounds;
                        let apart = right + 5.0 < other.bounds[0]
                            || other.bounds[2] + 5.0 < left
                            || bottom + 5.0 < other.bounds[1]
                            || other.bounds[3] + 5.0 < top;
                        assert!(apart, "{node:?} {other:?}");
                    }
                }
                for way in ways(&svg) {
                    // Both ends touch their own nodes.
                    for (x, y) in way.points {
                        let hit = nodes.iter().find(|node| {
                            let [left, top, right, bottom] = node.bounds;
                            left < x && x < right && top + 0.2 < y && y < bottom - 0.2
                        });
                        assert!(hit.is_none(), "a line runs through {hit:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn lines_go_down() {
    let svg = picture(&graph(&history(120, 25, 3)), &Style::default()).svg();
    for way in ways(&svg) {
        assert!(way.is_cause && way.points.windows(2).all(|pair| pair[0].1 <= pair[1].1 + 0.01));
    }
}

#[test]
fn long_names_are_shortened_to_their_nodes_and_stand_whole_in_the_title() {
    let entity = "W".repeat(250);
    let kind = format!("{}.placed", "mm".repeat(60));
    let graph = graph(&[event(&entity, &kind, &[])]);
    let node = nodes(&picture(&graph, &Style::default()).svg()).remove(0);
    assert!(node.bounds[2] - node.bounds[0] <= 250.0);
    assert!(node.texts.iter().all(|text| text.chars().count() < 40), "{:?}", node.texts);
    assert!(node.texts[0].contains('…') && node.whole[0] == kind && node.whole[1].contains(&entity));
}
