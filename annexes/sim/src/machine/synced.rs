//! How far the disk itself holds the log, told from its bytes: what a power cut that takes everything unsynced leaves.

use std::collections::BTreeMap;

use tidegate_disk::FaultyDisk;
use tidegate_format::{Frame, Position, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName, StoreFile};

/// Returns the last position up to which synced frames follow each other without a gap; 0 if there are none.
///
/// Only the two newest segments are read: before a segment exists, those in front of it are durable, and the one right
/// in front of it is looked at here.
pub(crate) fn last_position(disk: &FaultyDisk) -> u64 {
    let rest = disk.at_rest();
    let store = rest.read_synced("STORE").ok().and_then(|bytes| StoreFile::read(&bytes).ok());
    let Some(salt) = store.map(|store| store.salt) else { return 0 };
    let names = rest.synced_names_in("segments");
    let firsts: Vec<(Position, String)> = newest(names).into_iter().collect();
    let two = firsts.len().saturating_sub(2);
    let mut last = firsts.get(two).map_or(0, |(first, _)| first.0 - 1);
    let mut behind =
        firsts[two..].iter().map(|(_, name)| rest.read_synced(name).unwrap_or_default()).peekable();
    for (first, _) in &firsts[two..] {
        let Some(bytes) = behind.next().filter(|_| first.0 == last + 1) else { break };
        // A recovery may have ended it before frames that stand in the next one too.
        let end =
            behind.peek().and_then(|next| SegmentHeader::read(next).ok()).map(|head| head.before_length.0);
        let end = end.map_or(bytes.len(), |end| bytes.len().min(end as usize));
        last = last_of(&bytes[..end], *first, salt);
    }
    last
}

/// Returns the files of segments by first position, each in its highest generation, which is the one that counts.
pub(crate) fn newest(names: Vec<String>) -> BTreeMap<Position, String> {
    let mut found: Vec<(SegmentName, String)> =
        names.into_iter().filter_map(|name| Some((segment_name(&name)?, name))).collect();
    found.sort_unstable();
    found.into_iter().map(|(file, name)| (file.first, name)).collect()
}

fn segment_name(name: &str) -> Option<SegmentName> {
    SegmentName::parse(name.strip_prefix("segments/")?.strip_suffix(".seg")?)
}

/// The last position of a segment's whole frames.
fn last_of(bytes: &[u8], first: Position, salt: u64) -> u64 {
    let (mut at, mut last) = (SEGMENT_HEADER_BYTES, first.0 - 1);
    while let Some(frame) = bytes.get(at..).and_then(|rest| Frame::read(rest, salt).ok())
        && frame.head.first.0 == last + 1
    {
        last = frame.head.last().0;
        at += frame.head.frame_bytes();
    }
    last
}
