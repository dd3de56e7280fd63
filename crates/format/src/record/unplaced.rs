//! Records that have no place yet, as one node of a shared log proposes them to the others.

use super::Record;
use super::commitment::Body;
use crate::error::{Error, Result};
use crate::layout::{self, Layout, number};
use crate::name;
use crate::number::Position;

/// Reads and checks the record that starts `bytes` as [`encode`](super::encode) wrote it, and returns it with what its entry commits to. It is
/// the record of the draft at `index` in its batch, whose causes stand at `last` or before, or are earlier drafts.
/// What the record says of its own place means nothing.
///
/// # Errors
///
/// [`Damaged`](crate::ErrorKind::Damaged) for bytes that no store encodes; [`place`](super::place) panics at none of the others.
pub fn read_unplaced(bytes: &[u8], index: usize, last: Position) -> Result<(Record<'_>, Body)> {
    let length = Layout::stated_length(bytes)?;
    let bytes = &bytes[..length];
    let layout = Layout::read_unplaced(bytes)?;
    let is_blank = |from: usize, to: usize| bytes[from..to].iter().all(|byte| *byte == 0);
    if !is_blank(layout::CRC, layout::ID) || !is_blank(layout::LINK, layout::LANE) {
        return Err(Error::damaged("a proposed record has a place", "none", "one"));
    }
    let record = Record::again(bytes, layout);
    check_names(&record)?;
    check_causes(bytes, layout, index, last)?;
    Ok((record, Body::of(record.commitment(), record.parts())))
}

fn check_names(record: &Record<'_>) -> Result<()> {
    let names = [("scope", record.scope()), ("entity", record.entity()), ("kind", record.kind())];
    let key = record.key().map(|(key, _)| ("idempotency key", key));
    let tags = record.tags().map(|tag| ("tag", tag));
    let mut names = names.into_iter().chain(key).chain(tags);
    names.try_for_each(|(what, text)| {
        name::check(what, text)
            .map_err(|error| Error::damaged("a name breaks the rules", "a valid name", error))
    })
}

fn check_causes(bytes: &[u8], layout: Layout, index: usize, last: Position) -> Result<()> {
    let mut at = layout.causes as usize;
    for _ in 0..number!(bytes, layout::CAUSES, u16) {
        if bytes[at] == layout::CAUSE_FOREIGN {
            at += layout::CAUSE_FOREIGN_BYTES;
            continue;
        }
        let cause = number!(bytes, at + 1, u64);
        let is_known = match bytes[at] {
            layout::CAUSE_DRAFT => cause < index as u64,
            _ => (1..=last.0).contains(&cause),
        };
        if !is_known {
            return Err(Error::damaged("a cause comes after its effect", format!("one up to {last}"), cause));
        }
        at += layout::CAUSE_AT_BYTES;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Blind, ErasedPayload, Facts, encode, encode_erased};
    use super::*;
    use crate::draft::{Cause, Draft};
    use crate::hash::Hash;
    use crate::id::EventId;

    fn encoded(causes: &[Cause]) -> (Vec<u8>, Body) {
        let id = EventId::from_time(1, &[3; 10]);
        let facts = Facts {
            id,
            correlation: id.into(),
            causes,
            key: Some(("key", Hash([4; 32]))),
            notes: &[],
            blind: Blind([7; 16]),
            batch_end: true,
        };
        let mut bytes = Vec::new();
        let draft = Draft::new(("shop", "order-7"), "order.placed").tag("t").json_text("{}");
        let body = encode(&draft, &facts, &mut bytes);
        (bytes, body)
    }

    #[test]
    fn what_was_encoded_reads_back_with_its_body() {
        let (bytes, body) = encoded(&[Cause::At(Position(3)), Cause::Draft(1)]);
        let (record, found) = read_unplaced(&bytes, 2, Position(3)).unwrap();
        assert_eq!((record.as_bytes(), found), (&bytes[..], body));
        for (index, last) in [(1, 3), (2, 2)] {
            read_unplaced(&bytes, index, Position(last)).unwrap_err();
        }
    }

    #[test]
    fn an_erased_one_reads_back_too() {
        let id = EventId::from_time(1, &[3; 10]);
        let facts = Facts {
            id,
            correlation: id.into(),
            causes: &[],
            key: None,
            notes: &[],
            blind: Blind::default(),
            batch_end: true,
        };
        let (mut bytes, erased) = (Vec::new(), ErasedPayload { commitment: Hash([9; 32]), length: 5 });
        let body = encode_erased(&Draft::new(("a", "b"), "c"), &facts, &erased, &mut bytes);
        assert_eq!(read_unplaced(&bytes, 0, Position(0)).unwrap().1, body);
    }

    /// No bit of it can be another one without being noticed, but in what the proposal's own checksum guards alone: what is
    /// read does not panic.
    #[test]
    fn no_bytes_are_a_surprise() {
        let (bytes, _) = encoded(&[Cause::At(Position(3)), Cause::Draft(1)]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                let _ = read_unplaced(&other, 2, Position(3));
            }
            let _ = read_unplaced(&bytes[..at], 2, Position(3)).unwrap_err();
        }
    }
}
