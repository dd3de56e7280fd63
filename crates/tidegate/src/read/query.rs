//! Queries: which events to select.

use std::borrow::Cow;

use tidegate_format::{Cause, Draft, EventId, Position, Record, StreamId, Text};

/// Which events to select: all of them, or those that match one of several [`QueryItem`]s.
///
/// ```
/// use tidegate::{QueryItem, Query};
/// let course = Query::from(QueryItem::new().tag("course:c1").kind("course.*"));
/// let both = course.or(QueryItem::new().tag("student:s1").kind("student.subscribed"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query(Option<Vec<QueryItem>>);

impl Query {
    /// Every event.
    pub const ALL: Self = Self(None);

    /// The events of one stream.
    pub fn stream(stream: impl Into<StreamId>) -> Self {
        let stream = stream.into();
        QueryItem::new().scope(stream.scope).entity(stream.entity).lane(stream.lane).into()
    }

    /// The events that match this query or the item. Every event stays every event.
    #[must_use]
    pub fn or(mut self, item: QueryItem) -> Self {
        if let Some(items) = &mut self.0 {
            items.push(item);
        }
        self
    }

    /// Whether a record matches. A cause named by its id matches none: see [`resolved`](Self::resolved).
    pub(crate) fn matches(&self, record: &Record<'_>) -> bool {
        self.items().is_none_or(|items| items.iter().any(|item| item.matches(record)))
    }

    /// Whether a draft matches. Its flow and its causes are compared as the draft names them.
    pub(crate) fn matches_draft(&self, draft: &Draft) -> bool {
        self.items().is_none_or(|items| items.iter().any(|item| item.matches_draft(draft)))
    }

    /// Whether it asks what an event's flow or its causes are, which drafts name in several ways.
    pub(crate) fn asks_for_flow(&self) -> bool {
        self.0.iter().flatten().any(|item| item.correlation.is_some() || item.cause.is_some())
    }

    /// The query with causes as records name them: positions instead of ids, where `position_of` knows them.
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

    /// The part of the query in one stream; nothing where it selects none of its events.
    pub(crate) fn within(&self, stream: &StreamId) -> Option<Self> {
        let Some(items) = &self.0 else { return Some(Self::stream(stream.clone())) };
        let items: Vec<QueryItem> = items.iter().filter_map(|item| item.within(stream)).collect();
        (!items.is_empty()).then_some(Self(Some(items)))
    }

    /// Whether it selects every event that a stream can have, whatever its kind, tags, causes and flow are.
    pub(crate) fn covers(&self, stream: &StreamId) -> bool {
        self.items().is_none_or(|items| items.iter().any(|item| item.covers(stream)))
    }

    /// What any of the queries selects.
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

    /// Its items, never none; nothing where it selects every event.
    pub fn items(&self) -> Option<&[QueryItem]> {
        self.0.as_deref()
    }
}

impl From<QueryItem> for Query {
    fn from(item: QueryItem) -> Self {
        Self(Some(vec![item]))
    }
}

/// Any of the kinds, and all of the tags, and the rest as far as it is said. An item that says nothing
/// selects every event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct QueryItem {
    pub(crate) kinds: Vec<Text>,
    pub(crate) tags: Vec<Text>,
    pub(crate) scope: Option<Text>,
    pub(crate) entity: Option<Entity>,
    pub(crate) lane: Option<u32>,
    pub(crate) correlation: Option<EventId>,
    pub(crate) cause: Option<Cause>,
}

/// An entity, or all whose name starts alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entity {
    Exactly(Text),
    StartsWith(Text),
}

impl QueryItem {
    /// An item that selects every event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of this kind, or one of those named so before. `order.*` names a family: every kind that starts with
    /// `order.`.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Text>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// With this tag, and those named so before.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Text>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// In this scope.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<Text>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// About this entity.
    #[must_use]
    pub fn entity(mut self, entity: impl Into<Text>) -> Self {
        self.entity = Some(Entity::Exactly(entity.into()));
        self
    }

    /// About an entity whose name starts so.
    #[must_use]
    pub fn entity_prefix(mut self, prefix: impl Into<Text>) -> Self {
        self.entity = Some(Entity::StartsWith(prefix.into()));
        self
    }

    /// On this lane.
    #[must_use]
    pub fn lane(mut self, lane: u32) -> Self {
        self.lane = Some(lane);
        self
    }

    /// In the flow that this event began.
    #[must_use]
    pub fn correlation(mut self, id: EventId) -> Self {
        self.correlation = Some(id);
        self
    }

    /// Led to by this event.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl QueryItem {
    fn covers(&self, stream: &StreamId) -> bool {
        let says_more = self.correlation.is_some() || self.cause.is_some();
        self.kinds.is_empty() && self.tags.is_empty() && !says_more && self.within(stream).is_some()
    }

    fn within(&self, stream: &StreamId) -> Option<Self> {
        let fits = self.matches_place(&stream.scope, &stream.entity)
            && self.lane.is_none_or(|lane| lane == stream.lane);
        let narrowed = || self.clone().scope(stream.scope.clone()).entity(stream.entity.clone());
        fits.then(|| narrowed().lane(stream.lane))
    }

    fn matches(&self, record: &Record<'_>) -> bool {
        self.matches_names(record.scope(), record.entity(), record.kind())
            && self.tags.iter().all(|tag| record.tags().any(|found| found == tag))
            && self.lane.is_none_or(|lane| record.lane() == lane)
            && self.correlation.is_none_or(|id| record.correlation() == id)
            && self.cause.is_none_or(|cause| record.causes().any(|found| found == cause))
    }

    fn matches_draft(&self, draft: &Draft) -> bool {
        let stream = &draft.stream;
        self.matches_names(&stream.scope, &stream.entity, &draft.kind)
            && self.tags.iter().all(|tag| draft.tags.contains(tag))
            && self.lane.is_none_or(|lane| stream.lane == lane)
            && self.correlation.is_none_or(|id| draft.correlation == Some(id))
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
