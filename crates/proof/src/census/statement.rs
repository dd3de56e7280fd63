//! The census, as it stands in the log.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, Hash, Position, Result};

use super::term::CensusField;
use crate::encoding::decimal;
use crate::refutation::shown;

/// The kind of an event whose payload is a census. Only the store writes it.
pub const CENSUS_KIND: &str = "tidegate.census";

/// What a store says in its log of all streams, or of all scopes, kinds or tags: how many there are, and the root of the tree
/// over their rows.
///
/// As text it is the payload of its event: JSON with these four members in this order and no spaces.
///
/// ```
/// use tidegate_format::Position;
/// use tidegate_proof::census::{Census, CensusField, CensusTable};
///
/// let census = CensusTable::new(CensusField::Stream, Vec::new())?.census(Position(7));
/// assert_eq!(
///     census.to_string(),
///     r#"{"until":7,"field":"stream","rows":0,"root":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#
/// );
/// assert_eq!(census.to_string().parse::<Census>()?, census);
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// The position of the last event that was counted.
    pub until: Position,
    /// What events were counted by.
    pub field: CensusField,
    /// The number of rows.
    pub rows: u64,
    /// The root of the tree over the rows.
    pub root: Hash,
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, field, rows, root } = self;
        let field = field.name();
        write!(f, r#"{{"until":{until},"field":"{field}","rows":{rows},"root":"{root}"}}"#)
    }
}

impl FromStr for Census {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (until, rest) = text.strip_prefix(r#"{"until":"#)?.split_once(r#","field":""#)?;
            let (field, rest) = rest.split_once(r#"","rows":"#)?;
            let (rows, rest) = rest.split_once(r#","root":""#)?;
            let root = rest.strip_suffix(r#""}"#)?.parse().ok()?;
            let field = CensusField::ALL.into_iter().find(|known| known.name() == field)?;
            Some(Self { until: Position(decimal(until)?), field, rows: decimal(rows)?, root })
        };
        let census = read().filter(|census| census.to_string() == text);
        census.ok_or_else(|| Error::invalid(format!("{} is not a census", shown(text))))
    }
}
