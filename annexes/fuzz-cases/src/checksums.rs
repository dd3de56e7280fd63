//! Making the checksums of hostile bytes right, by the specifications of the files.

use tidegate_format::frame::{FRAME_HEADER_BYTES, SLOT_FRAME_HEADER_BYTES};
use tidegate_format::{SEGMENT_HEADER_BYTES, hash};

/// Bytes of a record before its names.
const RECORD_HEAD_BYTES: usize = 112;
/// The bit in a record's length that says that its payload is erased.
const ERASED: usize = 1 << 31;
const FRAME_MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'f'];
/// The magic of a frame with the slot of a shared log, which has eight bytes more before its records.
const SLOT_MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'l'];
/// Where the version and the rest of a segment's head begin, each with its checksum before or behind it.
const HEAD_PARTS: [(usize, usize, usize); 2] = [(0, 12, 12), (16, 76, 76)];
/// Bytes of the head of an index file, and where its section table starts, which says first where the sections start.
const INDEX_HEAD_BYTES: usize = 304;
const INDEX_SECTIONS: usize = 160;
/// Bytes of the blocks of an index file, of the head of a filter group, and of each of its pages.
const PAGE_BYTES: usize = 4096;

fn number(bytes: &[u8], at: usize) -> usize {
    let digits = bytes.get(at..at + 4).and_then(|digits| digits.try_into().ok());
    digits.map_or(0, |digits| u32::from_le_bytes(digits) as usize)
}

fn put(bytes: &mut [u8], at: usize, crc: u32) {
    if let Some(cell) = bytes.get_mut(at..at + 4) {
        cell.copy_from_slice(&crc.to_le_bytes());
    }
}

/// Of a segment: its head and every frame, as far as each says its length.
pub(crate) fn segment(bytes: &mut [u8], salt: u64) {
    for (from, to, at) in HEAD_PARTS {
        if let Some(part) = bytes.get(from..to) {
            put(bytes, at, hash::crc(0, part));
        }
    }
    let mut at = SEGMENT_HEADER_BYTES;
    while at + FRAME_HEADER_BYTES < bytes.len() {
        let end = at.saturating_add(head_bytes(&bytes[at..]) + number(bytes, at + 8)).min(bytes.len());
        frame(&mut bytes[at..end], salt);
        at = end;
    }
}

fn head_bytes(frame: &[u8]) -> usize {
    if frame.starts_with(&SLOT_MAGIC) { SLOT_FRAME_HEADER_BYTES } else { FRAME_HEADER_BYTES }
}

/// Of one frame, records and all. It keeps the magic of a frame with a slot, and gets that of one without otherwise.
pub(crate) fn frame(bytes: &mut [u8], salt: u64) {
    let Some((head, mut records)) = bytes.split_at_mut_checked(head_bytes(bytes)) else { return };
    if !head.starts_with(&SLOT_MAGIC) {
        head[..4].copy_from_slice(&FRAME_MAGIC);
    }
    let mut crcs = 0;
    while records.len() >= RECORD_HEAD_BYTES {
        let length = (number(records, 0) & !ERASED).clamp(RECORD_HEAD_BYTES, records.len());
        let (one, rest) = records.split_at_mut(length);
        record(one);
        crcs = hash::crc(crcs, &one[4..8]);
        records = rest;
    }
    let crc = hash::crc(hash::crc(0, &salt.to_le_bytes()), &head[8..]);
    put(head, 4, hash::crc(crc, &crcs.to_le_bytes()));
}

/// Of one record.
pub(crate) fn record(bytes: &mut [u8]) {
    if bytes.len() >= 8 {
        put(bytes, 4, hash::crc(hash::crc(0, &bytes[..4]), &bytes[8..]));
    }
}

/// Of both slots of a watermark.
pub(crate) fn watermark(bytes: &mut [u8]) {
    for at in [0, PAGE_BYTES] {
        if let Some(slot) = bytes.get_mut(at..at + 56) {
            put(slot, 4, hash::crc(0, &slot[8..]));
        }
    }
}

/// Of an index file: every block, as far as it holds sections, then the head.
pub(crate) fn index(bytes: &mut [u8]) {
    if bytes.len() < INDEX_HEAD_BYTES {
        return;
    }
    let sections = number(bytes, INDEX_SECTIONS).clamp(INDEX_HEAD_BYTES, bytes.len());
    for (block, sum) in (INDEX_HEAD_BYTES..sections).step_by(4).enumerate() {
        let (from, to) = (block * PAGE_BYTES, ((block + 1) * PAGE_BYTES).min(bytes.len()));
        if let Some(covered) = bytes.get(from.max(sections)..to) {
            put(bytes, sum, hash::crc(0, covered));
        }
    }
    put(bytes, 12, hash::crc(hash::crc(0, &bytes[..12]), &bytes[16..INDEX_HEAD_BYTES]));
}

/// Of a filter group: every page, the checksums of the pages, then the head.
pub(crate) fn filter_group(bytes: &mut [u8]) {
    let pages = number(bytes, 20);
    let Some(sums) = pages.checked_mul(PAGE_BYTES).map(|pages| pages.saturating_add(PAGE_BYTES)) else {
        return;
    };
    if bytes.len() < PAGE_BYTES || sums > bytes.len() {
        return;
    }
    for page in 0..pages {
        let from = PAGE_BYTES * (page + 1);
        put(bytes, sums + page * 4, hash::crc(0, &bytes[from..from + PAGE_BYTES]));
    }
    put(bytes, 24, hash::crc(0, &bytes[sums..]));
    put(bytes, 12, hash::crc(hash::crc(0, &bytes[..12]), &bytes[16..PAGE_BYTES]));
}

/// Of a text whose last line holds a checksum of all lines before.
pub(crate) fn text(bytes: &mut Vec<u8>) {
    let line = bytes.windows(10).rposition(|line| line == b"\nchecksum ").map_or(bytes.len(), |at| at + 1);
    bytes.truncate(line);
    let crc = hash::crc(0, bytes);
    bytes.extend_from_slice(format!("checksum {crc:08x}\n").as_bytes());
}

/// Of a saved state.
pub(crate) fn state(bytes: &mut [u8]) {
    if bytes.len() >= 8 {
        put(bytes, 4, hash::crc(0, &bytes[8..]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{many, small};

    /// What keeps this file up to date with the formats: a checksum that is right already stays as it is.
    #[test]
    fn intact_files_keep_their_checksums() {
        let mut checked = 0;
        for (sample, (name, bytes)) in
            [small(), many()].iter().flat_map(|s| s.files.iter().map(move |f| (s, f)))
        {
            let mut mended = bytes.clone();
            match name.split_once('/').map_or(&**name, |(folder, _)| folder) {
                "segments" => segment(&mut mended, sample.salt),
                "index" if name.strip_suffix(".idx").is_some() => index(&mut mended),
                "index" => filter_group(&mut mended),
                "WATERMARK" => watermark(&mut mended),
                "cursors" | "STORE" => text(&mut mended),
                "projections" => state(&mut mended),
                _ => continue,
            }
            assert!(mended == *bytes, "{name}");
            checked += 1;
        }
        assert!(checked > 10, "{checked} files");
    }
}
