//! Every question to the graph has the answer of a plain walk over the same edges.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tidegate::graph::{Degree, Graph, Selection};
use tidegate::testing::Env;
use tidegate::{
    AppendOptions, Batch, Cause, Draft, Position, Query, QueryItem, Result, StoreOptions, StoreReader,
};

/// The edges as a list, and all that follows from them.
struct Plain {
    causes: Vec<Vec<usize>>,
    ancestors: Vec<BTreeSet<usize>>,
    levels: Vec<u32>,
}

impl Plain {
    /// The first `count` events, counted from 1.
    fn new(all: &[Vec<usize>], count: usize) -> Self {
        let causes = all[..=count].to_vec();
        let (mut ancestors, mut levels): (Vec<BTreeSet<usize>>, Vec<u32>) = (Vec::new(), Vec::new());
        for of in &causes {
            levels.push(of.iter().map(|cause| levels[*cause] + 1).max().unwrap_or(0));
            let above = of.iter().flat_map(|cause| ancestors[*cause].iter().copied());
            let above = above.chain(of.iter().copied()).collect();
            ancestors.push(above);
        }
        Self { causes, ancestors, levels }
    }

    fn events(&self) -> std::ops::Range<usize> {
        1..self.causes.len()
    }

    fn effects(&self, event: usize) -> Vec<usize> {
        self.events().filter(|effect| self.causes[*effect].contains(&event)).collect()
    }

    fn descendants(&self, event: usize) -> Vec<usize> {
        self.events().filter(|other| self.ancestors[*other].contains(&event)).collect()
    }

    fn common(&self, left: usize, right: usize) -> Vec<usize> {
        let whole = |event: usize| {
            let mut all = self.ancestors[event].clone();
            all.insert(event);
            all
        };
        let common: BTreeSet<_> = whole(left).intersection(&whole(right)).copied().collect();
        let worse = |event: &usize| common.iter().any(|other| self.ancestors[*other].contains(event));
        common.iter().copied().filter(|event| !worse(event)).collect()
    }

    /// How many hops the shortest way has.
    fn distance(&self, from: usize, to: usize) -> Option<usize> {
        let mut layer = BTreeSet::from([to]);
        for hops in 0.. {
            if layer.contains(&from) {
                return Some(hops);
            }
            layer = layer.iter().flat_map(|event| self.causes[*event].iter().copied()).collect();
            if layer.is_empty() {
                return None;
            }
        }
        None
    }

    fn roots(&self, of: &BTreeSet<usize>) -> Vec<usize> {
        of.iter()
            .copied()
            .filter(|event| self.causes[*event].iter().all(|cause| !of.contains(cause)))
            .collect()
    }

    fn leaves(&self, of: &BTreeSet<usize>) -> Vec<usize> {
        let ends = |event: &usize| self.effects(*event).iter().all(|effect| !of.contains(effect));
        of.iter().copied().rev().filter(ends).collect()
    }
}

fn at(event: usize) -> Position {
    Position(event as u64)
}

fn plain(found: impl IntoIterator<Item = Result<Position>>) -> Vec<usize> {
    found.into_iter().map(|position| position.unwrap().0 as usize).collect()
}

fn is_even(event: usize) -> bool {
    event.is_multiple_of(2)
}

fn check_event(graph: &Graph, model: &Plain, event: usize) {
    let even = || QueryItem::new().kind("n.even");
    let mut causes = Vec::new();
    model.causes[event].iter().for_each(|cause| {
        if !causes.contains(cause) {
            causes.push(*cause);
        }
    });
    assert_eq!(plain(graph.causes(at(event)).unwrap()), causes);
    assert_eq!(plain(graph.effects(at(event)).unwrap()), model.effects(event));
    let ancestors: Vec<_> = model.ancestors[event].iter().rev().copied().collect();
    assert_eq!(plain(graph.ancestors(&[at(event)]).unwrap()), ancestors);
    let ancestors: Vec<_> = ancestors.into_iter().filter(|event| is_even(*event)).collect();
    assert_eq!(plain(graph.ancestors(&[at(event)]).unwrap().only(even())), ancestors);
    let descendants = model.descendants(event);
    assert_eq!(plain(graph.descendants(&[at(event)]).unwrap()), descendants);
    let descendants: Vec<_> = descendants.into_iter().filter(|event| is_even(*event)).collect();
    assert_eq!(plain(graph.descendants(&[at(event)]).unwrap().only(even())), descendants);
    assert_eq!(graph.level(at(event)).unwrap(), model.levels[event]);
    let mut history = model.ancestors[event].clone();
    history.insert(event);
    let selection = Selection::history(&[at(event)]);
    assert_eq!(plain(graph.roots(&selection).unwrap()), model.roots(&history));
    assert_eq!(plain(graph.leaves(&selection.only(even())).unwrap()), {
        let history = history.iter().copied().filter(|event| is_even(*event)).collect();
        model.leaves(&history)
    });
    let way: Vec<_> = graph.critical_path(at(event)).unwrap();
    assert_eq!(way[0].event, at(*history.first().unwrap()), "it begins with the earliest");
    assert_eq!(way[way.len() - 1].event, at(event));
    for pair in way.windows(2) {
        assert!(model.causes[pair[1].event.0 as usize].contains(&(pair[0].event.0 as usize)));
        assert_eq!(pair[1].time.0 - pair[0].time.0, pair[1].waited);
    }
}

fn check_pair(graph: &Graph, model: &Plain, left: usize, right: usize) {
    let (from, to) = (at(left), at(right));
    let leads = model.ancestors[right].contains(&left);
    assert_eq!(graph.is_ancestor(from, to).unwrap(), leads);
    let back = model.ancestors[left].contains(&right);
    assert_eq!(graph.are_concurrent(from, to).unwrap(), left != right && !leads && !back);
    let common: Vec<_> = graph.common_causes(&[from, to]).unwrap();
    assert_eq!(common.iter().map(|event| event.0 as usize).collect::<Vec<_>>(), model.common(left, right));
    let path = graph.path(from, to).unwrap();
    assert_eq!(path.len().checked_sub(1), model.distance(left, right));
    for hop in path.windows(2) {
        assert!(model.causes[hop[1].0 as usize].contains(&(hop[0].0 as usize)));
    }
    let between = model.ancestors[right].iter().copied();
    let between: Vec<_> = between.filter(|event| model.ancestors[*event].contains(&left)).collect();
    assert_eq!(plain(graph.between(from, to).unwrap()), between);
    let both: BTreeSet<_> = model.descendants(left).into_iter().chain(model.descendants(right)).collect();
    assert_eq!(plain(graph.descendants(&[from, to]).unwrap()), both.into_iter().collect::<Vec<_>>());
}

fn check_whole(graph: &Graph, model: &Plain) {
    let all: BTreeSet<_> = model.events().collect();
    let selection = Selection::from(Query::ALL);
    assert_eq!(plain(graph.roots(&selection).unwrap()), model.roots(&all));
    assert_eq!(plain(graph.leaves(&selection).unwrap()), model.leaves(&all));
    for fan in [Degree::In, Degree::Out] {
        let size = |event: usize| match fan {
            Degree::In => model.causes[event].iter().collect::<BTreeSet<_>>().len(),
            Degree::Out => model.effects(event).len(),
        };
        let mut sizes: Vec<_> = all.iter().map(|event| (size(*event), *event)).collect();
        sizes.retain(|(size, _)| *size > 0);
        sizes.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
        let expected: Vec<_> =
            sizes.into_iter().take(5).map(|(size, event)| (at(event), size as u64)).collect();
        assert_eq!(graph.largest_degrees(&selection, fan, 5).unwrap(), expected);
    }
}

fn check(store: &StoreReader, all: &[Vec<usize>], pairs: &[(usize, usize)], until: usize) {
    for count in [all.len() - 1, until] {
        let model = Plain::new(all, count);
        let graph = store.view().unwrap().as_of(at(count)).graph();
        check_whole(&graph, &model);
        for (left, right) in pairs {
            let (left, right) = (left % count + 1, right % count + 1);
            check_event(&graph, &model, left);
            check_pair(&graph, &model, left, right);
            check_pair(&graph, &model, left.min(right), left.max(right));
        }
        let last = pairs[0].0 % count + 1;
        for earlier in model.events() {
            let leads = model.ancestors[last].contains(&earlier);
            assert_eq!(graph.is_ancestor(at(earlier), at(last)).unwrap(), leads, "{earlier} to {last}");
        }
    }
}

/// For each event after the first, how far before it its causes lie; some come twice.
fn edges() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let near = 1usize..6;
    let far = 1usize..400;
    let cause = prop_oneof![3 => near, 1 => far];
    let any = proptest::collection::vec(cause, 0..4);
    // Long ways without a branch, each event behind the one a few before it.
    let line = (1usize..4, 1usize..3).prop_map(|(distance, times)| vec![distance; times]);
    let mostly_lines = prop_oneof![30 => line, 1 => any.clone()];
    prop_oneof![proptest::collection::vec(any, 1..300), proptest::collection::vec(mostly_lines, 1..300)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_a_plain_walk(
        distances in edges(),
        batch in 1usize..20,
        segment_bytes in 600u64..40_000,
        pairs in proptest::collection::vec((any::<usize>(), any::<usize>()), 12),
        until in any::<usize>(),
    ) {
        let mut all = vec![Vec::new(), Vec::new()];
        for distances in distances {
            let event = all.len();
            let causes = distances.into_iter().filter(|distance| *distance < event);
            all.push(causes.map(|distance| event - distance).collect());
        }
        let until = until % (all.len() - 1) + 1;
        let world = Env::memory();
        let options = StoreOptions::new().segment_bytes(segment_bytes).thread(false);
        let mut store = options.open_in(world.clone()).unwrap();
        let events: Vec<_> = (1..all.len()).collect();
        for batch in events.chunks(batch) {
            let drafts = batch.iter().map(|event| {
                let draft = Draft::new(("s", format!("e{}", event % 7)), if is_even(*event) { "n.even" } else { "n.odd" });
                all[*event].iter().fold(draft, |draft, cause| {
                    let within = cause.checked_sub(batch[0]);
                    draft.cause(within.map_or(Cause::At(at(*cause)), |within| Cause::Draft(within as u32)))
                })
            });
            store.append_with(drafts.collect::<Batch>(), AppendOptions::new().buffered()).unwrap();
            if batch[0] % 3 == 0 {
                store.upkeep().step().unwrap();
            }
        }
        check(&store, &all, &pairs, until);
        store.close().unwrap();
        drop(store);
        store = options.open_in(world.clone()).unwrap();
        check(&store, &all, &pairs, until);
        store.upkeep().reindex().unwrap();
        check(&store, &all, &pairs, until);
        store.close().unwrap();
        let reader = StoreOptions::new().segment_bytes(segment_bytes).open_reader_in(world).unwrap();
        check(&reader, &all, &pairs, until);
    }
}
