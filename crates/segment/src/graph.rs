//! The causal graph of a segment: causes, effects and levels, from a memory index or an index file.

use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, Position, Result};

use crate::lookup::{IndexState, Lookup, Postings};
use crate::mem_index::CauseBlock;
use crate::ordinal::Ordinal;
use crate::segment::Segment;

/// What was read of a segment's causes around the last event, so that the next one needs no search.
#[derive(Debug, Default)]
pub struct CauseReader {
    first: Position,
    lookup: Option<Arc<Lookup>>,
    block: CauseBlock,
}

impl CauseReader {
    /// Returns one that reads ahead: for events that are asked for in ascending order.
    pub fn ahead() -> Self {
        Self { block: CauseBlock::new(true), ..Self::default() }
    }
}

impl Segment {
    /// Returns the events here that have the event at this position as a cause.
    pub fn effects(&self, cause: Position) -> Result<Option<Postings>> {
        self.ask_again(self.lookup()?.effects(cause), |lookup| lookup.effects(cause))
    }

    /// Calls `each` with the effects of an event here that come before event `end`; if the index file turns
    /// out to be damaged, perhaps twice. The lookup that is asked stays in `lookup`, for the next question to the
    /// same segment.
    pub fn each_effect(
        &self,
        cause: Position,
        end: Ordinal,
        lookup: &mut Option<Arc<Lookup>>,
        mut each: impl FnMut(Ordinal),
    ) -> Result<()> {
        let held = match lookup.take() {
            Some(held) => held,
            None => self.lookup()?,
        };
        let asked = lookup.insert(held).each_effect(cause, end, &mut each);
        if asked.is_ok() {
            return asked;
        }
        self.ask_again(asked, |lookup| lookup.each_effect(cause, end, &mut each))?;
        *lookup = Some(self.lookup()?);
        Ok(())
    }

    /// Calls `each` with every cause from `from` up to but without `to` that has effects here, and with how many, as its
    /// index file says. If that is [`Missing`](IndexState::Missing), or turns out to be damaged and is out of use now,
    /// what `each` was given means nothing.
    pub fn effect_counts(
        &self,
        from: Position,
        to: Position,
        each: impl FnMut(Position, u32),
    ) -> Result<IndexState> {
        let lookup = self.lookup()?;
        let Lookup::File(index) = &*lookup else { return Ok(IndexState::Missing) };
        match index.effect_counts(from, to, each) {
            Err(error) if error.kind() == ErrorKind::Damaged => {
                self.index_in_memory()?;
                Ok(IndexState::Missing)
            }
            counted => counted.map(|()| IndexState::InUse),
        }
    }

    /// Returns the level of event `n` in the causal graph: 0 without local causes, otherwise one more than the highest
    /// level of a cause. `None` if it is not known yet; [`make_levels`](Self::make_levels) helps.
    #[inline]
    pub fn level(&self, n: Ordinal, reader: &mut CauseReader) -> Result<Option<u32>> {
        self.ask_through(reader, |lookup, _| lookup.level(n))
    }

    /// Returns an ancestor of event `n` far before it here, or `None` if none is known. If the event has one local cause, every
    /// way back from it to an event before that ancestor leads over the ancestor.
    #[inline]
    pub fn leap(&self, n: Ordinal, reader: &mut CauseReader) -> Result<Option<Ordinal>> {
        self.ask_through(reader, |lookup, _| lookup.leap(n))
    }

    /// Returns the local causes of event `n`, which is there, in the order in which it gives them. Those of events
    /// near it are read with them.
    #[inline]
    pub fn causes<'a>(&self, n: Ordinal, reader: &'a mut CauseReader) -> Result<&'a [Position]> {
        if reader.first != self.first() || reader.block.of(n.0).is_none() {
            self.ask_through(reader, |lookup, block| lookup.fill_causes(n, block))?;
        }
        reader.block.of(n.0).ok_or_else(|| Error::invalid(format!("event {} is past the segment's end", n.0)))
    }

    /// Makes the levels of its events known. `level_of` gives those of events of earlier segments.
    pub fn make_levels(&self, level_of: impl Fn(Position) -> Result<u32>) -> Result<()> {
        match &*self.lookup()? {
            Lookup::Memory(index) => index.make_levels(self.first(), level_of),
            Lookup::File(_) => Ok(()),
        }
    }

    /// Asks the lookup that stands in `reader`, or a new one if that is of another segment or damaged.
    #[inline]
    fn ask_through<T>(
        &self,
        reader: &mut CauseReader,
        question: impl Fn(&Lookup, &mut CauseBlock) -> Result<T>,
    ) -> Result<T> {
        if reader.first != self.first() {
            (reader.first, reader.lookup) = (self.first(), None);
            reader.block.begin(0, 0);
        }
        let CauseReader { lookup, block, .. } = reader;
        let held = match lookup.take() {
            Some(held) => held,
            None => self.lookup()?,
        };
        let asked = question(lookup.insert(held), block);
        if asked.is_ok() {
            return asked;
        }
        let answer = self.ask_again(asked, |lookup| question(lookup, block))?;
        *lookup = Some(self.lookup()?);
        Ok(answer)
    }

    /// Returns the answer; if it says that the index file is damaged, that of the segment itself.
    fn ask_again<T>(&self, asked: Result<T>, question: impl FnOnce(&Lookup) -> Result<T>) -> Result<T> {
        match asked {
            Err(error) if error.kind() == ErrorKind::Damaged => {
                if self.is_indexed() {
                    self.index_in_memory()?;
                }
                question(&*self.lookup()?)
            }
            other => other,
        }
    }
}
