//! Valid batches: checked once, and hashed once if they have a key, however many times they are prepared.

use std::collections::BTreeSet;

use tidegate_format::{Blind, Error, ErrorPlace, Hash, Result, Text, name};

use super::draft_keys::DraftKeys;
use super::import::ImportedPayload;
use super::whole::Batch;
use crate::published::SharedState;

/// An idempotency key, as it goes into the log with its batch.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: Text,
    content: Content,
    /// Whether it is the key of a decision. Its content depends on what was read, so any content answers it.
    decision: bool,
}

/// What the batch under a key says.
#[derive(Clone, Copy, Debug)]
enum Content {
    /// The hash of what the caller said.
    Said(Hash),
    /// What another store kept of that hash, under the blind of the first event. What was said is not known here.
    Kept(Hash),
}

impl Key {
    /// Returns what the log keeps of the content beside this blind.
    pub(crate) fn kept(&self, blind: Blind) -> Hash {
        match self.content {
            Content::Said(content) => blind.content(&content),
            Content::Kept(kept) => kept,
        }
    }

    /// Returns the key as it is looked up.
    pub(crate) fn lookup(&self) -> KeyLookup<'_> {
        KeyLookup { text: &self.text, content: (!self.decision).then_some(self.content) }
    }

    /// Returns the hash of the content, whether that is what another store kept of it, and whether the key is a decision's.
    #[cfg(feature = "cluster")]
    pub(crate) fn stated(&self) -> (Hash, bool, bool) {
        match self.content {
            Content::Said(content) => (content, false, self.decision),
            Content::Kept(content) => (content, true, self.decision),
        }
    }

    /// Returns a key of which this was [stated](Self::stated).
    #[cfg(feature = "cluster")]
    pub(crate) fn of_stated(text: &str, (content, is_kept, decision): (Hash, bool, bool)) -> Self {
        let content = if is_kept { Content::Kept(content) } else { Content::Said(content) };
        Self { text: Text::Owned(text.to_owned()), content, decision }
    }
}

/// A key to be looked up, and what the batch under it must be to answer for another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyLookup<'a> {
    pub(crate) text: &'a str,
    /// The content it must have, or `None` if any will do.
    content: Option<Content>,
}

impl<'a> KeyLookup<'a> {
    /// Returns the key of a decision; refused if it breaks the rules of names.
    pub(crate) fn of_decision(text: &'a str) -> Result<Self> {
        check(text).map(|()| Self { text, content: None })
    }

    /// Returns whether a batch answers that keeps this of its content, and whose first event has this blind. Once an event of it
    /// was erased, nothing tells whether the content is the same, and only a decision is answered.
    pub(crate) fn is_answered_by(&self, blind: Option<Blind>, kept: Hash) -> bool {
        match self.content {
            None => true,
            Some(_) if kept == Hash::ZERO => false,
            Some(Content::Said(content)) => blind.is_some_and(|blind| blind.content(&content) == kept),
            Some(Content::Kept(wanted)) => wanted == kept,
        }
    }
}

/// Refuses two events of a batch with one blind: once the payload of one is erased, it could be found by trying with the
/// blind that stays in the other.
fn check_blinds(payloads: &[ImportedPayload]) -> Result<()> {
    let mut seen = BTreeSet::new();
    let is_again = |payload: &ImportedPayload| match payload {
        ImportedPayload::Blind(blind) => !seen.insert(blind.0),
        ImportedPayload::Erased(_) => false,
    };
    match payloads.iter().position(is_again) {
        None => Ok(()),
        Some(again) => {
            let message = "the event has the blind of an earlier one of its batch, and each has its own";
            Err(Error::invalid(message).at(ErrorPlace::Draft(again)))
        }
    }
}

/// A batch that breaks no rule and no limit, with its key.
#[derive(Debug)]
pub(crate) struct ValidBatch {
    batch: Batch,
    key: Option<Key>,
    draft_keys: DraftKeys,
}

impl ValidBatch {
    /// Checks a batch, and hashes its content if it has a key.
    pub(crate) fn new(batch: Batch, published: &SharedState) -> Result<Self> {
        batch.check()?;
        let draft_keys = DraftKeys::find(batch.drafts(), published)?;
        check_blinds(batch.payloads())?;
        let key = match (batch.own_key(), batch.imported_key()) {
            (None, None) => None,
            (Some(text), None) => Some(Self::keyed(&batch, &draft_keys, text, false)?),
            (None, Some((text, content))) => {
                check(text)?;
                check_kept(&batch, *content)?;
                Some(Key { text: text.clone(), content: Content::Kept(*content), decision: false })
            }
            (Some(_), Some(_)) => {
                let message = "an imported batch has the idempotency key that it had; leave `key` out";
                return Err(Error::invalid(message));
            }
        };
        Ok(Self { batch, key, draft_keys })
    }

    /// Checks the batch of a decision, under the key that the decision has.
    pub(crate) fn decided(batch: Batch, key: Option<&Text>, published: &SharedState) -> Result<Self> {
        let Some(text) = key else { return Self::new(batch, published) };
        if batch.own_key().is_some() || batch.imported_key().is_some() {
            return Err(Error::invalid("the decision has a key; the batch it comes to cannot have another"));
        }
        batch.check()?;
        let draft_keys = DraftKeys::find(batch.drafts(), published)?;
        let key = Self::keyed(&batch, &draft_keys, text, true)?;
        Ok(Self { batch, key: Some(key), draft_keys })
    }

    fn keyed(batch: &Batch, draft_keys: &DraftKeys, text: &Text, decision: bool) -> Result<Key> {
        check(text)?;
        if batch.is_erased() {
            let message = "a key of its own stands for a content, and a payload of this batch was erased; leave the key out";
            return Err(Error::invalid(message));
        }
        Ok(Key { text: text.clone(), content: Content::Said(batch.content(draft_keys)), decision })
    }

    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Returns the keys that its drafts are encrypted with.
    pub(crate) fn draft_keys(&self) -> &DraftKeys {
        &self.draft_keys
    }

    pub(crate) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

/// Refuses what another store cannot have kept of the content under a key: a hash without the blind that it was made with,
/// or beside an erased payload, which could be found by trying then; and zeros without one.
fn check_kept(batch: &Batch, kept: Hash) -> Result<()> {
    let is_erased = batch.is_erased();
    let wrong = match (is_erased, kept == Hash::ZERO) {
        (true, false) => "the content hash of a batch with an erased payload is zeros",
        (false, true) => "a content hash of zeros is that of a batch with an erased payload, and none was",
        (false, false) if batch.payloads().is_empty() => {
            "an imported idempotency key needs the blind of its first event"
        }
        _ => return Ok(()),
    };
    Err(Error::invalid(wrong))
}

fn check(key: &str) -> Result<()> {
    name::check("idempotency key", key)
}
