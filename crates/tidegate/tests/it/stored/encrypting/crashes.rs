//! A crash at any call of a life with a keyring: what was acknowledged can be read, and a key is destroyed exactly if that was
//! decided.

use tidegate::report::{DESTROYED, ERASED, examine_in};
use tidegate::{Query, Result};

use super::{KEYRING, count, forget, open, try_fill, try_keyring};
use crate::faults::stage::{Stage, history};
use crate::stored::erasing::{files_with, secret, shown};
use crate::subscriptions::crashes::{Dice, every_crash};

#[derive(Debug, Default)]
struct Notes {
    filled: bool,
    done: bool,
    /// The bytes of the key that is destroyed, as they stood in the keyring.
    key: Vec<u8>,
}

const BATCHES: u64 = 6;

fn live(stage: &Stage, notes: &mut Notes, _: &mut Dice) -> Result<()> {
    let store = stage.try_write()?;
    store.use_keyring(try_keyring(stage)?)?;
    try_fill(&store, BATCHES)?;
    notes.filled = true;
    // The second slot is that of the second subject.
    notes.key = stage.disk.at_rest().read(KEYRING).unwrap()[2 * 128 + 56..][..32].to_vec();
    forget(&store, 1)?;
    notes.done = true;
    store.close()
}

#[test]
fn at_every_call() {
    let whole = Stage::seeded(5);
    let store = open(&whole);
    try_fill(&store, BATCHES).unwrap();
    let (intact, payloads) = (history(&store).unwrap(), shown(&store).0);
    drop(store);
    let is_of = |payload: &str| payload[7..13].parse::<u64>().unwrap() % 3 == 1;
    let gone: Vec<u64> = payloads.iter().filter(|(_, text)| is_of(text)).map(|(at, _)| *at).collect();
    let (mut decided, mut finished) = (0, 0);
    let checked = every_crash(5, live, |next: &Stage, notes: &Notes, place: &str| {
        let mut stage = next.fork();
        if !notes.filled {
            // Whatever was acknowledged opens: its key was durable before it.
            let store = open(&stage);
            for event in store.read(&Query::kind("letter.sent")).unwrap() {
                event.unwrap().payload().unwrap_or_else(|error| panic!("{place}: {error}"));
            }
            return;
        }
        let key_is_gone = files_with(next, &notes.key).is_empty();
        for round in 0..2 {
            let store = open(&stage);
            let is_decided = count(&store, ERASED) > 0;
            assert!(
                is_decided || !key_is_gone,
                "{place}: the key is gone, and nothing says that it is to be"
            );
            assert!(is_decided || !notes.done, "{place}");
            decided += u64::from(is_decided && !notes.done);
            finished += u64::from(is_decided && !key_is_gone);
            let (left, erased) = shown(&store);
            assert_eq!(erased, if is_decided { gone.clone() } else { Vec::new() }, "{place}, round {round}");
            assert_eq!(left.len() + erased.len(), payloads.len(), "{place}");
            assert_eq!(count(&store, DESTROYED), u64::from(is_decided), "{place}, round {round}");
            assert_eq!(files_with(&stage, &notes.key).is_empty(), is_decided, "{place}, round {round}");
            assert_eq!(history(&store).unwrap()[..intact.len()], intact, "{place}: the leaves");
            store.close().unwrap();
            drop(store);
            stage.restart();
            let found = examine_in(&stage.world(), |_| ()).unwrap();
            assert!(found.faults.is_empty(), "{place}: {:?}", found.faults);
        }
        assert_eq!(files_with(next, secret(1).as_bytes()), [""; 0], "{place}: it was never written");
    });
    assert!(checked > 200 && decided > 50 && finished > 10, "{checked}, {decided}, {finished}");
}
