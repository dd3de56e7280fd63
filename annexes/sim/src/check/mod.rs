//! What must hold whenever a store has been opened: it says what the model says, whichever way it is asked.

mod expected;

use tidegate::subscription::cursor;
use tidegate::{ErrorKind, EventId, Position, Query, ReadOptions, RecordedEvent, StoreReader};

use crate::failure::{Failure, ensure, failed, same};
use crate::machine::Machine;
use crate::model::{CursorReport, End, Model, Payload, compare, compare_as};

pub(crate) use expected::too_much;

/// Every event of the store, in order.
pub(crate) fn events(store: &StoreReader) -> Result<Vec<RecordedEvent>, Failure> {
    let read = store.read(&Query::ALL).map_err(failed("reading the log"))?;
    let events: Vec<RecordedEvent> = read.collect::<Result<_, _>>().map_err(failed("reading the log"))?;
    for (event, position) in events.iter().zip(1..) {
        same("a position", &Position(position), &event.position())?;
    }
    let ran_back = events.windows(2).find(|pair| pair[1].time() < pair[0].time());
    ensure(ran_back.is_none(), || format!("time ran backwards: {ran_back:?}"))?;
    Ok(events)
}

/// Takes over what an opening found, and checks that it may be so and that it holds together.
pub(crate) fn adopt(store: &StoreReader, model: &mut Model) -> Result<(), Failure> {
    same("the store's id", &model.store.unwrap_or(store.id()), &store.id())?;
    model.store = Some(store.id());
    model.created = true;
    let report = store.report();
    same("dropped bytes and the reason", &(report.dropped_bytes > 0), &report.dropped_because.is_some())?;
    let before: Vec<EventId> = model.events.iter().map(|known| known.id).collect();
    let found = events(store)?;
    model.adopt(&found)?;
    same("the head of the report", &model.count(), &report.head.0)?;
    let frontier = store.frontier();
    same("the durable position after opening", &model.count(), &frontier.durable.0)?;
    whole(store, model)?;
    model.check_rules()?;
    places(store, model)?;
    let lost = before.iter().filter(|id| !model.ids.contains_key(*id));
    for id in lost {
        let found = store.view().and_then(|view| view.find(*id)).map_err(failed("looking for a lost id"))?;
        ensure(found.is_none(), || format!("a lost event is found by its id: {found:?}"))?;
    }
    Ok(())
}

/// What the store says about a reader with a name, or `None` if it has no file.
pub(crate) fn report(store: &StoreReader, name: &str) -> tidegate::Result<Option<CursorReport>> {
    match cursor::status(store, name) {
        Ok(state) => {
            let parked = state.parked.iter().map(|parked| parked.position.0).collect();
            let head = store.frontier().visible.0;
            Ok(Some(CursorReport { head, position: state.position.0, lag: state.lag, parked }))
        }
        Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether each reader with a name is where it may be.
fn places(store: &StoreReader, model: &mut Model) -> Result<(), Failure> {
    let is_durable = model.last_end.take() == Some(End::PowerCut);
    let mut all = std::mem::take(&mut model.progress);
    let checked =
        all.iter_mut().filter(|(_, progress)| !progress.damaged).try_for_each(|(name, progress)| {
            let report = report(store, name).map_err(failed("looking for a reader's place"))?;
            let selected: Vec<u64> = model.selected(&progress.wanted).collect();
            let found = progress.find(report.as_ref(), &selected, is_durable);
            found.map(drop).map_err(|failure| failure.during(&format!("the place of {name}")))
        });
    model.progress = all;
    checked
}

/// Checks every way of reading against the model.
pub(crate) fn whole(store: &StoreReader, model: &Model) -> Result<(), Failure> {
    let verified = store.verify(|_| ()).map_err(failed("verifying"))?;
    same("verified events", &model.count(), &verified.events)?;
    same("verified streams", &(model.streams.len() as u64), &verified.streams)?;
    let view = store.view().map_err(failed("viewing"))?;
    for (known, position) in model.events.iter().zip(1..) {
        let event = view.find(known.id).map_err(failed("finding an id"))?;
        let Some(event) = event else {
            return Err(Failure::new(format!("the event {} at {position} is not found", known.id)));
        };
        same("the position of an id", &Position(position), &event.position())?;
        compare(known, &event)?;
    }
    for (stream, positions) in &model.streams {
        let version = view.version(stream).map_err(failed("the version of a stream"))?;
        same("the version of a stream", &model.version(stream), &version)?;
        let read = view.read_with(&Query::stream(stream.clone()), ReadOptions::new().backwards(true));
        let mut found: Vec<u64> = read
            .map(|event| Ok(event?.position().0))
            .collect::<Result<_, _>>()
            .map_err(failed("a stream"))?;
        found.reverse();
        same("the events of a stream", positions, &found)?;
    }
    Ok(())
}

/// Reads what an end left without repairing it: nothing is written, and nothing shows but what is durable.
/// `report` says that the process did not die inside a call, so that the model knows all that is durable.
pub(crate) fn look(machine: &Machine, model: &Model, end: End, report: bool) -> Result<(), Failure> {
    let calls = machine.disk.calls();
    let store = match machine.open_reader() {
        Ok(store) => store,
        Err(error) if error.kind() == ErrorKind::Missing && !model.created => return Ok(()),
        Err(error) => return Err(Failure::new(format!("opening for reading: {error}"))),
    };
    ensure(store.report().damage.is_none(), || format!("a crash is taken for damage: {}", store.report()))?;
    let found = events(&store)?;
    let shown = found.len() as u64;
    for (known, event) in model.events.iter().zip(&found) {
        compare_as(known, event, Payload::AsOf(shown))
            .map_err(|failure| failure.during(&format!("reader's {event:?}")))?;
    }
    let in_doubt: usize = model.doubt.iter().map(|attempt| attempt.drafts.len()).sum();
    let most = if report { 0 } else { model.count() + in_doubt as u64 };
    let durable = model.durable.max(sealed(machine));
    ensure(end == End::PowerCut || shown <= durable.max(most), || {
        format!("a reader sees {shown} events, {durable} are durable, {most} may be")
    })?;
    ensure(shown == 0 || shown >= model.count() || model.at(shown).ends, || {
        format!("a reader sees a part of a batch: {shown} events")
    })?;
    // No silent prefix: what is not shown is counted, and together it is all that an opening must find.
    let report = store.report();
    let withheld = report.unconfirmed.as_ref().map_or(0, |unconfirmed| unconfirmed.events);
    ensure(shown + withheld >= model.floor, || {
        format!(
            "a reader shows {shown} events and counts {withheld} more, {} are there: {report}",
            model.floor
        )
    })?;
    same("changes made by a reader", &calls, &machine.disk.calls())
}

/// The last position before the newest segment: what a segment follows is durable.
fn sealed(machine: &Machine) -> u64 {
    machine.segments().into_keys().next_back().map_or(0, |first| first - 1)
}
