//! Any text: never a panic, and what is read prints as it was.

use std::fmt::Display;
use std::str::FromStr;

use proptest::prelude::*;
use tidegate_format::Error;
use tidegate_proof::census::{Census, CensusProof};
use tidegate_proof::tree::Tile;
use tidegate_proof::{
    Checkpoint, Disclosure, DisclosureForm, Policy, Proof, SignedCheckpoint, SignedNote, SigningKey,
    VerifierKey, WitnessRequest,
};

use crate::sample::{Log, log_key, policy, witness_key};

/// What is read prints as the same text.
fn read<T: FromStr<Err = Error> + Display>(text: &str) -> Option<T> {
    let found = text.parse::<T>().ok()?;
    assert_eq!(found.to_string(), text);
    Some(found)
}

/// Hands a text to everything that reads one.
fn read_all(text: &str) {
    let policy = policy();
    read::<SignedNote>(text).map(|note| note.verify([log_key().verifier()]).map(|_| ()));
    read::<SignedCheckpoint>(text).map(|signed| policy.judge(&signed).map(|_| ()));
    read::<Proof>(text).map(|proof| proof.verify(&policy).map(|_| ()));
    read::<WitnessRequest>(text);
    read::<CensusProof>(text);
    read::<Checkpoint>(text);
    read::<VerifierKey>(text);
    read::<Census>(text);
    read::<Tile>(text);
    let _ = text.parse::<SigningKey>().map(|key| assert_eq!(key.to_secret_text(), text));
    if let Ok(policy) = text.parse::<Policy>() {
        assert_eq!(policy.to_string().parse::<Policy>().as_ref().ok(), Some(&policy));
    }
}

/// Texts to start from.
fn examples() -> Vec<String> {
    let log = Log::of(9);
    let request = WitnessRequest::new(log.consistency(3, 9), log.signed(9)).unwrap();
    vec![
        log.proof(4, 9, DisclosureForm::Names).to_string(),
        log.signed(9).to_string(),
        request.to_string(),
        policy().to_string(),
        log.head(9).to_string(),
        log_key().to_secret_text(),
        witness_key(1).verifier().to_string(),
        "tile/1/x001/234.p/5".to_owned(),
    ]
}

fn changed() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "\n",
        "\n\n",
        " ",
        "+",
        "=",
        "\u{2014} ",
        "old ",
        "index ",
        "extra ",
        "0",
        "A",
        "\u{e9}",
        "log ",
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, words), 0..4);
    (prop::sample::select(examples()), edits).prop_map(|(text, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, length, word) in edits {
            let start = at.index(chars.len() + 1);
            let end = chars.len().min(start + length);
            chars.splice(start..end, word.chars());
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        read_all(&text);
    }

    #[test]
    fn any_change_of_a_text_is_read_or_refused(text in changed()) {
        read_all(&text);
    }

    #[test]
    fn any_bytes_are_a_disclosure_or_refused(form in 0..3_u8, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&[form][..], &bytes].concat();
        if let Ok(read) = Disclosure::read(&bytes) {
            prop_assert_eq!(read.as_bytes(), &bytes[..]);
            let leaf = read.entry().leaf();
            let found = read.record().map(|record| record.record().leaf());
            prop_assert_eq!(found, (form != 0).then_some(leaf));
        }
    }
}
