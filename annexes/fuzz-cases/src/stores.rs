//! Whole stores with edits: bits, blocks, lengths, files that go, come twice or change places.

use crate::checksums;
use crate::sample::{Files, Leaves, StoreAnswers, ask, mend, small};

/// Bytes of one edit: the file, what is done, from where, how much, and with what.
const EDIT_BYTES: usize = 8;
/// The most edits of one input.
const EDITS_MAX: usize = 12;
/// The most bytes that an edit adds.
const ADDED_MAX: usize = 4096;

/// The first byte says by its highest bit whether checksums of the log are made right, the rest is edits.
pub fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let sample = small();
    let mut files = sample.files.clone();
    for edit in rest.chunks_exact(EDIT_BYTES).take(EDITS_MAX) {
        apply(&mut files, edit);
    }
    let mended = mode & 0x80 != 0;
    if mended {
        for (name, bytes) in &mut files {
            if name.starts_with("segments/") {
                checksums::segment(bytes, sample.salt);
            }
        }
    }
    let seen = ask(&files, sample, mode & 0x80 != 0);
    let (doctor, salvage_report) = mend(&files);
    if mended {
        return;
    }
    let known =
        |leaves: &Leaves| leaves.iter().all(|(position, leaf)| sample.leaves.get(position) == Some(leaf));
    for leaves in seen.iter().flatten().filter_map(|seen| seen.leaves.as_ref()) {
        assert!(known(leaves), "what shows is what was written");
    }
    if let [Some(reader), None] = &seen {
        assert!(reader.leaves.is_none(), "if a writer is refused, a reader does not end in silence");
    }
    if let [Some(reader), Some(writer)] = &seen
        && let (Some(shown), Some(kept)) = (&reader.leaves, &writer.leaves)
    {
        let accounted = shown.len() as u64 + reader.withheld;
        assert_eq!(accounted, kept.len() as u64, "a reader shows or counts what a writer keeps");
    }
    if doctor.as_ref().is_some_and(|doctor| doctor.faults.is_empty()) {
        let reads = |seen: &Option<StoreAnswers>| seen.as_ref().is_some_and(|seen| seen.leaves.is_some());
        assert!(
            seen.iter().all(reads),
            "what the doctor calls sound opens and reads, to a writer and a reader"
        );
    }
    if let (Some(doctor), [_, Some(StoreAnswers { leaves: Some(leaves), .. })]) = (&doctor, &seen)
        && doctor.faults.is_empty()
    {
        assert!(
            leaves.len() as u64 >= doctor.head.0 || !doctor.remarks.is_empty(),
            "nothing is gone silently"
        );
    }
    if let Some((salvage_report, leaves)) = salvage_report {
        let before = salvage_report.lost.first().map_or(u64::MAX, |lost| lost.first.0);
        let unmoved = leaves.iter().filter(|(position, _)| **position < before);
        assert!(unmoved.clone().all(|(position, leaf)| sample.leaves.get(position) == Some(leaf)));
    }
}

fn apply(files: &mut Files, edit: &[u8]) {
    let names: Vec<String> = files.keys().filter(|name| *name != "LOCK").cloned().collect();
    let [which, what, low, high, count, more, with, other] = *edit else { return };
    let Some(name) = names.get(usize::from(which) % names.len().max(1)) else { return };
    let Some(bytes) = files.get_mut(name) else { return };
    let from = usize::from(u16::from_le_bytes([low, high])) % (bytes.len() + 1);
    let to = bytes.len().min(from + usize::from(u16::from_le_bytes([count, more])));
    match what % 10 {
        0 => bytes.get_mut(from).into_iter().for_each(|byte| *byte ^= 1 << (with % 8)),
        1 => bytes.get_mut(from).into_iter().for_each(|byte| *byte = with),
        2 => bytes[from..to].fill(0),
        3 => bytes.truncate(from),
        4 => drop(bytes.drain(from..to)),
        5 => drop(bytes.splice(from..from, vec![with; (to - from).min(ADDED_MAX)])),
        6 => drop(files.remove(name)),
        7 => {
            let part = bytes[from..to].to_vec();
            let at = usize::from(other) * 8 % (bytes.len() + 1);
            bytes.splice(at..at, part).for_each(drop);
        }
        8 => {
            let Some(target) = names.get(usize::from(other) % names.len()) else { return };
            let copy = bytes.clone();
            files.insert(target.clone(), copy);
        }
        _ => {
            let Some(bytes) = files.remove(name) else { return };
            files.insert(format!("segments/{:020}.seg", u16::from_le_bytes([with, other])), bytes);
        }
    }
}
