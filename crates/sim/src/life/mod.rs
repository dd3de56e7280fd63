//! One process: it opens the store, does what its dice say, and ends.

use std::collections::VecDeque;
use std::time::Duration;

use tidegate::{
    Cause, Coordinate, Draft, Durability, Error, ErrorKind, EventId, Position, Receipt, Store, StoreId,
    Ticket, Version,
};

use crate::attempt::Attempt;
use crate::check::{self, failed};
use crate::dice::Dice;
use crate::failure::{Failure, ensure, same};
use crate::ground::Ground;
use crate::model::{Model, Verdict};

/// How a process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did all it had to do. The store is still open, or was closed.
    Done,
    /// It died in the middle of a call.
    Crashed,
    /// The writer ended after a fault; the process goes on.
    Ended,
}

/// What a process does, and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) acts: u64,
    /// Whether the disk may fail without ending the process.
    pub(crate) faults: bool,
}

struct Life<'a> {
    ground: &'a Ground,
    model: &'a mut Model,
    script: Script,
    dice: Dice,
    store: Store,
    waiting: VecDeque<(Attempt, Ticket)>,
    ended: bool,
}

/// Lives a life on what the last one left, and keeps the model up to date.
pub(crate) fn live(ground: &Ground, model: &mut Model, script: Script) -> Result<Exit, Failure> {
    let opened = ground.open();
    if ground.disk.ended() {
        return Ok(Exit::Crashed);
    }
    let store = match opened {
        Ok(store) => store,
        Err(error)
            if script.faults
                && matches!(error.kind(), ErrorKind::Full | ErrorKind::Io | ErrorKind::Ended) =>
        {
            return Ok(Exit::Ended);
        }
        Err(error) => return Err(Failure::new(format!("opening: {error}"))),
    };
    check::adopt(&store, model)?;
    let dice = Dice::new(script.seed);
    let mut life = Life { ground, model, script, dice, store, waiting: VecDeque::new(), ended: false };
    for act in 0..script.acts {
        life.act().map_err(|failure| failure.during(&format!("act {act}")))?;
        if ground.disk.ended() || life.ended {
            break;
        }
    }
    life.leave()
}

impl Life<'_> {
    fn act(&mut self) -> Result<(), Failure> {
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
        }?;
        if self.ground.disk.ended() {
            return Ok(());
        }
        self.watch()
    }

    fn append(&mut self, count: u64) -> Result<(), Failure> {
        let attempt = self.attempt(count);
        let answer = self.store.append(attempt.batch(), attempt.append());
        self.poll_tickets()?;
        self.settle(attempt, answer)
    }

    fn submit(&mut self) -> Result<(), Failure> {
        for _ in 0..=self.dice.below(3) {
            let count = 1 + self.dice.below(3);
            let attempt = self.attempt(count);
            match self.store.submit(attempt.batch(), attempt.append()) {
                Ok(ticket) => self.waiting.push_back((attempt, ticket)),
                Err(error) => {
                    self.poll_tickets()?;
                    self.settle(attempt, Err(error))?;
                }
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Failure> {
        let result = self.store.step();
        self.poll_tickets()?;
        if self.unless_ended(result)?.is_some() {
            same("tickets without an answer after a step", &0, &self.waiting.len())?;
            self.model.durable = self.model.count();
        }
        Ok(())
    }

    fn wait_for_ticket(&mut self) -> Result<(), Failure> {
        let Some((attempt, ticket)) = self.waiting.pop_front() else { return Ok(()) };
        let answer = ticket.wait();
        self.settle(attempt, answer)?;
        self.poll_tickets()
    }

    fn wait_durable(&mut self) -> Result<(), Failure> {
        let position = Position(self.dice.below(self.model.count() + 1));
        let result = self.store.wait_durable(position, Duration::ZERO);
        self.poll_tickets()?;
        if let Some(durable) = self.unless_ended(result)? {
            ensure(durable >= position, || format!("waited for {position} to be durable, got {durable}"))?;
            self.model.durable = self.model.durable.max(durable.0);
        }
        Ok(())
    }

    fn close_and_open(&mut self) -> Result<(), Failure> {
        let closed = self.store.close();
        self.poll_tickets()?;
        if self.unless_ended(closed)?.is_none() {
            return Ok(());
        }
        same("tickets without an answer after closing", &0, &self.waiting.len())?;
        self.model.durable = self.model.count();
        match self.ground.open() {
            _ if self.ground.disk.ended() => Ok(()),
            Ok(store) => {
                ensure(store.report().clean, || format!("closed in good order: {}", store.report()))?;
                self.store = store;
                check::adopt(&self.store, self.model)
            }
            Err(error) => self.unless_ended(Err(error)).map(|_: Option<()>| ()),
        }
    }

    fn turn_clock(&mut self) {
        let micros = self.dice.below(5_000_000);
        match self.dice.below(8) {
            0 => self.ground.clock.jump_back(micros * 100),
            1 => self.ground.clock.set(0),
            _ => self.ground.clock.advance(micros),
        }
    }

    /// Hands a batch in once more, as a caller does that never heard of the first time.
    fn again(&mut self) -> Result<(), Failure> {
        let keyed = self.dice.chance(1, 2);
        let Some(mut attempt) = self.model.last_batch(keyed) else { return Ok(()) };
        if self.dice.chance(1, 8) {
            attempt.drafts[0].schema += 1;
        }
        let answer = self.store.append(attempt.batch(), attempt.append());
        self.poll_tickets()?;
        self.settle(attempt, answer)
    }

    fn peek(&mut self) -> Result<(), Failure> {
        let position = self.dice.below(self.model.count() + 2);
        let view = self.store.view().map_err(failed("viewing"))?;
        let event = view.at(Position(position)).map_err(failed("reading"))?;
        same("whether a position is there", &(1..=self.model.count()).contains(&position), &event.is_some())?;
        event.map_or(Ok(()), |event| crate::model::compare(self.model.at(position), &event))
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
        self.model.durable = self.model.durable.max(frontier.durable.0.min(self.model.count()));
        Ok(())
    }

    fn poll_tickets(&mut self) -> Result<(), Failure> {
        while let Some((attempt, mut ticket)) = self.waiting.pop_front() {
            match ticket.poll_now() {
                Some(answer) => self.settle(attempt, answer)?,
                None => {
                    self.waiting.push_front((attempt, ticket));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Judges an answer, and keeps it.
    fn settle(&mut self, attempt: Attempt, answer: Result<Receipt, Error>) -> Result<(), Failure> {
        match answer {
            Ok(receipt) => {
                self.model.accept(&attempt, &receipt)?;
                if attempt.durability == Durability::Synced {
                    self.model.durable = self.model.durable.max(receipt.last().0);
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Refused => {
                let verdict = self.model.verdict(&attempt);
                ensure(verdict == Verdict::Refused || attempt.unfounded, || {
                    format!("refused ({error}) what is {verdict:?}: {attempt:?}")
                })
            }
            Err(error) if error.kind() == ErrorKind::Full && self.script.faults => Ok(()),
            Err(error) => {
                self.model.doubt.push(attempt);
                self.unless_ended(Err(error)).map(|_: Option<()>| ())
            }
        }
    }

    /// The value, or nothing where the process died or the writer ended as it may.
    fn unless_ended<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Failure> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.ground.disk.ended() => Ok(None),
            Err(error) if self.script.faults && error.kind() == ErrorKind::Full => Ok(None),
            Err(error) if self.script.faults && matches!(error.kind(), ErrorKind::Ended | ErrorKind::Io) => {
                self.ended = true;
                Ok(None)
            }
            Err(error) => Err(Failure::new(format!("an error nobody expected: {error}"))),
        }
    }

    /// The end of the process. Batches without an answer are in doubt.
    fn leave(mut self) -> Result<Exit, Failure> {
        self.poll_tickets()?;
        let crashed = self.ground.disk.ended();
        if self.ended && !crashed {
            // Nothing later is acknowledged, and reads go on.
            let attempt = self.attempt(1);
            let answer = self.store.append(attempt.batch(), attempt.append());
            let kind = answer.as_ref().map_err(Error::kind).err();
            ensure(matches!(kind, Some(ErrorKind::Ended | ErrorKind::Refused)), || {
                format!("the writer ended and still answers {answer:?}")
            })?;
            let found = check::events(&self.store)?;
            for (known, event) in self.model.events.iter().zip(&found) {
                crate::model::compare(known, event)?;
            }
        }
        if !crashed && !self.ended && self.dice.chance(1, 4) {
            let closed = self.store.close();
            self.poll_tickets()?;
            if self.unless_ended(closed)?.is_some() {
                self.model.durable = self.model.count();
            }
        }
        let crashed = self.ground.disk.ended();
        let durable = self.store.frontier().durable.0.min(self.model.count());
        self.model.durable = self.model.durable.max(durable);
        let unanswered = self.waiting.drain(..).map(|(attempt, _)| attempt);
        self.model.doubt.extend(unanswered);
        if !crashed {
            // The handle must not close the store in good order; the process is killed instead.
            self.ground.disk.kill();
        }
        Ok(if crashed {
            Exit::Crashed
        } else if self.ended {
            Exit::Ended
        } else {
            Exit::Done
        })
    }
}

/// What a life hands in.
impl Life<'_> {
    fn attempt(&mut self, count: u64) -> Attempt {
        let durability = match self.dice.below(5) {
            0..3 => Durability::Synced,
            3 => Durability::Buffered,
            _ => Durability::Interval(Duration::from_millis(1)),
        };
        let drafts: Vec<Draft> = (0..count).map(|index| self.draft(index)).collect();
        let resolve = |draft: &Draft| draft.causes.iter().map(|cause| self.resolve(*cause)).collect();
        let causes: Vec<Vec<Cause>> = drafts.iter().map(resolve).collect();
        let unfounded = causes.iter().flatten().any(|cause| match cause {
            Cause::At(position) => !(1..=self.model.count()).contains(&position.0),
            Cause::Id(_) => true,
            _ => false,
        });
        let key = self.dice.chance(1, 8).then(|| format!("key-{}", self.dice.below(40)));
        let version = self.dice.chance(1, 12).then(|| {
            let stream = drafts[0].coordinate.clone();
            let off = self.dice.chance(1, 4);
            let version = self.model.version(&stream);
            (stream, if off { Version(version.0 + 1) } else { version })
        });
        Attempt { drafts, causes, durability, key, version, unfounded }
    }

    fn draft(&mut self, index: u64) -> Draft {
        let dice = &mut self.dice;
        let stream = Coordinate::new(format!("s{}", dice.below(2)), format!("entity-{}", dice.below(4)))
            .lane(dice.below(2) as u32);
        let kind = *dice.pick(&["a.one", "a.two", "b.three"]);
        let length = match dice.below(10) {
            0 => 600 + dice.below(1500),
            1..4 => 0,
            _ => dice.below(200),
        };
        let byte = dice.roll() as u8;
        let mut draft = Draft::new(stream, kind).bytes(vec![byte; length as usize]);
        for _ in 0..dice.below(3) {
            draft = draft.tag(format!("tag:{}", dice.below(5)));
        }
        if dice.chance(1, 4) {
            draft.metadata.push(("note".into(), format!("{}", dice.below(1000)).into()));
        }
        if dice.chance(1, 3) {
            draft.id = Some(EventId(u128::from(dice.below(400)).to_be_bytes()));
        }
        if dice.chance(1, 6) {
            draft.correlation = Some(EventId(u128::from(1000 + dice.below(5)).to_be_bytes()));
        }
        for _ in 0..dice.below(3) {
            let cause = match dice.below(8) {
                0 if index > 0 => Some(Cause::Draft(dice.below(index) as u32)),
                1 => Some(Cause::Foreign(StoreId([7; 16]), EventId([dice.below(9) as u8 + 1; 16]))),
                2 if dice.chance(1, 4) => Some(Cause::At(Position(self.model.count() + 1 + dice.below(3)))),
                3 => self.model.events.last().map(|known| Cause::Id(known.id)),
                _ if self.model.count() > 0 => Some(Cause::At(Position(1 + dice.below(self.model.count())))),
                _ => None,
            };
            draft.causes.extend(cause);
        }
        draft
    }

    fn resolve(&self, cause: Cause) -> Cause {
        match cause {
            Cause::Id(id) => self.model.ids.get(&id).map_or(cause, |position| Cause::At(Position(*position))),
            other => other,
        }
    }
}
