//! A crash at every call of a scenario, and again at every call of what repairs it.

use tidegate_disk::{Directories, FaultPlan, Grain, Model as DiskModel};

use crate::check;
use crate::defect::Defect;
use crate::dice::Dice;
use crate::failure::{Failure, failed};
use crate::life::{Exit, Script, live};
use crate::machine::{Machine, Wrap, plain};
use crate::model::{End, Model};

/// Which scenario is swept, and on what kind of disk.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Says what the scenario does and what the disk keeps.
    pub seed: u64,
    /// How much the scenario does.
    pub acts: u64,
    /// The kind of disk.
    pub disk: DiskModel,
    /// Bytes at which segments are followed by new ones.
    pub segment_bytes: u64,
    /// How many power cuts follow each crash, beside a kill and a cut that takes all that is unsynced.
    pub cuts: u64,
    /// Every which crash point's repair is crashed at each of its calls too.
    pub repair_every: u64,
    /// Whether there are others beside those who append.
    pub company: bool,
    /// What stands between the store and the disk.
    pub wrap: Wrap,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            seed: 0,
            acts: 24,
            disk: DiskModel::default(),
            segment_bytes: 2048,
            cuts: 2,
            repair_every: 1,
            company: false,
            wrap: plain,
        }
    }
}

impl Sweep {
    /// The sweep of one seed, which chooses the kind of disk and the size of segments too.
    pub fn of(seed: u64) -> Self {
        let disk = DiskModel {
            directories: if seed & 1 == 0 { Directories::Strict } else { Directories::Ordered },
            grain: if seed & 2 == 0 { Grain::Sector } else { Grain::Page },
            torn: seed & 4 == 0,
            ..DiskModel::default()
        };
        let segment_bytes = [900, 2500, 6000][(seed / 3 % 3) as usize];
        Self { seed, disk, segment_bytes, ..Self::default() }
    }

    fn script(&self, seed: u64, acts: u64) -> Script {
        Script::without_faults(seed, acts, self.company, Defect::None)
    }
}

/// What a sweep went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Calls at which the process died, in scenarios and in repairs.
    pub crash_points: u64,
    /// Openings that were checked.
    pub openings: u64,
    /// Events of the scenario.
    pub events: u64,
}

/// How a life is ended from outside.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Kill,
    Cut(u64),
    CutAll,
}

impl Stop {
    fn end(self) -> End {
        if matches!(self, Self::Kill) { End::Kill } else { End::PowerCut }
    }

    fn strike(self, machine: &Machine, model: &mut Model) {
        match self {
            Self::Kill => machine.disk.kill(),
            Self::Cut(seed) => machine.disk.power_cut(seed),
            Self::CutAll => machine.disk.lose_unsynced(),
        }
        model.end(self.end());
    }
}

/// Runs a scenario, then crashes it at each of its calls, ends each crash in several ways, and checks what is
/// left, even if the repair is interrupted.
pub fn sweep(sweep: &Sweep) -> Result<SweepReport, Failure> {
    let mut swept = SweepReport::default();
    let (machine, mut model) = run(sweep, None)?;
    swept.events = model.count();
    let calls = machine.disk.calls();
    model.end(End::Kill);
    for nth in 1..=calls {
        let (machine, model) =
            run(sweep, Some(nth)).map_err(|failure| failure.during(&format!("crash at call {nth}")))?;
        swept.crash_points += 1;
        let mut blows = vec![Stop::Kill, Stop::CutAll];
        blows.extend((0..sweep.cuts).map(|cut| Stop::Cut(sweep.seed ^ (nth << 8) ^ cut)));
        for blow in blows {
            let deep = nth.is_multiple_of(sweep.repair_every.max(1));
            after(sweep, &machine, &model, blow, deep, &mut swept)
                .map_err(|failure| failure.during(&format!("crash at call {nth}, then {blow:?}")))?;
        }
    }
    Ok(swept)
}

/// The scenario from its beginning, with a crash if asked for.
fn run(sweep: &Sweep, crash_at: Option<u64>) -> Result<(Machine, Model), Failure> {
    let machine = Machine::new(sweep.seed, sweep.disk, sweep.segment_bytes, sweep.wrap);
    let mut model = Model::default();
    if let Some(nth) = crash_at {
        machine.disk.set_plan(FaultPlan::default().crash_at(nth));
    }
    let exit = live(&machine, &mut model, sweep.script(sweep.seed, sweep.acts))?;
    if crash_at.is_some() && exit != Exit::Crashed {
        return Err(Failure::new("the run went another way than before"));
    }
    Ok((machine, model))
}

/// One way a crash goes on: the blow, a look, the repair, and more of the same.
fn after(
    sweep: &Sweep,
    crashed: &Machine,
    before: &Model,
    blow: Stop,
    deep: bool,
    swept: &mut SweepReport,
) -> Result<(), Failure> {
    let (mut machine, mut model) = (crashed.fork(), before.clone());
    blow.strike(&machine, &mut model);
    machine.restart();
    check::look(&machine, &model, blow.end(), false)?;
    let repaired = repair(&machine, &mut model)?;
    swept.openings += 1;
    if deep {
        for nth in 1..=repaired {
            swept.crash_points += 1;
            let (mut machine, mut again) = (crashed.fork(), before.clone());
            blow.strike(&machine, &mut again);
            crash_repair(sweep, &mut machine, &mut again, nth)
                .map_err(|failure| failure.during(&format!("repair crashed at call {nth}")))?;
            repair(&machine, &mut again)?;
            swept.openings += 1;
            if matches!(blow, Stop::Kill) && sweep.seed.is_multiple_of(2) && again.count() != model.count() {
                let (once, more) = (model.count(), again.count());
                return Err(Failure::new(format!("one crash left {once} events, more crashes {more}")));
            }
        }
    }
    go_on(sweep, &mut machine, &mut model, swept)
}

/// Opens, checks, and returns how many calls that took. The process is killed afterwards.
fn repair(machine: &Machine, model: &mut Model) -> Result<u64, Failure> {
    let store = machine.open().map_err(failed("opening after a crash"))?;
    let calls = machine.disk.calls();
    check::adopt(&store, model)?;
    machine.disk.kill();
    Ok(calls)
}

/// Crashes the repair at its `nth` call, over and over, at ever later calls if there are any. Seeds that
/// are even only kill; odd ones cut the power between the attempts too.
fn crash_repair(sweep: &Sweep, machine: &mut Machine, model: &mut Model, nth: u64) -> Result<(), Failure> {
    for round in 0..3 {
        machine.restart();
        machine.disk.set_plan(FaultPlan::default().crash_at(nth + round));
        match machine.open() {
            _ if machine.disk.ended() => {}
            Ok(store) => {
                check::adopt(&store, model)?;
                machine.disk.kill();
            }
            Err(error) => return Err(Failure::new(format!("opening: {error}"))),
        }
        if sweep.seed % 2 == 1 && round % 2 == 0 {
            Stop::Cut(sweep.seed ^ nth ^ (round << 16)).strike(machine, model);
        } else {
            Stop::Kill.strike(machine, model);
        }
    }
    machine.restart();
    Ok(())
}

/// A second life on what was repaired, which crashes too, and a third that looks at the result.
fn go_on(
    sweep: &Sweep,
    machine: &mut Machine,
    model: &mut Model,
    swept: &mut SweepReport,
) -> Result<(), Failure> {
    let mut dice = Dice::new(sweep.seed ^ machine.disk.calls() ^ (model.count() << 20));
    machine.restart();
    machine.disk.set_plan(FaultPlan::default().crash_at(1 + dice.below(40)));
    model.end(End::Kill);
    let script = sweep.script(dice.roll(), 12);
    let exit = live(machine, model, script).map_err(|failure| failure.during(&"second life"))?;
    swept.crash_points += u64::from(exit == Exit::Crashed);
    let blow = if dice.chance(1, 2) { Stop::Kill } else { Stop::Cut(dice.roll()) };
    blow.strike(machine, model);
    machine.restart();
    check::look(machine, model, blow.end(), exit == Exit::Done)
        .and_then(|()| repair(machine, model))
        .map_err(|failure| failure.during(&format!("second life, then {blow:?}")))?;
    swept.openings += 1;
    Ok(())
}
