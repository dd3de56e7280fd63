//! A small log to make proofs from, and those who sign it.

use std::collections::BTreeMap;

use tidegate_format::{
    Blind, Draft, EventId, Hash, Micros, Position, Record, StreamId, Version,
    record::{self, Facts, Placed},
};
use tidegate_proof::tree::{self, ConsistencyProof, InclusionProof, MemoryTree};
use tidegate_proof::{
    Checkpoint, Disclosure, DisclosureForm, KeyAlgorithm, MemorySigner, Policy, Proof, SignedCheckpoint,
    Signer, SigningKey,
};

/// The name of the log.
pub(crate) const ORIGIN: &str = "tidegate.local/07070707-0707-0707-0707-070707070707";
/// When witnesses sign.
pub(crate) const TIME: u64 = 1_795_000_000;

/// A log in memory.
#[derive(Default)]
pub(crate) struct Log {
    records: Vec<Vec<u8>>,
    pub(crate) tree: MemoryTree,
    heads: BTreeMap<StreamId, (Version, Position, Hash)>,
}

impl Log {
    /// A log of `count` events in a few streams.
    pub(crate) fn of(count: u64) -> Self {
        let mut log = Self::default();
        (1..=count).for_each(|at| log.grow(at));
        log
    }

    fn grow(&mut self, at: u64) {
        let mut coordinate = StreamId::new("shop", format!("order-{}", at % 5));
        coordinate.lane = (at % 2) as u32;
        let kind = if at.is_multiple_of(3) { "order.paid" } else { "order.placed" };
        let mut draft = Draft::new(coordinate, kind).bytes(format!("{at:04}").into_bytes());
        if at.is_multiple_of(4) {
            draft = draft.tag("vip").tag("vip").tag("new").meta("by", "till 4");
        }
        self.append(draft);
    }

    pub(crate) fn append(&mut self, draft: Draft) -> Position {
        let at = self.records.len() as u64 + 1;
        let id = EventId([at as u8; 16]);
        let key = at.is_multiple_of(7).then_some(("a key", Hash([7; 32])));
        let blind = Blind([!(at as u8); 16]);
        let facts =
            Facts { id, correlation: id.into(), causes: &[], key, notes: &[], blind, batch_end: true };
        let (version, previous, link) = self.heads.get(&draft.stream).copied().unwrap_or_default();
        let placed =
            Placed { position: Position(at), version: version.next(), previous, link, time: Micros(at) };
        let mut bytes = Vec::new();
        let body = record::encode(&draft, &facts, &mut bytes);
        let leaf = record::place(&mut bytes, &placed, Position(at), &body);
        self.heads.insert(draft.stream, (placed.version, placed.position, leaf));
        self.tree.push(leaf);
        self.records.push(bytes);
        placed.position
    }

    pub(crate) fn size(&self) -> u64 {
        self.records.len() as u64
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().map(|bytes| Record::read(bytes).unwrap())
    }

    pub(crate) fn record(&self, position: u64) -> Record<'_> {
        Record::read(&self.records[position as usize - 1]).unwrap()
    }

    pub(crate) fn erase(&mut self, position: u64) {
        record::erase(&mut self.records[position as usize - 1]);
    }

    pub(crate) fn head(&self, size: u64) -> Checkpoint {
        Checkpoint::new(ORIGIN, size, tree::root(&self.tree, size).unwrap()).unwrap()
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> ConsistencyProof {
        ConsistencyProof::make(&self.tree, old, new).unwrap()
    }

    /// The head of this size, signed by the log and by both witnesses.
    pub(crate) fn signed(&self, size: u64) -> SignedCheckpoint {
        let mut signed = MemorySigner::new(log_key()).unwrap().sign(&self.head(size), &[]).unwrap();
        for key in [witness_key(1), witness_key(2)] {
            signed.add(key.cosign(signed.note().text(), TIME).unwrap()).unwrap();
        }
        signed
    }

    pub(crate) fn proof(&self, position: u64, size: u64, form: DisclosureForm) -> Proof {
        let disclosure = Disclosure::of(&self.record(position), form).unwrap();
        let inclusion = InclusionProof::make(&self.tree, position - 1, size).unwrap();
        Proof::new(disclosure, inclusion, self.signed(size)).unwrap()
    }
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::new(ORIGIN, KeyAlgorithm::Ed25519, [1; 32]).unwrap()
}

pub(crate) fn witness_key(number: u8) -> SigningKey {
    SigningKey::new(&format!("w{number}.example"), KeyAlgorithm::Cosignature, [10 + number; 32]).unwrap()
}

/// A policy that trusts the log and asks for both witnesses.
pub(crate) fn policy() -> Policy {
    let [log, first, second] =
        [log_key(), witness_key(1), witness_key(2)].map(|key| key.verifier().to_string());
    let text = format!("log {log}\nwitness a {first}\nwitness b {second}\ngroup both all a b\nquorum both\n");
    text.parse().unwrap()
}
