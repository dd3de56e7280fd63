//! `evidence`: what a question to the log comes to now, and whether it still comes to the same.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tidegate::proofs::{Evidence, VerifierKey};
use tidegate::{Error, ErrorKind, Position, StoreReader};
use tidegate_proof::SignedNote;

use super::files::{open_key, read_text, write};
use super::trust::key;
use crate::failure::{Result, warn};
use crate::filter::{self, Filter};
use crate::output::{Output, counted};
use crate::reader::open;

const EXAMPLES: &str = "\
Evidence is one line of JSON: what was asked, which part of the log was looked at, how many events there are, the leaf hashes of \
the first and the last of them, and the root of the tree over all of them. Every record is checked while it is read. With --key \
it is a signed note (c2sp.org/signed-note).

With --check a file is compared with the log: ends with 1 if the log says otherwise. A signed one needs --signer.

Examples:
  tidegate evidence ./store --stream shop/order-7 > order-7.evidence
  tidegate evidence ./store --kind 'order.*' --after 1000 --key ./keys/shop.key --output orders.note
  tidegate evidence ./store --check order-7.evidence
  tidegate evidence ./store --check orders.note --signer \"$(cat shop.vkey)\"";

/// Keep what a question to the log comes to now, or check what was kept
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct EvidenceArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    filter: Filter,
    /// Look only at what is after this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position, conflicts_with = "check")]
    after: Option<Position>,
    /// Look only at what is before this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position, conflicts_with = "check")]
    before: Option<Position>,
    /// Sign it with this key
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    key: Option<PathBuf>,
    /// Write to this file, which is replaced as a whole, instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// Compare this file with the log
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Whose signature the file must have
    #[arg(long, value_name = "KEY", value_parser = key, requires = "check")]
    signer: Option<VerifierKey>,
}

/// What a check found, as JSON.
#[derive(Serialize)]
struct CheckedJson {
    evidence: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
}

impl EvidenceArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        match &self.check {
            Some(file) => self.check(&store, file, output, json),
            None => self.make(&store, output, json),
        }
    }

    fn make(&self, store: &StoreReader, output: &mut Output, json: bool) -> Result<()> {
        let head = store.view()?.head();
        let until = self.before.map_or(head, |before| before.before().min(head));
        let from = self.after.unwrap_or(Position::START).next();
        let evidence = store.proofs().evidence(&self.filter.query(), from, until)?;
        let text = match &self.key {
            Some(file) => evidence.sign_with(&open_key(file, json)?)?.to_string(),
            None => format!("{evidence}\n"),
        };
        match &self.output {
            None if json && self.key.is_some() => output.json(&serde_json::json!({ "note": text })),
            None => write(&text, None, None, output),
            Some(file) => {
                write(&text, Some(file), Some(&self.directory), output)?;
                if json {
                    return output.json(&serde_json::json!({ "file": file.display().to_string() }));
                }
                output.line(format_args!("{} says {}", file.display(), told(&evidence)))
            }
        }
    }

    fn check(&self, store: &StoreReader, file: &Path, output: &mut Output, json: bool) -> Result<()> {
        if self.filter.restriction().is_some() {
            return Err(Error::invalid("the file says which events it is about; leave out the others").into());
        }
        let text = read_text(file)?;
        let evidence = read(&text, self.signer.as_ref());
        let evidence = evidence.map_err(|error| error.in_file(&file.display().to_string(), None))?;
        store.proofs().check_evidence(&evidence)?;
        if matches!(evidence, Evidence::State(_)) {
            let message =
                "the event is there; whether the state follows from the log, only its projection can say";
            warn("state", message, json);
        }
        let signer = self.signer.as_ref().map(|signer| signer.name().to_owned());
        if json {
            let evidence = serde_json::from_str(&evidence.to_string()).expect("evidence is JSON");
            return output.json(&CheckedJson { evidence, signer });
        }
        output.line(format_args!("the log still says {}", told(&evidence)))?;
        signer.map_or(Ok(()), |signer| output.line(format_args!("signed by {signer}")))
    }
}

/// Reads evidence from its JSON, or from a note that the signer signed.
fn read(text: &str, signer: Option<&VerifierKey>) -> Result<Evidence, Error> {
    match (text.starts_with('{'), signer) {
        (true, None) => text.strip_suffix('\n').unwrap_or(text).parse(),
        (true, Some(_)) => {
            Err(Error::new(ErrorKind::Disproved, "signature: the file is not signed; leave out --signer"))
        }
        (false, None) => Err(Error::invalid("the file is a note; say with --signer who must have signed it")),
        (false, Some(signer)) => Evidence::from_note(&text.parse::<SignedNote>()?, [signer]),
    }
}

fn told(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Events(events) => {
            let (count, from, until) = (counted(events.count, "event"), events.from, events.until);
            format!("{count} from position {from} to {until}, with the root {}", events.root)
        }
        Evidence::State(state) => {
            let (name, version, position) = (&state.projection, state.version, state.position);
            format!("that position {position} has the event up to which {name}, version {version}, had read")
        }
        other => other.to_string(),
    }
}
