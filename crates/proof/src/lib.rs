//! Checkpoints of a Tidegate store's log, proofs of its events, and their checking: all that an auditor needs.
//!
//! No store, no disk, no clock, no network: it turns texts into answers. The formats are those of the world's transparency
//! logs ([C2SP](https://c2sp.org): signed-note, tlog-checkpoint, tlog-tiles, tlog-proof, tlog-cosignature, tlog-witness,
//! tlog-policy; [RFC 6962](https://www.rfc-editor.org/rfc/rfc6962)), so other tools check what a store makes, and this crate
//! checks their signatures and trees. What makes proofs from a store is the crate `tidegate`.
//!
//! An auditor has a policy, which says whom to believe, and is given a file:
//!
//! ```
//! use tidegate_proof::{Policy, Proof};
//!
//! # fn main() -> tidegate_format::Result<()> {
//! # let (policy_file, proof_file) = files()?;
//! let policy: Policy = policy_file.parse()?;
//! let proof: Proof = proof_file.parse()?;
//!
//! let proved = proof.verify(&policy)?;
//! let (entry, approval) = (proved.entry, &proved.approval);
//! assert_eq!((entry.position().0, approval.checkpoint.size()), (2, 3));
//! assert_eq!(approval.checkpoint.origin(), "example.com/log");
//! assert_eq!(approval.cosigners[0].key.name(), "witness.example");
//!
//! let shown = proved.record().expect("the file shows more than the entry");
//! assert_eq!((shown.record().kind(), shown.record().payload()?), ("order.paid", &b"12"[..]));
//! # Ok(())
//! # }
//! # /// What a store and its witness would make.
//! # fn files() -> tidegate_format::Result<(String, String)> {
//! #     use tidegate_format::record::{self, Facts, Placed};
//! #     use tidegate_format::{Blind, Draft, Hash, Micros, Position, Record, Version};
//! #     use tidegate_proof::tree::{InclusionProof, MemoryTree};
//! #     use tidegate_proof::{Checkpoint, Disclosure, DisclosureForm, KeyAlgorithm, MemorySigner, Signer, SigningKey};
//! #     let (mut tree, mut second, mut link) = (MemoryTree::new(), Vec::new(), Hash::ZERO);
//! #     for at in 1..=3 {
//! #         let draft = Draft::new(("shop", "order-7"), "order.paid").bytes(&b"12"[..]);
//! #         let id = tidegate_format::EventId([at as u8; 16]);
//! #         let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([at as u8; 16]), batch_end: true };
//! #         let mut bytes = Vec::new();
//! #         let body = record::encode(&draft, &facts, &mut bytes);
//! #         let placed = Placed { position: Position(at), version: Version(at), previous: Position(at - 1), link, time: Micros(at) };
//! #         link = record::place(&mut bytes, &placed, Position(at), &body);
//! #         tree.push(link);
//! #         if at == 2 { second = bytes; }
//! #     }
//! #     let log = SigningKey::new("example.com/log", KeyAlgorithm::Ed25519, [1; 32])?;
//! #     let witness = SigningKey::new("witness.example", KeyAlgorithm::Cosignature, [2; 32])?;
//! #     let policy = format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.verifier());
//! #     let signer = MemorySigner::new(log)?;
//! #     let mut checkpoint = signer.sign(&Checkpoint::new("example.com/log", 3, tree.root())?, &[])?;
//! #     checkpoint.add(witness.cosign(checkpoint.note().text(), 1_795_000_000)?)?;
//! #     let disclosure = Disclosure::of(&Record::read(&second)?, DisclosureForm::Payload)?;
//! #     let proof = tidegate_proof::Proof::new(disclosure, InclusionProof::make(&tree, 1, 3)?, checkpoint)?;
//! #     Ok((policy, proof.to_string()))
//! # }
//! ```
//!
//! Invariants:
//!
//! A1. What a text claims is not believed. A leaf is computed from what is disclosed, a root from the leaf, a key's id from
//!     the key.
//! A2. What does not hold is an error of kind [`Disproved`](tidegate_format::ErrorKind::Disproved) whose message begins with
//!     the step that refused it. Nothing is accepted without a signature.
//! A3. Any text may come from outside. It never causes a panic, and reading it costs time and memory in proportion to its
//!     length.
//! A4. Each value has one spelling, so what was read prints as the same text.
//!
//! Reading order:
//!
//! * [`limit`]: the largest of what is read from outside
//! * `refutation`: errors of checking
//! * `encoding`: numbers, bytes and lines as the formats write them
//! * [`tree`]: hashes, tiles, inclusion and consistency
//! * `note`: keys, signatures, and texts under them
//! * `checkpoint`: what a log says of itself, and signs
//! * `policy`: whom to believe
//! * `entry`: what a leaf commits to
//! * `disclosure`: what is shown of an event
//! * `proof`: files that show an event's place in a log
//! * `signer`: a key that remembers what it signed last
//! * `witness`: asking a witness to sign a checkpoint
//! * [`census`]: what shows that these are all events of a stream

pub mod limit;
mod refutation;

mod encoding;

pub mod tree;

mod note;
mod checkpoint;

mod policy;

mod entry;
mod disclosure;
mod proof;

mod signer;
mod witness;

pub mod census;

pub use checkpoint::{Checkpoint, DEFAULT_PREFIX, SignedCheckpoint};
pub use disclosure::{DisclosedRecord, Disclosure, DisclosureForm};
pub use entry::Entry;
pub use note::{Cosignature, KeyAlgorithm, NoteSignature, Signatory, SignedNote, SigningKey, VerifierKey};
pub use policy::{Approval, Cosigner, Policy};
pub use proof::{Proof, Proved};
pub use signer::{MemorySigner, Signer};
pub use witness::{WitnessAnswer, WitnessRequest, cosign};
