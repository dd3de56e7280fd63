//! An event of an earlier version may stand for several values of the current one, or for none.

use serde::{Deserialize, Serialize};
use tidegate::project::Projection;
use tidegate::{Draft, ErrorKind, ErrorPlace, Event, Position, Query, RecordedEvent, Store, StoreOptions};

/// Once a patient's file was changed as a whole; now each change is an event.
#[derive(Serialize, Deserialize)]
struct ChangedV1 {
    address: Option<String>,
    phones: Vec<String>,
}

/// Between the two, a change had one phone.
#[derive(Serialize, Deserialize)]
struct ChangedV2 {
    address: Option<String>,
    phone: Option<String>,
}

impl TryFrom<ChangedV1> for ChangedV2 {
    type Error = String;

    fn try_from(earlier: ChangedV1) -> Result<Self, String> {
        match <[String; 1]>::try_from(earlier.phones) {
            Ok([phone]) => Ok(Self { address: earlier.address, phone: Some(phone) }),
            Err(phones) if phones.is_empty() => Ok(Self { address: earlier.address, phone: None }),
            Err(phones) => Err(format!("{} phones", phones.len())),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
enum Patient {
    #[event(kind = "split.address_changed", version = 3, upcast(1 => ChangedV1), split(2 => ChangedV2))]
    Moved { address: String },
    #[event(kind = "split.phone_changed")]
    Called { phone: String },
}

impl From<ChangedV2> for Vec<Patient> {
    fn from(earlier: ChangedV2) -> Self {
        let moved = earlier.address.map(|address| Patient::Moved { address });
        let called = earlier.phone.map(|phone| Patient::Called { phone });
        moved.into_iter().chain(called).collect()
    }
}

/// A type that holds the one above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
enum Ward {
    Patient(Patient),
    #[event(kind = "split.opened")]
    Opened,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Projection)]
#[projection(name = "split.seen", version = 1, on(Ward => seen))]
struct Seen(Vec<(Ward, u64)>);

impl Seen {
    fn seen(&mut self, value: Ward, event: &RecordedEvent) {
        self.0.push((value, event.position().0));
    }
}

fn changed(schema: u16, payload: &impl Serialize) -> Draft {
    let payload = rmp_serde::to_vec_named(payload).unwrap();
    Draft::new(("clinic", "p1"), "split.address_changed").schema(schema).message_pack(payload)
}

fn moved() -> Patient {
    Patient::Moved { address: "Elm 1".to_owned() }
}

fn called() -> Patient {
    Patient::Called { phone: "555".to_owned() }
}

fn store(drafts: impl IntoIterator<Item = Draft>) -> Store {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    for draft in drafts {
        store.append(draft).unwrap();
    }
    store
}

/// Both, then nothing, then one, then a current one.
fn history() -> Store {
    let (address, phone) = (Some("Elm 1".to_owned()), Some("555".to_owned()));
    store([
        changed(2, &ChangedV2 { address: address.clone(), phone }),
        changed(2, &ChangedV2 { address: None, phone: None }),
        changed(1, &ChangedV1 { address, phones: Vec::new() }),
        called().draft(("clinic", "p1")).unwrap(),
        Ward::Opened.draft(("clinic", "w")).unwrap(),
    ])
}

#[test]
fn all_values_are_read_at_the_event_s_place() {
    let events: Vec<_> = history().read(&Query::ALL).unwrap().map(Result::unwrap).collect();
    let expected = [vec![moved(), called()], vec![], vec![moved()], vec![called()]];
    for (event, expected) in events.iter().zip(&expected) {
        assert_eq!(&Patient::all_of(event).unwrap().collect::<Vec<_>>(), expected);
        let nested: Vec<_> = expected.iter().cloned().map(Ward::Patient).collect();
        assert_eq!(Ward::all_of(event).unwrap().collect::<Vec<_>>(), nested);
    }
    assert_eq!(Ward::all_of(&events[4]).unwrap().collect::<Vec<_>>(), [Ward::Opened]);
}

/// A caller that asks for one value gets the one there is, and never the first of several.
#[test]
fn one_value_is_read_if_there_is_one() {
    let events: Vec<_> = history().read(&Query::ALL).unwrap().map(Result::unwrap).collect();
    assert_eq!(Patient::of(&events[2]).unwrap(), moved());
    assert_eq!(Ward::of(&events[3]).unwrap(), Ward::Patient(called()));
    for (event, count) in [(&events[0], "2 values"), (&events[1], "0 values")] {
        for error in [Patient::of(event).unwrap_err(), Ward::of(event).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.message().contains(count) && error.message().contains("all_of"), "{error}");
            assert_eq!(error.place(), Some(&ErrorPlace::Event(event.position())));
        }
    }
}

#[test]
fn a_step_before_the_split_may_fail() {
    let phones = vec!["1".to_owned(), "2".to_owned()];
    let store = store([changed(1, &ChangedV1 { address: None, phones })]);
    let event = store.view().unwrap().at(Position(1)).unwrap().unwrap();
    for error in [Patient::all_of(&event).map(drop).unwrap_err(), Patient::of(&event).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("cannot become"), "{error}");
    }
}

#[test]
fn a_projection_takes_in_every_value() {
    let store = history();
    let projector = store.projector::<Seen>().unwrap();
    let reading = projector.read().unwrap();
    let patient = |value: Patient, position: u64| (Ward::Patient(value), position);
    let expected = [
        patient(moved(), 1),
        patient(called(), 1),
        patient(moved(), 3),
        patient(called(), 4),
        (Ward::Opened, 5),
    ];
    assert_eq!(reading.state().0, expected);
}
