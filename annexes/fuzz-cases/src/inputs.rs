//! What a fuzzer starts from.

use crate::{proof, sample, text};

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
    for (number, (mode, bytes)) in proof::examples().into_iter().enumerate() {
        add("proof", format!("example-{number}"), mode, &bytes);
    }
    for number in 0..24_u8 {
        let edit = [number, number, number.wrapping_mul(37), 1, 40, 0, number, 3];
        add("stores", format!("edit-{number}"), number << 7, &edit.repeat(1 + usize::from(number % 3)));
    }
    found
}
