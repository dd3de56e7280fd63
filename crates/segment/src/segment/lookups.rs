//! What finds the events of a segment: by id, by term, by text.

use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, Hash, Result, StreamId, Version};

use super::{Segment, Window};
use crate::index::StreamHead;
use crate::lookup::{Lookup, Postings};
use crate::ordinal::Ordinal;
use crate::term::{self, Field, HashedId, HashedTerm};

impl Segment {
    /// Asks the lookup. If the index file turns out to be damaged, the segment itself is read, and the answer comes from
    /// there, now and from then on.
    pub(super) fn ask<T>(&self, question: impl Fn(&Lookup) -> Result<T>) -> Result<T> {
        let answer = self.with_lookup(|lookup| match question(lookup) {
            Err(error) if error.kind() == ErrorKind::Damaged => Err((error, Arc::clone(lookup))),
            other => Ok(other),
        })?;
        answer.unwrap_or_else(|(error, asked)| self.ask_anew(error, asked, question))
    }

    #[cold]
    fn ask_anew<T>(
        &self,
        mut error: Error,
        mut asked: Arc<Lookup>,
        question: impl Fn(&Lookup) -> Result<T>,
    ) -> Result<T> {
        loop {
            // Another thread may have put another lookup in its place.
            let now = self.lookup()?;
            if Arc::ptr_eq(&asked, &now) {
                if matches!(*now, Lookup::Memory(_)) {
                    return Err(error);
                }
                self.index_in_memory()?;
            }
            asked = self.lookup()?;
            match question(&asked) {
                Err(again) if again.kind() == ErrorKind::Damaged => error = again,
                other => return other,
            }
        }
    }

    /// Returns the event with this id, visible or not, or `None`.
    pub fn find_id(&self, id: &HashedId) -> Result<Option<Ordinal>> {
        self.ask(|lookup| match lookup {
            Lookup::Memory(index) => Ok(index.find_id(id).map(Ordinal)),
            Lookup::File(index) => {
                if !index.may_hold(id.hash)? {
                    return Ok(None);
                }
                for event in index.id_candidates(id.hash)?.map(Ordinal) {
                    if let Some((kept, _)) = index.kept(event.0)? {
                        if kept == id.id {
                            return Ok(Some(event));
                        }
                        continue;
                    }
                    let start = lookup.offset(event)?;
                    let found = self.read(lookup, event, start, &mut Window::default());
                    if found.map_err(|error| self.in_place(error, start))?.id() == id.id {
                        return Ok(Some(event));
                    }
                }
                Ok(None)
            }
        })
    }

    /// Returns the events of a term, visible or not, or `None` if no event has it.
    pub fn find(&self, term: &HashedTerm) -> Result<Option<Postings>> {
        self.ask(|lookup| lookup.find(term))
    }

    /// Returns the last event here of the stream with this term, visible or not, or `None` if it has none. Its record is
    /// read only if it was written before this process opened the segment and has no index file yet. While events are added
    /// to the segment, only the caller that adds them asks.
    pub fn stream_head(&self, stream: &HashedTerm) -> Result<Option<StreamHead>> {
        let Some((event, known)) = self.ask(|lookup| lookup.stream_head(stream))? else { return Ok(None) };
        let (version, leaf) = match known {
            Some(known) => known,
            None => self.read_head(event)?,
        };
        Ok(Some(StreamHead { event, version, leaf }))
    }

    /// Returns the leaf hash of an event, which is there: of its record, or as it was kept when that was retired.
    pub fn leaf(&self, event: Ordinal) -> Result<Hash> {
        let kept = self.ask(|lookup| match lookup {
            Lookup::File(index) => index.kept(event.0),
            Lookup::Memory(_) => Ok(None),
        })?;
        match kept {
            Some((_, leaf)) => Ok(leaf),
            None => Ok(self.event(event)?.leaf()),
        }
    }

    /// Reads the version and the leaf hash of an event, which is there.
    pub(crate) fn read_head(&self, event: u32) -> Result<(Version, Hash)> {
        let event = self.event(Ordinal(event))?;
        Ok((event.version(), event.leaf()))
    }

    /// Returns the postings of every term of a text field (scope, entity, kind or tag) that starts with `prefix`.
    pub fn find_prefix(&self, field: Field, prefix: &[u8]) -> Result<Vec<Postings>> {
        self.ask(|lookup| {
            let mut found = Vec::new();
            lookup.with_prefix(field, prefix, |_, postings| found.push(postings)).map(|()| found)
        })
    }

    /// Returns every stream that has events here, with its postings.
    pub fn streams(&self) -> Result<Vec<(StreamId, Postings)>> {
        self.ask(|lookup| {
            let mut found = Vec::new();
            match lookup {
                Lookup::Memory(index) => {
                    index.each_term(Field::Stream, |postings| found.push(Postings::Memory(postings)));
                    let named = found.drain(..).filter_map(|postings| {
                        let first = postings.get(0)?;
                        Some(self.event(first).map(|event| (event.stream(), postings)))
                    });
                    named.collect()
                }
                Lookup::File(index) => {
                    let mut found = Vec::new();
                    index.with_prefix(Field::Stream, b"", |bytes, postings| {
                        found.push((term::parse_stream(bytes), Postings::File(postings)));
                    })?;
                    let named = found.into_iter().map(|(stream, postings)| match stream {
                        Some(stream) => Ok((stream, postings)),
                        None => Err(Error::damaged("a stream in the index has no name", "a name", "none")),
                    });
                    named.collect()
                }
            }
        })
    }

    /// Returns every term of a text field (scope, entity, kind or tag) that has events here, with its postings.
    pub fn texts(&self, field: Field) -> Result<Vec<(String, Postings)>> {
        self.ask(|lookup| {
            let mut found = Vec::new();
            lookup.with_prefix(field, b"", |text, postings| {
                found.push((String::from_utf8_lossy(text).into_owned(), postings));
            })?;
            Ok(found)
        })
    }
}
