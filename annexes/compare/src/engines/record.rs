//! Events as bytes, for engines that know keys and values only, and the keys that find them.

use crate::engine::{Query, Result, Seen};
use crate::sample::{Id, Sample};

/// Returns an event as a value: each text behind its length, the payload at the end.
pub(super) fn encode(event: &Sample) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(320);
    bytes.extend_from_slice(&event.id);
    let texts = [event.scope.as_str(), &event.entity, event.kind];
    for text in texts.into_iter().chain(event.tags.iter().map(String::as_str)) {
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&event.payload);
    bytes
}

/// Returns what is shown of a value.
pub(super) fn decode(position: u64, bytes: &[u8]) -> Result<Seen<'_>> {
    let mut rest = bytes.get(size_of::<Id>()..).ok_or("a value is cut short")?;
    let mut kind = "";
    for text in 0.. {
        let (length, after) = rest.split_first().ok_or("a value is cut short")?;
        let (bytes, after) = after.split_at_checked(*length as usize).ok_or("a value is cut short")?;
        rest = after;
        if bytes.is_empty() {
            break;
        }
        if text == 2 {
            kind = std::str::from_utf8(bytes)?;
        }
    }
    Ok(Seen { position, kind, payload: rest })
}

/// Returns the key of an event in the ordered table of streams, of kinds or of tags.
pub(super) fn key(parts: &[&str], position: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(48);
    for part in parts {
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    key.extend_from_slice(&position.to_be_bytes());
    key
}

/// Returns the position at the end of such a key.
pub(super) fn position(key: &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(*key.last_chunk().ok_or("a key is cut short")?))
}

/// The ordered tables beside the events themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    Streams,
    Kinds,
    Tags,
}

/// Returns where a query is looked up, and under which parts of the key, or `None` if it selects everything.
pub(super) fn lookup(query: Query<'_>) -> Option<(Index, Vec<&str>)> {
    match query {
        Query::All => None,
        Query::Stream(scope, entity) => Some((Index::Streams, vec![scope, entity])),
        Query::Kind(kind) => Some((Index::Kinds, vec![kind])),
        Query::Tag(tag) => Some((Index::Tags, vec![tag])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Samples;

    #[test]
    fn a_value_shows_what_was_encoded() {
        let event = Samples::new(1000).get(7);
        let bytes = encode(&event);
        let seen = decode(7, &bytes).unwrap();
        assert_eq!((seen.position, seen.kind, seen.payload), (7, event.kind, &event.payload[..]));
    }

    #[test]
    fn keys_sort_by_position() {
        let keys: Vec<_> = [1, 255, 256, u64::MAX].map(|position| key(&["a", "b"], position)).into();
        assert!(keys.is_sorted());
        assert_eq!(position(&keys[2]).unwrap(), 256);
    }
}
