//! Many lives of one store, each with its own faults and its own end.

use std::ops::AddAssign;

use tidegate_disk::{Call, Directories, Errno, FaultPlan, Grain, Model as DiskModel};

use crate::check;
use crate::damage::{self, DamageOutcome};
use crate::defect::Defect;
use crate::dice::Dice;
use crate::failure::Failure;
use crate::life::{Exit, Losses, Script, Upkeep, catch_up, live};
use crate::machine::{Machine, Wrap, plain};
use crate::model::{End, Model, UpkeepCounts};

/// Who works with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Those who append, alone.
    Appenders,
    /// Those who decide, read, listen, deliver, react and project too, and files that are damaged between lives.
    All,
    /// All of these, and those who erase, stage, back up, ship and restore. They have choices of their own.
    Upkeep,
}

/// Which history is run.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Says everything.
    pub seed: u64,
    /// How many processes follow each other.
    pub lives: u64,
    /// How much a process does at most, beside a little that each does.
    pub acts: u64,
    /// Who works with the store.
    pub cast: Workload,
    /// What is broken.
    pub defect: Defect,
    /// What stands between the store and the disk.
    pub wrap: Wrap,
}

impl Default for Soak {
    fn default() -> Self {
        Self { seed: 0, lives: 3, acts: 20, cast: Workload::All, defect: Defect::None, wrap: plain }
    }
}

impl Soak {
    /// A short history with all actors.
    pub fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// A long history with all actors.
    pub fn long(seed: u64) -> Self {
        Self { seed, lives: 10, acts: 80, ..Self::default() }
    }

    /// A short history with all actors and upkeep.
    pub fn upkeep(seed: u64) -> Self {
        Self { seed, cast: Workload::Upkeep, ..Self::default() }
    }

    /// A history of those who append, alone. What a seed means here does not change when others learn something.
    pub fn appenders(seed: u64) -> Self {
        Self { seed, lives: 6, acts: 40, cast: Workload::Appenders, ..Self::default() }
    }
}

/// What a history went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoakReport {
    /// One number over every call on the disk and every answer.
    pub trace: u64,
    /// Processes.
    pub lives: u64,
    /// Lives that ended inside a call.
    pub crashed: u64,
    /// Lives whose writer ended after a fault, or whose process gave up over one.
    pub ended: u64,
    /// How many times a store was opened again behind its handles.
    pub reopened: u64,
    /// How many times of these events were lost that handles had seen.
    pub reopened_with_loss: u64,
    /// Ends of the machine, not of the process alone.
    pub power_cuts: u64,
    /// Events there at the end.
    pub events: u64,
    /// Calls on the disk.
    pub calls: u64,
    /// Faults that came, by kind.
    pub faults: Faults,
    /// What upkeep did.
    pub upkeep: UpkeepCounts,
}

/// How many faults came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A sync that failed.
    pub syncs: u64,
    /// A write that failed.
    pub writes: u64,
    /// A call on names or lengths that failed, once or from then on.
    pub names: u64,
    /// An open, a list or a read that failed, once or from then on.
    pub reads: u64,
    /// Lives on a disk with little room.
    pub little_room: u64,
    /// Lives with short reads.
    pub short_reads: u64,
    /// Lives that left unused space behind the log.
    pub unused_space: u64,
    /// Damaged files that are derived or hold a reader's place.
    pub derived: u64,
    /// Damage to the log: refused, dropped, noticed by reading, harmless.
    pub log: [u64; 4],
}

impl AddAssign for SoakReport {
    fn add_assign(&mut self, other: Self) {
        self.trace = self.trace.rotate_left(1) ^ other.trace;
        self.lives += other.lives;
        self.crashed += other.crashed;
        self.ended += other.ended;
        self.reopened += other.reopened;
        self.reopened_with_loss += other.reopened_with_loss;
        self.power_cuts += other.power_cuts;
        self.events += other.events;
        self.calls += other.calls;
        self.upkeep += other.upkeep;
        let (sum, more) = (&mut self.faults, &other.faults);
        sum.syncs += more.syncs;
        sum.writes += more.writes;
        sum.names += more.names;
        sum.reads += more.reads;
        sum.little_room += more.little_room;
        sum.short_reads += more.short_reads;
        sum.unused_space += more.unused_space;
        sum.derived += more.derived;
        sum.log.iter_mut().zip(more.log).for_each(|(sum, more)| *sum += more);
    }
}

/// A history on its way.
struct History<'a> {
    soak: &'a Soak,
    machine: Machine,
    model: Model,
    dice: Dice,
    /// The choices that came later; the first ones stay as they are without them.
    others: Dice,
    disk: DiskModel,
    soaked: SoakReport,
    /// How many batches of a crowd come in the next life.
    crowd: u64,
    has_crowd: bool,
}

/// One history in this many has a crowd, with segments of this size.
const CROWD_EVERY: u64 = 64;
const CROWD_BYTES: u64 = 100_000;

/// Runs one history: its seed chooses the disk, and for each life what is done, what fails and how it ends.
pub fn soak(soak: &Soak) -> Result<SoakReport, Failure> {
    let mut dice = Dice::new(soak.seed);
    let disk = disk(&mut dice);
    let segment_bytes = *dice.pick(&[700, 1500, 4000, 9000]);
    let machine = Machine::new(dice.roll(), disk, segment_bytes, soak.wrap);
    let others = Dice::new(soak.seed ^ 0xd1ce);
    let soaked = SoakReport { lives: soak.lives + 1, ..SoakReport::default() };
    let mut history = History {
        soak,
        machine,
        model: Model::default(),
        dice,
        others,
        disk,
        soaked,
        crowd: 0,
        has_crowd: false,
    };
    // Long lists need long segments, and take time: in few histories, in one of their lives.
    let crowd = soak.cast == Workload::All && soak.seed % CROWD_EVERY == 5;
    if crowd {
        history.machine.options.segment_bytes = CROWD_BYTES;
    }
    for life in 0..soak.lives {
        let comes = crowd && life == soak.seed / CROWD_EVERY % soak.lives;
        history.has_crowd |= comes;
        history.crowd = if comes { 7 + history.others.below(3) } else { 0 };
        history.live().map_err(|failure| failure.during(&format!("life {life}")))?;
    }
    history.finish().map_err(|failure| failure.during(&"the end"))?;
    Ok(history.soaked)
}

impl History<'_> {
    fn script(&mut self) -> Script {
        let (seed, acts) = (self.dice.roll(), 5 + self.dice.below(self.soak.acts));
        let company = self.soak.cast != Workload::Appenders;
        let script = Script::without_faults(seed, acts, company, self.soak.defect);
        let upkeep = if self.soak.cast == Workload::Upkeep { Upkeep::Stopped } else { Upkeep::None };
        Script { upkeep, ..script }
    }

    fn live(&mut self) -> Result<(), Failure> {
        let capacity_bytes =
            self.dice.chance(1, 6).then(|| 2000 + self.model.count() * 500 + self.dice.below(20_000));
        self.machine.disk.set_model(DiskModel { capacity_bytes, ..self.disk });
        let mut planned = LifeFaults::new(&mut self.dice);
        let script = self.script();
        let company = script.company;
        if company && self.others.chance(1, 5) {
            planned.fail_reads(&mut self.others);
        }
        self.machine.disk.set_plan(planned.plan.clone());
        let faults = planned.may_end || capacity_bytes.is_some();
        let reads_fail = planned.reads_fail;
        let losses = match company && !reads_fail {
            false => Losses::Never,
            true if planned.syncs_fail() => Losses::All,
            true => Losses::OfItsOwn,
        };
        let script = Script { faults, losses, reads_fail, crowd: self.crowd, ..script };
        let exit = live(&self.machine, &mut self.model, script)?;
        self.soaked.crashed += u64::from(exit == Exit::Crashed);
        self.soaked.ended += u64::from(exit == Exit::Ended);
        self.soaked.faults.little_room += u64::from(capacity_bytes.is_some());
        planned.count(&self.machine, &mut self.soaked);
        self.end(exit)?;
        // A backup has what is damaged as it is, and is told as damaged then: that is tried one by one elsewhere.
        if company && script.upkeep == Upkeep::None && self.others.chance(1, 3) {
            let done = damage::derived(&self.machine, &mut self.model, &mut self.others)?;
            self.soaked.faults.derived += u64::from(done);
        }
        Ok(())
    }

    fn end(&mut self, exit: Exit) -> Result<(), Failure> {
        let disk = &self.machine.disk;
        let end = match self.dice.below(4) {
            0 | 1 => {
                disk.kill();
                End::Kill
            }
            2 => {
                disk.lose_unsynced();
                End::PowerCut
            }
            _ => {
                disk.power_cut(self.dice.roll());
                End::PowerCut
            }
        };
        self.soaked.power_cuts += u64::from(end == End::PowerCut);
        let newest = self.machine.segments().into_values().next_back();
        let bytes = newest.and_then(|newest| self.machine.disk.at_rest().read(&newest).ok());
        self.soaked.faults.unused_space +=
            u64::from(bytes.is_some_and(|bytes| damage::has_unused_space(&bytes)));
        self.model.end(end);
        self.machine.restart();
        check::look(&self.machine, &self.model, end, exit == Exit::Done)
            .and_then(|()| match self.others.below(6) {
                0 => check::too_much(&self.machine, &self.model, true),
                1 => check::too_much(&self.machine, &self.model, false),
                _ => Ok(()),
            })
            .map_err(|failure| failure.during(&format!("after {end:?}")))
    }

    /// No fault comes any more: all actors finish their work, and at the very end the log is damaged.
    fn finish(&mut self) -> Result<(), Failure> {
        self.machine.disk.set_model(DiskModel { capacity_bytes: None, ..self.disk });
        let script = self.script();
        let crowd = u64::from(self.has_crowd);
        catch_up(&self.machine, &mut self.model, Script { crowd, ..script })?;
        self.soaked.events = self.model.count();
        self.soaked.upkeep = self.model.upkeep;
        self.soaked.reopened = self.model.reopened;
        self.soaked.reopened_with_loss = self.model.reopened_with_loss;
        self.soaked.calls += self.machine.disk.calls();
        // An event that says what is erased may be lost with an end of the log, which is damage then.
        if script.company && script.upkeep == Upkeep::None {
            let was_closed = self.others.chance(1, 2);
            if !was_closed {
                // What was written last is known to be durable by the watermark alone.
                self.machine.restart();
                live(&self.machine, &mut self.model, Script { acts: 6, seed: self.others.roll(), ..script })?;
                self.model.end(End::Kill);
            }
            self.machine.restart();
            let outcome = damage::truth(&self.machine, &self.model, was_closed, &mut self.others)?;
            let at = match outcome {
                DamageOutcome::Refused => 0,
                DamageOutcome::Dropped => 1,
                DamageOutcome::Noticed => 2,
                DamageOutcome::Harmless => 3,
            };
            self.soaked.faults.log[at] += 1;
        }
        self.soaked.trace = self.machine.trace.number();
        Ok(())
    }
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

/// What goes wrong in one life.
#[derive(Clone, Debug)]
struct LifeFaults {
    plan: FaultPlan,
    /// Whether that may end the writer without ending the process.
    may_end: bool,
    reads_fail: bool,
    short_reads: bool,
    /// The calls that fail, and from which on.
    calls: Vec<(Call, u64)>,
}

impl LifeFaults {
    fn new(dice: &mut Dice) -> Self {
        let nothing = FaultPlan::default();
        let mut planned = Self {
            plan: nothing.clone(),
            may_end: true,
            reads_fail: false,
            short_reads: false,
            calls: Vec::new(),
        };
        match dice.below(8) {
            0..4 => {
                planned.plan = nothing.crash_at(1 + dice.below(120));
                planned.may_end = false;
            }
            4 => {
                let first = 1 + dice.below(20);
                planned.fail(Call::Sync, first, Errno::IO, false);
            }
            5 => {
                let errno = *dice.pick(&[Errno::NOSPC, Errno::IO, Errno::DQUOT, Errno::AGAIN]);
                let first = 1 + dice.below(40);
                planned.fail(Call::Write, first, errno, false);
            }
            6 => {
                let call = *dice.pick(&[
                    Call::Create,
                    Call::Rename,
                    Call::SyncFolder,
                    Call::Remove,
                    Call::SetLength,
                ]);
                let errno = *dice.pick(&[Errno::NOSPC, Errno::IO, Errno::MFILE]);
                let first = 1 + dice.below(6);
                let for_good = dice.chance(1, 2);
                planned.fail(call, first, errno, for_good);
            }
            _ => {
                planned.plan = nothing.short_reads();
                (planned.may_end, planned.short_reads) = (false, true);
            }
        }
        planned
    }

    fn fail(&mut self, call: Call, first: u64, errno: Errno, for_good: bool) {
        let plan = std::mem::take(&mut self.plan);
        self.plan = if for_good { plan.fail_from(call, first, errno) } else { plan.fail(call, first, errno) };
        self.calls.push((call, first));
    }

    /// Reading fails too.
    fn fail_reads(&mut self, dice: &mut Dice) {
        let call = *dice.pick(&[Call::Read, Call::Read, Call::Read, Call::Open, Call::List]);
        let most = if call == Call::Read { 400 } else { 30 };
        let first = 1 + dice.below(most);
        let for_good = dice.chance(1, 4);
        self.fail(call, first, Errno::IO, for_good);
        (self.may_end, self.reads_fail) = (true, true);
    }

    /// Whether a sync fails.
    fn syncs_fail(&self) -> bool {
        self.calls.iter().any(|(call, _)| *call == Call::Sync)
    }

    /// Counts what came of it.
    fn count(&self, machine: &Machine, soaked: &mut SoakReport) {
        soaked.calls += machine.disk.calls() + machine.disk.reads();
        soaked.faults.short_reads += u64::from(self.short_reads);
        for (call, first) in &self.calls {
            let came = u64::from(machine.disk.count(*call) >= *first);
            match call {
                Call::Sync => soaked.faults.syncs += came,
                Call::Write => soaked.faults.writes += came,
                Call::Open | Call::List | Call::Read => soaked.faults.reads += came,
                _ => soaked.faults.names += came,
            }
        }
    }
}
