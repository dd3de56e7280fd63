//! What a worker tells on its standard output, line by line, and what must be true because of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportLine {
    /// The store is open, and this is its head.
    Opened(u64),
    /// An event is there, by its leaf, and durable.
    Kept(u64, String),
    /// An event is written.
    Written(u64, String),
    /// Everything up to this position is durable.
    Durable(u64),
    /// This batch was refused, so that nothing of it was written.
    Refused(u64, u64),
    /// The cursor handed out an event, which is acknowledged next.
    Handed(u64),
    /// The cursor's place is kept.
    Reached(u64),
    /// A call answered with an error of a kind.
    Failed(String),
    /// The writer has ended over a write or a sync of unknown outcome.
    Ended,
    /// Something is not as it must be.
    Wrong(String),
    /// The store was closed in good order.
    Closed,
}

impl fmt::Display for ReportLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(head) => write!(f, "opened {head}"),
            Self::Kept(position, leaf) => write!(f, "kept {position} {leaf}"),
            Self::Written(position, leaf) => write!(f, "written {position} {leaf}"),
            Self::Durable(position) => write!(f, "durable {position}"),
            Self::Refused(life, number) => write!(f, "refused {life} {number}"),
            Self::Handed(position) => write!(f, "handed {position}"),
            Self::Reached(position) => write!(f, "reached {position}"),
            Self::Failed(text) => write!(f, "failed {}", one_line(text)),
            Self::Ended => write!(f, "ended"),
            Self::Wrong(text) => write!(f, "wrong {}", one_line(text)),
            Self::Closed => write!(f, "closed"),
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

impl FromStr for ReportLine {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let broken = || format!("a worker does not say {line:?}");
        let number = |text: &str| text.parse::<u64>().map_err(|_| broken());
        let pair = || rest.split_once(' ').ok_or_else(broken);
        Ok(match word {
            "opened" => Self::Opened(number(rest)?),
            "kept" => Self::Kept(number(pair()?.0)?, pair()?.1.to_owned()),
            "written" => Self::Written(number(pair()?.0)?, pair()?.1.to_owned()),
            "durable" => Self::Durable(number(rest)?),
            "refused" => Self::Refused(number(pair()?.0)?, number(pair()?.1)?),
            "handed" => Self::Handed(number(rest)?),
            "reached" => Self::Reached(number(rest)?),
            "failed" => Self::Failed(rest.to_owned()),
            "ended" => Self::Ended,
            "wrong" => Self::Wrong(rest.to_owned()),
            "closed" => Self::Closed,
            _ => return Err(broken()),
        })
    }
}

/// What must be true of a store, as far as its workers said.
#[derive(Clone, Debug, Default)]
pub struct WorkerReport {
    /// The leaf of each event that was acknowledged, and whether it was durable then.
    pub events: BTreeMap<u64, (String, bool)>,
    /// Batches of which nothing was written.
    pub refused: BTreeSet<(u64, u64)>,
    /// Events that the cursor handed out, and that may be acknowledged.
    pub handed: BTreeSet<u64>,
    /// How far the cursor's place was kept.
    pub reached: u64,
    /// Errors that were report.
    pub failed: Vec<String>,
    /// What was not as it must be.
    pub wrong: Vec<String>,
    /// Whether the last word was that the store was closed.
    pub closed: bool,
}

impl WorkerReport {
    /// Takes in a line.
    pub fn note(&mut self, line: ReportLine) {
        self.closed = line == ReportLine::Closed;
        match line {
            ReportLine::Kept(position, leaf) => {
                self.events.insert(position, (leaf, true));
                self.set_durable(position);
            }
            ReportLine::Written(position, leaf) => {
                self.events.entry(position).or_insert((leaf, false));
            }
            ReportLine::Durable(position) => self.set_durable(position),
            ReportLine::Refused(life, number) => _ = self.refused.insert((life, number)),
            ReportLine::Handed(position) => _ = self.handed.insert(position),
            ReportLine::Reached(position) => self.reached = self.reached.max(position),
            ReportLine::Failed(text) => self.failed.push(text),
            // What a failed write or sync leaves is known at the next opening only.
            ReportLine::Ended => self.events.retain(|_, (_, durable)| *durable),
            ReportLine::Wrong(text) => self.wrong.push(text),
            ReportLine::Closed => self.set_durable(u64::MAX),
            ReportLine::Opened(_) => {}
        }
    }

    fn set_durable(&mut self, until: u64) {
        for (_, durable) in self.events.range_mut(..=until).map(|(_, event)| event) {
            *durable = true;
        }
    }

    /// What a power cut may take: acknowledgements that were not of durable events.
    pub fn cut_power(&mut self) {
        self.note(ReportLine::Ended);
    }
}
