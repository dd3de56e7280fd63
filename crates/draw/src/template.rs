//! Templates: a line of a node's own, filled in from its event.

use std::str::FromStr;

use serde_json::Value;
use tidegate::RecordedEvent;
use tidegate_format::PayloadType;

/// Characters of a line that are kept; the box is narrower.
const CHARS_MAX: usize = 200;

/// A line with places that an event fills in, such as `{/customer/name}: {tag:area}`.
///
/// | place | what stands there |
/// |---|---|
/// | `{/total}` | the value at this JSON pointer in the payload, JSON or `MessagePack` |
/// | `{tag:area}` | `north` of the tag `area:north`, or `area` for a tag of just that name |
/// | `{key}` | the import key, or else the idempotency key |
/// | `{meta:NAME}` | the metadata of this name, if it is text |
/// | `{id}`, `{kind}`, `{scope}`, `{entity}`, `{version}` | these fields |
///
/// `{{` and `}}` are braces. What an event does not have is left out, and a node has no such line if its event fills in
/// nothing.
///
/// ```
/// use tidegate_draw::Template;
/// assert!("{/subject}".parse::<Template>().is_ok());
/// assert!("{subject}".parse::<Template>().unwrap_err().contains("{subject}"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Pointer(String),
    Tag(String),
    Meta(String),
    Key,
    Id,
    Kind,
    Scope,
    Entity,
    Version,
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let behind = &rest[at + 1..];
            if let Some(after) = behind.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let Some((name, after)) = behind.split_once('}').filter(|_| brace == "{") else {
                return Err(format!(
                    "a `{brace}` without the other one; write `{brace}{brace}` for the sign"
                ));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part(name)?);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

fn part(name: &str) -> Result<Part, String> {
    Ok(match name.split_once(':') {
        Some(("tag", tag)) if !tag.is_empty() => Part::Tag(tag.to_owned()),
        Some(("meta", meta)) if !meta.is_empty() => Part::Meta(meta.to_owned()),
        _ if name.starts_with('/') => Part::Pointer(name.to_owned()),
        _ => match name {
            "key" => Part::Key,
            "id" => Part::Id,
            "kind" => Part::Kind,
            "scope" => Part::Scope,
            "entity" => Part::Entity,
            "version" => Part::Version,
            _ => {
                return Err(format!(
                    "unknown place {{{name}}}: use {{/POINTER}}, {{tag:NAME}}, {{key}}, {{meta:NAME}}, {{id}}, {{kind}}, \
                     {{scope}}, {{entity}} or {{version}}"
                ));
            }
        },
    })
}

impl Template {
    /// Returns the line of an event, or `None` if the event has nothing of what it asks for.
    pub(crate) fn line(&self, event: &RecordedEvent) -> Option<String> {
        let payload = self.0.iter().any(|part| matches!(part, Part::Pointer(_))).then(|| payload(event));
        let (mut line, mut filled) = (String::new(), false);
        for part in &self.0 {
            if let Part::Text(text) = part {
                line.push_str(text);
                continue;
            }
            let value = value(part, event, payload.as_ref().and_then(Option::as_ref));
            filled |= !value.is_empty();
            line.push_str(&value);
        }
        let line = line.trim();
        let line: String = line.chars().take(CHARS_MAX).collect();
        filled.then_some(line)
    }
}

fn value(part: &Part, event: &RecordedEvent, payload: Option<&Value>) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Pointer(pointer) => match payload.and_then(|payload| payload.pointer(pointer)) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        },
        Part::Tag(name) => {
            let named = |tag: &str| {
                let rest = tag.strip_prefix(name)?;
                if rest.is_empty() { Some(tag.to_owned()) } else { rest.strip_prefix(':').map(str::to_owned) }
            };
            event.tags().filter_map(named).collect::<Vec<_>>().join(", ")
        }
        Part::Meta(name) => event.meta_text(name).unwrap_or_default().to_owned(),
        Part::Key => {
            let key = event.meta_text("import.key").or_else(|| event.record().key().map(|(key, _)| key));
            key.unwrap_or_default().to_owned()
        }
        Part::Id => event.id().to_string(),
        Part::Kind => event.kind().to_owned(),
        Part::Scope => event.scope().to_owned(),
        Part::Entity => event.entity().to_owned(),
        Part::Version => event.version().to_string(),
    }
}

/// Returns a payload that can be read as a value.
fn payload(event: &RecordedEvent) -> Option<Value> {
    let payload = event.payload().ok()?;
    match event.payload_type() {
        PayloadType::Json => serde_json::from_slice(payload).ok(),
        PayloadType::MessagePack => rmp_serde::from_slice(payload).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tidegate::{Draft, Position, Store};

    use super::*;

    fn line(template: &str, draft: Draft) -> Option<String> {
        let store = Store::in_memory().expect("memory has room");
        store.append(draft).expect("the draft is fine");
        let view = store.view().expect("the store is open");
        let event = view.at(Position(1)).expect("it reads").expect("it was appended");
        template.parse::<Template>().expect("the template is fine").line(&event)
    }

    #[test]
    fn places_are_filled_in() {
        let draft = || {
            Draft::new(("shop", "order-7"), "order.placed")
                .json_text(r#"{"to":{"name":"Ada"},"total":12.5,"lines":[1,2]}"#)
                .tag("area:north")
                .tag("vip")
                .meta("import.key", "k7")
        };
        for (template, expected) in [
            ("{/to/name} for {/total}", "Ada for 12.5"),
            ("{/lines} {/lines/1}", "[1,2] 2"),
            ("{tag:area}/{tag:vip}", "north/vip"),
            ("{key} {kind} {scope}/{entity} v{version}", "k7 order.placed shop/order-7 v1"),
            ("{{{/total}}}", "{12.5}"),
            ("{/none} {tag:vip}", "vip"),
            ("{meta:import.key}", "k7"),
        ] {
            assert_eq!(line(template, draft()).as_deref(), Some(expected), "{template}");
        }
        assert_eq!(line("of {/none}{tag:none}", draft()), None);
        let packed = Draft::new(("shop", "order-7"), "order.placed").message_pack(b"\x81\xa5total\x07");
        assert_eq!(line("{/total}", packed).as_deref(), Some("7"));
        let bytes = Draft::new(("shop", "order-7"), "order.placed").bytes(b"\x81".to_vec());
        assert_eq!(line("{/total}", bytes), None);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for wrong in ["{", "}", "{/a", "{a}", "{tag:}", "x } y", "{}"] {
            assert!(wrong.parse::<Template>().is_err(), "{wrong}");
        }
        assert_eq!("{{}}".parse::<Template>(), Ok(Template(vec![Part::Text("{}".to_owned())])));
    }
}
