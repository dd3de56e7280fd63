//! A newer version is an upgrade away; damage is not. The two are never mixed up.

use tidegate_format::limit::STORE_FILE_BYTES_MAX;
use tidegate_format::{ErrorKind, SegmentHeader, StoreFile, hash};

use crate::golden;

/// A segment's head of another version, with the checksum that every version has there.
fn segment(version: u32) -> Vec<u8> {
    let mut bytes = golden::bytes(include_str!("../../fixtures/segment-head.txt"));
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let crc = hash::crc(0, &bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// keeps S1
#[test]
fn segments() {
    for version in [2, 3, 0x0100_0001, u32::MAX] {
        let bytes = segment(version);
        let other = [&bytes[..16], &[0xaa; 200]].concat();
        for bytes in [&bytes[..], &bytes[..16], &other] {
            assert_eq!(SegmentHeader::read(bytes).unwrap_err().kind(), ErrorKind::Newer);
        }
        assert_eq!(SegmentHeader::read(&bytes[..15]).unwrap_err().kind(), ErrorKind::Damaged);
    }
    assert_eq!(SegmentHeader::read(&segment(0)).unwrap_err().kind(), ErrorKind::Damaged);
}

/// keeps S1
#[test]
fn a_damaged_version_of_a_segment() {
    for bit in 64..128 {
        let mut bytes = segment(2);
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(SegmentHeader::read(&bytes).unwrap_err().kind(), ErrorKind::Damaged, "bit {bit}");
    }
}

fn fork_line(until: u64) -> String {
    format!("from 01a1b2c3-d4e5-7f60-8a1b-2c3d4e5f6071 0000000000000001 {until} {}\n", "ab".repeat(32))
}

fn store(body: &str) -> String {
    format!("{body}checksum {:08x}\n", hash::crc(0, body.as_bytes()))
}

/// keeps X1
#[test]
fn store_files() {
    let newer = store("tidegate store\nformat 2\nsecret 7\nchecksum of another kind\nid somewhere else\n");
    let error = StoreFile::read(newer.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Newer);
    assert_eq!(error.message(), "the store has format 2, this program reads format 1");
    let filled = |length: usize| {
        let body = "tidegate store\nformat 2\n";
        let rest = "checksum 00000000\n".len() + body.len() + 1;
        store(&format!("{body}{}\n", "x".repeat(length - rest)))
    };
    let largest = STORE_FILE_BYTES_MAX;
    assert_eq!(filled(largest).len(), largest);
    assert_eq!(StoreFile::read(filled(largest).as_bytes()).unwrap_err().kind(), ErrorKind::Newer);
    assert_eq!(StoreFile::read(filled(largest + 1).as_bytes()).unwrap_err().kind(), ErrorKind::Damaged);
    for bit in 0..newer.len() * 8 {
        let mut bytes = newer.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(StoreFile::read(&bytes).unwrap_err().kind(), ErrorKind::Damaged, "bit {bit}");
    }
}

/// keeps X2
#[test]
fn store_files_that_nobody_wrote() {
    let id = "id 01a1b2c3-d4e5-7f60-8a1b-2c3d4e5f6071\n";
    let rest = "salt 0000000000000001\nseed 0000000000000002\ncreated 5\n";
    let whole = store(&format!("tidegate store\nformat 1\n{id}{rest}"));
    StoreFile::read(whole.as_bytes()).unwrap();
    for body in [
        format!("tidegate store\nformat 0\n{id}{rest}"),
        format!("tidegate store\nformat +1\n{id}{rest}"),
        format!("tidegate store\nformat 4294967297\n{id}{rest}"),
        format!("tidegate store\r\nformat 1\n{id}{rest}"),
        format!("tidegate store\nformat 1\r\n{id}{rest}"),
        format!("tidegate store\nformat 1\n{}{rest}", id.to_uppercase().replace("ID", "id")),
        format!("tidegate store\nformat 1\n{}{rest}", id.replace('-', "")),
        format!("tidegate store\nformat 1\n{id}salt 1\nseed 0000000000000002\ncreated 5\n"),
        format!("tidegate store\nformat 1\n{id}salt 0000000000000001\nseed 0000000000000002\ncreated 05\n"),
        format!(
            "tidegate store\nformat 1\n{id}salt 0000000000000001\nseed 0000000000000002\ncreated 18446744073709551616\n"
        ),
        format!("tidegate store\nformat 1\n{id}{rest}more 1\n"),
        format!("tidegate store\nformat 1\n{id}{rest}log \n"),
        format!("tidegate store\nformat 1\n{id}{rest}log a\nlog b\n"),
        format!("tidegate store\nformat 1\n{id}{rest}log a\n{}", fork_line(7)),
        format!("tidegate store\nformat 1\n{id}{rest}{}{}", fork_line(7), fork_line(6)),
        format!("tidegate store\nformat 1\n{id}{rest}{}", fork_line(7).repeat(401)),
        format!("tidegate store\nformat 1\n{id}"),
        "tidegate store\n".to_owned(),
        String::new(),
    ] {
        let error = StoreFile::read(store(&body).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{body}: {error}");
    }
    let long = store(&format!("tidegate store\nformat 2\n{}\n", "x".repeat(STORE_FILE_BYTES_MAX)));
    assert_eq!(StoreFile::read(long.as_bytes()).unwrap_err().kind(), ErrorKind::Damaged);
}
