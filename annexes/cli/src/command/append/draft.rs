//! A draft that a command is given.

use std::io::Read;

use clap::Args;
use serde_json::value::RawValue;
use tidegate::graph::CorrelationId;
use tidegate::{Cause, Draft, Error, ErrorKind, EventId, StreamId};

use crate::failure::Result;
use crate::filter;
use crate::keyring::KeyringArg;

/// What an event is to say.
#[derive(Args, Debug)]
pub(crate) struct DraftArgs {
    /// The isolation boundary: a tenant, a module
    #[arg(long)]
    scope: String,
    /// Who or what the event is about
    #[arg(long)]
    entity: String,
    /// The branch of the entity
    #[arg(long, value_name = "N", default_value_t = 0)]
    lane: u32,
    /// What happened: dotted lower-case words such as order.placed
    #[arg(long)]
    pub(crate) kind: String,
    /// The payload, in JSON; `-` reads it from standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    data: Option<String>,
    /// Encrypt the payload with the key of this subject, which the keyring has or makes
    #[arg(long, value_name = "SUBJECT", requires = "keyring")]
    encrypt_for: Option<String>,
    #[command(flatten)]
    pub(crate) keyring: KeyringArg,
    /// A label; may be given several times
    #[arg(long)]
    tag: Vec<String>,
    /// An earlier event that led to this one; may be given several times
    #[arg(long, value_name = "POSITION|ID|STORE/ID", value_parser = filter::cause)]
    cause: Vec<Cause>,
    /// A further fact; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    meta: Vec<(String, String)>,
    /// The event's id, a UUID; made if left out
    #[arg(long)]
    id: Option<EventId>,
    /// The id of the first event of its flow; that of its first cause if left out
    #[arg(long, value_name = "ID")]
    correlation: Option<CorrelationId>,
}

impl DraftArgs {
    /// Returns the event, checked before a store is opened or created for it.
    pub(crate) fn draft(&self) -> Result<Draft> {
        let stream = StreamId::new(self.scope.clone(), self.entity.clone()).lane(self.lane);
        let mut draft = Draft::new(stream, self.kind.clone());
        if let Some(data) = &self.data {
            draft = draft.json_text(json_text(data)?);
        }
        draft.tags = self.tag.iter().cloned().map(Into::into).collect();
        draft.causes.clone_from(&self.cause);
        let meta = self.meta.iter().cloned();
        draft.metadata = meta.map(|(name, value)| (name.into(), value.into_bytes().into())).collect();
        (draft.id, draft.correlation) = (self.id, self.correlation);
        draft.subject = self.encrypt_for.clone().map(Into::into);
        draft.check()?;
        draft.check_unreserved()?;
        Ok(draft)
    }
}

/// Returns the payload's text, once it is known to be JSON.
fn json_text(data: &str) -> Result<String, Error> {
    let mut text = data.to_owned();
    if data == "-" {
        text.clear();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.map_err(|cause| Error::new(ErrorKind::Io, "standard input cannot be read").because(cause))?;
    }
    serde_json::from_str::<&RawValue>(&text).map_err(|cause| {
        Error::invalid("the payload is not JSON; quote texts as in '\"text\"'").because(cause)
    })?;
    Ok(text)
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("metadata is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
