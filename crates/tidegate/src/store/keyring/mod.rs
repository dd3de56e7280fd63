//! Keys of subjects, outside of the store: what [`Draft::encrypted_for`](crate::Draft::encrypted_for) encrypts with. Destroying a
//! key erases at once what it encrypted, in the store, its backups, its forks and its copies. Needs the feature
//! `encryption`.
//!
//! Payloads are encrypted with XChaCha20-Poly1305 before they are written, and opened when they are read through a store
//! that was given the keyring. The ciphertext is bound to the event's id, stream, kind and schema version: moved to another
//! event it is [`Damaged`](crate::ErrorKind::Damaged). Only payloads are encrypted; names, tags and metadata are not, so they
//! are never personal.
//!
//! What is read without the key is never a default value: [`Erased`](crate::ErrorKind::Erased) if the key was destroyed,
//! [`Encrypted`](crate::ErrorKind::Encrypted) if it is merely not there.
//!
//! ```
//! use std::sync::Arc;
//! use tidegate::report::keyring::FileKeyring;
//! use tidegate::report::Erase;
//! use tidegate::{Draft, ErrorKind, Query, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! let keyring = Arc::new(FileKeyring::create(folder.path().join("keys/shop.keyring"))?);
//! let store = Store::open(folder.path().join("shop"))?;
//! store.use_keyring(keyring)?;
//!
//! let moved = Draft::new(("shop", "customer-7"), "address.changed").json_text(r#"{"city":"Bonn"}"#);
//! let moved = store.append(moved.encrypted_for("customer-7"))?;
//! let address = store.view()?.at(moved.first())?.expect("it was appended");
//! assert_eq!(address.payload()?, br#"{"city":"Bonn"}"#);
//!
//! let erasure = store.upkeep().erase_subject("customer-7", Erase::new("request of 3 May", "desk 2"))?;
//! assert_eq!((erasure.events, erasure.keys), (1, 1));
//! let address = store.view()?.at(moved.first())?.expect("the event is still there");
//! assert_eq!(address.payload().unwrap_err().kind(), ErrorKind::Erased);
//! # store.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
mod file;

pub use crate::published::{KeyState, Keyring, SubjectKey};
pub use file::FileKeyring;
pub use tidegate_format::record::KeyId;
