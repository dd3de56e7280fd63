//! Queries as the model understands them, without asking the store.

use tidegate::graph::CorrelationId;
use tidegate::{Position, Query, QueryItem, StreamId};

use crate::dice::Dice;

/// What is selected: everything, or what fits any of the parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelQuery(Vec<ModelItem>);

/// Any of the kinds, all of the tags, and the rest as far as it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelItem {
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) tags: Vec<String>,
    pub(crate) scope: Option<String>,
    pub(crate) entity: Option<String>,
    pub(crate) lane: Option<u32>,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) cause: Option<u64>,
}

/// What of an event a query can ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventFields<'a> {
    pub(crate) stream: &'a StreamId,
    pub(crate) kind: &'a str,
    pub(crate) tags: &'a [tidegate_format::Text],
    pub(crate) correlation: CorrelationId,
    pub(crate) causes: &'a [tidegate::Cause],
}

impl ModelQuery {
    pub(crate) fn kind(kind: &'static str) -> Self {
        Self(vec![ModelItem { kinds: vec![kind], ..ModelItem::default() }])
    }

    /// Of any of these kinds.
    pub(crate) fn kinds(kinds: &[&'static str]) -> Self {
        Self(vec![ModelItem { kinds: kinds.to_vec(), ..ModelItem::default() }])
    }

    /// Of a kind, with a tag.
    pub(crate) fn tagged(kind: &'static str, tag: &str) -> Self {
        Self(vec![ModelItem { kinds: vec![kind], tags: vec![tag.to_owned()], ..ModelItem::default() }])
    }

    /// Of one stream.
    pub(crate) fn stream(stream: &StreamId) -> Self {
        let StreamId { scope, entity, lane } = stream;
        let (scope, entity) = (Some(scope.to_string()), Some(entity.to_string()));
        Self(vec![ModelItem { scope, entity, lane: Some(*lane), ..ModelItem::default() }])
    }

    /// Of one entity, in any scope.
    pub(crate) fn entity(entity: &str) -> Self {
        Self(vec![ModelItem { entity: Some(entity.to_owned()), ..ModelItem::default() }])
    }

    /// With all of these tags.
    pub(crate) fn tags(tags: &[&str]) -> Self {
        Self(vec![ModelItem {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..ModelItem::default()
        }])
    }

    /// Of any of these scopes.
    pub(crate) fn scopes(scopes: &[&str]) -> Self {
        Self(
            scopes
                .iter()
                .map(|scope| ModelItem { scope: Some((*scope).to_owned()), ..ModelItem::default() })
                .collect(),
        )
    }

    /// Some query over what lives write.
    pub(crate) fn some(dice: &mut Dice, count: u64) -> Self {
        let parts = dice.below(3);
        Self((0..parts).map(|_| ModelItem::some(dice, count)).collect())
    }

    pub(crate) fn query(&self) -> Query {
        let mut items = self.0.iter().map(ModelItem::item);
        let Some(first) = items.next() else { return Query::ALL };
        items.fold(Query::from(first), Query::or)
    }

    pub(crate) fn selects(&self, traits: EventFields<'_>) -> bool {
        self.0.is_empty() || self.0.iter().any(|part| part.selects(traits))
    }
}

impl ModelItem {
    fn some(dice: &mut Dice, count: u64) -> Self {
        let mut part = Self::default();
        match dice.below(8) {
            0 => part.kinds = vec!["a.*"],
            1 => part.kinds = vec!["a.two", "seat.taken"],
            2 => part.tags = vec![format!("tag:{}", dice.below(5))],
            3 => part.tags = vec![format!("tag:{}", dice.below(5)), format!("tag:{}", dice.below(5))],
            4 => part.entity = Some(format!("entity-{}", dice.below(5))),
            5 => part.lane = Some(dice.below(3) as u32),
            6 => part.correlation = Some(CorrelationId(u128::from(1000 + dice.below(5)).to_be_bytes())),
            _ => part.cause = Some(1 + dice.below(count + 1)),
        }
        if dice.chance(1, 3) {
            part.scope = Some(format!("s{}", dice.below(3)));
        }
        if dice.chance(1, 4) {
            part.kinds.push(["a.one", "b.three", "echo.made"][dice.below(3) as usize]);
        }
        part
    }

    fn item(&self) -> QueryItem {
        let mut item = QueryItem::new();
        item = self.kinds.iter().fold(item, |item, kind| item.kind(*kind));
        item = self.tags.iter().fold(item, |item, tag| item.tag(tag.clone()));
        if let Some(scope) = &self.scope {
            item = item.scope(scope.clone());
        }
        if let Some(entity) = &self.entity {
            item = item.entity(entity.clone());
        }
        if let Some(lane) = self.lane {
            item = item.lane(lane);
        }
        if let Some(flow) = self.correlation {
            item = item.correlation(flow);
        }
        if let Some(cause) = self.cause {
            item = item.cause(Position(cause));
        }
        item
    }

    fn selects(&self, traits: EventFields<'_>) -> bool {
        let EventFields { stream, kind, tags, correlation, causes } = traits;
        let is_kind = |wanted: &&str| match wanted.strip_suffix('*') {
            Some(family) => kind.starts_with(family),
            None => kind == *wanted,
        };
        (self.kinds.is_empty() || self.kinds.iter().any(is_kind))
            && self.tags.iter().all(|tag| tags.iter().any(|found| found == tag))
            && self.scope.as_ref().is_none_or(|scope| stream.scope == *scope)
            && self.entity.as_ref().is_none_or(|entity| stream.entity == *entity)
            && self.lane.is_none_or(|lane| stream.lane == lane)
            && self.correlation.is_none_or(|flow| correlation == flow)
            && self.cause.is_none_or(|cause| causes.contains(&tidegate::Cause::At(Position(cause))))
    }
}
