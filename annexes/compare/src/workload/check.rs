//! Whether an engine gives the right answers: what is fast and wrong does not count.

use crate::engine::{Engine, Query, Result};
use crate::sample::{self, Samples};

/// How many events of each query are looked at.
const LOOKS: usize = 100;

/// Compares answers with the events as they were made.
pub(super) fn run(engine: &dyn Engine, events: u64, tags: bool) -> Result {
    let samples = Samples::new(events);
    let middle = samples.get(events / 2);
    let mut queries = vec![
        (Query::All, 0),
        (Query::Stream(&middle.scope, &middle.entity), 0),
        (Query::Kind(middle.kind), events / 3),
    ];
    if tags {
        queries.extend(middle.tags.iter().map(|tag| (Query::Tag(tag), events / 3)));
    }
    for (query, after) in queries {
        let (mut count, mut last, mut wrong) = (0, after, None);
        engine.read(query, after, LOOKS, &mut |seen| {
            let number = sample::number_of(seen.payload);
            let event = number.map(|number| samples.get(number));
            let fits = event.is_some_and(|event| {
                let selected = match query {
                    Query::All => true,
                    Query::Stream(scope, entity) => event.scope == scope && event.entity == entity,
                    Query::Kind(kind) => event.kind == kind,
                    Query::Tag(tag) => event.tags.iter().any(|other| other == tag),
                };
                selected && event.kind == seen.kind && event.payload == seen.payload
            });
            if !fits || (seen.position <= last && count > 0) {
                wrong.get_or_insert(seen.position);
            }
            last = seen.position;
            count += 1;
        })?;
        if count != LOOKS || wrong.is_some() {
            return Err(format!("{query:?} after {after} gives {count} events, wrong at {wrong:?}").into());
        }
    }
    ids(engine, events)
}

fn ids(engine: &dyn Engine, events: u64) -> Result {
    let numbers = [1, events / 2, events];
    for (number, id) in numbers.into_iter().zip(engine.ids(&numbers)?) {
        let mut seen_number = None;
        engine.find(id, &mut |seen| seen_number = sample::number_of(seen.payload))?;
        if seen_number != Some(number) {
            return Err(format!("the id of event {number} finds {seen_number:?}").into());
        }
    }
    Ok(())
}
