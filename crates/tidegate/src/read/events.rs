//! Events: what a query selects, read one by one.

use tidegate_format::{Position, Result};
use tidegate_segment::index::FilterGroup;
use tidegate_segment::{Ordinal, RecordedEvent, Window};

use super::plan::Plan;
use super::query::Query;
use super::range::{ReadOptions, Span};
use super::set::Set;
use super::view::View;
use crate::published::SegmentFilter;

/// Iterates over the events of a query, and reads each when it is asked for. It holds its view, so what is appended later
/// does not show, and no append waits for it. After an error it ends. If damage hides the events that would follow, that
/// error is its last item.
///
/// ```
/// use tidegate::{Draft, Query, Store};
///
/// let store = Store::in_memory()?;
/// for kind in ["order.placed", "order.paid"] {
///     store.append(Draft::new(("shop", "order-7"), kind))?;
/// }
/// let mut events = store.read(&Query::stream(("shop", "order-7")))?;
/// store.append(Draft::new(("shop", "order-7"), "order.shipped"))?;
///
/// assert_eq!(events.view().head().0, 2);
/// let first = events.next().expect("there is one")?;
/// assert_eq!(first.kind(), "order.placed");
/// assert_eq!(events.count(), 1);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Debug)]
pub struct Events {
    view: View,
    query: Query,
    /// The query as it is put to segments, once an event was asked for.
    plan: Option<Plan>,
    filter: SegmentFilter,
    read: ReadOptions,
    /// The positions that `read` covers, once an event was asked for.
    span: Span,
    left: usize,
    /// The segment being read, in the view's list.
    at: usize,
    set: Option<Set>,
    /// The part of the segment still to be read.
    from: Ordinal,
    to: Ordinal,
    window: Window,
    /// The event that was read last, unless it was given away.
    event: Option<RecordedEvent>,
    done: bool,
}

impl Events {
    pub(crate) fn new(view: View, query: Query, read: ReadOptions) -> Self {
        let window = Window::ahead(read.backwards);
        let left = read.limit.unwrap_or(usize::MAX);
        let (plan, filter, span, set) = (None, SegmentFilter::default(), Span::ALL, None);
        Self {
            view,
            query,
            plan,
            filter,
            read,
            span,
            left,
            at: 0,
            set,
            from: Ordinal::FIRST,
            to: Ordinal::FIRST,
            window,
            event: None,
            done: false,
        }
    }

    /// Returns the moment it reads from.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Finds where to begin, and the query's terms.
    fn begin(&mut self) -> Result<Plan> {
        self.span = self.view.span(&self.read)?;
        let start = if self.read.backwards {
            // What would come first is hidden.
            self.view.check_span(&self.span)?;
            self.span.before.before().min(self.view.head())
        } else {
            self.span.after.next()
        };
        self.at = self.view.segment_of(start);
        self.view.plan(&self.query)
    }

    /// Reads the next event and lends it, which spares a scan the bookkeeping of owners. Clone what is to be kept; for
    /// anything but a scan of very many events the iterator is as good.
    ///
    /// ```
    /// # use tidegate::{Draft, Query, Store};
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed").bytes(&b"12"[..]))?;
    /// let (mut events, mut bytes) = (store.read(&Query::ALL)?, 0);
    /// while let Some(event) = events.next_borrowed()? {
    ///     bytes += event.payload()?.len();
    /// }
    /// assert_eq!(bytes, 2);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those that the iterator gives as items, and it ends in the same way after one.
    #[inline]
    pub fn next_borrowed(&mut self) -> Result<Option<&RecordedEvent>> {
        Ok(if self.advance()? { self.event.as_ref() } else { None })
    }

    /// Reads the next event into its place; returns whether there is one.
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        if self.done || self.left == 0 {
            return Ok(false);
        }
        let found = match self.step() {
            Ok(false) => self.view.check_span(&self.span).map(|()| false),
            found => found,
        };
        if matches!(found, Ok(true)) {
            self.left -= 1;
        } else {
            self.done = true;
        }
        found
    }

    fn step(&mut self) -> Result<bool> {
        if self.plan.is_none() {
            self.plan = Some(self.begin()?);
        }
        let Some(plan) = &self.plan else { return Ok(false) };
        loop {
            if self.set.is_none() {
                let may_hold = |filter_group: &FilterGroup| plan.may_hold(filter_group);
                let Some(at) = self.filter.find(self.view.log(), self.at, self.read.backwards, may_hold)
                else {
                    return Ok(false);
                };
                self.at = at;
            }
            let Some((segment, count)) = self.view.segment(self.at) else { return Ok(false) };
            let set = if let Some(set) = &mut self.set {
                set
            } else {
                (self.from, self.to) = self.span.within(segment.first(), count);
                let empty = self.from >= self.to;
                if empty && self.is_past(segment.first(), count) {
                    return Ok(false);
                }
                self.window.clear();
                let set = if empty { Set::None } else { plan.set(segment)? };
                self.set.insert(set)
            };
            let found = if self.from >= self.to {
                None
            } else if self.read.backwards {
                set.last_up_to(self.to.before()).filter(|event| *event >= self.from)
            } else {
                set.next_from(self.from).filter(|event| *event < self.to)
            };
            if let Some(event) = found {
                if self.read.backwards {
                    self.to = event;
                } else {
                    self.from = event.next();
                }
                if segment.is_retired() {
                    return Err(self.view.retired(segment.position(event)));
                }
                segment.read_event(event, &mut self.window, &mut self.event)?;
                if let Some(event) = &mut self.event {
                    self.view.log().decrypt(event);
                }
                return Ok(true);
            }
            self.set = None;
            match (self.read.backwards, self.at) {
                (true, 0) => return Ok(false),
                (true, at) => self.at = at - 1,
                (false, at) => self.at = at + 1,
            }
        }
    }

    /// Returns whether no further segment can hold anything, seen from one that holds nothing.
    fn is_past(&self, first: Position, count: u32) -> bool {
        if self.read.backwards {
            first.plus(u64::from(count)) <= self.span.after
        } else {
            first >= self.span.before || first > self.view.head()
        }
    }
}

impl Iterator for Events {
    type Item = Result<RecordedEvent>;

    fn next(&mut self) -> Option<Result<RecordedEvent>> {
        match self.advance() {
            Ok(true) => self.event.take().map(Ok),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl View {
    /// Returns the events that a query selects, from the first to the last. Each is read when it is asked for.
    ///
    /// ```
    /// # use tidegate::{Draft, Query, Store};
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// for event in store.view()?.read(&Query::kind("order.*")) {
    ///     assert_eq!(event?.kind(), "order.placed");
    /// }
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn read(&self, query: &Query) -> Events {
        self.read_with(query, ReadOptions::new())
    }

    /// Returns the part of the events that a query selects, in the direction, that `options` name.
    ///
    /// ```
    /// # use tidegate::{Draft, Query, ReadOptions, Store};
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let newest = ReadOptions::new().backwards(true).limit(1);
    /// for event in store.view()?.read_with(&Query::kind("order.*"), newest) {
    ///     assert_eq!(event?.kind(), "order.paid");
    /// }
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn read_with(&self, query: &Query, options: ReadOptions) -> Events {
        Events::new(self.clone(), query.clone(), options)
    }
}
