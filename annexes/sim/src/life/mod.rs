//! One process: it opens the store, does what its dice say, and ends.
mod appending;
mod guarding;
mod repeating;
mod joining;
mod crowding;
mod deciding;
mod judging;
mod looking;
mod listening;
mod delivering;
mod reacting;
mod projecting;
mod reopening;
mod upkeep;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate::project::Projector;
use tidegate::{Error, ErrorKind, Position, Store, StoreReader, Ticket};

use crate::attempt::Attempt;
use crate::check;
use crate::defect::Defect;
use crate::dice::Dice;
use crate::failure::{Failure, ensure};
use crate::machine::{self, Machine};
use crate::model::{Model, compare};
use delivering::OpenCursor;
use listening::{Listener, TapListener};
use projecting::Sums;
use upkeep::Shipping;

/// How a process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did all it had to do. The store is still open, or was closed.
    Done,
    /// It died in the middle of a call.
    Crashed,
    /// A fault ended the writer, or the process gave up over it.
    Ended,
}

/// What a process does, and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) acts: u64,
    /// Whether the disk may fail without ending the process.
    pub(crate) faults: bool,
    pub(crate) losses: Losses,
    /// Whether reading may fail too.
    pub(crate) reads_fail: bool,
    /// Whether there are others beside those who append.
    pub(crate) company: bool,
    /// How many batches of a crowd come first, or have come.
    pub(crate) crowd: u64,
    pub(crate) upkeep: Upkeep,
    pub(crate) defect: Defect,
}

impl Script {
    /// Returns the script of a life in which nothing fails.
    pub(crate) fn without_faults(seed: u64, acts: u64, company: bool, defect: Defect) -> Self {
        let losses = Losses::Never;
        Self {
            seed,
            acts,
            faults: false,
            losses,
            reads_fail: false,
            company,
            crowd: 0,
            upkeep: Upkeep::None,
            defect,
        }
    }
}

/// Whether the store is kept up: payloads are erased, drafts staged, backups made and shipped, and stores restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upkeep {
    None,
    /// What is copied is stopped at any call now and then.
    Stopped,
    /// Nothing of it is stopped any more.
    Whole,
}

/// After which failed syncs the system gives up what was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Losses {
    Never,
    /// After those that a life makes fail.
    OfItsOwn,
    /// After the one that was planned, too.
    All,
}

struct Life<'a> {
    machine: &'a Machine,
    model: &'a mut Model,
    script: Script,
    /// The choices of those who append.
    dice: Dice,
    /// The choices of all others.
    others: Dice,
    /// The choices of those who open the store again.
    reopens: Dice,
    /// The choices of those who keep it up.
    keeper: Dice,
    listeners: Vec<Listener>,
    taps: Vec<TapListener>,
    held: Vec<OpenCursor>,
    /// Whether cursors are worked with most of the time. They keep their places, and with them the log; a life in which
    /// that is always so loses too little for what others believe to be put to the test.
    cursors_busy: bool,
    projector: Option<Projector<Sums>>,
    /// A store opened for reading beside this one, and how far it saw.
    peer: Option<(StoreReader, u64)>,
    /// What ships the store to the target.
    shipping: Option<Shipping>,
    store: Arc<Store>,
    waiting: VecDeque<(Attempt, Ticket)>,
    /// Whether the writer has ended.
    ended: bool,
    /// Whether the process gave up over an error that may not have ended the writer.
    stopped: bool,
}

/// Lives a life on what the last one left, and keeps the model up to date.
pub(crate) fn live(machine: &Machine, model: &mut Model, script: Script) -> Result<Exit, Failure> {
    let Some(mut life) = Life::begin(machine, model, script)? else {
        let crashed = machine.disk.ended();
        // A store that could not be looked at must not be closed in good order.
        machine.disk.kill();
        return Ok(if crashed { Exit::Crashed } else { Exit::Ended });
    };
    let lived = life.run();
    life.forgive(lived)?;
    life.leave()
}

/// Opens everything without faults once more, and has all actors finish their work.
pub(crate) fn catch_up(machine: &Machine, model: &mut Model, script: Script) -> Result<(), Failure> {
    let life = Life::begin(machine, model, script)?;
    let mut life = life.ok_or_else(|| Failure::new("the store does not open without faults"))?;
    if script.company {
        life.finish_reacting().map_err(|failure| failure.during(&"the reactor at the end"))?;
        life.finish_deliveries().map_err(|failure| failure.during(&"the cursors at the end"))?;
        life.finish_projecting().map_err(|failure| failure.during(&"the projection at the end"))?;
        if script.crowd > 0 {
            life.ask_the_crowd()?;
        }
        check::whole(&life.store, life.model)?;
    }
    if script.upkeep != Upkeep::None {
        life.finish_upkeep().map_err(|failure| failure.during(&"upkeep at the end"))?;
    }
    let closed = life.store.close();
    life.take(closed).map(drop)?;
    if script.upkeep == Upkeep::None { Ok(()) } else { life.look_for_erased() }
}

impl<'a> Life<'a> {
    /// Opens the store, or `None` if it does not open, as it may.
    fn begin(machine: &'a Machine, model: &'a mut Model, script: Script) -> Result<Option<Self>, Failure> {
        let may_fail = |kind| matches!(kind, ErrorKind::Full | ErrorKind::Io | ErrorKind::Ended);
        let expected_head = Position(model.floor);
        let store = match machine.open_with(machine.options.expected_head(expected_head)) {
            _ if machine.disk.ended() => return Ok(None),
            Ok(store) => store,
            Err(error) if script.faults && may_fail(error.kind()) => return Ok(None),
            Err(error) => return Err(Failure::new(format!("opening: {error}"))),
        };
        match check::adopt(&store, model) {
            Err(failure) if script.reads_fail && failure.is_of_disk() => {
                machine.disk.kill();
                return Ok(None);
            }
            other => other?,
        }
        let mut life = Life {
            machine,
            model,
            script,
            dice: Dice::new(script.seed),
            others: Dice::new(script.seed ^ 0x07e5),
            reopens: Dice::new(script.seed ^ 0x0be9),
            keeper: Dice::new(script.seed ^ 0x09ce),
            listeners: Vec::new(),
            taps: Vec::new(),
            held: Vec::new(),
            cursors_busy: Dice::new(script.seed ^ 0xc0).chance(1, 3),
            projector: None,
            peer: None,
            shipping: None,
            store: Arc::new(store),
            waiting: VecDeque::new(),
            ended: false,
            stopped: false,
        };
        life.attach_gates()?;
        life.check_stages()?;
        Ok(Some(life))
    }

    /// Takes an error that the disk may cause for the end of the life.
    fn forgive(&mut self, lived: Result<(), Failure>) -> Result<(), Failure> {
        match lived {
            Err(failure)
                if failure.is_of_disk() && (self.script.reads_fail || self.machine.disk.ended())
                    || failure.is_of_writer() && self.script.faults =>
            {
                self.stopped = true;
                Ok(())
            }
            other => other,
        }
    }
}

impl Life<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        if self.script.crowd > 0 {
            self.crowd(self.script.crowd).map_err(|failure| failure.during(&"a crowd"))?;
        }
        for act in 0..self.script.acts {
            if self.ended {
                self.reopen_ended()?;
            }
            if self.is_over() {
                break;
            }
            self.act().map_err(|failure| failure.during(&format!("act {act}")))?;
        }
        Ok(())
    }

    /// Whether nothing more can be done in this life.
    fn is_over(&self) -> bool {
        self.machine.disk.ended() || self.ended || self.stopped
    }

    fn act(&mut self) -> Result<(), Failure> {
        if self.script.losses != Losses::Never && self.reopens.chance(1, 50) {
            self.fail_a_sync()?;
        } else if self.script.upkeep != Upkeep::None && self.keeper.chance(1, 4) {
            self.keep_up()?;
        } else if self.script.company && self.others.chance(1, 2) {
            self.accompany()?;
        } else {
            self.append_or_so()?;
        }
        if self.machine.disk.ended() || self.stopped {
            return Ok(());
        }
        self.watch()
    }

    fn append_or_so(&mut self) -> Result<(), Failure> {
        match self.dice.below(100) {
            0..30 => self.append(1),
            30..46 => {
                let count = 2 + self.dice.below(4);
                self.append(count)
            }
            46..64 => self.submit(),
            64..72 => self.step(),
            72..76 => self.wait_for_ticket(),
            76..82 => self.wait_durable(),
            82..86 => self.close_and_open(),
            86..91 => {
                self.turn_clock();
                Ok(())
            }
            91..93 => self.again(),
            93..98 => self.peek(),
            _ => check::whole(&self.store, self.model),
        }
    }

    fn accompany(&mut self) -> Result<(), Failure> {
        let (what, done) = match self.others.below(128) {
            0..11 => ("a decision", self.take_seat()),
            11..20 => ("a decision upon a look", self.judge()),
            20..29 => ("a gate", self.book_desk()),
            29..33 => ("a key", self.repeat()),
            33..35 => ("a decision under a key", self.decide_again()),
            35..40 => ("a group", self.contend()),
            40..46 => ("a running sync", self.join_a_sync()),
            46..50 => ("a running flush", self.join_a_flush()),
            50..62 => ("a query", self.ask()),
            62..69 => ("the graph", self.walk()),
            69..73 => ("a reader", self.peer()),
            73..85 => ("a subscription", self.listen()),
            85..89 => ("a tap", self.tap()),
            89..108 => ("a cursor", self.deliver()),
            108..118 => ("a reactor", self.react()),
            118..127 => ("a projection", self.project()),
            _ => ("indexing", self.reindex()),
        };
        done.map_err(|failure| failure.during(&what))?;
        self.poll_tickets()
    }

    fn wait_durable(&mut self) -> Result<(), Failure> {
        let position = Position(self.dice.below(self.model.count() + 1));
        let result = self.store.wait_durable(position, Duration::ZERO);
        self.poll_tickets()?;
        let waited = self.durable_after(result)?;
        ensure(waited.is_none_or(|durable| durable >= position), || {
            format!("waited for {position} to be durable, got {waited:?}")
        })
    }

    /// Takes note of what is durable after a wait for that.
    fn durable_after(&mut self, waited: Result<Position, Error>) -> Result<Option<Position>, Failure> {
        let durable = self.unless_ended(waited)?;
        self.model.durable = self.model.durable.max(durable.map_or(0, |durable| durable.0));
        Ok(durable)
    }

    fn turn_clock(&mut self) {
        let micros = self.dice.below(5_000_000);
        match self.dice.below(8) {
            0 => self.machine.clock.jump_back(micros * 100),
            1 => self.machine.clock.set(0),
            _ => self.machine.clock.advance(micros),
        }
    }

    fn reindex(&mut self) -> Result<(), Failure> {
        let built = self.store.upkeep().reindex();
        self.take(built).map(drop)
    }

    /// What holds after every act of a process that lives.
    fn watch(&mut self) -> Result<(), Failure> {
        let frontier = self.store.frontier();
        let ordered = frontier.accepted >= frontier.written
            && frontier.written >= frontier.durable
            && frontier.written >= frontier.visible;
        ensure(ordered, || format!("the frontier is out of order: {frontier}"))?;
        ensure(frontier.durable.0 >= self.model.durable, || {
            format!("{} is durable, the frontier says {frontier}", self.model.durable)
        })?;
        let most =
            self.model.count() + self.model.doubt.iter().map(|one| one.drafts.len() as u64).sum::<u64>();
        ensure(frontier.visible.0 == self.model.count() && frontier.accepted.0 <= most, || {
            format!("{} events were acknowledged, the frontier says {frontier}", self.model.count())
        })?;
        let synced = machine::last_position(&self.machine.disk);
        ensure(frontier.durable.0 <= synced, || {
            format!("the disk holds {synced} events after any crash, the frontier says {frontier}")
        })?;
        self.model.durable = self.model.durable.max(frontier.durable.0.min(self.model.count()));
        self.machine.trace.note(&(frontier.durable.0, frontier.written.0, frontier.visible.0));
        Ok(())
    }

    /// The value, or `None` if the process died or the writer ended as it may.
    fn unless_ended<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Failure> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.machine.disk.ended() => Ok(None),
            Err(error) if self.script.faults && error.kind() == ErrorKind::Full => Ok(None),
            Err(error)
                if self.script.faults
                    && matches!(
                        error.kind(),
                        ErrorKind::Ended | ErrorKind::OutcomeUnknown | ErrorKind::Io
                    ) =>
            {
                // If reading fails too, an error says nothing of the writer.
                self.stopped |= self.script.reads_fail;
                self.ended |= !self.script.reads_fail;
                Ok(None)
            }
            Err(error) => Err(Failure::new(format!("an unexpected error: {error}"))),
        }
    }

    /// The value, or `None` if the process died or gives up over what the disk did.
    fn take<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Failure> {
        self.machine.trace.note(&result.as_ref().err().map(Error::kind));
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.machine.disk.ended() => Ok(None),
            Err(error)
                if self.script.faults
                    && matches!(
                        error.kind(),
                        ErrorKind::Full | ErrorKind::Ended | ErrorKind::OutcomeUnknown | ErrorKind::Io
                    ) =>
            {
                self.stopped = true;
                Ok(None)
            }
            Err(error) => Err(Failure::new(format!("an unexpected error: {error}"))),
        }
    }

    /// The end of the process. Batches without an answer are in doubt.
    fn leave(mut self) -> Result<Exit, Failure> {
        self.poll_tickets()?;
        if self.ended && !self.machine.disk.ended() {
            self.outlive_the_writer()?;
        }
        if !self.machine.disk.ended() && !self.ended && !self.stopped && self.dice.chance(1, 4) {
            let closed = self.store.close();
            self.poll_tickets()?;
            if self.unless_ended(closed)?.is_some() {
                self.model.durable = self.model.count();
            }
        }
        let crashed = self.machine.disk.ended();
        let durable = self.store.frontier().durable.0.min(self.model.count());
        self.model.durable = self.model.durable.max(durable);
        let unanswered = self.waiting.drain(..).map(|(attempt, _)| attempt);
        self.model.doubt.extend(unanswered);
        if !crashed {
            // The handle must not close the store in good order; the process is killed instead.
            self.machine.disk.kill();
        }
        Ok(if crashed {
            Exit::Crashed
        } else if self.ended || self.stopped {
            Exit::Ended
        } else {
            Exit::Done
        })
    }

    /// Nothing later is acknowledged, and reads go on.
    fn outlive_the_writer(&mut self) -> Result<(), Failure> {
        if self.model.given_up_after.is_some() {
            // What was lost may be read or not.
            return Ok(());
        }
        let attempt = self.attempt(1);
        let answer = self.store.append_with(attempt.batch(Defect::None), attempt.append());
        let kind = answer.as_ref().map_err(Error::kind).err();
        ensure(kind.is_some_and(|kind| kind == ErrorKind::Ended || kind.is_refusal()), || {
            format!("the writer ended and still answers {answer:?}")
        })?;
        let found = check::events(&self.store)?;
        for (known, event) in self.model.events.iter().zip(&found) {
            compare(known, event)?;
        }
        Ok(())
    }
}
