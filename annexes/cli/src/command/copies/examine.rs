//! `examine`: whether a backup is whole, and what was signed, without restoring it.

use std::path::PathBuf;

use clap::Args;
use indicatif::BinaryBytes;
use serde::Serialize;
use tidegate::proofs::SignedCheckpoint;
use tidegate::report::backup::{BackupExamination, examine};
use tidegate::{Error, ErrorKind};
use tidegate_json::rfc3339;

use crate::command::doctor::write_findings;
use crate::command::proof::{Trust, read_value};
use crate::failure::Result;
use crate::output::{Output, clock_time, counted};
use crate::progress::Progress;

const RULES: &str = "\
Every file is compared with its digest, and every frame, event and link is checked. What is wrong is told with file and byte. \
The root over all events is made anew and compared with the one in the backup.

Who can write to a backup can make digests and root fit. With --under, the events are compared with a checkpoint that \
the log's key signed, kept elsewhere: then they are those of the store.

Ends with 0 if the backup is whole, with 2 if anything in it is not.

Examples:
  tidegate examine ./backup
  tidegate examine ./backup --under checkpoint --log-key KEY";

/// Prove a backup without restoring it
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate examine --help` says what is proved.")]
pub(in crate::command) struct ExamineArgs {
    /// The directory of the backup
    #[arg(value_name = "BACKUP")]
    directory: PathBuf,
    /// A signed checkpoint of the store, whose events must be in the backup
    #[arg(long, value_name = "FILE")]
    under: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// What was found, as JSON.
#[derive(Serialize)]
struct ExamineJson {
    store: String,
    number: u64,
    time: String,
    until: u64,
    root: String,
    events: u64,
    streams: u64,
    bytes: u64,
    faults: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    under: Option<u64>,
}

impl ExamineArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        // Whom to believe is asked before the long work.
        let signed = self.signed()?;
        let progress = Progress::of_copying(json);
        let examined = examine(&self.directory, |so_far| progress.copied(so_far));
        drop(progress);
        let examined = examined?;
        write_findings(&examined.faults, &examined.remarks, output, json)?;
        let faults = examined.faults.len() as u64;
        let under = match &signed {
            Some(signed) if faults == 0 => {
                examined.is_under(signed.checkpoint())?;
                Some(signed.checkpoint().size())
            }
            _ => None,
        };
        write(&examined, under, output, json)?;
        if faults == 0 {
            return Ok(());
        }
        let message = format!("{} in {}", counted(faults, "fault"), self.directory.display());
        Err(Error::new(ErrorKind::Damaged, message).into())
    }

    /// Returns the checkpoint to compare with, which a believed key signed.
    fn signed(&self) -> Result<Option<SignedCheckpoint>> {
        match (&self.under, self.trust.policy()?) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Error::invalid("say with --under what was signed").into()),
            (Some(_), None) => {
                let message = "say whose checkpoint is believed: --log-key KEY, or --policy FILE";
                Err(Error::invalid(message).into())
            }
            (Some(file), Some(policy)) => {
                let signed: SignedCheckpoint = read_value(file, "a signed checkpoint")?;
                policy.judge(&signed)?;
                Ok(Some(signed))
            }
        }
    }
}

fn write(examined: &BackupExamination, under: Option<u64>, output: &mut Output, json: bool) -> Result<()> {
    let (events, streams) = (examined.verified.events, examined.verified.streams);
    if json {
        return output.json(&ExamineJson {
            store: examined.store.to_string(),
            number: examined.number,
            time: rfc3339(examined.time),
            until: examined.until.0,
            root: examined.root.to_string(),
            events,
            streams,
            bytes: examined.bytes(),
            faults: examined.faults.len() as u64,
            under,
        });
    }
    let state = if examined.faults.is_empty() { "whole" } else { "not whole" };
    output.line(format_args!(
        "{state}: backup {} of the store {}, begun {} UTC; {} in {}, up to position {}; read {}",
        examined.number,
        examined.store,
        clock_time(examined.time, false),
        counted(events, "event"),
        counted(streams, "stream"),
        examined.until,
        BinaryBytes(examined.bytes())
    ))?;
    if examined.faults.is_empty() {
        output.line(format_args!("every file is the one that was backed up; root {}", examined.root))?;
    }
    match under {
        Some(size) => output.line(format_args!(
            "the first {} are those of the checkpoint, which the log's key signed",
            counted(size, "event")
        )),
        None => Ok(()),
    }
}
