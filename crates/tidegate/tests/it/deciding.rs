//! What is decided holds at the moment of commit: conditions, keys, decisions and gates.

mod at_speed;
mod bypasses;
mod conditions;
mod conditions_by_definition;
mod decisions;
mod denials;
mod explanations;
mod gates;
mod groups;
mod guards;
mod imports;
mod keys;
mod linearizable;
mod machines;
mod once;
mod receipts;

use tidegate::batch::Conflict;
use tidegate::decide::{Denied, Outcome};
use tidegate::{Batch, Draft, Error, Query, QueryItem, Receipt, Store, StoreOptions, Ticket};

/// A store in memory.
fn store() -> Store {
    Store::in_memory().unwrap()
}

/// A store without a thread: what is submitted is committed as one group by the next step.
fn stepped() -> Store {
    StoreOptions::new().thread(false).in_memory().unwrap()
}

/// An event of a stream in the scope `s`.
fn draft(entity: &str, kind: &'static str) -> Draft {
    Draft::new(("s", entity.to_owned()), kind)
}

fn tag(tag: &'static str) -> Query {
    QueryItem::new().tag(tag).into()
}

fn append(store: &Store, batch: impl Into<Batch>) -> Receipt {
    store.append(batch).unwrap()
}

fn refused(store: &Store, batch: impl Into<Batch>) -> Error {
    store.append(batch).unwrap_err()
}

fn submit(store: &Store, batch: impl Into<Batch>) -> Ticket {
    store.submit(batch).unwrap()
}

fn conflict(error: &Error) -> Conflict {
    *error.conflict().unwrap_or_else(|| panic!("{error} is not a conflict"))
}

fn head(store: &Store) -> u64 {
    store.frontier().accepted.0
}

/// The code of the only denial.
fn code(denied: &Denied) -> &str {
    let codes: Vec<_> = denied.denials().map(|denial| &*denial.code).collect();
    assert_eq!(codes.len(), 1, "{denied}");
    codes[0]
}

fn denied(decided: Outcome) -> Denied {
    match decided {
        Outcome::Denied(denied) => denied,
        Outcome::Committed(receipt) => panic!("it was committed at {}", receipt.first()),
    }
}
