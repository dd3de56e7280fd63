//! The comparison with the log.

use std::collections::HashMap;

use tidegate::{Query, RecordedEvent, Store};

use super::workload::{Notes, SEATS, moved};

/// Compares all notes with the log; says what does not agree.
pub(super) fn check(store: &Store, notes: &Notes) -> Vec<String> {
    let events: Vec<RecordedEvent> = store.read(&Query::ALL).unwrap().map(Result::unwrap).collect();
    let mut found = receipts(&events, notes);
    found.extend(denials(&events, notes));
    found.extend(grounds(&events, notes));
    found.extend(rules(&events));
    if let Err(error) = store.verify(|_| ()) {
        found.push(error.to_string());
    }
    found
}

/// Everything that was acknowledged is in the log, as the receipt says.
fn receipts(events: &[RecordedEvent], notes: &Notes) -> Vec<String> {
    let mut found = Vec::new();
    for (receipt, _) in notes.receipts.lock().unwrap().iter() {
        for said in &receipt.events {
            let is = |event: &RecordedEvent| event.id() == said.id && event.leaf() == said.leaf;
            if !events.get(said.position.0 as usize - 1).is_some_and(is) {
                found.push(format!("what was acknowledged at {} is not there", said.position));
            }
        }
    }
    found
}

/// Every event that a denial rested on is in the log: no caller was denied for something that is lost.
fn denials(events: &[RecordedEvent], notes: &Notes) -> Vec<String> {
    let rested = notes.rested.lock().unwrap();
    let is_there =
        |position: u64, leaf| events.get(position as usize - 1).is_some_and(|event| event.leaf() == leaf);
    let lost = rested.iter().filter(|(position, leaf, _)| !is_there(position.0, *leaf));
    lost.map(|(position, ..)| format!("a denial rested on the event at {position}, which is lost")).collect()
}

/// Nothing that a decision rested on moved between its view and its own position.
fn grounds(events: &[RecordedEvent], notes: &Notes) -> Vec<String> {
    let grounds = notes.grounds.lock().unwrap();
    let mut found = Vec::new();
    for event in events {
        let Some(ground) = grounds.get(&event.id()) else {
            found.push(format!("no caller drafted the event at {}", event.position()));
            continue;
        };
        let between = &events[ground.head.0 as usize..event.position().0 as usize - 1];
        for boundary in &ground.boundaries {
            if let Some(moved) = between.iter().find(|between| boundary.holds(between)) {
                let (at, by) = (event.position(), moved.position());
                found.push(format!("the decision at {at} rested on {boundary:?}, which {by} had moved"));
            }
        }
    }
    found
}

/// Every rule holds after every event.
fn rules(events: &[RecordedEvent]) -> Vec<String> {
    let mut names: HashMap<String, i64> = HashMap::new();
    let mut seats: HashMap<String, i64> = HashMap::new();
    let mut balances = [0; 3];
    let mut invoices = 0;
    let mut found = Vec::new();
    for event in events {
        let what = event.entity().to_owned();
        let holds = match event.kind() {
            "name.claimed" => change(&mut names, what, 1, 1),
            "name.given_up" => change(&mut names, what, -1, 1),
            "seat.taken" => change(&mut seats, what, 1, SEATS.cast_signed()),
            "seat.left" => change(&mut seats, what, -1, SEATS.cast_signed()),
            "invoice.created" => {
                invoices += 1;
                event.payload().unwrap() == invoices.to_string().as_bytes()
            }
            _ => {
                (0..).zip(&mut balances).for_each(|(account, balance)| *balance += moved(event, account));
                balances.iter().all(|balance| *balance >= 0)
            }
        };
        if !holds {
            found.push(format!("a rule is broken by {event:?}"));
        }
    }
    found
}

/// Changes a count, and says whether it is between 0 and the most there may be.
fn change(counts: &mut HashMap<String, i64>, what: String, by: i64, most: i64) -> bool {
    let count = counts.entry(what).or_default();
    *count += by;
    (0..=most).contains(count)
}
