//! Large selections are folded and bounded, and say so.

use std::time::Instant;

use tidegate::Position;
use tidegate_draw::{Axis, Style};

use crate::story::{ParsedPicture, event, graph, history, nodes, picture, unfolded, ways};

#[test]
fn a_chain_folds_into_three() {
    let chain: Vec<_> = (0..20_u32)
        .map(|at| {
            let kind = if at % 4 == 1 { "step.checked" } else { "step.made" };
            event("e", kind, &if at == 0 { vec![] } else { vec![at - 1] })
        })
        .collect();
    let graph = graph(&chain);
    let picture = picture(&graph, &Style { fold_from: 20, ..Style::default() });
    assert_eq!((picture.folded(), picture.summary()), (18, "20 events, 18 of them folded into 1".to_owned()));
    let nodes = nodes(&picture.svg());
    assert_eq!(nodes.len(), 3);
    assert_eq!(nodes[1].texts, ["18 events", "2..19", "step.made, step.checked"]);
    assert!(nodes[1].whole[2].starts_with("positions 2..19, 2026-03-02 09:00:00 UTC to "));
    assert_eq!(crate::story::picture(&graph, &Style { fold_from: 21, ..Style::default() }).folded(), 0);
}

#[test]
fn focus_merges_and_forks_are_never_folded() {
    let mut events: Vec<_> =
        (0..30_u32).map(|at| event("e", "step.made", &if at == 0 { vec![] } else { vec![at - 1] })).collect();
    events.push(event("f", "branch.made", &[9]));
    events.push(event("f", "branch.merged", &[30, 29]));
    let style = Style { fold_from: 0, focus: vec![Position(20)], ..Style::default() };
    let nodes = nodes(&picture(&graph(&events), &style).svg());
    let single: Vec<_> = nodes.iter().filter_map(ParsedPicture::position).collect();
    assert_eq!(single, [1, 10, 20, 31, 32]);
    let folds: Vec<_> = nodes.iter().filter(|node| node.is_fold).map(|node| node.texts[1].clone()).collect();
    assert_eq!(folds, ["2..9", "11..19", "21..30"]);
}

#[test]
fn what_is_nearest_to_the_focus_is_drawn() {
    let graph = graph(&history(400, 10, 5));
    let style = Style { nodes_max: 30, focus: vec![Position(200)], ..unfolded() };
    let picture = picture(&graph, &style);
    let nodes = nodes(&picture.svg());
    assert!(nodes.len() <= 30 && nodes.iter().any(|node| node.position() == Some(200)));
    assert_eq!(picture.left_out(), 400 - nodes.len() as u64);
    assert!(picture.svg().contains(&format!("and {} more that are not drawn", picture.left_out())));
    assert!(nodes.iter().all(|node| (150..250).contains(&node.position().unwrap())));
}

#[test]
fn a_hundred_thousand_events_take_moments() {
    let chain: Vec<_> = (0..100_000_u32)
        .map(|at| event("e", "step.made", &if at == 0 { vec![] } else { vec![at - 1] }))
        .collect();
    let spread: Vec<_> =
        (0..100_000_u32).map(|at| event("e", "step.made", &if at == 0 { vec![] } else { vec![0] })).collect();
    let lanes: Vec<_> = (0..100_000_u32)
        .map(|at| {
            let (stream, kind, causes) = event("e", "step.made", &[]);
            (stream.lane(at % 3), kind, causes)
        })
        .collect();
    for (events, style) in [
        (&chain, Style::default()),
        (&chain, Style { axis: Axis::Time, fold_from: usize::MAX, ..Style::default() }),
        (&spread, Style { nodes_max: 150, ..unfolded() }),
        (&spread, Style { focus: vec![Position(1)], nodes_max: usize::MAX, ..Style::default() }),
        (&spread, Style { nodes_max: usize::MAX, ..Style::default() }),
        (&lanes, Style::default()),
        (&history(100_000, 20, 1), Style { nodes_max: usize::MAX, ..Style::default() }),
        (&history(100_000, 20, 1), Style { axis: Axis::Time, nodes_max: usize::MAX, ..Style::default() }),
    ] {
        let graph = graph(events);
        let start = Instant::now();
        let picture = picture(&graph, &style);
        let svg = picture.svg();
        let took = start.elapsed();
        assert!(took.as_secs() < 20, "{took:?}");
        let drawn: u64 = nodes(&svg).iter().map(ParsedPicture::events).sum();
        assert_eq!(drawn + picture.left_out(), 100_000);
        assert!(drawn > 0 && ways(&svg).len() < 4_000);
    }
}

#[test]
fn legends_are_bounded() {
    let many: Vec<_> = (0..40).map(|at| event(&format!("e{at}"), &format!("family{at}.made"), &[])).collect();
    let svg = picture(&graph(&many), &Style::default()).svg();
    assert!(svg.contains(">29 other kinds (29)<") && svg.matches("class=\"d").count() == 40 + 12);
    let families: Vec<_> = (0..40).map(|at| event("e", &format!("family{}.made{at}", at % 3), &[])).collect();
    let svg = picture(&graph(&families), &Style::default()).svg();
    assert!(svg.contains(">family0.* (14)<") && !svg.contains("other kind"));
}
