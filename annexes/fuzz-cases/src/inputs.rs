//! What a fuzzer starts from.

use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing, seal};
use tidegate_format::store::{BackupEntry, BackupFile};
use tidegate_format::{
    FloorFile, ForkPoint, Frame, Hash, Micros, Offset, Position, Record, StoreFile, hash, record,
};

use crate::{batpak, proof, sample, text, upkeep};

/// Inputs to start from, each with its target and a name: the files of the sample, some words, and some edits.
pub fn inputs() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut add = |target: &'static str, name: String, mode: u8, bytes: &[u8]| {
        found.push((target, name, [&[mode], bytes].concat()));
    };
    for (name, bytes) in &sample::small().files {
        let plain = name.replace('/', "-");
        let modes: &[(&'static str, u8)] = match name.split_once('/').map_or(&**name, |(folder, _)| folder) {
            "segments" => &[("log", 2), ("log", 3), ("log", 0x83), ("log", 0x84)],
            "index" => &[("derived", 0), ("derived", 0x80)],
            "WATERMARK" => &[("log", 2), ("derived", 2), ("derived", 0x82)],
            "cursors" => &[("derived", 3), ("derived", 0x83)],
            "projections" => &[("derived", 4), ("derived", 0x84)],
            "STORE" => &[("log", 2), ("derived", 5), ("derived", 0x85)],
            _ => &[],
        };
        for (target, mode) in modes {
            add(target, format!("{plain}-{mode:02x}"), *mode, bytes);
        }
        if let Some(frame) = bytes.get(80..).filter(|_| name.starts_with("segments/")) {
            add("log", format!("{plain}-frame"), 0x81, frame);
            add("log", format!("{plain}-record"), 0x80, frame.get(36..400).unwrap_or_default());
        }
    }
    for (name, bytes) in
        sample::many().files.iter().filter(|(name, _)| name.strip_suffix(".filters").is_some())
    {
        add("derived", name.replace('/', "-"), 0x81, bytes);
    }
    for (number, words) in text::WORDS.iter().enumerate() {
        add("text", format!("words-{number}"), 0, words.as_bytes());
    }
    for (number, (mode, payload)) in text::payloads().into_iter().enumerate() {
        add("text", format!("payload-{number}"), mode, &payload);
    }
    for (target, name, mode, bytes) in of_later_stores() {
        add(target, name.to_owned(), mode, &bytes);
    }
    for (number, (mode, bytes)) in proof::examples().into_iter().enumerate() {
        add("proof", format!("example-{number}"), mode, &bytes);
    }
    for (number, (mode, bytes)) in batpak::examples().into_iter().enumerate() {
        add("batpak", format!("example-{number}"), mode, &bytes);
    }
    for (number, (mode, bytes)) in upkeep::examples().into_iter().enumerate() {
        add("upkeep", format!("example-{number}"), mode, &bytes);
    }
    for number in 0..24_u8 {
        let edit = [number, number, number.wrapping_mul(37), 1, 40, 0, number, 3];
        add("stores", format!("edit-{number}"), number << 7, &edit.repeat(1 + usize::from(number % 3)));
    }
    found
}

/// Files that no store of the sample has yet: those of forks, of nodes of a shared log, with a floor, with erased payloads.
fn of_later_stores() -> Vec<(&'static str, &'static str, u8, Vec<u8>)> {
    let sample = sample::small();
    let own = StoreFile::read(&sample.files["STORE"]).expect("the sample is whole");
    let root = Hash([7; 32]);
    let from = ForkPoint { store: own.id, salt: own.salt, until: Position(3), root };
    let fork = StoreFile { salt: own.salt + 1, forks: vec![from, from], ..own.clone() }.encode();
    let node = StoreFile { log: Some("orders".to_owned()), ..own.clone() }.encode();
    let floor = FloorFile {
        store: own.id,
        first: Position(3),
        before_first: Position(1),
        before_length: Offset(500),
        time: Micros(1),
        reason: "retention".to_owned(),
    };
    let floor = floor.encode();
    let entry = |(name, bytes): (&String, &Vec<u8>)| BackupEntry {
        name: name.clone(),
        length: bytes.len() as u64,
        digest: hash::sha256(bytes),
    };
    let is_backed_up = |(name, _): &(&String, &Vec<u8>)| *name == "STORE" || name.starts_with("segments/");
    let files = sample.files.iter().filter(is_backed_up).map(entry).collect();
    let backup =
        BackupFile { store: own.id, number: 1, time: Micros(1), until: Position(u64::MAX), root, files };
    let segment = sample.files.iter().find(|(name, _)| name.starts_with("segments/"));
    let frames = &segment.expect("the sample has segments").1[80..];
    let frame = Frame::read(frames, own.salt).expect("the sample is whole");
    let mut slotted = frames[..frame.head.frame_bytes()].to_vec();
    slotted.splice(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES, [0; 8]).for_each(drop);
    let (first, synced, epoch) = (frame.head.first, frame.head.synced, frame.head.epoch);
    seal(&mut slotted, &Sealing { first, synced, epoch, slot: Some(9) }, own.salt);
    let (_, whole) = frame.records().next().expect("a frame has a record");
    let mut erased = whole.as_bytes().to_vec();
    record::erase(&mut erased);
    assert!(Record::read(&erased).is_ok());
    vec![
        ("log", "store-fork", 2, fork.clone().into_bytes()),
        ("log", "store-node", 2, node.clone().into_bytes()),
        ("log", "floor", 2, floor.clone().into_bytes()),
        ("log", "backup", 2, backup.encode().into_bytes()),
        ("log", "frame-slot", 0x81, slotted),
        ("log", "record-erased", 0x80, erased),
        ("derived", "store-fork", 0x85, fork.into_bytes()),
        ("derived", "store-node", 0x85, node.into_bytes()),
        ("derived", "floor", 0x8b, floor.into_bytes()),
    ]
}
