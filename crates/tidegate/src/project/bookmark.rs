//! Bookmarks: the position of a read model, as a line of text that its database keeps.
//!
//! Invariants:
//!
//! B1. The same position has the same text.

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, ErrorKind, Hash, Position, Result, StoreId, hash};

use crate::read::{Query, View};

const FIRST_WORD: &str = "tidegate-bookmark-1";

/// How far a [`ReadModel`](super::ReadModel) got. Its text is what the database keeps, beside the state and in the
/// same transaction; it is a line of some 200 characters.
///
/// It names the store, the version and the query of the model, and the leaf hash of the event at its position. A
/// database that is used with another store, another query, or a log that lost that event is refused.
///
/// ```
/// use tidegate::project::Bookmark;
///
/// let zeros = "0".repeat(64);
/// let text = format!("tidegate-bookmark-1 019aab2c-0000-7000-8000-000000000000 1 {zeros} 41 {zeros}");
/// let bookmark: Bookmark = text.parse()?;
/// assert_eq!((bookmark.position().0, bookmark.to_string()), (41, text));
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    store: StoreId,
    version: u16,
    query: Hash,
    position: Position,
    leaf: Hash,
}

impl Bookmark {
    pub(super) fn new(store: StoreId, version: u16, query: &Query, position: Position, leaf: Hash) -> Self {
        Self { store, version, query: hash::sha256(query.to_string().as_bytes()), position, leaf }
    }

    /// Returns its position: every event of the query up to here is in the state.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the bookmark of the same model at another position.
    pub(super) fn moved(&self, position: Position, leaf: Hash) -> Self {
        Self { position, leaf, ..self.clone() }
    }

    /// Refuses a place of another model than the one that stands at `start`, or one that is not in this log.
    pub(super) fn check(&self, start: &Self, view: &View) -> Result<()> {
        const REMEDY: &str = "restore the log, or build the read model anew from an empty one";
        if self.store != start.store {
            return Err(Error::damaged("the read model is of another store", start.store, self.store));
        }
        if self.version != start.version {
            let message = format!(
                "the database has version {} of the read model, this is version {}; build it anew beside the old one",
                self.version, start.version
            );
            return Err(Error::new(ErrorKind::Refused, message));
        }
        if self.query != start.query {
            let message = "the read model has taken in the events of another query; build it anew";
            return Err(Error::new(ErrorKind::Refused, message));
        }
        match view.leaf(self.position)? {
            Some(leaf) if leaf == self.leaf => Ok(()),
            Some(leaf) => {
                let message =
                    format!("position {} has another event than the read model took in", self.position);
                Err(Error::damaged(message, self.leaf, leaf).advise(REMEDY))
            }
            None => {
                let expected = format!("position {} at least", self.position);
                let found = format!("position {}", view.head());
                Err(Error::damaged("the log is older than the read model", expected, found).advise(REMEDY))
            }
        }
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, version, query, position, leaf } = self;
        write!(f, "{FIRST_WORD} {store} {version} {query} {position} {leaf}")
    }
}

impl FromStr for Bookmark {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let mut words = text.strip_prefix(FIRST_WORD)?.strip_prefix(' ')?.split(' ');
            let mut word = || words.next();
            Some(Self {
                store: word()?.parse().ok()?,
                version: word()?.parse().ok()?,
                query: word()?.parse().ok()?,
                position: Position(word()?.parse().ok()?),
                leaf: word()?.parse().ok()?,
            })
        };
        match read() {
            // keeps B1
            Some(bookmark) if bookmark.to_string() == text => Ok(bookmark),
            _ => {
                let found: String = text.chars().take(100).collect();
                Err(Error::damaged(
                    "the text is not a bookmark",
                    "what was kept in the last transaction",
                    found,
                ))
            }
        }
    }
}
