//! Typed events: what is written reads back, earlier versions become later ones, and no bytes do harm.

mod bytes_do_no_harm;
mod values_come_back;
mod versions_become_later_ones;

use tidegate::typed::Typed;
use tidegate::{Append, Draft, Event, Options, Store};

/// The event that a draft becomes.
fn appended(draft: Draft) -> Event {
    let store = Store::in_memory(Options { thread: false, ..Options::default() }).unwrap();
    let receipt = store.append(draft, Append::default()).unwrap();
    store.view().unwrap().at(receipt.first()).unwrap().unwrap()
}

/// The value after a way through the log.
fn again<T: Typed>(value: &T) -> T {
    T::of(&appended(value.draft(("s", "e")).unwrap())).unwrap()
}
