//! The file that shows a row of a census, and its check.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, Hash, Position, Result, Version};

use super::row::{CensusRow, ROW_BYTES};
use super::statement::{CENSUS_KIND, Census};
use super::table::CensusRowProof;
use super::term::{CensusField, CensusTerm};
use crate::disclosure::Disclosure;
use crate::encoding::{Lines, base64, decimal, from_base64};
use crate::entry::Entry;
use crate::policy::{Approval, Policy};
use crate::proof::Proof;
use crate::refutation::disproved;
use crate::tree::{INCLUSION_HASHES_MAX, InclusionProof};

/// What a file of this format begins with.
const FIRST_LINE: &str = "tidegate/census-proof@v1";
/// Rows that are shown at most: one, or two neighbours.
const ROWS_MAX: usize = 2;

/// What shows how many events a stream, scope, kind or tag has up to a position, and which: the proof of a census, the row in
/// it, and the events. If there are none, it holds the neighbouring rows.
///
/// As text it is the first line, for each row `row INDEX BASE64` with the way to the root and an empty line, for each event
/// `event BASE64` with its [`Disclosure`], an empty line, and the [`Proof`] of the census.
///
/// Nothing in it is to be believed before [`verify`](Self::verify) returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusProof {
    rows: Vec<CensusRowProof>,
    events: Vec<Disclosure>,
    proof: Proof,
}

/// What a census proof has shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CensusFinding {
    /// The census: up to which position events were counted.
    pub census: Census,
    /// The checkpoint that the census is under, and who signed that.
    pub approval: Approval,
    /// How many events there are and which is the last one, or `None` if there are none.
    pub row: Option<CensusRow>,
    /// The entries of all these events in the order of positions, or none if the file shows the row alone.
    pub entries: Vec<Entry>,
}

impl CensusFinding {
    /// Returns the number of events.
    pub fn count(&self) -> u64 {
        self.row.map_or(0, |row| row.count)
    }
}

impl CensusProof {
    /// Puts a census proof together: the proof of the census with its payload shown, what
    /// [`CensusTable::prove`](super::CensusTable::prove) returned, and all the events or none.
    pub fn new(proof: Proof, rows: Vec<CensusRowProof>, events: Vec<Disclosure>) -> Self {
        Self { rows, events, proof }
    }

    /// Returns the events that are shown, which are claims.
    pub fn events(&self) -> &[Disclosure] {
        &self.events
    }

    /// Checks what the file shows of a term: that the census is in a log that the policy trusts, that its row is under the
    /// census, and that the events are exactly those that the row settles. It needs no store.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved), and the message begins with the step that refused it: `census`
    /// if the event that is proved is not a census of that field, `row` if the rows are not those of the term, `events` if the
    /// events are not those of the row, and as [`Proof::verify`] says.
    pub fn verify(&self, policy: &Policy, term: &CensusTerm) -> Result<CensusFinding> {
        let proved = self.proof.verify(policy)?;
        let record = proved.record().ok_or_else(|| disproved("census: the file shows its entry alone"))?;
        let record = record.record();
        if record.kind() != CENSUS_KIND {
            return Err(disproved(format!("census: the event is a {:?}", record.kind())));
        }
        let payload =
            record.payload().map_err(|_| disproved("census: the file does not show its payload"))?;
        let text = std::str::from_utf8(payload).map_err(|_| disproved("census: its payload is not text"))?;
        let census: Census =
            text.parse().map_err(|error| disproved("census: its payload is not one").because(error))?;
        let position = record.position();
        if census.until >= position {
            let until = census.until;
            return Err(disproved(format!("census: it stands at {position} and counts up to {until}")));
        }
        if census.field != term.field() {
            return Err(disproved(format!("census: {term} is not what it counts")));
        }
        let row = self.row_of(&census, term.hash())?;
        let entries = self.entries_of(&census, term, row.as_ref())?;
        Ok(CensusFinding { census, approval: proved.approval, row, entries })
    }

    /// Returns the row of a term, or `None` if the rows show that it has none.
    fn row_of(&self, census: &Census, term: Hash) -> Result<Option<CensusRow>> {
        for CensusRowProof { row, index, hashes } in &self.rows {
            let inclusion = InclusionProof { index: *index, size: census.rows, hashes: hashes.clone() };
            inclusion
                .verify(row.leaf(), census.root)
                .map_err(|error| disproved("row: not of the census").because(error))?;
            if row.count == 0 || row.last > census.until || row.count > row.last.0 {
                return Err(disproved(format!(
                    "row: {} events up to {} are impossible",
                    row.count, row.last
                )));
            }
        }
        let (first, end) = (0, census.rows);
        let is_absent = match &self.rows[..] {
            [only] if only.row.term == term => return Ok(Some(only.row)),
            [] => end == 0,
            [only] if only.row.term < term => only.index + 1 == end,
            [only] => only.index == first,
            [left, right] => {
                let are_neighbours = left.index.checked_add(1) == Some(right.index);
                are_neighbours && left.row.term < term && term < right.row.term
            }
            _ => false,
        };
        if is_absent { Ok(None) } else { Err(disproved("row: neither that of the term nor its neighbours")) }
    }

    /// Returns the entries of the events, if they are exactly those that the row settles.
    fn entries_of(&self, census: &Census, term: &CensusTerm, row: Option<&CensusRow>) -> Result<Vec<Entry>> {
        let Some(row) = row else {
            let is_fine = self.events.is_empty();
            return if is_fine {
                Ok(Vec::new())
            } else {
                Err(disproved("events: there are none, and some are shown"))
            };
        };
        if self.events.is_empty() {
            return Ok(Vec::new());
        }
        let mut counted = CensusRow::new(row.term);
        let mut entries = Vec::new();
        let mut before: Option<Entry> = None;
        for event in &self.events {
            let entry = event.entry();
            let wrong = |why: &str| disproved(format!("events: that at position {} {why}", entry.position()));
            if !follows(census.field, before.as_ref(), &entry) {
                return Err(wrong("does not follow the one before it"));
            }
            if matches!(term, CensusTerm::Stream(stream) if stream.lane != entry.lane()) {
                return Err(wrong("is on another lane"));
            }
            if event.names().is_some_and(|record| !term.has(&record.record())) {
                return Err(wrong("is of something else"));
            }
            counted.add(census.field, entry.leaf(), entry.position());
            entries.push(entry);
            before = Some(entry);
        }
        if counted != *row {
            let (count, last) = (counted.count, counted.last);
            let message =
                format!("events: {count} up to position {last} are not the {} of the row", row.count);
            return Err(disproved(message));
        }
        Ok(entries)
    }
}

/// Whether an event can follow the one before it among those of one term.
fn follows(field: CensusField, before: Option<&Entry>, entry: &Entry) -> bool {
    let (version, previous, link) = match before {
        Some(before) if entry.position() <= before.position() => return false,
        Some(before) => (before.version().next(), before.position(), before.leaf()),
        None => (Version(1), Position::START, Hash::ZERO),
    };
    field != CensusField::Stream
        || (entry.version(), entry.previous(), entry.link()) == (version, previous, link)
}

impl fmt::Display for CensusProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        for CensusRowProof { row, index, hashes } in &self.rows {
            writeln!(f, "row {index} {}", base64(&row.to_bytes()))?;
            hashes.iter().try_for_each(|hash| writeln!(f, "{}", base64(&hash.0)))?;
            writeln!(f)?;
        }
        self.events.iter().try_for_each(|event| writeln!(f, "event {}", base64(event.as_bytes())))?;
        write!(f, "\n{}", self.proof)
    }
}

impl FromStr for CensusProof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = Lines::new("census proof", text);
        let first = lines.next(FIRST_LINE)?;
        if first != FIRST_LINE {
            return Err(lines.wrong(FIRST_LINE, first));
        }
        let mut rows = Vec::new();
        while let Some(line) = lines.after("row") {
            let row = read_row(line).filter(|_| rows.len() < ROWS_MAX);
            let (index, row) =
                row.ok_or_else(|| lines.wrong("an index and a row in Base64, twice at most", line))?;
            rows.push(CensusRowProof { row, index, hashes: lines.hashes(INCLUSION_HASHES_MAX)? });
        }
        let mut events = Vec::new();
        while let Some(line) = lines.after("event") {
            let event = from_base64(line).ok_or_else(|| lines.wrong("Base64", line))?;
            events.push(Disclosure::read(&event)?);
        }
        let empty = lines.next("an empty line")?;
        if !empty.is_empty() {
            return Err(lines.wrong("an empty line", empty));
        }
        Ok(Self { rows, events, proof: lines.rest().parse()? })
    }
}

fn read_row(line: &str) -> Option<(u64, CensusRow)> {
    let (index, row) = line.split_once(' ')?;
    let row: [u8; ROW_BYTES] = from_base64(row)?.try_into().ok()?;
    Some((decimal(index)?, CensusRow::from_bytes(&row)))
}
