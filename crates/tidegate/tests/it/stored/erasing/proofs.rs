//! What was proved before an erasure stays proved.

use tidegate::proofs::DisclosureForm;
use tidegate::{ErrorKind, Position, Query};

use super::{erase, fill, shown, subject};
use crate::faults::stage::{Stage, history};
use crate::stored::proofs::{KeyDisk, audit, policy, size};

const FORMS: [DisclosureForm; 3] = [DisclosureForm::Entry, DisclosureForm::Names, DisclosureForm::Payload];

#[test]
fn what_was_handed_out_before_still_verifies() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 9);
    let signer = KeyDisk::new(2).create(store.id()).unwrap();
    let policy = policy(&signer);
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let evidence = store.proofs().evidence(&Query::ALL, Position(1), Position(size(&signed))).unwrap();
    let mut handed_out = Vec::new();
    for (position, leaf) in history(&store).unwrap() {
        for form in FORMS {
            let proof = store.proofs().prove(Position(position), &signed, form).unwrap();
            handed_out.push((position, leaf, form, proof));
        }
    }
    erase(&store, &subject(1)).unwrap();
    let later = store.proofs().checkpoint(&signer).unwrap();
    let steps = store.proofs().consistency(size(&signed), size(&later)).unwrap();
    later.checkpoint().check_extends(signed.checkpoint(), &steps.hashes).unwrap();
    store.close().unwrap();
    stage.restart();
    let store = stage.open();
    let erased = shown(&store).1;
    assert!(erased.len() > 3);
    store.proofs().check(signed.checkpoint()).unwrap();
    store.proofs().check_evidence(&evidence).unwrap();
    for (position, leaf, form, proof) in &handed_out {
        audit(proof, &policy, *position, *leaf);
        assert_eq!(store.view().unwrap().at(Position(*position)).unwrap().unwrap().leaf(), *leaf);
        // Made once more it is the same, but for a payload that is gone.
        let again = store.proofs().prove(Position(*position), &signed, *form);
        if *form == DisclosureForm::Payload && erased.contains(position) {
            assert_eq!(again.unwrap_err().kind(), ErrorKind::Erased, "position {position}");
        } else {
            assert_eq!(&again.unwrap(), proof, "position {position}, {form:?}");
        }
    }
}
