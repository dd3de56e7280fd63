//! What encryption does to payloads, and to nothing else.

use tidegate::batch::{Import, ImportedPayload};
use tidegate::project::Projection;
use tidegate::typed::PayloadType;
use tidegate::{Batch, Draft, ErrorKind, Position, Query, RecordedEvent, StoreReader};
use tidegate_format::record::EncryptedPayload;

use super::{KEYRING, letter, open, try_keyring};
use crate::faults::stage::Stage;
use crate::stored::erasing::projections::Payloads;
use crate::stored::erasing::{files_with, secret};

fn at(store: &StoreReader, position: u64) -> RecordedEvent {
    store.view().unwrap().at(Position(position)).unwrap().unwrap()
}

#[test]
fn every_reader_with_the_key_shows_it_and_no_file_holds_it() {
    let mut stage = Stage::new();
    let store = open(&stage);
    let leaf = store.append(letter(1).tag("vip").meta("by", "desk")).unwrap().events[0].leaf;
    store
        .append(Draft::new(("shop", "subject-1"), "letter.sent").bytes(&b"plain"[..]).cause(Position(1)))
        .unwrap();
    let check = |store: &StoreReader| {
        let event = at(store, 1);
        assert_eq!((event.payload().unwrap(), event.leaf()), (secret(1).as_bytes(), leaf));
        assert_eq!((event.payload_type(), event.is_erased()), (PayloadType::Bytes, false));
        assert_eq!(event.record().payload_type(), PayloadType::Encrypted);
        assert_eq!(event.payload_bytes(), secret(1).len() + 57);
        assert_eq!(event.tags().collect::<Vec<_>>(), ["vip"]);
        let view = store.view().unwrap();
        let found = view.find(event.id()).unwrap().unwrap();
        assert_eq!(found.payload().unwrap(), secret(1).as_bytes());
        // In one pass: each event is opened for itself.
        let payloads: Vec<_> =
            view.read(&Query::ALL).map(|event| event.unwrap().payload().unwrap().to_vec()).collect();
        assert_eq!(payloads, [secret(1).into_bytes(), b"plain".to_vec()]);
        let mut events = view.read(&Query::ALL);
        let mut borrowed = Vec::new();
        while let Some(event) = events.next_borrowed().unwrap() {
            borrowed.push(event.payload().unwrap().to_vec());
        }
        assert_eq!(borrowed, payloads);
        store.verify(|_| ()).unwrap();
    };
    check(&store);
    let cursor = store.cursor("letters", Query::ALL).unwrap();
    assert_eq!(cursor.next_now().unwrap().unwrap().event().payload().unwrap(), secret(1).as_bytes());
    let seen = store.projector::<Payloads>().unwrap().read().unwrap().seen.clone();
    assert_eq!(seen, [secret(1), "plain".to_owned()]);
    assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0]);

    // A reader process, without and with the keyring; then the next writer, and one that was reopened.
    let reader = stage.read_only();
    let event = at(&reader, 1);
    assert_eq!(event.payload().unwrap_err().kind(), ErrorKind::Encrypted);
    assert_eq!((event.payload_type(), event.is_erased()), (PayloadType::Encrypted, false));
    reader.use_keyring(std::sync::Arc::new(
        tidegate::report::keyring::FileKeyring::open_in(&stage.fork().world(), KEYRING).unwrap(),
    ));
    check(&reader);
    store.close().unwrap();
    store.reopen().unwrap();
    check(&store);
    drop((reader, cursor, store));
    stage.restart();
    check(&open(&stage));
}

#[test]
fn without_the_key_it_is_an_error_and_never_a_default() {
    let mut stage = Stage::new();
    let store = stage.open();
    let refused = store.append(letter(1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
    assert!(refused.to_string().contains("use_keyring"), "{refused}");
    assert_eq!(store.view().unwrap().head(), Position(0));
    store.use_keyring(try_keyring(&stage).unwrap()).unwrap();
    store.append(letter(1)).unwrap();
    drop(store);
    stage.restart();
    // Another keyring has other keys.
    let store = stage.open();
    let other = Stage::seeded(9);
    store.use_keyring(try_keyring(&other).unwrap()).unwrap();
    let error = at(&store, 1).payload().unwrap_err().clone();
    assert_eq!(error.kind(), ErrorKind::Encrypted, "{error}");
    assert!(error.to_string().contains("does not have its key"), "{error}");
    let error = store.projector::<Payloads>().unwrap().read().unwrap_err();
    assert!(error.to_string().contains("encrypted"), "{error}");
    assert_eq!(Payloads::NAME, "payloads");
}

/// Another draft made of this one.
type Change = fn(Draft) -> Draft;

/// A ciphertext opens in its own event alone: each field that binds it, changed by itself, is damage.
#[test]
fn a_ciphertext_is_bound_to_its_event() {
    let stage = Stage::new();
    let store = open(&stage);
    store.append(vec![letter(1), letter(4)]).unwrap();
    let (one, two) = (at(&store, 1), at(&store, 2));
    let copy = |payload: &[u8], change: &dyn Fn(Draft) -> Draft| {
        let mut draft = Draft::new(two.stream(), two.kind().to_owned()).id(two.id()).bytes(payload.to_vec());
        draft.payload_type = PayloadType::Encrypted;
        let copy = Stage::seeded(7).open();
        let ring = tidegate::report::keyring::FileKeyring::open_in(&stage.fork().world(), KEYRING).unwrap();
        copy.use_keyring(std::sync::Arc::new(ring)).unwrap();
        copy.append(Batch::from(change(draft)).imported(Import::default())).unwrap();
        at(&copy, 1).payload().map(<[u8]>::to_vec).map_err(|error| error.kind())
    };
    let [first, second] = [&one, &two].map(|event| event.record().payload().unwrap().to_vec());
    assert_eq!(copy(&second, &|draft| draft), Ok(secret(4).into_bytes()), "a copy opens as it did");
    assert_eq!(copy(&first, &|draft| draft), Err(ErrorKind::Damaged), "the ciphertext of another event");
    let changes: [Change; 5] = [
        |draft| Draft { kind: "letter.read".into(), ..draft },
        |draft| Draft { stream: ("shop", "subject-2").into(), ..draft },
        |draft| Draft { stream: draft.stream.clone().lane(1), ..draft },
        |draft| draft.schema(2),
        |draft| Draft { id: None, ..draft },
    ];
    for (number, change) in changes.iter().enumerate() {
        assert_eq!(copy(&second, change), Err(ErrorKind::Damaged), "change {number}");
    }
    for at in 16..second.len() {
        let mut flipped = second.clone();
        flipped[at] ^= 1;
        assert_eq!(copy(&flipped, &|draft| draft), Err(ErrorKind::Damaged), "byte {at}");
    }
    let mut other_key = second.clone();
    other_key[3] ^= 1;
    assert_eq!(copy(&other_key, &|draft| draft), Err(ErrorKind::Encrypted));
    assert_eq!(copy(&second[..56], &|draft| draft), Err(ErrorKind::Damaged));
}

/// Nonces are never the same, also for the same text in one batch; and the same content under a key is the same batch.
#[test]
fn a_retry_is_answered_and_other_content_refused() {
    let stage = Stage::new();
    let store = open(&stage);
    let batch = |number| Batch::from(vec![letter(number), letter(number)]).key("letters");
    let receipt = store.append(batch(1)).unwrap();
    assert_eq!(store.append(batch(1)).unwrap(), receipt);
    assert!(store.append(batch(4)).unwrap_err().conflict().is_some());
    // The log keeps no hash of the plaintext: the same content in the clear is other content.
    let clear = || Draft { subject: None, ..letter(1) };
    let clear = Batch::from(vec![clear(), clear()]).key("letters");
    assert!(store.append(clear).unwrap_err().conflict().is_some());
    let [one, two] = [1, 2].map(|position| at(&store, position));
    let parts = |event: &RecordedEvent| {
        let payload = event.record().payload().unwrap().to_vec();
        let read = EncryptedPayload::read(&payload).unwrap();
        (read.key, read.nonce, read.ciphertext.to_vec())
    };
    let (one, two) = (parts(&one), parts(&two));
    assert!(one.0 == two.0 && one.1 != two.1 && one.2 != two.2);
}

#[test]
fn only_an_import_brings_ciphertext() {
    let stage = Stage::new();
    let store = open(&stage);
    let mut draft = letter(1);
    draft.payload_type = PayloadType::Encrypted;
    assert_eq!(store.append(draft.clone()).unwrap_err().kind(), ErrorKind::Invalid);
    draft.subject = None;
    assert_eq!(store.append(draft.clone()).unwrap_err().kind(), ErrorKind::Invalid);
    let long = Draft::new(("s", "e"), "k").bytes(vec![0; (64 << 20) - 56]).encrypted_for("x");
    assert!(long.check().unwrap_err().limit().is_some());
    let import = Import {
        payloads: vec![ImportedPayload::Blind(tidegate::batch::Blind([3; 16]))],
        ..Import::default()
    };
    store.append(Batch::from(draft).imported(import)).unwrap();
}
