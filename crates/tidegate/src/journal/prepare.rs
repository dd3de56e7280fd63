//! Preparing: all that can be done with a batch before it has a place, on the caller's own time.

use tidegate_disk::Random;
use tidegate_format::{
    Cause, Draft, Error, ErrorKind, EventId, FRAME_HEAD_BYTES, Facts, Hash, Place, Position, Result, limit,
    record,
};
use tidegate_segment::{Seed, Term};

use crate::batch::Batch;
use crate::read::View;

/// A batch encoded and hashed, but for its places.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Room for a frame's head, then the records.
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<PreparedRecord>,
    /// The drafts that came with an id, which must not be in the log after `checked`.
    pub(crate) given: Vec<(usize, EventId)>,
    /// The last position up to which the given ids are known to be new.
    pub(crate) checked: Position,
}

#[derive(Debug)]
pub(crate) struct PreparedRecord {
    pub(crate) id: EventId,
    /// Bytes of the record.
    pub(crate) length: u32,
    /// The hash of its payload.
    pub(crate) payload: Hash,
    /// The hash of its stream.
    pub(crate) stream: u128,
    /// Scope, entity and lane, to look the stream up with.
    pub(crate) term: Term,
}

/// Makes ids nobody can predict without asking the system for random bytes each time.
#[derive(Debug)]
pub(crate) struct Ids {
    key: Seed,
    next: std::sync::atomic::AtomicU64,
}

impl Ids {
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        let key = u128::from_le_bytes(bytes);
        Self { key: Seed(key as u64, (key >> 64) as u64), next: std::sync::atomic::AtomicU64::new(0) }
    }

    fn make(&self, micros: u64) -> EventId {
        let count = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let hash = self.key.hash(&count.to_le_bytes()).to_le_bytes();
        let mut random = [0; 10];
        random.copy_from_slice(&hash[..10]);
        EventId::from_time(micros, &random)
    }
}

/// Checks and encodes a batch against a view. `micros` is the time that goes into ids made here.
pub(crate) fn prepare(batch: &Batch, view: &View, ids: &Ids, seed: Seed, micros: u64) -> Result<Prepared> {
    let drafts = batch.drafts();
    if drafts.is_empty() {
        return Err(Error::invalid("a batch without events cannot be appended"));
    }
    let payloads: usize = drafts.iter().map(|draft| draft.payload.len() + 512).sum();
    let mut bytes = Vec::with_capacity(FRAME_HEAD_BYTES + payloads.min(limit::FRAME_BYTES_MAX));
    bytes.resize(FRAME_HEAD_BYTES, 0);
    let records = Vec::with_capacity(drafts.len());
    let prepared = Prepared { bytes, records, given: Vec::new(), checked: view.head() };
    let mut work = Work { drafts, view, seed, prepared, correlations: Vec::new(), causes: Vec::new() };
    for (index, draft) in drafts.iter().enumerate() {
        let id = draft.id.unwrap_or_else(|| ids.make(micros));
        work.one(index, draft, id).map_err(|error| error.at(Place::Draft(index)))?;
    }
    Ok(work.prepared)
}

struct Work<'a> {
    drafts: &'a [Draft],
    view: &'a View,
    seed: Seed,
    prepared: Prepared,
    correlations: Vec<EventId>,
    causes: Vec<Cause>,
}

impl Work<'_> {
    fn one(&mut self, index: usize, draft: &Draft, id: EventId) -> Result<()> {
        draft.check()?;
        draft.check_unreserved()?;
        if draft.id.is_some() {
            self.refuse_known(id)?;
            self.prepared.given.push((index, id));
        }
        let inherited = self.resolve_causes(index, draft)?;
        let correlation = draft.correlation.or(inherited).unwrap_or(id);
        self.correlations.push(correlation);
        let batch_end = index + 1 == self.drafts.len();
        let facts = Facts { id, correlation, causes: &self.causes, key: None, batch_end };
        let start = self.prepared.bytes.len();
        let payload = record::encode(draft, &facts, &mut self.prepared.bytes);
        let end = self.prepared.bytes.len();
        if end - FRAME_HEAD_BYTES > limit::FRAME_BYTES_MAX {
            let limit = limit::FRAME_BYTES_MAX;
            return Err(Error::invalid(format!("the batch is larger than {limit} bytes; split it")));
        }
        let coordinate = &draft.coordinate;
        let term = Term::stream(&coordinate.scope, &coordinate.entity, coordinate.lane);
        let stream = self.seed.hash(term.as_bytes());
        self.prepared.records.push(PreparedRecord {
            id,
            length: (end - start) as u32,
            payload,
            stream,
            term,
        });
        Ok(())
    }

    fn refuse_known(&self, id: EventId) -> Result<()> {
        if let Some(event) = self.view.find(id)? {
            return Err(duplicate(id, event.position()));
        }
        match self.prepared.given.iter().find(|(_, given)| *given == id) {
            None => Ok(()),
            Some((index, _)) => {
                Err(Error::new(ErrorKind::Refused, format!("draft {index} of the batch has the id {id} too")))
            }
        }
    }

    /// Turns the causes into positions and earlier drafts, and returns the flow of the first local one.
    fn resolve_causes(&mut self, index: usize, draft: &Draft) -> Result<Option<EventId>> {
        self.causes.clear();
        let mut inherited = None;
        for cause in &draft.causes {
            let resolved = self.resolve(index, cause)?;
            if inherited.is_none() && draft.correlation.is_none() {
                inherited = match resolved {
                    Cause::At(position) => self.view.at(position)?.map(|event| event.correlation()),
                    Cause::Draft(earlier) => Some(self.correlations[earlier as usize]),
                    _ => None,
                };
            }
            self.causes.push(resolved);
        }
        Ok(inherited)
    }

    fn resolve(&self, index: usize, cause: &Cause) -> Result<Cause> {
        let unknown = |what: String| {
            let message = format!("the cause {what} is unknown; a cause comes before its effects");
            Err(Error::new(ErrorKind::Refused, message))
        };
        match *cause {
            Cause::At(position) if position.0 == 0 || position > self.view.head() => {
                unknown(format!("at position {position}"))
            }
            Cause::Draft(earlier) if earlier as usize >= index => {
                unknown(format!("at draft {earlier} of the batch"))
            }
            Cause::Foreign(..) | Cause::At(_) | Cause::Draft(_) => Ok(*cause),
            Cause::Id(id) => {
                if let Some((earlier, _)) =
                    self.prepared.given.iter().find(|(at, given)| *given == id && *at < index)
                {
                    return Ok(Cause::Draft(*earlier as u32));
                }
                match self.view.find(id)? {
                    Some(event) => Ok(Cause::At(event.position())),
                    None => unknown(format!("with the id {id}")),
                }
            }
        }
    }
}

/// The refusal of an id that is in the log.
pub(crate) fn duplicate(id: EventId, position: Position) -> Error {
    Error::new(ErrorKind::Refused, format!("the event {id} is in the log already, at position {position}"))
}
