//! Frames are written while a sync runs, decisions see them, and no answer comes before what it rests on is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use tidegate::decide::{Decision, Denial, GateSet, Outcome, Proposal, Verdict, gate};
use tidegate::testing::{Call, Env, Errno, FaultPlan};
use tidegate::{
    AppendOptions, Batch, Cause, Condition, Draft, Error, ErrorKind, Position, Query, Result, Store,
    StoreOptions, Version,
};
use tidegate_format::FrameHeader;

use super::{draft, tag};
use crate::faults::{Gate, Hooked, LONG, Opened, Stage, stalled};

/// A store of one long segment whose disk waits at syncs while the gate is shut.
fn gated(thread: bool) -> (Stage, Arc<Store>, Arc<Gate>) {
    let mut stage = Stage::new();
    stage.options = StoreOptions::new().thread(thread);
    let (store, gate) = stalled(stage.disk.clone(), stage.world(), stage.options);
    (stage, Arc::new(store), gate)
}

fn seat(entity: &str) -> Draft {
    draft(entity, "seat.taken").tag("t")
}

/// Waits until this position is written.
fn written(store: &Store, position: u64) {
    while store.frontier().written < Position(position) {
        std::thread::yield_now();
    }
}

/// A batch whose sync does not come to its end, and then what others do meanwhile. Returns when the gate was opened and
/// everything answered.
fn beside_a_sync<T: Send>(
    store: &Store,
    gate: &Gate,
    meanwhile: impl FnOnce(&Store) -> T + Send,
    shut: impl FnOnce(),
) -> T {
    gate.shut();
    std::thread::scope(|scope| {
        let _opened = Opened(gate);
        let first = scope.spawn(|| store.append_with(seat("first"), AppendOptions::new().synced()).unwrap());
        gate.wait_for_someone();
        let others = scope.spawn(|| meanwhile(store));
        shut();
        gate.open();
        assert_eq!(first.join().unwrap().first(), Position(1));
        others.join().unwrap()
    })
}

#[test]
fn one_sync_covers_what_was_written_during_another() {
    for thread in [false, true] {
        let (_, store, gate) = gated(thread);
        let five = |store: &Store| {
            std::thread::scope(|scope| {
                let all: Vec<_> = (0..5)
                    .map(|_| {
                        scope.spawn(|| store.append_with(seat("a"), AppendOptions::new().synced()).unwrap())
                    })
                    .collect();
                all.into_iter().map(|one| one.join().unwrap().first()).max().unwrap()
            })
        };
        let last = beside_a_sync(&store, &gate, five, || {
            written(&store, 6);
            assert_eq!(store.frontier().visible, Position(0), "no other caller sees what may be lost");
            assert_eq!(store.view().unwrap().head(), Position(0));
        });
        assert_eq!((last, store.frontier().durable), (Position(6), Position(6)));
        assert_eq!(gate.passed(), 2, "one sync for the first, one for all that came meanwhile");
        store.close().unwrap();
    }
}

/// What a decision can come to.
type Way = (&'static str, fn(&Store, AppendOptions, &dyn Fn()) -> Answer);

/// What the caller was told.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Committed(Position),
    Denied,
    Refused(ErrorKind),
}

fn answer(decided: Result<Outcome>) -> Answer {
    match decided {
        Ok(Outcome::Committed(receipt)) => Answer::Committed(receipt.first()),
        Ok(Outcome::Denied(_)) => Answer::Denied,
        Err(error) => Answer::Refused(error.kind()),
    }
}

/// Decides by the events with the tag, of which there has to be one.
fn by(
    store: &Store,
    append: AppendOptions,
    seen: &dyn Fn(),
    decision: impl Fn() -> Result<Decision>,
) -> Answer {
    answer(store.decide_with(append, |view| -> tidegate::Result<_> {
        assert_eq!(view.count(&tag("t"))?, 1, "what is written is seen");
        seen();
        decision()
    }))
}

fn ways() -> [Way; 6] {
    [
        ("denied", |store, append, seen| by(store, append, seen, || Ok(Decision::deny("FULL", "taken")))),
        ("an error of the closure", |store, append, seen| {
            by(store, append, seen, || Err(Error::new(ErrorKind::Missing, "no such course")))
        }),
        ("refused while preparing", |store, append, seen| {
            let unknown = || Draft::new(("s", "b"), "a.b").cause(Cause::At(Position(99)));
            by(store, append, seen, || Ok(unknown().into()))
        }),
        ("refused by a condition", |store, append, seen| {
            let taken = || Batch::from(draft("b", "a.b")).only_if(Condition::fail_if(tag("t")));
            by(store, append, seen, || Ok(taken().into()))
        }),
        ("refused at the commit", |store, append, seen| {
            let moved = || Condition::Version(draft("other", "a.b").stream, Version(7));
            by(store, append, seen, || Ok(Batch::from(draft("b", "a.b")).only_if(moved()).into()))
        }),
        ("committed", |store, append, seen| by(store, append, seen, || Ok(draft("b", "a.b").into()))),
    ]
}

#[test]
fn a_decision_sees_what_is_written_and_its_answer_waits_for_that() {
    let expected = [
        Answer::Denied,
        Answer::Refused(ErrorKind::Missing),
        Answer::Refused(ErrorKind::Refused),
        Answer::Refused(ErrorKind::Conflict),
        Answer::Refused(ErrorKind::Conflict),
        Answer::Committed(Position(2)),
    ];
    for ((name, way), expected) in ways().into_iter().zip(expected) {
        for append in [AppendOptions::new().synced(), AppendOptions::new().buffered()] {
            let (_, store, gate) = gated(false);
            let (seen, was_seen) = channel();
            let decide = move |store: &Store| {
                let answer = way(store, append, &|| seen.send(()).unwrap());
                let frontier = store.frontier();
                assert!(
                    frontier.visible >= Position(1),
                    "{name}: told of an event that no caller sees, {frontier}"
                );
                assert!(
                    frontier.durable >= Position(1),
                    "{name}: told of an event that may be lost, {frontier}"
                );
                answer
            };
            let told = beside_a_sync(&store, &gate, decide, || was_seen.recv_timeout(LONG).unwrap());
            assert_eq!(told, expected, "{name}");
            store.close().unwrap();
        }
    }
}

/// What a sync has made durable is visible a moment later, and no answer that rests on it comes before that.
#[test]
fn what_an_answer_rests_on_is_visible_as_soon_as_it_is_durable() {
    let mut stage = Stage::new();
    stage.options = StoreOptions::new().thread(false);
    let (gate, syncs) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (passed, synced) = (Arc::clone(&gate), Arc::clone(&syncs));
    // What is written behind a sync is the watermark.
    let disk = Hooked::new(stage.disk.clone(), move |call| match call {
        Call::Sync => _ = synced.fetch_add(1, Ordering::SeqCst),
        Call::Write if synced.load(Ordering::SeqCst) > 0 => passed.pass(),
        _ => {}
    });
    let world = Env { disk: Arc::new(disk), ..stage.world() };
    let store = stage.options.open_in(world).unwrap();
    syncs.store(0, Ordering::SeqCst);
    gate.shut();
    std::thread::scope(|scope| {
        let _opened = Opened(&gate);
        let first = scope.spawn(|| store.append_with(seat("first"), AppendOptions::new().synced()).unwrap());
        gate.wait_for_someone();
        assert_eq!(store.frontier().durable, Position(1));
        let denied = scope.spawn(|| {
            let decided =
                store.decide_with(AppendOptions::new().synced(), |view| -> tidegate::Result<Decision> {
                    Ok(Decision::deny("SEEN", view.count(&tag("t"))?.to_string()))
                });
            (answer(decided), store.view().unwrap().head())
        });
        let waited =
            scope.spawn(|| (store.wait_durable(Position(1), LONG).unwrap(), store.view().unwrap().head()));
        // Long enough for the caller that does not wait; the caller that does is let go here.
        std::thread::sleep(Duration::from_millis(50));
        gate.open();
        assert_eq!(first.join().unwrap().first(), Position(1));
        assert_eq!(denied.join().unwrap(), (Answer::Denied, Position(1)));
        assert_eq!(waited.join().unwrap(), (Position(1), Position(1)));
    });
    store.close().unwrap();
}

/// A refusal by the log, to one who asked to be synced, waits for what refuses it, and so does the answer of a ticket.
#[test]
fn a_refusal_by_what_is_buffered_waits_for_a_sync() {
    for thread in [false, true] {
        let (_, store, _) = gated(thread);
        let taken = |entity: &str| Batch::from(draft(entity, "a.b")).only_if(Condition::fail_if(tag("t")));
        let durable = |position| assert!(store.frontier().durable >= Position(position));
        store.append_with(seat("a"), AppendOptions::new().buffered()).unwrap();
        assert_eq!(
            store.append_with(taken("b"), AppendOptions::new().buffered()).unwrap_err().kind(),
            ErrorKind::Conflict
        );
        assert_eq!(
            store.frontier().durable,
            Position(0),
            "the caller that is content with buffered does not wait"
        );
        assert_eq!(
            store.append_with(taken("b"), AppendOptions::new().synced()).unwrap_err().kind(),
            ErrorKind::Conflict
        );
        durable(1);
        store.append_with(seat("a"), AppendOptions::new().buffered()).unwrap();
        let denied = store.decide_with(AppendOptions::new().synced(), |view| -> tidegate::Result<Decision> {
            assert_eq!(view.count(&tag("t"))?, 2);
            Ok(Decision::deny("FULL", "taken"))
        });
        assert_eq!(answer(denied), Answer::Denied);
        durable(2);
        let keyed = || Batch::from(seat("c")).key("k");
        let first = store.append_with(keyed(), AppendOptions::new().buffered()).unwrap();
        assert_eq!(store.submit_with(keyed(), AppendOptions::new().synced()).unwrap().wait().unwrap(), first);
        durable(3);
        let full = gate("full", |_: &Proposal<'_, ()>, view| {
            let count = view.count(&tag("t"))?;
            Ok(if count < 4 { Verdict::Allow } else { Verdict::Deny(Denial::new("FULL", "taken")) })
        });
        store.guard(Query::ALL, GateSet::new().and(full)).unwrap();
        store.append_with(seat("d"), AppendOptions::new().buffered()).unwrap();
        let ticket = store
            .submit_with(seat("e"), AppendOptions::new().synced())
            .expect("the refusal waits with the ticket");
        assert_eq!(ticket.wait().unwrap_err().kind(), ErrorKind::Denied);
        durable(4);
        assert_eq!(
            store.submit_with(seat("e"), AppendOptions::new().synced()).unwrap_err().kind(),
            ErrorKind::Denied
        );
        store.close().unwrap();
    }
}

#[test]
fn a_buffered_batch_behind_a_synced_one_waits_for_its_sync() {
    let (_, store, gate) = gated(false);
    let buffered = |store: &Store| {
        let receipt = store.append_with(seat("b"), AppendOptions::new().buffered()).unwrap();
        let frontier = store.frontier();
        assert!(frontier.visible >= receipt.last() && frontier.durable >= Position(1), "{frontier}");
        receipt.first()
    };
    let second = beside_a_sync(&store, &gate, buffered, || {
        written(&store, 2);
        assert_eq!(store.frontier().visible, Position(0));
        assert_eq!(store.view().unwrap().count(&Query::ALL).unwrap(), 0);
    });
    assert_eq!(second, Position(2));
    store.close().unwrap();
}

/// A sync that fails ends the writer, and every waiting caller for that or a later one is told.
#[test]
fn a_failed_sync_fails_all_frames_since() {
    let (stage, store, gate) = gated(false);
    gate.shut();
    let store = &store;
    std::thread::scope(|scope| {
        let _opened = Opened(&gate);
        let first = scope.spawn(|| store.append_with(seat("first"), AppendOptions::new().synced()));
        gate.wait_for_someone();
        let later = [AppendOptions::new().synced(), AppendOptions::new().buffered()]
            .map(|append| scope.spawn(move || store.append_with(seat("later"), append).map(drop)));
        let denied = scope.spawn(|| {
            store.decide_with(AppendOptions::new().synced(), |view| -> tidegate::Result<Decision> {
                Ok(Decision::deny("SEEN", view.count(&tag("t"))?.to_string()))
            })
        });
        written(store, 3);
        stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
        gate.open();
        assert_eq!(first.join().unwrap().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        for one in later {
            assert_eq!(one.join().unwrap().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        }
        assert_eq!(answer(denied.join().unwrap()), Answer::Refused(ErrorKind::Ended));
    });
    assert_eq!(store.frontier().visible, Position(0));
    assert_eq!(store.close().unwrap_err().kind(), ErrorKind::Ended);
}

/// After a full disk the same positions are given again: no decision sees what was only accepted.
#[test]
fn what_was_not_written_is_never_seen() {
    let (stage, store, _) = gated(false);
    store.append_with(seat("a"), AppendOptions::new().synced()).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::NOSPC));
    let id = tidegate::EventId([7; 16]);
    let batch = || Batch::from(seat("b").id(id)).key("k");
    assert_eq!(
        store.append_with(batch(), AppendOptions::new().synced()).unwrap_err().kind(),
        ErrorKind::Full
    );
    let decided = store.decide_with(AppendOptions::new().synced(), |view| -> tidegate::Result<Decision> {
        assert_eq!((view.count(&tag("t"))?, view.head()), (1, Position(1)));
        Ok(seat("c").into())
    });
    assert_eq!(answer(decided), Answer::Committed(Position(2)));
    assert_eq!(store.append_with(batch(), AppendOptions::new().synced()).unwrap().first(), Position(3));
    store.close().unwrap();
}

/// A frame vouches for what was durable when it was sealed. A sync that still runs makes nothing durable yet: were it
/// counted, a crash would be taken for damage. Wherever the power goes, opening keeps a beginning of the log.
#[test]
fn a_frame_never_counts_on_a_sync_that_still_runs() {
    let (stage, store, gate) = gated(false);
    store.append_with(seat("before"), AppendOptions::new().synced()).unwrap();
    gate.shut();
    std::thread::scope(|scope| {
        let _opened = Opened(&gate);
        let waiting: Vec<_> = (2..6)
            .map(|position| {
                let one = scope.spawn(|| {
                    store.append_with(seat("a").bytes(vec![7; 700]), AppendOptions::new().synced()).unwrap()
                });
                written(&store, position);
                one
            })
            .collect();
        gate.wait_for_someone();
        let synced = |stage: &Stage| {
            let name = stage.active();
            let (bytes, frames) = (stage.bytes(&name), stage.frames(&name));
            let heads = frames.iter().filter_map(|at| FrameHeader::read(&bytes[*at..]).ok());
            heads.map(|head| head.synced.0).collect::<Vec<_>>()
        };
        assert_eq!(synced(&stage), [0, 1, 1, 1, 1]);
        let mut kept = [0_u32; 6];
        for seed in 0..300 {
            let mut crashed = stage.fork();
            crashed.disk.power_cut(seed);
            crashed.restart();
            let store = crashed.open();
            kept[store.frontier().durable.0 as usize] += 1;
            store.verify(|_| ()).unwrap();
        }
        assert!(kept[0] == 0 && kept[1] > 0 && kept[2..].iter().sum::<u32>() > 0, "{kept:?}");
        gate.open();
        for one in waiting {
            one.join().unwrap();
        }
        store.append_with(seat("behind"), AppendOptions::new().synced()).unwrap();
        assert_eq!(synced(&stage)[5], 5);
    });
    store.close().unwrap();
}

/// A segment that ends while a sync runs waits for it; what the roll makes durable is answered.
#[test]
fn a_roll_beside_a_sync_keeps_the_order() {
    let mut stage = Stage::new();
    stage.options = StoreOptions::new().thread(false).segment_bytes(1400);
    let (store, gate) = stalled(stage.disk.clone(), stage.world(), stage.options);
    let many = |store: &Store| {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..12)
                .map(|_| scope.spawn(|| store.append_with(seat("a"), AppendOptions::new().synced()).unwrap()))
                .collect();
            all.into_iter().map(|one| one.join().unwrap().first().0).max().unwrap()
        })
    };
    assert_eq!(beside_a_sync(&store, &gate, many, || written(&store, 3)), 13);
    assert_eq!(store.frontier().durable, Position(13));
    store.verify(|_| ()).unwrap();
    store.close().unwrap();
}
