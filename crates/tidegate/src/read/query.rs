//! Queries: which events to select.

use std::borrow::Cow;
use std::ops::{Bound, RangeBounds};

use tidegate_format::{
    Cause, CorrelationId, Draft, Error, EventId, Position, Record, Result, StreamId, Text, Version, name,
};

/// Selects events: all of them, or those that match one of several [`QueryItem`]s.
///
/// A query that names what no event can have is refused where it is used, as [`Invalid`](crate::ErrorKind::Invalid): an empty
/// name, one that is too long or holds a control character, a kind with a `*` that is not a family, and an empty range of
/// versions.
///
/// A call that reads what is there borrows its query, as [`count(&query)`](crate::View::count) does; a call that keeps it takes
/// it, or an item, by value, as [`fail_if(query)`](crate::Condition::fail_if) does.
///
/// Written with `to_string`, a query is JSON, and `parse` reads it back.
///
/// ```
/// use tidegate::{Query, QueryItem};
///
/// let course = Query::from(QueryItem::new().tag("course:c1").kind("course.*"));
/// let both = course.or(QueryItem::new().tag("student:s1").kind("student.subscribed"));
/// assert_eq!(both.to_string().parse::<Query>()?, both);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query(Option<Vec<QueryItem>>);

impl Query {
    /// Selects every event.
    pub const ALL: Self = Self(None);

    /// Returns a query for the events of one stream.
    ///
    /// ```
    /// # use tidegate::{Query, QueryItem};
    /// let order = Query::stream(("shop", "order-7"));
    /// assert_eq!(order, QueryItem::new().stream(("shop", "order-7")).into());
    /// ```
    pub fn stream(stream: impl Into<StreamId>) -> Self {
        QueryItem::new().stream(stream).into()
    }

    /// Returns a query for the events of one kind, or of a family such as `order.*`; see [`QueryItem::kind`].
    ///
    /// ```
    /// # use tidegate::{Query, QueryItem};
    /// assert_eq!(Query::kind("order.*"), QueryItem::new().kind("order.*").into());
    /// ```
    pub fn kind(kind: impl Into<Text>) -> Self {
        QueryItem::new().kind(kind).into()
    }

    /// Returns a query for the events with one tag.
    ///
    /// ```
    /// # use tidegate::{Query, QueryItem};
    /// assert_eq!(Query::tag("seat:12a"), QueryItem::new().tag("seat:12a").into());
    /// ```
    pub fn tag(tag: impl Into<Text>) -> Self {
        QueryItem::new().tag(tag).into()
    }

    /// Adds an item: the query then selects the events that match it, too. [`ALL`](Self::ALL) stays as it is.
    ///
    /// ```
    /// # use tidegate::{Query, QueryItem};
    /// let query = Query::tag("seat:12a").or(QueryItem::new().tag("seat:12b"));
    /// assert_eq!(query.items().map(<[_]>::len), Some(2));
    /// assert_eq!(Query::ALL.or(QueryItem::new().tag("seat:12b")), Query::ALL);
    /// ```
    #[must_use]
    pub fn or(mut self, item: QueryItem) -> Self {
        if let Some(items) = &mut self.0 {
            items.push(item);
        }
        self
    }

    /// Refuses an item with a name or a range of versions that no event can have: it would select nothing, and a condition
    /// on it would never fail.
    pub(crate) fn check(&self) -> Result<()> {
        self.0.iter().flatten().try_for_each(QueryItem::check)
    }

    /// Returns whether a record matches. A cause named by its id matches none: see [`resolved`](Self::resolved).
    pub(crate) fn matches(&self, record: &Record<'_>) -> bool {
        self.items().is_none_or(|items| items.iter().any(|item| item.matches(record)))
    }

    /// Returns whether a draft matches. Its flow and its causes are compared as the draft names them; it has no version
    /// yet, so a query that [asks for versions](Self::asks_for_versions) cannot be answered.
    pub(crate) fn matches_draft(&self, draft: &Draft) -> bool {
        self.items().is_none_or(|items| items.iter().any(|item| item.matches_draft(draft)))
    }

    /// Returns whether any item asks for versions, which events get at their commit.
    pub(crate) fn asks_for_versions(&self) -> bool {
        self.0.iter().flatten().any(|item| item.versions.is_some())
    }

    /// Returns whether any item asks for a flow or a cause, which drafts name in several ways.
    pub(crate) fn asks_for_flow(&self) -> bool {
        self.0.iter().flatten().any(|item| item.correlation.is_some() || item.cause.is_some())
    }

    /// Returns the query with causes as records name them: positions instead of the ids that `position_of` knows.
    pub(crate) fn resolved<E>(
        &self,
        position_of: impl Fn(EventId) -> Result<Option<Position>, E>,
    ) -> Result<Cow<'_, Self>, E> {
        let mut resolved = Cow::Borrowed(self);
        for (at, item) in self.0.iter().flatten().enumerate() {
            if let Some(Cause::Id(id)) = item.cause
                && let Some(position) = position_of(id)?
                && let Some(items) = &mut resolved.to_mut().0
            {
                items[at].cause = Some(Cause::At(position));
            }
        }
        Ok(resolved)
    }

    /// Returns the part of the query in one stream, or `None` if it selects none of its events.
    pub(crate) fn within(&self, stream: &StreamId) -> Option<Self> {
        let Some(items) = &self.0 else { return Some(Self::stream(stream.clone())) };
        let items: Vec<QueryItem> = items.iter().filter_map(|item| item.within(stream)).collect();
        (!items.is_empty()).then_some(Self(Some(items)))
    }

    /// Returns the last version from `from` to `to` that it selects in a stream for any kind, tags, causes and flow, or `None`
    /// if there is none.
    pub(crate) fn last_covered(&self, stream: &StreamId, from: Version, to: Version) -> Option<Version> {
        let Some(items) = &self.0 else { return Some(to).filter(|to| from <= *to) };
        items.iter().filter(|item| item.covers(stream)).filter_map(|item| item.last_version(from, to)).max()
    }

    /// Returns a query that selects what any of these selects.
    pub(crate) fn union<'a>(queries: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Vec::new();
        for query in queries {
            match &query.0 {
                None => return Self::ALL,
                Some(items) => all.extend(items.iter().cloned()),
            }
        }
        Self(Some(all))
    }

    /// Returns its items, at least one, or `None` if it selects every event.
    pub fn items(&self) -> Option<&[QueryItem]> {
        self.0.as_deref()
    }
}

impl From<QueryItem> for Query {
    fn from(item: QueryItem) -> Self {
        Self(Some(vec![item]))
    }
}

/// Matches events of any of its kinds that have all of its tags and every other field that is set. An item without any
/// field matches every event.
///
/// ```
/// use tidegate::{Draft, QueryItem, Store};
///
/// let store = Store::in_memory()?;
/// let line = |entity: &'static str| Draft::new(("shop", entity), "line.added").tag("customer:c1");
/// let first = store.append(line("order-7"))?.first();
/// for entity in ["order-8", "order-7", "basket-1"] {
///     store.append(line(entity).cause(first))?;
/// }
/// let view = store.view()?;
/// let first = view.at(first)?.expect("it was appended").id();
/// let count = |item: QueryItem| view.count(&item.into());
///
/// assert_eq!(count(QueryItem::new())?, 4);
/// assert_eq!(count(QueryItem::new().kind("line.added").kind("order.*"))?, 4);
/// assert_eq!(count(QueryItem::new().tag("customer:c1").tag("vip"))?, 0);
/// assert_eq!(count(QueryItem::new().stream(("shop", "order-7")))?, 2);
/// assert_eq!(count(QueryItem::new().stream(("shop", "order-7")).versions(2..))?, 1);
/// assert_eq!(count(QueryItem::new().scope("shop").entity("order-8").lane(0))?, 1);
/// assert_eq!(count(QueryItem::new().entity_prefix("order-"))?, 3);
/// assert_eq!(count(QueryItem::new().correlation(first))?, 4);
/// assert_eq!(count(QueryItem::new().cause(first))?, 3);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct QueryItem {
    pub(crate) kinds: Vec<Text>,
    pub(crate) tags: Vec<Text>,
    pub(crate) scope: Option<Text>,
    pub(crate) entity: Option<Entity>,
    pub(crate) lane: Option<u32>,
    /// The first and the last version; none if the first is after the last.
    pub(crate) versions: Option<(Version, Version)>,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) cause: Option<Cause>,
}

/// An entity by its name, or all entities whose name starts with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entity {
    Exactly(Text),
    StartsWith(Text),
}

impl QueryItem {
    /// Returns an item that matches every event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind; an event must have one of those added. `order.*` is a family: every kind that starts with `order.`.
    /// That is the only pattern: no kind holds a `*`, so `*` alone, `order*` and `*.paid` are refused where the query is
    /// used, as [`Invalid`](crate::ErrorKind::Invalid). Tags, scopes and entities are compared as they are. An item without
    /// a kind matches events of every kind.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Text>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// Adds a tag; an event must have all of those added.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Text>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets the stream: its scope, its entity and its lane.
    #[must_use]
    pub fn stream(self, stream: impl Into<StreamId>) -> Self {
        let StreamId { scope, entity, lane } = stream.into();
        self.scope(scope).entity(entity).lane(lane)
    }

    /// Sets the scope.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<Text>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Sets the entity.
    #[must_use]
    pub fn entity(mut self, entity: impl Into<Text>) -> Self {
        self.entity = Some(Entity::Exactly(entity.into()));
        self
    }

    /// Sets a prefix that the entity's name must start with, instead of a whole entity.
    #[must_use]
    pub fn entity_prefix(mut self, prefix: impl Into<Text>) -> Self {
        self.entity = Some(Entity::StartsWith(prefix.into()));
        self
    }

    /// Sets the lane.
    #[must_use]
    pub fn lane(mut self, lane: u32) -> Self {
        self.lane = Some(lane);
        self
    }

    /// Sets the versions that events must have in their stream: `3..=7`, `..10`, or `1..=1` for the first event of each. The
    /// bounds are numbers or [`Version`]s. A range that holds no version is refused where the query is used, as
    /// [`Invalid`](crate::ErrorKind::Invalid).
    ///
    /// In one [`stream`](Self::stream) that takes one record for each segment that holds events of it. Without one it takes
    /// a record for each stream of each segment, so give a scope, an entity or a prefix where you can.
    ///
    /// A gate cannot be attached with a range of versions, since drafts have none before their commit; a condition can be,
    /// and is judged by the versions that events get.
    ///
    /// ```
    /// # use tidegate::{Draft, Query, QueryItem, Store, Version};
    /// let store = Store::in_memory()?;
    /// for entity in ["a", "b", "a", "a"] {
    ///     store.append(Draft::new(("shop", entity), "order.changed"))?;
    /// }
    /// let later = Query::from(QueryItem::new().stream(("shop", "a")).versions(2..));
    /// let versions = store.read(&later)?.map(|event| Ok(event?.version().0));
    /// assert_eq!(versions.collect::<tidegate::Result<Vec<_>>>()?, [2, 3]);
    /// let first = Query::from(QueryItem::new().scope("shop").versions(1..=1));
    /// assert_eq!(store.view()?.count(&first)?, 2);
    /// let head = store.view()?.version(&("shop", "a").into())?;
    /// assert_eq!(store.count(&QueryItem::new().stream(("shop", "a")).versions(head..).into())?, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn versions<V: Copy + Into<Version>>(mut self, versions: impl RangeBounds<V>) -> Self {
        let number = |version: &V| (*version).into().0;
        let first = match versions.start_bound() {
            Bound::Included(first) => Some(number(first)),
            Bound::Excluded(before) => number(before).checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let last = match versions.end_bound() {
            Bound::Included(last) => Some(number(last)),
            Bound::Excluded(end) => number(end).checked_sub(1),
            Bound::Unbounded => Some(u64::MAX),
        };
        // A range that ends before it begins stands for all that hold nothing.
        let (first, last) = first.zip(last).unwrap_or((1, 0));
        self.versions = Some((Version(first), Version(last)));
        self
    }

    /// Sets the flow, by its correlation or by the id of the event that began it: that event and every other one of the
    /// flow.
    #[must_use]
    pub fn correlation(mut self, flow: impl Into<CorrelationId>) -> Self {
        self.correlation = Some(flow.into());
        self
    }

    /// Sets a cause that events must name, by its position, its id, or another store's id and its id there.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl QueryItem {
    /// Refuses what no event can have.
    fn check(&self) -> Result<()> {
        self.kinds.iter().try_for_each(|kind| check_kind_or_family(kind))?;
        self.tags.iter().try_for_each(|tag| name::check("tag", tag))?;
        self.scope.iter().try_for_each(|scope| name::check("scope", scope))?;
        match &self.entity {
            Some(Entity::Exactly(entity)) => name::check("entity", entity)?,
            Some(Entity::StartsWith(prefix)) if !prefix.is_empty() => name::check("entity prefix", prefix)?,
            _ => {}
        }
        match self.versions {
            Some((first, last)) if last < first || last == Version::EMPTY => Err(Error::invalid(format!(
                "no event has a version from {first} to {last}; versions count from 1, so give a range such as 1..=5 or 3.."
            ))),
            _ => Ok(()),
        }
    }

    /// Returns whether it matches every event of a stream whose version it matches.
    fn covers(&self, stream: &StreamId) -> bool {
        let says_more = self.correlation.is_some() || self.cause.is_some();
        self.kinds.is_empty() && self.tags.is_empty() && !says_more && self.has_stream(stream)
    }

    /// Returns the last version from `from` to `to` that it matches.
    fn last_version(&self, from: Version, to: Version) -> Option<Version> {
        let (first, last) = self.versions.unwrap_or((Version::EMPTY, Version(u64::MAX)));
        Some(last.min(to)).filter(|end| first.max(from) <= *end)
    }

    /// Returns whether its scope, entity and lane are those of a stream, as far as they are set.
    pub(crate) fn has_stream(&self, stream: &StreamId) -> bool {
        self.matches_place(&stream.scope, &stream.entity) && self.lane.is_none_or(|lane| lane == stream.lane)
    }

    fn within(&self, stream: &StreamId) -> Option<Self> {
        self.has_stream(stream).then(|| self.clone().stream(stream.clone()))
    }

    fn matches(&self, record: &Record<'_>) -> bool {
        self.matches_names(record.scope(), record.entity(), record.kind())
            && self.tags.iter().all(|tag| record.tags().any(|found| found == tag))
            && self.lane.is_none_or(|lane| record.lane() == lane)
            && self.versions.is_none_or(|(first, last)| (first..=last).contains(&record.version()))
            && self.correlation.is_none_or(|flow| record.correlation() == flow)
            && self.cause.is_none_or(|cause| record.causes().any(|found| found == cause))
    }

    fn matches_draft(&self, draft: &Draft) -> bool {
        let StreamId { scope, entity, lane } = &draft.stream;
        self.matches_names(scope, entity, &draft.kind)
            && self.tags.iter().all(|tag| draft.tags.contains(tag))
            && self.lane.is_none_or(|wanted| *lane == wanted)
            && self.correlation.is_none_or(|flow| draft.correlation == Some(flow))
            && self.cause.is_none_or(|cause| draft.causes.contains(&cause))
    }

    fn matches_names(&self, scope: &str, entity: &str, kind: &str) -> bool {
        let is_kind = |wanted: &Text| match wanted.strip_suffix('*') {
            Some(family) if family.ends_with('.') => kind.starts_with(family),
            _ => kind == wanted,
        };
        (self.kinds.is_empty() || self.kinds.iter().any(is_kind)) && self.matches_place(scope, entity)
    }

    fn matches_place(&self, scope: &str, entity: &str) -> bool {
        self.scope.as_ref().is_none_or(|wanted| scope == wanted)
            && self.entity.as_ref().is_none_or(|wanted| match wanted {
                Entity::Exactly(name) => entity == name,
                Entity::StartsWith(prefix) => entity.starts_with(&**prefix),
            })
    }
}

/// Refuses what is neither a kind nor a family of kinds.
fn check_kind_or_family(kind: &str) -> Result<()> {
    let whole = kind.strip_suffix(".*").unwrap_or(kind);
    if whole.is_empty() || whole.contains('*') {
        return Err(Error::invalid(format!(
            "{kind:?} is neither a kind nor a family of kinds; give a kind such as order.placed, a family such as order.*, or \
             no kind to select all"
        )));
    }
    name::check("kind", whole)
}
