//! The log: records, frames, segments and what stands beside them, from hostile bytes.

use tidegate::ErrorKind;
use tidegate_format::store::{BackupFile, NodeFile};
use tidegate_format::{
    ErasingFile, FloorFile, Frame, FrameHeader, Record, SegmentHeader, StoreFile, Watermark, frame, record,
};

use crate::checksums;
use crate::sample::{ask, mend, small};

/// The first byte says what the rest is, and by its highest bit whether its checksums are made right.
pub fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let (what, mended) = (mode & 0x7f, mode & 0x80 != 0);
    match what % 5 {
        0 => one_record(rest, mended),
        1 => one_frame(rest, mended),
        2 => heads(rest),
        3 => segment(rest, mended, true),
        _ => segment(rest, mended, false),
    }
}

fn one_record(bytes: &[u8], mended: bool) {
    let mut bytes = bytes.to_vec();
    if mended && bytes.len() >= 4 {
        let length = bytes.len() as u32;
        let erased = bytes[3] & 0x80;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[3] |= erased;
        checksums::record(&mut bytes);
    }
    if let Ok(record) = Record::read(&bytes) {
        look(&record);
        let again = Record::again(&bytes, record.layout());
        assert!(again == record, "a record reads the same again");
        erase(&record);
    }
}

/// Erasing a record takes its payload, and neither its leaf nor any other field.
fn erase(record: &Record<'_>) {
    let mut bytes = record.as_bytes().to_vec();
    record::erase(&mut bytes);
    let erased = Record::read(&bytes).expect("an erased record is a record");
    assert_eq!(erased.as_bytes().len(), record.as_bytes().len());
    assert_eq!((erased.leaf(), erased.entry()), (record.leaf(), record.entry()));
    assert!(erased.is_erased() && erased.blind().is_none());
    assert_eq!(erased.payload().map_err(|error| error.kind()), Err(ErrorKind::Erased));
    let names = |record: &Record<'_>| {
        let tags: Vec<String> = record.tags().map(str::to_owned).collect();
        (record.scope().to_owned(), record.kind().to_owned(), tags, record.causes().collect::<Vec<_>>())
    };
    assert_eq!(names(&erased), names(record));
    let mut again = bytes.clone();
    record::erase(&mut again);
    assert!(again == bytes, "an erased record stays as it is");
}

/// Reads every field.
fn look(record: &Record<'_>) {
    let names = [record.scope(), record.entity(), record.kind()];
    let lengths = names.iter().map(|name| name.len()).sum::<usize>()
        + record.tags().map(str::len).sum::<usize>()
        + record.metadata().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        + record.key().map_or(0, |(key, _)| key.len())
        + record.payload_bytes();
    assert!(lengths <= record.as_bytes().len(), "parts lie inside");
    let _ =
        (record.position(), record.version(), record.previous(), record.time(), record.id(), record.link());
    let _ =
        (record.correlation(), record.lane(), record.schema(), record.ends_batch(), record.payload_type());
    let _ = (record.leaf(), record.causes().count());
}

fn one_frame(bytes: &[u8], mended: bool) {
    let salt = small().salt;
    let mut bytes = bytes.to_vec();
    if mended {
        checksums::frame(&mut bytes, salt);
    }
    let _ = FrameHeader::read(&bytes);
    let mut at = 0;
    while let Some(found) = frame::find(&bytes, at) {
        assert!(found >= at, "it looks ahead");
        at = found + 1;
    }
    let Ok(frame) = Frame::read(&bytes, salt) else { return };
    let mut next = frame.head.first;
    for (start, record) in Frame::again(&bytes, frame.head).records() {
        assert!(start < frame.head.frame_bytes());
        assert_eq!(record.position(), next, "positions follow each other");
        next = next.next();
        look(&record);
    }
    assert_eq!(next, frame.head.last().next());
}

fn heads(bytes: &[u8]) {
    let _ = SegmentHeader::read(bytes).map(|head| assert!(bytes.starts_with(&head.encode())));
    let _ = StoreFile::read(bytes).map(|file| assert_eq!(file.encode().as_bytes(), bytes));
    let _ = BackupFile::read(bytes).map(|file| assert_eq!(file.encode().as_bytes(), bytes));
    let _ = ErasingFile::read(bytes).map(|file| assert_eq!(file.encode().as_bytes(), bytes));
    let _ = NodeFile::read(bytes).map(|file| assert_eq!(file.encode().as_bytes(), bytes));
    let _ = FloorFile::read(bytes).map(|file| assert_eq!(file.encode().as_bytes(), bytes));
    let _ = (Watermark::read(bytes, small().salt), Watermark::faults(bytes, small().salt));
}

/// The bytes in the place of the newest or of the first segment.
fn segment(bytes: &[u8], mended: bool, newest: bool) {
    let sample = small();
    let mut segments = sample.files.keys().filter(|name| name.starts_with("segments/"));
    let name = if newest { segments.next_back() } else { segments.next() };
    let name = name.expect("the sample has segments").clone();
    let mut files = sample.files.clone();
    let mut bytes = bytes.to_vec();
    if mended {
        checksums::segment(&mut bytes, sample.salt);
        files.remove("WATERMARK");
        files.retain(|name, _| !name.starts_with("index/"));
    }
    files.insert(name, bytes);
    ask(&files, sample, false);
    mend(&files);
}
