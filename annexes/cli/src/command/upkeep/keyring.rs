//! `keyring`: a file with the keys of subjects.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::report::keyring::FileKeyring;

use crate::failure::Result;
use crate::output::Output;

const RULES: &str = "\
A keyring holds the keys that payloads are encrypted with, one for each subject: `append --encrypt-for` makes them, and `erase \
--subject` destroys them. It lies outside of the store, is readable by its owner alone, and is backed up apart from the \
store: without it what is encrypted cannot be read.

Examples:
  tidegate keyring ./keys/shop.keyring
  tidegate append ./store --scope shop --entity customer-7 --kind address.changed \\
      --data '{\"city\":\"Bonn\"}' --encrypt-for customer-7 --keyring ./keys/shop.keyring
  tidegate read ./store --keyring ./keys/shop.keyring
  tidegate erase ./store --subject customer-7 --keyring ./keys/shop.keyring \\
      --reason 'request of 3 May' --by 'desk 2' --yes";

/// Make a keyring, a file for the keys that payloads are encrypted with
#[derive(Args, Debug)]
#[command(after_help = RULES)]
pub(crate) struct KeyringArgs {
    /// The keyring's file; its directory is created if there is none
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct KeyringJson {
    created: bool,
    file: String,
}

impl KeyringArgs {
    pub(crate) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        FileKeyring::create(&self.file)?;
        let file = self.file.display().to_string();
        if json {
            return output.json(&KeyringJson { created: true, file });
        }
        output.line(format_args!("made the keyring {file}"))
    }
}
