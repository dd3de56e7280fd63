//! Proof files, notes, policies, requests to witnesses and censuses, and claims about trees.
//!
//! Everything that is found good must be true of the sample log, whose keys no input can sign with.

use std::sync::OnceLock;

use tidegate::Query;
use tidegate::proofs::{EventsEvidence, Evidence};
use tidegate_format::{
    Blind, Draft, Error, EventId, Hash, Micros, Position, Record, StoreId, StreamId, Version,
    record::{self, Facts, Placed},
};
use tidegate_proof::census::{CENSUS_KIND, Census, CensusField, CensusProof, CensusTally, CensusTerm};
use tidegate_proof::tree::{self, ConsistencyProof, Frontier, InclusionProof, MemoryTree, Tile};
use tidegate_proof::{
    Checkpoint, Disclosure, DisclosureForm, KeyAlgorithm, MemorySigner, Policy, Proof, SignedCheckpoint,
    SignedNote, Signer, SigningKey, VerifierKey, WitnessRequest,
};

/// The name of the log.
const ORIGIN: &str = "example.com/log";
/// Events of the log, the last of which is a census of those before it.
const SIZE: u64 = 20;
/// The size of a checkpoint that was seen before.
const OLDER: u64 = 13;

/// A small log, and those who sign it.
struct Sample {
    records: Vec<Vec<u8>>,
    tree: MemoryTree,
    policy: Policy,
    log: SigningKey,
    witness: SigningKey,
    checkpoint: SignedCheckpoint,
}

fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| Sample::new().expect("the sample breaks no rule"))
}

impl Sample {
    fn new() -> Result<Self, Error> {
        let log = SigningKey::new(ORIGIN, KeyAlgorithm::Ed25519, [1; 32])?;
        let witness = SigningKey::new("w.example", KeyAlgorithm::Cosignature, [2; 32])?;
        let policy =
            format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.verifier()).parse()?;
        let (mut records, mut tree) = (Vec::new(), MemoryTree::new());
        let mut tally = CensusTally::new(CensusField::Scope);
        let (mut link, mut previous) = (Hash::ZERO, 0);
        for at in 1..=SIZE {
            let draft = if at < SIZE {
                Draft::new(("shop", "order-7"), "order.paid")
                    .bytes(vec![at as u8; 3])
                    .tag("vip")
                    .meta("by", "till")
            } else {
                let census = tally.clone().finish().census(Position(SIZE - 1));
                Draft::new(("shop", "order-7"), CENSUS_KIND).json_text(census.to_string())
            };
            let id = EventId([at as u8; 16]);
            let key = (at % 3 == 0).then_some(("a key", Hash([3; 32])));
            let blind = Blind([at as u8; 16]);
            let facts =
                Facts { id, correlation: id.into(), causes: &[], key, notes: &[], blind, batch_end: true };
            let mut bytes = Vec::new();
            let body = record::encode(&draft, &facts, &mut bytes);
            let (version, previous_at) = (Version(at), Position(previous));
            let placed =
                Placed { position: Position(at), version, previous: previous_at, link, time: Micros(at) };
            link = record::place(&mut bytes, &placed, Position(at), &body);
            previous = at;
            tree.push(link);
            tally.add(&Record::read(&bytes)?);
            records.push(bytes);
        }
        let signer = MemorySigner::new(log.clone())?;
        let mut checkpoint = signer.sign(&Checkpoint::new(ORIGIN, SIZE, tree.root())?, &[])?;
        checkpoint.add(witness.cosign(checkpoint.note().text(), 7)?)?;
        Ok(Self { records, tree, policy, log, witness, checkpoint })
    }

    fn record(&self, position: u64) -> Record<'_> {
        Record::read(&self.records[position as usize - 1]).expect("it was made whole")
    }

    fn head(&self, size: u64) -> Checkpoint {
        let root = tree::root(&self.tree, size).expect("the tree has that many leaves");
        Checkpoint::new(ORIGIN, size, root).expect("it breaks no rule")
    }

    fn proof(&self, position: u64, form: DisclosureForm) -> Result<Proof, Error> {
        let inclusion = InclusionProof::make(&self.tree, position - 1, SIZE)?;
        Proof::new(Disclosure::of(&self.record(position), form)?, inclusion, self.checkpoint.clone())
    }

    fn request(&self) -> Result<WitnessRequest, Error> {
        WitnessRequest::new(ConsistencyProof::make(&self.tree, OLDER, SIZE)?, self.checkpoint.clone())
    }

    fn census(&self, term: &CensusTerm) -> Result<CensusProof, Error> {
        let mut tally = CensusTally::new(term.field());
        (1..SIZE).for_each(|at| tally.add(&self.record(at)));
        let events = (1..SIZE).map(|at| self.record(at)).filter(|record| term.has(record));
        let events = events.map(|record| Disclosure::of(&record, DisclosureForm::Entry));
        let proof = self.proof(SIZE, DisclosureForm::Payload)?;
        Ok(CensusProof::new(proof, tally.finish().prove(term)?, events.collect::<Result<_, _>>()?))
    }
}

/// Texts and bytes to start from, each with the byte that says what it is.
pub(crate) fn examples() -> Vec<(u8, Vec<u8>)> {
    let made = || -> Result<Vec<(u8, Vec<u8>)>, Error> {
        let sample = sample();
        let entry = DisclosureForm::Entry;
        let texts = [
            (0, sample.checkpoint.to_string()),
            (1, sample.proof(4, entry)?.to_string()),
            (1, sample.proof(6, DisclosureForm::Names)?.to_string()),
            (1, sample.proof(SIZE, DisclosureForm::Payload)?.to_string()),
            (2, sample.policy.to_string()),
            (3, sample.request()?.to_string()),
            (4, sample.log.to_secret_text()),
            (4, sample.witness.verifier().to_string()),
            (4, "tile/0/x001/234.p/5".to_owned()),
            (4, sample.head(SIZE).to_string()),
            (6, sample.census(&CensusTerm::Scope("shop".into()))?.to_string()),
            (6, sample.census(&CensusTerm::Scope("bank".into()))?.to_string()),
            (8, sample.checkpoint.note().signatures()[1].to_string() + "\n"),
        ];
        let disclosure = Disclosure::of(&sample.record(6), DisclosureForm::Names)?.as_bytes().to_vec();
        let claim = [&[6, SIZE as u8][..], &[0; 64]].concat();
        let texts = texts.into_iter().map(|(mode, text)| (mode, text.into_bytes()));
        Ok(texts.chain([(5, disclosure), (7, claim), (6, sample_evidence().into_bytes())]).collect())
    };
    made().expect("the sample breaks no rule")
}

/// The first byte says what the rest is.
pub fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 9 {
        5 => return disclosure(rest),
        7 => return claim(rest),
        8 => return answer(rest),
        _ => {}
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match mode % 9 {
        0 => note(text),
        1 => proof(text),
        2 => policy(text),
        3 => request(text),
        4 => words(text),
        _ => {
            census(text);
            evidence(text);
        }
    }
}

fn note(text: &str) {
    let Ok(note) = text.parse::<SignedNote>() else { return };
    assert_eq!(note.to_string(), text);
    let sample = sample();
    if note.verify([sample.log.verifier(), sample.witness.verifier()]).is_ok() {
        assert_eq!(note.text(), sample.checkpoint.note().text());
    }
}

/// Evidence of a read.
fn sample_evidence() -> String {
    let hash = Hash([7; 32]);
    let (from, until) = (Position(1), Position(9));
    let query = Query::stream(("shop", "order-7"));
    let store = StoreId([7; 16]);
    Evidence::Events(EventsEvidence {
        store,
        query,
        from,
        until,
        count: 2,
        first: hash,
        last: hash,
        root: hash,
    })
    .to_string()
}

/// What reads as evidence has one spelling.
fn evidence(text: &str) {
    if let Ok(evidence) = text.parse::<Evidence>() {
        assert_eq!(evidence.to_string(), text);
    }
}

fn proof(text: &str) {
    let Ok(proof) = text.parse::<Proof>() else { return };
    assert_eq!(proof.to_string(), text);
    let sample = sample();
    let Ok(proved) = proof.verify(&sample.policy) else { return };
    let record = sample.record(proof.position().0);
    assert_eq!(proved.leaf, record.leaf());
    if let Some(shown) = proved.record() {
        assert_eq!(
            (shown.record().kind(), shown.record().tags().len()),
            (record.kind(), record.tags().len())
        );
    }
}

fn policy(text: &str) {
    let Ok(policy) = text.parse::<Policy>() else { return };
    let said = policy.to_string();
    assert_eq!(said.parse::<Policy>().expect("a policy reads what it writes"), policy);
    let _ = policy.judge(&sample().checkpoint);
}

fn request(text: &str) {
    let Ok(request) = text.parse::<WitnessRequest>() else { return };
    assert_eq!(request.to_string(), text);
    let sample = sample();
    if let Ok(approval) = request.verify(&sample.policy, &sample.head(OLDER)) {
        assert_eq!(&approval.checkpoint, sample.checkpoint.checkpoint());
    }
}

fn words(text: &str) {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = text.parse::<SigningKey>() {
        assert_eq!(key.to_secret_text(), text);
    }
    if let Ok(tile) = text.parse::<Tile>() {
        assert_eq!(tile.to_string(), text);
        let _ = tile.decode(text.as_bytes());
    }
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(census) = text.parse::<Census>() {
        assert_eq!(census.to_string(), text);
    }
    let _ = tree::unbundle(text.as_bytes());
}

fn disclosure(bytes: &[u8]) {
    let Ok(disclosure) = Disclosure::read(bytes) else { return };
    assert_eq!(disclosure.as_bytes(), bytes);
    // A record has as many bytes as its payload, which need not be shown.
    if disclosure.entry().payload_bytes() < 1 << 20
        && let Some(record) = disclosure.record()
    {
        assert_eq!(record.record().leaf(), disclosure.entry().leaf());
    }
}

fn census(text: &str) {
    let Ok(proof) = text.parse::<CensusProof>() else { return };
    assert_eq!(proof.to_string(), text);
    let sample = sample();
    let shop = CensusTerm::Scope("shop".into());
    if let Ok(finding) = proof.verify(&sample.policy, &shop) {
        assert_eq!(finding.count(), SIZE - 1);
        assert!(finding.entries.is_empty() || finding.entries.len() as u64 == SIZE - 1);
    }
    if let Ok(finding) = proof.verify(&sample.policy, &CensusTerm::Scope("bank".into())) {
        assert_eq!(finding.count(), 0);
    }
    let stream = CensusTerm::Stream(StreamId::new("shop", "order-7"));
    assert!(proof.verify(&sample.policy, &stream).is_err(), "the census counts scopes");
}

/// An index, a size and hashes, as they come: what they show of the sample's tree is true.
fn claim(bytes: &[u8]) {
    let [index, size, rest @ ..] = bytes else { return };
    let (numbers, hashes) = rest.split_at(rest.len() % 32);
    let large = numbers.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (index, size) = (u64::from(*index) ^ large, u64::from(*size) ^ large);
    let hashes: Vec<Hash> = hashes.as_chunks::<32>().0.iter().map(|hash| Hash(*hash)).collect();
    let sample = sample();
    let leaf = sample.tree.leaf(index);
    let root = if size <= SIZE { tree::root(&sample.tree, size).ok() } else { None };
    let inclusion = InclusionProof { index, size, hashes: hashes.clone() };
    let claimed = inclusion.verify(leaf.unwrap_or_default(), root.unwrap_or_default());
    assert!(claimed.is_err() || (leaf.is_some() && root.is_some()));
    let consistency = ConsistencyProof { old: index, new: size, hashes: hashes.clone() };
    let older = sample.tree.leaf(index).map(|_| sample.head(index).root());
    let _ = consistency.verify(older.unwrap_or_default(), root.unwrap_or_default());
    if let Ok(frontier) = Frontier::from_hashes(size, hashes) {
        assert_eq!(frontier.size(), size);
        let _ = frontier.root();
    }
}

/// A status and the body of a witness's answer.
fn answer(bytes: &[u8]) {
    let sample = sample();
    let Ok(request) = sample.request() else { return };
    for status in [200, 409] {
        let answer = request.answer(sample.witness.verifier(), status, bytes);
        if let Ok(tidegate_proof::WitnessAnswer::Cosigned(signatures)) = answer {
            assert_eq!(signatures[0], sample.checkpoint.note().signatures()[1]);
        }
    }
}
