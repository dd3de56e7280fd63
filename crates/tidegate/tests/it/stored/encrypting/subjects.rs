//! Destroying a subject's key erases what it encrypted, here and in every copy.

use std::sync::Arc;

use tidegate::report::keyring::{FileKeyring, KeyId, KeyState, Keyring, SubjectKey};
use tidegate::report::{DESTROYED, ERASED, ErasePlan, ErasedEvent, examine_in};
use tidegate::{Batch, ErrorKind, Position, Query, Result};

use super::{KEYRING, count, forget, letter, open, subject, try_fill, try_keyring};
use crate::faults::stage::{Stage, history};
use crate::stored::erasing::projections::Payloads;
use crate::stored::erasing::{files_with, secret, shown};

#[test]
fn its_payloads_go_here_and_in_a_copy_made_before() {
    let stage = Stage::new();
    let store = open(&stage);
    try_fill(&store, 9).unwrap();
    let (before, intact) = (history(&store).unwrap(), shown(&store).0);
    let payloads = store.projector::<Payloads>().unwrap();
    payloads.read().unwrap();
    payloads.save().unwrap();
    // The machine as it is now stands for a backup, without its keyring.
    let copy = stage.fork();
    let plan = ErasePlan::of_subject(&store, &subject(1)).unwrap();
    let erasure = forget(&store, 1).unwrap();
    assert_eq!((erasure.events, erasure.keys, erasure.saved_states), (plan.events, 1, 1));
    assert!(erasure.events > 3 && erasure.to_string().contains("nothing opens any more"), "{erasure}");
    let (left, gone) = shown(&store);
    assert_eq!((left.len() + gone.len(), gone.len() as u64), (intact.len(), erasure.events));
    assert_eq!(history(&store).unwrap()[..before.len()], before, "leaves stay");
    assert_eq!(payloads.read().unwrap().seen.len(), left.len());
    // Two events, and neither names the subject.
    for kind in [ERASED, DESTROYED] {
        let event = store.read(&Query::kind(kind)).unwrap().next().unwrap().unwrap();
        assert!(!String::from_utf8_lossy(event.payload().unwrap()).contains("customer"));
    }
    let event = store.view().unwrap().at(erasure.recorded.unwrap()).unwrap().unwrap();
    let keys = ErasedEvent::of(&event).unwrap().keys;
    assert_eq!(keys.len(), 1);
    let key = keys[0];
    // The bytes that encrypted it are in no file any more: neither the key nor the subject's hash.
    let ring = copy.disk.at_rest().read(KEYRING).unwrap();
    let at = ring.windows(16).position(|window| window == key.0).unwrap();
    for part in [&ring[at + 16..at + 48], &ring[at + 48..at + 80]] {
        assert_eq!(files_with(&copy, part), [KEYRING]);
        assert_eq!(files_with(&stage, part), [""; 0]);
    }
    // The copy, with the keyring as it is now: what the events there do not say, the keyring does.
    let restored = copy.read_only();
    restored.use_keyring(Arc::new(FileKeyring::open_in(&stage.fork().world(), KEYRING).unwrap()));
    assert_eq!(shown(&restored).1, gone);
    assert_eq!(count(&restored, ERASED), 0);
    // Again: nothing is left, and no event says it twice.
    assert_eq!(forget(&store, 1).unwrap().recorded, None);
    // Under its idempotency key nothing tells any more what the content was.
    let again = store.append(Batch::from(vec![letter(1), letter(2)]).key("batch-1")).unwrap_err();
    assert!(again.conflict().is_some(), "{again}");
    // The subject comes back, under another key.
    let back = store.append(letter(1)).unwrap();
    let event = store.view().unwrap().at(back.first()).unwrap().unwrap();
    assert_eq!(event.payload().unwrap(), secret(1).as_bytes());
    assert!(!event.record().payload().unwrap().starts_with(&key.0));
    assert!(examine_in(&stage.world(), |_| ()).unwrap().faults.is_empty());
}

/// A keyring that does not destroy until it is told to.
#[derive(Debug)]
struct Stubborn(Arc<FileKeyring>, std::sync::atomic::AtomicBool);

impl Keyring for Stubborn {
    fn key_of(&self, subject: &str, create: bool) -> Result<Option<(KeyId, SubjectKey)>> {
        self.0.key_of(subject, create)
    }

    fn find(&self, key: KeyId) -> Result<KeyState> {
        self.0.find(key)
    }

    fn destroy(&self, key: KeyId) -> Result<()> {
        if self.1.load(std::sync::atomic::Ordering::SeqCst) {
            return self.0.destroy(key);
        }
        Err(tidegate::Error::new(ErrorKind::Unavailable, "the key service does not answer"))
    }
}

/// A destruction that fails is told, the payloads are gone from views all the same, and the doctor says what is left to do.
#[test]
fn an_unfinished_destruction_is_told_and_finished() {
    let mut stage = Stage::new();
    let store = stage.open();
    let keyring = Arc::new(Stubborn(try_keyring(&stage).unwrap(), false.into()));
    store.use_keyring(Arc::clone(&keyring) as Arc<dyn Keyring>).unwrap();
    try_fill(&store, 5).unwrap();
    let error = forget(&store, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let gone = shown(&store).1;
    assert!(!gone.is_empty());
    assert_eq!((count(&store, ERASED), count(&store, DESTROYED)), (1, 0));
    drop((store, keyring));
    stage.restart();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    let told = found.remarks.iter().any(|remark| remark.to_string().contains("destroyed"));
    assert!(told, "{:?}", found.remarks);
    // Without its keyring the store opens and shows none of it; with another one the key stays to be destroyed.
    let store = stage.open();
    for event in store.read(&Query::kind("letter.sent")).unwrap() {
        let event = event.unwrap();
        let expected =
            if gone.contains(&event.position().0) { ErrorKind::Erased } else { ErrorKind::Encrypted };
        assert_eq!(event.payload().unwrap_err().kind(), expected, "{event:?}");
    }
    store.use_keyring(try_keyring(&Stage::seeded(9)).unwrap()).unwrap();
    assert_eq!(count(&store, DESTROYED), 0);
    drop(store);
    stage.restart();
    let store = open(&stage);
    assert_eq!(count(&store, DESTROYED), 1);
    drop(store);
    stage.restart();
    let store = open(&stage);
    assert_eq!(count(&store, DESTROYED), 1, "it is said once");
    store.close().unwrap();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    let told = found.remarks.iter().any(|remark| remark.to_string().contains("destroyed"));
    assert!(!told, "{:?}", found.remarks);
}

/// A keyring that is put back from an older copy brings keys back: they are destroyed again.
#[test]
fn a_restored_keyring_loses_the_key_again() {
    let mut stage = Stage::new();
    let store = open(&stage);
    try_fill(&store, 5).unwrap();
    let old = stage.disk.at_rest().read(KEYRING).unwrap();
    forget(&store, 1).unwrap();
    drop(store);
    stage.restart();
    stage.disk.at_rest().write(KEYRING, &old).unwrap();
    let store = open(&stage);
    assert_eq!((count(&store, ERASED), count(&store, DESTROYED)), (1, 1));
    let ring = stage.disk.at_rest().read(KEYRING).unwrap();
    assert_ne!(ring, old);
    let event = store.view().unwrap().at(Position(1)).unwrap().unwrap();
    assert_eq!(event.kind(), "letter.sent");
}
