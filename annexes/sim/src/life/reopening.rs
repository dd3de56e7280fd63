//! Those who open the store again: after a close with a new handle, or behind the handles that there are, which go on.

use std::sync::Arc;
use std::time::Duration;

use tidegate::{Durability, ErrorKind, Position, Query, View};
use tidegate_disk::{Call, Errno, FaultPlan};
use tidegate_format::Hash;

use super::delivering::report;
use super::{Life, Losses};
use crate::attempt::Attempt;
use crate::check;
use crate::defect::Defect;
use crate::failure::{Failure, ensure, failed, same};
use crate::model::{End, ModelEvent, Payload, compare_as};

impl Life<'_> {
    /// Closes the store in good order, and opens it again.
    pub(super) fn close_and_open(&mut self) -> Result<(), Failure> {
        let closed = self.store.close();
        self.poll_tickets()?;
        if self.unless_ended(closed)?.is_none() {
            return Ok(());
        }
        same("tickets without an answer after closing", &0, &self.waiting.len())?;
        self.model.durable = self.model.count();
        if self.script.company && self.reopens.chance(1, 2) {
            return self.reopen();
        }
        self.model.end(End::Kill);
        self.end_listening()?;
        self.held.clear();
        self.projector = None;
        match self.machine.open() {
            _ if self.machine.disk.ended() => Ok(()),
            Ok(store) => {
                ensure(store.report().clean, || format!("closed in good order: {}", store.report()))?;
                self.store = Arc::new(store);
                self.attach_gates()?;
                check::adopt(&self.store, self.model)
            }
            Err(error) => self.unless_ended(Err(error)).map(|_: Option<()>| ()),
        }
    }

    /// Opens the store again whose writer a fault has ended, now and then after the system gave up what it could not write.
    pub(super) fn reopen_ended(&mut self) -> Result<(), Failure> {
        let goes_on = self.script.company && !self.machine.disk.ended() && !self.stopped;
        if !goes_on || !self.reopens.chance(2, 3) {
            return Ok(());
        }
        let durable = self.store.frontier().durable.0.min(self.model.count());
        self.model.durable = self.model.durable.max(durable);
        if self.script.losses == Losses::All && self.reopens.chance(1, 2) {
            self.give_up_unsynced();
        }
        self.reopen().map_err(|failure| failure.during(&"reopening"))
    }

    /// Has a sync fail after events that were seen before it; the system gives them up.
    pub(super) fn fail_a_sync(&mut self) -> Result<(), Failure> {
        self.script.faults = true;
        self.machine.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
        for _ in 0..=self.reopens.below(2) {
            let attempt = Attempt { durability: Durability::Buffered, ..self.attempt(1) };
            let answer = self.store.append_with(attempt.batch(Defect::None), attempt.append());
            self.poll_tickets()?;
            self.settle(attempt, answer)?;
        }
        for listener in &mut self.listeners {
            let event = listener.next().map_err(failed("listening before a loss"))?;
            listener.hear(self.model, event.as_ref())?;
        }
        for at in 0..self.held.len() {
            self.take_delivery(at)?;
        }
        if let Some(projector) = &self.projector {
            let reading = projector.read();
            self.take(reading)?;
        }
        let waited = self.store.wait_durable(Position(self.model.count()), Duration::ZERO);
        self.poll_tickets()?;
        self.durable_after(waited)?;
        if !self.ended || self.stopped || self.machine.disk.ended() {
            return Ok(());
        }
        self.give_up_unsynced();
        self.reopen().map_err(|failure| failure.during(&"reopening after a sync that failed"))
    }

    /// Takes from the newest segment what no sync covered.
    fn give_up_unsynced(&mut self) {
        let rest = self.machine.disk.at_rest();
        let newest = self.machine.segments().into_values().next_back();
        let Some(newest) = newest.filter(|name| rest.synced_names_in("segments").contains(name)) else {
            return;
        };
        if let Ok(synced) = rest.read_synced(&newest)
            && rest.write(&newest, &synced).is_ok()
        {
            self.model.given_up_after = Some(self.model.durable);
        }
    }

    /// Opens the store again behind its handle, and sees that everything which was made of it goes on.
    fn reopen(&mut self) -> Result<(), Failure> {
        let before = self.store.view().map_err(failed("viewing"))?;
        let leaves: Vec<Hash> = self.model.events.iter().map(|known| known.leaf).collect();
        let (durable, lossy) = (self.model.durable, self.model.given_up_after.is_some());
        self.model.end(End::Kill);
        let reopened = self.store.reopen();
        self.poll_tickets()?;
        self.machine.trace.note(&reopened.as_ref().err().map(tidegate::Error::kind));
        match reopened {
            _ if self.machine.disk.ended() => return Ok(()),
            Ok(()) => self.ended = false,
            Err(error)
                if self.script.faults
                    && matches!(error.kind(), ErrorKind::Full | ErrorKind::Io | ErrorKind::Ended) =>
            {
                // If reading fails too, nothing is known of the writer.
                (self.ended, self.stopped) = (!self.script.reads_fail, self.script.reads_fail);
                return Ok(());
            }
            Err(error) => return Err(Failure::of("opening again", &error)),
        }
        same("tickets without an answer after opening again", &0, &self.waiting.len())?;
        check::adopt(&self.store, self.model)?;
        let same_leaf = |(leaf, event): &(&Hash, &ModelEvent)| **leaf == event.leaf;
        let kept = leaves.iter().zip(&self.model.events).take_while(same_leaf).count() as u64;
        let lost = leaves.len() as u64 - kept;
        ensure(kept >= durable && (lossy || lost == 0), || {
            format!("{lost} events are lost, {durable} were durable, lossy: {lossy}")
        })?;
        self.model.reopened += 1;
        self.model.reopened_with_loss += u64::from(lost > 0);
        self.see_before(&before, kept)?;
        self.go_on_listening(durable, kept)?;
        if lost > 0 {
            self.taps.clear();
            self.go_on_delivering()?;
        }
        Ok(())
    }

    /// A view stays what it was, as far as its files are there.
    fn see_before(&self, before: &View, kept: u64) -> Result<(), Failure> {
        let mut count = 0;
        for event in before.as_of(Position(kept)).read(&Query::ALL) {
            let event = event.map_err(failed("reading a view of the opening before"))?;
            // An erasure that the opening before knew no outcome of stays masked in its views.
            compare_as(self.model.at(event.position().0), &event, Payload::Any)?;
            count += 1;
        }
        same("the events of a view of the opening before", &kept, &count)
    }

    /// A subscription goes on, or says that it has seen what was lost.
    fn go_on_listening(&mut self, durable: u64, kept: u64) -> Result<(), Failure> {
        for mut listener in std::mem::take(&mut self.listeners) {
            if listener.goes_on(self.model, durable, kept)? {
                self.listeners.push(listener);
            }
        }
        Ok(())
    }

    /// A cursor that has seen what was lost goes back, and delivers all that is there; then it is given up.
    fn go_on_delivering(&mut self) -> Result<(), Failure> {
        for mut held in std::mem::take(&mut self.held) {
            held.give_back();
            let next = held.cursor.next_now();
            if self.take(next)?.is_none() {
                return Ok(());
            }
            let told = report(&self.store, &held.cursor);
            let Some(told) = self.take(told)? else { return Ok(()) };
            let selected: Vec<u64> = self.model.selected(&held.wanted()).collect();
            let progress =
                self.model.progress.get_mut(held.name).expect("a cursor that was opened has a place");
            let mut place = progress.find(Some(&told), &selected, false)?.unwrap_or_default();
            loop {
                let next = held.cursor.next_now();
                let Some(next) = self.take(next)? else { return Ok(()) };
                let Some(delivery) = next else { break };
                let position = delivery.event().position().0;
                compare_as(self.model.at(position), delivery.event(), Payload::MayBeLeft)?;
                place.settled.insert(position);
                // One that was parked is tried again if that was asked for.
                place.parked.remove(&position);
                self.model.progress.get_mut(held.name).expect("it was there").reach(&place);
                let acked = delivery.ack();
                if self.take(acked)?.is_none() {
                    return Ok(());
                }
            }
            let missed = selected.iter().find(|at| !place.settled.contains(at));
            ensure(missed.is_none() || !held.is_calm(), || {
                format!("{} does not deliver {missed:?} after a loss", held.name)
            })?;
        }
        Ok(())
    }
}
