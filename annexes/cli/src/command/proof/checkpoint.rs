//! `checkpoint`: the log as it is now, signed.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::proofs::{SignedCheckpoint, Signer};
use tidegate::{Error, ErrorKind};

use super::files::{open_key, write};
use crate::failure::Result;
use crate::output::Output;
use crate::reader::open;

const EXAMPLES: &str = "\
A checkpoint says how many events the log has and what the root of the tree over them is (c2sp.org/tlog-checkpoint). It covers \
what is durable, also beside a writer. The key refuses to sign if the log does not continue what it signed last, as a \
backup does that was put back, or a copy that went on by itself.

TIDEGATE_KEY names the key's file if --key does not. A secret has no place in it: what the key signed last must be kept beside \
the key, or it could sign what contradicts that.

Examples:
  tidegate checkpoint ./store --key ./keys/shop.key --output shop.checkpoint
  tidegate checkpoint ./store --key ./keys/shop.key --json
  tidegate checkpoint --last --key ./keys/shop.key";

/// Sign the log as it is now
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct CheckpointArgs {
    /// The store's directory
    #[arg(value_name = "DIR", required_unless_present = "last", conflicts_with = "last")]
    directory: Option<PathBuf>,
    /// The key that signs; `tidegate key` makes one
    #[arg(long, value_name = "FILE", env = "TIDEGATE_KEY", hide_env_values = true)]
    key: PathBuf,
    /// Sign nothing, and give out again what the key signed last
    #[arg(long, conflicts_with = "second_key")]
    last: bool,
    /// Have this key sign too, while it replaces the other one
    #[arg(long, value_name = "FILE")]
    second_key: Option<PathBuf>,
    /// Write to this file, which is replaced as a whole, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A checkpoint, as JSON.
#[derive(Serialize)]
struct CheckpointJson {
    origin: String,
    size: u64,
    root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl CheckpointArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let signed = self.signed(json)?;
        if self.output.is_some() || !json {
            write(&signed, self.output.as_deref(), self.directory.as_deref(), output)?;
        }
        match (&self.output, json) {
            (file, true) => output.json(&self.told(&signed, file.is_none())),
            (Some(file), false) => {
                let size = signed.checkpoint().size();
                output.line(format_args!("signed {size} events to {}", file.display()))
            }
            (None, false) => Ok(()),
        }
    }

    fn signed(&self, json: bool) -> Result<SignedCheckpoint> {
        let key = open_key(&self.key, json)?;
        let Some(directory) = &self.directory else {
            let missing = || Error::new(ErrorKind::Missing, "the key has signed nothing");
            return Ok(key.last()?.ok_or_else(missing)?);
        };
        let proofs = open(directory, json)?.proofs();
        let mut signed = proofs.checkpoint(&key)?;
        if let Some(second) = &self.second_key {
            proofs.countersign(&mut signed, &open_key(second, json)?)?;
        }
        Ok(signed)
    }

    fn told(&self, signed: &SignedCheckpoint, with_text: bool) -> CheckpointJson {
        let head = signed.checkpoint();
        CheckpointJson {
            origin: head.origin().to_owned(),
            size: head.size(),
            root: head.root().to_string(),
            checkpoint: with_text.then(|| signed.to_string()),
            file: self.output.as_ref().map(|file| file.display().to_string()),
        }
    }
}
