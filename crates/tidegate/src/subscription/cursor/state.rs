//! The file of a cursor: its position, and what is parked.
//!
//! Text, a line for each thing it says, and a checksum over all of it in the last line:
//!
//! ```text
//! tidegate cursor
//! format 1
//! store 019aab2c-...
//! role cursor
//! query [{"kinds":["order.*"]}]
//! position 41
//! leaf 5d1f...
//! acked 43 47
//! parked {"attempts":5,"position":39,"reason":"no such mailbox","retried":false,"time":1795000000000000}
//! checksum 5d1f3a07
//! ```
//!
//! `leaf` is the leaf hash of the event at the position, zeros for position 0: a log that was put back from an
//! older copy and grew again has another event there. `acked` has what is done beyond the position.
//!
//! Invariants:
//!
//! C1. The same state has the same text; a file that differs from it by a byte is reported as damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};
use tidegate_format::{Error, ErrorKind, Hash, Micros, Position, Result, StoreId, hash};

use crate::read::{Query, View};
use crate::store::Opening;

pub(crate) use crate::backend::CURSORS;

const FIRST_LINE: &str = "tidegate cursor\n";
const FORMAT: u32 = 1;
const NAME_BYTES_MAX: usize = 100;

/// What to do about the file of a cursor that is damaged.
pub(crate) const REMEDY: &str = "restore this file from a backup, or remove it to read from the start";

/// What to do about a cursor that read another log than the one that is there.
pub(crate) const ELSEWHERE: &str = "restore the log, or send the cursor to a position of this one with `tidegate \
                                    cursors rewind`, or remove this file to read from the start";

/// An event that failed too many times and was set aside, so that its stream continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedEvent {
    /// Its position.
    pub position: Position,
    /// How many times it was tried.
    pub attempts: u32,
    /// Why it failed the last time.
    pub reason: String,
    /// When it was parked.
    pub time: Micros,
    /// Whether a retry was asked for since, and is not done yet.
    pub retried: bool,
}

/// Which kind of reader moves a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorRole {
    /// Workers that acknowledge what it delivers.
    Cursor,
    /// A [reactor](crate::subscription::reactor), by itself.
    Reactor,
}

/// Durable state of a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CursorState {
    pub(crate) store: StoreId,
    pub(crate) role: CursorRole,
    pub(crate) query: Query,
    /// Every event of the query up to here is done or parked.
    pub(crate) position: Position,
    pub(crate) leaf: Hash,
    /// What is done or parked after it.
    pub(crate) acked: BTreeSet<Position>,
    pub(crate) parked: BTreeMap<Position, ParkedEvent>,
}

/// Refuses what cannot be the name of a cursor, and so of a file on any system.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fine = name.bytes().next().is_some_and(plain)
        && name.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_')
        && name.len() <= NAME_BYTES_MAX;
    if fine {
        return Ok(());
    }
    let message = format!(
        "a cursor cannot be named {name:?}: use 1 to {NAME_BYTES_MAX} characters of a-z, 0-9, - and _, starting with a \
         letter or digit"
    );
    Err(Error::invalid(message))
}

impl CursorRole {
    fn word(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::Reactor => "reactor",
        }
    }
}

impl CursorState {
    pub(crate) fn encode(&self) -> String {
        let Self { store, role, query, position, leaf, .. } = self;
        let mut text = format!("{FIRST_LINE}format {FORMAT}\nstore {store}\nrole {}\n", role.word());
        let mut say = |line: std::fmt::Arguments<'_>| {
            writeln!(text, "{line}").expect("text takes what is written to it");
        };
        say(format_args!("query {query}"));
        say(format_args!("position {position}"));
        say(format_args!("leaf {leaf}"));
        if !self.acked.is_empty() {
            let acked: Vec<_> = self.acked.iter().map(ToString::to_string).collect();
            say(format_args!("acked {}", acked.join(" ")));
        }
        for ParkedEvent { position, attempts, reason, time, retried } in self.parked.values() {
            let parked = json!({
                "position": position.0, "attempts": attempts, "reason": reason, "time": time.0, "retried": retried,
            });
            say(format_args!("parked {parked}"));
        }
        let crc = hash::crc(0, text.as_bytes());
        writeln!(text, "checksum {crc:08x}").expect("text takes what is written to it");
        text
    }

    /// Reads and checks the text, which is all of `bytes`. An error says what to do.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).map_err(|error| match error.kind() {
            ErrorKind::Damaged => error.advise(REMEDY),
            _ => error,
        })
    }

    /// Reads and checks the text; the caller adds what to do about damage.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| unlike("text"))?;
        let rest = text.strip_prefix(FIRST_LINE).ok_or_else(|| unlike("a first line \"tidegate cursor\""))?;
        let body = check_text(text)?;
        let format = rest.lines().next().and_then(|line| line.strip_prefix("format ")?.parse::<u32>().ok());
        match format {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                let message = format!("the cursor has format {newer}, this program reads format {FORMAT}");
                return Err(Error::new(ErrorKind::Newer, message));
            }
            _ => return Err(unlike("a format number")),
        }
        let read =
            Self::lines(&body[FIRST_LINE.len()..]).ok_or_else(|| unlike("a store, query and place"))?;
        // keeps C1
        if read.encode() == text { Ok(read) } else { Err(unlike("the text of what it says (C1)")) }
    }

    fn lines(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1).peekable();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let store = field("store")?.parse().ok()?;
        let role = match field("role")? {
            "cursor" => CursorRole::Cursor,
            "reactor" => CursorRole::Reactor,
            _ => return None,
        };
        let query = field("query")?.parse().ok()?;
        let position = Position(field("position")?.parse().ok()?);
        let leaf = field("leaf")?.parse().ok()?;
        let mut acked = BTreeSet::new();
        if let Some(line) = lines.next_if(|line| line.starts_with("acked ")) {
            for position in line.split(' ').skip(1) {
                acked.insert(Position(position.parse().ok()?));
            }
        }
        let mut parked = BTreeMap::new();
        for line in lines {
            let one = read_parked(line.strip_prefix("parked ")?)?;
            parked.insert(one.position, one);
        }
        Some(Self { store, role, query, position, leaf, acked, parked })
    }

    /// Refuses a place that is not in this log.
    pub(crate) fn check(&self, store: StoreId, view: &View) -> Result<()> {
        self.check_store(store)?;
        self.mismatch(view)?.map_or(Ok(()), Err)
    }

    /// Refuses a state that is not of this log, and takes into account what a reader withholds.
    pub(crate) fn check_in(&self, store: StoreId, opening: &Opening, view: &View) -> Result<()> {
        self.check_store(store)?;
        self.mismatch_in(opening, view)?.map_or(Ok(()), Err)
    }

    /// Returns what shows that the log does not have the event at the position, or has another one; `None` if it has that
    /// one. An error says that the log cannot be read there, which shows neither.
    fn mismatch(&self, view: &View) -> Result<Option<Error>> {
        Ok(match view.leaf(self.position)? {
            None => {
                let expected = format!("position {} at least", self.position);
                let found = format!("position {}", view.head());
                Some(Error::damaged("the log is older than the cursor", expected, found).advise(ELSEWHERE))
            }
            Some(leaf) if leaf != self.leaf => {
                let message = format!("position {} has another event than the cursor read", self.position);
                Some(Error::damaged(message, self.leaf, leaf).advise(ELSEWHERE))
            }
            Some(_) => None,
        })
    }

    /// The same, and takes into account what a reader withholds: a power cut can take the proof that an event is durable,
    /// and leave the event. Its leaf then tells whether the cursor read that one.
    pub(crate) fn mismatch_in(&self, opening: &Opening, view: &View) -> Result<Option<Error>> {
        if self.position > view.head()
            && let Some(event) = opening.unconfirmed(self.position)?
            && event.leaf() == self.leaf
        {
            return Ok(None);
        }
        self.mismatch(view)
    }

    pub(crate) fn check_store(&self, store: StoreId) -> Result<()> {
        if self.store == store {
            return Ok(());
        }
        Err(Error::damaged("the cursor is of another store", store, self.store))
    }

    /// Returns whether an event is done or parked.
    pub(crate) fn is_acked(&self, position: Position) -> bool {
        position <= self.position || self.acked.contains(&position)
    }

    /// Counts the events of its query that are neither done nor parked.
    pub(crate) fn lag(&self, view: &View) -> Result<u64> {
        let after = view.count_with(&self.query, crate::read::ReadOptions::new().after(self.position))?;
        let acked = self.acked.range(..=view.head()).count() as u64;
        Ok(after.saturating_sub(acked))
    }
}

/// Checks the last line, and returns what stands before it.
fn check_text(text: &str) -> Result<&str> {
    let lines = text.strip_suffix('\n').and_then(|lines| lines.rfind('\n')).map(|at| text.split_at(at + 1));
    let stated = lines.and_then(|(_, last)| last.strip_prefix("checksum ")?.strip_suffix('\n'));
    let (Some((body, _)), Some(stated)) = (lines, stated) else {
        return Err(unlike("a checksum in the last line"));
    };
    let found = format!("{:08x}", hash::crc(0, body.as_bytes()));
    if stated == found && body.len() > FIRST_LINE.len() {
        return Ok(body);
    }
    Err(Error::damaged("the checksum of the cursor does not hold", stated, found))
}

fn unlike(expected: &str) -> Error {
    Error::damaged("the file is not a cursor", expected, "something else")
}

fn read_parked(text: &str) -> Option<ParkedEvent> {
    let parked: Value = serde_json::from_str(text).ok()?;
    let number = |name: &str| parked.get(name).and_then(Value::as_u64);
    Some(ParkedEvent {
        position: Position(number("position")?),
        attempts: number("attempts")?.try_into().ok()?,
        reason: parked.get("reason")?.as_str()?.to_owned(),
        time: Micros(number("time")?),
        retried: parked.get("retried")?.as_bool()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::QueryItem;

    fn sample() -> CursorState {
        let parked = ParkedEvent {
            position: Position(3),
            attempts: 5,
            reason: "line\nbreak \"quoted\"".to_owned(),
            time: Micros(7),
            retried: true,
        };
        CursorState {
            store: StoreId([7; 16]),
            role: CursorRole::Reactor,
            query: QueryItem::new().kind("order.*").tag("a\nb").into(),
            position: Position(9),
            leaf: Hash([0xa5; 32]),
            acked: [Position(11), Position(14)].into(),
            parked: [(Position(3), parked)].into(),
        }
    }

    #[test]
    fn it_reads_back() {
        let plain = CursorState { acked: BTreeSet::new(), parked: BTreeMap::new(), ..sample() };
        for state in [sample(), plain] {
            assert_eq!(CursorState::decode(state.encode().as_bytes()).unwrap(), state);
        }
    }

    /// keeps C1
    #[test]
    fn no_bit_and_no_byte_can_change_unnoticed() {
        let text = sample().encode().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = CursorState::decode(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "bit {bit}: {error}");
        }
        for length in 0..text.len() {
            assert_eq!(CursorState::decode(&text[..length]).unwrap_err().kind(), ErrorKind::Damaged);
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let text = sample().encode().replace("format 1", "format 2");
        let body = &text[..text.rfind("checksum").unwrap()];
        let text = format!("{body}checksum {:08x}\n", hash::crc(0, body.as_bytes()));
        assert_eq!(CursorState::decode(text.as_bytes()).unwrap_err().kind(), ErrorKind::Newer);
    }

    #[test]
    fn names_are_no_paths() {
        for name in ["", ".", "..", "../a", "a/b", "a.tmp", "A", "-a", "ä", "a\0", &"a".repeat(101)] {
            assert_eq!(check_name(name).unwrap_err().kind(), ErrorKind::Invalid, "{name:?}");
        }
        for name in ["a", "order-mailer_2", "7"] {
            check_name(name).unwrap();
        }
    }
}
