//! What `FORMAT.md` says in numbers is what the code does.

use tidegate_format::frame::{FRAME_HEADER_BYTES, SLOT_FRAME_HEADER_BYTES};
use tidegate_format::record::ENTRY_BYTES;
use tidegate_format::record::RECORD_HEAD_BYTES;
use tidegate_format::store::NodeFile;
use tidegate_format::watermark::{WATERMARK_BYTES, WATERMARK_SLOTS};
use tidegate_format::{ErasingFile, FloorFile, SEGMENT_HEADER_BYTES, StoreFile, limit};

const TEXT: &str = include_str!("../../FORMAT.md");

#[test]
fn limits() {
    let stated = |name: &str| -> u64 {
        let start = format!("| `{name}` | ");
        let row = TEXT.lines().find_map(|line| line.strip_prefix(start.as_str())).expect(name);
        let digits = row.split(' ').next().unwrap().replace(',', "");
        digits.parse().expect(row)
    };
    assert_eq!(stated("NAME_BYTES_MAX"), limit::NAME_BYTES_MAX as u64);
    assert_eq!(stated("TAGS_MAX"), limit::TAGS_MAX as u64);
    assert_eq!(stated("CAUSES_MAX"), limit::CAUSES_MAX as u64);
    assert_eq!(stated("METADATA_MAX"), limit::METADATA_MAX as u64);
    assert_eq!(stated("METADATA_VALUE_BYTES_MAX"), limit::METADATA_VALUE_BYTES_MAX as u64);
    assert_eq!(stated("PAYLOAD_BYTES_MAX"), limit::PAYLOAD_BYTES_MAX as u64);
    assert_eq!(stated("FRAME_BYTES_MAX"), limit::FRAME_BYTES_MAX as u64);
    assert_eq!(stated("STORE_FILE_BYTES_MAX"), limit::STORE_FILE_BYTES_MAX as u64);
    assert_eq!(stated("FLOOR_FILE_BYTES_MAX"), limit::FLOOR_FILE_BYTES_MAX as u64);
    assert_eq!(stated("BACKUP_FILE_BYTES_MAX"), limit::BACKUP_FILE_BYTES_MAX as u64);
    assert_eq!(stated("ERASING_FILE_BYTES_MAX"), limit::ERASING_FILE_BYTES_MAX as u64);
    assert_eq!(stated("NODE_FILE_BYTES_MAX"), limit::NODE_FILE_BYTES_MAX as u64);
    assert_eq!(stated("FORKS_MAX"), limit::FORKS_MAX as u64);
    assert_eq!(stated("SEGMENT_BYTES_MAX"), limit::SEGMENT_BYTES_MAX);
}

#[test]
fn sizes() {
    for (words, size) in [
        ("A record is {} bytes and the bytes of", RECORD_HEAD_BYTES),
        ("A frame adds {} bytes", FRAME_HEADER_BYTES),
        ("head of {} bytes, and its records", SLOT_FRAME_HEADER_BYTES),
        ("entry is always {} bytes", ENTRY_BYTES),
        ("A segment is a head of {} bytes", SEGMENT_HEADER_BYTES),
        ("CRC of bytes 8 to {} |", WATERMARK_BYTES - 1),
        ("one at offset 0 and one at offset {}.", WATERMARK_SLOTS[1] as usize),
        ("describes\nformat **{}**", limit::FORMAT as usize),
    ] {
        let words = words.replace("{}", &size.to_string());
        assert!(TEXT.contains(&words), "{words}");
    }
}

/// Each table of offsets has no gap: a field starts where the one before it ended.
#[test]
fn tables() {
    let mut ends = Vec::new();
    let mut end = 0;
    for line in TEXT.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, offset, size, ..] = cells[..] else { continue };
        let (Ok(offset), size) = (offset.parse::<usize>(), size.parse::<usize>().unwrap_or(0)) else {
            continue;
        };
        if offset == 0 && end != 0 {
            ends.push(end);
            end = 0;
        }
        assert_eq!(offset, end, "{line}");
        end += size;
    }
    ends.push(end);
    // An encrypted payload without its type byte and tag; at 32 the head of a stage, a slot of a keyring, and at the end that of a file of tree
    // hashes, which the store reads and writes.
    let (encrypted, [stage, slot, tree]) = (limit::ENCRYPTION_BYTES - 17, [32, 128, 80]);
    // What is in a shared log, which the store's nodes read and write.
    let [genesis, proposal] = [100, 76];
    let expected = [
        RECORD_HEAD_BYTES,
        encrypted,
        FRAME_HEADER_BYTES,
        SEGMENT_HEADER_BYTES,
        stage,
        slot,
        genesis,
        proposal,
        WATERMARK_BYTES,
        tree,
    ];
    assert_eq!(ends, expected);
}

#[test]
fn store_file() {
    let (_, behind) = TEXT.split_once("## The store file").unwrap();
    let (part, _) = behind.split_once("\n## ").unwrap();
    let text = lines_of(part);
    assert_eq!(StoreFile::read(text.as_bytes()).unwrap().encode(), text);
}

#[test]
fn floor_file() {
    let (_, behind) = TEXT.split_once("## The floor file").unwrap();
    let (part, _) = behind.split_once("\n## ").unwrap();
    let text = lines_of(part);
    assert_eq!(FloorFile::read(text.as_bytes()).unwrap().encode(), text);
}

#[test]
fn erasing_file() {
    let (_, behind) = TEXT.split_once("## The erasing file").unwrap();
    let (part, _) = behind.split_once("\n## ").unwrap();
    let text = lines_of(part);
    assert_eq!(ErasingFile::read(text.as_bytes()).unwrap().encode(), text);
}

#[test]
fn node_file() {
    let (_, behind) = TEXT.split_once("## The node file").unwrap();
    let (part, _) = behind.split_once("\n## ").unwrap();
    let text = lines_of(part);
    assert_eq!(NodeFile::read(text.as_bytes()).unwrap().encode(), text);
}

/// The lines of a file, as the rows of a table give them.
fn lines_of(part: &str) -> String {
    let lines = part.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    lines.map(|(line, _)| line.to_owned() + "\n").collect()
}
