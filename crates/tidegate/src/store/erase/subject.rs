//! Erasing a subject by destroying its key, and what an interrupted destruction left to do.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_format::record::KeyId;
use tidegate_format::{Error, Result, name};

use super::{Erase, ErasePlan, Erasure};
use crate::published::{Keyring, Keys};
use crate::read::{DESTROYED, ERASED, ErasedEvent, Query};
use crate::store::Store;
use crate::store::reader::StoreReader;
use crate::store::upkeep::Upkeep;

impl StoreReader {
    /// Has views that are taken from now on show what the keys of a keyring open. An earlier keyring is let go. Without one, and for a
    /// key that it does not have, reading an encrypted payload is [`Encrypted`](crate::ErrorKind::Encrypted).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidegate::report::keyring::FileKeyring;
    /// use tidegate::{Draft, ErrorKind, Position, Store, StoreReader};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let (directory, path) = (folder.path().join("shop"), folder.path().join("shop.keyring"));
    /// # let store = Store::open(&directory)?;
    /// # store.use_keyring(Arc::new(FileKeyring::create(&path)?))?;
    /// store.append(Draft::new(("shop", "customer-7"), "letter.sent").bytes(&b"Dear Ann"[..]).encrypted_for("customer-7"))?;
    /// let reader = StoreReader::open(&directory)?;
    /// let letter = reader.view()?.at(Position(1))?.expect("it was appended");
    /// assert_eq!(letter.payload().unwrap_err().kind(), ErrorKind::Encrypted);
    ///
    /// reader.use_keyring(Arc::new(FileKeyring::read(&path)?));
    /// let letter = reader.view()?.at(Position(1))?.expect("it was appended");
    /// assert_eq!(letter.payload()?, b"Dear Ann");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn use_keyring(&self, keyring: Arc<dyn Keyring>) {
        let keys = Keys::of(keyring, Arc::clone(&self.env().random));
        self.opening().published().set_keys(Some(&keys));
    }
}

impl Store {
    /// Has drafts encrypted for their subjects ([`Draft::encrypted_for`](crate::Draft::encrypted_for)) with the keys of a keyring, and views that
    /// are taken from now on show what they open. It stays in use when the store is [reopened](Self::reopen).
    ///
    /// Keys that events of this log say are to be destroyed are destroyed first, if the keyring has them: a crash may have
    /// come between, or the keyring was put back from a copy.
    ///
    /// # Errors
    ///
    /// Those of the keyring, if such a key cannot be destroyed, and of appending the event of kind
    /// [`tidegate.destroyed`](crate::report::DESTROYED). The keyring is in use all the same.
    pub fn use_keyring(&self, keyring: Arc<dyn Keyring>) -> Result<()> {
        StoreReader::use_keyring(self, keyring);
        self.upkeep().finish_destruction()
    }
}

impl ErasePlan {
    /// Returns what [`Upkeep::erase_subject`] would do, by the keyring that the store was given. It changes nothing.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if the store was given no keyring, and those of reading and of the keyring.
    pub fn of_subject(store: &StoreReader, subject: &str) -> Result<Self> {
        let keys = store.opening().published().keys().ok_or_else(no_keyring)?;
        match keys.subjects.id_of(subject)? {
            Some(key) => Self::of_key(store, key),
            None => Ok(Self::default()),
        }
    }
}

impl Upkeep {
    /// Erases all that was encrypted for a subject, for good, by destroying its key: in this store, and in its backups, forks and
    /// copies, whose ciphertext nothing opens any more. Otherwise it is as [`erase`](Self::erase): an event of kind
    /// [`tidegate.erased`](crate::report::ERASED) decides it, the payloads are gone from all views, and the segments that hold
    /// the ciphertext are written anew. It names the key by its random id and never the subject.
    ///
    /// The key is destroyed after that event is durable, and an event of kind [`tidegate.destroyed`](crate::report::DESTROYED) says so. If a
    /// crash comes between, [`Store::use_keyring`] goes on at the next opening. What is appended for the subject later has
    /// another key. An append that is under way meanwhile may still get the old one, and is erased with it.
    ///
    /// It reads every record of the log to find those of the key.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if the store was given no keyring, or for words that cannot be kept; those of the keyring
    /// and of [`erase`](Self::erase). Once the event is in the log, this call, made again, or the next opening goes on.
    pub fn erase_subject(&self, subject: &str, erase: Erase) -> Result<Erasure> {
        let Erase { reason, by } = erase;
        ErasedEvent::check(&reason, &by)?;
        name::check("subject", subject)?;
        let store = self.store();
        self.refuse_node("payloads cannot be erased")?;
        let writer = &**store.writer()?;
        let keys = writer.published.keys().ok_or_else(no_keyring)?;
        let _one = writer.erasing.lock();
        let Some(key) = keys.subjects.id_of(subject)? else {
            return Ok(Erasure::default());
        };
        let plan = ErasePlan::of_key(store, key)?;
        self.carry_out(writer, &plan, &[key], (&reason, &by))
    }

    /// Destroys what events say is to be destroyed and the keyring has.
    fn finish_destruction(&self) -> Result<()> {
        let store = self.store();
        let writer = &**store.writer()?;
        let Some(keys) = writer.published.keys() else { return Ok(()) };
        let _one = writer.erasing.lock();
        let view = store.view()?;
        let (mut named, mut destroyed) = (BTreeSet::new(), BTreeSet::new());
        for event in view.read(&Query::kind(ERASED)) {
            named.extend(ErasedEvent::in_record(&event?.record()).into_iter().flat_map(|event| event.keys));
        }
        if named.is_empty() {
            return Ok(());
        }
        for event in view.read(&Query::kind(DESTROYED)) {
            destroyed.extend(ErasedEvent::keys_destroyed(&event?.record()));
        }
        // keeps E4
        store.opening().make_durable(view.head())?;
        for key in named.intersection(&destroyed) {
            if keys.subjects.is_present(*key)? {
                keys.subjects.destroy(*key)?;
                tracing::warn!(%key, "a key was destroyed once more, which a copy of the keyring had brought back");
            }
        }
        let unfinished: Vec<KeyId> = named.difference(&destroyed).copied().collect();
        self.destroy_keys(writer, &unfinished).map(|_| ())
    }
}

fn no_keyring() -> Error {
    Error::invalid(
        "the store has no keyring; give it the one that has the key of the subject, with `use_keyring`",
    )
}
