//! `prove`: a file that shows an event, or all events of something, and the check of such a file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tidegate::proofs::{CensusTerm, DisclosureForm};
use tidegate::{Error, StreamId};

use super::check;
use super::files::{read_value, write};
use super::trust::Trust;
use crate::event_ref::EventRef;
use crate::failure::Result;
use crate::output::Output;
use crate::reader::open;

const EXAMPLES: &str = "\
The proof of an event is a `.tlog-proof` file (c2sp.org/tlog-proof): what is shown of the event, the way from it to the root of \
the checkpoint, and the checkpoint. It stays good if the payload is erased later, and if the store is gone.

With --all it shows all events of a stream, scope, kind or tag up to the last `tidegate census` under the checkpoint, or that \
there are none.

With --check the file alone is read, and no store. Ends with 1 if it shows nothing to people who believe the policy.

Examples:
  tidegate prove ./store 2 --checkpoint shop.checkpoint --output 2.tlog-proof
  tidegate prove ./store --all stream=shop/order-7 --checkpoint shop.checkpoint
  tidegate prove --check 2.tlog-proof --log-key \"$(cat shop.vkey)\"
  tidegate prove --check order-7.proof --all stream=shop/order-7 --policy policy";

/// Make a file that shows an event to others, or check one
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct ProveArgs {
    /// The store's directory
    #[arg(value_name = "DIR", required_unless_present = "check", conflicts_with = "check")]
    directory: Option<PathBuf>,
    /// The event: its position, its id, or its import key
    #[arg(value_name = "EVENT", required_unless_present_any = ["check", "all"], conflicts_with = "all")]
    event: Option<EventRef>,
    /// All events of this: `stream=SCOPE/ENTITY[/LANE]`, `scope=SCOPE`, `kind=KIND` or `tag=TAG`
    #[arg(long, value_name = "WHAT", value_parser = term)]
    all: Option<CensusTerm>,
    /// The checkpoint to prove it under; `tidegate checkpoint` signs one
    #[arg(long, value_name = "FILE", required_unless_present = "check", conflicts_with = "check")]
    checkpoint: Option<PathBuf>,
    /// How much of an event to show
    #[arg(long, value_enum, default_value_t = ShowArg::Payload, conflicts_with = "check")]
    show: ShowArg,
    /// Write to this file, which is replaced as a whole, instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// Check this file
    #[arg(long, value_name = "FILE", requires = "Trust")]
    check: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// How much of an event is shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShowArg {
    /// That it stands there, with its version, time and id
    Entry,
    /// Its names as well
    Names,
    /// Its payload as well
    Payload,
}

/// What was proved, as JSON.
#[derive(Serialize)]
struct ProofJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl ProveArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        match (&self.check, &self.directory, &self.checkpoint) {
            (Some(file), ..) => {
                let policy = self.trust.policy()?;
                let policy =
                    policy.ok_or_else(|| Error::invalid("say whom to believe: --policy or --log-key"))?;
                check::run(file, &policy, self.all.as_ref(), output, json)
            }
            (None, Some(directory), Some(checkpoint)) => self.prove(directory, checkpoint, output, json),
            _ => Err(Error::invalid("name a store and a checkpoint, or a file to check").into()),
        }
    }

    fn prove(&self, directory: &Path, checkpoint: &Path, output: &mut Output, json: bool) -> Result<()> {
        let store = open(directory, json)?;
        let checkpoint = read_value(checkpoint, "a checkpoint")?;
        let form = match self.show {
            ShowArg::Entry => DisclosureForm::Entry,
            ShowArg::Names => DisclosureForm::Names,
            ShowArg::Payload => DisclosureForm::Payload,
        };
        let (position, text) = match (&self.all, &self.event) {
            (Some(term), _) => (None, store.proofs().prove_all(term, &checkpoint, form)?.to_string()),
            (None, Some(event)) => {
                let position = event.find(&store.view()?, None)?;
                (Some(position), store.proofs().prove(position, &checkpoint, form)?.to_string())
            }
            (None, None) => return Err(Error::invalid("name an event, or --all").into()),
        };
        if self.output.is_some() || !json {
            write(&text, self.output.as_deref(), Some(directory), output)?;
        }
        let size = checkpoint.checkpoint().size();
        let file = self.output.as_ref().map(|file| file.display().to_string());
        if json {
            let (position, proof) = (position.map(|position| position.0), file.is_none().then_some(text));
            return output.json(&ProofJson { position, size, proof, file });
        }
        match (file, position, &self.all) {
            (None, ..) => Ok(()),
            (Some(file), Some(position), _) => {
                output.line(format_args!("{file} shows position {position} under {size} events"))
            }
            (Some(file), None, Some(term)) => output.line(format_args!("{file} shows all events of {term}")),
            (Some(file), None, None) => output.line(file),
        }
    }
}

/// Reads what all events are of.
fn term(text: &str) -> Result<CensusTerm, String> {
    let wrong = || "write stream=SCOPE/ENTITY[/LANE], scope=SCOPE, kind=KIND or tag=TAG".to_owned();
    let (field, value) = text.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or_else(wrong)?;
    let named = value.to_owned().into();
    match field {
        "scope" => Ok(CensusTerm::Scope(named)),
        "kind" => Ok(CensusTerm::Kind(named)),
        "tag" => Ok(CensusTerm::Tag(named)),
        "stream" => {
            let (scope, entity, lane) = match *value.split('/').collect::<Vec<_>>() {
                [scope, entity] => (scope, entity, 0),
                [scope, entity, lane] => (scope, entity, lane.parse().map_err(|_| wrong())?),
                _ => return Err(wrong()),
            };
            Ok(CensusTerm::Stream(StreamId { lane, ..StreamId::new(scope.to_owned(), entity.to_owned()) }))
        }
        _ => Err(wrong()),
    }
}
