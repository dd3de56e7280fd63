//! Batches: events appended as one, all or nothing.

use tidegate_format::hash::{self, Hash};
use tidegate_format::{Cause, Draft, Error, ErrorPlace, Micros, PayloadType, Position, Result, Text, limit};
use tidegate_segment::RecordedEvent;

use super::condition::Condition;
use super::draft_keys::DraftKeys;
use super::import::{Import, ImportedPayload};
use super::note::{self, Bypass};

/// Events that are appended as one: all or nothing, at consecutive positions, in this order.
///
/// ```
/// use tidegate::{Batch, Cause, Draft};
/// let batch = Batch::new()
///     .and(Draft::new(("shop", "order-7"), "order.placed"))
///     .and(Draft::new(("shop", "stock-3"), "stock.reserved").cause(Cause::Draft(0)));
/// assert_eq!(batch.drafts().len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    drafts: Vec<Draft>,
    conditions: Vec<Condition>,
    key: Option<Text>,
    /// Whether it is the store's own, which may use reserved names.
    own: bool,
    bypass: Option<Bypass>,
    import: Option<Import>,
    /// Whether its drafts come from a stage, where those of subjects are encrypted already.
    staged: bool,
}

impl Batch {
    /// Returns a batch without events, which a store refuses until some are added with [`and`](Self::and).
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event at the end.
    ///
    /// ```
    /// use tidegate::{Batch, Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let paid = Draft::new(("bank", "alice"), "money.sent");
    /// let transfer = Batch::new().and(paid).and(Draft::new(("bank", "bob"), "money.received"));
    /// assert_eq!(store.append(transfer)?.events.len(), 2);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn and(mut self, draft: Draft) -> Self {
        self.drafts.push(draft);
        self
    }

    /// Adds a condition. The batch is refused unless this and all conditions that were added before hold at its commit.
    ///
    /// ```
    /// use tidegate::{Batch, Condition, Draft, Store, StreamId, Version};
    ///
    /// let store = Store::in_memory()?;
    /// let first = Condition::Version(StreamId::new("bank", "alice"), Version(0));
    /// let open = || Batch::from(Draft::new(("bank", "alice"), "account.opened")).only_if(first.clone());
    /// assert!(store.append(open()).is_ok());
    /// assert!(store.append(open()).is_err_and(|error| error.conflict().is_some()));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn only_if(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Sets the idempotency key. Appending the same content under the same key again writes nothing
    /// and gives the first receipt, even if conditions would fail by now; other content under the same key is refused.
    /// [`key_of_parts`](crate::batch::key_of_parts) makes keys from parts.
    ///
    /// A decision takes its key with the call, by [`AppendOptions::key`](crate::AppendOptions::key). The key
    /// of a batch that a decision returns is looked up only after the decision ran, so a repeated decision first reads the
    /// events of its own earlier success.
    ///
    /// ```
    /// use tidegate::{Batch, Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let pay = || Batch::from(Draft::new(("bank", "alice"), "money.paid")).key("payment-17");
    /// let receipt = store.append(pay())?;
    /// assert_eq!(store.append(pay())?, receipt, "it is paid once");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn key(mut self, key: impl Into<Text>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Imports the batch from another store: with its recorded time and the content hash of its idempotency key.
    /// Its drafts may use names under [`tidegate.imported`](tidegate_format::name::imported), which hold what the
    /// other store noted; this store never acts on them. Conditions and gates are judged as for every batch.
    ///
    /// Times never decrease: an append of it is refused with [`Refused`](crate::ErrorKind::Refused) if it was
    /// recorded before the last event of this log. So the times of a whole log fit an empty store, and a store that
    /// holds the beginning of that log.
    ///
    /// ```
    /// use tidegate::batch::{Batch, Import, ImportedPayload};
    /// use tidegate::{Draft, Store};
    ///
    /// let (old, new) = (Store::in_memory()?, Store::in_memory()?);
    /// let payment = || Batch::from(Draft::new(("bank", "alice"), "money.paid")).key("payment-7");
    /// let paid = old.append(payment())?;
    ///
    /// let event = old.view()?.at(paid.first())?.expect("it was appended");
    /// let import = Import {
    ///     idempotency: event.record().key().map(|(key, content)| (key.to_owned().into(), content)),
    ///     recorded: Some(event.time()),
    ///     payloads: vec![ImportedPayload::of(&event)],
    /// };
    /// let draft = Draft::new(event.stream(), event.kind().to_owned()).id(event.id());
    /// let copied = new.append(Batch::from(draft).imported(import))?;
    ///
    /// assert_eq!((copied.time, &copied.events), (paid.time, &paid.events));
    /// assert_eq!(new.append(payment())?, copied, "a payment is made once");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn imported(mut self, import: Import) -> Self {
        self.import = Some(import);
        self
    }

    /// Returns when another store recorded it, if that is to stay.
    pub(crate) fn recorded(&self) -> Option<Micros> {
        self.import.as_ref().and_then(|import| import.recorded)
    }

    /// Makes the batch what an event led to: with that event among the causes, in its flow unless a draft names another one,
    /// and under this key.
    pub(crate) fn led_to_by(mut self, event: &RecordedEvent, key: &str) -> Result<Self> {
        if self.key.is_some() || self.imported_key().is_some() {
            return Err(Error::invalid("a reaction has a key of its own; its batch cannot have another"));
        }
        let names_it =
            |cause: &Cause| *cause == Cause::At(event.position()) || *cause == Cause::Id(event.id());
        for draft in &mut self.drafts {
            if !draft.causes.iter().any(names_it) {
                draft.causes.push(Cause::At(event.position()));
            }
            draft.correlation.get_or_insert(event.correlation());
        }
        Ok(self.key(key.to_owned()))
    }

    /// Returns its events.
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// Returns what must hold at its commit.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Has the batch pass over the gates attached to the store. That stays visible in its first event, in the metadata
    /// `tidegate.bypass`.
    ///
    /// ```
    /// use tidegate::batch::Bypass;
    /// use tidegate::decide::{Denial, GateSet, Verdict, gate};
    /// use tidegate::{Batch, Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let closed = gate("closed", |_, _| Ok(Verdict::Deny(Denial::new("CLOSED", "the shop is closed"))));
    /// store.guard(Query::ALL, GateSet::new().and(closed))?;
    /// let moved = || Batch::from(Draft::new(("shop", "stock"), "stock.moved"));
    /// assert!(store.append(moved()).is_err());
    /// let bypass = Bypass {
    ///     reason: "migration".into(),
    ///     justification: "the stock moves to another shelf over night".to_owned(),
    ///     approver: Some("ann".to_owned()),
    /// };
    /// assert!(store.append(moved().bypassing(bypass)).is_ok());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn bypassing(mut self, bypass: Bypass) -> Self {
        self.bypass = Some(bypass);
        self
    }

    /// Refuses a batch without events, and drafts that break a rule or a limit or use reserved names.
    pub(crate) fn check(&self) -> Result<()> {
        if self.drafts.is_empty() {
            return Err(Error::invalid("a batch without events cannot be appended"));
        }
        self.drafts.iter().enumerate().try_for_each(|(index, draft)| {
            let unreserved = || match &self.import {
                _ if self.own => Ok(()),
                Some(_) => draft.check_imported(),
                None => draft.check_unreserved(),
            };
            let is_ciphertext = draft.payload_type == PayloadType::Encrypted;
            if is_ciphertext && !self.own && !self.staged && self.import.is_none() {
                let message =
                    "only an import has an encrypted payload; say for which subject with `encrypted_for`";
                return Err(Error::invalid(message).at(ErrorPlace::Draft(index)));
            }
            let payload = || self.payloads().get(index).map_or(Ok(()), |payload| payload.check(draft));
            let checked = draft.check().and_then(|()| unreserved()).and_then(|()| payload());
            checked.map_err(|error| error.at(ErrorPlace::Draft(index)))
        })
    }

    /// Returns whether it passes over gates attached to the store.
    pub(crate) fn bypasses(&self) -> bool {
        self.bypass.is_some()
    }

    /// Returns a batch of the drafts of a stage.
    pub(crate) fn staged(drafts: Vec<Draft>) -> Self {
        Self { staged: true, ..drafts.into() }
    }

    /// Returns a batch of the store's own.
    pub(crate) fn own(drafts: Vec<Draft>) -> Self {
        Self { own: true, ..drafts.into() }
    }

    /// Returns what the store notes on the first event: the gates that the batch passed against a view with this head, or
    /// their bypass, and what was read to decide it.
    pub(crate) fn notes(
        &self,
        gates: &[Text],
        judged_at: Position,
        footprint: Option<String>,
    ) -> Result<Vec<(Text, Text)>> {
        let gates = (!gates.is_empty()).then(|| (note::GATES, note::gates(gates, judged_at)));
        let bypass = self.bypass.as_ref().map(|bypass| bypass.note().map(|note| (note::BYPASS, note)));
        let footprint = footprint.map(|footprint| (note::FOOTPRINT, footprint));
        if footprint.as_ref().is_some_and(|(_, note)| note.len() > limit::METADATA_VALUE_BYTES_MAX) {
            let message = "the footprint is too large to be kept; decide by fewer queries, or do not keep it";
            return Err(Error::invalid(message));
        }
        let notes = gates.into_iter().chain(bypass.transpose()?).chain(footprint);
        let notes: Vec<(Text, Text)> =
            notes.map(|(name, note)| (Text::Borrowed(name), note.into())).collect();
        if let Some(first) = self.drafts.first().filter(|_| !notes.is_empty()) {
            // Checked on a draft of its own: the payload is not copied for it.
            let mut noted = Draft::new(first.stream.clone(), first.kind.clone());
            noted.metadata.extend_from_slice(&first.metadata);
            let noted =
                notes.iter().fold(noted, |noted, (name, note)| noted.meta(name.clone(), note.clone()));
            noted.check()?;
        }
        Ok(notes)
    }

    pub(super) fn own_key(&self) -> Option<&Text> {
        self.key.as_ref()
    }

    /// Returns what another store kept beside the payloads of its first events.
    pub(crate) fn payloads(&self) -> &[ImportedPayload] {
        self.import.as_ref().map_or(&[], |import| &import.payloads)
    }

    /// Returns whether it imports an event whose payload was erased.
    pub(super) fn is_erased(&self) -> bool {
        self.payloads().iter().any(ImportedPayload::is_erased)
    }

    /// Returns the key that it had in another store, and the hash of the content there.
    pub(super) fn imported_key(&self) -> Option<&(Text, Hash)> {
        self.import.as_ref().and_then(|import| import.idempotency.as_ref())
    }

    /// Returns the hash of its content: of what the caller says, not of what the store adds.
    pub(super) fn content(&self, keys: &DraftKeys) -> Hash {
        let content = |(index, draft): (usize, &Draft)| match keys.of(index) {
            None => content(draft),
            Some(key) => content_with(draft, b"tidegate encrypted draft", &key.content(&draft.payload).0),
        };
        let drafts: Vec<_> = self.drafts.iter().enumerate().map(content).collect();
        let parts: Vec<_> = drafts.iter().map(|hash| &hash.0[..]).collect();
        hash::parts(b"tidegate batch", &parts)
    }
}

impl From<Draft> for Batch {
    fn from(draft: Draft) -> Self {
        Self::from(vec![draft])
    }
}

impl From<Vec<Draft>> for Batch {
    fn from(drafts: Vec<Draft>) -> Self {
        Self { drafts, ..Self::default() }
    }
}

impl FromIterator<Draft> for Batch {
    fn from_iter<I: IntoIterator<Item = Draft>>(drafts: I) -> Self {
        Self::from(drafts.into_iter().collect::<Vec<_>>())
    }
}

/// Returns the hash of all that a draft says.
pub(crate) fn content(draft: &Draft) -> Hash {
    content_with(draft, b"tidegate draft", &draft.payload)
}

/// Returns the hash of all that a draft says, with what stands for its payload.
fn content_with(draft: &Draft, domain: &[u8], payload: &[u8]) -> Hash {
    let numbers = [
        draft.stream.lane.to_le_bytes().to_vec(),
        draft.schema.to_le_bytes().to_vec(),
        vec![draft.payload_type as u8],
        [draft.tags.len(), draft.causes.len(), draft.metadata.len()]
            .map(|count| (count as u64).to_le_bytes())
            .concat(),
        draft.id.map(|id| id.0.to_vec()).unwrap_or_default(),
        draft.correlation.map(|id| id.0.to_vec()).unwrap_or_default(),
    ];
    let causes: Vec<_> = draft.causes.iter().map(cause_bytes).collect();
    let mut parts: Vec<&[u8]> = numbers.iter().map(Vec::as_slice).collect();
    parts.extend([draft.stream.scope.as_bytes(), draft.stream.entity.as_bytes()]);
    parts.extend([draft.kind.as_bytes(), payload]);
    parts.extend(draft.tags.iter().map(|tag| tag.as_bytes()));
    parts.extend(causes.iter().map(Vec::as_slice));
    parts.extend(draft.metadata.iter().flat_map(|(name, value)| [name.as_bytes(), &**value]));
    hash::parts(domain, &parts)
}

fn cause_bytes(cause: &Cause) -> Vec<u8> {
    match cause {
        Cause::At(position) => [&[0][..], &position.0.to_le_bytes()].concat(),
        Cause::Id(id) => [&[1][..], &id.0].concat(),
        Cause::Draft(index) => [&[2][..], &index.to_le_bytes()].concat(),
        Cause::Foreign(store, event) => [&[3][..], &store.0, &event.0].concat(),
    }
}

/// Makes an idempotency key from a domain and parts. Different parts never give the same key, however they are
/// split: the key is the domain and SHA-256 over all parts, each with its length.
///
/// ```
/// assert_ne!(tidegate::batch::key_of_parts("payment", &["ab", "c"])?, tidegate::batch::key_of_parts("payment", &["a", "bc"])?);
/// # Ok::<(), tidegate::Error>(())
/// ```
pub fn key_of_parts(domain: &str, parts: &[&str]) -> Result<String> {
    const DOMAIN_BYTES_MAX: usize = 128;
    if domain.len() > DOMAIN_BYTES_MAX {
        return Err(Error::invalid(format!("the domain of a key has at most {DOMAIN_BYTES_MAX} bytes")));
    }
    let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
    Ok(format!("{domain}:{}", hash::parts(domain.as_bytes(), &parts)))
}
