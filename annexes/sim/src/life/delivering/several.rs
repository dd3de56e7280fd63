//! Workers of one cursor that have several of its events at once and are done with them in any order.

use tidegate::ErrorKind;

use crate::failure::{Failure, ensure, failed, same};
use crate::life::Life;

impl Life<'_> {
    /// Takes what there is to take, and is done with most of it, the last one first or in any order. The cursor's place
    /// is looked at after each.
    pub(super) fn take_several(&mut self, at: usize) -> Result<(), Failure> {
        let mut out = usize::MAX;
        while self.held[at].out.len() != out {
            out = self.held[at].out.len();
            self.take_delivery(at)?;
            if self.stopped || self.machine.disk.ended() {
                return Ok(());
            }
        }
        if self.others.chance(1, 5) {
            // Their time is over: they are handed out again, or parked.
            self.machine.clock.advance(31_000_000);
            self.take_delivery(at)?;
        }
        for _ in 0..out.saturating_sub(self.others.below(2) as usize) {
            self.end_delivery(at)?;
            if self.stopped || self.machine.disk.ended() {
                return Ok(());
            }
            self.check_place(at)?;
        }
        Ok(())
    }

    /// A worker that was too late with an event is refused with every answer, and the event is the newest holder's.
    pub(super) fn settle_late(&mut self, at: usize) -> Result<(), Failure> {
        for late in std::mem::take(&mut self.held[at].late) {
            let settled = if self.others.chance(1, 2) {
                late.delivery.ack()
            } else {
                late.delivery.fail("too late").map(drop)
            };
            let kind = settled.err().map(|error| error.kind());
            let what = format_args!("what is reported to a late holder of {}", late.position);
            same(what, &Some(ErrorKind::Refused), &kind)?;
        }
        Ok(())
    }

    /// The cursor has not passed an event that is neither done nor parked, and says how many there are.
    fn check_place(&mut self, at: usize) -> Result<(), Failure> {
        let held = &self.held[at];
        let position = held.cursor.position().0;
        let lag = held.cursor.lag().map_err(failed("asking how far a cursor lags"))?;
        let open: Vec<u64> =
            self.model.selected(&held.wanted()).filter(|at| !held.place.settled.contains(at)).collect();
        self.machine.trace.note(&(position, lag));
        ensure(open.iter().all(|at| *at > position), || {
            format!("{} is at {position} and passed one of {open:?}", held.name)
        })?;
        same("how far a cursor lags with several out", &(open.len() as u64), &lag)
    }
}
