//! What is kept beside the log: index files, filter groups, watermarks, cursors, saved states, the store file and the
//! floor file.

use crate::checksums;
use crate::sample::{
    CURSOR, Files, STATE, Sample, StoreAnswers, ask, ask_cursor, ask_state, many, mend, small,
};

/// The first byte says which file the rest is, and by its highest bit whether its checksums are made right.
pub fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let (mut rest, mended) = (rest.to_vec(), mode & 0x80 != 0);
    match (mode & 0x7f) % 6 {
        0 => index(rest, mended),
        1 => filter_group(rest, mended),
        2 => {
            if mended {
                checksums::watermark(&mut rest);
            }
            let files = with(small(), "WATERMARK", rest);
            check(&files, small(), false);
        }
        3 => {
            if mended {
                checksums::text(&mut rest);
            }
            let files = with(small(), CURSOR, rest);
            ask_cursor(&files);
            mend(&files);
        }
        4 => {
            if mended {
                checksums::state(&mut rest);
            }
            let files = with(small(), STATE, rest);
            let counted = ask_state(&files);
            assert!(counted.is_some(), "a saved state keeps no store from opening");
            mend(&files);
        }
        _ => {
            if mended {
                checksums::text(&mut rest);
            }
            // The sample has no floor, so a floor file is a new file of it.
            let name = if (mode & 0x7f) / 6 % 2 == 1 { "FLOOR" } else { "STORE" };
            let files = with(small(), name, rest);
            ask(&files, small(), false);
            mend(&files);
        }
    }
}

fn with(sample: &Sample, name: &str, bytes: Vec<u8>) -> Files {
    let mut files = sample.files.clone();
    files.insert(name.to_owned(), bytes);
    files
}

/// The index file of the first segment.
fn index(mut bytes: Vec<u8>, mended: bool) {
    let sample = small();
    let given = bytes.clone();
    checksums::index(&mut bytes);
    // A fuzzer may find the checksums by itself.
    let lies = mended || bytes == given;
    if !mended {
        bytes = given;
    }
    let name = sample.files.keys().find(|name| name.strip_suffix(".idx").is_some());
    let name = name.expect("the sample has one");
    check(&with(sample, name, bytes), sample, lies);
}

fn filter_group(mut bytes: Vec<u8>, mended: bool) {
    let sample = many();
    let given = bytes.clone();
    checksums::filter_group(&mut bytes);
    let lies = mended || bytes == given;
    if !mended {
        bytes = given;
    }
    let name = sample.files.keys().find(|name| name.strip_suffix(".filters").is_some());
    let name = name.expect("the sample has one");
    check(&with(sample, name, bytes), sample, lies);
}

/// The log is whole: every event is there, for any bytes of the other files.
fn check(files: &Files, sample: &Sample, lies: bool) {
    let seen = ask(files, sample, lies);
    for StoreAnswers { leaves, answers, .. } in seen.into_iter().flatten() {
        let Some(leaves) = leaves else { continue };
        let known = |(position, leaf): (&u64, _)| sample.leaves.get(position) == Some(leaf);
        assert!(leaves.iter().all(known), "nothing else shows");
        // A watermark may say that less is durable, and then a reader waits for the rest.
        if lies || leaves.len() < sample.leaves.len() {
            continue;
        }
        for (number, (answer, expected)) in answers.iter().zip(&sample.answers).enumerate() {
            assert!(
                answer.is_none() || answer == expected,
                "answer {number} is {answer:?}, not {expected:?}"
            );
        }
    }
    let (doctor, salvage_report) = mend(files);
    assert!(doctor.is_some(), "the doctor reads on");
    let (_, leaves) = salvage_report.expect("the log is whole");
    assert_eq!(leaves, sample.leaves, "everything is saved");
}
