//! Lookups: finding events of a segment, in memory while it grows, in its index file afterwards.

use std::sync::Arc;

use tidegate_format::{Offset, Position, Result};

use crate::index::{self, FileIndex};
use crate::mem_index::CauseBlock;
use crate::mem_index::{LastEvent, MemIndex, MemPostings};
use crate::ordinal::Ordinal;
use crate::term::{Field, HashedTerm};

/// Whether the index file of a segment is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum IndexState {
    /// It is.
    InUse,
    /// There is none that is sound: the segment's events are found in memory until one is built.
    Missing,
}

/// Finds the events of a segment.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// In memory: the segment grows, or its index file does not stand yet.
    Memory(Arc<MemIndex>),
    /// In its index file.
    File(Arc<FileIndex>),
}

impl Lookup {
    /// Returns how many events it holds.
    #[inline]
    pub fn count(&self) -> u32 {
        match self {
            Self::Memory(index) => index.count(),
            Self::File(index) => index.count(),
        }
    }

    /// Returns the byte of the segment at which an event's record starts.
    #[inline]
    pub fn offset(&self, event: Ordinal) -> Result<Offset> {
        let start = match self {
            Self::Memory(index) => index.offset(event.0),
            Self::File(index) => index.offset(event.0)?,
        };
        Ok(Offset(u64::from(start)))
    }

    /// Returns the events of a term.
    pub fn find(&self, term: &HashedTerm) -> Result<Option<Postings>> {
        match self {
            Self::Memory(index) => Ok(index.find(term).map(Postings::Memory)),
            Self::File(index) => {
                if !index.may_hold(term.hash as u64)? {
                    return Ok(None);
                }
                Ok(index.find(&term.term)?.map(Postings::File))
            }
        }
    }

    /// Returns the last event of the stream with this term, with its version and leaf hash unless unknown; `None` if
    /// the stream has no events here. While events are added only the caller that adds them asks.
    pub(crate) fn stream_head(&self, stream: &HashedTerm) -> Result<Option<LastEvent>> {
        match self {
            Self::Memory(index) => Ok(index.stream_head(stream)),
            Self::File(index) => {
                if !index.may_hold(stream.hash as u64)? {
                    return Ok(None);
                }
                let head = index.stream_head(&stream.term)?;
                Ok(head.map(|head| (head.event, Some((head.version, head.leaf)))))
            }
        }
    }

    /// Calls `each` with the text and the postings of every term of a text field (scope, entity, kind or
    /// tag) that starts with `prefix`.
    pub fn with_prefix(
        &self,
        field: Field,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], Postings),
    ) -> Result<()> {
        match self {
            Self::Memory(index) => {
                index.with_prefix(field, prefix, |text, postings| each(text, Postings::Memory(postings)));
                Ok(())
            }
            Self::File(index) => {
                index.with_prefix(field, prefix, |text, postings| each(text, Postings::File(postings)))
            }
        }
    }

    /// Returns the events of this segment that have the event at this position as a cause.
    pub fn effects(&self, cause: Position) -> Result<Option<Postings>> {
        match self {
            Self::Memory(index) => Ok(index.effects(cause).map(Postings::Memory)),
            Self::File(index) => Ok(index.effects(cause)?.map(Postings::File)),
        }
    }

    /// Calls `each` with those of them that come before `end`.
    pub fn each_effect(&self, cause: Position, end: Ordinal, mut each: impl FnMut(Ordinal)) -> Result<()> {
        match self {
            Self::Memory(index) => {
                if let Some(postings) = index.effects(cause) {
                    (0..postings.rank(end.0))
                        .filter_map(|n| postings.get(n))
                        .for_each(|event| each(Ordinal(event)));
                }
                Ok(())
            }
            Self::File(index) => index.each_effect(cause, end.0, |event| each(Ordinal(event))),
        }
    }

    /// Returns the level of an event in the causal graph, or `None` if it is not known yet, which is so in memory
    /// only.
    pub fn level(&self, event: Ordinal) -> Result<Option<u32>> {
        match self {
            Self::Memory(index) => Ok(index.level(event.0)),
            Self::File(index) => index.level(event.0).map(Some),
        }
    }

    /// Returns an ancestor of an event far before it, as its index file has it; in memory there is none.
    pub(crate) fn leap(&self, event: Ordinal) -> Result<Option<Ordinal>> {
        match self {
            Self::Memory(_) => Ok(None),
            Self::File(index) => Ok(index.leap(event.0)?.map(Ordinal)),
        }
    }

    /// Reads the causes of the events around `event` into a block.
    pub(crate) fn fill_causes(&self, event: Ordinal, block: &mut CauseBlock) -> Result<()> {
        match self {
            Self::Memory(index) => {
                index.fill_causes(event.0, block);
                Ok(())
            }
            Self::File(index) => index.fill_causes(event.0, block),
        }
    }

    /// Returns how many bytes of memory it takes; 0 for an index file, which is in the page cache.
    pub fn memory(&self) -> usize {
        match self {
            Self::Memory(index) => index.memory(),
            Self::File(_) => 0,
        }
    }
}

/// The events of one term, in ascending order.
#[derive(Clone, Debug)]
pub enum Postings {
    /// Of an index in memory.
    Memory(MemPostings),
    /// Of an index file.
    File(index::Postings),
}

impl Postings {
    /// Returns how many there are.
    pub fn count(&self) -> u32 {
        match self {
            Self::Memory(postings) => postings.count(),
            Self::File(postings) => postings.count(),
        }
    }

    /// Returns the `n`-th of them, counted from 0; `None` past the last.
    pub fn get(&self, n: u32) -> Option<Ordinal> {
        let event = match self {
            Self::Memory(postings) => postings.get(n),
            Self::File(postings) => postings.get(n),
        };
        event.map(Ordinal)
    }

    /// Returns how many of them come before `event`.
    pub fn rank(&self, event: Ordinal) -> u32 {
        match self {
            Self::Memory(postings) => postings.rank(event.0),
            Self::File(postings) => postings.rank(event.0),
        }
    }

    /// Returns the first of them from `event` on.
    pub fn next_from(&self, event: Ordinal) -> Option<Ordinal> {
        let found = match self {
            Self::Memory(postings) => postings.get(postings.rank(event.0)),
            Self::File(postings) => postings.next_from(event.0),
        };
        found.map(Ordinal)
    }

    /// Returns the last of them before `event`.
    pub fn last_before(&self, event: Ordinal) -> Option<Ordinal> {
        let found = match self {
            Self::Memory(postings) => postings.get(postings.rank(event.0).checked_sub(1)?),
            Self::File(postings) => postings.last_before(event.0),
        };
        found.map(Ordinal)
    }
}
