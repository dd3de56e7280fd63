//! Receipts: what an appender keeps.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, EventId, Hash, Micros, Position, StoreId, Text, Version};
use tidegate_segment::RecordedEvent;

/// States where a batch is in the log. An appender keeps it. As text (`to_string`) it has a line for each fact, and
/// `parse` reads it back.
///
/// ```
/// # use tidegate::{Draft, Receipt, Store};
/// # let store = Store::in_memory()?;
/// let receipt = store.append(Draft::new(("bank", "alice"), "account.opened"))?;
/// let kept = receipt.to_string();
/// assert_eq!(kept.parse::<Receipt>()?, receipt);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The store that took it.
    pub store: StoreId,
    /// When it was recorded.
    pub time: Micros,
    /// The gates that it passed, in order.
    pub gates: Vec<Text>,
    /// The head of the view that they were judged against.
    pub judged_at: Option<Position>,
    /// Its events, in order.
    pub events: Vec<ReceiptEvent>,
}

/// What a [`Receipt`] says of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptEvent {
    /// Its id.
    pub id: EventId,
    /// Its place in the log.
    pub position: Position,
    /// Its place in its stream.
    pub version: Version,
    /// Its leaf hash in the Merkle tree over the log.
    pub leaf: Hash,
}

/// Whether a log agrees with a [`Receipt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum ReceiptStatus {
    /// Every event is in the log as the receipt states it: position, version, id, leaf, time and gates.
    Agrees,
    /// The receipt is of another store, also if this one is a fork of it and the receipt is of what came after the fork.
    OtherStore,
    /// Every event is in the log as the receipt states it, but from this position on nothing shows that the events are
    /// durable: a writer has not synced them yet, or has ended. Opening the store for writing once makes them durable,
    /// or loses them.
    Unconfirmed(Position),
    /// The log ends before this position: it is older than the receipt, or was cut.
    Missing(Position),
    /// The event at this position is another one.
    Differs(Position),
}

impl Receipt {
    /// Returns the position of the first event.
    pub fn first(&self) -> Position {
        self.events.first().map_or(Position::START, |event| event.position)
    }

    /// Returns the position of the last event, up to which to wait or to read.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let draft = || Draft::new(("bank", "alice"), "money.received");
    /// let receipt = store.append(vec![draft(), draft()])?;
    /// assert_eq!((receipt.first().0, receipt.last().0), (1, 2));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn last(&self) -> Position {
        self.events.last().map_or(Position::START, |event| event.position)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tidegate receipt\nstore {}\ntime {}", self.store, self.time)?;
        if let Some(position) = self.judged_at {
            writeln!(f, "judged {position}")?;
        }
        for gate in &self.gates {
            writeln!(f, "gate {}", gate.escape_default())?;
        }
        for ReceiptEvent { id, position, version, leaf } in &self.events {
            writeln!(f, "event {id} {position} {version} {leaf}")?;
        }
        Ok(())
    }
}

impl FromStr for Receipt {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines();
        if lines.next() != Some("tidegate receipt") {
            return Err(Error::invalid("not a receipt: it does not start with \"tidegate receipt\""));
        }
        let (mut store, mut time, mut judged_at) = (None, None, None);
        let (mut gates, mut events) = (Vec::new(), Vec::new());
        for line in lines {
            let broken = || Error::invalid(format!("a receipt has no such line: {line:?}"));
            let (name, value) = line.split_once(' ').ok_or_else(broken)?;
            let number = || value.parse::<u64>().map_err(|_| broken());
            let said_twice = match name {
                "store" => store.replace(value.parse()?).is_some(),
                "time" => time.replace(Micros(number()?)).is_some(),
                "judged" => judged_at.replace(Position(number()?)).is_some(),
                "gate" => {
                    gates.push(unescape(value).ok_or_else(broken)?.into());
                    false
                }
                "event" => {
                    events.push(ReceiptEvent::parse(value).ok_or_else(broken)?);
                    false
                }
                _ => true,
            };
            if said_twice {
                return Err(broken());
            }
        }
        match (store, time) {
            (Some(store), Some(time)) if !events.is_empty() => {
                Ok(Self { store, time, gates, judged_at, events })
            }
            _ => Err(Error::invalid("the receipt is cut short: it names a store, a time and events")),
        }
    }
}

impl ReceiptEvent {
    pub(crate) fn of(event: &RecordedEvent) -> Self {
        Self { id: event.id(), position: event.position(), version: event.version(), leaf: event.leaf() }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let id = parts.next()?.parse().ok()?;
        let position = Position(parts.next()?.parse().ok()?);
        let version = Version(parts.next()?.parse().ok()?);
        let leaf = parts.next().and_then(parse_hash)?;
        parts.next().is_none().then_some(Self { id, position, version, leaf })
    }
}

fn parse_hash(text: &str) -> Option<Hash> {
    let mut hash = Hash::ZERO;
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.0.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// Undoes [`str::escape_default`].
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        out.push(match rest.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let digits: String = rest.by_ref().skip(1).take_while(|char| *char != '}').collect();
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            plain => plain,
        });
    }
    Some(out)
}
