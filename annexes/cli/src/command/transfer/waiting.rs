//! Lines that wait for causes that come later in the file.
//!
//! A line waits in its stream, and the later lines of that stream wait behind it, so each stream keeps its order.

use std::collections::{HashMap, HashSet, VecDeque};

use tidegate::{EventId, StreamId};

/// The lines that wait, and what for.
pub(super) struct WaitingLines {
    /// The ids of all lines of the file.
    ids: HashSet<EventId>,
    /// The waiting lines of each stream, with their numbers, in order.
    streams: HashMap<StreamId, VecDeque<(u64, String)>>,
    /// The streams whose first line waits for an event.
    awaited: HashMap<EventId, Vec<StreamId>>,
}

impl WaitingLines {
    /// Lets lines wait for events with these ids.
    pub(super) fn new(ids: HashSet<EventId>) -> Self {
        Self { ids, streams: HashMap::new(), awaited: HashMap::new() }
    }

    /// Returns whether a line of the file has this id.
    pub(super) fn comes(&self, id: EventId) -> bool {
        self.ids.contains(&id)
    }

    /// Returns whether a line of this stream waits.
    pub(super) fn has(&self, stream: &StreamId) -> bool {
        self.streams.contains_key(stream)
    }

    /// Has a line wait behind those of its stream.
    pub(super) fn push(&mut self, stream: StreamId, number: u64, text: &str) {
        self.streams.entry(stream).or_default().push_back((number, text.to_owned()));
    }

    /// Has a stream wait for an event.
    pub(super) fn wait(&mut self, stream: StreamId, id: EventId) {
        self.awaited.entry(id).or_default().push(stream);
    }

    /// Returns the streams that waited for an event, which has come.
    pub(super) fn arrived(&mut self, id: EventId) -> Vec<StreamId> {
        self.awaited.remove(&id).unwrap_or_default()
    }

    /// Takes the first waiting line of a stream.
    pub(super) fn pop(&mut self, stream: &StreamId) -> Option<(u64, String)> {
        let lines = self.streams.get_mut(stream)?;
        let first = lines.pop_front();
        if lines.is_empty() {
            self.streams.remove(stream);
        }
        first
    }

    /// Puts back a line that was taken from a stream.
    pub(super) fn put_back(&mut self, stream: StreamId, line: (u64, String)) {
        self.streams.entry(stream).or_default().push_front(line);
    }

    /// Returns the lines that still wait, in the order of the file.
    pub(super) fn into_rest(self) -> Vec<(u64, String)> {
        let mut rest: Vec<_> = self.streams.into_values().flatten().collect();
        rest.sort_by_key(|(number, _)| *number);
        rest
    }
}
