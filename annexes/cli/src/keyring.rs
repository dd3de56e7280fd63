//! The keyring that a command is given.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tidegate::report::keyring::FileKeyring;
use tidegate::{Result, Store, StoreReader};

/// The keyring of a command.
#[derive(Args, Debug)]
pub(crate) struct KeyringArg {
    /// The keyring with the keys that payloads are encrypted with
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,
}

impl KeyringArg {
    /// Gives a store the keyring, to read with.
    pub(crate) fn read_with(&self, store: &StoreReader) -> Result<()> {
        if let Some(path) = &self.keyring {
            store.use_keyring(Arc::new(FileKeyring::read(path)?));
        }
        Ok(())
    }

    /// Gives a store the keyring, to add and destroy keys.
    pub(crate) fn write_with(&self, store: &Store) -> Result<()> {
        self.keyring.as_ref().map_or(Ok(()), |path| store.use_keyring(Arc::new(FileKeyring::open(path)?)))
    }
}
