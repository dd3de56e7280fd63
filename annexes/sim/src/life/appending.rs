//! Those who append: batches and drafts, at once or by ticket, once or twice.

use std::time::Duration;

use tidegate::graph::CorrelationId;
use tidegate::{
    Cause, Draft, Durability, Error, ErrorKind, EventId, Position, Receipt, StoreId, StreamId, Version,
};

use super::Life;
use crate::attempt::{Attempt, Demand};
use crate::failure::{Failure, ensure, failed, same};
use crate::model::{Verdict, compare};
use crate::query::ModelQuery;

impl Life<'_> {
    pub(super) fn append(&mut self, count: u64) -> Result<(), Failure> {
        let attempt = self.attempt(count);
        let answer = self.store.append_with(attempt.batch(self.script.defect), attempt.append());
        self.poll_tickets()?;
        self.settle(attempt, answer)
    }

    pub(super) fn submit(&mut self) -> Result<(), Failure> {
        for _ in 0..=self.dice.below(3) {
            let count = 1 + self.dice.below(3);
            let attempt = self.attempt(count);
            self.queue(attempt)?;
        }
        Ok(())
    }

    /// Submits a batch, whose ticket waits for its answer.
    pub(super) fn queue(&mut self, attempt: Attempt) -> Result<(), Failure> {
        match self.store.submit_with(attempt.batch(self.script.defect), attempt.append()) {
            Ok(ticket) => {
                self.waiting.push_back((attempt, ticket));
                Ok(())
            }
            Err(error) => self.not_queued(attempt, error),
        }
    }

    /// Judges an error that came before the batch was queued: nothing of it is written.
    pub(super) fn not_queued(&mut self, attempt: Attempt, error: Error) -> Result<(), Failure> {
        self.poll_tickets()?;
        if error.kind().is_refusal() || error.kind() == ErrorKind::Full {
            return self.settle(attempt, Err(error));
        }
        self.unless_ended(Err::<(), _>(error)).map(drop)
    }

    pub(super) fn step(&mut self) -> Result<(), Failure> {
        let result = self.store.upkeep().step();
        self.poll_tickets()?;
        if self.unless_ended(result)?.is_some() {
            same("tickets without an answer after a step", &0, &self.waiting.len())?;
            self.model.durable = self.model.count();
        }
        Ok(())
    }

    pub(super) fn wait_for_ticket(&mut self) -> Result<(), Failure> {
        let Some((attempt, ticket)) = self.waiting.pop_front() else { return Ok(()) };
        let answer = ticket.wait();
        self.settle(attempt, answer)?;
        self.poll_tickets()
    }

    /// Hands a batch in once more, as a caller does that never heard of the first time.
    pub(super) fn again(&mut self) -> Result<(), Failure> {
        let keyed = self.dice.chance(1, 2);
        let Some(mut attempt) = self.model.last_batch(keyed) else { return Ok(()) };
        if self.dice.chance(1, 8) {
            attempt.drafts[0].schema += 1;
        }
        let answer = self.store.append_with(attempt.batch(self.script.defect), attempt.append());
        self.poll_tickets()?;
        self.settle(attempt, answer)
    }

    pub(super) fn poll_tickets(&mut self) -> Result<(), Failure> {
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
    pub(super) fn settle(&mut self, attempt: Attempt, answer: Result<Receipt, Error>) -> Result<(), Failure> {
        let said =
            answer.as_ref().map(|receipt| (receipt.first().0, receipt.time.0, receipt.events[0].leaf.0));
        self.machine.trace.note(&said.map_err(Error::kind));
        match answer {
            Ok(receipt) => {
                self.model.accept(&attempt, &receipt)?;
                if attempt.durability == Durability::Synced {
                    self.model.durable = self.model.durable.max(receipt.last().0);
                }
                Ok(())
            }
            Err(error) if error.kind().is_refusal() => {
                let verdict = self.model.verdict(&attempt);
                ensure(verdict == Verdict::Refused || attempt.unfounded, || {
                    format!("refused ({error}) what is {verdict:?}: {attempt:?}")
                })
            }
            Err(error) if error.kind() == ErrorKind::Full && self.script.faults => Ok(()),
            // Nothing was written of it, and so it is not in doubt.
            Err(error) if error.kind() == ErrorKind::Ended => {
                self.unless_ended(Err(error)).map(|_: Option<()>| ())
            }
            Err(error) => {
                let unsure = attempt.unsure || self.script.reads_fail && error.kind() == ErrorKind::Io;
                self.model.doubt.push(Attempt { unsure, ..attempt });
                self.unless_ended(Err(error)).map(|_: Option<()>| ())
            }
        }
    }

    pub(super) fn peek(&mut self) -> Result<(), Failure> {
        let position = self.dice.below(self.model.count() + 2);
        let view = self.store.view().map_err(failed("viewing"))?;
        let event = view.at(Position(position)).map_err(failed("reading"))?;
        same("whether a position is there", &(1..=self.model.count()).contains(&position), &event.is_some())?;
        event.map_or(Ok(()), |event| compare(self.model.at(position), &event))
    }
}

/// What a life hands in.
impl Life<'_> {
    pub(super) fn attempt(&mut self, count: u64) -> Attempt {
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
            let stream = drafts[0].stream.clone();
            let off = self.dice.chance(1, 4);
            let version = self.model.version(&stream);
            (stream, if off { Version(version.0 + 1) } else { version })
        });
        let mut demands: Vec<Demand> =
            version.map(|(stream, version)| Demand::Version(stream, version)).into_iter().collect();
        if self.script.company && self.others.chance(1, 5) {
            demands.push(self.demand(&drafts[0].stream));
        }
        Attempt { causes, durability, key, demands, unfounded, ..Attempt::of(drafts) }
    }

    /// Something that holds, or does not because the caller looked long ago.
    fn demand(&mut self, stream: &StreamId) -> Demand {
        let (dice, count) = (&mut self.others, self.model.count());
        match dice.below(6) {
            0 => Demand::Exists(stream.clone()),
            1 => Demand::Absent(stream.clone()),
            _ => {
                let wanted = ModelQuery::some(dice, count);
                let after = if dice.chance(2, 3) { count } else { dice.below(count + 2) };
                Demand::FailIf(wanted, after)
            }
        }
    }

    fn draft(&mut self, index: u64) -> Draft {
        let dice = &mut self.dice;
        let stream = StreamId::new(format!("s{}", dice.below(2)), format!("entity-{}", dice.below(4)))
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
            draft.metadata.push(("note".into(), format!("{}", dice.below(1000)).into_bytes().into()));
        }
        if dice.chance(1, 3) {
            draft.id = Some(EventId(u128::from(dice.below(400)).to_be_bytes()));
        }
        if dice.chance(1, 6) {
            draft.correlation = Some(CorrelationId(u128::from(1000 + dice.below(5)).to_be_bytes()));
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
