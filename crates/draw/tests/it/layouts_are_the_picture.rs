//! The layout as data is what the SVG shows.

use tidegate::Position;
use tidegate_draw::{Axis, Fold, Style};

use crate::story::{graph, history, nodes, picture, ways};

#[test]
fn boxes_texts_and_lines_are_those_of_the_svg() {
    for axis in [Axis::Level, Axis::Time] {
        let style = Style { axis, focus: vec![Position(70)], ..Style::default() };
        let picture = picture(&graph(&history(140, 25, 2)), &style);
        let (layout, svg) = (picture.layout(), picture.svg());
        let (drawn, ways) = (nodes(&svg), ways(&svg));
        assert_eq!((layout.nodes.len(), layout.edges.len()), (drawn.len(), ways.len()));
        for (node, drawn) in layout.nodes.iter().zip(&drawn) {
            let bounds = [node.x, node.y, node.x + node.width, node.y + node.height];
            assert!(bounds.iter().zip(drawn.bounds).all(|(one, other)| (one - other).abs() < 0.11));
            assert!(node.texts.iter().map(|text| &text.text).eq(&drawn.texts));
            assert_eq!(node.details, drawn.whole);
            assert_eq!(node.is_focus, node.positions == [Position(70)]);
            for text in &node.texts {
                assert!(node.x < text.x && text.x < node.x + node.width && text.y < node.y + node.height);
            }
            assert!(node.x >= 0.0 && node.x + node.width <= layout.width);
            assert!(node.y >= layout.rows[node.row].y - 0.1 && node.y + node.height <= layout.height);
        }
        for (edge, way) in layout.edges.iter().zip(&ways) {
            let (from, to) = (&layout.nodes[edge.from], &layout.nodes[edge.to]);
            let (first, last) = (edge.points[0], edge.points[edge.points.len() - 1]);
            assert!(from.positions[0] < to.positions[0] && edge.points.len() % 2 == 0);
            assert!((first.1 - from.y - from.height).abs() < 0.01 && (last.1 - to.y).abs() < 0.01);
            assert!((way.points[0].0 - first.0).abs() < 0.11 && edge.is_cause == way.is_cause);
        }
    }
}

/// A page finds the events of a node by its attributes.
#[test]
fn nodes_say_where_their_events_are() {
    let style = Style { fold_from: 0, ..Style::default() };
    let picture = picture(&graph(&history(140, 5, 2)), &style);
    let svg = picture.svg();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let groups = document.descendants().filter(|part| part.attribute("data-position").is_some());
    let groups: Vec<_> = groups.collect();
    assert_eq!(groups.len(), picture.layout().nodes.len());
    assert!(picture.folded() > 0);
    for (group, node) in groups.iter().zip(&picture.layout().nodes) {
        let said = |name: &str| group.attribute(name).map(|text| text.parse::<u64>().unwrap());
        assert_eq!(said("data-position"), Some(node.positions[0].0));
        let is_fold = node.fold != Fold::None;
        assert_eq!(said("data-events"), is_fold.then_some(node.positions.len() as u64));
        assert_eq!(said("data-last"), is_fold.then(|| node.positions[node.positions.len() - 1].0));
        assert!(node.positions.is_sorted());
    }
}
