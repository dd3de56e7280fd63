//! Typed events: what is written reads back, earlier versions become later ones, and no bytes do harm.

mod bytes_do_no_harm;
mod golden_payloads;
mod one_event_becomes_several;
mod values_come_back;
mod versions_become_later_ones;

use tidegate::Event;
use tidegate::{Draft, RecordedEvent, StoreOptions};

/// The event that a draft becomes.
fn appended(draft: Draft) -> RecordedEvent {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    let receipt = store.append(draft).unwrap();
    store.view().unwrap().at(receipt.first()).unwrap().unwrap()
}

/// The value after a way through the log.
fn again<T: Event>(value: &T) -> T {
    T::of(&appended(value.draft(("s", "e")).unwrap())).unwrap()
}
