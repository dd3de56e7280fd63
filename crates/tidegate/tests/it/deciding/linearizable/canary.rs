//! A store that does not check at the commit is found out: the canary commits by a plain append what it
//! decided through a view.

use std::sync::Barrier;

use tidegate::batch::ReceiptEvent;
use tidegate::{AppendOptions, Batch, Condition, Position, Store};

use super::Dice;
use super::checker::check;
use super::workload::{Notes, Task, Way};

fn store() -> Store {
    Store::in_memory().unwrap()
}

/// What must have happened for the task to be worth racing for, and the task.
fn races() -> Vec<(Vec<Task>, Task)> {
    vec![
        (vec![], Task::ClaimName(0)),
        (vec![Task::ClaimName(0)], Task::GiveUpName(0)),
        (vec![Task::TakeSeat(0); 24], Task::TakeSeat(0)),
        (vec![Task::PayIn(0, 10)], Task::Transfer(0, 1, 7)),
        (vec![Task::Invoice], Task::Invoice),
    ]
}

/// Two decide by the same view, and both commit.
fn race(
    before: &[Task],
    task: Task,
    commit: impl Fn(&Store, Batch, &super::workload::Fixture),
) -> Vec<String> {
    let (store, notes) = (store(), Notes::default());
    for task in before {
        assert!(notes.run(&store, *task, Way::Decide, &AppendOptions::new()));
    }
    assert_eq!(check(&store, &notes), Vec::<String>::new());
    let drafted = [(); 2].map(|()| notes.only_draft(&store, task).expect("the rule allows it"));
    for (draft, ground) in drafted {
        commit(&store, draft.into(), &ground);
    }
    check(&store, &notes)
}

#[test]
fn a_commit_without_its_check_is_found() {
    for (before, task) in races() {
        let found = race(&before, task, |store, batch, _| {
            store.append(batch).unwrap();
        });
        assert!(found.iter().any(|found| found.contains("rested on")), "{task:?}: {found:?}");
        assert!(found.iter().any(|found| found.contains("a rule is broken")), "{task:?}: {found:?}");
    }
}

#[test]
fn with_its_check_it_is_refused_and_nothing_is_found() {
    for (before, task) in races() {
        let found = race(&before, task, |store, batch, ground| {
            let unmoved = |batch: Batch, boundary: &super::workload::Boundary| {
                batch.only_if(Condition::fail_if(boundary.query()).after(ground.head))
            };
            let batch = ground.boundaries.iter().fold(batch, unmoved);
            if let Err(error) = store.append(batch) {
                assert!(error.conflict().is_some(), "{error}");
            }
        });
        assert_eq!(found, Vec::<String>::new(), "{task:?}");
    }
}

#[test]
fn threads_that_skip_the_check_are_found() {
    const THREADS: usize = 4;
    let (store, notes, together) = (store(), Notes::default(), Barrier::new(THREADS));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, notes, together) = (&store, &notes, &together);
            scope.spawn(move || {
                let mut dice = Dice(thread as u64);
                for _ in 0..10 {
                    let task = Task::TakeSeat(dice.roll(2));
                    let drafted = notes.only_draft(store, task);
                    together.wait();
                    if let Some((draft, _)) = drafted {
                        store.append(draft).unwrap();
                    }
                    together.wait();
                }
            });
        }
    });
    let found = check(&store, &notes);
    assert!(found.iter().any(|found| found.contains("rested on")), "{found:?}");
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_found() {
    let (store, notes) = (store(), Notes::default());
    assert!(notes.run(&store, Task::Invoice, Way::Decide, &AppendOptions::new()));
    let lose = |change: &dyn Fn(&mut ReceiptEvent)| {
        let mut receipt = notes.receipts.lock().unwrap()[0].0.clone();
        change(&mut receipt.events[0]);
        notes.receipts.lock().unwrap().push((receipt, true));
        let found = check(&store, &notes);
        notes.receipts.lock().unwrap().pop();
        found
    };
    assert_eq!(lose(&|_| ()), Vec::<String>::new());
    assert_eq!(lose(&|event| event.position = Position(2)), ["what was acknowledged at 2 is not there"]);
    assert_eq!(lose(&|event| event.leaf.0[0] ^= 1), ["what was acknowledged at 1 is not there"]);
    assert_eq!(lose(&|event| event.id.0[0] ^= 1), ["what was acknowledged at 1 is not there"]);
}

#[test]
fn a_denial_for_what_is_lost_is_found() {
    let (store, notes) = (store(), Notes::default());
    for _ in 0..2 {
        notes.run(&store, Task::ClaimName(0), Way::Decide, &AppendOptions::new());
    }
    assert_eq!(check(&store, &notes), Vec::<String>::new());
    let told = notes.rested.lock().unwrap()[0];
    assert_eq!(told.0, Position(1));
    notes.rested.lock().unwrap().push((Position(2), told.1, true));
    assert_eq!(check(&store, &notes), ["a denial rested on the event at 2, which is lost"]);
}
