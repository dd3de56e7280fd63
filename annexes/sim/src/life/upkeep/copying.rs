//! Those who copy: backups beside the writer, shipments, and stores made of them. Each may be stopped at any call, with its
//! machine or alone; what was there before is there still.

use std::fmt;
use std::sync::Arc;

use tidegate::report::backup::{
    FolderTarget, RestoreOptions, Shipper, back_up_in, examine_in, fetch_in, plan_backup_in, restore_in,
};
use tidegate::{Error, ErrorKind, Position, StoreReader};
use tidegate_disk::{Env, FaultPlan, FaultyDisk};

use crate::attempt::Attempt;
use crate::check;
use crate::defect::Defect;
use crate::failure::{Failure, ensure, failed, same};
use crate::life::{Life, Upkeep};
use crate::model::{Payload, compare_as};

/// What ships the store, and the target's disk in the hands of its process.
pub(in crate::life) struct Shipping {
    shipper: Shipper,
    disk: FaultyDisk,
}

impl fmt::Debug for Shipping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shipping").field(&self.shipper).finish()
    }
}

impl Life<'_> {
    /// Backs the store up, and looks at what is there afterwards.
    pub(super) fn back_up(&mut self) -> Result<(), Failure> {
        let durable = self.model.durable;
        let disk = self.machine.backup.reopen();
        let is_skipped = self.script.defect == Defect::BackupNotUpdated && self.model.backed_up.is_some();
        let from = if self.keeper.chance(1, 2) { self.linked() } else { self.machine.env() };
        self.plan_stop(&disk, 80);
        let made = if is_skipped {
            plan_backup_in(&from, &self.machine.env_of(&disk))
                .map(|_| (self.model.backed_up.unwrap_or_default(), 0))
        } else {
            let made = back_up_in(&from, &self.machine.env_of(&disk), |_| ());
            made.map(|made| (made.until.0, made.unconfirmed))
        };
        self.count(|counts| counts.backups += 1);
        let is_stopped = self.stop(&disk);
        if is_stopped {
            self.machine.trace.note(&"stopped");
        } else if let Some((until, unconfirmed)) = self.take(made)? {
            self.check_until(until, unconfirmed, durable)?;
            self.model.backed_up = Some(until);
        } else {
            return Ok(());
        }
        self.examine_backup()
    }

    /// What is in the directory is a whole backup, no older than the one before.
    fn examine_backup(&mut self) -> Result<(), Failure> {
        let env = self.machine.env_of(&self.machine.backup.reopen());
        match examine_in(&env, |_| ()) {
            Err(error) if error.kind() == ErrorKind::Missing && self.model.backed_up.is_none() => Ok(()),
            Err(error) => Err(Failure::of("examining the backup", &error)),
            Ok(examined) => {
                ensure(examined.faults.is_empty(), || {
                    format!("the backup has faults: {:?}", examined.faults)
                })?;
                let (until, before) = (examined.until.0, self.model.backed_up.unwrap_or_default());
                ensure(until >= before, || format!("the backup went back from {before} to {until}"))?;
                self.model.backed_up = Some(until);
                let reader =
                    self.machine.options.open_reader_in(env).map_err(failed("opening the backup"))?;
                same("the store of the backup", &self.model.store, &Some(reader.id()))?;
                self.compare_copy(&reader, until, Payload::AsOf(until))
            }
        }
    }

    /// A copy has everything that was durable when it was begun, and nothing that is not there.
    fn check_until(&self, until: u64, unconfirmed: u64, durable: u64) -> Result<(), Failure> {
        let (count, seen) =
            (self.model.count(), if self.script.faults { until + unconfirmed } else { until });
        self.machine.trace.note(&until);
        ensure(seen >= durable && until <= count, || {
            format!(
                "{until} events are copied and {unconfirmed} in doubt, {durable} were durable, {count} are there"
            )
        })
    }

    /// Compares the events of a copy, which are those up to a position.
    fn compare_copy(&self, reader: &StoreReader, until: u64, payload: Payload) -> Result<(), Failure> {
        let found = check::events(reader)?;
        ensure(found.len() as u64 >= until, || format!("a copy up to {until} has {} events", found.len()))?;
        found.iter().zip(&self.model.events).take(until as usize).try_for_each(|(event, known)| {
            compare_as(known, event, payload)
                .map_err(|failure| failure.during(&format!("a copy's {event:?}")))
        })
    }

    /// Ships what became durable, and now and then fetches it back.
    pub(super) fn ship(&mut self) -> Result<(), Failure> {
        let durable = self.model.durable;
        let mut shipping = self.shipping.take().unwrap_or_else(|| {
            let disk = self.machine.target.reopen();
            let target = FolderTarget::new_in(&self.machine.env_of(&disk));
            Shipping { shipper: Shipper::new_in(self.linked(), Arc::new(target)), disk }
        });
        self.plan_stop(&shipping.disk, 20);
        let shipped = shipping.shipper.ship();
        self.count(|counts| counts.shipped += 1);
        if self.stop(&shipping.disk) {
            self.machine.trace.note(&"stopped");
        } else {
            shipping.disk.set_plan(FaultPlan::default());
            let Some(shipment) = self.take(shipped)? else { return Ok(()) };
            self.check_until(shipment.until.0, self.model.count() - shipment.until.0, durable)?;
            self.model.shipped = Some(shipment.until.0);
            self.shipping = Some(shipping);
            self.check_pieces()?;
        }
        if self.keeper.chance(1, 3) || self.script.upkeep == Upkeep::Whole { self.fetch() } else { Ok(()) }
    }

    /// The target has the pieces that its list names, and no others.
    fn check_pieces(&self) -> Result<(), Failure> {
        let rest = self.machine.target.at_rest();
        let lists = rest.names_in("shipped");
        same("how many lists the target has", &1, &lists.len())?;
        let list = rest.read(&lists[0]).map_err(|error| Failure::new(error.to_string()))?;
        let list = String::from_utf8_lossy(&list);
        let pieces = rest.names_in("pieces");
        let is_named = |piece: &&String| {
            let digest = piece.rsplit_once('-').map_or("", |(_, digest)| digest);
            list.contains(digest)
        };
        let orphan = pieces.iter().find(|piece| !is_named(piece));
        ensure(orphan.is_none(), || format!("the target has {orphan:?}, which its list does not name"))
    }

    /// Fetches what the target has, as another machine does.
    fn fetch(&mut self) -> Result<(), Failure> {
        let to = self.machine.env_of(&FaultyDisk::new(self.keeper.roll(), self.machine.backup.model()));
        let target = FolderTarget::new_in(&self.machine.env_of(&self.machine.target.fork().reopen()));
        match fetch_in(&target, &to) {
            Err(error) if error.kind() == ErrorKind::Missing && self.model.shipped.is_none() => Ok(()),
            Err(error) => Err(Failure::of("fetching", &error)),
            Ok(Position(until)) => {
                let before = self.model.shipped.unwrap_or_default();
                ensure(until >= before, || format!("the target went back from {before} to {until}"))?;
                self.model.shipped = Some(until);
                let examined = examine_in(&to, |_| ()).map_err(failed("examining what was fetched"))?;
                ensure(examined.faults.is_empty(), || {
                    format!("what was fetched has faults: {:?}", examined.faults)
                })?;
                let reader =
                    self.machine.options.open_reader_in(to).map_err(failed("opening what was fetched"))?;
                self.compare_copy(&reader, until, Payload::AsOf(until))
            }
        }
    }

    /// Makes a store of the backup, often without what was erased since.
    pub(super) fn restore(&mut self) -> Result<(), Failure> {
        let Some(until) = self.model.backed_up else { return Ok(()) };
        let backup = self.machine.env_of(&self.machine.backup.reopen());
        let same_id = self.keeper.chance(1, 4);
        let mut options = RestoreOptions::new().keep_id(same_id);
        let erases = self.keeper.chance(2, 3);
        if erases && self.script.defect != Defect::ErasuresForgotten {
            let known = self.machine.open_reader().and_then(|reader| options.clone().erasures_of(&reader));
            let Some(known) = self.take(known)? else { return Ok(()) };
            options = known;
        }
        let mut disk = FaultyDisk::new(self.keeper.roll(), self.machine.backup.model());
        self.plan_stop(&disk, 120);
        let restored = restore_in(&backup, &self.machine.env_of(&disk), &options, |_| ());
        self.count(|counts| counts.restored += 1);
        let is_stopped = self.stop(&disk);
        if !is_stopped {
            let restored = restored.map_err(failed("restoring"))?;
            same("how far it is restored", &until, &restored.plan.until.0)?;
        }
        disk = disk.reopen();
        let store = match self.machine.options.create(false).open_in(self.machine.env_of(&disk)) {
            // Until it is all there it says that it is not.
            Err(error) if is_stopped && is_no_store(&error) => return Ok(()),
            opened => opened.map_err(failed("opening what was restored"))?,
        };
        same("whether it keeps the id", &same_id, &(self.model.store == Some(store.id())))?;
        let durable = if erases { u64::MAX } else { until };
        self.compare_copy(&store, until, Payload::AsOf(durable))?;
        let _ = store.verify(|_| ()).map_err(failed("verifying what was restored"))?;
        let attempt = Attempt::plain(tidegate::Draft { id: None, ..self.plain_draft() });
        store.append(attempt.batch(Defect::None)).map_err(failed("appending to what was restored"))?;
        store.close().map_err(failed("closing what was restored"))?;
        let held = if erases { self.find_erased(&disk, until) } else { None };
        ensure(held.is_none(), || format!("what was restored holds what is erased: {held:?}"))
    }

    /// The store's disk, from which files are linked.
    fn linked(&self) -> Env {
        self.machine.env_of(&self.machine.disk)
    }

    /// Plans that the process on another disk dies at some call, now and then.
    fn plan_stop(&mut self, disk: &FaultyDisk, calls: u64) {
        if self.script.upkeep == Upkeep::Stopped && self.keeper.chance(1, 2) {
            disk.set_plan(FaultPlan::default().crash_at(1 + self.keeper.below(calls)));
        }
    }

    /// Ends it with its machine or alone, if it died. Returns whether it did.
    fn stop(&mut self, disk: &FaultyDisk) -> bool {
        let is_stopped = disk.ended();
        if is_stopped && self.keeper.chance(1, 2) {
            disk.power_cut(self.keeper.roll());
        }
        self.count(|counts| counts.stopped += u64::from(is_stopped));
        is_stopped
    }
}

/// Whether an error says that a directory is no store, or not yet one.
fn is_no_store(error: &Error) -> bool {
    error.kind() == ErrorKind::Missing
}
