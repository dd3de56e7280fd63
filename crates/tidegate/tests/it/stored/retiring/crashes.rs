//! A crash at any call of a retirement: the log is as it was, or as it is to be.

use tidegate::report::examine_in;
use tidegate::{Draft, ErrorKind, Position, Query, Result, Store};

use super::retire;
use crate::faults::stage::{Stage, fill, history};
use crate::subscriptions::crashes::{Dice, every_crash};

#[derive(Debug, Default)]
struct Notes {
    filled: bool,
    done: bool,
}

const BEFORE: Position = Position(9);

fn live(stage: &Stage, notes: &mut Notes, _: &mut Dice) -> Result<()> {
    let store = stage.try_write()?;
    fill_checked(&store)?;
    notes.filled = true;
    retire(&store, BEFORE)?;
    notes.done = true;
    store.close()
}

fn fill_checked(store: &Store) -> Result<()> {
    for number in 0..14_u64 {
        let draft = Draft::new(("shop", format!("order-{}", number % 3)), "order.placed");
        store.append(draft.tag(format!("tag:{}", number % 4)).bytes(vec![7; 90]))?;
    }
    Ok(())
}

#[test]
fn at_every_call() {
    let whole = Stage::seeded(5);
    let store = whole.open();
    fill_checked(&store).unwrap();
    let tagged = Query::tag("tag:1");
    let (intact, counted) = (history(&store).unwrap(), store.view().unwrap().count(&tagged).unwrap());
    drop(store);
    let mut retired = [0, 0];
    let checked = every_crash(5, live, |next: &Stage, notes: &Notes, place: &str| {
        if !notes.filled {
            return;
        }
        let found = examine_in(&next.world(), |_| ()).unwrap();
        assert!(found.faults.is_empty(), "{place}: {:?}", found.faults);
        let reader = next.read_only();
        assert!(reader.report().damage.is_none(), "{place}: {}", reader.report());
        let writer = next.open();
        for store in [&reader, &*writer] {
            let view = store.view().unwrap();
            let floor = view.floor();
            assert!(floor > Position(1) || !notes.done, "{place}: what was said to be retired is there");
            retired[usize::from(floor > Position(1))] += 1;
            assert_eq!(view.count(&tagged).unwrap(), counted, "{place}");
            for (position, leaf) in &intact {
                let read = view.at(Position(*position));
                if *position < floor.0 {
                    assert_eq!(read.unwrap_err().kind(), ErrorKind::Retired, "{place}");
                } else {
                    assert_eq!(read.unwrap().map(|event| event.leaf()), Some(*leaf), "{place}");
                }
            }
            store.verify(|_| ()).unwrap();
        }
        // It goes on, and no file is left that nothing needs.
        fill(&writer, 2);
        retire(&writer, BEFORE).unwrap();
        let floor = writer.view().unwrap().floor();
        writer.close().unwrap();
        let names = next.segments();
        assert!(floor > Position(1) && floor <= BEFORE, "{place}");
        let first = |name: &String| Position(name[9..29].parse().unwrap());
        for name in &names {
            assert_eq!(name.strip_suffix(".gone").is_some(), first(name) < floor, "{place}: {names:?}");
        }
    });
    assert!(checked > 100 && retired.iter().all(|count| *count > 10), "{checked} {retired:?}");
}
