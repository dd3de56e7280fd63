//! A small graph whose answers can be seen at a glance.
//!
//! ```text
//! 1 ── 2 ── 4 ── 6 ── 8
//!  └── 3 ── 5 ──┘    /
//!       └──────── 7 ┘      9
//! ```

use tidegate::graph::{Degree, Graph, Selection};
use tidegate::testing::Env;
use tidegate::{Draft, ErrorKind, Position, Query, QueryItem, Result, Store, StoreOptions};

const CAUSES: [&[u64]; 9] = [&[], &[1], &[1], &[2], &[3], &[4, 5], &[3], &[6, 7], &[]];

fn store() -> Result<Store> {
    let options = StoreOptions::new().thread(false);
    let store = options.open_in(Env::memory())?;
    for (at, causes) in CAUSES.iter().enumerate() {
        let kind = if at % 2 == 0 { "step.odd" } else { "step.even" };
        let draft = Draft::new(("s", "e"), kind);
        let draft = causes.iter().fold(draft, |draft, cause| draft.cause(Position(*cause)));
        store.append(draft)?;
    }
    Ok(store)
}

fn numbers(found: impl IntoIterator<Item = Result<Position>>) -> Vec<u64> {
    found.into_iter().map(|position| position.unwrap().0).collect()
}

fn plain(found: &[Position]) -> Vec<u64> {
    found.iter().map(|position| position.0).collect()
}

fn graph() -> Graph {
    store().unwrap().view().unwrap().graph()
}

#[test]
fn walks_follow_the_edges() {
    let graph = graph();
    assert_eq!(numbers(graph.causes(Position(8)).unwrap()), [6, 7]);
    assert_eq!(numbers(graph.effects(Position(3)).unwrap()), [5, 7]);
    assert_eq!(numbers(graph.ancestors(&[Position(6)]).unwrap()), [5, 4, 3, 2, 1]);
    assert_eq!(numbers(graph.descendants(&[Position(2), Position(4)]).unwrap()), [4, 6, 8]);
    let odd = QueryItem::new().kind("step.odd");
    assert_eq!(numbers(graph.ancestors(&[Position(8)]).unwrap().only(odd.clone())), [7, 5, 3, 1]);
    assert_eq!(numbers(graph.descendants(&[Position(1)]).unwrap().only(odd)), [3, 5, 7]);
    assert_eq!(numbers(graph.between(Position(1), Position(6)).unwrap()), [2, 3, 4, 5]);
    assert_eq!(numbers(graph.between(Position(2), Position(7)).unwrap()), Vec::<u64>::new());
}

#[test]
fn relations_are_exact() {
    let graph = graph();
    assert!(graph.is_ancestor(Position(3), Position(8)).unwrap());
    assert!(!graph.is_ancestor(Position(2), Position(7)).unwrap());
    assert!(!graph.is_ancestor(Position(8), Position(8)).unwrap());
    assert!(graph.are_concurrent(Position(7), Position(6)).unwrap());
    assert!(!graph.are_concurrent(Position(7), Position(3)).unwrap());
    assert!(!graph.are_concurrent(Position(7), Position(7)).unwrap());
    assert_eq!(plain(&graph.common_causes(&[Position(6), Position(7)]).unwrap()), [3]);
    assert_eq!(plain(&graph.common_causes(&[Position(6), Position(4)]).unwrap()), [4]);
    assert_eq!(plain(&graph.common_causes(&[Position(6), Position(9)]).unwrap()), Vec::<u64>::new());
    assert_eq!(plain(&graph.path(Position(1), Position(8)).unwrap()), [1, 3, 7, 8]);
    assert_eq!(plain(&graph.path(Position(9), Position(8)).unwrap()), Vec::<u64>::new());
    assert_eq!(
        (1..=9).map(|at| graph.level(Position(at)).unwrap()).collect::<Vec<_>>(),
        [0, 1, 1, 2, 2, 3, 2, 4, 0]
    );
}

#[test]
fn selections_have_ends() {
    let graph = graph();
    let all = Selection::from(Query::ALL);
    assert_eq!(numbers(graph.roots(&all).unwrap()), [1, 9]);
    assert_eq!(numbers(graph.leaves(&all).unwrap()), [9, 8]);
    let odd = all.only(QueryItem::new().kind("step.odd"));
    assert_eq!(numbers(graph.roots(&odd).unwrap()), [1, 9]);
    let flow = graph.view().at(Position(1)).unwrap().unwrap().correlation();
    let flow = Selection::from(QueryItem::new().correlation(flow));
    assert_eq!(numbers(graph.leaves(&flow).unwrap()), [8]);
    assert_eq!(numbers(graph.leaves(&Selection::future(&[Position(4)])).unwrap()), [8]);
    let around = Selection::around(&[Position(6)], 1, 1);
    assert_eq!(numbers(graph.select(&around).unwrap()), [4, 5, 6, 8]);
    let fans = graph.largest_degrees(&Query::ALL.into(), Degree::Out, 2).unwrap();
    assert_eq!(fans, [(Position(1), 2), (Position(3), 2)]);
    let fans = graph.largest_degrees(&Query::ALL.into(), Degree::In, 1).unwrap();
    assert_eq!(fans, [(Position(6), 2)]);
    let hops = graph.critical_path(Position(8)).unwrap();
    assert_eq!(hops.iter().map(|hop| hop.event.0).collect::<Vec<_>>(), [1, 3, 7, 8]);
}

#[test]
fn an_earlier_moment_knows_no_later_event() {
    let view = store().unwrap().view().unwrap().as_of(Position(6));
    let graph = view.graph();
    assert_eq!(numbers(graph.descendants(&[Position(3)]).unwrap()), [5, 6]);
    assert_eq!(numbers(graph.effects(Position(3)).unwrap()), [5]);
    let missing = graph.causes(Position(7)).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Missing);
    assert_eq!(graph.level(Position(0)).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(graph.is_ancestor(Position(1), Position(7)).unwrap_err().kind(), ErrorKind::Missing);
}
