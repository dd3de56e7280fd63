//! Whose checkpoints are believed.

use std::path::PathBuf;

use clap::Args;
use tidegate_proof::{Policy, VerifierKey};

use super::files::read_value;
use crate::failure::Result;

/// A policy, or the keys of logs and no witness.
#[derive(Args, Debug)]
#[group(required = false, multiple = false)]
pub(in crate::command) struct Trust {
    /// Believe what this policy says: a file with logs, witnesses and a quorum (c2sp.org/tlog-policy)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Believe the log with this key, and ask for no witness; `tidegate key` shows it
    #[arg(long, value_name = "KEY", value_parser = key)]
    log_key: Option<VerifierKey>,
}

impl Trust {
    /// Returns the policy, or `None` if nothing says whom to believe.
    pub(in crate::command) fn policy(&self) -> Result<Option<Policy>> {
        match (&self.policy, &self.log_key) {
            (Some(file), _) => read_value(file, "a policy").map(Some),
            (None, Some(key)) => Ok(Some(Policy::of_log(key.clone()))),
            (None, None) => Ok(None),
        }
    }
}

/// Reads a verifier key.
pub(super) fn key(text: &str) -> Result<VerifierKey, String> {
    text.parse().map_err(|_| "a key is NAME+ID+KEY, as `tidegate key` shows it".to_owned())
}
