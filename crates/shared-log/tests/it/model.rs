//! An exhaustive model of what nodes do with a shared log: sequences, void proposals, answers that are lost, giving up,
//! forgetting of ids, crashes and trimming. Every order of events within small bounds is tried, breadth first, so a
//! violation is shown by a shortest way to it.
//!
//! What holds in every state:
//!
//! M1. A batch is in the history at most once.
//! M2. A batch whose caller was told that it is there is in the history.
//! M3. Once faults end, every node resolves what is pending.
//! M4. No node needs a slot that was trimmed.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// Slots after which an id that was not used is forgotten, and a proposal is too old.
const WINDOW: u8 = 2;
const NODES: usize = 2;

/// A rule that is left out, so that the model is seen to find what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Proposals are applied in any sequence.
    Sequences,
    /// A proposal is never too old.
    Age,
    /// A node goes on with an id that was forgotten.
    NewId,
    /// A lost answer counts as a failure, and the caller's next batch takes the sequence.
    Resolving,
    /// The log is trimmed up to what a node has applied, not what it has saved.
    SavedState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Proposal {
    id: u8,
    sequence: u8,
    /// 0 withdraws the sequence.
    batch: u8,
    /// How far its maker had applied the log.
    applied: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pending {
    batch: u8,
    /// Whether its caller was told that the outcome is unknown.
    is_given_up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Node {
    id: u8,
    /// The last sequence that was resolved.
    sequence: u8,
    applied: u8,
    saved: u8,
    pending: Option<Pending>,
    /// Batches that its callers will still hand in.
    batches: u8,
}

/// What is left of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Budget {
    late: u8,
    duplicates: u8,
    crashes: u8,
    give_ups: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    log: Vec<Proposal>,
    late: Vec<Proposal>,
    nodes: [Node; NODES],
    /// Batches whose callers were told that they are there.
    told: Vec<u8>,
    ids: u8,
    batches: u8,
    trimmed: u8,
    /// Whether nodes save their state, and the log is trimmed.
    saves: bool,
    budget: Budget,
}

/// Takes in something that can happen, and what it changes.
type Step<'a> = dyn FnMut(String, &dyn Fn(&mut World)) + 'a;

/// What every node knows behind a slot.
#[derive(Clone, Debug, Default)]
struct Replicated {
    /// For each id its last sequence, and the slot where it was used.
    ids: BTreeMap<u8, (u8, u8)>,
    history: Vec<u8>,
}

impl Replicated {
    fn behind(log: &[Proposal], without: Without) -> Self {
        let mut state = Self::default();
        for (proposal, slot) in log.iter().zip(1..) {
            state.apply(slot, *proposal, without);
        }
        state
    }

    fn knows(&self, id: u8, slot: u8) -> bool {
        self.ids.get(&id).is_some_and(|(_, used)| slot - used <= WINDOW)
    }

    /// Returns whether the proposal is applied, or void.
    fn apply(&mut self, slot: u8, proposal: Proposal, without: Without) -> bool {
        if slot - proposal.applied > WINDOW && without != Without::Age {
            return false;
        }
        if !self.knows(proposal.id, slot) {
            self.ids.remove(&proposal.id);
        }
        let last = self.ids.get(&proposal.id).map_or(0, |(sequence, _)| *sequence);
        if proposal.sequence != last + 1 && without != Without::Sequences {
            return false;
        }
        self.ids.insert(proposal.id, (proposal.sequence, slot));
        if proposal.batch != 0 {
            self.history.push(proposal.batch);
        }
        true
    }
}

impl World {
    fn new(batches: [u8; NODES], budget: Budget) -> Self {
        let node = |id, batches| Node { id, sequence: 0, applied: 0, saved: 0, pending: None, batches };
        let nodes = [node(1, batches[0]), node(2, batches[1])];
        let saves = budget.crashes > 0;
        Self { log: vec![], late: vec![], nodes, told: vec![], ids: 2, batches: 0, trimmed: 0, saves, budget }
    }

    fn proposal(&self, node: usize) -> Option<Proposal> {
        let Node { id, sequence, applied, pending, .. } = self.nodes[node];
        let Pending { batch, is_given_up } = pending?;
        let batch = if is_given_up { 0 } else { batch };
        Some(Proposal { id, sequence: sequence + 1, batch, applied })
    }

    /// The node takes in the next slot.
    fn apply(&mut self, at: usize, without: Without) {
        let slot = self.nodes[at].applied + 1;
        let mut state = Replicated::behind(&self.log[..usize::from(slot - 1)], without);
        let proposal = self.log[usize::from(slot - 1)];
        let is_applied = state.apply(slot, proposal, without);
        let node = &mut self.nodes[at];
        node.applied = slot;
        if is_applied && proposal.id == node.id && proposal.sequence > node.sequence {
            node.sequence = proposal.sequence;
            if let Some(Pending { batch, is_given_up, .. }) = node.pending.take()
                && !is_given_up
            {
                self.told.push(batch);
                self.told.sort_unstable();
            }
        }
        // What a node knows of itself is what all know: once that is nothing, it begins anew.
        let is_unknown = !state.knows(self.nodes[at].id, slot) && self.nodes[at].sequence > 0;
        if is_unknown && without != Without::NewId {
            self.take_new_id(at);
        }
    }

    fn take_new_id(&mut self, at: usize) {
        self.ids += 1;
        let node = &mut self.nodes[at];
        (node.id, node.sequence) = (self.ids, 0);
    }

    /// Everything that can happen next, with what it is.
    fn steps(&self, slots_max: usize, without: Without) -> Vec<(String, Self)> {
        let mut steps = Vec::new();
        let mut step = |what: String, change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            next.late.sort_unstable();
            steps.push((what, next));
        };
        for at in 0..NODES {
            self.callers(at, without, &mut step);
            self.node(at, slots_max, without, &mut step);
        }
        for (index, proposal) in self.late.iter().enumerate() {
            if self.log.len() < slots_max {
                step(format!("{proposal:?} arrives"), &|world| {
                    world.late.remove(index);
                    world.log.push(*proposal);
                });
                if self.budget.duplicates > 0 {
                    step(format!("{proposal:?} arrives, and will once more"), &|world| {
                        world.budget.duplicates -= 1;
                        world.log.push(*proposal);
                    });
                }
            }
        }
        let held = self
            .nodes
            .iter()
            .map(|node| if without == Without::SavedState { node.applied } else { node.saved });
        let trimmed = held.min().unwrap_or_default();
        if self.saves && trimmed > self.trimmed {
            step(format!("the log is trimmed up to {trimmed}"), &|world| world.trimmed = trimmed);
        }
        steps
    }

    /// What the callers of a node do, and its machine.
    fn callers(&self, at: usize, without: Without, step: &mut Step<'_>) {
        let node = self.nodes[at];
        if node.pending.is_none() && node.batches > 0 {
            step(format!("node {at} is handed a batch"), &|world| {
                world.batches += 1;
                let pending = Pending { batch: world.batches, is_given_up: false };
                world.nodes[at].pending = Some(pending);
                world.nodes[at].batches -= 1;
            });
        }
        if node.pending.is_some_and(|pending| !pending.is_given_up) && self.budget.give_ups > 0 {
            step(format!("the caller of node {at} gives up"), &|world| {
                world.budget.give_ups -= 1;
                let pending = &mut world.nodes[at].pending;
                if without == Without::Resolving {
                    *pending = None;
                } else if let Some(pending) = pending {
                    pending.is_given_up = true;
                }
            });
        }
        if self.budget.crashes > 0 {
            step(format!("node {at} crashes"), &|world| {
                world.budget.crashes -= 1;
                world.nodes[at].pending = None;
                world.nodes[at].applied = node.saved;
                world.take_new_id(at);
            });
        }
    }

    /// What a node does.
    fn node(&self, at: usize, slots_max: usize, without: Without, step: &mut Step<'_>) {
        let node = self.nodes[at];
        if let Some(proposal) = self.proposal(at) {
            if self.log.len() < slots_max {
                step(format!("node {at} proposes {proposal:?}"), &|world| world.log.push(proposal));
            }
            if self.budget.late > 0 {
                step(format!("{proposal:?} of node {at} is late"), &|world| {
                    world.budget.late -= 1;
                    world.late.push(proposal);
                });
            }
        }
        if usize::from(node.applied) < self.log.len() {
            step(format!("node {at} applies slot {}", node.applied + 1), &|world| {
                world.apply(at, without);
            });
        }
        if self.saves && node.saved < node.applied {
            step(format!("node {at} saves its state"), &|world| world.nodes[at].saved = node.applied);
        }
    }

    /// Returns what does not hold.
    fn violation(&self, without: Without) -> Option<String> {
        let history = Replicated::behind(&self.log, without).history;
        let mut counts = HashMap::new();
        for batch in &history {
            *counts.entry(batch).or_insert(0) += 1;
        }
        if let Some((batch, count)) = counts.iter().find(|(_, count)| **count > 1) {
            return Some(format!("M1: batch {batch} is there {count} times"));
        }
        if let Some(batch) = self.told.iter().find(|batch| !history.contains(batch)) {
            return Some(format!("M2: batch {batch} was acknowledged and is not there"));
        }
        if let Some(node) =
            self.nodes.iter().find(|node| node.saved < self.trimmed || node.applied < self.trimmed)
        {
            return Some(format!(
                "M4: slot {} is gone, and a node needs it",
                node.saved.min(node.applied) + 1
            ));
        }
        self.is_stuck(without).then(|| "M3: what is pending is never resolved".to_owned())
    }

    /// Whether what is pending stays so although every request arrives, as long as the model lasts.
    fn is_stuck(&self, without: Without) -> bool {
        let mut world = self.clone();
        for _ in 0..4 {
            for at in 0..NODES {
                world.log.extend(world.proposal(at));
            }
            for at in 0..NODES {
                while usize::from(world.nodes[at].applied) < world.log.len() {
                    world.apply(at, without);
                }
            }
        }
        world.nodes.iter().any(|node| node.pending.is_some())
    }
}

/// Tries everything. Returns how many states there are, or the shortest way to what does not hold.
fn explore(start: World, slots_max: usize, without: Without) -> Result<usize, String> {
    let mut seen: HashMap<World, usize> = HashMap::new();
    // The way to each state: the state before, and what happened there.
    let mut ways: Vec<(usize, String)> = vec![(0, "the beginning".to_owned())];
    let mut queue = VecDeque::from([(start.clone(), 0)]);
    seen.insert(start, 0);
    while let Some((world, number)) = queue.pop_front() {
        if let Some(violation) = world.violation(without) {
            let (mut way, mut at) = (vec![violation], number);
            while at > 0 {
                way.push(ways[at].1.clone());
                at = ways[at].0;
            }
            way.reverse();
            return Err(way.join("\n"));
        }
        for (what, next) in world.steps(slots_max, without) {
            if !seen.contains_key(&next) {
                ways.push((number, what));
                seen.insert(next.clone(), ways.len() - 1);
                queue.push_back((next, ways.len() - 1));
            }
        }
    }
    Ok(seen.len())
}

fn budget(late: u8, duplicates: u8, crashes: u8, give_ups: u8) -> Budget {
    Budget { late, duplicates, crashes, give_ups }
}

#[test]
fn nothing_is_doubled_lost_or_stuck() {
    for (batches, budget, slots_max) in [
        ([1, 1], budget(1, 1, 0, 0), 5),
        ([1, 0], budget(1, 1, 1, 1), 4),
        ([1, 1], budget(1, 1, 0, 1), 4),
        ([1, 1], budget(0, 0, 1, 0), 3),
        ([2, 0], budget(1, 0, 0, 0), 6),
        ([2, 1], budget(0, 0, 0, 1), 5),
    ] {
        let start = World::new(batches, budget);
        let states = explore(start, slots_max, Without::Nothing).unwrap_or_else(|way| panic!("{way}"));
        assert!(states > 1_000, "{states} states are too few to say anything");
    }
}

#[test]
fn every_rule_is_needed() {
    for (without, batches, budget, slots_max, expected) in [
        (Without::Sequences, [1, 0], budget(1, 1, 0, 0), 3, "M1"),
        (Without::Age, [1, 1], budget(1, 1, 0, 0), 6, "M1"),
        (Without::NewId, [2, 2], budget(0, 0, 0, 0), 6, "M3"),
        (Without::Resolving, [2, 0], budget(1, 0, 0, 1), 3, "M2"),
        (Without::SavedState, [1, 1], budget(0, 0, 1, 0), 3, "M4"),
    ] {
        let found = explore(World::new(batches, budget), slots_max, without).expect_err("it is needed");
        assert!(found.contains(expected), "{without:?}: {found}");
    }
}
