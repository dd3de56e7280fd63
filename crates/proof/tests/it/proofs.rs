//! Proof files: what they show, and that nothing in them can be changed.

use tidegate_format::record::ENTRY_BYTES;
use tidegate_format::{Blind, Draft, ErrorKind, Position};
use tidegate_proof::tree::InclusionProof;
use tidegate_proof::{Disclosure, DisclosureForm, Entry, Policy, Proof};

use crate::sample::{Log, ORIGIN, TIME, log_key, policy};

const FORMS: [DisclosureForm; 3] = [DisclosureForm::Entry, DisclosureForm::Names, DisclosureForm::Payload];

/// The step that refuses a file.
fn step(text: &str, policy: &Policy) -> Option<String> {
    let proof = match text.parse::<Proof>() {
        Ok(proof) => proof,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            return Some("grammar".to_owned());
        }
    };
    assert_eq!(proof.to_string(), text, "what is read prints as the same text");
    let error = proof.verify(policy).err()?;
    assert_eq!(error.kind(), ErrorKind::Disproved, "{error}");
    error.message().split(':').next().map(str::to_owned)
}

#[test]
fn every_event_is_proved_in_every_form() {
    let (log, policy) = (Log::of(40), policy());
    for size in [1, 2, 39, 40] {
        for position in [1, 2, 7, 28, 39, 40].into_iter().filter(|position| *position <= size) {
            for form in FORMS {
                let text = log.proof(position, size, form).to_string();
                let proof: Proof = text.parse().unwrap();
                assert_eq!(proof.to_string(), text);
                let proved = proof.verify(&policy).unwrap();
                let record = log.record(position);
                assert_eq!((proved.leaf, proved.entry), (record.leaf(), Entry::from(&record)));
                assert_eq!(
                    (proved.approval.checkpoint.origin(), proved.approval.checkpoint.size()),
                    (ORIGIN, size)
                );
                assert!(proved.approval.cosigners.iter().all(|cosigner| cosigner.time == TIME));
                assert_eq!(proved.record().is_some(), form != DisclosureForm::Entry);
            }
        }
    }
}

#[test]
fn what_is_disclosed_reads_as_the_record() {
    let mut log = Log::of(30);
    log.append(Draft::new(("shop", "large"), "order.noted").bytes(vec![7; 5000]).tag("large"));
    let log = log;
    for record in log.records() {
        let entry = Entry::from(&record);
        assert_eq!((entry.position(), entry.version()), (record.position(), record.version()));
        assert_eq!((entry.previous(), entry.link()), (record.previous(), record.link()));
        assert_eq!((entry.time(), entry.id(), entry.lane()), (record.time(), record.id(), record.lane()));
        assert_eq!(
            (entry.payload_bytes() as usize, entry.schema()),
            (record.payload_bytes(), record.schema())
        );
        for form in FORMS {
            let disclosure = Disclosure::of(&record, form).unwrap();
            assert_eq!(Disclosure::read(disclosure.as_bytes()).unwrap(), disclosure);
            assert_eq!((disclosure.form(), disclosure.entry().leaf()), (form, record.leaf()));
            let Some(shown) = disclosure.record() else { continue };
            let shown = shown.record();
            assert_eq!(
                (shown.leaf(), shown.kind(), shown.scope()),
                (record.leaf(), record.kind(), record.scope())
            );
            assert!(shown.tags().eq(record.tags()) && shown.metadata().eq(record.metadata()));
            assert_eq!(shown.key().map(|(key, _)| key), record.key().map(|(key, _)| key));
            assert_eq!(shown.payload_bytes(), record.payload_bytes());
            assert_eq!(
                shown.payload().ok(),
                record.payload().ok().filter(|_| form == DisclosureForm::Payload)
            );
        }
    }
}

/// Neither the names nor the payload can be told from a form that does not show them.
#[test]
fn what_is_not_shown_is_not_there() {
    let mut log = Log::of(3);
    let draft = Draft::new(("secret-scope", "secret-entity"), "secret.kind")
        .bytes(&b"secret-payload"[..])
        .tag("secret-tag");
    let position = log.append(draft);
    let bytes = |form| Disclosure::of(&log.record(position.0), form).unwrap().as_bytes().to_vec();
    let has = |form, word: &str| bytes(form).windows(word.len()).any(|window| window == word.as_bytes());
    assert!(!has(DisclosureForm::Entry, "secret"));
    assert!(has(DisclosureForm::Names, "secret-tag") && !has(DisclosureForm::Names, "secret-payload"));
    let blind = Blind([!(position.0 as u8); 16]).0;
    assert!(!bytes(DisclosureForm::Names).windows(16).any(|window| window == blind));
    assert!(bytes(DisclosureForm::Payload).windows(16).any(|window| window == blind));
    assert!(has(DisclosureForm::Payload, "secret-payload"));
}

#[test]
fn a_proof_outlives_the_payload() {
    let (mut log, policy) = (Log::of(20), policy());
    let before = log.proof(9, 20, DisclosureForm::Payload);
    let names = log.proof(9, 20, DisclosureForm::Names);
    log.erase(9);
    assert!(before.verify(&policy).is_ok());
    assert_eq!(log.proof(9, 20, DisclosureForm::Names), names);
    let error = Disclosure::of(&log.record(9), DisclosureForm::Payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Erased);
}

/// Every bit of one form and one of each byte of the others, and every cut: refused by its grammar or by a check, and by
/// the check that is meant.
#[test]
fn no_bit_of_a_proof_can_be_changed() {
    let (log, policy) = (Log::of(11), policy());
    for (form, position) in FORMS.into_iter().zip([4, 7, 11]) {
        let text = log.proof(position, 11, form).to_string();
        assert_eq!(step(&text, &policy), None);
        let checkpoint = text.find(ORIGIN).unwrap();
        let signatures = checkpoint + text[checkpoint..].find("\n\n").unwrap();
        for at in 0..text.len() {
            let cut = text.get(..at).and_then(|cut| step(cut, &policy));
            assert!(cut.is_some() || !text.is_char_boundary(at), "cut at byte {at}");
            for bit in (0..8).filter(|bit| form == DisclosureForm::Names || at % 8 == *bit) {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let step = step(&changed, &policy)
                    .unwrap_or_else(|| panic!("bit {bit} of byte {at} goes unnoticed"));
                let steps: &[&str] = match at {
                    at if at > signatures => &["grammar", "signature", "quorum"],
                    at if at >= checkpoint => &["grammar", "inclusion", "origin", "signature"],
                    _ => &["grammar", "position", "inclusion"],
                };
                assert!(steps.contains(&step.as_str()), "bit {bit} of byte {at}: {step}");
            }
        }
    }
}

/// Lines left out, doubled and exchanged.
#[test]
fn no_line_of_a_proof_can_be_moved() {
    let (log, policy) = (Log::of(11), policy());
    let text = log.proof(4, 11, DisclosureForm::Names).to_string();
    let lines: Vec<&str> = text.lines().collect();
    let join = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    // The last three lines are signatures, whose order and number of times mean nothing.
    let signatures = lines.len() - 3;
    for at in 0..lines.len() {
        let without = [&lines[..at], &lines[at + 1..]].concat();
        assert!(step(&join(&without), &policy).is_some(), "without line {at}");
        if at < signatures {
            let doubled = [&lines[..=at], &lines[at..]].concat();
            assert!(step(&join(&doubled), &policy).is_some(), "line {at} twice");
        }
        for other in (at + 1..lines.len()).filter(|other| lines[at] != lines[*other]) {
            let mut exchanged = lines.clone();
            exchanged.swap(at, other);
            let is_fine = at >= signatures;
            assert_eq!(step(&join(&exchanged), &policy).is_none(), is_fine, "lines {at} and {other}");
        }
    }
}

/// Parts of proofs that are good by themselves.
#[test]
fn parts_of_other_proofs_do_not_fit() {
    let (log, policy) = (Log::of(11), policy());
    let other = {
        let mut other = Log::default();
        other.append(Draft::new(("other", "store"), "is.another").bytes(&b"1"[..]));
        (2..=11).for_each(|_| {
            let _ = other.append(Draft::new(("shop", "order-1"), "order.placed"));
        });
        other
    };
    let disclosure = |log: &Log, at| Disclosure::of(&log.record(at), DisclosureForm::Payload).unwrap();
    let way = |log: &Log, at: u64, size| InclusionProof::make(&log.tree, at - 1, size).unwrap();
    let judge =
        |disclosure, way, signed| step(&Proof::new(disclosure, way, signed).unwrap().to_string(), &policy);
    assert_eq!(judge(disclosure(&log, 4), way(&log, 4, 11), log.signed(11)), None);
    let inclusion = Some("inclusion".to_owned());
    assert_eq!(judge(disclosure(&other, 4), way(&log, 4, 11), log.signed(11)), inclusion);
    assert_eq!(judge(disclosure(&log, 4), way(&other, 4, 11), log.signed(11)), inclusion);
    assert_eq!(judge(disclosure(&log, 4), way(&log, 4, 11), other.signed(11)), inclusion);
    // An older checkpoint proves what it covers, and only that.
    assert_eq!(judge(disclosure(&log, 4), way(&log, 4, 5), log.signed(5)), None);
    let stale = log.proof(4, 11, DisclosureForm::Entry).to_string();
    let stale = stale.replace(&log.signed(11).to_string(), &log.signed(5).to_string());
    assert_eq!(step(&stale, &policy), inclusion);
    let wrong = Proof::new(disclosure(&log, 4), way(&log, 5, 11), log.signed(11)).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Invalid);
    assert!(Proof::new(disclosure(&log, 4), way(&log, 4, 10), log.signed(11)).is_err());
    // The event at 4 does not stand at 5, although its leaf may be claimed there.
    let moved = log.proof(4, 11, DisclosureForm::Entry).to_string().replace("\nindex 3\n", "\nindex 4\n");
    assert_eq!(step(&moved, &policy), Some("position".to_owned()));
    // A policy for another log, and one that asks for more.
    let text = log.proof(4, 11, DisclosureForm::Entry).to_string();
    let elsewhere = "quorum none\n".parse().unwrap();
    assert_eq!(step(&text, &elsewhere), Some("origin".to_owned()));
    assert_eq!(step(&text, &Policy::of_log(log_key().verifier().clone())), None);
}

/// The leaf is that of what is disclosed: names and payload cannot be exchanged for others of the same length.
#[test]
fn what_is_disclosed_cannot_be_exchanged() {
    let (log, policy) = (Log::of(11), policy());
    for (form, position) in [(DisclosureForm::Names, 4), (DisclosureForm::Payload, 11)] {
        let disclosure = Disclosure::of(&log.record(position), form).unwrap();
        for at in 0..disclosure.as_bytes().len() {
            let mut bytes = disclosure.as_bytes().to_vec();
            bytes[at] ^= 1;
            let Ok(changed) = Disclosure::read(&bytes) else { continue };
            assert_ne!(changed.entry().leaf(), log.record(position).leaf(), "byte {at}");
            let way = InclusionProof::make(&log.tree, position - 1, 11).unwrap();
            let Ok(proof) = Proof::new(changed, way, log.signed(11)) else { continue };
            assert_eq!(step(&proof.to_string(), &policy), Some("inclusion".to_owned()), "byte {at}");
        }
    }
}

#[test]
fn only_what_is_an_event_can_be_disclosed() {
    let log = Log::of(8);
    let whole = |form| Disclosure::of(&log.record(7), form).unwrap().as_bytes().to_vec();
    let mut no_place = whole(DisclosureForm::Entry);
    no_place[1..9].fill(0);
    let mut no_flag = whole(DisclosureForm::Names);
    no_flag[1 + 92] = 0xff;
    let mut too_long = whole(DisclosureForm::Names);
    too_long[85..89].fill(0xff);
    let wrong = [
        Vec::new(),
        vec![0],
        vec![1],
        vec![2],
        vec![3; 200],
        vec![0; 1 + ENTRY_BYTES],
        whole(DisclosureForm::Entry)[..ENTRY_BYTES].to_vec(),
        [whole(DisclosureForm::Entry), vec![0]].concat(),
        [whole(DisclosureForm::Names), vec![0]].concat(),
        [whole(DisclosureForm::Payload), vec![0]].concat(),
        no_place,
        no_flag,
        too_long,
    ];
    for bytes in wrong {
        assert_eq!(
            Disclosure::read(&bytes).map_err(|error| error.kind()),
            Err(ErrorKind::Invalid),
            "{bytes:?}"
        );
    }
    for form in [DisclosureForm::Names, DisclosureForm::Payload] {
        let bytes = whole(form);
        for length in 0..bytes.len() {
            assert!(Disclosure::read(&bytes[..length]).is_err(), "{form:?} of {length} bytes");
        }
    }
}

#[test]
fn a_file_without_what_it_proves_is_refused() {
    let (log, policy) = (Log::of(8), policy());
    let text = log.proof(7, 8, DisclosureForm::Entry).to_string();
    let extra = text.lines().nth(1).unwrap();
    let without = text.replace(&format!("{extra}\n"), "");
    let error = without.parse::<Proof>().unwrap_err();
    assert!(error.message().contains("`extra`"), "{error}");
    for (from, to) in
        [("proof@v1", "proof@v2"), ("index 6", "index 06"), ("index 6", "index"), ("\n\n", "\n\n\n")]
    {
        assert_eq!(step(&text.replacen(from, to, 1), &policy), Some("grammar".to_owned()), "{to:?}");
    }
    assert_eq!(text.parse::<Proof>().unwrap().position(), Position(7));
}
