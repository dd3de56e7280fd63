//! A salvage of a store while a writer goes on with it, or another one creates a store in the directory
//! that is to be filled.

use std::sync::Arc;

use tidegate::report::{SalvageReport, salvage_in};
use tidegate::testing::{Disk, Env, MemoryDisk};
use tidegate::{AppendOptions, ErrorKind, Result, StoreOptions};

use super::super::stage::{History, Stage, history, one};
use super::readers::{torn, write};
use super::{Met, meet};

fn world(disk: Arc<dyn Disk>) -> Env {
    Env { disk, ..Env::memory() }
}

/// Creates a store, or opens the one that is there, and appends.
fn create(disk: Arc<dyn Disk>) -> Result<History> {
    let store = StoreOptions::new().thread(false).open_in(world(disk))?;
    store.append_with(one("first"), AppendOptions::new().synced())?;
    let all = history(&store)?;
    store.close()?;
    Ok(all)
}

/// Whatever was acknowledged, to one or to the other, is there afterwards.
#[test]
fn into_a_directory_in_which_another_creates() {
    let (sample, intact) = Stage::closed();
    let (mut meetings, mut created) = (0, 0);
    'salvage: for at in 1.. {
        for first_at in 1.. {
            let (new, from) = (MemoryDisk::new(), sample.fork());
            let fill = move |disk| salvage_in(&from.world(), &world(disk), |_| ());
            let met: Option<Met<Result<History>, Result<SalvageReport>>> =
                meet(&new, (first_at, create), (at, fill));
            let Some(Met { first, second, midway }) = met else { break 'salvage };
            meetings += 1;
            let place = format!("salvage stopped at call {at}, creation at {first_at}");
            let found = || {
                let disk = Arc::new(new.clone());
                history(&StoreOptions::new().open_reader_in(world(disk)).unwrap()).unwrap()
            };
            match (first, second) {
                (Ok(own), Err(error)) => {
                    created += 1;
                    assert_eq!(found(), own, "{place}: {error}");
                    assert!(
                        matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Locked),
                        "{place}: {error}"
                    );
                }
                (Ok(own), Ok(_)) => {
                    assert_eq!((found(), &own[..intact.len()]), (own.clone(), &intact[..]), "{place}");
                }
                (Err(error), Ok(_)) => {
                    assert_eq!(found(), intact, "{place}: {error}");
                    assert!(
                        matches!(error.kind(), ErrorKind::Missing | ErrorKind::Locked),
                        "{place}: {error}"
                    );
                }
                (Err(one), Err(other)) => {
                    assert!(!matches!(one.kind(), ErrorKind::Damaged), "{place}: {one}");
                    assert!(!matches!(other.kind(), ErrorKind::Damaged), "{place}: {other}");
                }
            }
            if !midway {
                break;
            }
        }
    }
    assert!(created > 10, "{created} of {meetings}");
}

/// A salvage of a store that is written to saves what was durable before at least, or says that it changed.
#[test]
fn of_a_store_that_is_written_to() {
    let (sample, durable) = torn();
    let (mut saved, mut refused) = (0, 0);
    let mut check =
        |all: &History, salvaged: Result<SalvageReport>, new: &MemoryDisk, place: &str| match salvaged {
            Ok(salvaged) => {
                saved += 1;
                let disk = Arc::new(new.clone());
                let found = history(&StoreOptions::new().open_reader_in(world(disk)).unwrap()).unwrap();
                assert!(
                    all.starts_with(&found) && found.starts_with(&durable),
                    "{place}: {} events",
                    found.len()
                );
                assert!(salvaged.faults.is_empty(), "{place}: {:?}", salvaged.faults);
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.kind(), ErrorKind::Refused, "{place}: {error}");
            }
        };
    for at in 1.. {
        let (stage, new) = (sample.fork(), MemoryDisk::new());
        let (writing, from, to) = (stage.clone(), stage.clone(), new.clone());
        let writer = (usize::MAX, move |disk| write(&writing, disk));
        let salvager = (at, move |disk| salvage_in(&from.world_with(disk), &world(Arc::new(to)), |_| ()));
        let Some(met) = meet(&stage.disk, writer, salvager) else { break };
        check(&met.first, met.second, &new, &format!("stopped at call {at}"));
    }
    for at in 1.. {
        let (stage, new) = (sample.fork(), MemoryDisk::new());
        let (writing, from, to) = (stage.clone(), stage.clone(), new.clone());
        let salvager =
            (usize::MAX, move |disk| salvage_in(&from.world_with(disk), &world(Arc::new(to)), |_| ()));
        let writer = (at, move |disk| write(&writing, disk));
        let Some(met) = meet(&stage.disk, salvager, writer) else { break };
        check(&met.second, met.first, &new, &format!("the writer stopped at call {at}"));
    }
    assert!(saved > 50 && refused > 5, "{saved} saved, {refused} refused");
}
