//! The comparison: everything that can be asked of a view, beside a plain list of its events.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Debug;

use tidegate::{Cause, EventId, Position, QueryItem, StreamId, View};

use super::known::{Known, scan};
use super::question::Question;
use super::story::{ENTITIES, LANES, SCOPES, stream};

/// Fails with the first answer that is not what a look at every event of `log` says.
pub(crate) fn compare(view: &View, log: &[Known], questions: &[Question]) -> Result<(), String> {
    same("the head", &Position(log.len() as u64), &view.head())?;
    let scanned = scan(view).map_err(|error| format!("a scan: {error}"))?;
    for (expected, found) in log.iter().zip(&scanned) {
        same("an event of a scan", expected, found)?;
    }
    same("the number of events of a scan", &log.len(), &scanned.len())?;
    for question in [false, true].map(Question::everything).iter().chain(questions) {
        ask(view, log, question).map_err(|what| format!("{what}\nasked: {:?}", question.query(log)))?;
    }
    events(view, log)?;
    effects(view, log)?;
    streams(view, log)
}

fn ask(view: &View, log: &[Known], question: &Question) -> Result<(), String> {
    let (query, read) = (question.query(log), question.read(log));
    let expected: Vec<Position> = question.answer(log).iter().map(|known| known.position).collect();
    let found: Result<Vec<Position>, _> =
        view.read_with(&query, read).map(|event| Ok(event?.position())).collect();
    let failed = |error: tidegate::Error| format!("{read:?}: {error}");
    same("the events of a query", &expected, &found.map_err(failed)?)
        .map_err(|what| format!("{what}\nread: {read:?}"))?;
    let written = query.to_string().parse().map_err(failed)?;
    same("the query that its text says", &query, &written)?;
    let count = view.count_with(&query, read).map_err(failed)?;
    same("the count of a query", &(expected.len() as u64), &count)?;
    if read.limit.is_some() {
        return Ok(());
    }
    let stats = view.stats(&query, read, 3).map_err(failed)?;
    let mut kinds: HashMap<String, u64> = HashMap::new();
    for known in question.answer(log) {
        *kinds.entry(known.kind.clone()).or_default() += 1;
    }
    same("the counted events of a query", &count, &stats.events)?;
    same("the kinds of a query", &kinds, &stats.kinds.into_iter().collect())
}

/// Every event by its position and by its id, and some that are not there.
fn events(view: &View, log: &[Known]) -> Result<(), String> {
    let failed = |error: tidegate::Error| format!("reading one event: {error}");
    for position in [Position(0), Position(log.len() as u64 + 1), Position::MAX] {
        same("an event that is not there", &None, &view.at(position).map_err(failed)?.map(|_| position))?;
    }
    for id in 0..64u8 {
        let id = EventId([id, 1, 2, 3, 4, 5, 6, 7, id, 9, 10, 11, 12, 13, 14, 15]);
        same("an id that is not there", &None, &view.find(id).map_err(failed)?.map(|_| id))?;
    }
    for known in log {
        let found = view.at(known.position).map_err(failed)?.map(|event| Known::of(&event));
        same("an event by its position", &Some(known), &found.as_ref())?;
        let found = view.find(known.id).map_err(failed)?.map(|event| event.position());
        same("the position of an id", &Some(known.position), &found)?;
    }
    Ok(())
}

/// The effects of every event.
fn effects(view: &View, log: &[Known]) -> Result<(), String> {
    let mut effects: HashMap<Cause, Vec<Position>> = HashMap::new();
    for known in log {
        // An event may name a cause twice, and is one effect of it.
        for cause in known.causes.iter().collect::<HashSet<_>>() {
            effects.entry(*cause).or_default().push(known.position);
        }
    }
    for cause in log.iter().map(|known| Cause::At(known.position)) {
        let failed = |error: tidegate::Error| format!("the effects of {cause:?}: {error}");
        let found: Result<Vec<Position>, _> =
            view.read(&QueryItem::new().cause(cause).into()).map(|event| Ok(event?.position())).collect();
        let expected = effects.get(&cause).map_or(&[][..], Vec::as_slice);
        same("the effects of an event", &expected, &found.map_err(failed)?.as_slice())?;
    }
    Ok(())
}

/// The head and the version of every stream there can be.
fn streams(view: &View, log: &[Known]) -> Result<(), String> {
    let scopes: BTreeSet<_> = log.iter().map(|known| known.stream.scope.to_string()).collect();
    let found = view.scopes().map_err(|error| format!("the scopes: {error}"))?;
    same("the scopes", &scopes.into_iter().collect(), &found)?;
    let heads: HashMap<&StreamId, &Known> = log.iter().map(|known| (&known.stream, known)).collect();
    for number in 0..SCOPES.len() * ENTITIES.len() * LANES.len() {
        let entity = number / LANES.len();
        let name = stream((entity / ENTITIES.len(), entity % ENTITIES.len(), number % LANES.len()));
        let expected = heads.get(&name);
        let failed = |error| format!("the head of {name}: {error}");
        let found = view.last_event(&name).map_err(failed)?.map(|event| event.position());
        same("the head of a stream", &expected.map(|known| known.position), &found)?;
        let version = view.version(&name).map_err(failed)?;
        same("the version of a stream", &expected.map_or(0, |known| known.version.0), &version.0)?;
    }
    Ok(())
}

fn same<T: PartialEq + Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}
