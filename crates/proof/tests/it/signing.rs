//! Signers: one history, and never two.

use tidegate_format::{Draft, ErrorKind, Hash};
use tidegate_proof::tree::ConsistencyProof;
use tidegate_proof::{Checkpoint, KeyAlgorithm, MemorySigner, Signer, SigningKey};

use crate::sample::{Log, ORIGIN, log_key, witness_key};

fn signer() -> MemorySigner {
    MemorySigner::new(log_key()).unwrap()
}

/// keeps S3
#[test]
fn each_checkpoint_extends_the_last_one() {
    let (log, signer) = (Log::of(300), signer());
    assert_eq!(signer.last().unwrap(), None);
    let mut last = 0;
    for size in [0, 1, 2, 2, 7, 8, 255, 256, 300] {
        let hashes = log.consistency(last, size).hashes;
        let signed = signer.sign(&log.head(size), &hashes).unwrap();
        assert_eq!(signer.last().unwrap(), Some(signed.clone()));
        assert_eq!(signed.checkpoint(), &log.head(size));
        signed.note().verify([&signer.key()]).unwrap();
        last = size;
    }
}

/// keeps S3, S4: the same question has the same answer, also after a crash between writing down and giving away.
#[test]
fn the_same_checkpoint_has_the_same_signature() {
    let (log, signer) = (Log::of(9), signer());
    let first = signer.sign(&log.head(9), &[]).unwrap();
    assert_eq!(signer.sign(&log.head(9), &[]).unwrap(), first);
    assert_eq!(MemorySigner::new(log_key()).unwrap().sign(&log.head(9), &[]).unwrap(), first);
}

/// keeps S2, S3: a store that was put back from an older copy.
#[test]
fn an_older_copy_is_not_signed() {
    let (log, signer) = (Log::of(20), signer());
    let signed = signer.sign(&log.head(20), &[]).unwrap();
    for size in [0, 1, 19] {
        assert_eq!(signer.sign(&log.head(size), &[]).unwrap_err().kind(), ErrorKind::Older, "{size}");
    }
    assert_eq!(signer.last().unwrap(), Some(signed));
    // A signer that has lost its memory is not asked to go on from something.
    let hashes = log.consistency(7, 20).hashes;
    assert_eq!(self::signer().sign(&log.head(20), &hashes).unwrap_err().kind(), ErrorKind::Older);
}

/// keeps S3: a copy that went on by itself, whatever it shows.
#[test]
fn a_copy_that_went_on_is_not_signed() {
    let (log, signer) = (Log::of(20), signer());
    let mut copy = Log::of(15);
    (0..15).for_each(|_| {
        let _ = copy.append(Draft::new(("shop", "order-1"), "order.lost"));
    });
    let signed = signer.sign(&log.head(20), &[]).unwrap();
    let proofs = [
        Vec::new(),
        copy.consistency(20, 30).hashes,
        copy.consistency(15, 30).hashes,
        log.consistency(15, 20).hashes,
        vec![Hash::ZERO; 100],
    ];
    for hashes in proofs {
        for size in [20, 21, 30] {
            let error = signer.sign(&copy.head(size), &hashes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Diverged, "{error}");
        }
    }
    assert_eq!(signer.last().unwrap(), Some(signed));
}

/// keeps S5
#[test]
fn a_key_signs_for_its_own_origin() {
    let log = Log::of(3);
    let next = Checkpoint::new("tidegate.local/another", 3, log.head(3).root()).unwrap();
    let signer = signer();
    assert_eq!(signer.sign(&next, &[]).unwrap_err().kind(), ErrorKind::Invalid);
    signer.sign(&log.head(3), &[]).unwrap();
    assert_eq!(signer.sign(&next, &[]).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(signer.key().name(), ORIGIN);
    for size in [2, 3, 4] {
        let other = Checkpoint::new("tidegate.local/another", size, log.head(3).root()).unwrap();
        assert_eq!(other.check_extends(&log.head(3), &[]).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(MemorySigner::new(witness_key(1)).is_err());
}

/// keeps S3: any two checkpoints that were ever signed are of one history, whatever was asked.
#[test]
fn all_that_was_signed_is_one_history() {
    let (log, signer) = (Log::of(40), signer());
    let mut copy = Log::of(10);
    (0..30).for_each(|_| {
        let _ = copy.append(Draft::new(("shop", "order-1"), "order.lost"));
    });
    let mut signed: Vec<Checkpoint> = Vec::new();
    let mut choice = 7_u64;
    let mut next = |end: u64| {
        choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (choice >> 33) % end
    };
    for _ in 0..400 {
        let of = if next(2) == 0 { &log } else { &copy };
        let (old, new) = (next(41), next(41));
        let hashes = if old <= new { of.consistency(old, new).hashes } else { Vec::new() };
        signed.extend(signer.sign(&of.head(new), &hashes).ok().map(|signed| signed.checkpoint().clone()));
    }
    assert!(signed.len() > 5, "{}", signed.len());
    assert!(signed.is_sorted_by_key(Checkpoint::size));
    let last = signed.last().unwrap();
    let is_of = |log: &&&Log| log.head(last.size()) == *last;
    let tree = &[&log, &copy].iter().find(is_of).expect("it is of one of the two").tree;
    for pair in signed.windows(2) {
        let proof = ConsistencyProof::make(tree, pair[0].size(), pair[1].size()).unwrap();
        pair[1].check_extends(&pair[0], &proof.hashes).unwrap();
    }
}

#[test]
fn two_keys_sign_one_checkpoint() {
    let log = Log::of(9);
    let new = MemorySigner::new(SigningKey::new(ORIGIN, KeyAlgorithm::Ed25519, [9; 32]).unwrap()).unwrap();
    let mut signed = signer().sign(&log.head(9), &[]).unwrap();
    for signature in new.sign(&log.head(9), &[]).unwrap().note().signatures() {
        signed.add(signature.clone()).unwrap();
    }
    assert_eq!(signed.note().verify([&signer().key(), &new.key()]).unwrap().len(), 2);
}
