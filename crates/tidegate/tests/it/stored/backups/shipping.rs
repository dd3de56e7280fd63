//! What is shipped to a target can be fetched whole at any moment, whatever became of the shipper.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate::report::backup::{
    FolderTarget, RestoreOptions, RestoreUntil, ShipTarget, Shipper, examine_in, fetch_in, restore_in,
};
use tidegate::testing::FaultPlan;
use tidegate::{Draft, ErrorKind, Position, Store};
use tidegate_format::store::BackupFile;

use super::{go_on, other, sample, store_file};
use crate::faults::stage::{History, Stage, history};
use crate::stored::erasing::{erase, files_with, fill, of_subject, secret, subject};

fn target_of(stage: &Stage) -> Arc<FolderTarget> {
    Arc::new(FolderTarget::new_in(&stage.world()))
}

/// Fetches what is in a target, examines it, and returns what a restored store has.
fn fetched(target: &dyn ShipTarget) -> History {
    let (copy, new) = (other(), other());
    fetch_in(target, &copy.world()).unwrap();
    let examined = examine_in(&copy.world(), |_| ()).unwrap();
    assert!(examined.faults.is_empty(), "{:?}", examined.faults);
    let _ = restore_in(&copy.world(), &new.world(), &RestoreOptions::new().keep_id(true), |_| ()).unwrap();
    history(&new.read_only()).unwrap()
}

/// What a target's directory holds and its list does not name.
fn unnamed(place: &Stage) -> Vec<String> {
    let rest = place.disk.at_rest();
    let lists = rest.names_in("shipped");
    let list = BackupFile::read(&rest.read(&lists[0]).unwrap()).unwrap();
    let is_named = |name: &String| {
        name == &lists[0] || list.files.iter().any(|file| name.ends_with(&format!("-{}", file.digest)))
    };
    rest.names().into_iter().filter(|name| !is_named(name)).collect()
}

#[test]
fn each_shipment_has_what_is_durable() {
    let (mut stage, intact) = sample();
    let place = other();
    let target = target_of(&place);
    let mut shipper = Shipper::new_in(stage.world(), target.clone());
    let first = shipper.ship().unwrap();
    assert_eq!((first.number, first.until.0, first.events), (1, intact.len() as u64, intact.len() as u64));
    assert_eq!(fetched(&*target), intact);
    let again = shipper.ship().unwrap();
    assert_eq!((again.number, again.events, again.pieces), (1, 0, 0), "nothing is new");
    for round in 2..8 {
        let now = go_on(&mut stage, 10 + round * 3..13 + round * 3);
        // Each time another process.
        let shipment = Shipper::new_in(stage.world(), target.clone()).ship().unwrap();
        assert_eq!((shipment.number, shipment.until.0), (round as u64, now.len() as u64));
        assert!(shipment.bytes < first.bytes, "only what is new: {shipment:?}");
        assert_eq!(fetched(&*target), now);
        assert_eq!(target.list("shipped").unwrap().len(), 1, "earlier lists are deleted");
    }
    // Up to any position, as of a backup.
    let (copy, new) = (other(), Stage::seeded(9));
    fetch_in(&*target, &copy.world()).unwrap();
    let options = RestoreOptions::new().until(RestoreUntil::Position(Position(intact.len() as u64)));
    let report = restore_in(&copy.world(), &new.world(), &options, |_| ()).unwrap();
    assert_eq!(history(&new.read_only()).unwrap(), intact);
    assert_eq!(store_file(&new).forks.last().unwrap().root, report.root);
}

#[test]
fn a_second_shipper_is_refused_and_harms_nothing() {
    let (mut stage, _) = sample();
    let place = other();
    let target = target_of(&place);
    let mut one = Shipper::new_in(stage.world(), target.clone());
    one.ship().unwrap();
    let now = go_on(&mut stage, 30..33);
    Shipper::new_in(stage.world(), target.clone()).ship().unwrap();
    let error = one.ship().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert_eq!(fetched(&*target), now);
    // Nor does another store come into it.
    let mut strange = Stage::seeded(77);
    strange.open().close().unwrap();
    strange.restart();
    let error = Shipper::new_in(strange.world(), target.clone()).ship().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(fetched(&*target), now);
}

#[test]
fn a_piece_of_which_a_bit_is_flipped_is_told() {
    let (stage, _) = sample();
    let place = other();
    let target = target_of(&place);
    Shipper::new_in(stage.world(), target.clone()).ship().unwrap();
    for name in target.list("pieces").unwrap() {
        let name = format!("pieces/{name}");
        place.disk.at_rest().flip_bit(&name, 77).unwrap();
        let error = fetch_in(&*target, &other().world()).unwrap_err();
        assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains(&name), "{error}");
        place.disk.at_rest().flip_bit(&name, 77).unwrap();
    }
    fetch_in(&*target, &other().world()).unwrap();
}

/// A target that is lost at its nth change: the change is not made, or it is and no shipper hears of it.
#[derive(Debug)]
struct Lost {
    inner: Arc<FolderTarget>,
    left: AtomicU64,
    is_made: bool,
}

impl Lost {
    fn change(&self, make: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let lost = || io::Error::other("the connection is lost");
        match self.left.load(Ordering::SeqCst) {
            0 => return Err(lost()),
            left => self.left.store(left - 1, Ordering::SeqCst),
        }
        if self.left.load(Ordering::SeqCst) > 0 {
            return make();
        }
        if self.is_made {
            make()?;
        }
        Err(lost())
    }
}

impl ShipTarget for Lost {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(|| self.inner.put(name, bytes))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(|| self.inner.put_new(name, bytes))
    }

    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        self.inner.get(name)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.inner.list(folder)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.change(|| self.inner.delete(name))
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

/// At every change of a target: what is there is the shipment before or this one, and the same shipper, or the next
/// process, goes on.
#[test]
fn a_shipper_that_is_cut_off_anywhere_goes_on() {
    let (mut stage, before) = sample();
    let first = other();
    Shipper::new_in(stage.world(), target_of(&first)).ship().unwrap();
    let after = go_on(&mut stage, 30..36);
    let mut cuts = 0;
    for is_made in [false, true] {
        for nth in 1.. {
            let mut place = first.fork();
            place.restart();
            let inner = target_of(&place);
            let lost = Arc::new(Lost { inner: inner.clone(), left: AtomicU64::new(nth), is_made });
            let mut shipper = Shipper::new_in(stage.world(), lost.clone());
            let shipped = shipper.ship();
            let is_cut = lost.left.load(Ordering::SeqCst) == 0;
            let found = fetched(&*inner);
            assert!(found == after || (found == before && shipped.is_err()), "change {nth}");
            lost.left.store(u64::MAX, Ordering::SeqCst);
            assert_eq!(shipper.ship().unwrap().until.0, after.len() as u64, "change {nth}");
            assert_eq!(fetched(&*inner), after);
            Shipper::new_in(stage.world(), inner.clone()).ship().unwrap();
            assert_eq!(fetched(&*inner), after);
            assert_eq!(unnamed(&place), [""; 0], "change {nth}");
            if !is_cut {
                break;
            }
            cuts += 1;
        }
    }
    assert!(cuts > 8, "{cuts}");
}

/// Power cuts of the machine that holds a folder: what a shipment answered for is there.
#[test]
fn a_folder_keeps_what_was_shipped_through_power_cuts() {
    let (mut stage, before) = sample();
    let first = other();
    Shipper::new_in(stage.world(), target_of(&first)).ship().unwrap();
    let after = go_on(&mut stage, 30..36);
    for nth in 1.. {
        let mut place = first.fork();
        place.disk.set_plan(FaultPlan::default().crash_at(nth));
        let shipped = Shipper::new_in(stage.world(), target_of(&place)).ship();
        let ended = place.disk.ended();
        if ended {
            place.disk.power_cut(nth);
            place.restart();
        }
        place.disk.set_plan(FaultPlan::default());
        let target = target_of(&place);
        let found = fetched(&*target);
        assert!(found == after || (found == before && shipped.is_err()), "call {nth}");
        Shipper::new_in(stage.world(), target.clone()).ship().unwrap();
        assert_eq!(fetched(&*target), after);
        assert_eq!(unnamed(&place), [""; 0], "call {nth}");
        if !ended {
            break;
        }
    }
}

/// The pages on erasing say so: what is erased in the store goes from the target with the next shipment.
#[test]
fn what_is_erased_goes_with_the_next_shipment() {
    let (stage, place) = (Stage::new(), other());
    let store = stage.open();
    fill(&store, 6);
    let target = target_of(&place);
    let mut shipper = Shipper::new_in(stage.world(), target.clone());
    shipper.ship().unwrap();
    assert!(!files_with(&place, secret(1).as_bytes()).is_empty(), "it was shipped");
    erase(&store, &subject(1)).unwrap();
    store.upkeep().step().unwrap();
    assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0], "it is erased in the store");
    let shipment = shipper.ship().unwrap();
    assert_eq!(files_with(&place, secret(1).as_bytes()), [""; 0], "{shipment:?}");
    assert!(!files_with(&place, secret(2).as_bytes()).is_empty(), "others stay");
    assert_eq!(fetched(&*target), history(&store).unwrap());
}

/// One that was killed had put a payload and named it in no list; it was erased before the next shipment. The first shipment
/// of the next shipper deletes it.
#[test]
fn what_a_killed_shipper_left_is_deleted() {
    let (stage, first) = (Stage::new(), other());
    let store = stage.open();
    store.append(Draft::new(("shop", "till"), "till.opened")).unwrap();
    Shipper::new_in(stage.world(), target_of(&first)).ship().unwrap();
    fill(&store, 6);
    let (mut left, mut cuts) = (0, 0);
    for nth in 1.. {
        let mut place = first.fork();
        place.disk.set_plan(FaultPlan::default().crash_at(nth));
        let _ = Shipper::new_in(stage.world(), target_of(&place)).ship();
        if !place.disk.ended() {
            break;
        }
        place.disk.power_cut(nth);
        place.restart();
        let holds =
            |place: &Stage| place.disk.at_rest().names().iter().any(|name| name.starts_with("pieces/"));
        left += u64::from(unnamed(&place).len() > 1 && holds(&place));
        Shipper::new_in(stage.world(), target_of(&place)).ship().unwrap();
        assert_eq!(unnamed(&place), [""; 0], "call {nth}");
        cuts += 1;
    }
    assert!(cuts > 10 && left > 0, "{cuts} cuts, {left} left something");
    // With nothing new to ship, too.
    let strange =
        "pieces/00000000000000000001.seg-0000000000000000000000000000000000000000000000000000000000000000";
    let mut place = first.fork();
    place.restart();
    let target = target_of(&place);
    Shipper::new_in(stage.world(), target.clone()).ship().unwrap();
    target.put(strange, secret(1).as_bytes()).unwrap();
    place.disk.at_rest().copy(strange, &format!("{strange}.tmp")).unwrap();
    assert_eq!(unnamed(&place).len(), 2);
    let shipment = Shipper::new_in(stage.world(), target.clone()).ship().unwrap();
    assert_eq!((shipment.pieces, unnamed(&place)), (0, Vec::new()));
    assert_eq!(fetched(&*target), history(&store).unwrap());
}

/// The reader stays open between shipments, so that one costs what is new and not the store.
#[test]
fn a_later_shipment_does_not_open_the_store_again() {
    let (stage, place) = (Stage::new(), other());
    let store = stage.open();
    fill(&store, 60);
    let target = target_of(&place);
    let mut shipper = Shipper::new_in(stage.world(), target.clone());
    let calls = |shipper: &mut Shipper| {
        let before = stage.disk.reads();
        shipper.ship().unwrap();
        stage.disk.reads() - before
    };
    let first = calls(&mut shipper);
    store.append(of_subject(900)).unwrap();
    let next = calls(&mut shipper);
    store.append(of_subject(901)).unwrap();
    let anew = calls(&mut Shipper::new_in(stage.world(), target.clone()));
    assert!(next * 3 < anew && next * 3 < first, "{first} reads, then {next}, and {anew} of a new one");
    assert_eq!(fetched(&*target), history(&store).unwrap());
}

/// A directory that another store, or an older copy, was put into is not shipped as the one that was open.
#[test]
fn a_shipper_notices_that_the_store_was_replaced() {
    let (stage, place) = (Stage::new(), other());
    let store = stage.open();
    fill(&store, 6);
    let copy = stage.fork();
    fill_more(&store);
    let target = target_of(&place);
    let mut shipper = Shipper::new_in(stage.world(), target.clone());
    shipper.ship().unwrap();
    let intact = fetched(&*target);
    let (from, to) = (copy.disk.at_rest(), stage.disk.at_rest());
    for name in to.names() {
        to.remove(&name).unwrap();
    }
    for name in from.names() {
        to.write(&name, &from.read(&name).unwrap()).unwrap();
    }
    for _ in 0..2 {
        let kind = shipper.ship().unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::Older | ErrorKind::Damaged | ErrorKind::Missing), "{kind:?}");
    }
    assert_eq!(fetched(&*target), intact);
}

fn fill_more(store: &Store) {
    for number in 0..5 {
        store.append(of_subject(number)).unwrap();
    }
}
