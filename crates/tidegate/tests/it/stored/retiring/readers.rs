//! Readers in other processes, cursors and flows meet a retirement.

use tidegate::report::{Retire, RetirePlan};
use tidegate::{Cause, Draft, ErrorKind, EventId, Position, Query, ReadOptions, Store};

use super::retire;
use crate::faults::stage::{Stage, fill};

fn filled() -> (Stage, Store) {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, 12);
    (stage, store)
}

/// A reader that had the log open answers as the writer does, whichever files it had open.
#[test]
fn a_reader_process_takes_it_up() {
    for (map, asked) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut stage = Stage::new();
        stage.options = stage.options.map(map);
        let store = stage.open();
        fill(&store, 12);
        let reader = stage.read_only();
        let old = reader.view().unwrap();
        if asked {
            old.read(&Query::ALL).for_each(|event| drop(event.unwrap()));
        }
        let retirement = retire(&store, Position(old.head().0 / 2)).unwrap();
        assert!(retirement.segments > 0 && retirement.left.is_empty(), "{retirement}");
        // A view from before shows a record or says that it was retired.
        for position in (1..=old.head().0).map(Position) {
            match old.at(position) {
                Ok(event) => assert_eq!(event.unwrap().position(), position),
                Err(error) => {
                    assert!(error.kind() == ErrorKind::Retired && position < retirement.floor, "{error}");
                }
            }
        }
        assert_eq!(old.count(&Query::ALL).unwrap(), old.head().0);
        let view = reader.view().unwrap();
        assert_eq!(view.floor(), retirement.floor);
        assert_eq!(view.at(Position(1)).unwrap_err().kind(), ErrorKind::Retired);
        fill(&store, 2);
        let rest = ReadOptions::new().after(retirement.floor.before());
        let read = reader.read_with(&Query::ALL, rest).unwrap().map(|event| event.unwrap().position());
        let head = store.view().unwrap().head();
        assert_eq!(read.collect::<Vec<_>>(), (retirement.floor.0..=head.0).map(Position).collect::<Vec<_>>());
    }
}

/// A reader that has not looked for so long that all it knew is retired.
#[test]
fn a_reader_that_slept_goes_on() {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, 1);
    let reader = stage.read_only();
    fill(&store, 20);
    let head = store.view().unwrap().head();
    let retirement = retire(&store, head).unwrap();
    assert!(retirement.segments > 2, "{retirement}");
    let view = reader.view().unwrap();
    assert_eq!((view.head(), view.floor()), (store.view().unwrap().head(), retirement.floor));
    assert!(view.damage().is_none(), "{:?}", view.damage());
    assert_eq!(view.count(&Query::ALL).unwrap(), view.head().0);
    fill(&store, 3);
    assert_eq!(reader.view().unwrap().head(), store.view().unwrap().head());
}

#[test]
fn a_cursor_that_is_behind_refuses_it() {
    let (_stage, store) = filled();
    let behind = store.cursor("behind", Query::ALL).unwrap();
    // This one has nothing to lose.
    let _other = store.cursor("other", Query::kind("never")).unwrap();
    let head = store.view().unwrap().head();
    let plan = RetirePlan::of(&store, head).unwrap();
    assert_eq!(plan.behind.iter().map(|reader| &*reader.name).collect::<Vec<_>>(), ["cursors/behind"]);
    let refused = retire(&store, head).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert!(refused.to_string().contains("cursors/behind"), "{refused}");
    assert_eq!(store.view().unwrap().floor(), Position(1));
    let forced = store.upkeep().retire(head, Retire::new("a test", "desk 2").force(true)).unwrap();
    assert_eq!(store.view().unwrap().floor(), forced.floor);
    // Never a jump to what is left.
    assert_eq!(behind.next_now().unwrap_err().kind(), ErrorKind::Retired);
}

#[test]
fn an_effect_of_what_was_retired_names_its_flow() {
    let (_stage, store) = filled();
    let head = store.view().unwrap().head();
    assert!(retire(&store, head).unwrap().floor > Position(1));
    let effect = || Draft::new(("scope", "effect"), "thing.done").cause(Cause::At(Position(1)));
    let refused = store.append(effect()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Retired, "{refused}");
    assert!(refused.to_string().contains("correlation"), "{refused}");
    let receipt = store.append(effect().correlation(EventId([1; 16]))).unwrap();
    let graph = store.view().unwrap().graph();
    let causes: Vec<_> = graph.ancestors(&[receipt.last()]).unwrap().map(Result::unwrap).collect();
    assert!(causes.contains(&Position(1)), "{causes:?}");
}

/// The payloads of what was retired are gone; the rest of a subject's goes as ever.
#[test]
fn a_deletion_request_passes_over_it() {
    let (_stage, store) = filled();
    let subject = Query::stream(("scope", "entity-0"));
    let count = store.view().unwrap().count(&subject).unwrap();
    let head = store.view().unwrap().head();
    let floor = retire(&store, Position(head.0 / 2)).unwrap().floor;
    let left = ReadOptions::new().after(floor.before());
    let left = store.view().unwrap().count_with(&subject, left).unwrap();
    assert!(left > 0 && left < count);
    let erasure =
        store.upkeep().erase(&subject, tidegate::report::Erase::new("request 17", "desk 2")).unwrap();
    assert_eq!(erasure.events, left);
    store.verify(|_| ()).unwrap();
}
