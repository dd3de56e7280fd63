//! What a fuzzer found to be of interest, replayed, and random changes of it.
#![allow(clippy::disallowed_methods, reason = "inputs are read outside the store")]

use std::fs;
use std::path::PathBuf;

use tidegate_fuzz_cases::TARGETS;

/// Random changes of the corpus of a target that are tried, unless `TIDEGATE_FUZZ_CHANGES` says otherwise.
const CHANGES: u64 = 1500;
/// The longest input that a change makes.
const BYTES_MAX: usize = 8192;

/// The inputs of a target that are kept, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(target);
    let listed = fs::read_dir(&folder).expect("the corpus is there");
    let paths = listed.map(|entry| entry.expect("it can be listed").path());
    let read = |path: PathBuf| (path.display().to_string(), fs::read(path).expect("it can be read"));
    let mut inputs: Vec<_> = paths.map(read).collect();
    inputs.sort();
    assert!(inputs.len() > 3, "{} holds what the fuzzer starts from", folder.display());
    inputs
}

/// Repeatable choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % end.max(1) as u64) as usize
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let end = bytes.len().min(at + 1 + self.below(40));
        match self.below(6) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, vec![self.below(256) as u8; self.below(40)])),
            4 => {
                let from = self.below(other.len() + 1);
                let to = other.len().min(from + self.below(200));
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            _ => bytes[at..end].fill(self.below(256) as u8),
        }
        bytes.truncate(BYTES_MAX);
    }
}

fn replay(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).expect("it is a target");
    let inputs = corpus(name);
    for (path, bytes) in &inputs {
        let done = std::panic::catch_unwind(|| target(bytes));
        assert!(done.is_ok(), "{path} fails");
    }
    let changes =
        std::env::var("TIDEGATE_FUZZ_CHANGES").map_or(CHANGES, |changes| changes.parse().expect("a number"));
    for seed in 0..changes {
        let mut choices = Choices(seed);
        let mut bytes = inputs[choices.below(inputs.len())].1.clone();
        let other = &inputs[choices.below(inputs.len())].1;
        for _ in 0..=choices.below(3) {
            choices.change(&mut bytes, other);
        }
        let done = std::panic::catch_unwind(|| target(&bytes));
        assert!(done.is_ok(), "the change with seed {seed} of the corpus of {name} fails");
    }
}

/// F25, F26
#[test]
fn the_log() {
    replay("log");
}

/// F16 to F18, F26
#[test]
fn what_is_kept_beside_the_log() {
    replay("derived");
}

#[test]
fn text_and_payloads() {
    replay("text");
}

/// F16 to F20
#[test]
fn whole_stores_with_edits() {
    replay("stores");
}

#[test]
fn proofs_notes_and_policies() {
    replay("proof");
}

#[test]
fn files_of_a_batpak_store() {
    replay("batpak");
}

#[test]
fn stages_keyrings_and_encrypted_payloads() {
    replay("upkeep");
}
