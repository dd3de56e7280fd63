//! Valid batches: checked once, and hashed once where they have a key, whatever becomes of them then.

use tidegate_format::{Error, Hash, Result, Text, name};

use super::whole::Batch;

/// An idempotency key, as it goes into the log with its batch.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: Text,
    /// The hash of the batch's content.
    pub(crate) content: Hash,
    /// Whether it is the key of a decision. Its content depends on what was read, so any content answers it.
    decision: bool,
}

impl Key {
    /// Returns the key as it is looked up.
    pub(crate) fn sought(&self) -> SoughtKey<'_> {
        SoughtKey { text: &self.text, content: (!self.decision).then_some(self.content) }
    }
}

/// A key to be looked up, and what the batch under it must be to answer for another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoughtKey<'a> {
    pub(crate) text: &'a str,
    /// The hash of the content it must have, or `None` if any will do.
    content: Option<Hash>,
}

impl<'a> SoughtKey<'a> {
    /// Returns the key of a decision; refused if it breaks the rules of names.
    pub(crate) fn of_decision(text: &'a str) -> Result<Self> {
        check(text).map(|()| Self { text, content: None })
    }

    /// Whether a batch with this content under this key answers.
    pub(crate) fn answers(&self, content: &Hash) -> bool {
        self.content.is_none_or(|wanted| wanted == *content)
    }
}

/// A batch that breaks no rule and no limit, with its key.
#[derive(Debug)]
pub(crate) struct ValidBatch {
    batch: Batch,
    key: Option<Key>,
}

impl ValidBatch {
    /// Checks a batch, and hashes its content if it has a key.
    pub(crate) fn new(batch: Batch) -> Result<Self> {
        batch.check()?;
        let key = match (batch.own_key(), batch.imported_key()) {
            (None, None) => None,
            (Some(text), None) => Some(Self::keyed(&batch, text, false)?),
            (None, Some((text, content))) => {
                check(text)?;
                Some(Key { text: text.clone(), content: *content, decision: false })
            }
            (Some(_), Some(_)) => {
                let message = "an imported batch has the idempotency key that it had; leave `key` out";
                return Err(Error::invalid(message));
            }
        };
        Ok(Self { batch, key })
    }

    /// Checks the batch of a decision, under the key that the decision has.
    pub(crate) fn decided(batch: Batch, key: Option<&Text>) -> Result<Self> {
        let Some(text) = key else { return Self::new(batch) };
        if batch.own_key().is_some() || batch.imported_key().is_some() {
            return Err(Error::invalid("the decision has a key; the batch it comes to cannot have another"));
        }
        batch.check()?;
        let key = Self::keyed(&batch, text, true)?;
        Ok(Self { batch, key: Some(key) })
    }

    fn keyed(batch: &Batch, text: &Text, decision: bool) -> Result<Key> {
        check(text)?;
        Ok(Key { text: text.clone(), content: batch.content(), decision })
    }

    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    pub(crate) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

fn check(key: &str) -> Result<()> {
    name::check("idempotency key", key)
}
