//! `census` and `audit`: counting, and counting again.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tidegate::proofs::{AuditedCensus, CensusField};
use tidegate::{Error, ErrorKind, Position, StoreOptions};

use super::files::read_value;
use super::trust::Trust;
use crate::failure::{Result, warn};
use crate::output::{Output, counted};
use crate::reader::open;
use crate::writer;

const CENSUS: &str = "\
A census counts how many events each stream has, and commits to all of them with one hash, in an event `tidegate.census` of the \
log. Under a later checkpoint `tidegate prove --all` then shows all events of a stream, or that it has none. It reads the \
whole log.

Examples:
  tidegate census ./store
  tidegate census ./store --by tag";

const AUDIT: &str = "\
A census is the store's own word until an auditor counts too. An audit counts again what each census of the log counted, and \
ends with 1 if one is wrong. With a checkpoint it first makes sure that the log is the one that was signed: that is what an \
auditor does with a copy of the log.

Examples:
  tidegate audit ./store
  tidegate audit ./copy --checkpoint shop.checkpoint --log-key \"$(cat shop.vkey)\"";

/// Count all events by stream, so that all events of one can be shown
#[derive(Args, Debug)]
#[command(after_help = CENSUS)]
pub(in crate::command) struct CensusArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// What to count by
    #[arg(long, value_enum, default_value_t = FieldArg::Stream)]
    by: FieldArg,
}

/// Count again what each census counted, and compare
#[derive(Args, Debug)]
#[command(after_help = AUDIT)]
pub(in crate::command) struct AuditArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Refuse a log that is not the one of this checkpoint
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FieldArg {
    Stream,
    Scope,
    Kind,
    Tag,
}

/// A census, as JSON.
#[derive(Serialize)]
struct CensusJson {
    position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    /// Of an audit: whether the log says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<bool>,
}

impl CensusArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let field = match self.by {
            FieldArg::Stream => CensusField::Stream,
            FieldArg::Scope => CensusField::Scope,
            FieldArg::Kind => CensusField::Kind,
            FieldArg::Tag => CensusField::Tag,
        };
        // A census of a store that is not there would create one.
        drop(open(&self.directory, json)?);
        let store = writer::open(&self.directory, StoreOptions::new(), json)?;
        let (receipt, census) = store.take_census(field)?;
        store.close()?;
        let position = receipt.first();
        if json {
            return output.json(&CensusJson {
                position: position.0,
                by: Some(field.name()),
                until: Some(census.until.0),
                rows: Some(census.rows),
                root: Some(census.root.to_string()),
                right: None,
            });
        }
        output.line(format_args!(
            "position {position}: a census of {} by {field}: {}",
            counted(census.until.0, "event"),
            counted(census.rows, field.name()),
        ))
    }
}

impl AuditArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let proofs = open(&self.directory, json)?.proofs();
        if let Some(file) = &self.checkpoint {
            let signed = read_value(file, "a checkpoint")?;
            match self.trust.policy()? {
                Some(policy) => drop(policy.judge(&signed)?),
                None => {
                    let message = "nothing says whose signature the checkpoint must have, so none was checked: name it \
                                   with --log-key or --policy";
                    warn("signature", message, json);
                }
            }
            proofs.check(signed.checkpoint())?;
        } else if self.trust.policy()?.is_some() {
            let message = "a key or a policy is for a checkpoint: name that with --checkpoint";
            return Err(Error::invalid(message).into());
        }
        let audit = proofs.audit_censuses()?;
        for census in &audit.censuses {
            if json { output.json(&audited(census))? } else { output.line(told(census))? }
        }
        let wrong: Vec<Position> = audit.wrong().map(|census| census.position).collect();
        if let Some(first) = wrong.first() {
            let message = format!(
                "census: {} of {} are not what the log says, the first at position {first}",
                wrong.len(),
                audit.censuses.len()
            );
            return Err(Error::new(ErrorKind::Disproved, message).into());
        }
        if json {
            return Ok(());
        }
        if audit.censuses.is_empty() {
            return output.line("the log has no census; `tidegate census` takes one");
        }
        let events = counted(audit.events, "event");
        output.line(format_args!("all is well: {events} counted again"))
    }
}

fn audited(census: &AuditedCensus) -> CensusJson {
    let said = census.said.as_ref().ok();
    CensusJson {
        position: census.position.0,
        by: said.map(|said| said.field.name()),
        until: said.map(|said| said.until.0),
        rows: said.map(|said| said.rows),
        root: said.map(|said| said.root.to_string()),
        right: Some(census.is_right()),
    }
}

fn told(census: &AuditedCensus) -> String {
    let AuditedCensus { position, said, counted, .. } = census;
    match (said, counted) {
        (Ok(said), _) if census.is_right() => {
            format!(
                "position {position}: by {}, {} rows up to position {}: right",
                said.field, said.rows, said.until
            )
        }
        (Ok(said), Some(counted)) => format!(
            "position {position}: by {} up to position {}: wrong; it says {} rows with the root {}, and the log has {} with {}",
            said.field, said.until, said.rows, said.root, counted.rows, counted.root
        ),
        (Ok(said), None) => {
            format!("position {position}: by {}: it counts up to position {}", said.field, said.until)
        }
        (Err(error), _) => format!("position {position}: wrong: {error}"),
    }
}
