//! Queries as text: JSON that reads back as the same query.
//!
//! `"all"`, or an array of items, each an object with the fields that are set: `kinds`, `tags`, `scope`, `entity` or
//! `entity_prefix`, `lane`, `versions`, `correlation`, `cause`. Versions are the first and the last one, which is null
//! if the range has no end. A cause is a position, the text of an id, or `STORE/ID`.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use tidegate_format::{Cause, Error, Position, Result, Text, Version};

use super::query::{Entity, Query, QueryItem};

const ALL: &str = "all";
/// The fields of an item, as an error names them.
const FIELDS: &str = "kinds, tags, scope, entity, entity_prefix, lane, versions, correlation and cause";

/// Writes JSON, which [`FromStr`] reads back.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        query_value(self).fmt(f)
    }
}

impl FromStr for Query {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|cause| {
            Error::invalid("write the query in JSON, such as [{\"kinds\":[\"order.*\"]}]").because(cause)
        })?;
        read_query(&value)
    }
}

/// Returns the query as a value of JSON.
pub(crate) fn query_value(query: &Query) -> Value {
    match query.items() {
        None => ALL.into(),
        Some(items) => items.iter().map(item_value).collect(),
    }
}

fn item_value(item: &QueryItem) -> Value {
    let mut value = Map::new();
    let mut set = |name: &str, field: Option<Value>| {
        value.extend(field.map(|field| (name.to_owned(), field)));
    };
    set("kinds", (!item.kinds.is_empty()).then(|| json!(item.kinds)));
    set("tags", (!item.tags.is_empty()).then(|| json!(item.tags)));
    set("scope", item.scope.as_ref().map(|scope| json!(scope)));
    match &item.entity {
        None => {}
        Some(Entity::Exactly(name)) => set("entity", Some(json!(name))),
        Some(Entity::StartsWith(prefix)) => set("entity_prefix", Some(json!(prefix))),
    }
    set("lane", item.lane.map(Value::from));
    set("versions", item.versions.map(versions_value));
    set("correlation", item.correlation.map(|flow| flow.to_string().into()));
    set("cause", item.cause.as_ref().map(cause_value));
    Value::Object(value)
}

fn versions_value((first, last): (Version, Version)) -> Value {
    json!([first.0, Some(last.0).filter(|last| *last < u64::MAX)])
}

fn cause_value(cause: &Cause) -> Value {
    match cause {
        Cause::At(position) => position.0.into(),
        Cause::Id(id) => id.to_string().into(),
        Cause::Foreign(store, id) => format!("{store}/{id}").into(),
        Cause::Draft(index) => json!({ "draft": index }),
    }
}

/// Reads a query from a value of JSON.
pub(crate) fn read_query(value: &Value) -> Result<Query> {
    match value {
        Value::String(all) if all == ALL => Ok(Query::ALL),
        Value::Array(items) => {
            let mut items = items.iter().map(read_item);
            let Some(first) = items.next() else {
                return Err(Error::invalid(
                    "a query without an item selects no event; write at least one item, or \"all\"",
                ));
            };
            items.try_fold(Query::from(first?), |query, item| Ok(query.or(item?)))
        }
        _ => Err(Error::invalid(
            "a query is \"all\" or an array of items, such as [{\"kinds\":[\"order.*\"]}]",
        )),
    }
}

fn read_item(value: &Value) -> Result<QueryItem> {
    let Value::Object(fields) = value else {
        return Err(Error::invalid("an item of a query is an object, such as {\"kinds\":[\"order.*\"]}"));
    };
    let mut item = QueryItem::new();
    for (name, value) in fields {
        let wrong = || Error::invalid(format!("{value} cannot be the {name} of an item of a query"));
        let text = || value.as_str().map(|text| Text::Owned(text.to_owned())).ok_or_else(wrong);
        match name.as_str() {
            "kinds" => item.kinds = texts(value).ok_or_else(wrong)?,
            "tags" => item.tags = texts(value).ok_or_else(wrong)?,
            "scope" => item.scope = Some(text()?),
            "entity" | "entity_prefix" if item.entity.is_some() => {
                return Err(Error::invalid("give an item of a query entity or entity_prefix, not both"));
            }
            "entity" => item.entity = Some(Entity::Exactly(text()?)),
            "entity_prefix" => item.entity = Some(Entity::StartsWith(text()?)),
            "lane" => {
                let lane = value.as_u64().and_then(|lane| u32::try_from(lane).ok());
                item.lane = Some(lane.ok_or_else(wrong)?);
            }
            "versions" => item.versions = Some(read_versions(value).ok_or_else(wrong)?),
            "correlation" => {
                let flow = value.as_str().and_then(|text| text.parse().ok());
                item.correlation = Some(flow.ok_or_else(wrong)?);
            }
            "cause" => item.cause = Some(read_cause(value).ok_or_else(wrong)?),
            _ => {
                return Err(Error::invalid(format!(
                    "an item of a query has no field {name:?}, it has {FIELDS}"
                )));
            }
        }
    }
    Ok(item)
}

fn texts(value: &Value) -> Option<Vec<Text>> {
    value.as_array()?.iter().map(|text| Some(Text::Owned(text.as_str()?.to_owned()))).collect()
}

fn read_versions(value: &Value) -> Option<(Version, Version)> {
    let [first, last] = value.as_array()?.as_slice() else { return None };
    let last = if last.is_null() { u64::MAX } else { last.as_u64()? };
    Some((Version(first.as_u64()?), Version(last)))
}

fn read_cause(value: &Value) -> Option<Cause> {
    match value {
        Value::Number(position) => position.as_u64().map(|position| Cause::At(Position(position))),
        Value::Object(fields) if fields.len() == 1 => {
            let draft = fields.get("draft")?.as_u64()?;
            Some(Cause::Draft(u32::try_from(draft).ok()?))
        }
        Value::String(text) => match text.split_once('/') {
            Some((store, id)) => Some(Cause::Foreign(store.parse().ok()?, id.parse().ok()?)),
            None => text.parse().ok().map(Cause::Id),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::option::of as some;
    use proptest::prelude::*;
    use tidegate_format::{CorrelationId, EventId, StoreId};

    use super::*;

    fn items() -> impl Strategy<Value = QueryItem> {
        let text = || ".{0,6}".prop_map(Text::Owned);
        let texts = || proptest::collection::vec(text(), 0..3);
        let entity =
            prop_oneof![text().prop_map(Entity::Exactly), text().prop_map(Entity::StartsWith)].boxed();
        let ids = || any::<[u8; 16]>();
        let versions = (0..9u64, prop_oneof![0..9u64, Just(u64::MAX)])
            .prop_map(|(first, last)| (Version(first), Version(last)));
        let cause = prop_oneof![
            any::<u64>().prop_map(|position| Cause::At(Position(position))),
            ids().prop_map(|id| Cause::Id(EventId(id))),
            (ids(), ids()).prop_map(|(store, id)| Cause::Foreign(StoreId(store), EventId(id))),
            any::<u32>().prop_map(Cause::Draft),
        ];
        (
            (texts(), texts(), some(text()), some(entity)),
            (some(any::<u32>()), some(versions), some(ids().prop_map(CorrelationId)), some(cause)),
        )
            .prop_map(|((kinds, tags, scope, entity), (lane, versions, correlation, cause))| {
                QueryItem { kinds, tags, scope, entity, lane, versions, correlation, cause }
            })
    }

    proptest! {
        #[test]
        fn every_query_reads_back(items in proptest::collection::vec(items(), 0..4)) {
            let query = match items.split_first() {
                None => Query::ALL,
                Some((first, rest)) => rest.iter().cloned().fold(first.clone().into(), Query::or),
            };
            prop_assert_eq!(query.to_string().parse::<Query>().unwrap(), query);
        }

        #[test]
        fn no_text_is_a_surprise(text in ".{0,40}") {
            let _ = text.parse::<Query>();
        }
    }

    #[test]
    fn it_is_plain_json() {
        let query = Query::from(QueryItem::new().kind("order.*").tag("vip").scope("shop").lane(0))
            .or(QueryItem::new());
        let text = r#"[{"kinds":["order.*"],"lane":0,"scope":"shop","tags":["vip"]},{}]"#;
        assert_eq!(query.to_string(), text);
        assert_eq!(Query::ALL.to_string(), r#""all""#);
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for text in [
            "",
            "all",
            "[]",
            "{}",
            "[1]",
            r#"[{"colour":"red"}]"#,
            r#"[{"lane":-1}]"#,
            r#"[{"lane":4294967296}]"#,
            r#"[{"kinds":"order.placed"}]"#,
            r#"[{"entity":"a","entity_prefix":"b"}]"#,
            r#"[{"versions":[1]}]"#,
            r#"[{"versions":[1,-2]}]"#,
            r#"[{"versions":[null,2]}]"#,
            r#"[{"correlation":"x"}]"#,
            r#"[{"cause":"x/y"}]"#,
            r#"[{"cause":{"draft":1,"at":2}}]"#,
        ] {
            assert!(text.parse::<Query>().is_err(), "{text}");
        }
    }
}
