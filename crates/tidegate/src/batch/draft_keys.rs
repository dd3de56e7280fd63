//! The keys that the drafts of a batch are encrypted with.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use tidegate_format::{Draft, Error, ErrorPlace, EventId, PayloadType, Result};

use crate::published::SharedState;
use crate::published::{DraftCipher, Keys};

/// The key of each draft, or none for a batch that says no subject.
#[derive(Debug, Default)]
pub(crate) struct DraftKeys(Vec<Option<Arc<dyn DraftCipher>>>);

impl DraftKeys {
    /// Looks up the keys of the subjects that drafts name; those that have none get one.
    pub(crate) fn find(drafts: &[Draft], published: &SharedState) -> Result<Self> {
        if drafts.iter().all(|draft| draft.subject.is_none()) {
            return Ok(Self::default());
        }
        let at = |index: usize| move |error: Error| error.at(ErrorPlace::Draft(index));
        let Some(Keys { subjects, .. }) = published.keys() else {
            let index = drafts.iter().position(|draft| draft.subject.is_some()).unwrap_or_default();
            let message =
                "the draft is to be encrypted, and the store has no keyring; give it one with `use_keyring`";
            return Err(at(index)(Error::invalid(message)));
        };
        let mut found = HashMap::new();
        let mut keys = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.iter().enumerate() {
            let Some(subject) = &draft.subject else {
                keys.push(None);
                continue;
            };
            let key = match found.get(subject) {
                Some(key) => Arc::clone(key),
                None => subjects.of(subject).map_err(at(index))?,
            };
            found.insert(subject, Arc::clone(&key));
            keys.push(Some(key));
        }
        Ok(Self(keys))
    }

    pub(super) fn of(&self, index: usize) -> Option<&dyn DraftCipher> {
        self.0.get(index)?.as_deref()
    }

    /// Returns a draft as it goes into the log with this id.
    pub(crate) fn encrypted<'a>(
        &self,
        index: usize,
        draft: &'a Draft,
        id: EventId,
    ) -> Result<Cow<'a, Draft>> {
        let Some(key) = self.of(index) else { return Ok(Cow::Borrowed(draft)) };
        let mut encrypted = Draft::new(draft.stream.clone(), draft.kind.clone());
        encrypted.payload = key.encrypt(draft, id)?.into();
        encrypted.payload_type = PayloadType::Encrypted;
        encrypted.schema = draft.schema;
        encrypted.tags.clone_from(&draft.tags);
        encrypted.causes.clone_from(&draft.causes);
        encrypted.metadata.clone_from(&draft.metadata);
        (encrypted.correlation, encrypted.id) = (draft.correlation, draft.id);
        Ok(Cow::Owned(encrypted))
    }
}
