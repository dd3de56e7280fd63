//! The keyring in a file: one writer, any readers, and damage that is told.

use tidegate::ErrorKind;
use tidegate::report::keyring::{FileKeyring, KeyId, KeyState, Keyring};

use super::{KEYRING, try_keyring};
use crate::faults::stage::Stage;

#[test]
fn keys_stay_and_destroyed_ones_do_not_come_back() {
    let mut stage = Stage::new();
    let keyring = try_keyring(&stage).unwrap();
    assert!(keyring.key_of("ann", false).unwrap().is_none());
    let (ann, key) = keyring.key_of("ann", true).unwrap().unwrap();
    let (bob, _) = keyring.key_of("bob", true).unwrap().unwrap();
    assert_ne!(ann, bob);
    assert!(matches!(keyring.find(KeyId([9; 16])).unwrap(), KeyState::Unknown));
    keyring.destroy(bob).unwrap();
    keyring.destroy(bob).unwrap();
    keyring.destroy(KeyId([9; 16])).unwrap();
    drop(keyring);
    stage.disk.lose_unsynced();
    stage.restart();
    let keyring = try_keyring(&stage).unwrap();
    let (id, again) = keyring.key_of("ann", true).unwrap().unwrap();
    assert!(id == ann && again.as_bytes() == key.as_bytes());
    assert!(matches!(keyring.find(bob).unwrap(), KeyState::Destroyed));
    assert_ne!(keyring.key_of("bob", true).unwrap().unwrap().0, bob);
    assert!(!format!("{again:?} {keyring:?}").contains("ann"));
    let bytes = stage.disk.at_rest().read(KEYRING).unwrap();
    assert!(!bytes.windows(3).any(|window| window == b"ann"), "names are not written");
}

#[test]
fn one_writes_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/shop.keyring");
    assert_eq!(FileKeyring::open(&path).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(FileKeyring::read(&path).unwrap_err().kind(), ErrorKind::Missing);
    let keyring = FileKeyring::create(&path).unwrap();
    assert_eq!(FileKeyring::open(&path).unwrap_err().kind(), ErrorKind::Locked);
    let reader = FileKeyring::read(&path).unwrap();
    let (id, _) = keyring.key_of("ann", true).unwrap().unwrap();
    assert!(matches!(reader.find(id).unwrap(), KeyState::Present(_)), "a key that came later is found");
    assert_eq!(reader.key_of("bob", true).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(reader.destroy(id).unwrap_err().kind(), ErrorKind::Invalid);
    keyring.destroy(id).unwrap();
    assert!(matches!(reader.find(id).unwrap(), KeyState::Destroyed), "at once");
    drop(keyring);
    assert_eq!(FileKeyring::create(&path).unwrap_err().kind(), ErrorKind::Invalid);
    let store = tidegate::Store::open(folder.path().join("shop")).unwrap();
    let inside = folder.path().join("shop/keys/ring");
    assert_eq!(FileKeyring::create(inside).unwrap_err().kind(), ErrorKind::Invalid);
    drop(store);
}

#[test]
fn damage_is_told_with_its_place() {
    let stage = Stage::new();
    let keyring = try_keyring(&stage).unwrap();
    for subject in ["ann", "bob"] {
        keyring.key_of(subject, true).unwrap();
    }
    drop(keyring);
    let bytes = stage.disk.at_rest().read(KEYRING).unwrap();
    for at in 0..256 {
        let next = stage.fork();
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        next.disk.at_rest().write(KEYRING, &damaged).unwrap();
        let error = FileKeyring::open_in(&next.world(), KEYRING).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "byte {at}");
        assert!(error.to_string().contains(KEYRING), "{error}");
    }
    // A torn last slot was given to no caller.
    let next = stage.fork();
    next.disk.at_rest().write(KEYRING, &bytes[..bytes.len() - 5]).unwrap();
    let keyring = FileKeyring::open_in(&next.world(), KEYRING).unwrap();
    assert!(keyring.key_of("bob", false).unwrap().is_none());
    assert!(
        keyring.key_of("bob", true).unwrap().is_some() && keyring.key_of("ann", false).unwrap().is_some()
    );
}
