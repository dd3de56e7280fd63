//! A keyring and a ciphertext that another program made, from the page on the format alone.

use std::sync::Arc;

use tidegate::batch::Import;
use tidegate::report::keyring::{FileKeyring, KeyId, KeyState, Keyring};
use tidegate::{Batch, Draft, ErrorKind, Position, StreamId};
use tidegate_format::{PayloadType, Record};

use super::KEYRING;
use crate::faults::stage::Stage;

const RING: &str = include_str!("../../../../../format/fixtures/keyring.txt");
const RECORD: &str = include_str!("../../../../../format/fixtures/records/encrypted.txt");

/// The bytes of a golden file.
fn bytes(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let digits = lines.flat_map(|line| line.split('|').nth(1).unwrap().split_whitespace());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn ring(stage: &Stage) -> FileKeyring {
    FileKeyring::create_in(&stage.world(), KEYRING).map(drop).unwrap();
    stage.disk.at_rest().write(KEYRING, &bytes(RING)).unwrap();
    FileKeyring::open_in(&stage.world(), KEYRING).unwrap()
}

#[test]
fn the_keyring() {
    let stage = Stage::new();
    let keyring = ring(&stage);
    let (id, key) = keyring.key_of("customer-7", false).unwrap().unwrap();
    assert_eq!((id.0[0], key.as_bytes()[0], key.as_bytes()[31]), (0xc0, 0x20, 0x3f));
    let other = KeyId(std::array::from_fn(|n| 0xd0 + n as u8));
    assert!(matches!(keyring.find(other).unwrap(), KeyState::Destroyed));
    assert!(keyring.key_of("customer-8", false).unwrap().is_none());
    // What destroying leaves of a key is what stands there of the other one, but for the id and the checksum.
    keyring.destroy(id).unwrap();
    let left = stage.disk.at_rest().read(KEYRING).unwrap();
    assert_eq!(left[..256], bytes(RING)[..256]);
    assert_eq!((left[256..264].to_vec(), &left[280..376]), (left[128..136].to_vec(), &left[152..248]));
    assert!(matches!(keyring.find(id).unwrap(), KeyState::Destroyed));
}

#[test]
fn the_ciphertext() {
    let stage = Stage::new();
    let keyring = Arc::new(ring(&stage));
    let bytes = bytes(RECORD);
    let record = Record::read(&bytes).unwrap();
    let stream = StreamId::new(record.scope().to_owned(), record.entity().to_owned()).lane(record.lane());
    let mut draft = Draft::new(stream, record.kind().to_owned()).id(record.id()).schema(record.schema());
    draft.payload = record.payload().unwrap().to_vec().into();
    draft.payload_type = PayloadType::Encrypted;
    let store = stage.open();
    store.use_keyring(keyring).unwrap();
    let append = |draft: Draft| {
        let import = Import { idempotency: None, recorded: None, payloads: Vec::new() };
        store.append(Batch::from(draft).imported(import)).unwrap()
    };
    append(draft.clone());
    let event = store.view().unwrap().at(Position(1)).unwrap().unwrap();
    assert_eq!(event.payload().unwrap(), br#"{"city":"Bonn"}"#);
    assert_eq!(event.payload_type(), PayloadType::Json);
    // It is bound to its event.
    let moved = append(Draft { schema: draft.schema + 1, id: None, ..draft });
    let event = store.view().unwrap().at(moved.first()).unwrap().unwrap();
    assert_eq!(event.payload().unwrap_err().kind(), ErrorKind::Damaged);
}
