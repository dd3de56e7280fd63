//! Censuses: what shows that *these are all events of a stream*, or that there are none.
//!
//! A log by itself shows that an event is there, and never that another one is not. So now and then a store counts: for each
//! stream how many events it has and which leaf is its last one, as a sorted list of *rows*, and puts the root of a tree over
//! the rows into the log as an event of kind [`CENSUS_KIND`]. A [`CensusProof`] then shows the row of a stream, or the two
//! rows between which it would stand. Since each event holds the leaf of the stream's event before it, the last leaf settles
//! all of them. The same is counted for scopes, kinds and tags.
//!
//! **What that proves.** The root is signed through the log, so a store that leaves something out has signed a statement that
//! an auditor with the records refutes by counting again ([`CensusTally`]). Without such an auditor a census is a promise of
//! the store and not a proof.
//!
//! **What that shows of others.** The proof that something is absent holds two rows of its neighbours: hashes of their names
//! and of their last leaves, and their counts. A name that can be guessed can be found from its hash.
//!
//! ```
//! use tidegate_format::StreamId;
//! use tidegate_proof::census::{CensusProof, CensusTerm};
//!
//! # fn main() -> tidegate_format::Result<()> {
//! # let (policy, file) = sample::files()?;
//! let proof: CensusProof = file.parse()?;
//! let term = CensusTerm::Stream(StreamId::new("shop", "order-7"));
//! let finding = proof.verify(&policy, &term)?;
//! assert_eq!((finding.census.until.0, finding.count()), (2, 2));
//! assert_eq!(finding.entries[1].version().0, 2);
//! # Ok(())
//! # }
//! # mod sample {
//! #     use tidegate_format::record::{self, Facts, Placed};
//! #     use tidegate_format::{Blind, Draft, EventId, Hash, Micros, Position, Record, Result, StreamId, Version};
//! #     use tidegate_proof::census::{CENSUS_KIND, CensusField, CensusProof, CensusTally, CensusTerm};
//! #     use tidegate_proof::tree::{InclusionProof, MemoryTree};
//! #     use tidegate_proof::{Checkpoint, Disclosure, DisclosureForm, KeyAlgorithm, Policy, Proof, SigningKey};
//! #     pub fn files() -> Result<(Policy, String)> {
//! #         let (mut tree, mut tally) = (MemoryTree::new(), CensusTally::new(CensusField::Stream));
//! #         let (mut link, mut records) = (Hash::ZERO, Vec::new());
//! #         for at in 1..=3 {
//! #             let draft = match at {
//! #                 3 => Draft::new(("shop", "order-7"), CENSUS_KIND).json_text(tally.clone().finish().census(Position(2)).to_string()),
//! #                 _ => Draft::new(("shop", "order-7"), "order.paid"),
//! #             };
//! #             let id = EventId([at as u8; 16]);
//! #             let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
//! #             let mut bytes = Vec::new();
//! #             let body = record::encode(&draft, &facts, &mut bytes);
//! #             let placed = Placed { position: Position(at), version: Version(at), previous: Position(at - 1), link, time: Micros(at) };
//! #             link = record::place(&mut bytes, &placed, Position(at), &body);
//! #             tree.push(link);
//! #             if at < 3 { tally.add(&Record::read(&bytes)?); }
//! #             records.push(bytes);
//! #         }
//! #         let key = SigningKey::new("example.com/log", KeyAlgorithm::Ed25519, [1; 32])?;
//! #         let signed = Checkpoint::new("example.com/log", 3, tree.root())?.sign(&key)?;
//! #         let show = |at: usize, form| Disclosure::of(&Record::read(&records[at])?, form);
//! #         let census = Proof::new(show(2, DisclosureForm::Payload)?, InclusionProof::make(&tree, 2, 3)?, signed)?;
//! #         let events = vec![show(0, DisclosureForm::Entry)?, show(1, DisclosureForm::Entry)?];
//! #         let rows = tally.finish().prove(&CensusTerm::Stream(StreamId::new("shop", "order-7")))?;
//! #         Ok((Policy::of_log(key.verifier().clone()), CensusProof::new(census, rows, events).to_string()))
//! #     }
//! # }
//! ```
//!
//! * `term`: what is counted
//! * `row`: what a census says of one stream, scope, kind or tag
//! * `statement`: the census, as it stands in the log
//! * `table`: all rows, and the tree over them
//! * `finding`: the file that shows a row, and its check

mod term;

mod row;

mod statement;
mod table;

mod finding;

pub use finding::{CensusFinding, CensusProof};
pub use row::{CensusRow, ROW_BYTES};
pub use statement::{CENSUS_KIND, Census};
pub use table::{CensusRowProof, CensusTable, CensusTally};
pub use term::{CensusField, CensusTerm};
