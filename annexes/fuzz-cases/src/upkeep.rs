//! What upkeep keeps and reads: files of stages, keyrings, and payloads that are encrypted.

use std::sync::Arc;

use tidegate::batch::Import;
use tidegate::report::keyring::{FileKeyring, KeyState, Keyring};
use tidegate::{Batch, Draft, ErrorKind, EventId, Query, Store, StoreOptions};
use tidegate_disk::Env;
use tidegate_format::record::{EncryptedPayload, KeyId};
use tidegate_format::store::StageFile;
use tidegate_format::{PayloadType, StoreId, hash};

use crate::sample::{Files, env, files, small};

/// Where the file of a stage and a keyring lie.
const STAGE: &str = "staged/offer";
const KEYRING: &str = "ring";
/// Bytes of the head of a stage file, and before each of its drafts.
const STAGE_HEAD_BYTES: usize = 32;
const DRAFT_HEAD_BYTES: usize = 8;
/// Bytes of the head of a keyring, and of each of its keys.
const SLOT_BYTES: usize = 128;

/// The first byte says what the rest is, and by its highest bit whether its checksums are made right.
pub fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let (mut rest, mended) = (rest.to_vec(), mode & 0x80 != 0);
    match mode & 0x7f {
        0 => {
            if mended {
                mend_stage(&mut rest);
            }
            stage(rest);
        }
        1 => {
            if mended {
                mend_keyring(&mut rest);
            }
            keyring(&rest);
        }
        _ => payload(&rest),
    }
}

/// Inputs to start from, each with its first byte.
pub(crate) fn examples() -> Vec<(u8, Vec<u8>)> {
    let env = env(&Files::new());
    let keyring = FileKeyring::create_in(&env, KEYRING).expect("memory is written");
    let destroyed = key(&keyring, "bob");
    keyring.destroy(destroyed).expect("it is there");
    let ann = key(&keyring, "ann");
    let (ring, own) = (files(&env)[KEYRING].clone(), id());
    let drafts = [
        Draft::new(("shop", "order-7"), "order.placed")
            .json_text(r#"{"total":12}"#)
            .tag("vip")
            .meta("by", "till"),
        Draft::new(("shop", "order-7"), "order.paid").cause(tidegate::Cause::Draft(0)),
    ];
    let mut stage = StageFile::header(own).to_vec();
    for draft in &drafts {
        StageFile::append(draft, &mut stage);
    }
    let encrypted = EncryptedPayload { key: ann, nonce: [7; 24], ciphertext: &[9; 40] }.to_bytes();
    vec![(0, stage.clone()), (0x80, stage), (1, ring.clone()), (0x81, ring), (2, encrypted)]
}

fn key(keyring: &FileKeyring, subject: &str) -> KeyId {
    keyring.key_of(subject, true).ok().flatten().expect("memory is written").0
}

/// The id of the sample store.
fn id() -> StoreId {
    tidegate_format::StoreFile::read(&small().files["STORE"]).expect("the sample is whole").id
}

/// Drafts that are read are written as they are, and committed once, or refused.
fn stage(bytes: Vec<u8>) {
    if let Ok(found) = StageFile::read(&bytes) {
        let mut written = StageFile::header(found.store).to_vec();
        for draft in &found.drafts {
            StageFile::append(draft, &mut written);
        }
        let again = StageFile::read(&written).expect("what was written reads");
        assert_eq!((again.drafts, again.end), (found.drafts, written.len()));
    }
    let mut files = small().files.clone();
    files.insert(STAGE.to_owned(), bytes);
    let store = open(env(&files));
    let stage = store.stage("offer").expect("it is a name");
    assert_eq!(store.stages().expect("memory is read"), ["offer"]);
    let head = store.frontier().visible;
    match stage.drafts() {
        Err(error) => {
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::Damaged | ErrorKind::Newer | ErrorKind::Refused),
                "what cannot be read is told: {error}"
            );
            assert!(
                stage.commit().is_err() && store.frontier().visible == head,
                "nothing of it is committed"
            );
        }
        Ok(drafts) => {
            if let Ok(receipt) = stage.commit() {
                assert_eq!((receipt.events.len(), receipt.first()), (drafts.len(), head.next()));
                let again = stage.commit().expect("it was committed");
                assert_eq!((again, store.stages().expect("memory is read").len()), (receipt, 0));
                let own = store.view().and_then(|view| view.count(&Query::kind("tidegate.*")));
                assert_eq!(own.expect("memory is read"), 0, "no draft is an event of the store's own");
            } else {
                assert_eq!(store.frontier().visible, head, "nothing of it is committed");
            }
        }
    }
    stage.cancel().expect("memory is written");
}

/// A keyring is damaged, or has keys that stay and go as those of any other.
fn keyring(bytes: &[u8]) {
    let env = env(&[(KEYRING.to_owned(), bytes.to_vec())].into());
    let opened = match FileKeyring::open_in(&env, KEYRING) {
        Ok(opened) => opened,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Damaged, "{error}"),
    };
    let Ok(Some((id, secret))) = opened.key_of("ann", true) else { return };
    let found = opened.find(id).expect("memory is read");
    let KeyState::Present(found) = found else { panic!("a key that was given out is {found:?}") };
    assert_eq!(found.as_bytes(), secret.as_bytes());
    opened.destroy(id).expect("memory is written");
    drop(opened);
    let opened = FileKeyring::open_in(&env, KEYRING).expect("what was written reads");
    assert!(matches!(opened.find(id).expect("memory is read"), KeyState::Destroyed));
    let holds = files(&env)[KEYRING].windows(32).any(|window| window == secret.as_bytes());
    // A hostile file may hold it elsewhere too.
    assert!(!holds || bytes.windows(32).any(|window| window == secret.as_bytes()), "a destroyed key is gone");
}

/// What is encrypted, or says that it is, is never shown as if it were the payload.
fn payload(bytes: &[u8]) {
    if let Some(parts) = EncryptedPayload::read(bytes) {
        assert_eq!(parts.to_bytes(), bytes);
    }
    let store = open(env(&Files::new()));
    let ring = env(&Files::new());
    let keyring = Arc::new(FileKeyring::create_in(&ring, KEYRING).expect("memory is written"));
    let id = EventId([7; 16]);
    let mut draft = Draft::new(("shop", "customer-7"), "letter.sent").bytes(bytes.to_vec()).id(id);
    draft.payload_type = PayloadType::Encrypted;
    let import = Import { idempotency: None, recorded: None, payloads: Vec::new() };
    let Ok(receipt) = store.append(Batch::from(draft).imported(import)) else { return };
    let read = |kinds: &[ErrorKind]| {
        let event =
            store.view().and_then(|view| view.at(receipt.first())).ok().flatten().expect("it is there");
        let kind = event.payload().expect_err("it is never shown").kind();
        assert!(kinds.contains(&kind), "{kind:?}");
    };
    read(&[ErrorKind::Encrypted]);
    store.use_keyring(keyring).expect("nothing is to be destroyed");
    read(&[ErrorKind::Encrypted, ErrorKind::Damaged]);
}

fn open(env: Env) -> Store {
    StoreOptions::new().thread(false).open_in(env).expect("memory opens")
}

fn mend_stage(bytes: &mut [u8]) {
    let put = |bytes: &mut [u8], at: usize, crc: u32| {
        if let Some(cell) = bytes.get_mut(at..at + 4) {
            cell.copy_from_slice(&crc.to_le_bytes());
        }
    };
    let Some(head) = bytes.get(..STAGE_HEAD_BYTES - 4) else { return };
    let crc = hash::crc(0, head);
    put(bytes, STAGE_HEAD_BYTES - 4, crc);
    let mut at = STAGE_HEAD_BYTES;
    while let Some(length) = bytes.get(at..at + 4) {
        let length: [u8; 4] = length.try_into().expect("it is four bytes long");
        let body = at + DRAFT_HEAD_BYTES;
        let Some(draft) = bytes.get(body..body.saturating_add(u32::from_le_bytes(length) as usize)) else {
            return;
        };
        let (crc, end) = (hash::crc(hash::crc(0, &length), draft), body + draft.len());
        put(bytes, at + 4, crc);
        at = end;
    }
}

fn mend_keyring(bytes: &mut [u8]) {
    for slot in bytes.chunks_exact_mut(SLOT_BYTES) {
        let checksum = hash::sha256(&slot[..SLOT_BYTES - 8]);
        slot[SLOT_BYTES - 8..].copy_from_slice(&checksum.0[..8]);
    }
}
