//! What must be true of a store after all that happened to its workers, and that it goes on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tidegate::subscription::cursor::{Change, CursorOptions};
use tidegate::subscription::reactor::Step;
use tidegate::{
    AppendOptions, Cause, Draft, ErrorKind, Query, RecordedEvent, Store, StoreOptions, StoreReader,
};

use crate::failure::{Failure, Outcome, ensure};
use crate::report::WorkerReport;
use crate::story::{self, BILL, CURSOR, Mark, ORDER, REACTOR, SEAT, SEATS, Tally};
use crate::worker::{WorkerOptions, bill, plain_fold};

/// What a check found.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckReport {
    /// Events.
    pub events: u64,
    /// Bytes of a torn tail that opening cut off.
    pub dropped_bytes: u64,
    /// Events that no worker had reported.
    pub untold: u64,
}

/// Opens the store in every way and compares it with what was report. Afterwards all that is in it counts as report.
pub fn check(directory: &Path, report: &mut WorkerReport) -> Outcome<CheckReport> {
    let options = WorkerOptions { thread: true, ..WorkerOptions::new(directory) }.options();
    let seen = look_only(directory, report).map_err(|failure| failure.at("opened for reading"))?;
    let store = options.open(directory)?;
    let mut found = CheckReport { dropped_bytes: store.report().dropped_bytes, ..CheckReport::default() };
    let events = history(&store)?;
    ensure(events.len() >= seen.len() && leaves(&events).starts_with(&leaves(&seen)), || {
        format!("a reader saw {} events, the writer has {} others", seen.len(), events.len())
    })?;
    compare(&events, report)?;
    store.verify(|_| ()).map_err(|error| Failure::from(error).at("verify"))?;
    whole_batches(&events, report)?;
    seats_suffice(&events)?;
    check_cursor(&store, &events, report)?;
    check_reactions(&store)?;
    check_projection(&store)?;
    found.events = events.len() as u64;
    found.untold = found.events.saturating_sub(report.events.len() as u64);
    go_on(&store, directory, options, report)?;
    Ok(found)
}

/// Returns what a reader sees of a store that was not opened for writing since, or `None` if it was never created.
pub fn look_only(directory: &Path, report: &WorkerReport) -> Outcome<Vec<RecordedEvent>> {
    let store = match StoreOptions::new().open_reader(directory) {
        Err(error) if error.kind() == ErrorKind::Missing && report.events.is_empty() => return Ok(Vec::new()),
        other => other?,
    };
    let opening = store.report();
    if let Some(damage) = &opening.damage {
        return Err(Failure(format!("what follows is said to be hidden: {damage}")));
    }
    let events = history(&store)?;
    // No silent prefix: what a reader does not show it counts.
    let withheld = opening.unconfirmed.as_ref().map_or(0, |unconfirmed| unconfirmed.events);
    let last = report.events.last_key_value().map_or(0, |(position, _)| *position);
    ensure(events.len() as u64 + withheld >= last, || {
        format!(
            "a reader shows {} events and counts {withheld} more, {last} were reported: {opening}",
            events.len()
        )
    })?;
    Ok(events)
}

fn history(store: &StoreReader) -> Outcome<Vec<RecordedEvent>> {
    let events = store.read(&Query::ALL)?.collect::<tidegate::Result<Vec<_>>>()?;
    for (index, event) in events.iter().enumerate() {
        ensure(event.position().0 == index as u64 + 1, || format!("a gap before {}", event.position()))?;
    }
    Ok(events)
}

fn leaves(events: &[RecordedEvent]) -> Vec<String> {
    events.iter().map(|event| event.leaf().to_string()).collect()
}

fn compare(events: &[RecordedEvent], report: &WorkerReport) -> Outcome {
    ensure(report.wrong.is_empty(), || report.wrong.join("; "))?;
    for (position, (leaf, _)) in &report.events {
        let event = events.get(*position as usize - 1);
        let event = event.ok_or_else(|| {
            Failure(format!("{position} was acknowledged, and the log ends at {}", events.len()))
        })?;
        ensure(event.leaf().to_string() == *leaf, || {
            format!("{position} was acknowledged, and there is another event")
        })?;
    }
    Ok(())
}

/// Every batch is there as a whole and once, or not at all; one that was refused is not.
fn whole_batches(events: &[RecordedEvent], report: &WorkerReport) -> Outcome {
    let mut rest = events.iter().filter_map(|event| Some((event, Mark::of(event)?))).peekable();
    let mut seen = BTreeSet::new();
    while let Some((first, mark)) = rest.next() {
        mark.agrees(first)?;
        let batch = (mark.life, mark.number);
        ensure(mark.index == 0 && mark.count == story::count(mark.number), || {
            format!("{} does not begin its batch {batch:?}", first.position())
        })?;
        ensure(seen.insert(batch), || format!("batch {batch:?} is there twice"))?;
        ensure(!report.refused.contains(&batch), || format!("batch {batch:?} was refused, and is there"))?;
        for index in 1..mark.count {
            let next = rest.next_if(|(event, next)| {
                *next == Mark { index, ..mark } && event.position().0 == first.position().0 + index
            });
            let (event, next) =
                next.ok_or_else(|| Failure(format!("batch {batch:?} ends before {index}")))?;
            next.agrees(event)?;
        }
    }
    Ok(())
}

fn seats_suffice(events: &[RecordedEvent]) -> Outcome {
    let mut taken = BTreeMap::<&str, u64>::new();
    for event in events.iter().filter(|event| event.kind() == SEAT) {
        let course = event.tags().next().unwrap_or_default();
        *taken.entry(course).or_default() += 1;
    }
    for (course, taken) in taken {
        ensure(taken <= SEATS, || format!("{course} has {SEATS} seats, and {taken} were given away"))?;
    }
    Ok(())
}

/// The cursor hands out each note after its place once, and its place is not before what was reported of it.
fn check_cursor(store: &Store, events: &[RecordedEvent], report: &mut WorkerReport) -> Outcome {
    let cursor = store.cursor_with(CURSOR, story::notes(), CursorOptions::new().max_in_flight(100_000))?;
    let place = cursor.position();
    ensure(place.0 >= report.reached, || format!("the cursor is at {place}, kept was {}", report.reached))?;
    ensure(place.0 <= events.len() as u64, || format!("the cursor is at {place}, behind the log's end"))?;
    let notes = events.iter().filter(|event| event.kind() == story::NOTE && event.position() > place);
    let wanted: Vec<_> = notes.map(RecordedEvent::position).collect();
    let mut handed = Vec::new();
    while let Some(delivery) = cursor.next_now()? {
        handed.push(delivery.event().position());
        delivery.ack()?;
    }
    // Streams come in order, and not each other.
    handed.sort_unstable();
    let missed =
        wanted.iter().find(|position| !handed.contains(position) && !report.handed.contains(&position.0));
    ensure(missed.is_none(), || format!("the cursor at {place} does not hand out {missed:?}"))?;
    let odd = handed.iter().find(|position| !wanted.contains(position));
    ensure(odd.is_none(), || format!("the cursor at {place} hands out {odd:?}"))?;
    ensure(handed.windows(2).all(|pair| pair[0] < pair[1]), || "the cursor hands out an event twice".into())?;
    cursor.change(Change::Rewind(place))?;
    report.reached = place.0;
    report.handed.clear();
    Ok(())
}

/// Lets the reactor finish, and finds one answer to every order.
fn check_reactions(store: &Store) -> Outcome {
    let reactor =
        store.reactor(REACTOR, story::orders(), |_, order: &RecordedEvent| Ok(Some(bill(order).into())))?;
    loop {
        match reactor.step()? {
            Step::Idle | Step::Ended => break,
            Step::Failed(failure) => return Err(Failure(format!("the reactor failed: {failure}"))),
            _ => {}
        }
    }
    let parked = reactor.cursor().parked();
    ensure(parked.is_empty(), || format!("orders are parked: {parked:?}"))?;
    let mut answered = BTreeMap::<u64, u64>::new();
    let mut orders = Vec::new();
    for event in store.read(&Query::ALL)? {
        let event = event?;
        if event.kind() == ORDER {
            orders.push(event.position().0);
        } else if event.kind() == BILL {
            for cause in event.causes() {
                let Cause::At(order) = cause else { continue };
                *answered.entry(order.0).or_default() += 1;
            }
        }
    }
    let expected: BTreeMap<u64, u64> = orders.into_iter().map(|order| (order, 1)).collect();
    ensure(answered == expected, || {
        let odd = answered.iter().find(|(order, count)| expected.get(order) != Some(count));
        format!("{} orders, {} answered; odd: {odd:?}", expected.len(), answered.len())
    })
}

fn check_projection(store: &Store) -> Outcome {
    let projector = store.projector::<Tally>()?;
    let reading = projector.read()?;
    let plain = plain_fold(store, reading.position())?;
    ensure(**reading.state() == plain, || {
        format!(
            "the projection is {:?}, a plain fold {plain:?}; it began {:?}",
            **reading.state(),
            projector.start()
        )
    })?;
    projector.save()?;
    Ok(())
}

/// The store takes another event, closes, and opens clean with all that was in it.
fn go_on(store: &Store, directory: &Path, options: StoreOptions, report: &mut WorkerReport) -> Outcome {
    store.append_with(Draft::new(("check", "more"), "check.more"), AppendOptions::new().synced())?;
    let before = leaves(&history(store)?);
    store.close()?;
    let again = options.open(directory)?;
    ensure(again.report().clean, || format!("closed, and opened again: {}", again.report()))?;
    let after = leaves(&history(&again)?);
    ensure(before == after, || "closing and opening again changes the log".to_owned())?;
    let events = after.into_iter().enumerate();
    report.events = events.map(|(index, leaf)| (index as u64 + 1, (leaf, true))).collect();
    again.close()?;
    Ok(())
}
