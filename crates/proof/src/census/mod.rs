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
