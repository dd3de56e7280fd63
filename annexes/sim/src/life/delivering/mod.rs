//! Those who deliver: cursors whose events are acknowledged, refused, given back, parked and gone back to.

mod changing;
mod several;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate::subscription::cursor::{self, Change, ChangeReport, Cursor, CursorOptions, Delivery};
use tidegate::{ErrorKind, Position, Store, StreamId};
use tidegate_disk::Clock;

use super::Life;
use crate::defect::Defect;
use crate::failure::{Failure, ensure, same};
use crate::model::{CursorPlace, CursorReport, Payload, Progress, compare_as};
use crate::query::ModelQuery;
use changing::{ChangeContext, ChangePlan};

/// The names of cursors.
const NAMES: [&str; 2] = ["mail", "audit"];

/// Maximum number of events of a cursor are out at a time.
const OUT_MOST: usize = 5;

/// A cursor in this process's hands.
#[derive(Debug)]
pub(super) struct OpenCursor {
    pub(super) name: &'static str,
    // Dropped before the cursor, which they belong to.
    pub(super) out: Vec<InFlight>,
    /// Deliveries of events that were handed out anew since.
    pub(super) late: Vec<InFlight>,
    pub(super) cursor: Cursor,
    settings: CursorOptions,
    /// Whether its worker fails most of the time.
    moody: bool,
    pub(super) place: CursorPlace,
    /// When an event failed, and how many times.
    failed: BTreeMap<u64, (u64, u32)>,
    /// Events that are to be tried again though they are parked.
    retried: BTreeSet<u64>,
}

/// An event that was handed out, and when.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) delivery: Delivery,
    pub(super) position: u64,
    since: u64,
}

fn wanted(name: &str) -> ModelQuery {
    if name == NAMES[0] { ModelQuery::kind("a.*") } else { ModelQuery::scopes(&["s0", "s1"]) }
}

/// What a cursor says about its place.
pub(super) fn report(store: &Store, cursor: &Cursor) -> tidegate::Result<CursorReport> {
    let parked = cursor.parked().iter().map(|parked| parked.position.0).collect();
    let head = store.frontier().visible.0;
    Ok(CursorReport { head, position: cursor.position().0, lag: cursor.lag()?, parked })
}

fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

impl OpenCursor {
    /// What it reads.
    pub(super) fn wanted(&self) -> ModelQuery {
        wanted(self.name)
    }

    /// Gives back what is out.
    pub(super) fn give_back(&mut self) {
        self.out.clear();
        self.late.clear();
    }

    /// Whether nothing rests after a failure, so that all that is not done can be delivered.
    pub(super) fn is_calm(&self) -> bool {
        self.failed.is_empty() && self.retried.is_empty() && self.place.parked.is_empty()
    }

    /// Whether an event may have been taken back by now.
    fn is_late(&self, out: &InFlight, now: u64) -> bool {
        now >= out.since.saturating_add(micros(self.settings.ack_timeout))
    }

    /// Whether something keeps an event from being handed out now: it is out, or rests.
    fn is_busy(&self, position: u64, now: u64) -> bool {
        let rests = |(at, _): &(u64, u32)| now < at.saturating_add(micros(self.settings.retry_after));
        self.out.iter().any(|out| out.position == position && !self.is_late(out, now))
            || self.failed.get(&position).is_some_and(rests)
    }

    /// Whether everything before an event in its stream is settled.
    fn is_first(&self, streams: &[u64], position: u64) -> bool {
        let mut before = streams.iter().take_while(|at| **at < position);
        before.all(|at| self.place.settled.contains(at))
    }

    /// Takes note of a change that is made.
    fn take_in(&mut self, change: Change) {
        let retried = match change {
            Change::Retry(Position(position)) => BTreeSet::from([position]),
            Change::RetryAll => self.place.parked.clone(),
            Change::Discard(Position(position)) => {
                self.forget(&[position].into());
                return;
            }
            Change::DiscardAll => {
                self.forget(&self.place.parked.clone());
                return;
            }
            // Nothing that is out can be acknowledged any more.
            _ => {
                self.out.clear();
                self.failed.clear();
                return;
            }
        };
        self.failed.retain(|position, _| !retried.contains(position));
        self.retried.extend(retried);
    }

    /// Takes note that events were given up.
    fn forget(&mut self, positions: &BTreeSet<u64>) {
        self.out.retain(|out| !positions.contains(&out.position));
        self.failed.retain(|position, _| !positions.contains(position));
        self.retried.retain(|position| !positions.contains(position));
    }

    fn progress<'a>(&self, all: &'a mut BTreeMap<&'static str, Progress>) -> &'a mut Progress {
        all.get_mut(self.name).expect("a cursor that was opened has a place")
    }
}

impl Life<'_> {
    fn steady(&self) -> u64 {
        self.machine.clock.steady_micros()
    }

    /// Does something with one of the cursors.
    pub(super) fn deliver(&mut self) -> Result<(), Failure> {
        let name = *self.others.pick(&NAMES);
        if !self.held.iter().any(|held| held.name == name) {
            if self.cursors_busy && self.others.chance(1, 3) {
                return self.change_from_outside(name);
            }
            if !self.open_cursor(name)? || !self.cursors_busy {
                return Ok(());
            }
        }
        let at = self.held.iter().position(|held| held.name == name).expect("it is open");
        let most = if self.cursors_busy { 14 } else { 4 };
        let steps = 1 + self.others.below(most);
        for _ in 0..steps {
            match self.others.below(42) {
                0..12 => self.take_delivery(at)?,
                12..24 => self.end_delivery(at)?,
                24..28 => self.keep_place(at)?,
                28..36 => self.change(at)?,
                36..41 => self.take_several(at)?,
                _ => {
                    drop(self.held.swap_remove(at));
                    return Ok(());
                }
            }
            if self.stopped || self.machine.disk.ended() {
                break;
            }
            self.see_parked(at)?;
        }
        Ok(())
    }

    /// Opens a cursor, which goes on where it was: at a place that may be.
    fn open_cursor(&mut self, name: &'static str) -> Result<bool, Failure> {
        let dice = &mut self.others;
        let settings = CursorOptions::new()
            .ack_timeout(Duration::from_secs(*dice.pick(&[2, 30])))
            .max_attempts(1 + dice.below(3) as u32)
            .retry_after(Duration::from_millis(*dice.pick(&[0, 1000])))
            .max_in_flight(*dice.pick(&[2, 1024]))
            .commit_interval(Duration::from_millis(*dice.pick(&[0, 100])));
        let opened = self.store.cursor_with(name, wanted(name).query(), settings.clone());
        let (cursor, report) = match opened {
            Ok(cursor) => (Some(cursor.clone()), report(&self.store, &cursor)),
            Err(error) => (None, Err(error)),
        };
        self.poll_tickets()?;
        let place = self.begin_at(name, &wanted(name), report)?;
        let (Some(cursor), Some(place)) = (cursor, place) else { return Ok(false) };
        let (out, failed) = Default::default();
        let retried = BTreeSet::new();
        let moody = self.cursors_busy && self.others.chance(1, 3);
        self.held.push(OpenCursor {
            name,
            out,
            late: Vec::new(),
            cursor,
            settings,
            moody,
            place,
            failed,
            retried,
        });
        let at = self.held.len() - 1;
        self.see_parked(at).map(|()| true)
    }

    /// The place that something which was opened begins at. A file that was damaged from outside is removed, as
    /// its error says, and the reader begins anew another time.
    pub(super) fn begin_at(
        &mut self,
        name: &'static str,
        wanted: &ModelQuery,
        report: tidegate::Result<CursorReport>,
    ) -> Result<Option<CursorPlace>, Failure> {
        let progress = self.model.progress.entry(name).or_insert_with(|| Progress::of(wanted.clone()));
        if progress.damaged {
            match &report {
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => {
                    let removed = self.machine.disk.at_rest().remove(&format!("cursors/{name}"));
                    removed.map_err(|error| Failure::new(format!("removing a damaged place: {error}")))?;
                    progress.lose();
                    return Ok(None);
                }
                // Damage undoes damage now and then; what is reported has to fit all the same.
                Ok(_) => progress.damaged = false,
                Err(_) => {}
            }
        }
        progress.open();
        let Some(report) = self.take(report)? else { return Ok(None) };
        self.machine.trace.note(&(report.position, report.lag));
        let mut selected: Vec<u64> = self.model.selected(wanted).collect();
        selected.retain(|at| *at <= report.head);
        let progress = self.model.progress.get_mut(name).expect("it was put there");
        let place = progress.find(Some(&report), &selected, false);
        let place = place.map_err(|failure| failure.during(&name))?.unwrap_or_default();
        ensure(report.lag + place.settled.len() as u64 == selected.len() as u64, || {
            format!("{name} begins with a lag of {} of {}", report.lag, selected.len())
        })?;
        progress.keep(&place);
        Ok(Some(place))
    }

    pub(super) fn take_delivery(&mut self, at: usize) -> Result<(), Failure> {
        if self.held[at].out.len() >= OUT_MOST {
            return Ok(());
        }
        let waits = self.others.chance(1, 6);
        let next = match self.held[at].cursor.next_now() {
            Ok(None) if waits => match self.held[at].cursor.next_within(Duration::ZERO) {
                Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
                other => other,
            },
            other => other,
        };
        self.poll_tickets()?;
        let next = self.take(next)?;
        // Looking for the next event parks those whose time is over, also if it fails behind that.
        self.see_parked(at)?;
        let Some(next) = next else { return Ok(()) };
        let now = self.steady();
        let held = &mut self.held[at];
        let selected: Vec<u64> = self.model.selected(&wanted(held.name)).collect();
        let stream_of = |position: u64| &self.model.at(position).draft.stream;
        let of_stream = |stream: &StreamId| -> Vec<u64> {
            selected.iter().copied().filter(|at| stream_of(*at) == stream).collect()
        };
        let Some(delivery) = next else {
            self.machine.trace.note(&"nothing to deliver");
            // With a small window, what is out or rests may keep others from being found.
            let waits = |position: &&u64| {
                let stream = of_stream(stream_of(**position));
                !held.place.settled.contains(position)
                    && held.is_first(&stream, **position)
                    && !held.is_busy(**position, now)
                    && !stream.iter().any(|at| held.retried.contains(at) || held.is_busy(*at, now))
            };
            let missed = selected.iter().find(waits).filter(|_| held.settings.max_in_flight > 100);
            return ensure(missed.is_none(), || format!("{} hands out nothing, {missed:?} waits", held.name));
        };
        let position = delivery.event().position().0;
        self.machine.trace.note(&(position, delivery.attempt()));
        // It may have been read before its payload was erased.
        compare_as(self.model.at(position), delivery.event(), Payload::MayBeLeft)?;
        ensure(selected.contains(&position), || format!("{position} is not what {} reads", held.name))?;
        let settled = held.place.settled.contains(&position) && !held.retried.contains(&position);
        ensure(!settled, || format!("{} delivers {position}, which it was done with", held.name))?;
        let stream = of_stream(stream_of(position));
        ensure(held.is_first(&stream, position) && !held.is_busy(position, now), || {
            format!("{} delivers {position} out of turn: {stream:?}, {held:?}", held.name)
        })?;
        let (late, out) = held.out.drain(..).partition(|out| out.position == position);
        (held.late, held.out) = (late, out);
        held.out.push(InFlight { delivery, position, since: now });
        self.settle_late(at)
    }

    /// Says what became of an event that is out.
    pub(super) fn end_delivery(&mut self, at: usize) -> Result<(), Failure> {
        let now = self.steady();
        let held = &mut self.held[at];
        // Some fail most of the time, so that several events are parked at once.
        let what = if held.moody { 4 + self.others.below(5) } else { self.others.below(10) };
        if held.out.is_empty() {
            return Ok(());
        }
        let out = held.out.swap_remove(self.others.below(held.out.len() as u64) as usize);
        let (is_late, position) = (held.is_late(&out, now), out.position);
        let ended = match what {
            0..7 => out.delivery.ack().map(|()| false),
            7..9 => out.delivery.fail("it would not do"),
            _ => {
                drop(out);
                return Ok(());
            }
        };
        self.poll_tickets()?;
        let held = &mut self.held[at];
        if is_late && matches!(&ended, Err(error) if error.kind() == ErrorKind::Refused) {
            return Ok(());
        }
        if what < 7 {
            held.place.settled.insert(position);
            held.place.parked.remove(&position);
            held.retried.remove(&position);
            held.failed.remove(&position);
        } else {
            let failed = held.failed.entry(position).or_default();
            *failed = (now, failed.1 + 1);
        }
        let place = held.place.clone();
        let kept = ended.is_ok() && what < 7 && held.settings.commit_interval.is_zero();
        held.progress(&mut self.model.progress).note(&place, kept);
        if what >= 7 {
            // What parks an event keeps it too, and may have failed there.
            self.see_parked(at)?;
            if let Ok(said) = &ended {
                let is_parked = self.held[at].place.parked.contains(&position);
                let was_retried = is_parked && !said;
                ensure(*said == is_parked || was_retried, || {
                    format!(
                        "a failure of {position} is reported to have parked it: {said}, which it has: {is_parked}"
                    )
                })?;
            }
        }
        self.take(ended).map(drop)
    }

    /// Takes note of what was parked, which must have failed often enough.
    fn see_parked(&mut self, at: usize) -> Result<(), Failure> {
        let now = self.steady();
        let held = &mut self.held[at];
        let parked: BTreeSet<u64> = held.cursor.parked().iter().map(|one| one.position.0).collect();
        let came: Vec<u64> = parked.difference(&held.place.parked).copied().collect();
        for position in &came {
            let failed = held.failed.remove(position).map_or(0, |(_, times)| times);
            let late = held.out.iter().any(|out| out.position == *position && held.is_late(out, now));
            ensure(failed > 0 || late, || format!("{} parked {position}, which never failed", held.name))?;
            held.retried.remove(position);
        }
        // One that is parked anew is not to be tried again by itself.
        let again: BTreeSet<u64> =
            held.cursor.parked().iter().filter(|one| one.retried).map(|one| one.position.0).collect();
        held.retried = again;
        let went = held.place.parked.difference(&parked).next();
        ensure(went.is_none(), || format!("{} lost the parked event {went:?}", held.name))?;
        if !came.is_empty() {
            held.place.settled.extend(&came);
            held.place.parked = parked;
            let place = held.place.clone();
            held.progress(&mut self.model.progress).reach(&place);
        }
        Ok(())
    }

    fn keep_place(&mut self, at: usize) -> Result<(), Failure> {
        let held = &self.held[at];
        let kept = if self.script.defect == Defect::ProgressNotKept { Ok(()) } else { held.cursor.commit() };
        self.poll_tickets()?;
        if self.take(kept)?.is_some() {
            let held = &self.held[at];
            held.progress(&mut self.model.progress).keep(&held.place);
            let (lag, position) = (held.cursor.lag(), held.cursor.position().0);
            let selected: Vec<u64> = self.model.selected(&wanted(held.name)).collect();
            let open = selected.iter().filter(|at| !held.place.settled.contains(at));
            let passed = open.clone().find(|at| **at <= position);
            ensure(passed.is_none(), || format!("{} is at {position} and passed {passed:?}", held.name))?;
            let open = open.count() as u64;
            if let Some(lag) = self.take(lag)? {
                same("how far a cursor lags", &open, &lag)?;
            }
        }
        Ok(())
    }

    /// Changes the place of a cursor that is open.
    fn change(&mut self, at: usize) -> Result<(), Failure> {
        let head = self.store.frontier().visible.0;
        let held = &self.held[at];
        let mut selected: Vec<u64> = self.model.selected(&wanted(held.name)).collect();
        selected.retain(|at| *at <= head);
        let (place, position) = (&held.place, held.cursor.position().0);
        let planned = ChangeContext { place, position, head, selected: &selected }.plan(&mut self.others);
        let changed = held.cursor.change(planned.change);
        self.poll_tickets()?;
        let held = &mut self.held[at];
        if planned.place.is_ok() {
            held.take_in(planned.change);
        }
        self.settle_change(self.held[at].name, &planned, changed)?;
        if let Ok(place) = planned.place {
            self.held[at].place = place;
        }
        Ok(())
    }

    /// Changes the place of a cursor that is not open, if there is one.
    fn change_from_outside(&mut self, name: &'static str) -> Result<(), Failure> {
        let Some(progress) = self.model.progress.get_mut(name).filter(|progress| !progress.damaged) else {
            return Ok(());
        };
        let state = match cursor::status(&self.store, name) {
            Err(error) if error.kind() == ErrorKind::Missing => {
                return progress.find(None, &[], false).map(drop).map_err(|failure| failure.during(&name));
            }
            other => self.take(other)?,
        };
        let Some(state) = state else { return Ok(()) };
        let (head, position) = (self.store.frontier().visible.0, state.position.0);
        let mut selected: Vec<u64> = self.model.selected(&wanted(name)).collect();
        selected.retain(|at| *at <= head);
        let parked = state.parked.iter().map(|parked| parked.position.0).collect();
        let report = CursorReport { head, position, lag: state.lag, parked };
        let progress = self.model.progress.get_mut(name).expect("it was there");
        let place =
            progress.find(Some(&report), &selected, false).map_err(|failure| failure.during(&name))?;
        let place = place.unwrap_or_default();
        let planned =
            ChangeContext { place: &place, position, head, selected: &selected }.plan(&mut self.others);
        let changed = cursor::change(&self.store, name, planned.change);
        self.poll_tickets()?;
        self.settle_change(name, &planned, changed)
    }

    /// Judges what came of a change.
    fn settle_change(
        &mut self,
        name: &'static str,
        planned: &ChangePlan,
        changed: tidegate::Result<ChangeReport>,
    ) -> Result<(), Failure> {
        match (&planned.place, changed) {
            (Err(kind), Err(error)) if error.kind() == *kind => Ok(()),
            (Err(kind), Ok(_)) => {
                Err(Failure::new(format!("{name} took {:?}, which is {kind:?}", planned.change)))
            }
            (Ok(place), changed) => {
                let progress = self.model.progress.get_mut(name).expect("it has a place");
                progress.note(place, changed.is_ok());
                let Some(changed) = self.take(changed)? else { return Ok(()) };
                planned.check(&changed).map_err(|failure| failure.during(&name))?;
                let state = cursor::status(&self.store, name);
                match self.take(state)? {
                    Some(state) => {
                        planned.check_parked(&state.parked).map_err(|failure| failure.during(&name))
                    }
                    None => Ok(()),
                }
            }
            (Err(_), changed) => self.take(changed).map(drop),
        }
    }

    /// Every cursor delivers what is left, in order within each stream, and then lags by nothing.
    pub(super) fn finish_deliveries(&mut self) -> Result<(), Failure> {
        for name in NAMES {
            // The first time a damaged place is removed.
            if !self.open_cursor(name)? && !self.open_cursor(name)? {
                return Err(Failure::new(format!("{name} does not open without faults")));
            }
            let at = self.held.len() - 1;
            let all = self.model.selected(&wanted(name)).count();
            let mut looks = 4 * all;
            while self.held[at].place.settled.len() < all && looks > 0 {
                looks -= 1;
                self.take_delivery(at)?;
                for out in std::mem::take(&mut self.held[at].out) {
                    let acknowledged = out.delivery.ack();
                    self.take(acknowledged)?;
                    let held = &mut self.held[at];
                    held.place.settled.insert(out.position);
                    held.place.parked.remove(&out.position);
                    held.retried.remove(&out.position);
                }
            }
            let held = &self.held[at];
            let lag = held.cursor.lag().map_err(crate::failure::failed("asking how far a cursor lags"))?;
            same(format_args!("how far {name} lags at the end"), &0, &lag)?;
            let place = held.place.clone();
            held.progress(&mut self.model.progress).reach(&place);
            self.keep_place(at)?;
        }
        self.held.clear();
        Ok(())
    }
}
