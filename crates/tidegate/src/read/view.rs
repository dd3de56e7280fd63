//! Views: consistent moments to read from.

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_format::{
    Error, ErrorKind, ErrorPlace, EventId, Hash, Micros, Position, Result, StreamId, Version,
};
use tidegate_segment::{Field, HashedTerm, Ordinal, Postings, RecordedEvent, Segment, Term};

use super::plan::Plan;
use super::query::Query;
use super::range::{ReadOptions, Span};
use crate::published::{Damage, Log, SegmentFilter, SharedState};

/// A consistent moment of the log: it shows what was visible when it was taken, and nothing later. It is cheap to take,
/// to clone and to hold, and blocks no append.
///
/// A store that is open for reading only may hold damage. Its views show what precedes it, and every question
/// whose answer may lie behind it ends in [`Damaged`](crate::ErrorKind::Damaged), with the place: a read that goes on
/// past the head or begins at the end, a count without an upper bound, an id that is not found, the version of a
/// stream. Questions within the [`head`](Self::head) are answered, and so is every question to a view of an earlier
/// moment ([`as_of`](Self::as_of)).
///
/// ```
/// use tidegate::{Draft, Query, Store};
///
/// let store = Store::in_memory()?;
/// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
/// let view = store.view()?;
/// store.append(Draft::new(("shop", "order-7"), "order.paid"))?;
///
/// assert_eq!(view.count(&Query::ALL)?, 1);
/// assert_eq!(store.view()?.count(&Query::ALL)?, 2);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct View {
    log: Arc<Log>,
    head: Position,
    /// The damage right behind the head, if the view ends there and not earlier.
    damage: Option<Arc<Damage>>,
}

impl View {
    /// Returns the log up to a position that is written, visible or not: what the committer judges against.
    pub(crate) fn up_to(published: &SharedState, head: Position) -> Self {
        Self { log: published.log(), head, damage: None }
    }

    /// Returns all that is written, visible or not: what decisions and gates see, whose answers wait until it is visible.
    pub(crate) fn written(published: &SharedState) -> Self {
        // The order matters, as below.
        let head = published.written();
        Self::up_to(published, head)
    }

    pub(crate) fn of(published: &SharedState) -> Self {
        // The order matters: segments that are read after the head hold everything up to it, and damage right behind
        // it was published before it.
        let head = published.visible();
        let log = published.log();
        let damage = log.damage.clone().filter(|damage| damage.after <= head);
        Self { log, head, damage }
    }

    /// Returns the log as it was when this position was its last one. A position past the head changes nothing.
    ///
    /// ```
    /// # use tidegate::{Draft, Position, Store};
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let earlier = store.view()?.as_of(Position(1));
    /// assert_eq!(earlier.version(&("shop", "order-7").into())?.0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn as_of(&self, position: Position) -> Self {
        let damage = self.damage.clone().filter(|_| position > self.head);
        Self { log: Arc::clone(&self.log), head: self.head.min(position), damage }
    }

    /// Returns the last position it shows, 0 if the log is empty.
    ///
    /// ```
    /// # use tidegate::{Draft, Store};
    /// let store = Store::in_memory()?;
    /// assert_eq!(store.view()?.head().0, 0);
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.view()?.head().0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn head(&self) -> Position {
        self.head
    }

    /// Returns the first position that has a record: 1, or more if what came before was
    /// [retired](crate::store::Upkeep::retire). A question that needs a record below it ends in
    /// [`Retired`](crate::ErrorKind::Retired): an event by its position, id or key, the last event of a stream, a read that
    /// selects one. What needs none is answered as before: counts, versions, whether something matches, the graph.
    ///
    /// ```
    /// use tidegate::{Position, Store};
    ///
    /// let store = Store::in_memory()?;
    /// assert_eq!(store.view()?.floor(), Position(1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn floor(&self) -> Position {
        self.log.floor()
    }

    /// Returns the leaf of the event at a position; zeros for position 0, `None` past the head.
    pub(crate) fn leaf(&self, position: Position) -> Result<Option<Hash>> {
        if position == Position::START {
            return Ok(Some(Hash::ZERO));
        }
        match self.locate(position) {
            Some((segment, event)) => segment.leaf(event).map(Some),
            None => self.check_end().map(|()| None),
        }
    }

    /// Returns the error of a question that needs the record of an event below the floor.
    pub(crate) fn retired(&self, position: Position) -> Error {
        let floor = self.floor();
        let message = format!("the event was retired with all before position {floor}; go on from there");
        Error::new(ErrorKind::Retired, message).at(ErrorPlace::Event(position))
    }

    /// Reads an event, whose payload is opened when it is asked for.
    fn read_event(&self, segment: &Segment, event: Ordinal) -> Result<RecordedEvent> {
        if segment.is_retired() {
            return Err(self.retired(segment.position(event)));
        }
        let mut event = segment.event(event)?;
        self.log.decrypt(&mut event);
        Ok(event)
    }

    /// Returns the damage that hides what follows the head, or `None` if the view ends where the log does.
    ///
    /// ```
    /// # use tidegate::Store;
    /// let store = Store::in_memory()?;
    /// assert!(store.view()?.damage().is_none());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn damage(&self) -> Option<&Error> {
        self.damage.as_ref().map(|damage| &damage.error)
    }

    /// Refuses a question whose answer may lie behind the head, if damage hides that.
    pub(crate) fn check_end(&self) -> Result<()> {
        self.damage().map_or(Ok(()), |damage| Err(damage.clone()))
    }

    /// Refuses a span that goes on behind the head, if damage hides that.
    pub(crate) fn check_span(&self, span: &Span) -> Result<()> {
        if span.goes_past(self.head) { self.check_end() } else { Ok(()) }
    }

    /// Returns the answer, unless it is `None` because damage hides it.
    fn unless_hidden<T>(&self, found: Option<T>) -> Result<Option<T>> {
        if found.is_none() {
            self.check_end()?;
        }
        Ok(found)
    }

    /// Returns the event at a position, or `None` for 0 and past the head.
    ///
    /// ```
    /// # use tidegate::{Draft, Position, Store};
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let event = store.view()?.at(Position(1))?.expect("it was appended");
    /// assert_eq!(event.kind(), "order.placed");
    /// assert!(store.view()?.at(Position(2))?.is_none());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn at(&self, position: Position) -> Result<Option<RecordedEvent>> {
        match self.locate(position) {
            Some((segment, event)) => self.read_event(segment, event).map(Some),
            None if position == Position::START => Ok(None),
            None => self.check_end().map(|()| None),
        }
    }

    /// Returns which opening for writing wrote the event at a position, counted from 1, or `None` for 0 and past the head.
    /// It stands in the header of the event's frame, so the records before it in the same frame are read.
    ///
    /// ```
    /// # use tidegate::{Draft, Position, Store};
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.view()?.epoch(Position(1))?, Some(1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn epoch(&self, position: Position) -> Result<Option<u32>> {
        match self.locate(position) {
            Some((segment, event)) if segment.is_retired() => Err(self.retired(segment.position(event))),
            Some((segment, event)) => Ok(Some(segment.frame_of(event)?.epoch)),
            None if position == Position::START => Ok(None),
            None => self.unless_hidden(None),
        }
    }

    /// Returns the event with this id, or `None`.
    ///
    /// ```
    /// # use tidegate::{Draft, EventId, Store};
    /// let store = Store::in_memory()?;
    /// let id = EventId::from_key("shop", "import-4711");
    /// store.append(Draft::new(("shop", "order-7"), "order.placed").id(id))?;
    /// let event = store.view()?.find(id)?.expect("it was appended");
    /// assert_eq!(event.kind(), "order.placed");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn find(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        match self.find_position(id)? {
            Some(position) => self.at(position),
            None => Ok(None),
        }
    }

    /// Returns the position of the event with this id, or `None`.
    pub(crate) fn find_position(&self, id: EventId) -> Result<Option<Position>> {
        self.unless_hidden(self.position_of(id)?)
    }

    /// Returns the version of a stream's last event, which is how many events the stream has; 0 if it has none.
    ///
    /// ```
    /// # use tidegate::{Draft, Store, Version};
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.view()?.version(&("shop", "order-7").into())?, Version(1));
    /// assert_eq!(store.view()?.version(&("shop", "order-8").into())?, Version::EMPTY);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn version(&self, stream: &StreamId) -> Result<Version> {
        // Even if one is found, a later one may be hidden.
        self.check_end()?;
        let sought = self.log.seed().hash_term(Term::stream(&stream.scope, &stream.entity, stream.lane));
        let Some((segment, postings, event)) = self.last_of(&sought)? else { return Ok(Version::EMPTY) };
        if !segment.is_retired() {
            return Ok(segment.event(event)?.version());
        }
        let head = segment.stream_head(&sought)?.map_or(Version::EMPTY, |head| head.version);
        // The versions of a stream follow each other.
        let later = postings.count() - postings.rank(event.next());
        Ok(Version(head.0 - u64::from(later)))
    }

    /// Returns the last event with a term, and the segment and the postings that it is found in.
    fn last_of(&self, sought: &HashedTerm) -> Result<Option<(&Arc<Segment>, Postings, Ordinal)>> {
        for (at, segment) in self.log.newest_first(sought.hash as u64) {
            if let Some(postings) = segment.find(sought)?
                && let Some(event) = postings.last_before(Ordinal(self.visible_in(at)))
            {
                return Ok(Some((segment, postings, event)));
            }
        }
        Ok(None)
    }

    /// Returns the last event of a stream, or `None` if it has none.
    ///
    /// ```
    /// # use tidegate::{Draft, Store};
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let last = store.view()?.last_event(&("shop", "order-7").into())?.expect("it has events");
    /// assert_eq!(last.kind(), "order.paid");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn last_event(&self, stream: &StreamId) -> Result<Option<RecordedEvent>> {
        // Even if one is found, a later one may be hidden.
        self.check_end()?;
        let sought = self.log.seed().hash_term(Term::stream(&stream.scope, &stream.entity, stream.lane));
        let found = self.last_of(&sought)?;
        found.map(|(segment, _, event)| self.read_event(segment, event)).transpose()
    }

    /// Returns the position of the first event after a position that a query selects, without reading it.
    pub(crate) fn first_match(&self, query: &Query, after: Position) -> Result<Option<Position>> {
        if after >= self.head {
            query.check()?;
            return self.check_end().map(|()| None);
        }
        let (plan, span) = (self.plan(query)?, Span::after(after));
        for (segment, from, to) in self.parts(&plan, &span) {
            let event = plan.set(segment)?.next_from(from);
            if let Some(event) = event.filter(|event| *event < to) {
                return Ok(Some(segment.position(event)));
            }
        }
        self.check_end().map(|()| None)
    }

    /// Returns the first event of the batch with this idempotency key, or `None`. The key is that of
    /// [`Batch::key`](crate::Batch::key) or [`AppendOptions::key`](crate::AppendOptions::key), or the one that a
    /// reactor made.
    ///
    /// ```
    /// use tidegate::{Batch, Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let payment = Batch::from(Draft::new(("bank", "alice"), "money.paid_out")).key("payment-17");
    /// let receipt = store.append(payment)?;
    /// let first = store.view()?.find_key("payment-17")?.map(|event| event.position());
    /// assert_eq!(first, Some(receipt.first()));
    /// assert!(store.view()?.find_key("payment-18")?.is_none());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn find_key(&self, key: &str) -> Result<Option<RecordedEvent>> {
        match self.find_key_after(key, Position::START)? {
            Some(position) => self.at(position),
            None => Ok(None),
        }
    }

    /// Returns the position of the first event of the batch with this idempotency key, if it came after a position. Both ends
    /// are compared by position: the answer is the same wherever segments begin.
    pub(crate) fn find_key_after(&self, key: &str, after: Position) -> Result<Option<Position>> {
        let sought = self.log.seed().hash_term(Term::new(Field::Key, key.as_bytes()));
        for (at, segment) in self.log.newest_first(sought.hash as u64) {
            let count = self.visible_in(at);
            if segment.first().plus(u64::from(count)) <= after.next() {
                break;
            }
            let found = segment.find(&sought)?.and_then(|postings| postings.last_before(Ordinal(count)));
            if let Some(position) =
                found.map(|event| segment.position(event)).filter(|position| *position > after)
            {
                return Ok(Some(position));
            }
        }
        self.check_end().map(|()| None)
    }

    /// Returns the position of the event with this id, if it came after a position. Both ends are compared by position.
    pub(crate) fn find_id_after(&self, id: EventId, after: Position) -> Result<Option<Position>> {
        let sought = self.log.seed().hash_id(id);
        for (at, segment) in self.log.newest_first(sought.hash) {
            if segment.first().plus(u64::from(self.visible_in(at))) <= after.next() {
                break;
            }
            let found = segment.find_id(&sought)?.map(|event| segment.position(event));
            if let Some(position) = found.filter(|position| (after.next()..=self.head).contains(position)) {
                return Ok(Some(position));
            }
        }
        self.unless_hidden(None)
    }

    /// Counts the events that a query selects, without reading them.
    ///
    /// ```
    /// # use tidegate::{Draft, Query, Store};
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// assert_eq!(store.view()?.count(&Query::kind("order.*"))?, 2);
    /// assert_eq!(store.view()?.count(&Query::kind("order.paid"))?, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn count(&self, query: &Query) -> Result<u64> {
        self.count_with(query, ReadOptions::new())
    }

    /// Counts the events that a query selects in the part of the log that `read` names, and at most its limit.
    ///
    /// ```
    /// # use tidegate::{Draft, Query, ReadOptions, Store};
    /// let store = Store::in_memory()?;
    /// let placed = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// store.append(Draft::new(("shop", "order-7"), "order.paid"))?;
    /// let later = ReadOptions::new().after(placed.last());
    /// assert_eq!(store.view()?.count_with(&Query::kind("order.*"), later)?, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn count_with(&self, query: &Query, read: ReadOptions) -> Result<u64> {
        let mut total = 0;
        let (plan, span) = (self.plan(query)?, self.span(&read)?);
        for (segment, from, to) in self.parts(&plan, &span) {
            total += plan.set(segment)?.count(from, to);
        }
        let limit = read.limit.map_or(u64::MAX, |limit| limit as u64);
        if total < limit {
            self.check_span(&span)?;
        }
        Ok(total.min(limit))
    }

    /// Returns the position of the last event that was recorded before a time, 0 if there is none. Recorded times never
    /// decrease, so a binary search finds it, and a few records are read.
    ///
    /// [`as_of`](Self::as_of) this position is the log as it was right before that time; a subscription or a cursor after
    /// it begins with the first event of that time.
    ///
    /// ```
    /// # use tidegate::{Draft, Micros, Position, Store};
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let view = store.view()?;
    /// let paid = view.at(Position(2))?.expect("it was appended").time();
    /// assert!(view.position_before(paid)? < Position(2));
    /// assert_eq!(view.position_before(Micros(paid.0 + 1))?, Position(2));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn position_before(&self, time: Micros) -> Result<Position> {
        // Each segment and each event that precedes the time precedes all that do not, so halving a range finds the last.
        let last = |count: usize, is_before: &dyn Fn(usize) -> Result<bool>| -> Result<Option<usize>> {
            let (mut low, mut high) = (0, count);
            while low < high {
                let middle = low + (high - low) / 2;
                (low, high) = if is_before(middle)? { (middle + 1, high) } else { (low, middle) };
            }
            Ok(low.checked_sub(1))
        };
        let has_times = |(segment, count): &(&Arc<Segment>, u32)| *count > 0 && !segment.is_retired();
        let segments: Vec<_> = self.segments().filter(has_times).collect();
        let is_before = |segment: &Segment, event: Ordinal| Ok(segment.event(event)?.time() < time);
        let Some(at) = last(segments.len(), &|at| is_before(segments[at].0, Ordinal::FIRST))? else {
            let floor = self.floor();
            if floor > Position(1) {
                let message = format!(
                    "the times of the events before position {floor} were retired with them; name a position, or a later time"
                );
                return Err(Error::new(ErrorKind::Retired, message));
            }
            return Ok(segments.first().map_or(Position::START, |(segment, _)| segment.first().before()));
        };
        let (segment, count) = segments[at];
        // An event's number in a segment fits `u32`.
        let event = last(count as usize, &|event| is_before(segment, Ordinal(event as u32)))?.unwrap_or(0);
        Ok(segment.first().plus(event as u64))
    }

    /// Returns the positions that read options cover: those they name, and those of the times they name.
    pub(crate) fn span(&self, read: &ReadOptions) -> Result<Span> {
        let mut span = Span { after: read.after, before: read.before };
        if let Some(since) = read.since {
            span.after = span.after.max(self.position_before(since)?);
        }
        if let Some(until) = read.until {
            let last = self.position_before(until)?;
            // If every event shown is before that time, events behind the head may be, too.
            if last < self.head {
                span.before = span.before.min(last.next());
            }
        }
        Ok(span)
    }

    /// Returns the query with causes by their positions, as records name them. A cause that is not visible has no visible
    /// effects, although damage may hide later ones.
    pub(crate) fn resolved<'a>(&self, query: &'a Query) -> Result<Cow<'a, Query>> {
        query.check()?;
        query.resolved(|id| self.position_of(id))
    }

    /// Returns the position of the event with this id, if it is visible.
    pub(crate) fn position_of(&self, id: EventId) -> Result<Option<Position>> {
        let sought = self.log.seed().hash_id(id);
        for (_, segment) in self.log.newest_first(sought.hash) {
            let found = segment.find_id(&sought)?.map(|event| segment.position(event));
            if let Some(position) = found.filter(|position| *position <= self.head) {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// Returns the query as it is put to segments.
    pub(crate) fn plan(&self, query: &Query) -> Result<Plan> {
        Ok(Plan::of(&*self.resolved(query)?, self.log.seed()))
    }

    /// Returns the segments in which a plan may select events, in order, each with the part of it that a span covers.
    pub(crate) fn parts(
        &self,
        plan: &Plan,
        span: &Span,
    ) -> impl Iterator<Item = (&Arc<Segment>, Ordinal, Ordinal)> {
        let (mut filter, mut next) = (SegmentFilter::default(), self.segment_of(span.after.next()));
        let span = *span;
        let places = std::iter::from_fn(move || {
            let at = filter.find(&self.log, next, false, |filter_group| plan.may_hold(filter_group))?;
            next = at + 1;
            Some(at)
        });
        let parts = places.map(move |at| {
            let segment = &self.log.segments[at];
            let (from, to) = span.within(segment.first(), self.visible_in(at));
            (segment, from, to)
        });
        parts.filter(|(_, from, to)| from < to)
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the segments, each with how many of its events are visible.
    pub(crate) fn segments(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&Arc<Segment>, u32)> + ExactSizeIterator {
        self.log.segments.iter().enumerate().map(|(at, segment)| (segment, self.visible_in(at)))
    }

    /// Returns the segments that have records, each with how many of its events are visible.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = (&Arc<Segment>, u32)> {
        self.segments().skip_while(|(segment, _)| segment.is_retired())
    }

    pub(crate) fn segment(&self, at: usize) -> Option<(&Arc<Segment>, u32)> {
        self.log.segments.get(at).map(|segment| (segment, self.visible_in(at)))
    }

    /// Returns the place, in the list of segments, of the one that holds a position.
    pub(crate) fn segment_of(&self, position: Position) -> usize {
        self.log.locate(position).map_or(0, |(at, _)| at)
    }

    fn visible_in(&self, at: usize) -> u32 {
        let first = self.log.segments[at].first();
        let end = self.log.segments.get(at + 1).map_or(Position::MAX, |next| next.first().before());
        (end.min(self.head).0 + 1).saturating_sub(first.0) as u32
    }

    fn locate(&self, position: Position) -> Option<(&Arc<Segment>, Ordinal)> {
        if position > self.head {
            return None;
        }
        let (_, segment) = self.log.locate(position)?;
        Some((segment, segment.ordinal(position)))
    }
}
