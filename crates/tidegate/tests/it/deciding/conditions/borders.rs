//! A history is judged by positions alone: where segments begin, how many times the store was opened anew and whether it
//! had its index files changes no answer and no leaf.

use std::sync::Arc;

use proptest::prelude::*;
use tidegate::batch::{Import, ImportedPayload};
use tidegate::decide::{GateSet, Verdict, gate};
use tidegate::testing::{Env, MemoryDisk, SeededRandom, SimulatedClock};
use tidegate::{
    Batch, Condition, Draft, EventId, Position, Query, QueryItem, Receipt, Result, Store, StoreOptions,
    StreamId, Version,
};
use tidegate_format::{Blind, Hash};

/// Streams, tags, ids and keys that the events of a history are about.
const FEW: u8 = 3;

/// A batch as it is made up: one event, or several of the same sort.
#[derive(Clone, Debug)]
struct Attempt {
    about: u8,
    events: u8,
    id: Option<u8>,
    /// A key, and which content it stands for.
    key: Option<(u8, u8)>,
    condition: Wish,
}

#[derive(Clone, Debug)]
enum Wish {
    None,
    /// No event with a tag came in the last positions.
    NoneSince(u8, u64),
    Version(u8, u64),
    Exists(u8),
    Absent(u8),
}

fn attempts() -> impl Strategy<Value = Vec<Vec<Attempt>>> {
    let wish = prop_oneof![
        3 => Just(Wish::None),
        3 => (0..FEW, 0..5_u64).prop_map(|(tag, back)| Wish::NoneSince(tag, back)),
        2 => (0..FEW, 0..6_u64).prop_map(|(stream, version)| Wish::Version(stream, version)),
        1 => (0..FEW).prop_map(Wish::Exists),
        1 => (0..FEW).prop_map(Wish::Absent),
    ];
    let id = prop::option::weighted(0.3, 0..3 * FEW);
    let key = prop::option::weighted(0.4, (0..2 * FEW, 0..2_u8));
    let attempt = (0..FEW, 1..3_u8, id, key, wish).prop_map(|(about, events, id, key, condition)| Attempt {
        about,
        events,
        id,
        key,
        condition,
    });
    prop::collection::vec(prop::collection::vec(attempt, 1..5), 1..10)
}

fn id_of(number: u8) -> EventId {
    EventId([0x11, number, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16])
}

fn stream_of(number: u8) -> StreamId {
    StreamId::from(("s", format!("e{number}")))
}

fn tag_of(number: u8) -> Query {
    QueryItem::new().tag(format!("t{number}")).into()
}

/// The batch of an attempt. `count` tells it from all others: no id and no blind is left to the store, which draws
/// others after each opening.
fn batch_of(attempt: &Attempt, count: u16, head: Position) -> Batch {
    let Attempt { about, events, id, key, condition } = attempt;
    let drafts = (0..*events).map(|event| {
        let [high, low] = count.to_be_bytes();
        let own = EventId([0x22, high, low, event, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16]);
        let id = id.filter(|_| event == 0).map_or(own, id_of);
        Draft::new(stream_of(*about), "thing.happened").tag(format!("t{about}")).id(id)
    });
    let import = Import {
        idempotency: key.map(|(key, content)| (format!("k{key}").into(), Hash([content; 32]))),
        recorded: None,
        payloads: (0..*events)
            .map(|event| {
                ImportedPayload::Blind(Blind(
                    [event, count.to_be_bytes()[0], count as u8, 1].repeat(4).try_into().unwrap(),
                ))
            })
            .collect(),
    };
    let batch = drafts.collect::<Batch>().imported(import);
    match condition {
        Wish::None => batch,
        Wish::NoneSince(tag, back) => {
            batch.only_if(Condition::fail_if(tag_of(*tag)).after(Position(head.0.saturating_sub(*back))))
        }
        Wish::Version(stream, version) => {
            batch.only_if(Condition::Version(stream_of(*stream), Version(*version)))
        }
        Wish::Exists(stream) => batch.only_if(Condition::Exists(stream_of(*stream))),
        Wish::Absent(stream) => batch.only_if(Condition::Absent(stream_of(*stream))),
    }
}

/// How a history is lived through.
#[derive(Clone, Copy, Debug)]
struct Life {
    segment_bytes: u64,
    /// After how many rounds the store is closed and opened.
    reopened_every: usize,
    without_indexes: bool,
}

fn open(world: &Env, life: Life) -> Store {
    let options = StoreOptions::new().segment_bytes(life.segment_bytes).thread(false);
    let store = options.open_in(world.clone()).unwrap();
    // What a gate looked for and did not find must not come before its batch: by query, by id and by key.
    let looks = gate("looks", |proposal, view| {
        let about = proposal.drafts[0].tags[0].trim_start_matches('t').parse::<u8>().unwrap();
        let _ = view.exists(&tag_of((about + 1) % FEW))?;
        let _ = view.find(id_of(about))?;
        let _ = view.find_key(&format!("k{about}"))?;
        Ok(Verdict::Allow)
    });
    // Half the streams, so that conditions of batches without gates are judged too.
    store.guard(Query::stream(stream_of(0)), GateSet::new().and(looks)).unwrap();
    store
}

fn told(answer: Result<Receipt>) -> String {
    match answer {
        Ok(Receipt { events, time, gates, judged_at, .. }) => {
            format!("{events:?} {time} {gates:?} {judged_at:?}")
        }
        Err(error) => format!("{:?} {error}", error.conflict()),
    }
}

/// Lives through a history, and returns every answer, every event and what is found by each id and key.
fn live(rounds: &[Vec<Attempt>], life: Life) -> Vec<String> {
    let clock = SimulatedClock::new(1_000_000);
    let world = Env {
        disk: Arc::new(MemoryDisk::new()),
        clock: Arc::new(clock.clone()),
        random: Arc::new(SeededRandom::new(7)),
    };
    let (mut store, mut answers, mut count) = (open(&world, life), Vec::new(), 0);
    for (round, attempts) in rounds.iter().enumerate() {
        clock.set(1_000_000 + 1_000 * round as u64);
        let head = store.frontier().written;
        let tickets: Vec<_> = attempts
            .iter()
            .map(|attempt| {
                count += 1;
                store.submit(batch_of(attempt, count, head))
            })
            .collect();
        store.upkeep().step().unwrap();
        answers.extend(tickets.into_iter().map(|ticket| told(ticket.and_then(tidegate::Ticket::wait))));
        if (round + 1) % life.reopened_every == 0 {
            store.close().unwrap();
            drop(store);
            if life.without_indexes {
                for name in world.disk.list("index").unwrap_or_default() {
                    world.disk.remove(&format!("index/{name}")).unwrap();
                }
            }
            store = open(&world, life);
        }
    }
    store.verify(|_| ()).unwrap();
    let view = store.view().unwrap();
    answers.extend(view.read(&Query::ALL).map(|event| {
        let event = event.unwrap();
        format!("{} {} {}", event.position(), event.id(), event.leaf())
    }));
    answers.extend(
        (0..3 * FEW).map(|id| format!("{:?}", view.find(id_of(id)).unwrap().map(|event| event.position()))),
    );
    let found = |key: u8| view.find_key(&format!("k{key}")).unwrap().map(|event| event.position());
    answers.extend((0..2 * FEW).map(|key| format!("{:?}", found(key))));
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_history_is_judged_the_same_with_any_borders(rounds in attempts()) {
        let lives = [(64 << 20, usize::MAX, false), (81, usize::MAX, false), (900, 1, false), (81, 2, true), (64 << 20, 1, true)];
        let mut told = lives.map(|(segment_bytes, reopened_every, without_indexes)| {
            let life = Life { segment_bytes, reopened_every, without_indexes };
            (life, live(&rounds, life))
        }).into_iter();
        let (_, expected) = told.next().unwrap();
        for (life, answers) in told {
            prop_assert_eq!(&answers, &expected, "{:?}", life);
        }
    }
}
