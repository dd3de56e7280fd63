//! What is asked of payloads. No index answers that: each event of the query is looked into.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;

use clap::Args;
use serde_json::Value;
use tidegate::{ErrorKind, RecordedEvent, Result};
use tidegate_format::PayloadType;
use tidegate_json::message_pack_to_json;

/// Signs of comparisons, longer ones first.
const SIGNS: [(&str, Sign); 6] = [
    ("!=", Sign::NotEqual),
    ("<=", Sign::AtMost),
    (">=", Sign::AtLeast),
    ("=", Sign::Equal),
    ("<", Sign::Less),
    (">", Sign::Greater),
];

/// Which events, by their payloads; all that is said must hold.
#[derive(Args, Debug)]
#[command(next_help_heading = "Which payloads (each event of the others is looked into)")]
pub(crate) struct Contents {
    /// With this in the payload: `/total>10`, `/state=open`, `/lines/0/sku!=x7`, or `/note` for any value there; several
    /// times: all of them
    #[arg(long = "where", value_name = "POINTER[=VALUE]")]
    comparisons: Vec<Comparison>,
    /// With this text in the payload; several times: all of them
    #[arg(long, value_name = "TEXT")]
    grep: Vec<String>,
}

impl Contents {
    /// Returns whether it asks for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.comparisons.is_empty() && self.grep.is_empty()
    }

    /// Returns whether a payload has all that is asked for. One that was erased or cannot be decrypted has nothing.
    pub(crate) fn selects(&self, event: &RecordedEvent) -> Result<bool> {
        if self.is_empty() {
            return Ok(true);
        }
        let payload = match event.payload() {
            Ok(payload) => payload,
            Err(error) if matches!(error.kind(), ErrorKind::Erased | ErrorKind::Encrypted) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let text = match event.payload_type() {
            PayloadType::MessagePack => message_pack_to_json(payload).map(Cow::Owned),
            _ => None,
        };
        let text = text.unwrap_or_else(|| String::from_utf8_lossy(payload));
        if !self.grep.iter().all(|wanted| text.contains(wanted.as_str())) {
            return Ok(false);
        }
        let is_json = matches!(event.payload_type(), PayloadType::Json | PayloadType::MessagePack);
        if self.comparisons.is_empty() || !is_json {
            return Ok(self.comparisons.is_empty());
        }
        let value: Option<Value> = serde_json::from_str(&text).ok();
        Ok(value.is_some_and(|value| self.comparisons.iter().all(|one| one.holds(&value))))
    }
}

/// A JSON pointer, and what the value there must be.
#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    pointer: String,
    /// `None` asks only for some value.
    wanted: Option<(Sign, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl FromStr for Comparison {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['=', '!', '<', '>']).unwrap_or(text.len());
        let (pointer, rest) = text.split_at(at);
        if !pointer.starts_with('/') {
            return Err("a comparison begins with a JSON pointer, such as /total".to_owned());
        }
        let (pointer, wanted) = if rest.is_empty() {
            (pointer, None)
        } else {
            let sign = SIGNS.iter().find_map(|(text, sign)| Some((*sign, rest.strip_prefix(text)?)));
            let (sign, value) = sign.ok_or("a comparison is =, !=, <, <=, > or >= and a value")?;
            (pointer.trim_end(), Some((sign, value.trim().to_owned())))
        };
        Ok(Self { pointer: pointer.to_owned(), wanted })
    }
}

impl Comparison {
    fn holds(&self, payload: &Value) -> bool {
        let Some(found) = payload.pointer(&self.pointer) else { return false };
        let Some((sign, wanted)) = &self.wanted else { return true };
        let order = compared(found, wanted);
        match sign {
            Sign::Equal => order == Some(Ordering::Equal),
            Sign::NotEqual => order != Some(Ordering::Equal),
            Sign::Less => order == Some(Ordering::Less),
            Sign::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Sign::Greater => order == Some(Ordering::Greater),
            Sign::AtLeast => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// Compares a value with a text: a number as a number, a text letter by letter, anything else by its JSON, which only is equal or
/// is not. `None` if they do not compare.
fn compared(found: &Value, wanted: &str) -> Option<Ordering> {
    match found {
        Value::String(text) => Some(text.as_str().cmp(wanted)),
        Value::Number(number) => match (number.as_i128(), wanted.parse::<i128>()) {
            (Some(number), Ok(wanted)) => Some(number.cmp(&wanted)),
            _ => number.as_f64()?.partial_cmp(&wanted.parse::<f64>().ok()?),
        },
        other => {
            let wanted: Value = serde_json::from_str(wanted).ok()?;
            (*other == wanted).then_some(Ordering::Equal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_what_they_are() {
        let payload = serde_json::json!({
            "total": 12, "price": 2.5, "state": "open", "paid": true, "note": null, "lines": [{"sku": "9"}], "a=b": 1
        });
        for (text, expected) in [
            ("/total>10", true),
            ("/total>12", false),
            ("/total >= 12", true),
            ("/total<9", false),
            ("/total=12.0", true),
            ("/total=twelve", false),
            ("/total!=twelve", true),
            ("/price<=2.5", true),
            ("/price<10", true),
            ("/state=open", true),
            ("/state>closed", true),
            ("/state", true),
            ("/paid=true", true),
            ("/paid>false", false),
            ("/note=null", true),
            ("/note", true),
            ("/none", false),
            ("/none!=1", false),
            ("/lines/0/sku=9", true),
            ("/lines/0/sku>10", true),
            ("/lines=[{\"sku\":\"9\"}]", true),
        ] {
            assert_eq!(text.parse::<Comparison>().expect(text).holds(&payload), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        for wrong in ["total>1", "", "=1", "/total!1"] {
            assert!(wrong.parse::<Comparison>().is_err(), "{wrong}");
        }
    }
}
