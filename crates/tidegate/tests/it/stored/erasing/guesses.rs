//! Payloads of little entropy are not found by trying: nothing that stays of them says more than chance.

use std::collections::HashSet;

use tidegate::{Batch, Draft, Position, Query};
use tidegate_format::{Blind, Hash, hash};

use super::erase;
use crate::faults::stage::Stage;

/// Every run of 32 bytes in any file: whatever hash stays is among them.
fn remains(stage: &Stage) -> HashSet<[u8; 32]> {
    let files = stage.disk.at_rest();
    let mut found = HashSet::new();
    for name in files.names() {
        let bytes = files.read(&name).unwrap();
        found.extend(bytes.windows(32).map(|run| <[u8; 32]>::try_from(run).expect("they are 32")));
    }
    found
}

/// What one who knows everything that stays can make of a guess.
fn hashes(blinds: &[Blind], guess: &[u8]) -> Vec<Hash> {
    let blinded = blinds.iter().flat_map(|blind| [blind.commit(guess), blind.content(&hash::sha256(guess))]);
    blinded.chain([hash::sha256(guess)]).collect()
}

#[test]
fn pins_and_answers_stay_unknown() {
    let pins: Vec<_> = (0..10_000).map(|pin| format!("{pin:04}")).collect();
    for answers in [pins, vec!["yes".to_owned(), "no".to_owned()]] {
        let stage = Stage::new();
        let store = stage.open();
        let answer = answers[answers.len() / 3].clone();
        let draft = |entity: &'static str, text: &str| {
            Draft::new(("s", entity), "answer.given").bytes(text.as_bytes().to_vec())
        };
        let batch = vec![draft("a", "first"), draft("b", &answer), draft("a", "last")];
        store.append(Batch::from(batch).key("k")).unwrap();
        store.append(draft("b", &answer)).unwrap();
        let at = |position| store.view().unwrap().at(Position(position)).unwrap().unwrap();
        let (blind, commitment) = (at(2).record().blind().unwrap(), at(2).record().commitment());
        let content = at(1).record().key().unwrap().1;
        // What the guesses are worth: with the blind, the answer is found at once.
        let found = |blinds: &[Blind], left: &HashSet<[u8; 32]>| {
            let hits =
                |guess: &&String| hashes(blinds, guess.as_bytes()).iter().any(|hash| left.contains(&hash.0));
            answers.iter().filter(hits).cloned().collect::<Vec<_>>()
        };
        assert_eq!(found(&[blind], &HashSet::from([commitment.0])), std::slice::from_ref(&answer));

        erase(&store, &Query::stream(("s", "b"))).unwrap();
        let others: Vec<_> = [1, 3].map(|position| at(position).record().blind().unwrap()).into();
        assert_eq!((at(2).record().blind(), at(2).record().commitment()), (None, commitment));
        store.close().unwrap();
        let left = remains(&stage);
        assert!(left.contains(&commitment.0), "what the leaf needs is there");
        assert!(!left.contains(&content.0), "the hash of the batch's content stands beside the first blind");
        assert!(!left.iter().any(|run| run.starts_with(&blind.0)), "the blind is gone");
        // Any 16 bytes that are left may be tried as a blind.
        let blinds: Vec<_> =
            left.iter().take(200).map(|run| Blind(*run.first_chunk().expect("they are 32"))).collect();
        assert_eq!(found(&[&*others, &*blinds].concat(), &left), [""; 0]);
    }
}
