//! Witnesses: a mock one that keeps to the specification, and ones that do not.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tidegate_format::{Draft, ErrorKind, Result};
use tidegate_proof::tree::ConsistencyProof;
use tidegate_proof::{
    Checkpoint, Policy, SignedCheckpoint, SigningKey, VerifierKey, WitnessAnswer, WitnessRequest, cosign,
};

use crate::sample::{Log, ORIGIN, TIME, log_key, policy, witness_key};

/// A witness by the text of tlog-witness: what it knows of each origin, and one key for each.
struct Mock {
    key: SigningKey,
    trusted: BTreeMap<String, VerifierKey>,
    last: BTreeMap<String, Checkpoint>,
    asked: usize,
}

impl Mock {
    fn new(number: u8) -> Self {
        let trusted = BTreeMap::from([(ORIGIN.to_owned(), log_key().verifier().clone())]);
        Self { key: witness_key(number), trusted, last: BTreeMap::new(), asked: 0 }
    }

    fn add_checkpoint(&mut self, body: &[u8]) -> (u16, Vec<u8>) {
        self.asked += 1;
        let Ok(request) = std::str::from_utf8(body).unwrap_or_default().parse::<WitnessRequest>() else {
            return (400, Vec::new());
        };
        let next = request.checkpoint().checkpoint();
        let Some(trusted) = self.trusted.get(next.origin()) else { return (404, Vec::new()) };
        if request.checkpoint().note().verify([trusted]).is_err() {
            return (403, Vec::new());
        }
        if let Some(last) = self.last.get(next.origin()) {
            if request.old() != last.size() || (next.size() == last.size() && next.root() != last.root()) {
                return (409, format!("{}\n", last.size()).into_bytes());
            }
            if request.verify(&Policy::of_log(trusted.clone()), last).is_err() {
                return (422, Vec::new());
            }
        } else if request.old() != 0 {
            return (409, b"0\n".to_vec());
        }
        self.last.insert(next.origin().to_owned(), next.clone());
        let signature = self.key.cosign(request.checkpoint().note().text(), TIME).unwrap();
        (200, format!("{signature}\n").into_bytes())
    }

    fn ask(&mut self, log: &Log, old: u64, signed: &mut SignedCheckpoint) -> Result<()> {
        let witness = self.key.verifier().clone();
        let size = signed.checkpoint().size();
        cosign(
            signed,
            &witness,
            old,
            |old| ConsistencyProof::make(&log.tree, old, size),
            |body| Ok(self.add_checkpoint(body)),
        )
    }
}

fn signed(log: &Log, size: u64) -> SignedCheckpoint {
    log.head(size).sign(&log_key()).unwrap()
}

#[test]
fn witnesses_follow_a_log() {
    let (log, policy) = (Log::of(60), policy());
    let mut witnesses = [Mock::new(1), Mock::new(2)];
    for size in [3, 3, 7, 60] {
        let mut checkpoint = signed(&log, size);
        assert!(policy.judge(&checkpoint).is_err());
        for witness in &mut witnesses {
            // It is not known what the witness signed last; it says so.
            witness.ask(&log, 0, &mut checkpoint).unwrap();
        }
        assert_eq!(policy.judge(&checkpoint).unwrap().cosigners.len(), 2);
    }
    assert_eq!(witnesses[0].asked, 1 + 2 + 2 + 2);
    let mut checkpoint = signed(&log, 60);
    witnesses[0].ask(&log, 60, &mut checkpoint).unwrap();
    assert_eq!(witnesses[0].asked, 8);
}

/// keeps S6 of the study: a witness notices what the log's own key cannot.
#[test]
fn two_histories_are_told_and_never_asked_again() {
    let log = Log::of(20);
    let mut copy = Log::of(15);
    (0..15).for_each(|_| {
        let _ = copy.append(Draft::new(("shop", "order-1"), "order.lost"));
    });
    let mut witness = Mock::new(1);
    witness.ask(&log, 0, &mut signed(&log, 20)).unwrap();
    // Of the same size, of a larger one, and an older copy.
    for (size, kind) in [(20, ErrorKind::Diverged), (30, ErrorKind::Diverged), (15, ErrorKind::Older)] {
        let mut checkpoint = signed(&copy, size);
        let before = checkpoint.clone();
        let error = witness.ask(&copy, 0, &mut checkpoint).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(checkpoint, before);
    }
    let error = witness.ask(&copy, 20, &mut signed(&copy, 30)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Diverged);
    assert!(error.message().contains(&copy.head(30).root().to_string()), "{error}");
}

#[test]
fn each_status_has_a_meaning() {
    let log = Log::of(20);
    let request = WitnessRequest::new(log.consistency(7, 20), signed(&log, 20)).unwrap();
    let key = witness_key(1);
    let answer = |status, body: &[u8]| request.answer(key.verifier(), status, body);
    let kind = |status, body: &[u8]| answer(status, body).unwrap_err().kind();
    assert_eq!(answer(409, b"9\n").unwrap(), WitnessAnswer::Behind(9));
    assert_eq!(kind(409, b"21\n"), ErrorKind::Older);
    for body in ["", "9", "09\n", "9\n\n", "-9\n", "nine\n", "7\n", "18446744073709551616\n"] {
        assert_eq!(kind(409, body.as_bytes()), ErrorKind::Invalid, "{body:?}");
    }
    assert_eq!(kind(409, &[0xff; 9]), ErrorKind::Invalid);
    assert_eq!(kind(422, b"whatever"), ErrorKind::Diverged);
    for (status, expected) in
        [(400, ErrorKind::Invalid), (403, ErrorKind::Invalid), (404, ErrorKind::Invalid)]
    {
        assert_eq!(kind(status, b""), expected);
    }
    for status in [0, 100, 204, 301, 429, 500, 503, u16::MAX] {
        assert_eq!(kind(status, b""), ErrorKind::Unavailable);
    }
}

#[test]
fn only_good_cosignatures_of_the_witness_are_taken() {
    let log = Log::of(20);
    let checkpoint = signed(&log, 20);
    let request = WitnessRequest::new(log.consistency(0, 20), checkpoint.clone()).unwrap();
    let (key, other) = (witness_key(1), witness_key(2));
    let line = |key: &SigningKey, text: &str| format!("{}\n", key.cosign(text, TIME).unwrap());
    let text = checkpoint.note().text();
    let answer = |lines: String| request.answer(key.verifier(), 200, lines.as_bytes());
    let Ok(WitnessAnswer::Cosigned(found)) = answer(line(&other, text) + &line(&key, text)) else {
        panic!("refused")
    };
    assert_eq!(found, [key.cosign(text, TIME).unwrap()]);
    assert_eq!(answer(line(&other, text)).unwrap_err().kind(), ErrorKind::Disproved);
    assert_eq!(answer(line(&key, "other\n")).unwrap_err().kind(), ErrorKind::Disproved);
    let mixed = line(&key, text) + &line(&key, "other\n");
    assert_eq!(answer(mixed).unwrap_err().kind(), ErrorKind::Disproved);
    for lines in
        [String::new(), "\n".to_owned(), line(&key, text).trim_end().to_owned(), line(&key, text).repeat(17)]
    {
        assert_eq!(answer(lines).unwrap_err().kind(), ErrorKind::Invalid);
    }
    // A log's key is not a witness's, even if it signs.
    let own = log_key();
    let lines = format!("{}\n", own.sign(text).unwrap());
    assert_eq!(
        request.answer(own.verifier(), 200, lines.as_bytes()).unwrap_err().kind(),
        ErrorKind::Disproved
    );
    assert_eq!(
        request.answer(key.verifier(), 200, &vec![b'a'; 10 << 20]).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

#[test]
fn a_witness_that_never_settles_is_left() {
    let log = Log::of(20);
    let mut checkpoint = signed(&log, 20);
    let asked = RefCell::new(Vec::new());
    let prove = |old| {
        asked.borrow_mut().push(old);
        Ok(log.consistency(old, 20))
    };
    let post = |_: &[u8]| Ok((409, format!("{}\n", 1 + asked.borrow().len()).into_bytes()));
    let error = cosign(&mut checkpoint, witness_key(1).verifier(), 1, prove, post).unwrap_err();
    assert_eq!((error.kind(), asked.into_inner().len()), (ErrorKind::Unavailable, 3));
}

/// The request as a file: what shows that one checkpoint extends another.
#[test]
fn a_request_shows_consistency_to_others() {
    let (log, policy) = (Log::of(60), policy());
    for (old, new) in [(0, 60), (1, 60), (7, 8), (59, 60), (60, 60)] {
        let request = WitnessRequest::new(log.consistency(old, new), log.signed(new)).unwrap();
        let text = request.to_string();
        assert_eq!(text.parse::<WitnessRequest>().unwrap(), request);
        assert_eq!(request.verify(&policy, &log.head(old)).unwrap().checkpoint, log.head(new));
        let mut others: Vec<Checkpoint> = [2, 30, 58].map(|size| log.head(size)).to_vec();
        others.push(Checkpoint::new("another", old, log.head(old).root()).unwrap());
        for older in others {
            assert_eq!(request.verify(&policy, &older).unwrap_err().kind(), ErrorKind::Disproved);
        }
        let lines: Vec<&str> = text.lines().collect();
        for at in 1..lines.iter().position(|line| line.is_empty()).unwrap() {
            let changed = [&lines[..at], &lines[at + 1..]].concat().join("\n") + "\n";
            let changed: WitnessRequest = changed.parse().unwrap();
            assert_eq!(changed.verify(&policy, &log.head(old)).unwrap_err().kind(), ErrorKind::Disproved);
        }
    }
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let long = format!("old 1\n{}\n{}", hash.repeat(64), log.signed(60));
    assert_eq!(long.parse::<WitnessRequest>().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(format!("old 61\n\n{}", log.signed(60)).parse::<WitnessRequest>().is_err());
    assert!(WitnessRequest::new(log.consistency(7, 59), log.signed(60)).is_err());
}
