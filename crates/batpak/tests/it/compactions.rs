//! Compactions that were interrupted: nothing is lost, and nothing is read twice.

use tidegate_batpak::FindingKind;
use tidegate_format::ErrorKind;

use crate::files::Files;

const FIRST: &str = "000001.fbat";
const ASIDE: &str = "000001.fbat.compact-src";
const PENDING: &str = "compaction.pending.json";

/// A store of which the segments 1 and 2 are to be merged.
fn pending() -> Files {
    let mut files = Files::of("closed");
    files.0.insert(PENDING.to_owned(), br#"{"merged_id":1,"source_segment_ids":[1,2]}"#.to_vec());
    files
}

fn ids(files: &Files) -> Vec<String> {
    files.read().unwrap().visible().iter().map(|event| event.id.to_string()).collect()
}

/// Both segments in one, begun last, as compaction writes it: without a footer.
fn merged(files: &Files) -> Vec<u8> {
    let frames = |name: &str| {
        let bytes = &files.0[name];
        let start = 8 + u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let table = bytes.len() - 16;
        let end = u64::from_le_bytes(bytes[table..table + 8].try_into().unwrap()) as usize;
        (bytes[..start].to_vec(), bytes[start..end].to_vec())
    };
    let ((mut header, first), (_, second)) = (frames(FIRST), frames("000002.fbat"));
    let created = header.windows(11).position(|bytes| bytes == b"created_ns\xcf").unwrap() + 11;
    header[created..created + 8].copy_from_slice(&i64::MAX.to_be_bytes());
    [header, first, second].concat()
}

#[test]
fn sources_or_the_result_are_read_and_never_both() {
    let all = ids(&Files::of("closed"));
    assert_eq!(all.len(), 9);
    let not_begun = pending();
    let mut put_aside = pending();
    let first = put_aside.0.remove(FIRST).unwrap();
    put_aside.0.insert(ASIDE.to_owned(), first);
    let mut half_written = put_aside.clone();
    half_written.0.insert(FIRST.to_owned(), merged(&pending())[..900].to_vec());
    let mut whole = put_aside.clone();
    whole.0.insert(FIRST.to_owned(), merged(&pending()));
    let mut cleaning = whole.clone();
    cleaning.0.remove(ASIDE);
    let mut cleaned = cleaning.clone();
    cleaned.0.remove("000002.fbat");
    for (files, told) in [
        (not_begun, true),
        (put_aside, true),
        (half_written, true),
        (whole, true),
        (cleaning, true),
        (cleaned, false),
    ] {
        let names: Vec<_> = files.0.keys().collect();
        assert_eq!(ids(&files), all, "{names:?}");
        let is_told = files.read().unwrap().kinds().contains(&FindingKind::Compaction);
        assert_eq!(is_told, told, "{names:?}");
    }
}

#[test]
fn what_is_missing_of_a_compaction_is_refused() {
    let mut lost = pending();
    lost.0.remove(FIRST);
    let mut source_lost = lost.clone();
    source_lost.0.insert(ASIDE.to_owned(), pending().0[FIRST].clone());
    source_lost.0.remove("000002.fbat");
    let mut unreadable = pending();
    unreadable.0.insert(PENDING.to_owned(), b"{".to_vec());
    for files in [lost, source_lost, unreadable] {
        assert_eq!(files.read().err().map(|error| error.kind()), Some(ErrorKind::Damaged));
    }
}
