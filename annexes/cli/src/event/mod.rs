//! An event as one line of JSON, both ways: what `read --json` and `export` write and `import` reads.
//!
//! Importing what was written gives an equal event: same id, place, names, causes, correlation, metadata, payload, and
//! in a copy by `export` also the same batch, idempotency key and time. An import key and a time of the source are the
//! first metadata entries, under the names below.
mod meta;
mod written;
mod line;

use jiff::Timestamp;
use tidegate::{Cause, StoreId};

pub(crate) use line::{Line, Place, differences};
pub(crate) use written::{to_export, to_json};

/// The metadata name for the import key of an event.
const IMPORT_KEY: &str = "import.key";
/// The metadata name for the time an imported event happened, as its source says it.
const TIME: &str = "import.time";

/// A cause in another store, `STORE/EVENT`.
pub(crate) fn foreign(text: &str) -> Option<Cause> {
    let (store, event) = text.split_once('/')?;
    Some(Cause::Foreign(store.parse::<StoreId>().ok()?, event.parse().ok()?))
}

/// Whether a text is a time in RFC 3339: its punctuation is looked at here, its numbers by the parser, which
/// takes other forms too.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let punctuation = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    let in_place = |(at, signs): &(usize, &str)| bytes.get(*at).is_some_and(|b| signs.as_bytes().contains(b));
    let offset = match bytes {
        [.., b'Z' | b'z'] => 1,
        [.., b'+' | b'-', _, _, b':', _, _] => 6,
        _ => return false,
    };
    let seconds = bytes.get(17..bytes.len() - offset).unwrap_or_default();
    let whole_seconds = matches!(seconds, [_, _] | [_, _, b'.', _, ..]);
    punctuation.iter().all(in_place) && whole_seconds && text.parse::<Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc3339_is_a_time() {
        for time in [
            "2005-04-07T22:13:13Z",
            "2005-04-07t22:13:13.123456z",
            "2005-04-07 22:13:13+02:00",
            "2005-04-07T22:13:13.5-00:00",
            "2016-12-31T23:59:60Z",
        ] {
            assert!(is_rfc3339(time), "{time}");
        }
        for time in [
            "",
            "Z",
            "2005-04-07",
            "2005-04-07T22:13Z",
            "2005-04-07T22:13:13",
            "2005-04-07T22:13:13+0200",
            "2005-04-07T22:13:13.Z",
            "2005-04-07T22:13:13Z[UTC]",
            "2005-02-30T22:13:13Z",
            "2005-04-07T25:13:13Z",
            "20050407T221313Z",
            "2005-04-07T22:13:13,5Z",
            "2005-04-07T22:13:13é+02:00",
        ] {
            assert!(!is_rfc3339(time), "{time}");
        }
    }
}
