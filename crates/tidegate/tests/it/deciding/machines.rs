//! State machines as gates.

use tidegate::decide::machine::{InState, Machine, NOT_NOW, Start};
use tidegate::decide::{GateSet, Verdict};
use tidegate::{Batch, ErrorKind, Event, StreamId};

use super::{append, code, denied, draft, refused, store};

#[derive(Event)]
#[event(kind = "door.opened")]
struct Opened;

#[derive(Event)]
enum Shut {
    #[event(kind = "door.closed")]
    Closed,
    #[event(kind = "door.slammed")]
    Slammed,
}

#[derive(Event)]
#[event(kind = "door.locked")]
struct Locked;

tidegate::machine! {
    /// A door, which is made open.
    fn door() {
        states Open, Closed, Fast;
        Start + Opened => Open;
        Closed + Opened => Open;
        Open + Shut => Closed;
        Closed + Locked => Fast;
    }
}

#[test]
fn what_does_not_follow_is_denied() {
    let store = store();
    let machine = door().unwrap();
    store.guard(machine.query(), GateSet::new().and(machine.clone())).unwrap();
    let stream: StreamId = ("s", "front").into();
    let step = |kind: &'static str| store.append(draft("front", kind));
    let state = || machine.state(&store.view().unwrap(), &stream).unwrap().to_owned();
    assert_eq!(state(), "Start");
    for (kind, allowed, after) in [
        ("door.locked", false, "Start"),
        ("door.opened", true, "Open"),
        ("door.opened", false, "Open"),
        ("door.painted", true, "Open"),
        ("door.slammed", true, "Closed"),
        ("door.painted", true, "Closed"),
        ("door.locked", true, "Fast"),
        ("door.opened", false, "Fast"),
    ] {
        let answer = step(kind);
        assert_eq!(answer.is_ok(), allowed, "{kind}: {answer:?}");
        assert_eq!(state(), after, "{kind}");
    }
    assert_eq!(machine.state(&store.view().unwrap(), &("s", "back").into()).unwrap(), "Start");
}

/// The events of one batch follow each other, each in its own stream.
#[test]
fn a_batch_walks_through_its_states() {
    let store = store();
    let gates = GateSet::new().and(door().unwrap());
    let propose = |batch: Batch| store.propose(&(), batch, &gates).unwrap();
    let through = ["door.opened", "door.closed", "door.opened", "door.closed", "door.locked"];
    assert!(propose(through.map(|kind| draft("a", kind)).into_iter().collect()).receipt().is_some());
    let wrong =
        denied(propose(["door.opened", "door.locked"].map(|kind| draft("b", kind)).into_iter().collect()));
    assert_eq!(code(&wrong), NOT_NOW);
    let Verdict::Deny(denial) = &wrong.verdicts[0].1 else { panic!("{wrong}") };
    assert!(denial.fields.iter().any(|(name, value)| *name == "state" && value == "Open"), "{denial:?}");
    let of_both = [draft("b", "door.opened"), draft("c", "door.opened"), draft("b", "door.closed")];
    assert!(propose(of_both.into_iter().collect()).receipt().is_some());
}

/// Two that take the same step at once: the second is judged again, and denied.
#[test]
fn a_state_that_moves_is_looked_at_again() {
    let store = std::sync::Arc::new(store());
    let gates = GateSet::new().and(door().unwrap());
    append(&store, draft("front", "door.opened"));
    let committed: usize = std::thread::scope(|scope| {
        let closing: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let batch = draft("front", "door.closed");
                    store.propose(&(), batch, &gates).unwrap().receipt().is_some()
                })
            })
            .collect();
        closing.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
    });
    assert_eq!(committed, 1);
}

#[test]
fn states_as_types_hold_to_the_version() {
    let store = store();
    let machine = door().unwrap();
    let opened = InState::<Start>::new(("s", "front")).then(&Opened).unwrap();
    append(&store, opened.batch());
    assert!(InState::<Closed>::find(&machine, &store.view().unwrap(), ("s", "front")).unwrap().is_none());
    let open = InState::<Open>::find(&machine, &store.view().unwrap(), ("s", "front")).unwrap().unwrap();
    let locked = open.then(&Shut::Slammed).unwrap().then(&Locked).unwrap();
    assert!(refused(&store, opened.batch()).conflict().is_some(), "the stream is not empty any more");
    append(&store, locked.batch());
    assert_eq!(machine.state(&store.view().unwrap(), &("s", "front").into()).unwrap(), "Fast");
    append(&store, Shut::Closed.draft(("s", "other")).unwrap());
}

#[test]
fn a_kind_leads_to_one_state() {
    let step =
        |from: &'static str, kind: &'static str, to: &'static str| (from.into(), kind.into(), to.into());
    let error = Machine::new("m", [step("Start", "a.b", "A"), step("A", "a.b", "B")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(Machine::new("m", [step("Start", "a.b", "A"), step("A", "a.b", "A")]).is_ok());
    assert!(Machine::new("m", []).is_err());
}
