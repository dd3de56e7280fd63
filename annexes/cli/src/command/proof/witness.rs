//! `witness`: what is sent to a witness, and what it answers. Any HTTP client carries the two files.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tidegate::proofs::{SignedCheckpoint, VerifierKey};
use tidegate::{Error, ErrorKind};
use tidegate_proof::{WitnessAnswer, WitnessRequest};

use super::files::{read_bytes, read_value, write};
use super::trust::key;
use crate::failure::Result;
use crate::output::Output;
use crate::reader::open;

const EXAMPLES: &str = "\
A witness signs a checkpoint only if it continues the last one of the log that it signed (c2sp.org/tlog-witness). So no owner can \
show different histories to people who ask for its signature. First the request is written, then your HTTP client posts it to \
the witness, then the answer is checked and its signature added to the checkpoint's file.

Examples:
  tidegate witness ./store --checkpoint shop.checkpoint --request ask --old 0
  curl --silent --data-binary @ask --output answer --write-out '%{http_code}' \\
      https://witness.example/add-checkpoint
  tidegate witness --checkpoint shop.checkpoint --request ask --answer answer \\
      --status 200 --witness-key \"$WITNESS\"";

/// Ask a witness to sign a checkpoint, and add its signature
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct WitnessArgs {
    /// The store's directory, to write a request
    #[arg(value_name = "DIR", required_unless_present = "answer", conflicts_with = "answer")]
    directory: Option<PathBuf>,
    /// The checkpoint
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The request: written, or with --answer read
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// How many events the checkpoint had that the witness signed last; if it has another number it says so
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "answer")]
    old: u64,
    /// The body of the witness's answer
    #[arg(long, value_name = "FILE", requires = "witness_key")]
    answer: Option<PathBuf>,
    /// The status of the witness's answer
    #[arg(long, value_name = "CODE", default_value_t = 200, requires = "answer")]
    status: u16,
    /// The witness's key, which it publishes
    #[arg(long, value_name = "KEY", value_parser = key, requires = "answer")]
    witness_key: Option<VerifierKey>,
}

#[derive(Serialize)]
struct WitnessJson {
    /// What the witness is asked to continue, or `None` once it has signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<u64>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<String>,
}

impl WitnessArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        match (&self.directory, &self.answer, &self.witness_key) {
            (_, Some(answer), Some(witness)) => self.take_answer(answer, witness, output, json),
            (Some(directory), ..) => self.write_request(directory, output, json),
            _ => Err(Error::invalid("name the store's directory, or an answer and the witness's key").into()),
        }
    }

    fn write_request(&self, directory: &Path, output: &mut Output, json: bool) -> Result<()> {
        let proofs = open(directory, json)?.proofs();
        let signed: SignedCheckpoint = read_value(&self.checkpoint, "a checkpoint")?;
        let (old, size) = (self.old, signed.checkpoint().size());
        proofs.check(signed.checkpoint())?;
        let request = WitnessRequest::new(proofs.consistency(old, size)?, signed)?;
        write(&request, Some(&self.request), Some(directory), output)?;
        if json {
            return output.json(&WitnessJson { old: Some(old), size, witness: None });
        }
        let request = self.request.display();
        output
            .line(format_args!("post {request} to PREFIX/add-checkpoint of the witness, and keep its answer"))
    }

    fn take_answer(
        &self,
        answer: &Path,
        witness: &VerifierKey,
        output: &mut Output,
        json: bool,
    ) -> Result<()> {
        let request: WitnessRequest = read_value(&self.request, "a request to a witness")?;
        let mut signed: SignedCheckpoint = read_value(&self.checkpoint, "a checkpoint")?;
        let (checkpoint, asked) = (signed.checkpoint(), request.checkpoint().checkpoint());
        if checkpoint != asked {
            let message = format!(
                "{} has {} events, and the request was about {}",
                self.checkpoint.display(),
                checkpoint.size(),
                asked.size()
            );
            return Err(Error::invalid(message).advise("write a new request").into());
        }
        let size = checkpoint.size();
        match request.answer(witness, self.status, &read_bytes(answer)?)? {
            WitnessAnswer::Cosigned(signatures) => {
                signatures.into_iter().try_for_each(|signature| signed.add(signature))?;
            }
            WitnessAnswer::Behind(size) => {
                let message = format!(
                    "the witness signed {size} events last, and was asked to go on from {}",
                    request.old()
                );
                let advice = format!("write a new request with --old {size}");
                return Err(Error::new(ErrorKind::Refused, message).advise(&advice).into());
            }
            _ => return Err(Error::invalid("the answer is of a kind that is not known").into()),
        }
        write(&signed, Some(&self.checkpoint), None, output)?;
        let name = witness.name();
        if json {
            return output.json(&WitnessJson { old: None, size, witness: Some(name.to_owned()) });
        }
        output.line(format_args!(
            "{name} signed {size} events; {} holds its signature",
            self.checkpoint.display()
        ))
    }
}
