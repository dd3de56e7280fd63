//! Payloads that are encrypted for a subject: who reads them, what binds them, and how destroying a key erases them.
mod crashes;
mod golden;
mod keyrings;
mod payloads;
mod subjects;

use std::sync::Arc;

use tidegate::report::keyring::FileKeyring;
use tidegate::report::{Erase, Erasure};
use tidegate::{Batch, Draft, Result, Store, StoreReader};

use super::erasing::secret;
use crate::faults::stage::Stage;

/// Where the keyring of a stage lies, on the same machine.
pub(crate) const KEYRING: &str = "keys/shop.keyring";

pub(crate) fn try_keyring(stage: &Stage) -> Result<Arc<FileKeyring>> {
    let env = stage.world();
    let opened = match FileKeyring::open_in(&env, KEYRING) {
        Err(error) if error.kind() == tidegate::ErrorKind::Missing => FileKeyring::create_in(&env, KEYRING),
        opened => opened,
    };
    opened.map(Arc::new)
}

/// Opens the store of a stage for writing, with its keyring.
pub(crate) fn open(stage: &Stage) -> Store {
    let store = stage.open();
    store.use_keyring(try_keyring(stage).unwrap()).unwrap();
    store
}

pub(crate) fn subject(number: u64) -> String {
    format!("customer-{}", number % 3)
}

/// An event that is encrypted for a subject, of which there are three.
pub(crate) fn letter(number: u64) -> Draft {
    Draft::new(("shop", format!("subject-{}", number % 3)), "letter.sent")
        .bytes(secret(number).into_bytes())
        .encrypted_for(subject(number))
}

/// Appends letters under keys, in batches of one, two and three.
pub(crate) fn try_fill(store: &Store, batches: u64) -> Result<()> {
    let mut number = 0;
    for batch in 0..batches {
        let drafts: Vec<_> = (0..=batch % 3).map(|n| letter(number + n)).collect();
        number += drafts.len() as u64;
        store.append(Batch::from(drafts).key(format!("batch-{batch}")))?;
    }
    Ok(())
}

pub(crate) fn forget(store: &Store, number: u64) -> Result<Erasure> {
    store.upkeep().erase_subject(&subject(number), Erase::new("request 17", "desk 2"))
}

/// How many events of a kind there are.
pub(crate) fn count(store: &StoreReader, kind: &str) -> u64 {
    store.count(&tidegate::Query::kind(kind.to_owned())).unwrap()
}
