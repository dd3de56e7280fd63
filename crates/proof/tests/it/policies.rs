//! Policies: what is read, and what they find good.

use tidegate_format::ErrorKind;
use tidegate_proof::limit::{POLICY_BYTES_MAX, POLICY_MEMBERS_MAX};
use tidegate_proof::{Checkpoint, KeyAlgorithm, Policy, SignedCheckpoint, SigningKey, VerifierKey, tree};

fn key(name: &str, algorithm: KeyAlgorithm, seed: u8) -> SigningKey {
    SigningKey::new(name, algorithm, [seed; 32]).unwrap()
}

fn log(seed: u8) -> SigningKey {
    key("example.com/log", KeyAlgorithm::Ed25519, seed)
}

fn witness(seed: u8) -> SigningKey {
    key(&format!("w{seed}.example"), KeyAlgorithm::Cosignature, seed)
}

/// A log with key 1, witnesses w1 to w6 with keys 11 to 16, and these further lines.
fn policy(lines: &str) -> Result<Policy, tidegate_format::Error> {
    let witness = |seed: u8| format!("witness w{seed} {}\n", witness(10 + seed).verifier());
    let witnesses: String = (1..=6).map(witness).collect();
    format!("log {}\n{witnesses}{lines}", log(1).verifier()).parse()
}

/// A checkpoint signed by the log and by these witnesses.
fn signed(witnesses: &[u8]) -> SignedCheckpoint {
    let head = Checkpoint::new("example.com/log", 0, tree::empty_root()).unwrap();
    let mut signed = head.sign(&log(1)).unwrap();
    for seed in witnesses {
        signed.add(witness(10 + seed).cosign(signed.note().text(), 5).unwrap()).unwrap();
    }
    signed
}

fn step(policy: &Policy, signed: &SignedCheckpoint) -> String {
    let error = policy.judge(signed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disproved, "{error}");
    error.message().split(':').next().unwrap().to_owned()
}

/// The example of the specification: two of three of one organization, and any of three of another one.
#[test]
fn a_quorum_of_groups_is_judged() {
    let policy =
        policy("group x 2 w1 w2 w3\ngroup y any w4 w5 w6\ngroup both all x y\nquorum both\n").unwrap();
    for mask in 0_u8..64 {
        let witnesses: Vec<u8> = (1..=6).filter(|at| mask >> (at - 1) & 1 == 1).collect();
        let signed = signed(&witnesses);
        if (mask & 7).count_ones() >= 2 && mask >> 3 != 0 {
            let approval = policy.judge(&signed).unwrap();
            assert_eq!((approval.cosigners.len(), approval.signers.len()), (witnesses.len(), 1));
            assert!(approval.cosigners.iter().all(|cosigner| cosigner.time == 5));
        } else {
            assert_eq!(step(&policy, &signed), "quorum", "{witnesses:?}");
        }
    }
}

#[test]
fn the_step_that_refuses_is_named() {
    let policy = policy("quorum w1\n").unwrap();
    assert!(policy.judge(&signed(&[1])).is_ok());
    assert_eq!(step(&policy, &signed(&[2])), "quorum");
    let head = |origin: &str| Checkpoint::new(origin, 0, tree::empty_root()).unwrap();
    let elsewhere = head("example.org").sign(&key("example.org", KeyAlgorithm::Ed25519, 1)).unwrap();
    assert_eq!(step(&policy, &elsewhere), "origin");
    let mut forged = head("example.com/log").sign(&log(2)).unwrap();
    forged.add(witness(11).cosign(forged.note().text(), 5).unwrap()).unwrap();
    assert_eq!(step(&policy, &forged), "signature");
    let mut wrong = signed(&[1]);
    wrong.add(witness(12).cosign("another text\n", 5).unwrap()).unwrap();
    assert_eq!(step(&policy, &wrong), "signature");
    let none: Policy = "quorum none\n".parse().unwrap();
    assert_eq!(step(&none, &signed(&[1])), "origin");
}

/// The key of one log does not sign for another one, though both are trusted.
#[test]
fn a_log_signs_for_its_own_origin() {
    let other = key("example.org", KeyAlgorithm::Ed25519, 2);
    let text = format!("log {}\nlog {}\nquorum none\n", log(1).verifier(), other.verifier());
    let policy: Policy = text.parse().unwrap();
    let signature = other.sign(signed(&[]).note().text()).unwrap();
    let mut both = signed(&[]);
    both.add(signature.clone()).unwrap();
    assert_eq!(policy.judge(&both).unwrap().signers, [log(1).verifier().clone()]);
    let note = tidegate_proof::SignedNote::new(both.note().text(), vec![signature]).unwrap();
    assert_eq!(step(&policy, &note.try_into().unwrap()), "signature");
}

#[test]
fn keys_rotate_under_one_origin() {
    let (old, new) = (log(1), log(2));
    let text = format!("log {}\nlog {}\nquorum none\n", old.verifier(), new.verifier());
    let policy: Policy = text.parse().unwrap();
    let mut both = signed(&[]);
    assert_eq!(policy.judge(&both).unwrap().signers.len(), 1);
    both.add(new.sign(both.note().text()).unwrap()).unwrap();
    assert_eq!(policy.judge(&both).unwrap().signers.len(), 2);
    assert!(Policy::of_log(new.verifier().clone()).judge(&both).is_ok());
    assert_eq!(step(&Policy::of_log(new.verifier().clone()), &signed(&[])), "signature");
}

/// A key whose signatures are not checked may be listed, and fulfils nothing.
#[test]
fn ml_dsa_keys_count_for_nothing() {
    let key = VerifierKey::new("pq.example", KeyAlgorithm::MlDsa44, &[5; 1312]).unwrap();
    let listed = policy(&format!("witness pq {key}\ngroup any any w1 pq\nquorum any\n")).unwrap();
    assert!(listed.judge(&signed(&[1])).is_ok());
    assert_eq!(step(&policy(&format!("witness pq {key}\nquorum pq\n")).unwrap(), &signed(&[1])), "quorum");
}

#[test]
fn what_is_read_prints_as_it_was_written() {
    let [a, b] = [log(1).verifier().to_string(), witness(11).verifier().to_string()];
    let text = format!(
        "# a comment\n\n \t\n  log\t{a}  https://example.com/ \n#log\nwitness w {b}\ngroup g 1 w\nquorum g\n# no more\n"
    );
    let policy: Policy = text.parse().unwrap();
    let plain = format!("log {a} https://example.com/\nwitness w {b}\ngroup g 1 w\nquorum g\n");
    assert_eq!(policy.to_string(), plain);
    assert_eq!(plain.parse::<Policy>().unwrap(), policy);
    assert_eq!(policy.log_keys().count(), 1);
    assert_eq!(policy.witness_keys().next().unwrap().1, None);
    // Names and comments may be in any encoding.
    let latin = [&b"witness M\xfcller "[..], b.as_bytes(), b" #\xe4\nquorum M\xfcller\n"].concat();
    assert!(Policy::read(&latin).is_ok());
}

#[test]
fn only_lines_of_the_grammar_are_a_policy() {
    let [own, other] = [log(1).verifier().to_string(), witness(11).verifier().to_string()];
    let renamed = key("another-name", KeyAlgorithm::Cosignature, 11);
    let same_log = key("another-log", KeyAlgorithm::Ed25519, 1);
    for lines in [
        String::new(),
        "quorum none".to_owned(),
        "quorum none\nquorum none\n".to_owned(),
        "quorum w1\nquorum none\n".to_owned(),
        "quorum w7\n".to_owned(),
        "quorum\n".to_owned(),
        "quorum w1 w2\n".to_owned(),
        "quorum g\ngroup g any w1\n".to_owned(),
        "group g any\nquorum none\n".to_owned(),
        "group g 0 w1\nquorum none\n".to_owned(),
        "group g 2 w1\nquorum none\n".to_owned(),
        "group g 01 w1\nquorum none\n".to_owned(),
        "group g some w1\nquorum none\n".to_owned(),
        "group g any w1 w1\nquorum none\n".to_owned(),
        "group g any w1\ngroup h any w1\nquorum none\n".to_owned(),
        "group g any none\nquorum none\n".to_owned(),
        "group g any g\nquorum none\n".to_owned(),
        "group none any w1\nquorum none\n".to_owned(),
        "group w1 any w2\nquorum none\n".to_owned(),
        "group g any w1\ngroup g any w2\nquorum none\n".to_owned(),
        format!("log {own}\nquorum none\n"),
        format!("log {}\nquorum none\n", same_log.verifier()),
        format!("witness again {other}\nquorum none\n"),
        format!("witness again {}\nquorum none\n", renamed.verifier()),
        format!("witness w1 {}\nquorum none\n", witness(99).verifier()),
        format!("witness none {}\nquorum none\n", witness(99).verifier()),
        format!("witness log {}\nquorum none\n", log(9).verifier()),
        "witness x\nquorum none\n".to_owned(),
        "log x\nquorum none\n".to_owned(),
        "Quorum none\n".to_owned(),
        "quorum none\r\n".to_owned(),
        "# \u{1}\nquorum none\n".to_owned(),
    ] {
        let error = policy(&lines).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{lines}");
        assert!(!error.message().contains('\n'), "{error}");
    }
}

#[test]
fn a_policy_is_bounded() {
    let many = |what: &dyn Fn(usize) -> String, count: usize| {
        let lines: String = (0..count).map(what).collect();
        format!("{lines}quorum none\n").parse::<Policy>().map(|_| ())
    };
    let log = |at: usize| format!("log {}\n", log(at as u8 + 1).verifier());
    let witness = |at: usize| format!("witness w{at} {}\n", witness(at as u8 + 1).verifier());
    let first = format!("witness w {}\ngroup g0 any w\n", key("w", KeyAlgorithm::Cosignature, 99).verifier());
    let group = |at: usize| if at == 0 { first.clone() } else { format!("group g{at} any g{}\n", at - 1) };
    for what in [&log as &dyn Fn(usize) -> String, &witness, &group] {
        assert!(many(what, POLICY_MEMBERS_MAX).is_ok());
        assert_eq!(many(what, POLICY_MEMBERS_MAX + 1).unwrap_err().kind(), ErrorKind::Invalid);
    }
    let long = format!("#{}\nquorum none\n", "x".repeat(POLICY_BYTES_MAX));
    assert_eq!(long.parse::<Policy>().unwrap_err().kind(), ErrorKind::Invalid);
}
