//! Events to append: few names, so that queries meet many of them.

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate::graph::CorrelationId;
use tidegate::{Batch, Cause, Draft, EventId, Position, Receipt, Result, Store, StoreId, StreamId};

use super::known::Known;

pub(crate) const SCOPES: [&str; 3] = ["s", "shop", "shop/a"];
pub(crate) const ENTITIES: [&str; 6] = ["a", "ab", "abc", "b", "a/0", "\u{10ffff}"];
pub(crate) const LANES: [u32; 3] = [0, 1, 1 << 24];
pub(crate) const KINDS: [&str; 6] = ["a.b", "a.b.c", "ab.c", "a.b-c", "a", "b.c"];
pub(crate) const TAGS: [&str; 5] = ["t", "t:1", "t:2", "rare", "every"];

/// An event of a batch, with the events it refers to counted from wherever it stands.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    stream: (usize, usize, usize),
    kind: usize,
    tags: Vec<usize>,
    causes: Vec<Reference>,
    correlation: Option<Reference>,
    payload: usize,
}

/// Which event is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reference {
    At(usize),
    Id(usize),
    Draft(usize),
    Foreign(u8, u8),
}

pub(crate) fn reference() -> impl Strategy<Value = Reference> {
    prop_oneof![
        3 => any::<usize>().prop_map(Reference::At),
        3 => any::<usize>().prop_map(Reference::Id),
        2 => any::<usize>().prop_map(Reference::Draft),
        2 => (0u8..2, 0u8..3).prop_map(|(store, event)| Reference::Foreign(store, event)),
    ]
}

/// Any event.
pub(crate) fn sketch() -> impl Strategy<Value = Sketch> {
    let stream = (0..SCOPES.len(), 0..ENTITIES.len(), 0..LANES.len());
    let tags = vec(prop_oneof![6 => 0..3usize, 1 => Just(3), 3 => Just(4)], 0..4);
    let correlation = proptest::option::weighted(0.3, reference());
    (stream, 0..KINDS.len(), tags, vec(reference(), 0..3), correlation, 0..80usize).prop_map(
        |(stream, kind, tags, causes, correlation, payload)| Sketch {
            stream,
            kind,
            tags,
            causes,
            correlation,
            payload,
        },
    )
}

pub(crate) fn stream((scope, entity, lane): (usize, usize, usize)) -> StreamId {
    StreamId::new(SCOPES[scope], ENTITIES[entity]).lane(LANES[lane])
}

pub(crate) fn foreign(store: u8, event: u8) -> Cause {
    Cause::Foreign(StoreId([store + 1; 16]), EventId([event + 1; 16]))
}

/// The id of an event of the log, or of none if the log is empty.
pub(crate) fn id_in(log: &[Known], at: usize) -> EventId {
    log.get(at % log.len().max(1)).map_or(EventId([0xee; 16]), |known| known.id)
}

impl Reference {
    /// The cause that is meant by the draft with this index, behind these events.
    fn cause(self, log: &[Known], index: usize) -> Cause {
        match self {
            Self::Foreign(store, event) => foreign(store, event),
            Self::Draft(earlier) if index > 0 => Cause::Draft((earlier % index) as u32),
            _ if log.is_empty() => foreign(0, 0),
            Self::At(at) | Self::Draft(at) => Cause::At(Position((at % log.len()) as u64 + 1)),
            Self::Id(at) => Cause::Id(id_in(log, at)),
        }
    }

    fn correlation(self, log: &[Known]) -> CorrelationId {
        match self {
            Self::Foreign(store, event) => CorrelationId([store * 8 + event + 0x80; 16]),
            Self::At(at) | Self::Id(at) | Self::Draft(at) => id_in(log, at).into(),
        }
    }
}

impl Sketch {
    fn draft(&self, log: &[Known], index: usize) -> Draft {
        let mut draft = Draft::new(stream(self.stream), KINDS[self.kind]).bytes(vec![b'.'; self.payload]);
        draft.tags.extend(self.tags.iter().map(|tag| TAGS[*tag].into()));
        draft.causes = self.causes.iter().map(|cause| cause.cause(log, index)).collect();
        draft.correlation = self.correlation.map(|reference| reference.correlation(log));
        draft
    }
}

/// Appends the sketches as one batch, adds to `log` what the store must show of them, and keeps `log` as it was
/// if the store refuses.
pub(crate) fn append(store: &Store, log: &mut Vec<Known>, sketches: &[Sketch]) -> Result<Receipt> {
    let drafts: Vec<_> =
        sketches.iter().enumerate().map(|(index, sketch)| sketch.draft(log, index)).collect();
    let receipt = store.append(drafts.iter().cloned().collect::<Batch>())?;
    let before = log.len();
    for (draft, placed) in drafts.iter().zip(&receipt.events) {
        let resolved = |cause: &Cause| match *cause {
            Cause::Id(id) => {
                let at = log.iter().position(|known| known.id == id).expect("an id of the log");
                Cause::At(log[at].position)
            }
            Cause::Draft(earlier) => Cause::At(Position((before + earlier as usize) as u64 + 1)),
            other => other,
        };
        let causes: Vec<_> = draft.causes.iter().map(resolved).collect();
        let flow = causes.iter().find_map(|cause| match cause {
            Cause::At(position) => Some(log[position.0 as usize - 1].correlation),
            _ => None,
        });
        log.push(Known {
            position: placed.position,
            version: placed.version,
            time: receipt.time,
            id: placed.id,
            stream: draft.stream.clone(),
            kind: draft.kind.clone().into_owned(),
            tags: draft.tags.iter().map(ToString::to_string).collect(),
            correlation: draft.correlation.or(flow).unwrap_or(placed.id.into()),
            causes,
            payload: draft.payload.to_vec(),
            leaf: placed.leaf,
        });
    }
    Ok(receipt)
}
