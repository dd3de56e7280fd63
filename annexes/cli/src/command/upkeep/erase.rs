//! `erase`: payloads go for good.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::report::{Erase, ErasePlan, Erasure};
use tidegate::{Error, Query, StoreOptions};

use super::asking::asked;
use crate::failure::Result;
use crate::filter::Filter;
use crate::keyring::KeyringArg;
use crate::output::{Output, counted};
use crate::{reader, writer};

const RULES: &str = "\
The payloads of all events that match go for good: from every view at once, and then from the files of the store. Places, names, \
times, hashes and proofs stay, so nothing else changes. Names are never erased, and should never be personal.

Without --yes this is a dry run: it says what would go. At a terminal it then asks, if --reason and --by are given. What is \
done cannot be undone.

An event of kind tidegate.erased keeps positions, reason and by whom, for good; the query is not kept. Write no person's name \
into the reason.

Not reached: backups and copies of the store, exports, what other processes have read or hold mapped until they let go of it, states \
that readers keep elsewhere, and old blocks that a disk or a file system keeps. A crash in between is made good by the next \
opening for writing. No other program may have the store open for writing; one that has it erases with `Upkeep::erase`.

Events of the store's own (tidegate.*) are refused: name the kinds or streams to erase. Several subjects at once share the work: --query \
takes any of several items.

With --subject and --keyring all that was encrypted for the subject goes, and its key is destroyed, so that backups and copies of the \
store hold ciphertext that nothing opens any more. The event names the key by a random id, and not the subject.

Examples:
  tidegate erase ./store --stream shop/customer-7
  tidegate erase ./store --stream shop/customer-7 --reason 'request of 3 May' --by 'desk 2'
  tidegate erase ./store --query '[{\"tags\":[\"customer:c1\"]},{\"tags\":[\"customer:c2\"]}]' \\
      --reason 'requests 17 and 18' --by 'desk 2' --yes
  tidegate erase ./store --subject customer-7 --keyring ./keys/shop.keyring \\
      --reason 'request 19' --by 'desk 2' --yes";

/// Erase the payloads of events for good
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate erase --help` says what goes, what stays and what is not reached.")]
pub(crate) struct EraseArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Why; kept in the log for good
    #[arg(long, value_name = "WORDS", requires = "by")]
    reason: Option<String>,
    /// By whom, such as a desk or the number of a request; kept in the log for good
    #[arg(long, value_name = "WORDS", requires = "reason")]
    by: Option<String>,
    /// Erase without asking
    #[arg(long, requires = "reason")]
    yes: bool,
    /// All that is encrypted for this subject, by destroying its key: in backups and copies too
    #[arg(long, value_name = "NAME", requires = "keyring")]
    subject: Option<String>,
    #[command(flatten)]
    keyring: KeyringArg,
    #[command(flatten)]
    filter: Filter,
}

/// What is to be erased.
enum Which<'a> {
    Query(Query),
    Subject(&'a str),
}

/// What would be erased, as JSON.
#[derive(Serialize)]
struct PlanJson {
    erased: bool,
    events: u64,
    payload_bytes: u64,
    already: u64,
    segments: u64,
    segment_bytes: u64,
    positions: Vec<(u64, u64)>,
    saved_states: Vec<String>,
}

/// What was erased, as JSON.
#[derive(Serialize)]
struct ErasureJson {
    erased: bool,
    /// Left out if nothing was left to erase.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    events: u64,
    payload_bytes: u64,
    keys: u64,
    segments: u64,
    bytes_written: u64,
    saved_states: u64,
    /// Old files that are removed by the next opening for writing.
    left: Vec<String>,
    report: String,
}

impl EraseArgs {
    pub(crate) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let which = match (self.filter.restriction(), self.subject.as_deref()) {
            (Some(query), None) => Which::Query(query),
            (None, Some(subject)) => Which::Subject(subject),
            (None, None) => {
                let message =
                    "say which events: with --stream, --tag, --kind or another filter, or --subject";
                return Err(Error::invalid(message).into());
            }
            (Some(_), Some(_)) => {
                let message = "a subject's key is destroyed for all that it encrypted; leave the filter out";
                return Err(Error::invalid(message).into());
            }
        };
        let words = self.reason.as_ref().zip(self.by.as_ref());
        match words.filter(|_| self.yes) {
            Some((reason, by)) => self.erase(&which, Erase::new(reason, by), output, json),
            None => {
                let store = reader::open(&self.directory, json)?;
                self.keyring.read_with(&store)?;
                let plan = match &which {
                    Which::Query(query) => ErasePlan::of(&store, query)?,
                    Which::Subject(subject) => ErasePlan::of_subject(&store, subject)?,
                };
                write_plan(&plan, output, json)?;
                let asks = words.filter(|_| plan.events > 0 && !json && io::stdin().is_terminal());
                match asks {
                    Some((reason, by)) if asked("Erase them for good?", output)? => {
                        self.erase(&which, Erase::new(reason, by), output, json)
                    }
                    _ if json => Ok(()),
                    _ => output.line("nothing was erased; --reason, --by and --yes erase it for good"),
                }
            }
        }
    }

    fn erase(&self, which: &Which<'_>, erase: Erase, output: &mut Output, json: bool) -> Result<()> {
        let store = writer::open(&self.directory, StoreOptions::new().create(false), json)?;
        self.keyring.write_with(&store)?;
        let erasure = match which {
            Which::Query(query) => store.upkeep().erase(query, erase)?,
            Which::Subject(subject) => store.upkeep().erase_subject(subject, erase)?,
        };
        store.close()?;
        if json { output.json(&erasure_json(&erasure)) } else { output.line(erasure) }
    }
}

fn write_plan(plan: &ErasePlan, output: &mut Output, json: bool) -> Result<()> {
    if json {
        return output.json(&plan_json(plan));
    }
    output.line(format_args!(
        "would erase {} ({}) in {} ({} to be written anew)",
        counted(plan.events, "payload"),
        counted(plan.payload_bytes, "byte"),
        counted(plan.segments, "segment"),
        counted(plan.segment_bytes, "byte")
    ))?;
    if plan.events > 0 {
        output.line(format_args!("positions: {}", plan.positions))?;
    }
    if plan.already > 0 {
        output.line(format_args!("already erased: {}", counted(plan.already, "payload")))?;
    }
    plan.saved_states
        .iter()
        .try_for_each(|name| output.line(format_args!("would remove the saved state {name}")))
}

fn plan_json(plan: &ErasePlan) -> PlanJson {
    PlanJson {
        erased: false,
        events: plan.events,
        payload_bytes: plan.payload_bytes,
        already: plan.already,
        segments: plan.segments,
        segment_bytes: plan.segment_bytes,
        positions: plan.positions.runs().iter().map(|(first, last)| (first.0, last.0)).collect(),
        saved_states: plan.saved_states.clone(),
    }
}

fn erasure_json(erasure: &Erasure) -> ErasureJson {
    ErasureJson {
        erased: true,
        position: erasure.recorded.map(|position| position.0),
        events: erasure.events,
        payload_bytes: erasure.payload_bytes,
        keys: erasure.keys,
        segments: erasure.segments,
        bytes_written: erasure.bytes_written,
        saved_states: erasure.saved_states,
        left: erasure.left.clone(),
        report: erasure.to_string(),
    }
}
