//! Which files of a directory make up the store, and which sequences are hidden.

use std::ops::Range;

use tidegate_format::{Error, ErrorKind, Offset, Result};

use crate::finding::{Finding, FindingKind};
use crate::message_pack::{Decoder, Value};
use crate::segment::created;

const SEGMENT_SUFFIX: &str = ".fbat";
const COMPACTION_SOURCE_SUFFIX: &str = ".compact-src";
const COMPACTION_FILE: &str = "compaction.pending.json";
const HIDDEN_FILE: &str = "visibility_ranges.fbv";
const HIDDEN_MAGIC: &[u8; 6] = b"FBATVR";
const HIDDEN_VERSION: u16 = 1;
const HIDDEN_HEADER_BYTES: usize = 12;

/// What a directory holds of a store.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The names of the segments, in their order.
    pub(crate) segments: Vec<String>,
    /// The sequences that are hidden.
    pub(crate) hidden: Vec<Range<u64>>,
    pub(crate) findings: Vec<Finding>,
}

impl Layout {
    pub(crate) fn read(names: &[String], mut read: impl FnMut(&str) -> Result<Vec<u8>>) -> Result<Self> {
        let mut layout = Self::default();
        let mut segments: Vec<(u64, String)> = Vec::new();
        for name in names {
            match name.strip_suffix(SEGMENT_SUFFIX).map(segment_number) {
                Some(Some(number)) => segments.push((number, name.clone())),
                Some(None) => {
                    let message = "its name is not that of a segment, which is a number; it was left out";
                    layout.findings.push(Finding::new(FindingKind::Name, name, None, message));
                }
                None => {}
            }
        }
        segments.sort();
        let is_there = |name: &str| names.iter().any(|other| other == name);
        if is_there(COMPACTION_FILE) {
            layout.findings.extend(settle(&mut segments, names, &mut read)?);
        }
        layout.segments = segments.into_iter().map(|(_, name)| name).collect();
        if is_there(HIDDEN_FILE) {
            layout.hidden = hidden_ranges(&read(HIDDEN_FILE)?)?;
        }
        Ok(layout)
    }
}

fn segment_number(stem: &str) -> Option<u64> {
    stem.parse().ok().filter(|_| stem.len() >= 6 && stem.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Chooses between the sources of an interrupted compaction and its result, so that nothing is lost.
///
/// batpak puts the first source aside, writes the result under its name, and then removes what it put aside before the other
/// sources. So while that is there, so are all sources. Without it, the file of that name is the first source or the
/// result, which is the newest of them.
fn settle(
    segments: &mut Vec<(u64, String)>,
    names: &[String],
    mut read: impl FnMut(&str) -> Result<Vec<u8>>,
) -> Result<Option<Finding>> {
    let damaged = |message: &str| Error::new(ErrorKind::Damaged, message).in_file(COMPACTION_FILE, None);
    let (merged, sources) = pending_compaction(&read(COMPACTION_FILE)?).ok_or_else(|| {
        damaged("this does not say which segments a compaction was about; restore it, or open the store with batpak once")
    })?;
    let finding = |message: &str| Some(Finding::new(FindingKind::Compaction, COMPACTION_FILE, None, message));
    let is_other_source = |number: u64| number != merged && sources.contains(&number);
    let aside = format!("{merged:06}{SEGMENT_SUFFIX}{COMPACTION_SOURCE_SUFFIX}");
    if names.contains(&aside) {
        let needed = sources.iter().filter(|number| **number != merged).count();
        let left = segments.iter().filter(|(number, _)| is_other_source(*number)).count();
        if left < needed {
            return Err(damaged("segments that a compaction was to merge are missing"));
        }
        segments.retain(|(number, _)| *number != merged);
        segments.push((merged, aside));
        segments.sort();
        return Ok(finding(
            "a compaction was interrupted; its sources were read and not its result, so events that it was to drop are there",
        ));
    }
    let named =
        |number: u64| segments.iter().find(|(other, _)| *other == number).map(|(_, name)| name.clone());
    let Some(result) = named(merged) else {
        return Err(damaged("neither the result of a compaction nor its first source is there"));
    };
    let Some(last) = segments.iter().rev().find(|(number, _)| is_other_source(*number)) else {
        // All was done but to remove the file that says so.
        return Ok(None);
    };
    let last = last.1.clone();
    let (result, last) = (created(&result, &read(&result)?)?, created(&last, &read(&last)?)?);
    if result < last {
        return Ok(finding("a compaction was interrupted before it began; its sources were read"));
    }
    segments.retain(|(number, _)| !is_other_source(*number));
    Ok(finding("a compaction was interrupted before it removed its sources; its result was read"))
}

/// Reads `{"merged_id":1,"source_segment_ids":[1,2]}`.
fn pending_compaction(bytes: &[u8]) -> Option<(u64, Vec<u64>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let behind = |name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\""))?;
        rest.trim_start().strip_prefix(':').map(str::trim_start)
    };
    let merged = behind("merged_id")?;
    let end = merged.find(|char: char| !char.is_ascii_digit())?;
    let (list, _) = behind("source_segment_ids")?.strip_prefix('[')?.split_once(']')?;
    let sources = list.split(',').map(|number| number.trim().parse().ok()).collect::<Option<_>>()?;
    Some((merged[..end].parse().ok()?, sources))
}

/// Reads the sequences that are hidden. A store whose hidden ranges are lost is refused: it would show what was hidden.
fn hidden_ranges(bytes: &[u8]) -> Result<Vec<Range<u64>>> {
    let damaged = |message: &str, expected: String, found: String| {
        let remedy = "restore this file; batpak does not open the store without it either";
        Error::damaged(message, expected, found).advise(remedy).in_file(HIDDEN_FILE, Some(Offset(0)))
    };
    let Some((header, body)) = bytes.split_at_checked(HIDDEN_HEADER_BYTES) else {
        let found = format!("{}", bytes.len());
        return Err(damaged(
            "the hidden ranges are cut short",
            format!("{HIDDEN_HEADER_BYTES} bytes"),
            found,
        ));
    };
    if !header.starts_with(HIDDEN_MAGIC) {
        let found = format!("{:02x?}", &header[..6]);
        return Err(damaged("this does not hold hidden ranges", format!("{HIDDEN_MAGIC:02x?}"), found));
    }
    let version = u16::from_le_bytes([header[6], header[7]]);
    if version != HIDDEN_VERSION {
        let message = format!(
            "the hidden ranges are of version {version}; {HIDDEN_VERSION} is read here, that of batpak 0.8.0"
        );
        return Err(Error::new(ErrorKind::Newer, message).in_file(HIDDEN_FILE, Some(Offset(6))));
    }
    let expected = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    let found = crc32fast::hash(body);
    if expected != found {
        let message = "the checksum of the hidden ranges does not hold";
        return Err(damaged(message, format!("{expected:08x}"), format!("{found:08x}")));
    }
    ranges(body)
        .ok_or_else(|| damaged("the hidden ranges are not ranges", "ranges".into(), "other bytes".into()))
}

fn ranges(body: &[u8]) -> Option<Vec<Range<u64>>> {
    let mut found = Vec::new();
    Decoder::new(body).fields(|name, value| {
        if name != "ranges" {
            value.span()?;
            return Some(());
        }
        let Value::Array(count) = value.value()? else { return None };
        for _ in 0..count {
            let (mut start, mut end) = (None, None);
            value.fields(|name, value| {
                match name {
                    "start" => start = Some(value.integer::<u64>()?),
                    "end" => end = Some(value.integer::<u64>()?),
                    _ => drop(value.span()?),
                }
                Some(())
            })?;
            found.push(start?..end.filter(|end| start.is_some_and(|start| start < *end))?);
        }
        Some(())
    })?;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_compaction_is_read_as_it_is_written() {
        let found = pending_compaction(br#"{"merged_id":1,"source_segment_ids":[1,2,3]}"#);
        assert_eq!(found, Some((1, vec![1, 2, 3])));
        assert_eq!(
            pending_compaction(br#"{ "source_segment_ids" : [ 7 ], "merged_id" : 7 }"#),
            Some((7, vec![7]))
        );
        for text in ["", "{}", r#"{"merged_id":1}"#, r#"{"merged_id":-1,"source_segment_ids":[1]}"#] {
            assert_eq!(pending_compaction(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lost_hidden_ranges_are_refused() {
        let body = b"\x81\xa6ranges\x91\x82\xa5start\x06\xa3end\x08";
        let file =
            |body: &[u8]| [HIDDEN_MAGIC, &[1, 0][..], &crc32fast::hash(body).to_le_bytes(), body].concat();
        assert_eq!(hidden_ranges(&file(body)).unwrap(), vec![Range { start: 6, end: 8 }]);
        for bit in 0..file(body).len() * 8 {
            let mut bytes = file(body);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(hidden_ranges(&bytes).is_err(), "bit {bit}");
        }
        assert!(hidden_ranges(&file(body)[..11]).is_err());
        assert!(
            hidden_ranges(&file(b"\x81\xa6ranges\x91\x82\xa5start\x08\xa3end\x08")).is_err(),
            "an empty one"
        );
    }
}
