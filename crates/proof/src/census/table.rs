//! All rows of a census, and the tree over them.

use std::collections::BTreeMap;

use tidegate_format::{Error, Hash, Position, Record, Result};

use super::row::CensusRow;
use super::statement::Census;
use super::term::{CensusField, CensusTerm};
use crate::tree::{InclusionProof, MemoryTree};

/// The rows of a census in the order of their terms' hashes, each term once, and the tree over them: what a store makes
/// proofs from, and an auditor compares with a census of the log. It takes about 112 bytes a row.
#[derive(Clone, Debug)]
pub struct CensusTable {
    field: CensusField,
    rows: Vec<CensusRow>,
    tree: MemoryTree,
}

/// A row with the way from it to the root of its census.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusRowProof {
    /// The row.
    pub row: CensusRow,
    /// Its place among the rows, from 0.
    pub index: u64,
    /// The hashes on the way from it to the root, as in an [`InclusionProof`].
    pub hashes: Vec<Hash>,
}

impl CensusTable {
    /// Returns the table with these rows.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the rows are not in the order of their terms, a term is there
    /// twice, or a row has no events.
    pub fn new(field: CensusField, rows: Vec<CensusRow>) -> Result<Self> {
        if !rows.is_sorted_by(|left, right| left.term < right.term) {
            return Err(Error::invalid("the rows of a census are not sorted, or have a term twice"));
        }
        if rows.iter().any(|row| row.count == 0) {
            return Err(Error::invalid("a row of a census has no events"));
        }
        let tree = rows.iter().map(CensusRow::leaf).collect();
        Ok(Self { field, rows, tree })
    }

    /// Returns the rows.
    pub fn rows(&self) -> &[CensusRow] {
        &self.rows
    }

    /// Returns the census of these rows, if they count all events up to this position.
    pub fn census(&self, until: Position) -> Census {
        Census { until, field: self.field, rows: self.rows.len() as u64, root: self.tree.root() }
    }

    /// Returns what shows how many events something has: its row; or if it has none, the one or two rows between which it
    /// would stand, and no row from an empty table.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if it is of another field.
    pub fn prove(&self, term: &CensusTerm) -> Result<Vec<CensusRowProof>> {
        if term.field() != self.field {
            return Err(Error::invalid(format!("{term} is not counted by this census")));
        }
        let hash = term.hash();
        let places = match self.rows.binary_search_by(|row| row.term.cmp(&hash)) {
            Ok(at) => at..at + 1,
            Err(at) => at.saturating_sub(1)..self.rows.len().min(at + 1),
        };
        let size = self.rows.len() as u64;
        let prove = |at: usize| {
            let InclusionProof { index, hashes, .. } = InclusionProof::make(&self.tree, at as u64, size)?;
            Ok(CensusRowProof { row: self.rows[at], index, hashes })
        };
        places.map(prove).collect()
    }
}

/// Counts the events of a log for a census, from the first one on, and also those of one that is to be audited. It takes
/// about 150 bytes for each stream, or scope, kind or tag.
///
/// ```
/// use tidegate_format::Position;
/// use tidegate_proof::census::{CensusField, CensusTally};
///
/// let tally = CensusTally::new(CensusField::Stream);
/// // for record in the log up to a position: tally.add(&record);
/// let counted = tally.finish().census(Position(0));
/// assert_eq!(counted.rows, 0);
/// ```
#[derive(Clone, Debug)]
pub struct CensusTally {
    field: CensusField,
    rows: BTreeMap<Hash, CensusRow>,
}

impl CensusTally {
    /// Begins to count.
    pub fn new(field: CensusField) -> Self {
        Self { field, rows: BTreeMap::new() }
    }

    /// Counts the next event of the log.
    pub fn add(&mut self, record: &Record<'_>) {
        let leaf = record.leaf();
        for term in CensusTerm::all_of(self.field, record) {
            let hash = term.hash();
            let row = self.rows.entry(hash).or_insert_with(|| CensusRow::new(hash));
            row.add(self.field, leaf, record.position());
        }
    }

    /// Returns all rows.
    pub fn finish(self) -> CensusTable {
        let rows: Vec<CensusRow> = self.rows.into_values().collect();
        CensusTable::new(self.field, rows).expect("a map has its keys once and in order")
    }
}
