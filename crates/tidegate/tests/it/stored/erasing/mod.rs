//! Erased payloads are gone for good, from views at once and then from every file; nothing else changes.
mod crashes;
mod findings;
mod gone_for_good;
mod guesses;
pub(crate) mod projections;
mod proofs;
mod readers;

use tidegate::report::{Erase, Erasure};
use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{Batch, Draft, ErrorKind, Position, Query, Result, Store, StoreReader};

use crate::faults::stage::Stage;

/// What no file may hold once it was erased.
pub(crate) fn secret(number: u64) -> String {
    format!("secret-{number:06}-terces")
}

/// An event of a subject, of which there are three.
pub(crate) fn of_subject(number: u64) -> Draft {
    Draft::new(("shop", format!("subject-{}", number % 3)), "letter.sent").bytes(secret(number).into_bytes())
}

pub(crate) fn subject(number: u64) -> Query {
    Query::stream(("shop", format!("subject-{number}")))
}

pub(crate) fn erase(store: &Store, query: &Query) -> Result<Erasure> {
    store.upkeep().erase(query, Erase::new("request 17", "desk 2"))
}

/// Appends events under keys, in batches of one, two and three.
pub(crate) fn fill(store: &Store, batches: u64) {
    let mut number = 0;
    for batch in 0..batches {
        let drafts: Vec<_> = (0..=batch % 3).map(|n| of_subject(number + n)).collect();
        number += drafts.len() as u64;
        store.append(Batch::from(drafts).key(format!("batch-{batch}"))).unwrap();
    }
}

/// The payloads that show, by position, and the positions of those that are erased.
pub(crate) fn shown(store: &StoreReader) -> (Vec<(u64, String)>, Vec<u64>) {
    let (mut payloads, mut erased) = (Vec::new(), Vec::new());
    for event in store.read(&Query::kind("letter.sent")).unwrap() {
        let event = event.unwrap();
        let position = event.position().0;
        match event.payload() {
            Ok(payload) => payloads.push((position, String::from_utf8(payload.to_vec()).unwrap())),
            Err(error) => {
                assert!(error.kind() == ErrorKind::Erased && event.is_erased(), "{error}");
                erased.push(position);
            }
        }
    }
    (payloads, erased)
}

/// The files that hold these bytes.
pub(crate) fn files_with(stage: &Stage, bytes: &[u8]) -> Vec<String> {
    let files = stage.disk.at_rest();
    let holds = |name: &String| files.read(name).unwrap().windows(bytes.len()).any(|window| window == bytes);
    files.names().into_iter().filter(holds).collect()
}

/// Has no segment be written anew any more, whatever else is.
pub(crate) fn fail_copies(stage: &Stage) {
    let next = stage.disk.count(Call::SetLength) + 1;
    stage.disk.set_plan(FaultPlan::default().fail_from(Call::SetLength, next, Errno::IO));
}

/// The last event that says what is erased.
pub(crate) fn last_erased(store: &StoreReader) -> Option<Position> {
    let events = store.read(&Query::kind(tidegate::report::ERASED)).unwrap();
    events.map(|event| event.unwrap().position()).last()
}
