//! `key`: what signs the checkpoints of a store.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, KeyFile, Signer};
use tidegate::{Error, ErrorKind};

use crate::failure::Result;
use crate::output::Output;
use crate::reader::open;

const EXAMPLES: &str = "\
The key is made if the file is missing. It signs for this store alone. FILE ends in `.key` and holds the secret; beside it \
`NAME.last` remembers what the key signed last, so that it never signs two histories that contradict each other. Keep both \
out of the store's directory, and out of its backups.

What is printed is public: people who check your proofs need it.

Examples:
  tidegate key ./store ./keys/shop.key > shop.vkey
  tidegate key ./store ./keys/shop.key --prefix example.com/logs";

/// Make the key that signs a store's checkpoints, and show its public part
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct KeyArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The key's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What a new key's name begins with: an address of yours without its scheme. It ends in the store's id
    #[arg(long, default_value = DEFAULT_PREFIX)]
    prefix: String,
}

#[derive(Serialize)]
struct KeyJson {
    key: String,
    origin: String,
    created: bool,
}

impl KeyArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        let (key, created) = match KeyFile::open(&self.file) {
            Err(error) if error.kind() == ErrorKind::Missing && !self.file.exists() => {
                let origin = Checkpoint::origin_of(&self.prefix, store.id())?;
                (KeyFile::create(&self.file, &origin)?, true)
            }
            opened => (opened?, false),
        };
        let key = key.key();
        let id = store.id().to_string();
        if !key.name().ends_with(&id) {
            let message = format!("the key signs for {}, and this is the store {id}", key.name());
            return Err(Error::invalid(message).advise("name another file for a key of this store").into());
        }
        if json {
            return output.json(&KeyJson { key: key.to_string(), origin: key.name().to_owned(), created });
        }
        output.line(key)
    }
}
