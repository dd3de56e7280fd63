//! The same events in the same style give the same picture.

use tidegate_draw::{Axis, Colour, Style};

use crate::story::{graph, history, picture};

#[test]
fn pictures_repeat() {
    for seed in 0..4 {
        let events = history(140, 25, seed);
        for axis in [Axis::Level, Axis::Time] {
            let style = Style { axis, colour: Colour::Stream, nodes_max: 90, ..Style::default() };
            let (one, other) = (picture(&graph(&events), &style), picture(&graph(&events), &style));
            assert_eq!(one.svg(), other.svg());
            assert_eq!(one.dot(), other.dot());
            assert_eq!(one.mermaid(), other.mermaid());
        }
    }
}
