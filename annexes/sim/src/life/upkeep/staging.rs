//! Those who stage: drafts that are durable outside of the log, and in it once, or never.

use tidegate::{Draft, Error, ErrorKind};

use crate::attempt::Attempt;
use crate::defect::Defect;
use crate::failure::{Failure, ensure, failed, same};
use crate::life::Life;

/// How many names there are.
const NAMES: u64 = 6;

fn key(name: &str) -> String {
    format!("tidegate.stage:{name}")
}

impl Life<'_> {
    /// Adds to a stage, commits it, or cancels it.
    pub(super) fn stage(&mut self) -> Result<(), Failure> {
        for _ in 0..=self.keeper.below(3) {
            let name = format!("offer-{}", self.keeper.below(NAMES));
            match self.keeper.below(8) {
                0..5 => self.add_draft(&name)?,
                5..7 => self.commit_stage(&name)?,
                _ => self.cancel_stage(&name)?,
            }
            if self.is_over() {
                return Ok(());
            }
        }
        self.check_stages()
    }

    /// The drafts of a stage, which may be these; `None` if they cannot be read.
    fn staged(&mut self, name: &str) -> Result<Option<Vec<Draft>>, Failure> {
        let drafts = self.store.stage(name).and_then(|stage| stage.drafts());
        let Some(drafts) = self.take(drafts)? else { return Ok(None) };
        let is_committed = self.model.first_of(&key(name)).is_some();
        let stage = self.model.stages.entry(name.to_owned()).or_default();
        stage.check(&drafts, is_committed).map_err(|failure| failure.during(&name))?;
        self.machine.trace.note(&drafts.len());
        Ok(Some(drafts))
    }

    /// What is staged is what was acknowledged.
    pub(in crate::life) fn check_stages(&mut self) -> Result<(), Failure> {
        let names: Vec<String> = self.model.stages.keys().cloned().collect();
        for name in names {
            if self.staged(&name)?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn add_draft(&mut self, name: &str) -> Result<(), Failure> {
        let Some(mut drafts) = self.staged(name)? else { return Ok(()) };
        let is_committed = self.model.first_of(&key(name)).is_some();
        let draft = self.plain_draft();
        drafts.push(draft.clone());
        let added = self.store.stage(name).and_then(|stage| stage.add(draft));
        self.machine.trace.note(&added.as_ref().map_err(Error::kind));
        let stage = self.model.stages.entry(name.to_owned()).or_default();
        match added {
            Ok(()) if is_committed => Err(Failure::new(format!("{name} was committed, and takes drafts"))),
            Ok(()) => {
                stage.keep(drafts);
                Ok(())
            }
            Err(error) if is_committed && error.kind() == ErrorKind::Conflict => Ok(()),
            Err(error) => {
                stage.doubt(drafts);
                self.take(Err::<(), _>(error)).map(drop)
            }
        }
    }

    fn commit_stage(&mut self, name: &str) -> Result<(), Failure> {
        let Some(drafts) = self.staged(name)? else { return Ok(()) };
        if self.script.defect == Defect::StageWithoutKey && !drafts.is_empty() {
            let attempt = Attempt::of(drafts);
            let answer = self.store.append_with(attempt.batch(Defect::None), attempt.append());
            return self.settle(Attempt { key: Some(key(name)), ..attempt }, answer);
        }
        let committed = self.store.stage(name).and_then(|stage| stage.commit());
        self.poll_tickets()?;
        match (self.model.first_of(&key(name)), committed) {
            (Some(first), Ok(receipt)) => self.model.check_repeated(first, &receipt)?,
            (Some(_), Err(error)) => return self.give_up_unless_ended(error),
            (None, Err(error)) if drafts.is_empty() && error.kind() == ErrorKind::Missing => {}
            (None, answer) if drafts.is_empty() => {
                ensure(answer.is_err(), || format!("{name} has no draft, and was committed"))?;
                return self.unless_ended(answer).map(drop);
            }
            (None, answer) => {
                let attempt = Attempt { key: Some(key(name)), unsure: true, ..Attempt::of(drafts) };
                let is_done = answer.is_ok();
                self.settle(attempt, answer)?;
                self.count(|counts| counts.committed += u64::from(is_done));
            }
        }
        Ok(())
    }

    fn cancel_stage(&mut self, name: &str) -> Result<(), Failure> {
        if self.staged(name)?.is_none() {
            return Ok(());
        }
        let cancelled = self.store.stage(name).and_then(|stage| stage.cancel());
        let stage = self.model.stages.entry(name.to_owned()).or_default();
        if cancelled.is_ok() {
            stage.keep(Vec::new());
        } else {
            stage.doubt(Vec::new());
        }
        self.take(cancelled).map(drop)
    }

    /// Commits or cancels every stage; then there is none.
    pub(super) fn commit_stages(&mut self) -> Result<(), Failure> {
        self.check_stages()?;
        let names: Vec<String> = self.model.stages.keys().cloned().collect();
        for name in names {
            self.commit_stage(&name)?;
            self.commit_stage(&name)?;
            self.cancel_stage(&name)?;
        }
        let left = self.store.stages().map_err(failed("listing stages"))?;
        same("the stages that are left", &Vec::<String>::new(), &left)
    }
}
