//! Key files: who can read them, what they remember, and two processes with one of them.

use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile, Signer};
use tidegate::testing::{Call, Disk, Errno, FaultPlan};
use tidegate::{Draft, ErrorKind, Position, Store, StoreId};

use super::{KeyDisk, origin, size};
use crate::faults::stage::{Stage, fill};

const STORE: StoreId = StoreId([7; 16]);

#[test]
#[cfg(unix)]
fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::MetadataExt;

    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let created = KeyFile::create(keys.join("shop.key"), &origin(STORE)).unwrap();
    let mode = |name: &str| std::fs::metadata(keys.join(name)).unwrap().mode() & 0o777;
    assert_eq!(["shop.key", "shop.last", "shop.lock"].map(mode), [0o600; 3]);
    assert_eq!(std::fs::metadata(&keys).unwrap().mode() & 0o777, 0o700);
    let opened = KeyFile::open(keys.join("shop.key")).unwrap();
    assert_eq!(opened.key(), created.key());
    let secret = std::fs::read_to_string(keys.join("shop.key")).unwrap();
    let shown = format!("{created:?}");
    assert!(secret.starts_with("PRIVATE+KEY+tidegate.local/07070707-"));
    assert!(
        !secret.split('+').any(|part| part.len() > 20 && !part.contains('/') && shown.contains(part.trim()))
    );
}

#[test]
fn a_key_is_never_made_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.key");
    let created = KeyFile::create(&path, &origin(STORE)).unwrap();
    let again = KeyFile::create(&path, &origin(STORE)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Invalid);
    assert_eq!(KeyFile::open(&path).unwrap().key(), created.key());
    // The memory of one that signed is kept, too.
    let store = Store::in_memory().unwrap();
    let (key, memory) = (folder.path().join("b.key"), folder.path().join("b.last"));
    let signer = KeyFile::create(&key, &origin(store.id())).unwrap();
    store.append(Draft::new(("s", "e"), "k")).unwrap();
    store.proofs().checkpoint(&signer).unwrap();
    std::fs::remove_file(&key).unwrap();
    let before = std::fs::read(&memory).unwrap();
    assert_eq!(KeyFile::create(&key, &origin(store.id())).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(std::fs::read(&memory).unwrap(), before);
}

#[test]
fn a_key_does_not_lie_in_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("shop")).unwrap();
    for inside in ["shop/shop.key", "shop/keys/shop.key", "shop/../shop/a/b/shop.key"] {
        let refused = KeyFile::create(folder.path().join(inside), &origin(store.id())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{inside}: {refused}");
    }
    for name in ["shop", "shop.pem", ".key", ""] {
        assert_eq!(
            KeyFile::create(folder.path().join(name), "a/b").unwrap_err().kind(),
            ErrorKind::Invalid,
            "{name}"
        );
    }
    // One that was moved there is not opened either.
    KeyFile::create(folder.path().join("shop.key"), &origin(store.id())).unwrap();
    for name in ["shop.key", "shop.last"] {
        std::fs::rename(folder.path().join(name), folder.path().join("shop").join(name)).unwrap();
    }
    assert_eq!(KeyFile::open(folder.path().join("shop/shop.key")).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_key_of_another_store_does_not_sign() {
    let store = Store::in_memory().unwrap();
    let keys = KeyDisk::new(2);
    let signer = keys.create(STORE).unwrap();
    let refused = store.proofs().checkpoint(&signer).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let own = Checkpoint::new(&origin(store.id()), 0, tidegate_proof::tree::empty_root()).unwrap();
    assert_eq!(signer.sign(&own, &[]).unwrap_err().kind(), ErrorKind::Invalid);
    // The prefix is the operator's to choose, and part of the origin.
    let keys = KeyDisk::new(3);
    let named = Checkpoint::origin_of("example.com/logs", store.id()).unwrap();
    let signer = KeyFile::create_in(&keys.env(), KeyDisk::NAME, &named).unwrap();
    assert_eq!(store.proofs().checkpoint(&signer).unwrap().checkpoint().origin(), named);
    assert_ne!(named, Checkpoint::origin_of(DEFAULT_PREFIX, store.id()).unwrap());
}

#[test]
fn a_key_that_forgot_signs_nothing() {
    let store = Store::in_memory().unwrap();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    store.append(Draft::new(("s", "e"), "k")).unwrap();
    store.proofs().checkpoint(&signer).unwrap();
    keys.disk.at_rest().remove("shop.last").unwrap();
    assert_eq!(store.proofs().checkpoint(&signer).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(keys.open().unwrap_err().kind(), ErrorKind::Missing);
    assert!(!keys.disk.at_rest().names().contains(&"shop.last".to_owned()), "it is not made anew");
}

/// Every bit, every length, and the memory of another key: none of them is believed.
#[test]
fn a_memory_that_was_changed_is_not_believed() {
    let (stage, _) = Stage::closed();
    let store = stage.read_only();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let other = KeyDisk::new(3);
    other.create(store.id()).unwrap();
    let intact = keys.disk.at_rest().read("shop.last").unwrap();
    let mut tampered: Vec<Vec<u8>> = (0..intact.len()).map(|length| intact[..length].to_vec()).collect();
    for bit in 0..intact.len() * 8 {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        tampered.push(bytes);
    }
    tampered.push([&intact[..], b"\n"].concat());
    tampered.push([&intact[..], &intact[..]].concat());
    tampered.push(other.disk.at_rest().read("shop.last").unwrap());
    for bytes in tampered {
        keys.disk.at_rest().write("shop.last", &bytes).unwrap();
        for refused in [store.proofs().checkpoint(&signer).unwrap_err(), keys.open().unwrap_err()] {
            assert_eq!(
                refused.kind(),
                ErrorKind::Damaged,
                "{:?}: {refused}",
                String::from_utf8_lossy(&bytes)
            );
        }
        assert_eq!(keys.disk.at_rest().read("shop.last").unwrap(), bytes, "it is left as it is");
    }
    keys.disk.at_rest().write("shop.last", &intact).unwrap();
    assert_eq!(store.proofs().checkpoint(&signer).unwrap(), signed);
}

#[test]
fn a_key_that_was_changed_does_not_open() {
    let keys = KeyDisk::new(2);
    keys.create(STORE).unwrap();
    let intact = keys.disk.at_rest().read("shop.key").unwrap();
    let secret = String::from_utf8(intact.clone()).unwrap();
    let secret = secret.trim_end().rsplit('+').next().unwrap();
    for bit in 0..intact.len() * 8 {
        keys.disk.at_rest().write("shop.key", &intact).unwrap();
        keys.disk.at_rest().flip_bit("shop.key", bit as u64).unwrap();
        let refused = keys.open().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Damaged, "bit {bit}: {refused}");
        assert!(!format!("{refused} {refused:?}").contains(secret), "no message shows the secret");
    }
}

/// Two processes with one key: each signs behind the other, and never two notes of one size.
#[test]
fn two_processes_with_one_key_sign_one_after_the_other() {
    let stage = Stage::new();
    let store = stage.open();
    let keys = KeyDisk::new(2);
    let first = keys.create(store.id()).unwrap();
    let second = keys.open().unwrap();
    fill(&store, 1);
    let early = store.proofs().checkpoint(&first).unwrap();
    fill(&store, 1);
    let late = stage.read_only().proofs().checkpoint(&second).unwrap();
    assert!(size(&late) > size(&early));
    // The first one sees what the second one signed.
    assert_eq!(first.last().unwrap().unwrap(), late);
    assert_eq!(store.proofs().checkpoint(&first).unwrap(), late);
    let refused = first.sign(early.checkpoint(), &[]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Older);
    // While one holds the lock the other is refused, and has signed nothing.
    let lock = keys.disk.lock("shop.lock").unwrap();
    fill(&store, 1);
    assert_eq!(store.proofs().checkpoint(&first).unwrap_err().kind(), ErrorKind::Locked);
    drop(lock);
    assert_eq!(first.last().unwrap().unwrap(), late);
    store.proofs().checkpoint(&second).unwrap();
}

/// Threads of one process and handles of two, all at once: the notes form one line.
#[test]
fn signers_at_the_same_time_never_contradict_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("shop")).unwrap();
    let path = folder.path().join("shop.key");
    KeyFile::create(&path, &origin(store.id())).unwrap();
    let mut all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (signer, mut signed) = (KeyFile::open(&path).unwrap(), Vec::new());
                    for _ in 0..20 {
                        store.append(Draft::new(("s", "e"), "k")).unwrap();
                        match store.proofs().checkpoint(&signer) {
                            Ok(note) => signed.push(note),
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Locked, "{error}"),
                        }
                    }
                    signed
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    all.sort_by_key(size);
    assert!(!all.is_empty());
    for pair in all.windows(2) {
        let proof = store.proofs().consistency(size(&pair[0]), size(&pair[1])).unwrap();
        proof.verify(pair[0].checkpoint().root(), pair[1].checkpoint().root()).unwrap();
        assert!(size(&pair[0]) < size(&pair[1]) || pair[0] == pair[1]);
    }
    let last = all.last().unwrap();
    store.proofs().prove(Position(1), last, DisclosureForm::Payload).unwrap();
}

/// What could not be made durable was not signed, as far as anyone sees.
#[test]
fn a_failed_write_of_the_memory_gives_nothing_out() {
    for call in [Call::Create, Call::Write, Call::Sync, Call::Rename, Call::SyncFolder] {
        let (stage, _) = Stage::closed();
        let store = stage.open();
        let keys = KeyDisk::new(2);
        let signer = keys.create(store.id()).unwrap();
        let before = signer.last().unwrap();
        keys.disk.set_plan(FaultPlan::default().fail(call, 1, Errno::IO));
        let refused = store.proofs().checkpoint(&signer).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Io, "{call:?}: {refused}");
        keys.disk.set_plan(FaultPlan::default());
        assert!(signer.last().unwrap() == before || call == Call::SyncFolder);
        // It is written once more before it is given out: the folder's name may not be durable.
        let calls = keys.disk.count(Call::SyncFolder);
        let signed = store.proofs().checkpoint(&signer).unwrap();
        assert!(keys.disk.count(Call::SyncFolder) > calls);
        keys.disk.lose_unsynced();
        let mut keys = keys;
        keys.restart();
        assert_eq!(keys.open().unwrap().last().unwrap().unwrap(), signed, "{call:?}");
    }
}
