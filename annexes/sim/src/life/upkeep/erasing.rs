//! Those who erase: what a query selects is gone from every view at once, and from every file once all is quiet.

use serde_json::json;
use tidegate::report::Erase;
use tidegate::{Draft, Error, ErrorKind, StreamId};
use tidegate_disk::FaultyDisk;

use crate::attempt::Attempt;
use crate::failure::{Failure, ensure, same};
use crate::life::Life;
use crate::model::Erasure;
use crate::query::ModelQuery;

/// The kind of events whose payloads are found nowhere else.
const LETTER: &str = "letter.sent";

/// Why, and by whom.
const WORDS: (&str, &str) = ("a request", "desk 2");

impl Life<'_> {
    /// Appends an event whose payload is found nowhere else, alone or in a batch, now and then under a key.
    pub(super) fn write_letter(&mut self) -> Result<(), Failure> {
        let count = 1 + self.keeper.below(3);
        let letter = |life: &mut Self| {
            let stream = StreamId::new("s2", format!("customer-{}", life.keeper.below(4)));
            let text = format!("letter {:016x} to a customer", life.keeper.roll());
            Draft::new(stream, LETTER).bytes(text.into_bytes()).tag(format!("tag:{}", life.keeper.below(5)))
        };
        let mut attempt = Attempt::of((0..count).map(|_| letter(self)).collect());
        attempt.key = self.keeper.chance(1, 4).then(|| format!("letter-{}", self.keeper.roll()));
        let answer = self.store.append_with(attempt.batch(self.script.defect), attempt.append());
        self.poll_tickets()?;
        self.settle(attempt, answer)
    }

    /// Erases what some query selects.
    pub(super) fn erase(&mut self) -> Result<(), Failure> {
        // What waits in the queue would be judged while it is in doubt what is erased.
        self.step()?;
        if self.is_over() {
            return Ok(());
        }
        let wanted = match self.keeper.below(6) {
            0 => ModelQuery::some(&mut self.keeper, self.model.count()),
            1 => ModelQuery::kind("a.one"),
            _ => ModelQuery::stream(&StreamId::new("s2", format!("customer-{}", self.keeper.below(4)))),
        };
        let selected: Vec<u64> = self.model.selected(&wanted).collect();
        let selects_own = selected.iter().any(|at| self.model.at(*at).draft.kind.starts_with("tidegate."));
        let is_there = |at: &u64| self.model.at(*at).erasure == Erasure::Not;
        let positions: Vec<u64> = selected.into_iter().filter(is_there).collect();
        let attempt =
            Attempt { unsure: true, erases: positions.clone(), ..Attempt::plain(erased(&positions)) };
        if !selects_own {
            for at in &positions {
                self.model.set_erasure(*at, Erasure::Doubted);
            }
        }
        let (reason, by) = WORDS;
        let erasure = self.store.upkeep().erase(&wanted.query(), Erase::new(reason, by));
        self.poll_tickets()?;
        self.machine
            .trace
            .note(&erasure.as_ref().map(|erasure| erasure.events).map_err(tidegate::Error::kind));
        match erasure {
            Err(error) if selects_own && error.kind() == ErrorKind::Invalid => Ok(()),
            _ if selects_own && !self.machine.disk.ended() && !self.script.reads_fail => {
                Err(Failure::new(format!("erased the store's own events: {wanted:?}")))
            }
            Ok(erasure) => {
                same("how many payloads were erased", &(positions.len() as u64), &erasure.events)?;
                let at = (!positions.is_empty()).then_some(self.model.count() + 1);
                same("where it is recorded", &at, &erasure.recorded.map(|position| position.0))?;
                if at.is_some() { self.take_erased(attempt) } else { Ok(()) }
            }
            Err(error) => {
                let is_recorded = self.store.frontier().visible.0 > self.model.count();
                if is_recorded && !self.machine.disk.ended() && !positions.is_empty() {
                    // The files could not be written; that it is decided stands.
                    self.take_erased(attempt)?;
                } else if !selects_own {
                    let is_sure = error.kind() == ErrorKind::Full && !self.machine.disk.ended();
                    if is_sure {
                        for at in &positions {
                            self.model.set_erasure(*at, Erasure::Not);
                        }
                    } else {
                        self.model.doubt.push(attempt);
                    }
                }
                self.give_up_unless_ended(error)
            }
        }
    }

    /// Judges an error after which it is not known whether the writer goes on, unless the error says so.
    pub(super) fn give_up_unless_ended(&mut self, error: Error) -> Result<(), Failure> {
        if matches!(error.kind(), ErrorKind::Ended | ErrorKind::OutcomeUnknown) {
            return self.unless_ended(Err::<(), _>(error)).map(drop);
        }
        self.take(Err::<(), _>(error)).map(drop)
    }

    /// Takes note of the event that says what is erased.
    fn take_erased(&mut self, attempt: Attempt) -> Result<(), Failure> {
        let position = tidegate::Position(self.model.count() + 1);
        let event = self.store.view().and_then(|view| view.at(position));
        let Some(event) = self.take(event)?.flatten() else {
            self.model.doubt.push(attempt);
            return Ok(());
        };
        self.model.take(&attempt, &event)?;
        self.model.durable = self.model.durable.max(position.0);
        Ok(())
    }

    /// Once all is quiet, no file of the store holds what is erased.
    pub(in crate::life) fn look_for_erased(&self) -> Result<(), Failure> {
        let found = self.find_erased(&self.machine.disk, self.model.count());
        ensure(found.is_none(), || {
            let rest = self.machine.disk.at_rest();
            let erasing = rest.read("ERASING").map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            format!("the store holds what is erased: {found:?}, {:?}, {erasing:?}", rest.names_in("segments"))
        })
    }

    /// Returns a file that holds the payload of an event up to a position which is erased, and the event's position.
    pub(super) fn find_erased(&self, disk: &FaultyDisk, until: u64) -> Option<(String, u64)> {
        let rest = disk.at_rest();
        let erased: Vec<u64> = self.model.erased(u64::MAX).filter(|at| *at <= until).collect();
        rest.names().into_iter().find_map(|name| {
            let bytes = rest.read(&name).ok()?;
            let holds = |at: &&u64| {
                let draft = &self.model.at(**at).draft;
                // Others have payloads that stand elsewhere too.
                draft.kind == LETTER && bytes.windows(draft.payload.len()).any(|part| part == &*draft.payload)
            };
            erased.iter().find(holds).map(|at| (name, *at))
        })
    }
}

/// Returns the draft of the event that says what is erased.
fn erased(positions: &[u64]) -> Draft {
    let runs = positions.chunk_by(|one, two| one + 1 == *two).map(|run| [run[0], run[run.len() - 1]]);
    let said = json!({ "positions": runs.collect::<Vec<_>>(), "reason": WORDS.0, "by": WORDS.1 });
    Draft::new(StreamId::new("tidegate", "tidegate.erasures"), "tidegate.erased").json_text(said.to_string())
}
