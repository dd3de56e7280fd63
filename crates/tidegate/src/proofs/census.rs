//! Censuses of a store: counting, showing all events of something, and counting again.

use tidegate_format::{Draft, Error, ErrorKind, ErrorPlace, Position, Result, StreamId};
use tidegate_proof::census::{
    CENSUS_KIND, Census, CensusField, CensusProof, CensusTable, CensusTally, CensusTerm,
};
use tidegate_proof::{Disclosure, DisclosureForm, SignedCheckpoint};

use super::prover::Proofs;
use crate::batch::{Batch, Receipt};
use crate::read::{Query, ReadOptions, View};
use crate::settings::AppendOptions;
use crate::store::Store;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it says which censuses are wrong"]
pub struct CensusAudit {
    /// The number of events that were counted again.
    pub events: u64,
    /// The censuses that the log holds, in the order of positions.
    pub censuses: Vec<AuditedCensus>,
}

/// A census of the log beside what was counted again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditedCensus {
    /// Where it stands in the log.
    pub position: Position,
    /// What the store said; an error if its payload is not a census, or it counts events behind itself.
    pub said: Result<Census, String>,
    /// What the log says.
    pub counted: Option<Census>,
}

impl AuditedCensus {
    /// Returns whether the log says what the store said.
    pub fn is_right(&self) -> bool {
        self.said.as_ref().ok() == self.counted.as_ref() && self.counted.is_some()
    }
}

impl CensusAudit {
    /// Returns the censuses that are wrong.
    pub fn wrong(&self) -> impl Iterator<Item = &AuditedCensus> {
        self.censuses.iter().filter(|census| !census.is_right())
    }
}

impl Store {
    /// Counts all events by `field` and appends what it found as an event of the kind
    /// [`tidegate.census`](CENSUS_KIND), synced. A checkpoint that is signed afterwards covers it, and
    /// [`prove_all`](Proofs::prove_all) then shows all events of something, or that there are none.
    ///
    /// It reads every event of the log, 0.6 us each and more if they are large, and takes about 150 bytes of memory for each
    /// stream, scope, kind or tag. Appends go on meanwhile; what they append is for the next census.
    ///
    /// ```
    /// use tidegate::proofs::{CensusField, Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile, Signer};
    /// use tidegate::proofs::CensusTerm;
    /// use tidegate::{Draft, Store, StreamId};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let key = folder.path().join("keys/shop.key");
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// store.take_census(CensusField::Stream)?;
    ///
    /// let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
    /// let checkpoint = store.proofs().checkpoint(&signer)?;
    /// let all = |entity| {
    ///     let term = CensusTerm::Stream(StreamId::new("shop", entity));
    ///     let proof = store.proofs().prove_all(&term, &checkpoint, DisclosureForm::Entry)?;
    ///     proof.verify(&tidegate_proof::Policy::of_log(signer.key()), &term)
    /// };
    /// assert_eq!(all("order-7")?.entries.len(), 2);
    /// assert_eq!(all("order-8")?.count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Retired`](ErrorKind::Retired) if the first events were retired, as they cannot be counted; those of reading and of
    /// [`append`](Self::append).
    pub fn take_census(&self, field: CensusField) -> Result<(Receipt, Census)> {
        let view = self.view()?;
        let census = count(&view, field, view.head())?.census(view.head());
        let draft = Draft::new(StreamId::new("tidegate", CENSUS_KIND), CENSUS_KIND);
        let batch = Batch::own(vec![draft.json_text(census.to_string())]);
        Ok((self.append_with(batch, AppendOptions::new().synced())?, census))
    }
}

impl Proofs {
    /// Makes the proof of all events of a stream, scope, kind or tag, up to where the last census under the checkpoint
    /// counted; or of there being none. With as much of each event as `form` says.
    ///
    /// It counts the log again, and so makes no proof from a census that is wrong: it reads every event up to the census once,
    /// and takes about 150 bytes of memory for each stream, scope, kind or tag, and what is shown of the events. What such a
    /// proof shows rests on the word of the store until an auditor has counted too
    /// ([`audit_censuses`](Self::audit_censuses)).
    ///
    /// # Errors
    ///
    /// * [`Missing`](ErrorKind::Missing) if no census by that field is under the checkpoint;
    /// * [`Disproved`](ErrorKind::Disproved) if the census is not what the log says;
    /// * [`Erased`](ErrorKind::Erased) if payloads are to be shown and one was erased;
    /// * as [`prove`](Self::prove) says, and those of reading.
    pub fn prove_all(
        &self,
        term: &CensusTerm,
        checkpoint: &SignedCheckpoint,
        form: DisclosureForm,
    ) -> Result<CensusProof> {
        let view = self.store().view()?;
        let field = term.field();
        let (position, census) = last_census(&view, field, checkpoint.checkpoint().size())?;
        let (mut tally, mut events) = (CensusTally::new(field), Ok(Vec::new()));
        for event in view.read_with(&Query::ALL, ReadOptions::new().before(census.until.next())) {
            let event = event?;
            let record = event.record();
            tally.add(&record);
            // What cannot be shown is told once it is known that the census is right.
            if let Ok(shown) = &mut events
                && term.has(&record)
            {
                match Disclosure::of(&record, form) {
                    Ok(one) => shown.push(one),
                    Err(error) => events = Err(error.at(ErrorPlace::Event(event.position()))),
                }
            }
        }
        let table = tally.finish();
        if table.census(census.until) != census {
            let message = format!("census: that at position {position} is not what the log says");
            return Err(
                Error::new(ErrorKind::Disproved, message).advise("`tidegate audit` shows what is wrong")
            );
        }
        let proof = self.prove(position, checkpoint, DisclosureForm::Payload)?;
        Ok(CensusProof::new(proof, table.prove(term)?, events?))
    }

    /// Counts again what each census of the log counted, and compares. It reads the log once, and every event up to the last
    /// census of each field that was counted by.
    ///
    /// This is what turns a census from a promise of the store into a proof: an auditor runs it over a copy of the log whose
    /// root it has compared with the checkpoint ([`check`](Self::check)).
    ///
    /// ```
    /// use tidegate::proofs::CensusField;
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed").tag("vip"))?;
    /// store.take_census(CensusField::Tag)?;
    /// let audit = store.proofs().audit_censuses()?;
    /// assert_eq!((audit.censuses.len(), audit.wrong().count()), (1, 0));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Retired`](ErrorKind::Retired) if the first events were retired, and those of reading. A census that is wrong is not
    /// an error here.
    pub fn audit_censuses(&self) -> Result<CensusAudit> {
        let view = self.store().view()?;
        let mut censuses = Vec::new();
        for event in view.read(&Query::kind(CENSUS_KIND)) {
            let event = event?;
            let said = read_census(event.payload()?, event.position()).map_err(|error| error.to_string());
            censuses.push(AuditedCensus { position: event.position(), said, counted: None });
        }
        let mut tallies = Vec::new();
        for census in censuses.iter().filter_map(|census| census.said.as_ref().ok()) {
            let known = tallies.iter_mut().find(|tally: &&mut Tally| tally.field == census.field);
            match known {
                Some(tally) => tally.last = tally.last.max(census.until),
                None => tallies.push(Tally::new(census.field, census.until)),
            }
        }
        let last = tallies.iter().map(|tally| tally.last).max().unwrap_or(Position::START);
        // Those that count nothing are compared before the first event.
        let mut next = Position::START;
        let mut events = view.read_with(&Query::ALL, ReadOptions::new().before(last.next()));
        loop {
            for census in &mut censuses {
                let Some(said) = census.said.as_ref().ok().filter(|said| said.until == next) else {
                    continue;
                };
                let tally = tallies.iter().find(|tally| tally.field == said.field);
                let table = tally.expect("there is one for each field").counted.clone().finish();
                census.counted = Some(table.census(next));
            }
            let Some(event) = events.next().transpose()? else { break };
            next = event.position();
            let wanted = tallies.iter_mut().filter(|tally| next <= tally.last);
            wanted.for_each(|tally| tally.counted.add(&event.record()));
        }
        Ok(CensusAudit { events: last.0, censuses })
    }
}

/// What is counted again by one field, up to its last census.
struct Tally {
    field: CensusField,
    last: Position,
    counted: CensusTally,
}

impl Tally {
    fn new(field: CensusField, last: Position) -> Self {
        Self { field, last, counted: CensusTally::new(field) }
    }
}

/// Counts all events up to a position.
fn count(view: &View, field: CensusField, until: Position) -> Result<CensusTable> {
    let mut tally = CensusTally::new(field);
    for event in view.read_with(&Query::ALL, ReadOptions::new().before(until.next())) {
        tally.add(&event?.record());
    }
    Ok(tally.finish())
}

/// Reads the census that stands at a position.
fn read_census(payload: &[u8], position: Position) -> Result<Census> {
    let text = std::str::from_utf8(payload).map_err(|_| Error::invalid("a census is text"))?;
    let census: Census = text.parse()?;
    if census.until < position {
        return Ok(census);
    }
    Err(Error::invalid(format!("a census at position {position} cannot count up to {}", census.until)))
}

/// Returns the last census by a field among the first `size` events.
fn last_census(view: &View, field: CensusField, size: u64) -> Result<(Position, Census)> {
    let backwards = ReadOptions::new().backwards(true);
    for event in view.as_of(Position(size)).read_with(&Query::kind(CENSUS_KIND), backwards) {
        let event = event?;
        let census = read_census(event.payload()?, event.position())?;
        if census.field == field {
            return Ok((event.position(), census));
        }
    }
    let message = format!("no census by {field} is among the {size} events of the checkpoint");
    Err(Error::new(ErrorKind::Missing, message).advise("take one, and sign a newer checkpoint"))
}

#[cfg(test)]
mod tests {
    use tidegate_format::Hash;
    use tidegate_proof::{Checkpoint, DEFAULT_PREFIX, KeyAlgorithm, MemorySigner, SigningKey};

    use super::*;
    use crate::settings::StoreOptions;

    /// A store that lies: its own events say what the log does not.
    #[test]
    fn a_census_that_is_wrong_is_found_and_shows_nothing() {
        let store = StoreOptions::new().thread(false).in_memory().unwrap();
        for entity in ["a", "b", "a"] {
            store.append(Draft::new(("s", entity), "k.x")).unwrap();
        }
        let (_, right) = store.take_census(CensusField::Stream).unwrap();
        let say = |text: String| {
            let draft = Draft::new(("tidegate", CENSUS_KIND), CENSUS_KIND).json_text(text);
            store.append(Batch::own(vec![draft])).unwrap();
        };
        say(Census { root: Hash([7; 32]), ..right.clone() }.to_string());
        say(Census { rows: 1, ..right.clone() }.to_string());
        say(Census { until: Position(2), ..right.clone() }.to_string());
        say(Census { until: Position(8), ..right.clone() }.to_string());
        say(format!("{right} "));
        say(right.to_string());
        let audit = store.proofs().audit_censuses().unwrap();
        let found: Vec<bool> = audit.censuses.iter().map(AuditedCensus::is_right).collect();
        assert_eq!(found, [true, false, false, false, false, false, true]);
        assert!(audit.censuses[4].said.as_ref().unwrap_err().contains("cannot count"));

        // The last one under a checkpoint is used, and only if it is right.
        let origin = Checkpoint::origin_of(DEFAULT_PREFIX, store.id()).unwrap();
        let key = SigningKey::new(&origin, KeyAlgorithm::Ed25519, [1; 32]).unwrap();
        let signed = store.proofs().checkpoint(&MemorySigner::new(key.clone()).unwrap()).unwrap();
        let term = CensusTerm::Stream(StreamId::new("s", "a"));
        let prove = |size| {
            let head = Checkpoint::new(&origin, size, store.proofs().root(size).unwrap()).unwrap();
            store.proofs().prove_all(&term, &head.sign(&key).unwrap(), DisclosureForm::Entry)
        };
        assert!(prove(4).is_ok() && prove(signed.checkpoint().size()).is_ok());
        for size in [5, 6, 7] {
            assert_eq!(prove(size).unwrap_err().kind(), ErrorKind::Disproved, "{size}");
        }
        assert_eq!(prove(8).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
