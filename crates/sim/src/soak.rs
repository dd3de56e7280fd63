//! Many lives of one store, each with its own faults and its own end.

use tidegate::disk::{Call, Directories, Errno, FaultPlan, Grain, Model as DiskModel};

use crate::check;
use crate::dice::Dice;
use crate::failure::Failure;
use crate::ground::{Ground, Wrap, plain};
use crate::life::{Exit, Script, live};
use crate::model::{End, Model};

/// Which history is run.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Says everything.
    pub seed: u64,
    /// How many processes follow each other.
    pub lives: u64,
    /// What stands between the store and the disk.
    pub wrap: Wrap,
}

impl Default for Soak {
    fn default() -> Self {
        Self { seed: 0, lives: 6, wrap: plain }
    }
}

/// What a history went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Soaked {
    /// Lives that ended inside a call.
    pub crashed: u64,
    /// Lives whose writer ended after a fault.
    pub ended: u64,
    /// Events there at the end.
    pub events: u64,
}

/// Runs one history: its seed chooses the disk, and for each life what is done, what fails and how it ends.
pub fn soak(soak: &Soak) -> Result<Soaked, Failure> {
    let mut dice = Dice::new(soak.seed);
    let disk = disk(&mut dice);
    let segment_bytes = *dice.pick(&[700, 1500, 4000, 9000]);
    let mut ground = Ground::new(dice.roll(), disk, segment_bytes, soak.wrap);
    let mut model = Model::default();
    let mut soaked = Soaked::default();
    for life in 0..soak.lives {
        let exit = one_life(&mut ground, &mut model, &mut dice, disk)
            .map_err(|failure| failure.during(&format!("life {life}")))?;
        soaked.crashed += u64::from(exit == Exit::Crashed);
        soaked.ended += u64::from(exit == Exit::Ended);
    }
    ground.disk.set_model(DiskModel { capacity_bytes: None, ..disk });
    let store = ground.open().map_err(check::failed("the last opening"))?;
    check::adopt(&store, &mut model)?;
    soaked.events = model.count();
    Ok(soaked)
}

fn one_life(
    ground: &mut Ground,
    model: &mut Model,
    dice: &mut Dice,
    disk: DiskModel,
) -> Result<Exit, Failure> {
    let capacity_bytes = dice.chance(1, 6).then(|| 2000 + model.count() * 500 + dice.below(20_000));
    ground.disk.set_model(DiskModel { capacity_bytes, ..disk });
    let (plan, faults) = plan(dice);
    ground.disk.set_plan(plan);
    let faults = faults || capacity_bytes.is_some();
    let script = Script { seed: dice.roll(), acts: 5 + dice.below(40), faults };
    let exit = live(ground, model, script)?;
    let end = match dice.below(4) {
        0 | 1 => {
            ground.disk.kill();
            End::Kill
        }
        2 => {
            ground.disk.lose_unsynced();
            End::PowerCut
        }
        _ => {
            ground.disk.power_cut(dice.roll());
            End::PowerCut
        }
    };
    model.end(end);
    ground.restart();
    check::look(ground, model, end, exit == Exit::Done)
        .map_err(|failure| failure.during(&format!("after {end:?}")))?;
    Ok(exit)
}

fn disk(dice: &mut Dice) -> DiskModel {
    DiskModel {
        directories: *dice.pick(&[Directories::Strict, Directories::Ordered]),
        grain: *dice.pick(&[Grain::Sector, Grain::Page]),
        torn: dice.chance(1, 2),
        failed_sync_keeps_some: dice.chance(1, 2),
        ..DiskModel::default()
    }
}

/// What goes wrong in one life, and whether that may end the writer without ending the process.
fn plan(dice: &mut Dice) -> (FaultPlan, bool) {
    let plan = FaultPlan::default();
    match dice.below(8) {
        0..4 => (plan.crash_at(1 + dice.below(120)), false),
        4 => (plan.fail(Call::Sync, 1 + dice.below(20), Errno::IO), true),
        5 => {
            let errno = *dice.pick(&[Errno::NOSPC, Errno::IO, Errno::DQUOT, Errno::AGAIN]);
            (plan.fail(Call::Write, 1 + dice.below(40), errno), true)
        }
        6 => {
            let call =
                *dice.pick(&[Call::Create, Call::Rename, Call::SyncFolder, Call::Remove, Call::SetLength]);
            let errno = *dice.pick(&[Errno::NOSPC, Errno::IO, Errno::MFILE]);
            let first = 1 + dice.below(6);
            (
                if dice.chance(1, 2) {
                    plan.fail_from(call, first, errno)
                } else {
                    plan.fail(call, first, errno)
                },
                true,
            )
        }
        _ => (plan.short_reads(), false),
    }
}
