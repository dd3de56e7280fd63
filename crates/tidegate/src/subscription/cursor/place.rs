//! The file of a cursor: how far its reader got, and what it parked.
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
//! settled 43 47
//! parked {"attempts":5,"position":39,"reason":"no such mailbox","retried":false,"time":1795000000000000}
//! checksum 5d1f3a07
//! ```
//!
//! `leaf` is the leaf hash of the event at the position, zeros for position 0: a log that was put back from an
//! older copy and grew again has another event there. `settled` has what is done beyond the position.
//!
//! Invariants:
//!
//! C1. The same place has the same text; what differs from it by a byte is damaged, and said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};
use tidegate_format::{Error, ErrorKind, Hash, Micros, Position, Result, StoreId, hash};

use crate::read::{Query, View};

pub(crate) use crate::backend::CURSORS;

const FIRST_LINE: &str = "tidegate cursor\n";
const FORMAT: u32 = 1;
const NAME_BYTES_MAX: usize = 100;

/// What to do about the file of a cursor that is damaged.
pub(crate) const REMEDY: &str = "restore this file from a backup, or remove it to read from the start";

/// What to do about a cursor that read another log than the one that is there.
pub(crate) const ELSEWHERE: &str = "restore the log, or send the cursor to a position of this one with `tidegate \
                                    cursors rewind`, or remove this file to read from the start";

/// An event that could not be dealt with, set aside so that others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Where it is.
    pub position: Position,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed the last time.
    pub reason: String,
    /// When it was parked.
    pub time: Micros,
    /// Whether it was asked for again since, and is not done yet.
    pub retried: bool,
}

/// Who moves a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever acknowledges what it delivers.
    Cursor,
    /// A [reactor](crate::subscription::reactor), by itself.
    Reactor,
}

/// How far a reader got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) store: StoreId,
    pub(crate) role: Role,
    pub(crate) query: Query,
    /// Every event of the query up to here is done or parked.
    pub(crate) position: Position,
    pub(crate) leaf: Hash,
    /// What is done or parked after it.
    pub(crate) settled: BTreeSet<Position>,
    pub(crate) parked: BTreeMap<Position, Parked>,
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
        "{name:?} is no name of a cursor: up to {NAME_BYTES_MAX} of a-z, 0-9, - and _, a letter or digit first"
    );
    Err(Error::invalid(message))
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::Reactor => "reactor",
        }
    }
}

impl Reached {
    pub(crate) fn encode(&self) -> String {
        let Self { store, role, query, position, leaf, .. } = self;
        let mut text = format!("{FIRST_LINE}format {FORMAT}\nstore {store}\nrole {}\n", role.word());
        let mut say = |line: std::fmt::Arguments<'_>| {
            writeln!(text, "{line}").expect("text takes what is written to it");
        };
        say(format_args!("query {query}"));
        say(format_args!("position {position}"));
        say(format_args!("leaf {leaf}"));
        if !self.settled.is_empty() {
            let settled: Vec<_> = self.settled.iter().map(ToString::to_string).collect();
            say(format_args!("settled {}", settled.join(" ")));
        }
        for Parked { position, attempts, reason, time, retried } in self.parked.values() {
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

    /// The same, and leaves it to others to say what to do.
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
            "cursor" => Role::Cursor,
            "reactor" => Role::Reactor,
            _ => return None,
        };
        let query = field("query")?.parse().ok()?;
        let position = Position(field("position")?.parse().ok()?);
        let leaf = field("leaf")?.parse().ok()?;
        let mut settled = BTreeSet::new();
        if let Some(line) = lines.next_if(|line| line.starts_with("settled ")) {
            for position in line.split(' ').skip(1) {
                settled.insert(Position(position.parse().ok()?));
            }
        }
        let mut parked = BTreeMap::new();
        for line in lines {
            let one = read_parked(line.strip_prefix("parked ")?)?;
            parked.insert(one.position, one);
        }
        Some(Self { store, role, query, position, leaf, settled, parked })
    }

    /// Refuses a place that is not in this log.
    pub(crate) fn check(&self, store: StoreId, view: &View) -> Result<()> {
        self.check_store(store)?;
        match leaf_at(view, self.position)? {
            None => {
                let expected = format!("position {} at least", self.position);
                let found = format!("position {}", view.head());
                let error = Error::damaged("the log is older than the cursor", expected, found);
                Err(error.advise(ELSEWHERE))
            }
            Some(leaf) if leaf != self.leaf => {
                let message = format!("position {} has another event than the cursor read", self.position);
                Err(Error::damaged(message, self.leaf, leaf).advise(ELSEWHERE))
            }
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn check_store(&self, store: StoreId) -> Result<()> {
        if self.store == store {
            return Ok(());
        }
        Err(Error::damaged("the cursor is of another store", store, self.store))
    }

    /// Whether an event is done or parked.
    pub(crate) fn is_settled(&self, position: Position) -> bool {
        position <= self.position || self.settled.contains(&position)
    }

    /// How many events of its query are neither done nor parked.
    pub(crate) fn lag(&self, view: &View) -> Result<u64> {
        let after = view.count(&self.query, crate::read::ReadOptions::after(self.position))?;
        let settled = self.settled.range(..=view.head()).count() as u64;
        Ok(after.saturating_sub(settled))
    }
}

/// The leaf of the event at a position; zeros before the first one, nothing past the head.
pub(crate) fn leaf_at(view: &View, position: Position) -> Result<Option<Hash>> {
    if position == Position::START {
        return Ok(Some(Hash::ZERO));
    }
    Ok(view.at(position)?.map(|event| event.leaf()))
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
    Error::damaged("this is no cursor", expected, "something else")
}

fn read_parked(text: &str) -> Option<Parked> {
    let parked: Value = serde_json::from_str(text).ok()?;
    let number = |name: &str| parked.get(name).and_then(Value::as_u64);
    Some(Parked {
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

    fn sample() -> Reached {
        let parked = Parked {
            position: Position(3),
            attempts: 5,
            reason: "line\nbreak \"quoted\"".to_owned(),
            time: Micros(7),
            retried: true,
        };
        Reached {
            store: StoreId([7; 16]),
            role: Role::Reactor,
            query: QueryItem::new().kind("order.*").tag("a\nb").into(),
            position: Position(9),
            leaf: Hash([0xa5; 32]),
            settled: [Position(11), Position(14)].into(),
            parked: [(Position(3), parked)].into(),
        }
    }

    #[test]
    fn it_reads_back() {
        let plain = Reached { settled: BTreeSet::new(), parked: BTreeMap::new(), ..sample() };
        for reached in [sample(), plain] {
            assert_eq!(Reached::decode(reached.encode().as_bytes()).unwrap(), reached);
        }
    }

    /// keeps C1
    #[test]
    fn no_bit_and_no_byte_can_change_unnoticed() {
        let text = sample().encode().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = Reached::decode(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "bit {bit}: {error}");
        }
        for length in 0..text.len() {
            assert_eq!(Reached::decode(&text[..length]).unwrap_err().kind(), ErrorKind::Damaged);
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let text = sample().encode().replace("format 1", "format 2");
        let body = &text[..text.rfind("checksum").unwrap()];
        let text = format!("{body}checksum {:08x}\n", hash::crc(0, body.as_bytes()));
        assert_eq!(Reached::decode(text.as_bytes()).unwrap_err().kind(), ErrorKind::Newer);
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
