//! Two openers of one empty directory: one creates the store, the other is told that it is locked (F23).
//!
//! A second opener once looked for the store file before the first had made it and at the directory after, and was
//! told that the directory is not a store and not empty.

use std::sync::Arc;

use tidegate::testing::{Disk, Env, MemoryDisk};
use tidegate::{AppendOptions, ErrorKind, Result, Store, StoreOptions};

use super::super::stage::one;
use super::{Met, meet};

fn open(disk: Arc<dyn Disk>) -> Result<Store> {
    let world = Env { disk, ..Env::memory() };
    let store = StoreOptions::new().thread(false).open_in(world)?;
    store.append_with(one("first"), AppendOptions::new().synced())?;
    Ok(store)
}

#[test]
fn one_gets_the_store() {
    let (mut meetings, mut first_won) = (0, 0);
    'second: for at in 1.. {
        for first_at in 1.. {
            let Some(Met { first, second, midway }) = meet(&MemoryDisk::new(), (first_at, open), (at, open))
            else {
                break 'second;
            };
            meetings += 1;
            first_won += usize::from(first.is_ok());
            let place = format!("second stopped at call {at}, first at {first_at}");
            let (winner, error) = match (first, second) {
                (Ok(winner), Err(error)) | (Err(error), Ok(winner)) => (winner, error),
                both => panic!("{place}: {both:?}"),
            };
            assert_eq!(error.kind(), ErrorKind::Locked, "{place}: {error}");
            assert_eq!(winner.view().unwrap().head().0, 1, "{place}");
            if !midway {
                break;
            }
        }
    }
    assert!(
        first_won > 100 && meetings - first_won > 100,
        "{first_won} of {meetings}: too few to mean anything"
    );
}
