//! Every selected event is in a node, in a fold's count, or counted as left out; and so is every cause.

use std::collections::HashSet;

use tidegate::graph::Selection;
use tidegate::{ErrorKind, Position, QueryItem};
use tidegate_draw::{Axis, Colour, Picture, Style};

use crate::story::{ParsedPicture, event, graph, history, nodes, picture, unfolded, ways};

#[test]
fn nodes_and_counts_add_up() {
    for (seed, fold_from, nodes_max) in
        [(1, 0, 2_000), (2, usize::MAX, 2_000), (3, 0, 40), (4, usize::MAX, 40), (5, 0, 1), (6, 0, 0)]
    {
        for axis in [Axis::Level, Axis::Time] {
            let graph = graph(&history(220, 12, seed));
            let fan_from = if fold_from == 0 { 8 } else { usize::MAX };
            let style = Style { axis, fold_from, fan_from, nodes_max, ..Style::default() };
            let picture = picture(&graph, &style);
            let drawn = nodes(&picture.svg());
            assert_eq!(picture.events(), 220);
            assert!(drawn.len() <= nodes_max);
            let folded: u64 = drawn.iter().filter(|node| node.is_fold).map(ParsedPicture::events).sum();
            assert_eq!(folded, picture.folded());
            assert!(fold_from == 0 || folded == 0);
            let events: u64 = drawn.iter().map(ParsedPicture::events).sum();
            assert_eq!(events + picture.left_out(), 220);
            let positions: HashSet<_> = drawn.iter().filter_map(ParsedPicture::position).collect();
            assert_eq!(positions.len(), drawn.iter().filter(|node| !node.is_fold).count());
        }
    }
}

#[test]
fn every_line_between_drawn_events_is_drawn_and_the_others_are_counted() {
    let graph = graph(&history(150, 20, 9));
    for nodes_max in [2_000, 60] {
        let style = Style { nodes_max, ..unfolded() };
        let svg = picture(&graph, &style).svg();
        let (nodes, ways) = (nodes(&svg), ways(&svg));
        let at = |(x, y): (f64, f64), side: usize| {
            let node = nodes.iter().find(|node| {
                let [left, _, right, _] = node.bounds;
                left <= x && x <= right && (node.bounds[side] - y).abs() < 0.2
            });
            node.and_then(ParsedPicture::position).expect("a line begins and ends at nodes")
        };
        let drawn: HashSet<_> =
            ways.iter().map(|way| (at(way.points[0], 3), at(*way.points.last().unwrap(), 1))).collect();
        let is_drawn: HashSet<_> = nodes.iter().filter_map(ParsedPicture::position).collect();
        let mut expected = HashSet::new();
        for node in &nodes {
            let position = node.position().unwrap();
            let causes = graph.causes(Position(position)).unwrap().map(|cause| cause.unwrap().0);
            let (inside, outside): (Vec<_>, Vec<_>) = causes.partition(|cause| is_drawn.contains(cause));
            expected.extend(inside.into_iter().map(|cause| (cause, position)));
            let effects = graph.effects(Position(position)).unwrap().map(|effect| effect.unwrap().0);
            let effects = effects.filter(|effect| !is_drawn.contains(effect)).count();
            let counted = node.whole.last().unwrap();
            assert_eq!(counted.contains("more cause"), !outside.is_empty(), "{counted}");
            assert_eq!(counted.contains("more effect"), effects > 0, "{counted}");
        }
        assert_eq!(drawn, expected);
        assert_eq!(ways.len(), expected.len());
    }
}

#[test]
fn what_is_outside_the_selection_is_hinted() {
    let graph = graph(&[
        event("a", "one.made", &[]),
        event("a", "one.made", &[]),
        event("a", "one.made", &[]),
        event("b", "two.made", &[0, 1, 2]),
        event("a", "one.used", &[3]),
    ]);
    let style = Style::default();
    let only = Selection::around(&[Position(4)], 0, 0);
    let svg = Picture::of(&graph, &only, &style).unwrap().svg();
    assert!(svg.contains(">3 more causes · 1 more effect<"), "{svg}");
    let some = Selection::from(tidegate::Query::from(QueryItem::new().kind("one.*")));
    let picture = Picture::of(&graph, &some, &style).unwrap();
    assert_eq!((picture.events(), ways(&picture.svg()).len()), (4, 0));
}

#[test]
fn nothing_and_unknown_events_are_no_trouble() {
    let graph = graph(&[event("a", "one.made", &[])]);
    let none = Selection::from(tidegate::Query::from(QueryItem::new().kind("other.*")));
    for axis in [Axis::Level, Axis::Time] {
        for colour in [Colour::Kind, Colour::Stream] {
            let style = Style { axis, colour, ..Style::default() };
            let picture = Picture::of(&graph, &none, &style).unwrap();
            assert_eq!((picture.events(), nodes(&picture.svg()).len()), (0, 0));
            assert_eq!(picture.summary(), "0 events");
        }
    }
    let unknown = Selection::around(&[Position(7)], 1, 1);
    assert_eq!(Picture::of(&graph, &unknown, &Style::default()).unwrap_err().kind(), ErrorKind::Missing);
}
