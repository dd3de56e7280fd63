//! Proofs: the root of the tree over the log, and the way from an event to it.

use serde_json::{Value, json};
use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, DisclosureForm, Proof};
use tidegate::{Error, Position, Result};
use tidegate_format::ErrorKind;
use tidegate_proof::{Disclosure, KeyAlgorithm, SigningKey};

use super::rows::row;
use super::subject::{Question, find};

/// Answers the root over the log as of the position that is asked for.
pub(super) fn proofs(question: &Question<'_>) -> Result<Value> {
    let size = question.view()?.head().0;
    let store = &question.subject.store;
    Ok(json!({
        "size": size,
        "root": store.proofs().root(size)?.to_string(),
        "origin": Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?,
    }))
}

/// Answers the entry of an event, and the hashes that lead from its leaf to the root. The page computes that root itself.
pub(super) fn proof(question: &Question<'_>, name: &str) -> Result<Value> {
    let view = question.view()?;
    let position = find(name, &view)?;
    let missing = || Error::damaged("an event of the log is not in it", position, "none");
    let event = view.at(position)?.ok_or_else(missing)?;
    let entry = Disclosure::of(&event.record(), DisclosureForm::Entry)?.entry();
    let made = inclusion(question, position, view.head().0)?;
    let (way, checkpoint) = made.split_once("\n\n").unwrap_or((&made, ""));
    // The lines before the hashes: the name of the format, what is disclosed, and the index.
    let hashes: Vec<&str> = way.lines().skip_while(|line| !line.starts_with("index ")).skip(1).collect();
    let root = checkpoint.lines().nth(2).unwrap_or_default();
    let bytes: Vec<u8> = entry.as_bytes().to_vec();
    Ok(json!({
        "row": row(&event),
        "index": position.0 - 1,
        "size": view.head().0,
        "entry": bytes,
        "leaf": event.leaf().to_string(),
        "hashes": hashes,
        "root": root,
    }))
}

/// Returns a proof as text, under a checkpoint that a key of the moment has signed: the way to the root is what counts here.
fn inclusion(question: &Question<'_>, position: Position, size: u64) -> Result<String> {
    let store = &question.subject.store;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|cause| Error::new(ErrorKind::Io, "the system gives no random numbers").because(cause))?;
    let origin = Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?;
    let key = SigningKey::new(&origin, KeyAlgorithm::Ed25519, seed)?;
    let checkpoint = Checkpoint::new(&origin, size, store.proofs().root(size)?)?.sign(&key)?;
    let proof: Proof = store.proofs().prove(position, &checkpoint, DisclosureForm::Entry)?;
    Ok(proof.to_string())
}
